"""Ways of asking a predictor, each with answers of its own; together they have a bounded number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from . import forks
from .feature_cache import FeatureCache
from .packing import Packing

MOST = 16
FIRST = 1024  # rows that a way has room for at first


class Question(NamedTuple):
    """What is asked of rows; each has its own answers."""

    method: str
    arguments: str  # their repr, of those by name in the order of names
    columns: tuple  # as in `rows.Rows`
    row_bytes: int


class Way:
    __slots__ = ("by_row", "packing", "room", "used")

    def __init__(self, packing: Packing, by_row: FeatureCache, used: int = 0):
        self.packing, self.by_row, self.used = packing, by_row, used
        self.room = by_row.capacity  # which takes longer to ask

    def resize(self, room: int) -> None:
        self.by_row.resize(room)
        self.room = room


class Ways:
    """At most `MOST` of them, the least recently used of which leaves for another.

    A way grows as it is filled. Once the capacity is given out, one that has less than an equal share takes what it
    needs from the largest. Ways come, grow and leave under `forks.lock`.
    """

    def __init__(self, capacity: int, settings: dict[str, Any]):
        FeatureCache(capacity, 1, **settings)  # refuses what does not fit
        self.capacity, self.is_closed = capacity, False
        self._settings = settings
        self._ways: dict[Question, Way] = {}

    def get(self, question: Question, now: int) -> Way | None:
        way = self._ways.get(question)
        if way is not None:
            way.used = now
        return way

    def __iter__(self) -> Iterator[tuple[Question, Way]]:
        return iter(list(self._ways.items()))

    def __len__(self) -> int:
        """Rows that are there."""
        return sum(len(way.by_row) for _, way in self)

    def add(self, question: Question, packing: Packing, now: int) -> Way | None:
        """The way, which another thread may have added; None once they are closed."""
        with forks.lock:
            if self.is_closed:
                return None
            if question not in self._ways:
                if len(self._ways) >= min(MOST, self.capacity):
                    del self._ways[min(self._ways, key=lambda each: self._ways[each].used)]  # others may be reading it
                by_row = FeatureCache(1, packing.width, "uint8", **self._settings)
                self._ways[question] = way = Way(packing, by_row, now)
                self._resize(way, FIRST)
            return self._ways[question]

    def make_room(self, way: Way, n: int) -> None:
        """Before so many rows are put."""
        needed = len(way.by_row) + n
        if way.room < min(needed, self.capacity):
            with forks.lock:
                if any(each is way for each in self._ways.values()):
                    self._resize(way, max(needed, 2 * way.room))

    def _resize(self, way: Way, wanted: int) -> None:
        others = [each for each in self._ways.values() if each is not way]
        share = self.capacity // (len(others) + 1)
        room = self.capacity - sum(each.room for each in others)
        needed = min(wanted, share)
        if room < needed:
            _take(others, needed - room, share)
            room = needed
        if way.room < min(wanted, room):
            way.resize(min(wanted, room))

    def take(self, ways: dict[Question, Way]) -> None:
        """These in place of those that are there; what is too much of them leaves."""
        with forks.lock:
            self._ways = dict(list(ways.items())[: min(MOST, self.capacity)])
            kept = list(self._ways.values())
            excess = sum(way.room for way in kept) - self.capacity
            _take(kept, excess, self.capacity // max(1, len(kept)))

    def of_file(self, packing: Packing, path: str) -> Way:
        return Way(packing, FeatureCache.open(path, strict=True, **self._settings))

    def clear(self) -> None:
        with forks.lock:
            self._ways = {}

    def close(self) -> None:
        with forks.lock:
            self.is_closed = True
            given_back, self._ways = self._ways, {}
        for way in given_back.values():
            way.by_row.close()


def _take(ways: list[Way], n: int, least: int) -> None:
    """Make them smaller by ``n`` rows, the largest first, none of them below ``least``."""
    while n > 0:
        largest = max(ways, key=lambda way: way.room)
        taken = min(n, largest.room - least)
        largest.resize(largest.room - taken)
        n -= taken
