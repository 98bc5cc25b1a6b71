"""What a cache counts beside what its rows count themselves: what was loaded, and the hits of late."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from . import forks

WINDOW = 60.0  # seconds
_APART = 1.0  # seconds between two marks, at least


class Statistics:
    """Counts of one cache; hits and misses since a mark, which is set whenever they are asked for.

    A get pays nothing for that. The marks are as near to `WINDOW` seconds ago as the questions were: who asks every ten
    seconds is told of the last 60 to 70, who asks for the first time of all since the cache was made.
    """

    def __init__(self) -> None:
        self.clock = time.monotonic
        self._lock = forks.Lock()
        self._loads = {"loads": 0, "load_errors": 0, "loaded": 0, "prefetched": 0}
        self._seconds = {"load_seconds": 0.0, "longest_load_seconds": 0.0}
        self._own_hits = self._own_misses = 0
        self._marks = deque([(self.clock(), 0, 0)])

    @contextlib.contextmanager
    def load(self, n: int, is_prefetch: bool) -> Iterator[None]:
        """Around a loader's call for ``n`` rows."""
        begin, done = self.clock(), False
        try:
            yield
            done = True
        finally:
            took = self.clock() - begin
            with self._lock:
                self._loads["loads"] += 1
                self._loads["load_errors"] += not done
                self._loads["loaded"] += n * done
                self._loads["prefetched"] += n * done * is_prefetch
                self._seconds["load_seconds"] += took
                self._seconds["longest_load_seconds"] = max(took, self._seconds["longest_load_seconds"])

    def leave_out(self, hits: int, misses: int) -> None:
        """What the cache asked itself for."""
        with self._lock:
            self._own_hits += hits
            self._own_misses += misses

    def told(self, counts: dict[str, int]) -> dict[str, Any]:
        """``counts`` of the rows, with all that is known here."""
        with self._lock:
            hits, misses = counts["hits"] - self._own_hits, counts["misses"] - self._own_misses
            now = self.clock()
            while len(self._marks) > 1 and self._marks[1][0] <= now - WINDOW:
                self._marks.popleft()
            then, old_hits, old_misses = self._marks[0]
            if now >= self._marks[-1][0] + _APART:
                self._marks.append((now, hits, misses))
            rates = {
                "hit_rate": _part(hits, misses),
                "recent_hit_rate": _part(hits - old_hits, misses - old_misses),
                "recent_seconds": now - then,
            }
            return counts | {"hits": hits, "misses": misses} | rates | self._loads | self._seconds


def _part(hits: int, misses: int) -> float | None:
    return hits / (hits + misses) if hits + misses else None
