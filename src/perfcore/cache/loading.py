"""Loading what a cache has not: one call of a loader for keys that many ask for at once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar

from ..errors import CacheError


class Interrupted(CacheError):
    """The thread or task that was loading was stopped: whoever waits loads anew."""


class Flight:
    """A loader's call that is under way: for which keys, and by which thread or task."""

    def __init__(self, owner: Hashable, keys: list):
        self.owner, self.keys, self.thread = owner, keys, threading.get_ident()
        self.rows: Future[dict] = Future()  # of its keys
        self.rows.set_running_or_notify_cancel()  # a task that waits and is cancelled does not cancel it


class Flights:
    """Who loads which keys. No loader is called, and nobody waits for one, while the lock is held.

    Its thread may take it again, for a finaliser that loads may come in anywhere; it is done before this goes on.
    """

    _waits: ClassVar[dict[Hashable, Flight]] = {}  # of owners, for flights of any cache
    _waits_lock: ClassVar = threading.RLock()

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Flight] = {}
        self._lock = threading.RLock()

    def load(self, keys: Sequence, loader: Callable[[list], dict]) -> dict:
        """Rows of keys, no two of them alike: of those that nobody else is loading by the loader, which stores them.

        Raises what the loader raised, here and wherever else its keys are waited for; `CacheError` where a loader waits
        for what it is to load itself, in its own thread or task: of another that it began nobody knows whether it waits
        for that. Who waits for a thread or task that is stopped loads its keys in its place.
        """
        me = threading.get_ident()
        mine, others = self._board(me, keys)
        rows: dict = {}
        try:
            if mine is not None:
                with _Landing(self, mine):
                    mine.rows.set_result(loader(mine.keys))
                rows |= mine.rows.result()
            for flight, wanted in others.items():
                try:
                    self._wait_for(me, flight)
                    loaded = flight.rows.result()
                except Interrupted:
                    loaded = self.load(wanted, loader)
                finally:
                    self._waits.pop(me, None)
                rows |= {key: loaded[key] for key in wanted}
        finally:
            mine = flight = others = None  # type: ignore[assignment]  # an error knows this frame, they the error
        return rows

    async def load_async(self, keys: Sequence, loader: Callable[[list], Awaitable[dict]]) -> dict:
        """`load`, awaiting loaders and flights."""
        me = asyncio.current_task()
        mine, others = self._board(me, keys)
        rows: dict = {}
        try:
            if mine is not None:
                with _Landing(self, mine):
                    mine.rows.set_result(await loader(mine.keys))
                rows |= mine.rows.result()
            for flight, wanted in others.items():
                try:
                    self._wait_for(me, flight)
                    loaded = await asyncio.wrap_future(flight.rows)
                except Interrupted:
                    loaded = await self.load_async(wanted, loader)
                finally:
                    self._waits.pop(me, None)
                rows |= {key: loaded[key] for key in wanted}
        finally:
            mine = flight = others = None  # type: ignore[assignment]  # as in load
        return rows

    def _board(self, me: Hashable, keys: Sequence) -> tuple[Flight | None, dict[Flight, list]]:
        """A flight of one's own for what nobody is loading yet, and those of others with what is wanted of them."""
        others: dict[Flight, list] = {}
        with self._lock:
            flight = Flight(me, [key for key in keys if key not in self._by_key])
            for key in keys:
                if key in self._by_key:
                    others.setdefault(self._by_key[key], []).append(key)
            self._by_key |= dict.fromkeys(flight.keys, flight)
        return flight if flight.keys else None, others

    def _wait_for(self, me: Hashable, flight: Flight) -> None:
        """Note who waits for whom. A thread that waits keeps all of its tasks from going on, a task itself alone."""
        met: Flight | None = flight
        keys = flight.keys
        with self._waits_lock:
            self._waits[me] = flight
            while met is not None and not met.rows.done() and me not in (met.owner, met.thread):
                met = self._waits.get(met.owner)
            is_circle = met is not None and not met.rows.done()
            is_of_a_task = is_circle and me == flight.thread != flight.owner
        del flight, met  # an error knows this frame
        if is_of_a_task:
            raise CacheError(
                f"a task of this thread's own event loop waits for keys that it is to load itself: {keys[:8]}; "
                "no task goes on while its thread waits: await get_or_load_many_async in their place"
            )
        if is_circle:
            raise CacheError(f"a loader waits for keys that it is to load itself: {keys[:8]}")

    def overtake(self, keys: Iterable | None = None) -> None:
        """Others have written or removed keys (None: all): what is being loaded of them is not to be stored."""
        with self._lock:
            for key in list(self._by_key) if keys is None else keys:
                self._by_key.pop(key, None)

    @contextlib.contextmanager
    def storing(self, keys: list) -> Iterator[set]:
        """Of the very list that a loader was called with, what nobody has overtaken; who does so now writes later.

        A loader is not told its flight: an error knows the frames that it came through, and the flight the error.
        """
        with self._lock:
            yield {key for key in keys if key in self._by_key and self._by_key[key].keys is keys}

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def land(self, flight: Flight) -> None:
        with self._lock:
            for key in flight.keys:
                if self._by_key.get(key) is flight:  # not in the child of a loader that forks
                    del self._by_key[key]

    def before_fork(self) -> None:
        """Nothing: the child begins anew, whatever others are at."""

    def after_fork(self, is_child: bool) -> None:
        if is_child:  # the threads that were loading are gone
            self.__init__()  # type: ignore[misc]
            Flights._waits, Flights._waits_lock = {}, threading.RLock()


class _Landing:
    """However a loader's call ends, its keys can be loaded again, and those who wait are told."""

    def __init__(self, flights: Flights, flight: Flight):
        self.flights, self.flight = flights, flight

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        self.flights.land(self.flight)
        if error is not None:
            told = error if isinstance(error, Exception) else Interrupted(f"the loader was stopped: {error!r}")
            self.flight.rows.set_exception(told)
