"""lleaves: LightGBM models compiled by LLVM. float64 tables, for it would convert float32 ones at each call."""

from __future__ import annotations

import re
from pathlib import Path

from . import Ready, Unable, converted

FRAMEWORKS = ("lightgbm",)
REQUIREMENTS = ("lleaves", "llvmlite<0.45", "numpy")  # lleaves 1.3 fails with newer llvmlite
LEAVES = 60_000  # 127,500 leaves took more than nine minutes


def convert(folder: Path, framework: str, path: Path) -> None:
    import lleaves

    lleaves.Model(model_file=str(folder / "model.txt")).compile(cache=str(path))


def prepare(folder: Path, framework: str, threads: int) -> Ready:
    from importlib import metadata

    import lleaves
    import numpy as np

    source = folder / "model.txt"
    leaves = sum(map(int, re.findall(r"^num_leaves=(\d+)", source.read_text(encoding="utf-8"), re.MULTILINE)))
    if leaves > LEAVES:
        raise Unable(f"{leaves:,} leaves: its compiler takes more than nine minutes")
    version = metadata.version("lleaves")
    path, seconds = converted("lleaves", folder, framework, f"lleaves-{version}.bin", limit_s=300)
    model = lleaves.Model(model_file=str(source))
    model.compile(cache=str(path))
    return Ready(
        f"lleaves {version}",
        "Model.predict",
        lambda X: model.predict(X, n_jobs=threads),
        hand=lambda X: np.ascontiguousarray(X, np.float64),
        compile_s=seconds,
    )
