"""The framework that trained the model, by the fastest call that it offers for a numpy table."""

from __future__ import annotations

from pathlib import Path

from . import Ready


def prepare(folder: Path, framework: str, threads: int) -> Ready:
    ready = {"lightgbm": _lightgbm, "xgboost": _xgboost, "sklearn": _sklearn, "catboost": _catboost}
    return ready[framework](folder, threads)


def _one(many):
    return lambda row: many(row[None])[0]


def _lightgbm(folder: Path, threads: int) -> Ready:
    import lightgbm

    booster = lightgbm.Booster(model_file=str(folder / "model.txt"))

    def predict(X):
        return booster.predict(X, num_threads=threads)

    return Ready(f"lightgbm {lightgbm.__version__}", "Booster.predict", predict, _one(predict))


def _xgboost(folder: Path, threads: int) -> Ready:
    import xgboost

    booster = xgboost.Booster({"nthread": threads}, model_file=str(folder / "model.ubj"))
    predict = booster.inplace_predict  # no DMatrix is built
    return Ready(f"xgboost {xgboost.__version__}", "Booster.inplace_predict", predict, _one(predict))


def _sklearn(folder: Path, threads: int) -> Ready:
    import joblib
    import sklearn
    from threadpoolctl import threadpool_limits

    model = joblib.load(folder / "model.joblib")
    if "n_jobs" in model.get_params(deep=False):
        model.set_params(n_jobs=threads)
    # HistGradientBoosting takes its threads from OpenMP; this stays in force, the process being its own.
    threadpool_limits(threads)
    name = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    predict = getattr(model, name)
    return Ready(f"scikit-learn {sklearn.__version__}", f"{type(model).__name__}.{name}", predict, _one(predict))


def _catboost(folder: Path, threads: int) -> Ready:
    import catboost

    model = catboost.CatBoost().load_model(str(folder / "model.cbm"))

    def predict(X):
        return model.predict(X, thread_count=threads)

    # A Pool made beforehand is the best that it can be handed, except a single row, which it takes as it is.
    version, call = f"catboost {catboost.__version__}", "CatBoost.predict of a Pool"
    return Ready(version, call, predict, predict, hand=catboost.Pool)
