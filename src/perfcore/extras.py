"""Libraries that are needed by some and installed by none unless asked for: imported on first use."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import MissingExtraError

# module: (the package that brings it, perfcore's extra that asks for that package)
EXTRAS = {
    "numba": ("numba", "jit"),
    "rich": ("rich", "runtime"),
    "joblib": ("joblib", "runtime"),
    "platformdirs": ("platformdirs", "runtime"),
    "filelock": ("filelock", "runtime"),
    "apscheduler": ("APScheduler", "runtime"),
    "prometheus_client": ("prometheus-client", "runtime"),
    "httpx": ("httpx", "runtime"),
    "line_profiler": ("line_profiler", "profile"),
    "pyinstrument": ("pyinstrument", "profile"),
    "memray": ("memray", "profile"),
    "py_spy": ("py-spy", "profile"),
    "schedule": ("schedule", "guide"),
}


def require(module: str, user: str) -> Any:
    """The module of that name, which may lie within a package of `EXTRAS`; ``user`` is who needs it, for the error.

    Raises
    ------
    MissingExtraError
        Where its package is not installed, or does not import.
    """
    package, extra = EXTRAS[module.partition(".")[0]]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing(package, extra, user) from error


def missing(package: str, extra: str, user: str) -> MissingExtraError:
    """The error that says which extra brings what ``user`` needs."""
    return MissingExtraError(f"{user} needs {package}, which is not there: pip install 'perfcore[{extra}]'")
