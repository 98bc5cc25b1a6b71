"""lleaves: LightGBM models compiled by LLVM. float64 tables, for it would convert float32 ones at each call."""

from __future__ import annotations

from pathlib import Path

FRAMEWORKS = ("lightgbm",)
REQUIREMENTS = ("lleaves", "llvmlite<0.45", "numpy")  # lleaves 1.3 fails with newer llvmlite
TAKES = "float64"


def prepare(folder: Path, framework: str, threads: int):
    from importlib import metadata

    import lleaves

    version = metadata.version("lleaves")
    model = lleaves.Model(model_file=str(folder / "model.txt"))
    model.compile(cache=str(folder / f"lleaves-{version}.bin"))

    def predict(X):
        return model.predict(X, n_jobs=threads)

    return predict, lambda row: predict(row[None])[0], f"lleaves {version}, Model.predict"
