"""The framework that trained the model, by the fastest call that it offers for a numpy table."""

from __future__ import annotations

from pathlib import Path


def prepare(folder: Path, framework: str, threads: int):
    return {"lightgbm": _lightgbm, "xgboost": _xgboost, "sklearn": _sklearn}[framework](folder, threads)


def _lightgbm(folder, threads):
    import lightgbm

    booster = lightgbm.Booster(model_file=str(folder / "model.txt"))

    def predict(X):
        return booster.predict(X, num_threads=threads)

    return predict, lambda row: predict(row[None])[0], f"lightgbm {lightgbm.__version__}, Booster.predict"


def _xgboost(folder, threads):
    import xgboost

    booster = xgboost.Booster({"nthread": threads}, model_file=str(folder / "model.ubj"))
    predict = booster.inplace_predict  # no DMatrix is built
    return predict, lambda row: predict(row[None])[0], f"xgboost {xgboost.__version__}, Booster.inplace_predict"


def _sklearn(folder, threads):
    import joblib
    import sklearn
    from threadpoolctl import threadpool_limits

    model = joblib.load(folder / "model.joblib")
    if "n_jobs" in model.get_params(deep=False):
        model.set_params(n_jobs=threads)
    # HistGradientBoosting takes its threads from OpenMP; this stays in force, the process being its own.
    threadpool_limits(threads)
    predict = model.predict_proba
    made_with = f"scikit-learn {sklearn.__version__}, {type(model).__name__}.predict_proba"
    return predict, lambda row: predict(row[None])[0], made_with
