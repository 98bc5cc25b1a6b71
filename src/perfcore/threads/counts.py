"""How many threads there are to use: affinity, the cgroup's CPU quota, the environment, and a limit of this process."""

from __future__ import annotations

import operator
import os
import time
from pathlib import Path

from ..errors import ConfigurationError

VARIABLE = "PERFCORE_NUM_THREADS"
# Of cgroup 2, and of cgroup 1.
_QUOTAS = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
QUOTA_SECONDS = 1.0  # a quota is read that seldom: reading it takes 40 µs, and each large call asks
_quota_read: tuple[float, int | None] = (-QUOTA_SECONDS, None)
_cap: int | None = None


def available() -> int:
    """CPUs this process may use: its affinity, cut to the cgroup's quota, ``OMP_NUM_THREADS`` and `limit` (from 1)."""
    return max(1, min(each for each in bounds().values() if each is not None))


def bounds() -> dict[str, int | None]:
    """What bounds `available`, by name; None where that says nothing."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cpus = os.cpu_count() or 1
    return {"affinity": cpus, "cgroup quota": _quota(), "OMP_NUM_THREADS": _share(), "limit": _cap}


def resolve(n_threads: int | None) -> int:
    """A thread count from an argument: None is ``PERFCORE_NUM_THREADS``, or all available; else a number from 1."""
    if n_threads is None:
        return asked() or available()
    try:
        count = 0 if isinstance(n_threads, bool) else operator.index(n_threads)
    except TypeError:
        count = 0
    if not 1 <= count < 2**31:
        raise ConfigurationError(f"n_threads={n_threads!r}: allowed are None (all available) and whole numbers from 1")
    return count


def asked() -> int | None:
    """What ``PERFCORE_NUM_THREADS`` asks for, at most `limit`'s; None where it asks for nothing."""
    said = os.environ.get(VARIABLE, "").strip()
    if not said:
        return None
    if not said.isdecimal() or not 1 <= int(said) < 2**31:
        raise ConfigurationError(f"{VARIABLE}={said!r}: allowed are whole numbers from 1")
    return int(said) if _cap is None else min(int(said), _cap)


def cap() -> int | None:
    return _cap


def set_cap(count: int | None) -> None:
    """Of all threads of this process from now on; `limit` is how to set it."""
    global _cap
    _cap = count


def _share() -> int | None:
    """What joblib, Dask, Ray and Spark set in the processes that they start, so that these share the CPUs."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list has one for each level of nesting
    return int(first) or None if first.isdecimal() else None


def _quota() -> int | None:
    """The cgroup's, as it was a second ago at most."""
    global _quota_read
    now = time.monotonic()
    if now - _quota_read[0] >= QUOTA_SECONDS:
        _quota_read = now, _read_quota()
    return _quota_read[1]


def _read_quota() -> int | None:
    for paths in _QUOTAS:
        try:
            words = [word for path in paths for word in Path(path).read_text(encoding="ascii").split()]
            quota, period = words
            if quota not in ("max", "-1"):
                return max(1, int(quota) // int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None
