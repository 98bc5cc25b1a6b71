"""What other processes take of the CPUs meanwhile: times that were measured beside them say little of threads."""

from __future__ import annotations

import os
import time

import psutil

from . import counts

IN_THE_WAY = 0.1  # of the CPUs that this process may use
TICK = 0.01  # seconds in which a CPU's time is counted


class Others:
    """From now on: how much CPU time others than this process take of its CPUs."""

    def __init__(self) -> None:
        self._began, self._own, self._all = time.perf_counter(), time.process_time(), _seconds_in_use()

    def are_in_the_way(self) -> bool:
        """Whether, so far, they left less than nine tenths of what this process may use; other CPUs are theirs."""
        seconds = time.perf_counter() - self._began
        theirs = _seconds_in_use() - self._all - (time.process_time() - self._own)
        n = len(_cpus())
        return theirs > (n - (1 - IN_THE_WAY) * counts.available()) * seconds + n * TICK


def _cpus() -> list:
    """The counters of those that this process may use."""
    every = psutil.cpu_times(percpu=True)
    if hasattr(os, "sched_getaffinity"):
        return [every[i] for i in os.sched_getaffinity(0) if i < len(every)] or every
    return every


def _seconds_in_use() -> float:
    """Of all of them together; where the machine is a guest, also what its host took."""
    left_out = {"idle", "iowait", "guest", "guest_nice"}  # the guests' are parts of user and nice
    return sum(seconds for cpu in _cpus() for name, seconds in cpu._asdict().items() if name not in left_out)
