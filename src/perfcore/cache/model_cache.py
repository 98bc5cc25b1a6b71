"""ModelCache: objects of any size by key, the least recently used of which make room.

No code but the cache's own runs under its lock: the hash and equality of keys are the interpreter's own; weighing,
loading, closing and the end of objects that leave happen outside. The interpreter itself may collect garbage anywhere,
also there, and a finaliser that it runs may use the cache. So the lock is one that its thread may take again, and every
step leaves the cache whole: weights are added before an entry is there, and subtracted after it has gone, so that the
sum is never too low.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any

import numpy as np

from ..errors import CacheError, ConfigurationError, InputError
from . import dates, forks
from .entries import Change, Entry, Held, close_all, plain_key
from .loading import Flights
from .statistics import Statistics

_COUNTS = ("hits", "misses", "inserts", "updates", "evicted", "expired", "deleted", "rejected")
_MISSING: Any = object()


class ModelCache(MutableMapping):
    """A bounded mapping of objects, such as models, which many threads use at once.

    Keys are str, bytes, integers, bool, None, paths, and tuples of these. Looking a key up, in whatever way but ``in``,
    makes it the most recently used one.

    A value that leaves is closed, where it has a ``close``: once evicted, expired, replaced, deleted, cleared, or when
    the cache is closed, as soon as no other key has it and no `lease` is open. ``pop`` and ``popitem`` hand it over
    instead. Who looks a value up without a lease may find it closed while using it.

    Parameters
    ----------
    max_items : int, optional
        Values that are held at most. It or ``max_bytes`` is needed.
    max_bytes : int, optional
        What all values may weigh together.
    weigh : callable(value) -> int, optional
        What a value weighs, in bytes; its ``nbytes`` unless said. Asked once, when the value comes.
    ttl : float, optional
        Seconds since its last use after which a value has expired.

    Raises
    ------
    ConfigurationError
        For arguments that do not fit; the message says what was allowed and what came.
    """

    def __init__(
        self,
        max_items: int | None = None,
        max_bytes: int | None = None,
        *,
        weigh: Callable[[Any], int] | None = None,
        ttl: float | None = None,
    ):
        if max_items is None and max_bytes is None:
            raise ConfigurationError("a model cache needs max_items= or max_bytes=")
        self._max_items, self._max_bytes = _bound("max_items", max_items), _bound("max_bytes", max_bytes)
        self.ttl = dates.seconds("ttl", ttl)
        self._weigh = weigh
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()  # the least recently used first
        self._by_id: dict[int, Held] = {}  # of values that entries or leases hold
        self._weight = 0
        self._counts = dict.fromkeys(_COUNTS, 0)
        self._is_closed = False
        self._now = time.monotonic_ns
        self._lock, self._flights, self._statistics = forks.Lock(), Flights(), Statistics()
        forks.register(self._flights)

    # -- a mapping -------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        held = self._found(plain_key(key))
        if held is None:
            raise KeyError(key)
        return held.it

    def __setitem__(self, key: Any, value: Any) -> None:
        """Store a value; `InputError` where it weighs more than all may together."""
        self._put(key, value, self._weight_of(value))

    def __delitem__(self, key: Any) -> None:
        if self._removed(plain_key(key)) is None:
            raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        plain = plain_key(key)
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            return plain in self._entries

    def __len__(self) -> int:
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            return len(self._entries)

    def __iter__(self) -> Iterator:
        """Keys as they are now, the least recently used first; like ``items`` and ``values`` no use of them."""
        return iter([key for key, _ in self._listed()])

    def items(self) -> ItemsView:
        return _Items(self)

    def values(self) -> ValuesView:
        return _Values(self)

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        """Take a value out, unclosed."""
        entry = self._removed(plain_key(key), gives_away=True)
        if entry is not None:
            return entry.held.it
        if default is _MISSING:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[Any, Any]:
        """Take the least recently used value out, unclosed, with its key."""
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            entry = self._take_out(self._first(), leaving, "deleted", gives_away=True)
        if entry is None:
            raise KeyError("the cache is empty")
        return entry.key, entry.held.it

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or ``default``, once that is stored."""
        plain = plain_key(key)
        held = self._found(plain)
        return (self._put(key, default, self._weight_of(default), replaces=False) if held is None else held).it

    def clear(self) -> None:
        with Change(self) as leaving:
            for plain in list(self._entries):
                self._take_out(plain, leaving, "deleted")

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    # -- loading and leases ----------------------------------------------------------------------------

    def get_or_load(self, key: Any, loader: Callable[[Any], Any]) -> Any:
        """The value of a key; where it is not there, what ``loader(key)`` returns, once that is stored.

        Where the key was set meanwhile that value stays, and what was loaded is closed. A value that weighs more than
        ``max_bytes`` is handed out and not stored. Threads that ask for a key while it is loaded wait for that; what
        the loader raised reaches all of them, and the key can be loaded again.

        Raises
        ------
        CacheError
            Where a loader asks for the key that it is to load itself.
        """
        plain = plain_key(key)
        held = self._found(plain)
        return (self._loaded(key, plain, loader) if held is None else held).it

    @contextlib.contextmanager
    def lease(self, key: Any, loader: Callable[[Any], Any] | None = None) -> Iterator[Any]:
        """A context in which the value of a key stays open, whatever becomes of its entry.

        Without ``loader`` a key that is not there raises KeyError.
        """
        plain, leases = plain_key(key), list[Held]()
        try:
            held = self._found(plain, leases=leases)
            if held is None and loader is None:
                raise KeyError(key)
            while held is None:
                held = self._loaded(key, plain, loader, leases)
            yield held.it
        finally:
            if leases:
                with Change(self, even_closed=True) as leaving:
                    for each in leases:
                        self._let_go(each, leaving)

    def _loaded(self, key: Any, plain: Hashable, loader: Any, leases: list[Held] | None = None) -> Held | None:
        """What the loader or another thread's loader brought; for a lease None where that has left again."""
        own: list[Held] = []

        def load(_: list) -> dict:
            held = self._found(plain, counts=False, leases=leases) or self._load(key, loader, leases)
            own.append(held)
            return {plain: held}

        held = self._flights.load([plain], load)[plain]
        if own or leases is None:
            return held
        with Change(self):
            if held.n_holders == 0 or held.is_given_away:
                return None
            held.lease(leases)
            return held

    def _load(self, key: Any, loader: Callable[[Any], Any], leases: list[Held] | None) -> Held:
        with self._statistics.load(1, is_prefetch=False):
            value = loader(key)
        try:
            weight = self._weight_of(value)
        except BaseException:
            close_all([value])
            raise
        try:
            return self._put(key, value, weight, leases=leases, is_loaded=True)
        except CacheError:  # closed meanwhile; any other error is one of closing others, once it is stored
            close_all([value])
            raise

    # -- what it is ------------------------------------------------------------------------------------

    @property
    def max_items(self) -> int | None:
        return self._max_items

    @property
    def max_bytes(self) -> int | None:
        return self._max_bytes

    def resize(self, *, max_items: int | None = None, max_bytes: int | None = None) -> None:
        """Allow another number of values or bytes, where given; what is too much leaves at once."""
        max_items, max_bytes = _bound("max_items", max_items), _bound("max_bytes", max_bytes)
        with Change(self) as leaving:
            self._max_items = self._max_items if max_items is None else max_items
            self._max_bytes = self._max_bytes if max_bytes is None else max_bytes
            self._evict(leaving)

    def drop_idle(self, seconds: float) -> int:
        """Remove values that were not used for so long; returns how many."""
        idle = dates.seconds("seconds", seconds)
        with Change(self) as leaving:
            return self._expire(leaving, idle)

    def stats(self) -> dict[str, Any]:
        """Counts since the cache was made; hits + misses are all look-ups, whenever no call is in flight.

        ``recent_hit_rate`` and loads are as `FeatureCache.stats` tells them.
        """
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            counts, its = dict(self._counts), {"size": len(self._entries), "bytes": self._weight}
        return self._statistics.told(counts) | its | {"max_items": self.max_items, "max_bytes": self.max_bytes}

    def close(self) -> None:
        """Close all values, but those on lease, which their leases close; the cache cannot be used any more."""
        with Change(self, even_closed=True) as leaving:
            self._is_closed = True
            for plain in list(self._entries):
                self._take_out(plain, leaving, "deleted")

    def __enter__(self) -> ModelCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a ModelCache is not pickled: models and locks belong to their process")

    def __repr__(self) -> str:
        if self._is_closed:
            return "<perfcore.ModelCache, closed>"
        both = (self.max_items, "values"), (self.max_bytes, "bytes")
        bounds = [f"{n:,} {what}" for n, what in both if n is not None]
        return f"<perfcore.ModelCache of {len(self)} values, at most {' and '.join(bounds)}>"

    # -- under the lock --------------------------------------------------------------------------------

    def _found(self, plain: Hashable, counts: bool = True, leases: list[Held] | None = None) -> Held | None:
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            entry = self._entries.get(plain)
            if counts:
                self._counts["misses" if entry is None else "hits"] += 1
            if entry is None:
                return None
            with contextlib.suppress(KeyError):  # a finaliser may just have deleted it
                self._entries.move_to_end(plain)
            entry.used = self._now()
            entry.held.lease(leases)
            return entry.held

    def _put(
        self,
        key: Any,
        value: Any,
        weight: int,
        *,
        replaces: bool = True,
        is_loaded: bool = False,
        leases: list[Held] | None = None,
    ) -> Held:
        """What is held now: the value, or what is there and is not replaced.

        What was loaded replaces nothing, is closed then, and where it is too heavy it is held by no entry.
        """
        plain = plain_key(key)
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            if self._max_bytes is not None and weight > self._max_bytes:
                self._counts["rejected"] += 1
                if not is_loaded:
                    raise InputError(f"a value of {weight:,} bytes, max_bytes={self._max_bytes:,}")
                held = Held(value)
                held.lease(leases)
                return held
            held = self._by_id.setdefault(id(value), Held(value))
            held.n_holders += 1
            held.lease(leases)
            held.is_given_away = False
            self._weight += weight
            entry = Entry(key, held, weight, self._now())
            while (there := self._entries.setdefault(plain, entry)) is not entry:
                if is_loaded or not replaces:
                    self._weight -= weight
                    there.held.lease(leases)  # with what was loaded, which leaves with its lease
                    self._let_go(held, leaving, closes=is_loaded)
                    return there.held
                self._take_out(plain, leaving, "updates")
            self._counts["inserts"] += 1
            self._evict(leaving)
            return held

    def _removed(self, plain: Hashable, gives_away: bool = False) -> Entry | None:
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            return self._take_out(plain, leaving, "deleted", gives_away)

    def _take_out(self, plain: Hashable, leaving: list, why: str, gives_away: bool = False) -> Entry | None:
        entry = self._entries.pop(plain, None)
        if entry is None:
            return None
        self._weight -= entry.weight
        self._counts[why] += 1
        entry.held.is_given_away |= gives_away
        self._let_go(entry.held, leaving)
        return entry

    def _let_go(self, held: Held, leaving: list, closes: bool = True) -> None:
        held.n_holders -= 1
        is_last = held.n_holders == 0
        if is_last and self._by_id.get(id(held.it)) is held:
            del self._by_id[id(held.it)]
        leaving.append((held, is_last and closes and not held.is_given_away))

    def _expire(self, leaving: list, seconds: float | None) -> int:
        """Those that were not used for so long; they are the first, as their order is that of their last use."""
        n = 0
        if seconds is not None:
            oldest = self._now() - round(seconds * 1e9)
            while (plain := self._first()) is not _MISSING:
                entry = self._entries.get(plain)
                if entry is not None and entry.used > oldest:
                    break
                n += self._take_out(plain, leaving, "expired") is not None
        return n

    def _evict(self, leaving: list) -> None:
        while self._entries and (
            (self._max_items is not None and len(self._entries) > self._max_items)
            or (self._max_bytes is not None and self._weight > self._max_bytes)
        ):
            self._take_out(self._first(), leaving, "evicted")

    def _first(self) -> Hashable:
        """The least recently used, or `_MISSING`."""
        while True:
            try:
                return next(iter(self._entries), _MISSING)
            except RuntimeError:  # a finaliser changed them in between
                continue

    def _listed(self) -> list[tuple[Any, Any]]:
        with Change(self) as leaving:
            self._expire(leaving, self.ttl)
            return [(entry.key, entry.held.it) for entry in list(self._entries.values())]

    def _weight_of(self, value: Any) -> int:
        if self._weigh is None and self._max_bytes is None:
            return 0
        try:
            weight = value.nbytes if self._weigh is None else self._weigh(value)
        except AttributeError:
            if self._weigh is not None:
                raise
            raise InputError(f"a {type(value).__qualname__} has no nbytes: max_bytes= needs a weigh= for it") from None
        if isinstance(weight, bool) or not isinstance(weight, int | np.integer) or weight < 0:
            raise InputError(f"a {type(value).__qualname__} weighs {weight!r}: allowed is a whole number of bytes")
        return int(weight)


class _Items(ItemsView):
    _mapping: ModelCache

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._mapping._listed())

    def __contains__(self, item: object) -> bool:
        return item in self._mapping._listed()  # the mixin's looks the key up, which is a use


class _Values(ValuesView):
    _mapping: ModelCache

    def __iter__(self) -> Iterator[Any]:
        return iter([value for _, value in self._mapping._listed()])

    def __contains__(self, value: object) -> bool:
        return value in list(self)


def _bound(name: str, value: int | None) -> int | None:
    if value is None or (not isinstance(value, bool) and isinstance(value, int | np.integer) and value >= 1):
        return value
    raise ConfigurationError(f"{name}={value!r}: allowed is a whole number from 1 on")
