"""usage(): what memory the process has, and what it may have."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

_GROUPS, _OWN = "/sys/fs/cgroup", "/proc/self/cgroup"


@dataclass(frozen=True)
class Usage:
    """Bytes; None where the system does not tell.

    Attributes
    ----------
    resident : in memory, pages that are shared with other processes included
    unique : what the end of the process would give back; only where it was asked for
    virtual : address space
    heap : in use by whoever called malloc: numpy, our kernels, large Python objects
    arrow : in pyarrow's default pool, where pyarrow is loaded
    peak : the most that was resident since the process began, or the last `measure`, which counts anew
    limit : of the container or service, or all the memory that there is
    available : what can still be had without swapping, in the container or on the machine
    """

    resident: int
    virtual: int
    heap: int | None
    arrow: int | None
    peak: int | None
    limit: int
    available: int
    unique: int | None = None


def usage(*, unique: bool = False) -> Usage:
    """What this process has now.

    Parameters
    ----------
    unique : bool
        Also count the pages that no other process shares, which takes milliseconds a gigabyte.
    """
    process = psutil.Process()
    info = process.memory_info()
    limit, available = _bounds()
    return Usage(
        resident=info.rss,
        virtual=info.vms,
        heap=heap(),
        arrow=arrow(),
        peak=peak(),
        limit=limit,
        available=available,
        unique=process.memory_full_info().uss if unique else None,
    )


def heap() -> int | None:
    """Bytes in use by whoever called malloc."""
    if not hasattr(psutil, "heap_info"):  # before psutil 7.2, and where the system's malloc does not tell
        return None
    found = psutil.heap_info()
    return found.heap_used + found.mmap_used


def arrow() -> int | None:
    pool = arrow_pool()
    return None if pool is None else pool.bytes_allocated()


def arrow_pool() -> Any:
    """pyarrow's default pool; None where nobody loaded pyarrow, or somebody is still at it."""
    find = getattr(sys.modules.get("pyarrow"), "default_memory_pool", None)
    return None if find is None else find()


def resident() -> int:
    return psutil.Process().memory_info().rss


def peak() -> int | None:
    """The kernel's high-water mark of what was resident, since the process began or `clear_peak`."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


def clear_peak() -> bool:
    """Begin the high-water mark anew; whether the system lets us."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        return True
    except OSError:
        return False


def _bounds() -> tuple[int, int]:
    """The least limit of the groups that the process is in, and what is left below all of them."""
    machine = psutil.virtual_memory()
    limit, available = machine.total, machine.available
    for path in _limits():
        try:
            with open(path, encoding="ascii") as file:
                bound = int(file.read())
        except (OSError, ValueError):  # no such cgroup, or "max"
            continue
        if bound < machine.total:
            limit, available = min(limit, bound), min(available, max(0, bound - _used(path)))
    return limit, available


def _limits() -> Iterator[str]:
    """Files with limits: of the process's own group and of those above it, up to the root that it sees."""
    try:
        with open(_OWN, encoding="utf-8", errors="surrogateescape") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return
    for _, controllers, group in groups:
        if controllers not in ("", "memory"):
            continue
        folder, name = ("", "memory.max") if not controllers else ("/memory", "memory.limit_in_bytes")
        while True:
            yield f"{_GROUPS}{folder}{group.rstrip('/')}/{name}"
            if group in ("", "/"):
                break
            group = group.rpartition("/")[0]


def _used(path: str) -> int:
    """Of the container's limit; the file system's cache is given back when it is needed, and does not count."""
    try:
        if path.endswith("memory.max"):
            used, cached = path.replace("memory.max", "memory.current"), path.replace("memory.max", "memory.stat")
            name = "inactive_file"
        else:
            folder = path.rpartition("/")[0]
            used, cached, name = f"{folder}/memory.usage_in_bytes", f"{folder}/memory.stat", "total_inactive_file"
        with open(used, encoding="ascii") as file, open(cached, encoding="ascii") as stat:
            return int(file.read()) - next(int(line.split()[1]) for line in stat if line.split()[0] == name)
    except (OSError, ValueError, StopIteration):
        return 0
