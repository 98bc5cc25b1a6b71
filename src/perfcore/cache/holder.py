"""Holder: the rows of a cache in C++, from the first keys that are put, which tell their kind, until it is closed."""

from __future__ import annotations

import bisect
import secrets
from typing import Any

import numpy as np

from .._ext.cache import RowCache, nbytes_for
from ..errors import CacheError, ConfigurationError, InputError
from . import forks, tracing
from .keys import Keys, Kind

MOST_ROWS = 2**30


class Holder:
    """Who calls takes ``native`` once and works with that: it is whole, even where another thread closes the cache."""

    def __init__(
        self,
        row_bytes: int,
        capacity: int | None,
        max_bytes: int | None,
        max_pinned: float | int,
        policy: str,
        idle: int | None,
        has_dates: bool,
    ):
        self.native: RowCache | None = None
        self.kind: Kind | None = None  # known wherever native is
        self.is_closed = False
        self.has_dates = has_dates
        self._row_bytes, self._policy, self._idle = row_bytes, policy, idle
        self._capacity = self._n_rows(capacity, max_bytes, has_dates)  # to make native with
        self.max_bytes = None if max_bytes is None else int(max_bytes)
        self.max_pinned = max_pinned
        if _pins(max_pinned, self._capacity) < max_pinned and not isinstance(max_pinned, float):
            raise ConfigurationError(f"max_pinned={max_pinned!r}: the capacity is {self._capacity}")
        forks.register(self)

    def of(self, keys: Keys) -> RowCache | None:
        """The rows, for keys of their kind; None where there are no keys, or nothing was put yet."""
        native = self.native
        if native is None:
            native = self.open()
        if native is None or not keys.n:
            return None
        if keys.kind != self.kind:
            raise InputError(f"keys are {keys.kind}, this cache's are {self.kind}: one kind a cache")
        return native

    def begun(self, keys: Keys) -> RowCache | None:
        """`of`, for keys that are put, the first of which tell their kind."""
        if self.native is None and keys.n:
            with forks.lock:
                if self.open() is None:
                    self.make(keys.kind)
        return self.of(keys)

    def open(self) -> RowCache | None:
        """The rows, if there were keys yet."""
        if self.is_closed:
            raise CacheError("the cache is closed")
        return self.native

    def make(self, kind: Kind, mapped: tuple | None = None) -> RowCache:
        with forks.lock:
            try:
                native = RowCache(
                    self._capacity,
                    self._row_bytes,
                    self._policy,
                    kind != "integers",
                    has_dates=self.has_dates,
                    idle=self._idle,
                    max_pinned=_pins(self.max_pinned, self._capacity),
                    seed=secrets.randbits(64),
                    mapped=mapped,
                )
            except MemoryError:
                n = f"{self._capacity:,} rows of {self._row_bytes:,} bytes take {self.n_bytes:,} bytes"
                raise MemoryError(f"{n}, which are not here; a lower capacity= or max_bytes= takes less") from None
            self.kind = kind
            self.native = native
        tracing.tell(self, native.nbytes)
        return native

    @property
    def capacity(self) -> int:
        native = self.native
        return self._capacity if native is None else native.capacity

    @property
    def n_pinned_most(self) -> int:
        return _pins(self.max_pinned, self.capacity)

    @property
    def told_pinned(self) -> float | int:
        """For a file: the part, or no more rows than there are."""
        return self.max_pinned if isinstance(self.max_pinned, float) else self.n_pinned_most

    @property
    def n_bytes(self) -> int:
        """What `native` takes or will take, but for the text of keys."""
        return nbytes_for(self.capacity, self._row_bytes, self._policy, self.has_dates)

    def resize(self, capacity: int, now: int) -> None:
        """Another number of rows, as far as ``max_bytes`` allows."""
        if capacity is None:
            raise ConfigurationError("capacity=None: allowed is a whole number from 1 on")
        capacity = self._n_rows(capacity, self.max_bytes, self.has_dates)
        with forks.lock:
            native = self.open()
            self._capacity = capacity
        if native is not None:
            native.resize(capacity, _pins(self.max_pinned, capacity), now)
            tracing.tell(self, native.nbytes)

    def clear(self, now: int) -> None:
        native = self.open()
        if native is not None:
            native.resize(0, -1, now, keeps=False)
            tracing.tell(self, native.nbytes)

    def expect_dates(self) -> None:
        """Rows that are still to come have dates."""
        self.has_dates = True
        self._capacity = self._n_rows(self._capacity, self.max_bytes, True)

    def keep_dates(self, native: RowCache, now: int) -> None:
        """From now on, rows have versions; where ``max_bytes`` bounds them there are fewer of them."""
        capacity, max_pinned = 0, -1  # as they are, were they only just changed
        if self.max_bytes is not None:
            capacity = self._n_rows(native.capacity, self.max_bytes, True)
            max_pinned = _pins(self.max_pinned, capacity)
        native.resize(capacity, max_pinned, now, has_dates=True)
        self.has_dates = True
        tracing.tell(self, native.nbytes)

    def close(self) -> None:
        with forks.lock:
            self.is_closed = True
            given_back, self.native = self.native, None
        del given_back  # its memory, with the lock open
        tracing.tell(self, 0)

    def _n_rows(self, capacity: int | None, max_bytes: int | None, has_dates: bool) -> int:
        """Rows that are visible at most."""
        if capacity is None and max_bytes is None:
            raise ConfigurationError("a cache needs capacity=, a number of rows, or max_bytes=")
        for name, value in (("capacity", capacity), ("max_bytes", max_bytes)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
                raise ConfigurationError(f"{name}={value!r}: allowed is a whole number from 1 on")
        if capacity is not None and capacity > MOST_ROWS:
            raise ConfigurationError(f"capacity={capacity}: allowed are at most {MOST_ROWS:,} rows")
        n = MOST_ROWS if capacity is None else int(capacity)
        if max_bytes is None:
            return n

        def nbytes(n: int) -> int:
            return nbytes_for(n, self._row_bytes, self._policy, has_dates)

        if nbytes(1) > max_bytes:
            raise ConfigurationError(
                f"max_bytes={max_bytes}: a cache of one row of {self._row_bytes} bytes takes {nbytes(1)}"
            )
        return bisect.bisect_right(range(1, n + 1), max_bytes, key=nbytes)

    def before_fork(self) -> None:
        if self.native is not None:
            self.native.before_fork()

    def after_fork(self, is_child: bool) -> None:
        if self.native is not None:
            self.native.after_fork(is_child)


def _pins(max_pinned: Any, capacity: int) -> int:
    """How many rows views may hold: of a part one at least, of a number as many as there are."""
    if isinstance(max_pinned, float) and 0 <= max_pinned <= 1:
        return max(1, int(max_pinned * capacity)) if max_pinned else 0
    if isinstance(max_pinned, int | np.integer) and not isinstance(max_pinned, bool) and max_pinned >= 0:
        return min(int(max_pinned), capacity)
    raise ConfigurationError(f"max_pinned={max_pinned!r}: allowed is a part from 0.0 to 1.0, or a number of rows")
