"""treelite's own predictor, GTIL, which its authors call a reference."""

from __future__ import annotations

from pathlib import Path

from . import Ready, Unable

FRAMEWORKS = ("lightgbm", "xgboost", "sklearn")
REQUIREMENTS = ("treelite", "scikit-learn=={sklearn}", "joblib")
ROWS = 10_000  # of a larger table: a row costs it the same, and it is several times as slow as the frameworks


def load(folder: Path, framework: str):
    import treelite

    if framework == "lightgbm":
        return treelite.frontend.load_lightgbm_model(folder / "model.txt")
    if framework == "xgboost":
        return treelite.frontend.load_xgboost_model(folder / "model.ubj", format_choice="ubjson")
    import joblib

    return treelite.sklearn.import_model(joblib.load(folder / "model.joblib"))


def prepare(folder: Path, framework: str, threads: int) -> Ready:
    import numpy as np
    import treelite

    try:
        model = load(folder, framework)
    except treelite.TreeliteError as error:
        raise Unable(f"cannot read it: {error}") from None
    return Ready(
        f"treelite {treelite.__version__}",
        "gtil.predict",
        lambda X: treelite.gtil.predict(model, X, nthread=threads),
        hand=lambda X: np.ascontiguousarray(X, model.input_type),
    )
