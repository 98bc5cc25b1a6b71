"""Large calls at the same time: each gets its share, so that together they take no more threads than there are."""

from __future__ import annotations

import os
import threading

from . import counts

_lock = threading.Lock()
_n_callers = 0


class shared:
    """``with shared(count) as n: ...``: of ``count`` threads no more than this caller's share of those available."""

    __slots__ = ("count",)

    def __init__(self, count: int):
        self.count = count

    def __enter__(self) -> int:
        global _n_callers
        with _lock:
            _n_callers += 1
            n_callers = _n_callers
        return self.count if n_callers == 1 else min(self.count, max(1, counts.available() // n_callers))

    def __exit__(self, *_: object) -> None:
        global _n_callers
        with _lock:
            _n_callers -= 1


def _begin_anew() -> None:
    global _lock, _n_callers
    _lock, _n_callers = threading.Lock(), 0


if hasattr(os, "register_at_fork"):  # the parent's callers are not the child's
    os.register_at_fork(after_in_child=_begin_anew)
