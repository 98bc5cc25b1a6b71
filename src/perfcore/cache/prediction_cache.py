"""PredictionCache: a predictor's answers by the content of the rows, for rows that come again."""

from __future__ import annotations

import contextlib
import functools
import os
import time
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..errors import CacheError, CacheFormatError, ConfigurationError, InputError
from . import forks, prediction_files
from .benefit import Benefit
from .packing import Packing
from .rows import rows_of, taken
from .ways import Question, Way, Ways

METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "predict_raw",
    "apply",
)
FACTS = ("classes_", "n_features_in_", "feature_names_in_")
DAY = 24 * 60 * 60.0
_SCALARS = (str, bytes, int, float, bool, type(None))


class PredictionCache:
    """A predictor's own methods, which compute only rows that were not asked for before.

    It has those of `METHODS` and `FACTS` that the predictor has. Methods take a table and the predictor's arguments,
    compute what is not there in one call of the predictor, a row that comes twice once, and answer as the predictor
    does: the same bits, dtype and shape, in C order. The first table of a way to ask (a method, arguments, a kind of
    table) is computed whole.

    Rows are compared by all their bytes, never by a hash alone (`rows.canonical` says what NaN and -0.0 are), among
    those of the same fingerprint, method, arguments, and names and dtypes of columns. What cannot be kept so goes to
    the predictor as it is, and is counted as ``passed_on``: lists, texts, categories, nulls, sparse tables; arguments
    other than numbers, strings, None and short tuples of these; and answers that are no arrays of one dtype and
    shape a row.

    The predictor must answer each row by itself. Where it computes by BLAS (linear models, networks), a row's last
    bits depend on the table around it; of such a row the first answer is kept.

    Parameters
    ----------
    predictor : what `perfcore.compile` returns, or any object with one of `METHODS`
    capacity : int
        Rows that are kept at most, of all methods, arguments and kinds of tables together. These share them: what is
        asked in a way takes what it needs until all are given out, and its equal share then. At most 16 ways have
        answers; the least recently used makes room for another.
    ttl : float, optional
        Seconds after which an answer has expired: a day unless said; None: never.
    policy : as in `FeatureCache`
    fingerprint : str, optional
        Tells the predictor's state from all others. Needed for objects that have no ``fingerprint`` of their own, as
        predictors of perfcore have; whoever trains such an object again makes another cache.

    Raises
    ------
    ConfigurationError
        For arguments that do not fit; the message says what was allowed and what came.
    """

    def __init__(
        self,
        predictor: Any,
        capacity: int,
        *,
        ttl: float | None = DAY,
        policy: Literal["clock", "s3fifo", "lfu", "adaptive", "lru_exact"] = "clock",
        fingerprint: str | None = None,
    ):
        self.predictor, self.fingerprint = predictor, _fingerprint(predictor, fingerprint)
        self._ways = Ways(capacity, {"ttl": ttl, "policy": policy})
        self._benefit, self._n_passed_on = Benefit(), 0
        self._lock = forks.Lock()

    def __getattr__(self, name: str) -> Any:
        if name in FACTS and hasattr(self.predictor, name):
            return getattr(self.predictor, name)
        if name in METHODS and hasattr(self.predictor, name):
            return functools.partial(self._answer, name)
        allowed = ", ".join((*METHODS, *FACTS))
        raise AttributeError(f"no {name}: a PredictionCache has those of {allowed} that its predictor has")

    def _answer(self, method: str, /, X: Any = None, *positional: Any, **named: Any) -> Any:
        self._require_open()
        if X is None:
            raise InputError(f"{method}() takes a table, first or as X=; got {', '.join(named) or 'none'}")
        start = time.perf_counter_ns()
        table = rows_of(X)

        def ask(X: Any) -> Any:
            return getattr(self.predictor, method)(X, *positional, **named)

        if table is None or not all(_is_kept(value, len(table.keys)) for value in (*positional, *named.values())):
            self._count_passed_on()
            return ask(X)
        arguments = repr((positional, sorted(named.items()))) if positional or named else ""
        question = Question(method, arguments, table.columns, table.keys.itemsize)
        way = self._ways.get(question, start)
        n_rows = len(table.keys)
        if way is None:  # whole, since an answer that cannot be kept cannot be put together either
            n_hits, at, place = 0, np.arange(n_rows), slice(None)
            missing = at
        else:
            rows, hit = way.by_row.get_many(table.keys)
            n_hits = int(np.count_nonzero(hit))
            if n_hits == n_rows:
                answer = way.packing.unpacked(rows)
                self._count(n_rows, n_hits, time.perf_counter_ns() - start)
                return answer
            missing = np.flatnonzero(~hit)
            at, place = _distinct(table.keys, missing)
        keys = table.keys[at]  # a copy, since a predictor may change X, where they lie
        asked = X if len(at) == n_rows else taken(X, at)
        looked_up = time.perf_counter_ns()
        part = _answered(ask, asked, len(at), n_rows)
        computed = time.perf_counter_ns()
        packing = Packing.of(part, len(at))
        if way is None and packing is not None:
            way = self._ways.add(question, packing, start)
        if packing is None or way is None or way.packing != packing:
            self._count_passed_on()
            return part if asked is X else ask(X)
        packed = packing.packed(part)
        with contextlib.suppress(CacheError):  # closed meanwhile
            self._ways.make_room(way, len(at))
            way.by_row.put_many(keys, packed)
        answer = part
        if asked is not X:
            if not n_hits:
                rows = np.empty((n_rows, packing.width), np.uint8)
            rows[missing] = packed[place]
            answer = packing.unpacked(rows)
        lookup = time.perf_counter_ns() - computed + looked_up - start
        self._count(n_rows, n_hits, lookup, len(at), computed - looked_up)
        return answer

    def _count_passed_on(self) -> None:
        with self._lock:
            self._n_passed_on += 1

    def _count(self, n_rows: int, n_hits: int, lookup: int, n_computed: int = 0, ns: int = 0) -> None:
        with self._lock:
            self._benefit.add(n_rows, n_hits, lookup)
            if n_computed:
                self._benefit.add_computed(n_computed, ns)

    # -- what it is ------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Answers that are there."""
        return len(self._ways)

    def stats(self) -> dict[str, Any]:
        """Counts since the cache was made, and whether it pays.

        ``lookup_ns`` is what the cache took for a row asked for, beside the predictor; ``predict_ns`` what the
        predictor alone would have taken for one, by the times of its calls; ``speedup`` what it would have taken for
        all calls over what was taken; ``pays`` says whether that is more than 1. They are None as long as too few
        calls, or none as large as those of the cache, tell. ``passed_on`` counts calls, all else rows.
        """
        nbytes = sum(way.by_row.nbytes for _, way in self._ways)
        with self._lock:
            told = self._benefit.told() | {"passed_on": self._n_passed_on}
        return told | {"size": len(self), "capacity": self._ways.capacity, "bytes": nbytes}

    def clear(self) -> None:
        """Remove all answers."""
        self._ways.clear()

    def close(self) -> None:
        """Give the memory back; the cache cannot be used any more."""
        self._ways.close()

    def __enter__(self) -> PredictionCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a PredictionCache is not pickled or copied: save() writes a folder, which open() reads")

    def __repr__(self) -> str:
        state = "closed" if self._ways.is_closed else f"{len(self):,} answers"
        return f"<perfcore.PredictionCache of {self.predictor!r}, {state}>"

    def _require_open(self) -> None:
        if self._ways.is_closed:
            raise CacheError("the cache is closed")

    # -- files -----------------------------------------------------------------------------------------

    def save(self, folder: str | os.PathLike) -> None:
        """Write all answers to a folder, made where there is none, in the place of those that it may hold.

        Answers that are computed meanwhile may be in it or not. Of processes that save to one folder the last counts.
        """
        self._require_open()
        kept = [(question, way.packing, way.by_row.save) for question, way in self._ways if len(way.by_row)]
        prediction_files.write(folder, self.fingerprint, kept)

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike,
        predictor: Any,
        capacity: int,
        *,
        strict: bool = False,
        **settings: Any,
    ) -> PredictionCache:
        """The cache whose answers `save` wrote, those that have not expired since.

        Parameters
        ----------
        predictor, capacity, settings : as for `PredictionCache`
        strict : bool
            Whether a folder that is absent, damaged, or of another predictor is an error. Without, a warning is given
            and the cache starts empty.

        Raises
        ------
        CacheFormatError, OSError
            See ``strict``.
        """
        cache = cls(predictor, capacity, **settings)
        try:
            cache._ways.take(cache._opened(folder))
        except (CacheFormatError, OSError) as error:
            if strict:
                raise
            warnings.warn(f"the cache starts empty: {error}", stacklevel=2)
        return cache

    def _opened(self, folder: str | os.PathLike) -> dict[Question, Way]:
        contents = prediction_files.read(folder, self.fingerprint)
        while True:
            try:
                return {Question(*told): self._of_file(packing, path) for told, packing, path in contents}
            except FileNotFoundError:  # another save may have removed it
                before, contents = contents, prediction_files.read(folder, self.fingerprint)
                if contents == before:
                    raise

    def _of_file(self, packing: Packing, path: str) -> Way:
        way = self._ways.of_file(packing, path)
        _require_bytes(way, path)
        return way


