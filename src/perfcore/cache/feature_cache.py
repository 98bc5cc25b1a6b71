"""FeatureCache: rows of numbers by key, in one block, a batch at a time."""

from __future__ import annotations

import builtins
import functools
import os
import secrets
import threading
import time
import warnings
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np

from .._ext.cache import RowCache
from ..errors import CacheError, CacheFormatError, ConfigurationError, InputError
from ..files import replace_file
from . import persistence
from .keys import Keys, as_keys, one_key
from .loading import Flights

if TYPE_CHECKING:
    import pyarrow as pa

_caches: weakref.WeakSet[FeatureCache] = weakref.WeakSet()


_forking = threading.local()  # .natives: those that wait for this thread's fork


def _before_fork() -> None:
    _forking.natives = [cache._native for cache in list(_caches) if cache._native is not None]
    for native in _forking.natives:
        native.before_fork()


def _after_fork(is_child: bool) -> None:
    for native in _forking.natives:
        native.after_fork(is_child)
    del _forking.natives
    if is_child:
        for cache in _caches:
            cache._flights.after_fork()
            cache._making = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=functools.partial(_after_fork, False),
        after_in_child=functools.partial(_after_fork, True),
    )

POLICIES = ("clock", "s3fifo", "lfu", "lru_exact")
MOST_ROWS = 2**30


