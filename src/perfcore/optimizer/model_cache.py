"""The guide's cache of models."""

from __future__ import annotations

import sys
from typing import Any

from ..errors import ConfigurationError
from .entries import Entries, Times, Values


class ModelCache:
    """Models by name, over `perfcore.ModelCache`; one that was not used for ``ttl_seconds`` is gone.

    Parameters
    ----------
    max_size : models that are held at most
    ttl_seconds : seconds since the last use
    """

    def __init__(self, max_size: int = 100, ttl_seconds: float = 3600):
        if isinstance(ttl_seconds, bool) or not isinstance(ttl_seconds, int | float) or not ttl_seconds > 0:
            raise ConfigurationError(f"ttl_seconds={ttl_seconds!r}: allowed are seconds above 0")
        self._entries = Entries(max_size, weigh, ttl_seconds)
        self.cache = Values(self._entries)
        self.access_times = Times(self._entries)

    @property
    def max_size(self) -> int:
        """May be set: what is too much leaves at once."""
        return self._entries.size

    @max_size.setter
    def max_size(self, size: int) -> None:
        self._entries.size = size

    @property
    def ttl_seconds(self) -> float:
        return self._entries.ttl or 0.0

    @property
    def strategy(self) -> str:
        """Which model makes room: "lru", "lfu" or "adaptive"."""
        return self._entries.strategy

    @strategy.setter
    def strategy(self, name: str) -> None:
        self._entries.strategy = name

    @property
    def hit_count(self) -> int:
        return self._entries.hits

    @property
    def miss_count(self) -> int:
        return self._entries.misses

    def put(self, key: str, value: Any) -> None:
        self._entries.put(key, value)

    def get(self, key: str) -> Any:
        """The model, or None; a use of it."""
        return self._entries.get(key)

    def get_hit_rate(self) -> float:
        """Of all look-ups by `get`; 0.0 before the first."""
        return self._entries.hit_rate

    def clear(self) -> None:
        self._entries.clear()

    def get_stats(self) -> dict[str, Any]:
        """Counts, and what the models weigh: their ``nbytes``, or those of the arrays that are found in them."""
        return {
            "size": len(self.cache),
            "max_size": self.max_size,
            "hit_rate": self.get_hit_rate(),
            "hit_count": self.hit_count,
            "miss_count": self.miss_count,
            "memory_usage_mb": self._entries.bytes / 2**20,
            "ttl_seconds": self.ttl_seconds,
            "strategy": self.strategy,
        }


def weigh(value: Any) -> int:
    """Bytes of a model: its ``nbytes``, or what is found in it by its attributes and containers, each object once."""
    total, left = 0, [value]
    seen: set[int] = set()
    while left and len(seen) < 10_000:
        each = left.pop()
        if id(each) in seen or isinstance(each, type):
            continue
        seen.add(id(each))
        size = getattr(each, "nbytes", None)
        if isinstance(size, int) and size >= 0:
            total += size
            continue
        total += sys.getsizeof(each, 64)
        if isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            left += each
        else:
            left += vars(each).values() if hasattr(each, "__dict__") else ()
    return total
