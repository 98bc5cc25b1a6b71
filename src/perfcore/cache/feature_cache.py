"""FeatureCache: rows of numbers by key, in one block, a batch at a time."""

from __future__ import annotations

import builtins
import os
import time
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._ext.cache import COUNTS, RowCache
from ..errors import CacheError, CacheFormatError, ConfigurationError
from ..files import replace_file
from . import dates, forks, opening, persistence
from .holder import Holder
from .keys import Keys, as_keys, one_key
from .loading import Flights
from .misses import Misses
from .row_type import RowType
from .statistics import Statistics

if TYPE_CHECKING:
    import pyarrow as pa

POLICIES = ("clock", "s3fifo", "lfu", "adaptive", "lru_exact")


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
        "adaptive", of "clock" and "lfu" the one that has more hits in a sample of the keys; "lru_exact", the
        least recently used one, kept under a mutex.
    max_bytes : int, optional
        All memory of the cache; in place of ``capacity``, or the lower of both.
    ttl, idle_ttl : float, optional
        Seconds after which a row has expired: since it was put, or since it was last asked for.
    ttl_jitter : float
        Part of ``ttl``, from 0 to 1, by which a row may expire sooner, at random, so that not all do at once.
    max_pinned : float or int
        Rows that views may hold: a float is a part of the capacity (0.1 unless said; 1.0 are all), an int a number of
        rows (1 is one).
    on_evict : callable(keys, rows, expired), optional
        Called after a put or load that had rows evicted, outside of every lock: their keys (a list), copies of the
        rows, and which of them had expired. What `resize`, `clear`, deletes and newer rows remove is not told. What it
        raises is warned of.

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
        policy: Literal["clock", "s3fifo", "lfu", "adaptive", "lru_exact"] = "clock",
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
        self._row = RowType.of(width, dtype, schema)
        self.ttl, self.idle_ttl = dates.seconds("ttl", ttl), dates.seconds("idle_ttl", idle_ttl)
        if not dates.is_number(ttl_jitter) or not 0 <= ttl_jitter <= 1:
            raise ConfigurationError(f"ttl_jitter={ttl_jitter!r}: allowed is a part from 0 to 1")
        self.ttl_jitter = float(ttl_jitter)
        idle = None if idle_ttl is None else round(idle_ttl * 1e9)
        has_dates = ttl is not None or idle is not None
        if on_evict is not None and not callable(on_evict):
            raise ConfigurationError(f"on_evict={on_evict!r}: allowed is what can be called with (keys, rows, expired)")
        self._on_evict = on_evict
        self._flights, self._statistics = Flights(), Statistics()
        forks.register(self._flights)
        self._holder = Holder(self._row.n_bytes, capacity, max_bytes, max_pinned, policy, idle, has_dates)
        self._random = np.random.default_rng()
        self._is_writeable = True
        self._now = time.monotonic_ns

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
        rows = self._row.empty(batch.n) if out is None else self._row.checked_out(out, batch.n)
        return self._get(batch, rows, self._row.fill(fill))

    def get(self, key: Any, out: np.ndarray | None = None) -> np.ndarray | None:
        """A copy of the row of one key, or None; written to ``out`` where that is given."""
        holder, row = self._holder, self._row
        native = holder.native
        if native is not None and type(key) is int and holder.kind == "integers":
            try:
                return native.get_one(key, out, row.shape, row.dtype, self._now() if holder.has_dates else 0)
            except (TypeError, OverflowError):
                pass  # said below, in words
        to = np.empty(row.shape, row.dtype) if out is None else row.checked_out(out, None)
        _, hit = self._get(one_key(key), to)
        return to if hit[0] else None

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
        native = self._holder.of(batch)
        row = None if native is None else native.pin(batch.native, self._now())
        if row is False:
            n = self._holder.n_pinned_most
            raise CacheError(f"views hold {n} rows, as many as max_pinned allows; copy with get()")
        return None if row is None else np.frombuffer(row, self._row.dtype).reshape(self._row.shape)

    def contains_many(self, keys: Any) -> np.ndarray:
        """Which keys are there, without counting as a request for them."""
        return self._contains(as_keys(keys))

    def __contains__(self, key: Any) -> bool:
        return bool(self._contains(one_key(key))[0])

    def keys(self) -> Any:
        """The keys that are there, in no order that means anything: an int64 array, or a list of str or bytes."""
        keys = self._entries(self._now())[0]
        return keys.native if keys.kind == "integers" else keys.listed()

    def __len__(self) -> int:
        native = self._holder.open()
        return 0 if native is None else len(native)

    # -- writing ---------------------------------------------------------------------------------------

    def put_many(self, keys: Any, rows: Any, *, version: Any = None) -> int:
        """Store rows; of a key that comes twice the last counts.

        Parameters
        ----------
        keys : as in `get_many`
        rows : (n_keys, width) of the cache's dtype, or what numpy makes that of; an Arrow array of fixed-size lists
            With a schema (n_keys,) of its dtype, or a table or data frame that has its columns, by name. Of a column
            with a dictionary codes are stored, those of this cache for the same texts. Null is NaN where floats are.
        version : int or (n_keys,) of int, optional
            A row replaces one of the same or of an older version. One without replaces only what came without: where
            there is a version it is not taken, and `stats` counts it as ``older``.

        Returns
        -------
        int
            How many rows found no room, because views or a reader that stands still hold too many: 0 as a rule.
        """
        self._require_writeable()
        batch = as_keys(keys)
        table = self._row.table(rows, batch.n)
        versions = None if version is None else dates.versions(version, batch.n)
        native = self._holder.begun(batch)
        if native is None:
            return 0
        if self._flights:
            self._flights.overtake(batch.listed())
        n_rejected, evicted = self._store(native, batch, table, versions)
        if evicted is not None:
            self._tell_evicted(evicted)
        return n_rejected

    def put(self, key: Any, row: Any, *, version: int | None = None) -> int:
        """`put_many` of one row."""
        if len(getattr(row, "shape", ())) == 2:  # a table of one row
            return self.put_many([key], row, version=version)
        return self.put_many([key], row[None] if isinstance(row, np.ndarray) else [row], version=version)

    def delete_many(self, keys: Any) -> int:
        """Remove keys; returns how many were there."""
        self._require_writeable()
        batch = as_keys(keys)
        native = self._holder.of(batch)
        if self._flights:
            self._flights.overtake(batch.listed())
        return 0 if native is None else native.remove(batch.native, np.empty(batch.n, bool))

    def delete(self, key: Any) -> bool:
        """Remove a key; returns whether it was there."""
        return self.delete_many([key]) == 1

    def clear(self) -> None:
        """Remove everything; writers wait meanwhile, readers do not. Keys stay of the kind that they were."""
        self._require_writeable()
        self._flights.overtake()
        self._holder.clear(self._now())

    def resize(self, capacity: int) -> None:
        """Allow another number of rows; the policy says which of them stay. Writers wait meanwhile, readers do not.

        ``max_bytes`` bounds it as before. Where ``max_pinned`` is a part, it is one of the new capacity from now on.
        """
        self._require_writeable()
        self._holder.resize(capacity, self._now())

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
            Where a loader waits, in its own thread or task, for keys that it is to load itself.
        Exception
            What a loader raised, here and wherever its keys are waited for; they can be loaded again.
        """
        self._require_writeable()
        return Misses(self, loader).rows(keys)

    async def get_or_load_many_async(self, keys: Any, loader: Callable[[Any], Awaitable[Any]]) -> np.ndarray:
        """`get_or_load_many` for tasks of an event loop: the loader and other tasks are awaited."""
        self._require_writeable()
        return await Misses(self, loader).rows_async(keys)

    def prefetch(self, keys: Any, loader: Callable[[Any], Any], executor: Executor | None = None) -> Future[int]:
        """Have what is not there loaded beside, through the same calls as `get_or_load_many`, which waits for them.

        Parameters
        ----------
        keys, loader : as in `get_or_load_many`
        executor : concurrent.futures.Executor, optional
            Where the loader is called; by default in a thread of its own, which ends with it.

        Returns
        -------
        Future
            Of how many rows were loaded, here or by others who were at it, or of what the loader raised. `stats` counts
            those loaded here as ``prefetched``; which of them are asked for later is not known.
        """
        self._require_writeable()
        batch = as_keys(keys).copy()
        self._holder.of(batch)  # keys of another kind are told here
        return Misses(self, loader, is_prefetch=True).begin(batch, executor)

    # -- files and Arrow -------------------------------------------------------------------------------

    def to_arrow(self, keys: Any) -> pa.RecordBatch:
        """A batch of the columns key, row and hit: rows as fixed-size lists of numbers, of a schema its columns.

        Those have dictionaries where they were put as such; other columns are as `get_many` fills them.
        """
        import pyarrow as pa

        batch = as_keys(keys)
        rows, hit = self.get_many(keys)
        columns = self._row.to_columns(rows, hit)
        return pa.record_batch({"key": persistence.key_array(batch), **columns, "hit": pa.array(hit)})

    def save(self, path: str | os.PathLike, compression: Literal["lz4", "zstd"] | None = None) -> None:
        """Write all rows to a file, aside, and put it in the place of the one that may be there.

        Rows that are put meanwhile may be in it or not; no row is there by half.

        Parameters
        ----------
        compression : "lz4" or "zstd", optional
            A smaller file, which `open` reads into memory: processes do not share its pages.
        """
        if compression not in (None, "lz4", "zstd"):
            raise ConfigurationError(f"compression={compression!r}: allowed are 'lz4', 'zstd' and None")
        now = self._now()
        keys, rows, its_dates = self._entries(now)
        its_dates = dates.shifted(its_dates, dates.to_wall_clock(now)) if len(its_dates) else None
        contents = persistence.Contents(
            keys.kind,
            self._row.fingerprint,
            self._row.dictionaries.told(),
            capacity=self.capacity,
            policy=self.policy,
            max_bytes=self._holder.max_bytes,
            max_pinned=self._holder.told_pinned,
            ttl=self.ttl,
            idle_ttl=self.idle_ttl,
            ttl_jitter=self.ttl_jitter,
        )
        told = persistence.message(persistence.table_of(keys, rows, self._row), contents, its_dates)
        replace_file(path, persistence.pieces(told, compression))

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
            As for `FeatureCache`; what is not given is as in the file, but for ``on_evict``. One of ``capacity`` and
            ``max_bytes`` stands for both; where that is less than the file has rows, the policy says which stay.

        Raises
        ------
        CacheFormatError
            See ``strict``; also where settings are too few to start without the file.
        """
        if mode not in ("r", "r+"):
            raise ConfigurationError(f"mode={mode!r}: allowed are 'r' and 'r+'")
        try:
            with builtins.open(path, "rb") as file:
                return opening.of_file(cls, file, mode, settings)
        except (CacheFormatError, FileNotFoundError) as error:
            if strict or not {"capacity", "max_bytes"} & settings.keys() or not {"width", "schema"} & settings.keys():
                if isinstance(error, FileNotFoundError):
                    raise
                raise CacheFormatError(f"{os.fspath(path)}: {error}") from error
            warnings.warn(f"the cache starts empty: {os.fspath(path)}: {error}", stacklevel=2)
            cache = cls(**settings)
            cache._is_writeable = mode == "r+"
            return cache

    # -- what it is ------------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        return self._holder.capacity

    @property
    def dtype(self) -> np.dtype:
        return self._row.dtype

    @property
    def nbytes(self) -> int:
        """Memory for the rows, and beside them; of text keys the texts come on top."""
        native = self._holder.open()
        return 0 if native is None else native.nbytes

    def stats(self) -> dict[str, Any]:
        """Counts since the cache was made; hits + misses are all keys asked for, whenever no call is in flight.

        ``recent_hit_rate`` is that of the last ``recent_seconds``, which go back to the call of `stats` that was last a
        minute ago, or to the beginning. ``loads`` are calls of loaders, ``loaded`` the rows that these brought.
        ``policy`` is the one in use: of "adaptive" what it chose.
        """
        native = self._holder.open()
        counts = dict.fromkeys((*COUNTS, "pinned"), 0) if native is None else native.counts()
        policy = self.policy if native is None else native.policy
        its = {"size": len(self), "capacity": self.capacity, "bytes": self.nbytes, "policy": policy}
        return self._statistics.told(counts) | its

    def __reduce__(self) -> Any:
        raise TypeError("a FeatureCache is not pickled or copied: its memory belongs to its process; save() and open()")

    def close(self) -> None:
        """Give the memory back, but for rows that views hold; the cache cannot be used any more."""
        self._holder.close()

    def __enter__(self) -> FeatureCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._holder.is_closed else f"{len(self):,} of {self.capacity:,} rows"
        return f"<perfcore.FeatureCache of {self._row}, {state}, {self.policy}>"

    def _get(self, batch: Keys, rows: np.ndarray, fill: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        hit = np.empty(batch.n, bool)
        native = self._holder.of(batch)
        if native is not None:
            native.get(batch.native, rows, fill, hit, self._now())
        else:
            hit[...] = False
            if fill is not None:
                rows[...] = fill
            self._statistics.leave_out(0, -batch.n)  # misses that no native one counts
        return rows, hit

    def _contains(self, batch: Keys) -> np.ndarray:
        hit = np.zeros(batch.n, bool)
        native = self._holder.of(batch)
        if native is not None:
            native.contains(batch.native, hit, self._now())
        return hit

    def _entries(self, now: int) -> tuple[Keys, np.ndarray, Any]:
        """What is there: keys, rows as bytes, and dates (n, 3), of no rows where there are none."""
        native = self._holder.open()
        if native is None:
            return Keys("integers", np.empty(0, np.int64), 0), np.empty(0, np.uint8), ()
        keys, rows, its_dates = native.entries(now)
        return Keys(self._holder.kind, keys, len(rows) // self._row.n_bytes), rows, its_dates  # type: ignore[arg-type]

    def _store(
        self, native: RowCache, batch: Keys, table: np.ndarray, versions: np.ndarray | None = None
    ) -> tuple[int, tuple | None]:
        """How many were rejected, and what was evicted, as ``on_evict`` is told, where there is one."""
        now = self._now()
        if versions is not None and not self._holder.has_dates:
            self._holder.keep_dates(native, now)
        n_rejected, evicted = native.put(
            batch.native, table, versions, self._untils(batch.n, now), now, self._on_evict is not None
        )
        if evicted is None or not len(evicted[2]):
            return n_rejected, None
        keys, rows, expired = evicted
        rows = rows.view(self._row.dtype).reshape(-1, *self._row.shape)
        return n_rejected, (Keys(batch.kind, keys, len(expired)).listed(), rows, expired)

    def _tell_evicted(self, evicted: tuple) -> None:
        try:
            self._on_evict(*evicted)  # type: ignore[misc]  # there is one, where something is told
        except Exception as error:
            warnings.warn(f"on_evict of a FeatureCache: {error!r}", RuntimeWarning, stacklevel=3)

    def _require_writeable(self) -> None:
        if not self._is_writeable:
            raise CacheError("the cache was opened to be read alone; mode='r+' allows more")

    def _untils(self, n: int, now: int) -> np.ndarray | None:
        if self.ttl is None:
            return None
        ages = np.full(n, self.ttl * 1e9)
        if self.ttl_jitter:
            ages *= 1 - self.ttl_jitter * self._random.random(n)
        return now + ages.astype(np.int64)
