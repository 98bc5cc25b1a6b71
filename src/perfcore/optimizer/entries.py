"""What the guide's two caches have in common: a `perfcore.ModelCache` of named values, and views of it like dicts."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from ..amounts import whole
from ..cache import ModelCache as Store
from ..cache import forks
from .ranking import Ranking

_NONE: Any = object()


class NamedCache:
    """Named values, at most so many, of which the strategy's first makes room; safe from many threads.

    Names that left for want of room are remembered, as many as there is room for: a look-up of one of them is a hit
    that a larger cache would have had.

    Attributes
    ----------
    hit_count, miss_count, missed_for_room : look-ups by `get`; those that missed for want of room are among the misses
    last_used : seconds since the epoch, by name
    """

    SIZE = "max_size"  # the name of the parameter, for errors

    def __init__(self, size: int, weigh: Callable[[Any], int], ttl_seconds: float = math.inf):
        self.lock = forks.Lock()  # before its store's: who takes both takes this one first
        self.ttl_seconds = ttl_seconds
        self.hit_count = self.miss_count = self.missed_for_room = 0
        self.last_used: dict[str, float] = {}
        self._ranking = Ranking()
        self._left: OrderedDict[str, None] = OrderedDict()
        self._size = whole(self.SIZE, size)
        self.store = Store(max_items=self._size + 1, weigh=weigh)  # the extra one: it is put, and then another leaves

    def _into(self, value: Any) -> Any:
        """What is stored of a value."""
        return value

    def _out(self, stored: Any) -> Any:
        """The value, of what is stored."""
        return stored

    @property
    def cache(self) -> Values:
        """The values by name, like a dict; looking at them is no use of them."""
        return Values(self)

    @property
    def times(self) -> Times:
        """When each was last used, like a dict."""
        return Times(self)

    @property
    def max_size(self) -> int:
        """May be set: what is too much leaves at once."""
        return self._size

    @max_size.setter
    def max_size(self, size: int) -> None:
        with self.lock:
            self._size = whole(self.SIZE, size)
            if self._size + 1 > (self.store.max_items or 0):
                self.store.resize(max_items=self._size + 1)
            self._make_room()
            self.store.resize(max_items=self._size + 1)

    @property
    def strategy(self) -> str:
        """Which value makes room: "lru", "lfu" or "adaptive"."""
        return self._ranking.strategy

    @strategy.setter
    def strategy(self, name: str) -> None:
        with self.lock:
            self._ranking.strategy = name

    def put(self, key: str, value: Any) -> None:
        stored = self._into(value)
        with self.lock:
            self.store[key] = stored
            self._use(key)
            self._left.pop(key, None)
            self._make_room(but=key)

    def get(self, key: str) -> Any:
        """The value, or None; a use of it, and counted."""
        with self.lock:
            self.expire()
            stored = self.store.get(key, _NONE)
            if stored is _NONE:
                self.miss_count += 1
                self.missed_for_room += key in self._left
                return None
            self.hit_count += 1
            self._use(key)
        return self._out(stored)

    def peek(self, key: str) -> Any:
        """The value; no use of it. KeyError where it is not there."""
        with self.lock:
            self.expire()
            stored = self.store.get(key, _NONE)  # a use to the store, whose own order is none of ours
        if stored is _NONE:
            raise KeyError(key)
        return self._out(stored)

    def names(self) -> list[str]:
        with self.lock:
            self.expire()
            return list(self.last_used)

    def delete(self, name: str) -> bool:
        with self.lock:
            self.last_used.pop(name, None)
            self._ranking.remove(name)
            is_there = name in self.store
            if is_there:
                del self.store[name]
            return is_there

    def evict(self, but: str | None = None) -> str | None:
        """Let the first leave that is to leave; its name."""
        with self.lock:
            name = self._ranking.first_to_leave(but)
            if name is not None:
                self.delete(name)
                self._left[name] = None
                while len(self._left) > self._size:
                    self._left.popitem(last=False)
            return name

    def expire(self) -> int:
        """Let go of what was not used for longer than its time to live; how many."""
        return 0 if self.ttl_seconds == math.inf else self.drop_idle(self.ttl_seconds)

    def drop_idle(self, seconds: float) -> int:
        with self.lock:
            oldest = time.time() - seconds
            idle = [name for name, used in self.last_used.items() if used < oldest]
            for name in idle:
                self.delete(name)
            return len(idle)

    def clear(self) -> None:
        with self.lock:
            self.store.clear()
            self.last_used.clear()
            self._ranking.clear()
            self._left.clear()

    @property
    def access_count(self) -> dict[str, int]:
        """How often each was put or asked for."""
        return {name: self._ranking.uses(name) for name in self.names()}

    @property
    def nbytes(self) -> int:
        """What all that is stored weighs."""
        return self.store.stats()["bytes"]

    @property
    def hit_rate(self) -> float:
        """Of all look-ups by `get`; 0.0 before the first."""
        n = self.hit_count + self.miss_count
        return self.hit_count / n if n else 0.0

    def get_stats(self) -> dict[str, Any]:
        return {
            "size": len(self.cache),
            "max_size": self.max_size,
            "hit_rate": self.hit_rate,
            "hit_count": self.hit_count,
            "miss_count": self.miss_count,
            "strategy": self.strategy,
        }

    def _use(self, name: str) -> None:
        self.last_used[name] = time.time()
        self._ranking.use(name)

    def _make_room(self, but: str | None = None) -> None:
        while len(self.last_used) > self._size and self.evict(but) is not None:
            pass


class Values(MutableMapping):
    """A cache's values by name: looking at them is no use of them; an iteration is over what is there as it begins."""

    def __init__(self, of: NamedCache):
        self._of = of

    def __getitem__(self, name: str) -> Any:
        return self._of.peek(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._of.put(name, value)

    def __delitem__(self, name: str) -> None:
        if not self._of.delete(name):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        with self._of.lock:
            self._of.expire()
            return name in self._of.last_used

    def __iter__(self) -> Iterator[str]:
        return iter(self._of.names())

    def __len__(self) -> int:
        return len(self._of.names())

    def clear(self) -> None:
        self._of.clear()

    def __repr__(self) -> str:
        return f"<{len(self)} values: {', '.join(map(repr, list(self)[:5]))}{', ...' if len(self) > 5 else ''}>"


class Times(Mapping):
    """When each was last used, in seconds since the epoch.

    Deleting a name's time deletes its value with it; where that has gone already, it is nothing: value and time are
    one record here, and the guide deletes both.
    """

    def __init__(self, of: NamedCache):
        self._of = of

    def __getitem__(self, name: str) -> float:
        return self._of.last_used[name]

    def __setitem__(self, name: str, when: float) -> None:
        with self._of.lock:
            if name not in self._of.last_used:
                raise KeyError(name)
            self._of.last_used[name] = float(when)

    def __delitem__(self, name: str) -> None:
        self._of.delete(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._of.names())

    def __len__(self) -> int:
        return len(self._of.names())

    def items(self) -> Any:
        with self._of.lock:
            return list(self._of.last_used.items())

    def values(self) -> Any:
        with self._of.lock:
            return list(self._of.last_used.values())

    def __repr__(self) -> str:
        return repr(dict(self.items()))
