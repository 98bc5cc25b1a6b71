"""Environments of the rivals, one each under .work/rivals, and what is installed where."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .caches.rivals import REQUIREMENTS
from .caches.scenarios import CACHES
from .features.contenders import REQUIREMENTS as FEATURE_REQUIREMENTS
from .models import version

RIVALS = ("onnxruntime", "treelite", "tl2cgen", "lleaves", "daal4py")
FEATURES = tuple(FEATURE_REQUIREMENTS)
ROOM = Path(".work/rivals")


def python(rival: str) -> Path:
    # Absolute, yet unresolved: a virtual environment's python is a link, and what it links to is outside of it.
    return Path.cwd() / ROOM / rival / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def absence(rival: str) -> str | None:
    """Why a rival cannot be asked here, or None."""
    if not python(rival).exists():
        return f"{rival} is not installed and left out; --rivals installs it"
    if not _stamp(rival).exists():
        return f"{rival} was installed for other versions of what is here and is left out; --rivals renews it"
    return None


def install(rivals: Iterable[str]) -> None:
    """An environment for each of them that has none yet."""
    for rival in rivals:
        if absence(rival) is None:
            continue
        print(f"installing {rival} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ROOM / rival)], check=True)
        pip = [str(python(rival)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, *_requirements(rival)]).returncode:
            print(f"{rival} could not be installed; what pip said is above", flush=True)
        else:
            _stamp(rival).touch()


def _requirements(rival: str) -> list[str]:
    """What its adapter asks for; ``{sklearn}`` and so on are the versions here, whose files it must read."""
    if rival in (*CACHES, *FEATURES):
        return [each.format(numpy=np.__version__) for each in (REQUIREMENTS | FEATURE_REQUIREMENTS)[rival]]
    here = {name: version(name) for name in ("lightgbm", "xgboost", "sklearn")}
    asked = importlib.import_module(f"benchmarks.adapters.{rival}").REQUIREMENTS
    return [each.format(**here) for each in asked]


def _stamp(rival: str) -> Path:
    key = hashlib.blake2b("\n".join(_requirements(rival)).encode(), digest_size=6).hexdigest()
    return ROOM / rival / f"installed-{key}"
