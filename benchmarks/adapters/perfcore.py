"""perfcore, on the instruction set that PERFCORE_ISA names."""

from __future__ import annotations

from pathlib import Path

from ..models import FILES
from . import Ready


def prepare(folder: Path, framework: str, threads: int) -> Ready:
    import perfcore

    if framework == "sklearn":
        import joblib

        fast = perfcore.compile(joblib.load(folder / "model.joblib"), n_threads=threads)
    else:
        fast = perfcore.compile(folder / FILES[framework], n_threads=threads)
    classifies = framework == "sklearn" and hasattr(fast, "predict_proba")
    many, one = (fast.predict_proba, fast.predict_proba_one) if classifies else (fast.predict, fast.predict_one)
    return Ready(f"perfcore {perfcore.__version__}", _kernel(fast), many, one)


def _kernel(fast) -> str:
    told = dict(line.split(maxsplit=1) for line in str(fast).splitlines()[1:] if line.startswith("  kernel"))
    return f"kernel {told.get('kernel', 'unknown')}"
