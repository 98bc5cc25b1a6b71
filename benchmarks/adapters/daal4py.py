"""daal4py, of scikit-learn-intelex: models of others on oneDAL's trees; scikit-learn's come by way of treelite."""

from __future__ import annotations

import pickle
from pathlib import Path

from . import Ready, converted

FRAMEWORKS = ("lightgbm", "xgboost", "sklearn")
REQUIREMENTS = (
    "scikit-learn-intelex", "scikit-learn=={sklearn}", "joblib", "treelite",
    "lightgbm=={lightgbm}", "xgboost-cpu=={xgboost}",
)  # fmt: skip


def convert(folder: Path, framework: str, path: Path) -> None:
    from daal4py.mb import convert_model

    path.write_bytes(pickle.dumps(convert_model(_load(folder, framework))))


def prepare(folder: Path, framework: str, threads: int) -> Ready:
    from importlib import metadata

    import daal4py
    import numpy as np

    version = metadata.version("scikit-learn-intelex")
    path, seconds = converted("daal4py", folder, framework, f"daal4py-{version}.pickle", limit_s=300)
    daal4py.daalinit(threads)
    model = pickle.loads(path.read_bytes())
    classifies = getattr(model, "is_classifier_", False)
    return Ready(
        f"scikit-learn-intelex {version}",
        "GBTDAALModel.predict_proba" if classifies else "GBTDAALModel.predict",
        model.predict_proba if classifies else model.predict,
        hand=np.ascontiguousarray,  # float32: 3.1 µs a row as in float64; Fortran order gains nothing
        compile_s=seconds,
    )


def _load(folder: Path, framework: str):
    if framework == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=str(folder / "model.txt"))
    if framework == "xgboost":
        import xgboost

        return xgboost.Booster(model_file=str(folder / "model.ubj"))
    from .treelite import load

    return load(folder, framework)
