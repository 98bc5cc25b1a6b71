"""``python -m perfcore doctor``: what perfcore finds here, and what is worth changing."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from . import isa, kernels, threads
from ._ext.forest import instruction_sets
from .errors import ConfigurationError, MissingExtraError
from .extras import EXTRAS

# Packages whose versions are of interest; (below, from, what is wrong) of those that are known to be at fault.
PACKAGES = (
    "perfcore", "numpy", "pyarrow", "psutil", "threadpoolctl", "lightgbm", "xgboost-cpu", "xgboost", "catboost",
    "scikit-learn", "pandas", "polars", "numba", "llvmlite", "joblib", "prometheus-client",
)  # fmt: skip
FAULTS: dict[str, list[tuple[str, str, str]]] = {
    "psutil": [
        ("0", "7.2", "does not tell what malloc has given: no heap in usage(), and check_leak() misses native leaks")
    ],
    "xgboost-cpu": [("3.1", "99", "no longer opens models in the legacy binary format; save them as .ubj with 3.0")],
    "xgboost": [("3.1", "99", "no longer opens models in the legacy binary format; save them as .ubj with 3.0")],
}


@dataclass
class Findings:
    """Sections of (name, value), and advice in sentences."""

    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"sections": self.sections, "advice": self.advice}

    def __str__(self) -> str:
        lines = []
        for title, rows in self.sections.items():
            lines += [title, *(f"  {name:<22} {value}" for name, value in rows.items())]
        return "\n".join([*lines, "advice", *(f"  - {each}" for each in self.advice or ["nothing to change"])])


def examine() -> Findings:
    """Look at the machine, the libraries and the files of this user; nothing is changed."""
    found = Findings()
    _variables(found)
    _machine(found)
    _threads(found)
    _memory(found)
    _libraries(found)
    _files(found)
    return found


def _variables(found: Findings) -> None:
    for read in (isa.chosen, partial(kernels.chosen, None), threads.asked):
        try:
            read()
        except ConfigurationError as error:
            found.advice.append(f"{error}; unset or change it, for predictors refuse to work by it")


def _machine(found: Findings) -> None:
    here, forced = instruction_sets(), os.environ.get("PERFCORE_ISA")
    found.sections["machine"] = {
        "processor": threads.processor(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}, {' '.join(platform.libc_ver())}",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "instruction sets": ", ".join(here),
        "in use": forced or here[0] if forced in (None, "", *here) else "none",
    }
    if forced in here[1:]:
        found.advice.append(f"PERFCORE_ISA={forced} holds kernels to {forced}; unset it")


def _threads(found: Findings) -> None:
    bounds, pools = threads.bounds(), threads.pools()
    by_kind: dict[str, list[str]] = {}  # numpy and scipy each bring a BLAS
    for pool in pools:
        by_kind.setdefault(f"{pool.kind} pool", []).append(f"{pool.n_threads} threads, {pool.library}")
    found.sections["threads"] = {
        "CPUs to use": str(threads.available()),
        **{name: "none" if count is None else str(count) for name, count in bounds.items()},
        "PERFCORE_NUM_THREADS": os.environ.get("PERFCORE_NUM_THREADS") or "not set",
        **{kind: "; ".join(told) for kind, told in by_kind.items()},
    }
    for pool in pools:
        if pool.n_threads > threads.available():
            found.advice.append(
                f"{pool.library} uses {pool.n_threads} threads where there are {threads.available()} CPUs to use: "
                "set OMP_NUM_THREADS before Python starts, or with perfcore.threads.limit(...)"
            )


def _memory(found: Findings) -> None:
    from .runtime.memory.usage import usage

    now = usage()
    found.sections["memory"] = {
        "limit": f"{now.limit / 1e9:.1f} GB",
        "available": f"{now.available / 1e9:.1f} GB",
        "this process": f"{now.resident / 1e6:.0f} MB",
    }
    if now.available < 0.1 * now.limit:
        found.advice.append(f"only {now.available / 1e6:,.0f} MB of memory are left of {now.limit / 1e6:,.0f}")


def _libraries(found: Findings) -> None:
    versions: dict[str, str] = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package) or "unknown"  # None, where its files are damaged
        except metadata.PackageNotFoundError:
            continue
        for begin, end, what in FAULTS.get(package, []):
            if _order(begin) <= _order(versions[package]) < _order(end):
                found.advice.append(f"{package} {versions[package]}: {what}")
    found.sections["libraries"] = versions
    lacking: dict[str, list[str]] = {}
    for package, extra in EXTRAS.values():
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            lacking.setdefault(extra, []).append(package)
    found.sections["extras"] = {
        extra: f"not installed: {', '.join(packages)} (pip install 'perfcore[{extra}]')" if packages else "installed"
        for extra in dict.fromkeys(extra for _, extra in EXTRAS.values())
        for packages in [lacking.get(extra, [])]
    }


def _files(found: Findings) -> None:
    from .threads import remembered

    try:
        path = remembered.path()
    except MissingExtraError as error:
        found.sections["files"] = {"thread counts": str(error)}
        return
    try:
        is_there = path.stat() is not None
    except FileNotFoundError:
        is_there = False
    except OSError as error:
        found.sections["files"] = {"thread counts": str(error)}
        found.advice.append(f"{path} cannot be looked at: PERFCORE_CACHE_DIR names another folder for it")
        return
    plans = remembered.read()
    there = f"{len(plans.get(remembered.machine(), {}))} plans of this machine"
    found.sections["files"] = {"thread counts": f"{path}: {there if is_there else 'not there; nothing was tuned'}"}
    if is_there and not plans:
        found.advice.append(f"{path} cannot be read as perfcore's: python -m perfcore threads --reset removes it")
    if not _can_be_written(path.parent):
        found.advice.append(
            f"{path.parent} cannot be written, so threads.tune() remembers nothing there: PERFCORE_CACHE_DIR names "
            "another folder"
        )


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made there, and the folder itself where it is not there yet."""
    there = next(each for each in (folder, *folder.parents) if os.path.exists(each))
    return os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
