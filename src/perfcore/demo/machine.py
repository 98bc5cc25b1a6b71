"""The machine and the versions that a measurement was made with."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from .. import isa, threads

PACKAGES = ("perfcore", "lightgbm", "xgboost", "xgboost-cpu", "scikit-learn", "numpy", "pandas")


def describe() -> dict[str, str]:
    """What a measurement is to be read with: processor, threads, instruction set, versions."""
    forced = os.environ.get("PERFCORE_ISA")
    return {
        "processor": processor(),
        "threads to use": str(threads.available()),
        "instruction set": isa.chosen() + (f" (PERFCORE_ISA={forced})" if forced else ""),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }


def processor() -> str:
    """The processor's model name, as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            fields = (line.partition(":") for line in file)
            return next(value.strip() for key, _, value in fields if key.strip() == "model name")
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Installed versions of perfcore and of what it is held against."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
