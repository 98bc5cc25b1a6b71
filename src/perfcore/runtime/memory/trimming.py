"""trim(): give memory back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
from dataclasses import dataclass

import psutil

from .usage import arrow_pool, resident


@dataclass(frozen=True)
class Trimmed:
    """What `trim` did.

    Attributes
    ----------
    before, after : bytes resident
    collected : objects that Python's collector found unreachable
    """

    before: int
    after: int
    collected: int

    @property
    def freed(self) -> int:
        """Bytes given back; 0 where others of the process's threads took more meanwhile."""
        return max(0, self.before - self.after)

    def __str__(self) -> str:
        return f"{self.freed / 1e6:.1f} MB given back ({self.before / 1e6:.1f} to {self.after / 1e6:.1f} MB resident)"


def trim() -> Trimmed:
    """Collect Python's garbage, empty Arrow's pool, and have malloc return its free pages.

    ``gc.collect()`` alone frees objects, whose memory malloc keeps for the next ones. What is in use stays; what was
    given back costs page faults when it is needed again. Takes milliseconds to tens of them, all threads waiting for
    malloc meanwhile.
    """
    before = resident()
    collected = gc.collect()
    pool = arrow_pool()
    if pool is not None:
        pool.release_unused()
    _trim_heap()
    return Trimmed(before, resident(), collected)


def _trim_heap() -> None:
    if hasattr(psutil, "heap_trim"):
        psutil.heap_trim()
    elif sys.platform == "linux":
        malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; musl has none
        if malloc_trim is not None:
            malloc_trim(0)
