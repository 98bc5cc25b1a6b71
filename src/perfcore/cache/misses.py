"""Misses: what was asked for and is not there is loaded, stored and handed out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .keys import Keys, as_keys

if TYPE_CHECKING:
    from .feature_cache import FeatureCache


class Misses:
    """Of one call, which knows its loader; the loader may be one to be awaited."""

    def __init__(self, cache: FeatureCache, loader: Callable[[Any], Any], is_prefetch: bool = False):
        self.cache, self.loader, self.is_prefetch = cache, loader, is_prefetch
        self._evicted: list = []  # to be told of once the flight has landed

    def rows(self, keys: Any) -> np.ndarray:
        """Rows of all keys: what is missing is loaded, or waited for where others load it."""
        batch, rows, hit = self._asked(keys)
        if not hit.all():
            _fill_in(batch, rows, hit, self._load(_unlike(batch, hit)))
        return rows

    async def rows_async(self, keys: Any) -> np.ndarray:
        batch, rows, hit = self._asked(keys)
        if not hit.all():
            try:
                found = await self.cache._flights.load_async(_unlike(batch, hit), self._loaded_async)
            finally:
                self._tell_evicted()
            _fill_in(batch, rows, hit, found)
        return rows

    def begin(self, keys: Keys, executor: Executor | None) -> Future[int]:
        """Load beside, what is not there when it begins: a future of how many rows these are."""
        if executor is not None:
            return executor.submit(self._fetch, keys)
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()

        threading.Thread(target=self._finish, args=(future, keys), name="perfcore-prefetch").start()
        return future

    def _finish(self, future: Future[int], keys: Keys) -> None:
        try:
            future.set_result(self._fetch(keys))
        except BaseException as error:
            future.set_exception(error)
            del future  # the error knows this frame

    def _fetch(self, keys: Keys) -> int:
        return len(self._load(_unlike(keys, self.cache._contains(keys))))

    def _load(self, missing: list) -> dict:
        try:
            return self.cache._flights.load(missing, self._loaded)
        finally:
            self._tell_evicted()

    def _tell_evicted(self) -> None:
        while self._evicted:
            self.cache._tell_evicted(self._evicted.pop(0))

    def _asked(self, keys: Any) -> tuple[Keys, np.ndarray, np.ndarray]:
        batch = as_keys(keys)
        return batch, *self.cache._get(batch, self.cache._row.empty(batch.n))

    def _loaded(self, missing: list) -> dict:
        left, there = self._left(missing)
        if not left:
            return there
        with self.cache._statistics.load(len(left), self.is_prefetch):
            table = self._checked(left, self.loader(handed_out(left)))
        return there | self._stored(missing, left, table)

    async def _loaded_async(self, missing: list) -> dict:
        left, there = self._left(missing)
        if not left:
            return there
        with self.cache._statistics.load(len(left), self.is_prefetch):
            table = self._checked(left, await self.loader(handed_out(left)))
        return there | self._stored(missing, left, table)

    def _left(self, missing: list) -> tuple[list, dict]:
        """What is still not there, now that nobody else loads it; and what has come meanwhile."""
        came = self.cache.contains_many(missing)
        if not came.any():
            return missing, {}
        came_keys = [key for key, is_there in zip(missing, came.tolist(), strict=True) if is_there]
        rows, hit = self.cache.get_many(came_keys)
        self.cache._statistics.leave_out(int(hit.sum()), int((~hit).sum()))
        there = {key: row for key, row, is_there in zip(came_keys, rows, hit.tolist(), strict=True) if is_there}
        return [key for key in missing if key not in there], there

    def _checked(self, keys: list, rows: Any) -> np.ndarray:
        try:
            return self.cache._row.table(rows, len(keys))
        except InputError as error:
            raise InputError(f"the loader was asked for {len(keys)} keys: {error}") from error

    def _stored(self, missing: list, keys: list, table: np.ndarray) -> dict:
        """Rows for all who wait. What others have put or deleted meanwhile is handed out alone, not stored over theirs.

        The table may lie where the loader writes its next.
        """
        rows = table.copy()
        native = self.cache._holder.begun(as_keys(keys))
        with self.cache._flights.storing(missing) as its:
            at = [i for i, key in enumerate(keys) if key in its]
            if native is not None and at:
                _, evicted = self.cache._store(native, as_keys([keys[i] for i in at]), rows[at])
                self._evicted += [] if evicted is None else [evicted]
        return dict(zip(keys, rows, strict=True))


def handed_out(keys: list) -> Any:
    """Keys as loaders get them: an int64 array, or a list of str or bytes."""
    return np.array(keys, np.int64) if isinstance(keys[0], int) else keys


def _unlike(keys: Keys, hit: np.ndarray) -> list:
    """Keys that are not there, each once."""
    return list(dict.fromkeys(key for key, is_there in zip(keys.listed(), hit.tolist(), strict=True) if not is_there))


def _fill_in(keys: Keys, rows: np.ndarray, hit: np.ndarray, found: dict) -> None:
    listed = keys.listed()
    for i in np.flatnonzero(~hit).tolist():
        rows[i] = found[listed[i]]
