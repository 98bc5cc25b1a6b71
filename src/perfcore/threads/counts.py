"""How many threads there are to use: affinity, the cgroup's CPU quota, the environment, and a limit of this process."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from ..amounts import whole
from ..errors import ConfigurationError

MOST = 2**31 - 1  # threads, in C
VARIABLE = "PERFCORE_NUM_THREADS"
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
QUOTA_SECONDS = 1.0  # a quota is read that seldom: reading it takes 80 µs, and each large call asks
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


def resolve(n_threads: int | None, name: str = "n_threads") -> int:
    """A count of threads from the argument of that name: None is ``PERFCORE_NUM_THREADS``, or all available."""
    if n_threads is None:
        return asked() or available()
    return whole(name, n_threads, most=MOST)


def asked() -> int | None:
    """What ``PERFCORE_NUM_THREADS`` asks for, at most `limit`'s; None where it asks for nothing."""
    said = os.environ.get(VARIABLE, "").strip()
    if not said:
        return None
    if not said.isdecimal() or not 1 <= int(said) <= MOST:
        raise ConfigurationError(f"{VARIABLE}={said!r}: allowed are whole numbers from 1")
    return int(said) if _cap is None else min(int(said), _cap)


def fault() -> str | None:
    """What is wrong with ``PERFCORE_NUM_THREADS``; None where nothing is."""
    try:
        asked()
    except ConfigurationError as error:
        return str(error)
    return None


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
    """The least of those that hold: of the group of the process and of each above it."""
    groups = _own_groups()
    of_2 = [(group / "cpu.max",) for group in groups]
    of_1 = (_CGROUPS / "cpu" / "cpu.cfs_quota_us", _CGROUPS / "cpu" / "cpu.cfs_period_us")
    found = []
    for paths in (*of_2, of_1):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):  # no such group, or no quota: "max", -1
            quota, period = [int(word) for path in paths for word in path.read_text(encoding="ascii").split()]
            if quota > 0:
                found.append(max(1, quota // period))
    return min(found, default=None)


def _own_groups() -> list[Path]:
    """Of cgroup 2: a container's is the topmost that it sees, a service's (systemd's CPUQuota) lies below."""
    try:
        lines = _OWN_CGROUP.read_text(encoding="utf-8").splitlines()
        own = next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
    except (OSError, ValueError, StopIteration):
        own = ""
    group = _CGROUPS / own
    return [each for each in (group, *group.parents) if each.is_relative_to(_CGROUPS)]