class FeatureCache:
    """A bounded map from keys to rows of numbers, which many threads read and write at once.

    Parameters
    ----------
    capacity : int, optional
        Rows that are visible at most. It or ``max_bytes`` is needed.
    width : int, optional
        Numbers in a row; rows are arrays of ``dtype``.
    dtype : numpy dtype of a number, float32 unless said
    schema : pyarrow.Schema or structured numpy dtype, optional
        In place of ``width`` and ``dtype``: columns by name, each of a dtype of its own. Rows are a structured array.
    policy : which entry makes room for another
        "clock" (default): one that was not asked for since the hand last came by; "s3fifo"; "lfu" (W-TinyLFU);
        "lru_exact", the least recently used one, kept under a mutex.
    max_bytes : int, optional
        All memory of the cache; in place of ``capacity``, or the lower of both.
    ttl, idle_ttl : float, optional
        Seconds after which a row has expired: since it was put, or since it was last asked for.
    ttl_jitter : float
        Part of ``ttl``, from 0 to 1, by which a row may expire sooner, at random, so that not all do at once.
    max_pinned : float or int
        Rows that views may hold: a part of the capacity (0.1 unless said), or a number.
    on_evict : callable(keys, rows, expired), optional
        Called after a put that had rows evicted, outside of every lock.

    Raises
    ------
    ConfigurationError
        For arguments that do not fit; the message says what was allowed and what came.
    """

    def __init__(
        self,
        capacity: int | None = None,
        width: int | None = None,
        dtype: Any = "float32",
        *,
        schema: Any = None,
        policy: Literal["clock", "s3fifo", "lfu", "lru_exact"] = "clock",
        max_bytes: int | None = None,
        ttl: float | None = None,
        idle_ttl: float | None = None,
        ttl_jitter: float = 0.0,
        max_pinned: float | int = 0.1,
        on_evict: Callable[[list, np.ndarray, np.ndarray], Any] | None = None,
    ):
        if policy not in POLICIES:
            raise ConfigurationError(f"policy={policy!r}: allowed are {', '.join(POLICIES)}")
        self.policy = policy
        self._width, self._dtype = _row_type(width, dtype, schema)
        self.ttl, self.idle_ttl = _seconds("ttl", ttl), _seconds("idle_ttl", idle_ttl)
        if not 0 <= ttl_jitter <= 1:
            raise ConfigurationError(f"ttl_jitter={ttl_jitter!r}: allowed is a part from 0 to 1")
        self.ttl_jitter = ttl_jitter
        self._capacity = self._rows_for(capacity, max_bytes)
        self._max_pinned = _pinned(max_pinned, self._capacity)
        self._on_evict = on_evict
        self._random = np.random.default_rng()
        self._native: RowCache | None = None  # made once the first keys tell their kind
        self._kind: str | None = None
        self._is_closed, self._is_writeable = False, True
        self._is_dated = ttl is not None or idle_ttl is not None  # or once a row has a version
        self._now = time.monotonic_ns
        self._flights, self._making = Flights(), threading.Lock()
        _caches.add(self)

    # -- reading ---------------------------------------------------------------------------------------

    def get_many(self, keys: Any, out: np.ndarray | None = None, fill: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Rows of many keys, and which of them were there.

        Parameters
        ----------
        keys : integers, text or bytes: a numpy or Arrow array, a list or a Series
        out : array (n_keys, width) of the cache's dtype, C-contiguous, optional
            Written and handed out in place of a new one.
        fill : number or row, optional
            Stands for keys that are not there; by default NaN, or 0 in columns that hold no NaN.

        Returns
        -------
        rows : (n_keys, width) of the cache's dtype; with a schema (n_keys,) of its structured dtype
        hit : (n_keys,) of bool
        """
        batch = as_keys(keys)
        rows = np.empty((batch.n, *self._shape), self._dtype) if out is None else self._checked_out(out, batch.n)
        hit = np.empty(batch.n, bool)
        self._of(batch).get(batch.native, rows, self._fill(fill), hit, self._now())
        return rows, hit

    def get(self, key: Any, out: np.ndarray | None = None) -> np.ndarray | None:
        """A copy of the row of one key, or None; written to ``out`` where that is given."""
        native = self._native
        if native is not None and type(key) is int and self._kind == "integers":
            try:
                return native.get_one(key, out, self._shape, self._dtype, self._now() if self._is_dated else 0)
            except (TypeError, OverflowError):
                pass  # said below, in words
        batch, hit = one_key(key), np.empty(1, bool)
        row = np.empty(self._shape, self._dtype) if out is None else self._checked_out(out, None)
        self._of(batch).get(batch.native, row, None, hit, self._now())
        return row if hit[0] else None

    def view(self, key: Any) -> np.ndarray | None:
        """The row of one key without a copy, read-only, or None.

        It stays as it is whatever becomes of the entry, of the cache and of its file; its memory cannot be used anew
        as long as the view is alive.

        Raises
        ------
        CacheError
            Where as many rows are held by views as ``max_pinned`` allows.
        """
        batch = one_key(key)
        row = self._of(batch).pin(batch.native, self._now())
        if row is False:
            raise CacheError(f"views hold {self._max_pinned} rows, as many as max_pinned allows; copy with get()")
        return None if row is None else np.frombuffer(row, self._dtype).reshape(self._shape)

    def contains_many(self, keys: Any) -> np.ndarray:
        """Which keys are there, without counting as a request for them."""
        batch = as_keys(keys)
        hit = np.empty(batch.n, bool)
        self._of(batch).contains(batch.native, hit, self._now())
        return hit

    def __contains__(self, key: Any) -> bool:
        return bool(self.contains_many([key])[0])

    def __len__(self) -> int:
        return len(self._open()) if self._kind else 0

    # -- writing ---------------------------------------------------------------------------------------

    def put_many(self, keys: Any, rows: Any, *, version: Any = None) -> int:
        """Store rows; of a key that comes twice the last counts.

        Parameters
        ----------
        keys : as in `get_many`
        rows : (n_keys, width) of the cache's dtype, or what numpy makes that of; with a schema (n_keys,) of its dtype
        version : int or (n_keys,) of int, optional
            A row replaces one of the same or of an older version; without, any that came without, too.

        Returns
        -------
        int
            How many rows found no room, because views or a reader that stands still hold too many: 0 as a rule.
        """
        self._require_writeable()
        batch = as_keys(keys)
        table = self._checked_rows(rows, batch.n)
        versions = None if version is None else self._versions(version, batch.n)
        now = self._now()
        native = self._of(batch)
        if version is not None and not self._is_dated:
            native.resize(0, -1, now, has_dates=True)
            self._is_dated = True
        n_rejected, evicted = native.put(
            batch.native, table, versions, self._untils(batch.n, now), now, self._on_evict is not None
        )
        if evicted is not None and len(evicted[2]):
            gone, its_rows, expired = evicted
            its_rows = its_rows.view(self._dtype).reshape(-1, *self._shape)
            self._on_evict(Keys(batch.kind, gone, len(expired)).listed(), its_rows, expired)  # type: ignore[misc]
        return n_rejected

    def put(self, key: Any, row: Any, *, version: int | None = None) -> int:
        """`put_many` of one row."""
        return self.put_many([key], np.asarray(row)[None], version=version)

    def delete_many(self, keys: Any) -> int:
        """Remove keys; returns how many were there."""
        self._require_writeable()
        batch = as_keys(keys)
        return self._of(batch).remove(batch.native, np.empty(batch.n, bool))

    def clear(self) -> None:
        """Remove everything; writers wait meanwhile, readers do not."""
        self._require_writeable()
        if self._kind:
            self._open().resize(0, -1, self._now(), keeps=False)

    def resize(self, capacity: int) -> None:
        """Allow another number of rows; the policy says which of them stay. Writers wait meanwhile, readers do not."""
        capacity = self._rows_for(capacity, None)
        if self._kind:
            self._open().resize(capacity, max(1, self._max_pinned * capacity // self._capacity), self._now())
        self._capacity = capacity

    # -- loading ---------------------------------------------------------------------------------------

    def get_or_load_many(self, keys: Any, loader: Callable[[Any], Any]) -> np.ndarray:
        """Rows of many keys; those that are not there are loaded, stored and handed out.

        Parameters
        ----------
        keys : as in `get_many`
        loader : callable(keys) -> rows
            Called at most once, with all keys that are not there and that no other thread is loading: an int64 array,
            or a list of str or bytes, none twice. What other threads are loading is waited for.

        Raises
        ------
        InputError
            Where the loader returns rows that do not fit.
        CacheError
            Where a loader waits for keys that it is to load itself.
        Exception
            What a loader raised, here and wherever its keys are waited for; they can be loaded again.
        """
        listed, rows, hit = self._asked(keys)
        if not hit.all():
            found = self._flights.load(_unlike(listed, hit), lambda missing: self._loaded(missing, loader))
            for i in np.flatnonzero(~hit).tolist():
                rows[i] = found[listed[i]]
        return rows

    async def get_or_load_many_async(self, keys: Any, loader: Callable[[Any], Awaitable[Any]]) -> np.ndarray:
        """`get_or_load_many` for tasks of an event loop: the loader and other tasks are awaited."""

        async def load(missing: list) -> dict:
            left, there = self._left(missing)
            return there | self._stored(left, await loader(self._handed_out(left))) if left else there

        listed, rows, hit = self._asked(keys)
        if not hit.all():
            found = await self._flights.load_async(_unlike(listed, hit), load)
            for i in np.flatnonzero(~hit).tolist():
                rows[i] = found[listed[i]]
        return rows

    def _asked(self, keys: Any) -> tuple[list, np.ndarray, np.ndarray]:
        batch = as_keys(keys)
        rows, hit = np.empty((batch.n, *self._shape), self._dtype), np.empty(batch.n, bool)
        self._of(batch).get(batch.native, rows, None, hit, self._now())
        return batch.listed() if not hit.all() else [], rows, hit

    def _loaded(self, missing: list, loader: Callable[[Any], Any]) -> dict:
        left, there = self._left(missing)
        return there | self._stored(left, loader(self._handed_out(left))) if left else there

    def _left(self, missing: list) -> tuple[list, dict]:
        """What is still not there, now that nobody else loads it; and what has come meanwhile."""
        came = self.contains_many(missing)
        if not came.any():
            return missing, {}
        came_keys = [key for key, is_there in zip(missing, came.tolist(), strict=True) if is_there]
        rows, hit = self.get_many(came_keys)
        there = {key: row for key, row, is_there in zip(came_keys, rows, hit.tolist(), strict=True) if is_there}
        return [key for key in missing if key not in there], there

    def _handed_out(self, keys: list) -> Any:
        return np.array(keys, np.int64) if self._kind == "integers" else keys

    def _stored(self, keys: list, rows: Any) -> dict:
        try:
            table = self._checked_rows(rows, len(keys))
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"the loader was asked for {len(keys)} keys: {error}") from error
        self.put_many(keys, table)
        return dict(zip(keys, table, strict=True))

    # -- files and Arrow -------------------------------------------------------------------------------

    def to_arrow(self, keys: Any) -> pa.RecordBatch:
        """A batch of the columns key, row and hit: rows as fixed-size lists of numbers, of a schema its columns."""
        import pyarrow as pa

        batch = as_keys(keys)
        rows, hit = self.get_many(keys)
        if self._width is not None:
            table = persistence.table_of(batch, rows, self._width, self._dtype)
            return table.append_column("hit", pa.array(hit))
        columns = {name: pa.array(np.ascontiguousarray(rows[name])) for name in self._dtype.names or ()}
        return pa.record_batch({"key": persistence.key_array(batch), **columns, "hit": pa.array(hit)})

    def save(self, path: str | os.PathLike) -> None:
        """Write all rows to a file, aside, and put it in the place of the one that may be there.

        Rows that are put meanwhile may be in it or not; no row is there by half.
        """
        now = self._now()
        by = persistence.to_wall_clock(now)
        native = self._of(Keys("integers", np.empty(0, np.int64), 0))
        keys, rows, dates = native.entries(now)
        n = len(keys[0]) - 1 if self._kind != "integers" else len(keys)
        batch = persistence.table_of(Keys(self._kind, keys, n), rows, self._width, self._dtype)  # type: ignore[arg-type]
        layout = persistence.layout_of(self._width, self._dtype)
        contents = persistence.Contents(self._kind or "integers", layout, self._capacity, self.policy)
        told = persistence.message(batch, contents, persistence.shifted(dates, by) if self._is_dated else None)
        replace_file(path, persistence.pieces(told))

    @classmethod
    def open(cls, path: str | os.PathLike, mode: Literal["r+", "r"] = "r+", *, strict: bool = False, **settings: Any):
        """The cache that `save` wrote, over the file's own pages: many processes that open it share them.

        Parameters
        ----------
        mode : "r+" (default) or "r"
            Whether rows may be put: they are written beside the file, which changes by `save` alone.
        strict : bool
            Whether a file that is absent, damaged, of another version or of other rows than ``settings`` say is an
            error. Without, a warning is given and the cache starts empty, where ``settings`` say what it should be.
        settings
            As for `FeatureCache`; what is not given is as in the file.

        Raises
        ------
        CacheFormatError
            See ``strict``; also where settings are too few to start without the file.
        """
        if mode not in ("r", "r+"):
            raise ConfigurationError(f"mode={mode!r}: allowed are 'r' and 'r+'")
        try:
            with builtins.open(path, "rb") as file:
                return cls._of_file(file, mode, settings)
        except (CacheFormatError, FileNotFoundError) as error:
            told = error if isinstance(error, FileNotFoundError) else CacheFormatError(f"{os.fspath(path)}: {error}")
            if strict or not {"capacity", "max_bytes"} & settings.keys() or not {"width", "schema"} & settings.keys():
                raise told from error
            warnings.warn(f"the cache starts empty: {told}", stacklevel=2)
            return cls(**settings)

    @classmethod
    def _of_file(cls, file: BinaryIO, mode: str, settings: dict[str, Any]) -> FeatureCache:
        batch, contents, at = persistence.read(file)
        told = persistence.settings_of(contents)
        if {"schema", "width", "dtype"} & settings.keys():
            width, dtype = _row_type(settings.get("width"), settings.get("dtype", "float32"), settings.get("schema"))
            if persistence.layout_of(width, dtype) != contents.layout:
                raise CacheFormatError(f"rows of {contents.layout}, asked for {width} x {dtype}")
        cache = cls(
            **(told | {name: value for name, value in settings.items() if name not in ("width", "dtype", "schema")})
        )
        cache._fill_from(file, mode, batch, at)
        return cache

    def _fill_from(self, file: BinaryIO, mode: str, batch: pa.RecordBatch, at: int) -> None:
        self._is_writeable = mode == "r+"
        if batch.num_rows == 0:
            return
        keys, dates, now = as_keys(batch.column("key")), persistence.dates_of(batch), self._now()
        self._kind = keys.kind
        self._is_dated |= dates is not None
        if self._is_dated:
            dates = (
                self._since(keys.n, now)
                if dates is None
                else persistence.shifted(dates, -persistence.to_wall_clock(now))
            )
        if keys.n <= self._capacity:
            self._native = self._made((file.fileno(), at, self._is_writeable, keys.native, dates))
            return
        rows = np.frombuffer(batch.column("row").buffers()[-1], np.uint8)
        versions, untils = (None, None) if dates is None else np.ascontiguousarray(dates.T)[:2]
        self._native = self._made(None)
        self._native.put(keys.native, rows, versions, untils, now)

    def _since(self, n: int, now: int) -> np.ndarray:
        untils = self._untils(n, now)
        never = np.full(n, persistence.NEVER)
        return np.stack(
            [np.full(n, np.iinfo(np.int64).min), never if untils is None else untils, np.full(n, now)], axis=1
        )

    # -- what it is ------------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        return self._capacity

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    @property
    def nbytes(self) -> int:
        """Memory for the rows, and beside them; of text keys the texts come on top."""
        return self._open().nbytes if self._kind else 0

    def stats(self) -> dict[str, Any]:
        """Counts since the cache was made; hits + misses are all keys asked for, whenever no call is in flight."""
        counts = self._open().counts() if self._kind else dict.fromkeys(("hits", "misses"), 0)
        asked = counts["hits"] + counts["misses"]
        rate = counts["hits"] / asked if asked else None
        return counts | {"hit_rate": rate, "size": len(self), "capacity": self._capacity, "bytes": self.nbytes}

    def close(self) -> None:
        """Give the memory back, but for rows that views hold; the cache cannot be used any more."""
        self._is_closed = True
        self._native = None

    def __enter__(self) -> FeatureCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        what = (
            f"{self._width} x {self._dtype}" if self._width is not None else f"{len(self._dtype.names or ())} columns"
        )
        state = "closed" if self._is_closed else f"{len(self):,} of {self._capacity:,} rows"
        return f"<perfcore.FeatureCache of {what}, {state}, {self.policy}>"

    # -- checks ----------------------------------------------------------------------------------------

    @property
    def _shape(self) -> tuple[int, ...]:
        return () if self._width is None else (self._width,)

    @property
    def _row_bytes(self) -> int:
        return self._dtype.itemsize * (1 if self._width is None else self._width)

    def _open(self) -> RowCache:
        if self._native is None:
            raise CacheError("the cache is closed")
        return self._native

    def _of(self, batch: Keys) -> RowCache:
        """The rows, for keys of the kind that the cache has; made at the first."""
        if self._is_closed:
            raise CacheError("the cache is closed")
        if self._native is None:
            with self._making:
                if self._native is None:
                    self._kind = batch.kind
                    self._native = self._made(None)
        if batch.kind != self._kind and batch.n:
            raise InputError(f"keys are {batch.kind}, this cache's are {self._kind}: one kind a cache")
        return self._native

    def _require_writeable(self) -> None:
        if not self._is_writeable:
            raise CacheError("the cache was opened to be read alone; mode='r+' allows more")

    def _made(self, mapped: tuple | None) -> RowCache:
        return RowCache(
            self._capacity,
            self._row_bytes,
            self.policy,
            self._kind != "integers",
            has_dates=self._is_dated,
            idle=None if self.idle_ttl is None else round(self.idle_ttl * 1e9),
            max_pinned=self._max_pinned,
            seed=secrets.randbits(64),
            mapped=mapped,
        )

    def _rows_for(self, capacity: int | None, max_bytes: int | None) -> int:
        if capacity is None and max_bytes is None:
            raise ConfigurationError("a cache needs capacity=, a number of rows, or max_bytes=")
        for name, value in (("capacity", capacity), ("max_bytes", max_bytes)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
                raise ConfigurationError(f"{name}={value!r}: allowed is a whole number from 1 on")
        n = MOST_ROWS if max_bytes is None else int(max_bytes * 127 // 128) // (self._row_bytes + 48) - 16
        if n < 1:
            raise ConfigurationError(f"max_bytes={max_bytes}: a row takes {self._row_bytes + 48} bytes, 16 are slack")
        if capacity is not None and capacity > MOST_ROWS:
            raise ConfigurationError(f"capacity={capacity}: allowed are at most {MOST_ROWS:,} rows")
        return n if capacity is None else min(int(capacity), n)

    def _fill(self, fill: Any) -> np.ndarray:
        row = np.zeros(self._shape, self._dtype)
        if fill is not None:
            row[...] = fill
        elif self._dtype.names is None:
            row[...] = np.nan if self._dtype.kind == "f" else 0
        else:
            for name in self._dtype.names:
                row[name] = np.nan if self._dtype[name].kind == "f" else 0
        return row

    def _checked_out(self, out: np.ndarray, n: int | None) -> np.ndarray:
        shape = self._shape if n is None else (n, *self._shape)
        if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != self._dtype:
            came = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__qualname__
            raise InputError(f"out= is {came}, it must be an array of {self._dtype} {shape}")
        if not out.flags.c_contiguous or not out.flags.writeable or not out.flags.aligned:
            raise InputError("out= must be C-contiguous, aligned and writeable")
        return out

    def _checked_rows(self, rows: Any, n: int) -> np.ndarray:
        table = rows if isinstance(rows, np.ndarray) else np.asarray(rows, self._dtype)
        if table.shape != (n, *self._shape):
            raise InputError(f"rows of shape {table.shape} for {n} keys: it must be {(n, *self._shape)}")
        if not np.can_cast(table.dtype, self._dtype, "safe"):
            raise InputError(f"rows of {table.dtype}, the cache holds {self._dtype}: convert them first")
        return np.require(table, self._dtype, ("C", "A"))

    def _versions(self, version: Any, n: int) -> np.ndarray:
        versions = np.asarray(version)
        if versions.dtype.kind not in "iu" or versions.shape not in ((), (n,)):
            raise InputError(f"version= is {versions.dtype} {versions.shape}: allowed are an integer, or {n} of them")
        return np.ascontiguousarray(np.broadcast_to(versions, n), np.int64)

    def _untils(self, n: int, now: int) -> np.ndarray | None:
        if self.ttl is None:
            return None
        ages = np.full(n, self.ttl * 1e9)
        if self.ttl_jitter:
            ages *= 1 - self.ttl_jitter * self._random.random(n)
        return now + ages.astype(np.int64)


def _unlike(listed: list, hit: np.ndarray) -> list:
    """Keys that are not there, each once."""
    return list(dict.fromkeys(key for key, is_there in zip(listed, hit.tolist(), strict=True) if not is_there))


def _row_type(width: int | None, dtype: Any, schema: Any) -> tuple[int | None, np.dtype]:
    """(width, dtype of a number), or (None, structured dtype of a row)."""
    if schema is None:
        if isinstance(width, bool) or not isinstance(width, int | np.integer) or width < 1:
            raise ConfigurationError(f"width={width!r}: allowed is a whole number from 1 on, or schema= in its place")
        number = np.dtype(dtype)
        if number.kind not in "biuf" or number.itemsize > 8 or not number.isnative:
            raise ConfigurationError(f"dtype={number}: allowed are native floats, integers and bool of up to 8 bytes")
        return int(width), number
    if width is not None:
        raise ConfigurationError("width= and schema= exclude one another")
    if isinstance(schema, np.dtype):
        record = schema
    else:
        record = np.dtype([(field.name, _number(field)) for field in schema], align=False)
    if record.names is None or any(record[name].kind not in "biuf" for name in record.names):
        raise ConfigurationError(f"schema={schema}: allowed are columns of floats, integers and bool")
    return None, record


def _number(field: Any) -> np.dtype:
    import pyarrow as pa

    kind = field.type.index_type if pa.types.is_dictionary(field.type) else field.type
    try:
        return np.dtype(kind.to_pandas_dtype())
    except (NotImplementedError, TypeError):
        raise ConfigurationError(f"schema: column {field.name!r} of {field.type}; allowed are numbers") from None


def _seconds(name: str, value: float | None) -> float | None:
    if value is not None and not (isinstance(value, int | float | np.number) and 0 < value < 2**32):
        raise ConfigurationError(f"{name}={value!r}: allowed are seconds above 0, or None")
    return value


def _pinned(max_pinned: float | int, capacity: int) -> int:
    if isinstance(max_pinned, float) and 0 <= max_pinned <= 1:
        return int(max_pinned * capacity)
    if isinstance(max_pinned, int) and not isinstance(max_pinned, bool) and 0 <= max_pinned <= capacity:
        return max_pinned
    raise ConfigurationError(f"max_pinned={max_pinned!r}: allowed is a part from 0.0 to 1.0, or a number of rows")
