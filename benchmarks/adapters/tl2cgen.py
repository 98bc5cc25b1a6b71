"""tl2cgen: models as C, compiled by gcc; minutes for large ones."""

from __future__ import annotations

from pathlib import Path

from . import Ready, Unable, converted
from .treelite import load

FRAMEWORKS = ("lightgbm", "xgboost", "sklearn")
REQUIREMENTS = ("tl2cgen", "treelite", "scikit-learn=={sklearn}", "joblib")
LEAVES = 200_000  # more than these are not tried: gcc would take tens of minutes and gigabytes


def convert(folder: Path, framework: str, path: Path) -> None:
    import tl2cgen

    model = load(folder, framework)
    # quantize: 13.5 instead of 17.6 µs a row for 500 trees of 31 leaves. Files, for gcc is slow on large ones.
    parameters = {"quantize": 1, "parallel_comp": 1 + model.num_tree // 10}
    library = path.with_suffix(".so")
    tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params=parameters)
    library.replace(path)


def prepare(folder: Path, framework: str, threads: int) -> Ready:
    import numpy as np
    import tl2cgen

    if framework == "sklearn" and (leaves := _leaves(folder)) > LEAVES:
        raise Unable(f"{leaves:,} leaves are too many for a C compiler")
    path, seconds = converted("tl2cgen", folder, framework, f"tl2cgen-{tl2cgen.__version__}.so", limit_s=600)
    predictor = tl2cgen.Predictor(path, nthread=threads)
    return Ready(
        f"tl2cgen {tl2cgen.__version__}",
        "Predictor.predict of a DMatrix",
        predictor.predict,
        hand=lambda X: tl2cgen.DMatrix(np.ascontiguousarray(X)),
        compile_s=seconds,
    )


def _leaves(folder: Path) -> int:
    import joblib

    model = joblib.load(folder / "model.joblib")
    if not hasattr(model, "estimators_"):
        return 0  # HistGradientBoosting, whose trees are small
    return sum(getattr(each, "tree_", each).n_leaves for each in getattr(model.estimators_, "flat", model.estimators_))
