"""What the guide's two caches have in common: a `perfcore.ModelCache` of named values, and views of it like dicts."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from ..cache import ModelCache as Store
from ..cache import forks
from ..errors import ConfigurationError
from .ranking import Ranking

_NONE: Any = object()


class Entries:
    """Named values, at most so many, of which the strategy's first makes room; safe from many threads.

    Names that left for want of room are remembered, as many as there is room for: a look-up of one of them is a hit
    that a larger cache would have had.
    """

    def __init__(self, size: int, weigh: Any, ttl: float | None = None):
        self.lock = forks.Lock()  # before its store's: who takes both takes this one first
        self.ttl = ttl
        self.hits = self.misses = self.missed_for_room = 0
        self.last_used: dict[str, float] = {}  # seconds since the epoch
        self._ranking = Ranking()
        self._left: OrderedDict[str, None] = OrderedDict()
        self._size = _positive("size", size)
        self.store = Store(max_items=self._size + 1, weigh=weigh)  # the extra one: it is put, and then another leaves

    @property
    def size(self) -> int:
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        with self.lock:
            self._size = _positive("size", size)
            if self._size + 1 > (self.store.max_items or 0):
                self.store.resize(max_items=self._size + 1)
            self._make_room()
            self.store.resize(max_items=self._size + 1)

    @property
    def strategy(self) -> str:
        return self._ranking.strategy

    @strategy.setter
    def strategy(self, name: str) -> None:
        with self.lock:
            self._ranking.strategy = name

    def put(self, name: str, value: Any) -> None:
        with self.lock:
            self.store[name] = value
            self._use(name)
            self._left.pop(name, None)
            self._make_room(but=name)

    def get(self, name: str) -> Any:
        """The value, or None; a use of it, and counted."""
        with self.lock:
            self.expire()
            value = self.store.get(name, _NONE)
            if value is _NONE:
                self.misses += 1
                self.missed_for_room += name in self._left
                return None
            self.hits += 1
            self._use(name)
            return value

    def peek(self, name: str) -> Any:
        """The value; no use of it. KeyError where it is not there."""
        with self.lock:
            self.expire()
            value = self.store.get(name, _NONE)  # a use to the store, whose own order is none of ours
            if value is _NONE:
                raise KeyError(name)
            return value

    def names(self) -> list[str]:
        with self.lock:
            self.expire()
            return list(self.last_used)

    def values(self) -> list[Any]:
        with self.lock:
            self.expire()
            return list(self.store.values())

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
        return 0 if self.ttl is None else self.drop_idle(self.ttl)

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

    def uses(self, name: str) -> int:
        return self._ranking.uses(name)

    @property
    def bytes(self) -> int:
        return self.store.stats()["bytes"]

    @property
    def hit_rate(self) -> float:
        """Of all look-ups; 0.0 before the first."""
        n = self.hits + self.misses
        return self.hits / n if n else 0.0

    def _use(self, name: str) -> None:
        self.last_used[name] = time.time()
        self._ranking.use(name)

    def _make_room(self, but: str | None = None) -> None:
        while len(self.last_used) > self._size and self.evict(but) is not None:
            pass


class Values(MutableMapping):
    """A cache's values by name: looking at them is no use of them; an iteration is over what is there as it begins."""

    def __init__(self, entries: Entries, out: Any = None, into: Any = None):
        self._entries, self._out, self._into = entries, out or _same, into or _same

    def __getitem__(self, name: str) -> Any:
        return self._out(self._entries.peek(name))

    def __setitem__(self, name: str, value: Any) -> None:
        self._entries.put(name, self._into(value))

    def __delitem__(self, name: str) -> None:
        if not self._entries.delete(name):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries.names())

    def __len__(self) -> int:
        return len(self._entries.names())

    def clear(self) -> None:
        self._entries.clear()

    def __repr__(self) -> str:
        return f"<{len(self)} values: {', '.join(map(repr, list(self)[:5]))}{', ...' if len(self) > 5 else ''}>"


class Times(Mapping):
    """When each was last used, in seconds since the epoch.

    Deleting a name's time deletes its value with it; where that has gone already, it is nothing: value and time are
    one record here, and the guide deletes both.
    """

    def __init__(self, entries: Entries):
        self._entries = entries

    def __getitem__(self, name: str) -> float:
        return self._entries.last_used[name]

    def __setitem__(self, name: str, when: float) -> None:
        with self._entries.lock:
            if name not in self._entries.last_used:
                raise KeyError(name)
            self._entries.last_used[name] = float(when)

    def __delitem__(self, name: str) -> None:
        self._entries.delete(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries.names())

    def __len__(self) -> int:
        return len(self._entries.names())

    def items(self) -> Any:
        with self._entries.lock:
            return list(self._entries.last_used.items())

    def values(self) -> Any:
        with self._entries.lock:
            return list(self._entries.last_used.values())

    def __repr__(self) -> str:
        return repr(dict(self.items()))


def _same(value: Any) -> Any:
    return value


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name}={value!r}: allowed are whole numbers from 1")
    return value
