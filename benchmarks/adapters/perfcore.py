"""perfcore, on the instruction set that PERFCORE_ISA names."""

from __future__ import annotations

from pathlib import Path


def prepare(folder: Path, framework: str, threads: int):
    import perfcore

    if framework == "sklearn":
        import joblib

        fast = perfcore.compile(joblib.load(folder / "model.joblib"), n_threads=threads)
        table, one = fast.predict_proba, fast.predict_proba_one
    else:
        name = {"lightgbm": "model.txt", "xgboost": "model.ubj"}[framework]
        fast = perfcore.compile(folder / name, n_threads=threads)
        table, one = fast.predict, fast.predict_one
    return table, one, f"perfcore {perfcore.__version__}, {_kernel(fast)}"


def _kernel(fast) -> str:
    told = dict(line.split(maxsplit=1) for line in str(fast).splitlines()[1:] if line.startswith("  kernel"))
    return f"kernel {told.get('kernel', 'unknown')}"
