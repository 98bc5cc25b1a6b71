"""Which entry of a cache leaves first: the least recently used, the least often used, or that with ageing."""

from __future__ import annotations

import heapq
from itertools import count

from ..errors import ConfigurationError

STRATEGIES = ("lru", "lfu", "adaptive")


class Ranking:
    """Keys by what they are worth.

    ``lru``: by the time of the last use. ``lfu``: by the number of uses, of equals the last used stays. ``adaptive``:
    by the number of uses on top of what the entry that left last was worth (LFU with dynamic ageing: Arlitt and
    others, 2000), so that what was popular once gives way to what is popular now. Each use takes O(log n).
    """

    def __init__(self, strategy: str = "lru"):
        self._serials = count()
        self._uses: dict[str, int] = {}
        self._worth: dict[str, tuple[float, int]] = {}
        self._heap: list[tuple[tuple[float, int], str]] = []
        self._age = 0.0
        self.strategy = strategy

    @property
    def strategy(self) -> str:
        return self._strategy

    @strategy.setter
    def strategy(self, name: str) -> None:
        if name not in STRATEGIES:
            raise ConfigurationError(f"strategy={name!r}: allowed are {', '.join(STRATEGIES)}")
        self._strategy, self._age = name, 0.0
        for key, (_, serial) in self._worth.items():
            self._worth[key] = (self._value(key), serial)
        self._rebuild()

    def use(self, key: str) -> None:
        """It was used, or is new."""
        self._uses[key] = self._uses.get(key, 0) + 1
        self._worth[key] = worth = (self._value(key), next(self._serials))
        heapq.heappush(self._heap, (worth, key))
        if len(self._heap) > 64 + 4 * len(self._worth):  # of what was used again old places are left behind
            self._rebuild()

    def uses(self, key: str) -> int:
        return self._uses.get(key, 0)

    def remove(self, key: str) -> None:
        self._uses.pop(key, None)
        self._worth.pop(key, None)

    def clear(self) -> None:
        self._uses.clear()
        self._worth.clear()
        self._heap.clear()

    def first_to_leave(self, but: str | None = None) -> str | None:
        """The key of least worth other than ``but``; None where there is none. It ages the others, if it leaves."""
        kept = []
        found = None
        while self._heap:
            worth, key = self._heap[0]
            if self._worth.get(key) != worth:
                heapq.heappop(self._heap)
            elif key == but:
                kept.append(heapq.heappop(self._heap))
            else:
                found, self._age = key, worth[0] if self._strategy == "adaptive" else 0.0
                break
        for each in kept:
            heapq.heappush(self._heap, each)
        return found

    def _value(self, key: str) -> float:
        return 0.0 if self._strategy == "lru" else self._age + self._uses[key]

    def _rebuild(self) -> None:
        self._heap = [(worth, key) for key, worth in self._worth.items()]
        heapq.heapify(self._heap)