def _fingerprint(predictor: Any, given: str | None) -> str:
    found = given if given is not None else getattr(predictor, "fingerprint", None)
    if not isinstance(found, str) or not found:
        came = f"got {found!r}" if found is not None else f"a {type(predictor).__qualname__} has none of its own"
        raise ConfigurationError(
            f"fingerprint= must be a text that tells the predictor's state from all others; {came}"
        )
    if not any(hasattr(predictor, name) for name in METHODS):
        raise ConfigurationError(f"a {type(predictor).__qualname__} has none of {', '.join(METHODS)}")
    return found


def _require_bytes(way: Way, path: str) -> None:
    try:
        rows, _ = way.by_row.get_many([b""])
    except InputError as error:
        raise CacheFormatError(f"{path}: {error}") from error
    if rows.dtype != np.uint8 or rows.shape != (1, way.packing.width):
        raise CacheFormatError(f"{path}: rows of {rows.dtype} {rows.shape[1:]}, not of {way.packing.width} bytes")


def _answered(ask: Callable, X: Any, n: int, n_rows: int) -> Any:
    try:
        return ask(X)
    except Exception as error:
        if n != n_rows:
            error.add_note(f"The predictor was asked for the {n} of {n_rows} rows that were not in the cache.")
        raise


def _is_kept(value: Any, n_rows: int) -> bool:
    """Whether an argument's repr tells it from all others; a tuple as long as the table may be of the rows."""
    if type(value) is tuple and len(value) != n_rows:
        return all(type(each) in _SCALARS for each in value)
    return type(value) in _SCALARS


def _distinct(keys: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, Any]:
    """The first of the missing rows that are alike, and for each missing row its place among those."""
    found: dict[bytes, int] = {}
    place = [found.setdefault(key, len(found)) for key in keys[missing].tolist()]
    if len(found) == len(missing):
        return missing, slice(None)
    return missing[np.unique(place, return_index=True)[1]], np.array(place)
