"""How many threads there are to use, honouring affinity, the cgroup's CPU quota and OMP_NUM_THREADS."""

from __future__ import annotations

import operator
import os

from .errors import ConfigurationError


def available() -> int:
    """CPUs this process may use: its affinity, cut to the cgroup's quota and to ``OMP_NUM_THREADS`` (at least 1)."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cpus = os.cpu_count() or 1
    return max(1, min(cpus, _cgroup_quota() or cpus, _share() or cpus))


def _share() -> int | None:
    """What joblib, Dask, Ray and Spark set in the processes that they start, so that these share the CPUs."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list has one for each level of nesting
    return int(first) if first.isdecimal() else None


def _cgroup_quota() -> int | None:
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None


def resolve(n_threads: int | None) -> int:
    """A thread count from an argument: None is all available; otherwise a whole number from 1."""
    if n_threads is None:
        return available()
    try:
        count = 0 if isinstance(n_threads, bool) else operator.index(n_threads)
    except TypeError:
        count = 0
    if not 1 <= count < 2**31:
        raise ConfigurationError(f"n_threads={n_threads!r}: allowed are None (all available) and whole numbers from 1")
    return count
