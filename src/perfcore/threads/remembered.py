"""The thread counts that were measured, in a file of the user's cache folder."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import extras
from ..errors import MissingExtraError
from ..files import replace_file
from . import counts

PROTOCOL = 1
_known: dict[str, Any] | None = None  # plans of this machine, read once; None: not read yet


def path() -> Path:
    """Where the file is, or would be: ``threads.json`` in the user's cache folder, or in ``PERFCORE_CACHE_DIR``."""
    folder = os.environ.get("PERFCORE_CACHE_DIR")
    if folder:
        return Path(folder) / "threads.json"
    return Path(extras.require("platformdirs", "the file of measured thread counts").user_cache_dir("perfcore")) / (
        "threads.json"
    )


def measured(plan: Callable[[], str], n_rows: int) -> int | None:
    """The count for calls of about so many rows on this machine, at most what is available; or None.

    ``plan()`` is only asked where anything is remembered.
    """
    global _known
    if _known is None:
        _known = read().get(machine(), {})
    found = _known and _known.get(plan(), {}).get(str(bucket(n_rows)))
    return min(found["n_threads"], counts.available()) if found else None


def bucket(n_rows: int) -> int:
    """Calls of as many rows as one another, near enough: the whole part of log2."""
    return max(n_rows, 1).bit_length() - 1


def read() -> dict[str, Any]:
    """All that is remembered: machine -> plan -> bucket -> n_threads, seconds by count, when. A file that cannot be
    read as one of ours is no file: all in it can be measured again.
    """
    try:
        document = json.loads(path().read_text(encoding="utf-8"))
        if document["protocol"] == PROTOCOL and _is_sound(document["machines"]):
            return document["machines"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MissingExtraError):
        pass
    return {}


def remember(plan: str, n_rows: int, n_threads: int, seconds: dict[int, float]) -> None:
    """Put a count into the file, whoever else does so at the same time.

    Where that cannot be written, an `OSError` says so, and it holds for this process.
    """
    global _known
    found = {
        "n_threads": n_threads,
        "seconds": {str(each): taken for each, taken in seconds.items()},
        "when": time.strftime("%Y-%m-%d"),
    }
    if _known is None:
        _known = read().get(machine(), {})
    _known.setdefault(plan, {})[str(bucket(n_rows))] = found
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = extras.require("filelock", "the file of measured thread counts")
    with lock.FileLock(file.with_suffix(".lock")):
        machines = read()
        machines.setdefault(machine(), {}).setdefault(plan, {})[str(bucket(n_rows))] = found
        replace_file(file, [json.dumps({"protocol": PROTOCOL, "machines": machines}, indent=1).encode()])
        _known = machines[machine()]


def reset() -> bool:
    """Forget all; whether there was anything."""
    global _known
    _known = None
    try:
        path().unlink()
    except FileNotFoundError:
        return False
    return True


def machine() -> str:
    """What a count depends on beside the plan: the processor, how many of it there are to use, perfcore's version."""
    bounds = [each for name, each in counts.bounds().items() if each is not None and name != "limit"]
    return f"{processor()}, {min(bounds)} CPUs, perfcore {_version()}"


@cache
def _version() -> str:
    try:
        return metadata.version("perfcore")
    except metadata.PackageNotFoundError:  # used from its source folder
        return "?"


@cache
def processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _is_sound(machines: dict) -> bool:
    return all(
        isinstance(found["n_threads"], int)
        and found["n_threads"] >= 1
        and isinstance(found["when"], str)
        and bucket.isdecimal()
        and found["seconds"]
        and all(count.isdecimal() and seconds >= 0 for count, seconds in found["seconds"].items())
        for plans in machines.values()
        for buckets in plans.values()
        for bucket, found in buckets.items()
    )
