"""The guide's cache of models."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..amounts import amount
from .entries import NamedCache


class ModelCache(NamedCache):
    """Models by name, over `perfcore.ModelCache`; one that was not used for ``ttl_seconds`` is gone.

    One that leaves is closed, where it has a ``close``, even if somebody who asked for it is at work with it:
    `perfcore.ModelCache.lease` is for models that cannot bear that.

    Parameters
    ----------
    max_size : models that are held at most
    ttl_seconds : seconds since the last use
    """

    access_times = NamedCache.times

    def __init__(self, max_size: int = 100, ttl_seconds: float = 3600):
        super().__init__(max_size, weigh, amount("ttl_seconds", ttl_seconds, "seconds"))

    def get_hit_rate(self) -> float:
        """Of all look-ups by `get`; 0.0 before the first."""
        return self.hit_rate

    def get_stats(self) -> dict[str, Any]:
        """Counts, and what the models weigh: their ``nbytes``, or those of the arrays that are found in them."""
        return super().get_stats() | {"memory_usage_mb": self.nbytes / 2**20, "ttl_seconds": self.ttl_seconds}


def weigh(value: Any) -> int:
    """Bytes of a model: its ``nbytes``, or what is found in it by its attributes and containers, each object once."""
    total, left = 0, [value]
    seen: set[int] = set()
    while left and len(seen) < 10_000:
        each = left.pop()
        if id(each) in seen or isinstance(each, type | ModuleType):
            continue
        seen.add(id(each))
        try:
            size = getattr(each, "nbytes", None)
        except Exception:  # of something that was closed, say
            size = None
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
