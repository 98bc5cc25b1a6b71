"""PredictionCache: a predictor's answers by the content of the rows, for rows that come again."""

from __future__ import annotations

import functools
import os
import time
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import CacheError, CacheFormatError, ConfigurationError, InputError
from . import forks, prediction_files
from .benefit import Benefit
from .feature_cache import FeatureCache
from .packing import Packing
from .rows import rows_of, taken

METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "predict_raw",
    "apply",
)
DAY = 24 * 60 * 60.0
MOST_QUESTIONS = 16
_SCALARS = (str, bytes, int, float, bool, type(None))


class Question(NamedTuple):
    """What is asked of rows; each has its own answers."""

    method: str
    arguments: str  # their repr, of those by name in the order of names
    columns: tuple  # as in `rows.Rows`
    row_bytes: int


class Answers(NamedTuple):
    packing: Packing
    by_row: FeatureCache


class PredictionCache:
    """A predictor's own methods, which compute only rows that were not asked for before.

    It has those of `METHODS` that the predictor has. They take a table and the predictor's arguments, compute what is
    not there in one call of the predictor, a row that comes twice once, and answer as the predictor does: the same
    bits, dtype and shape, in C order.

    Rows are compared by all their bytes, never by a hash alone (`rows.canonical` says what NaN and -0.0 are), among
    those of the same fingerprint, method, arguments, and names and dtypes of columns. What cannot be kept so goes to
    the predictor as it is, and is counted as ``passed_on``: lists, texts, categories, nulls, sparse tables; arguments
    other than numbers, strings, None and short tuples of these; answers that are no arrays of one dtype and shape a
    row; and what is asked in more than 16 ways.

    The predictor must answer each row by itself. Where it computes by BLAS (linear models, networks), a row's last
    bits depend on the table around it; of such a row the first answer is kept.

    Parameters
    ----------
    predictor : what `perfcore.compile` returns, or any object with one of `METHODS`
    capacity : int
        Rows that are kept of each method, set of arguments and kind of table.
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
        self._settings: dict[str, Any] = {"capacity": capacity, "ttl": ttl, "policy": policy}
        FeatureCache(width=1, **self._settings)  # refuses what does not fit
        self._answers: dict[Question, Answers] = {}
        self._benefit, self._n_passed_on = Benefit(), 0
        self._is_closed = False
        self._lock = forks.Lock()

    def __getattr__(self, name: str) -> Callable:
        if name in METHODS and hasattr(self.predictor, name):
            return functools.partial(self._answer, name)
        raise AttributeError(f"no {name}: a PredictionCache has those of {', '.join(METHODS)} that its predictor has")

    def _answer(self, method: str, /, X: Any, *positional: Any, **named: Any) -> Any:
        if self._is_closed:
            raise CacheError("the cache is closed")
        start = time.perf_counter_ns()
        table = rows_of(X)

        def ask(X: Any) -> Any:
            return getattr(self.predictor, method)(X, *positional, **named)

        if table is None or not all(_is_kept(value, len(table.keys)) for value in (*positional, *named.values())):
            return self._passed_on(ask, X)
        arguments = repr((positional, sorted(named.items()))) if positional or named else ""
        question = Question(method, arguments, table.columns, table.keys.itemsize)
        answers = self._answers.get(question)
        n_rows = len(table.keys)
        if answers is None:
            hit, n_hits = np.zeros(n_rows, bool), 0
        else:
            rows, hit = answers.by_row.get_many(table.keys)
            n_hits = int(np.count_nonzero(hit))
            if n_hits == n_rows:
                answer = answers.packing.unpacked(rows)
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
        if answers is None and packing is not None:
            answers = self._answers_to(question, packing)
        if packing is None or answers is None or answers.packing != packing:
            return part if asked is X else self._passed_on(ask, X)
        packed = packing.packed(part)
        answers.by_row.put_many(keys, packed)
        answer = part
        if asked is not X:
            if not n_hits:
                rows = np.empty((n_rows, packing.width), np.uint8)
            rows[missing] = packed[place]
            answer = packing.unpacked(rows)
        lookup = time.perf_counter_ns() - computed + looked_up - start
        self._count(n_rows, n_hits, lookup, len(at), computed - looked_up)
        return answer

    def _passed_on(self, ask: Callable, X: Any) -> Any:
        with self._lock:
            self._n_passed_on += 1
        return ask(X)

    def _answers_to(self, question: Question, packing: Packing) -> Answers | None:
        if len(self._answers) >= MOST_QUESTIONS:
            return None
        by_row = FeatureCache(width=packing.width, dtype="uint8", **self._settings)
        return self._answers.setdefault(question, Answers(packing, by_row))

    def _count(self, n_rows: int, n_hits: int, lookup: int, n_computed: int = 0, ns: int = 0) -> None:
        with self._lock:
            self._benefit.add(n_rows, n_hits, lookup)
            if n_computed:
                self._benefit.add_computed(n_computed, ns)

    # -- what it is ------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Answers that are there."""
        return sum(len(each.by_row) for each in list(self._answers.values()))

    def stats(self) -> dict[str, Any]:
        """Counts since the cache was made, and whether it pays.

        ``lookup_ns`` is what the cache took for a row asked for, beside the predictor; ``predict_ns`` what the
        predictor alone would have taken for one, by the times of its calls; ``speedup`` what it would have taken for
        all calls over what was taken; ``pays`` says whether that is more than 1. They are None as long as too few
        calls, or none as large as those of the cache, tell. ``passed_on`` counts calls, all else rows.
        """
        answers = list(self._answers.items())
        nbytes = sum(its.by_row.nbytes + len(its.by_row) * (asked.row_bytes + 16) for asked, its in answers)
        with self._lock:
            told = self._benefit.told() | {"passed_on": self._n_passed_on}
        return told | {"size": len(self), "capacity": self._settings["capacity"], "bytes": nbytes}

    def clear(self) -> None:
        """Remove all answers."""
        for each in list(self._answers.values()):
            each.by_row.clear()

    def close(self) -> None:
        """Give the memory back; the cache cannot be used any more."""
        self._is_closed = True
        answers, self._answers = self._answers, {}
        for each in answers.values():
            each.by_row.close()

    def __enter__(self) -> PredictionCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a PredictionCache is not pickled or copied: save() writes a folder, which open() reads")

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"{len(self):,} answers"
        return f"<perfcore.PredictionCache of {self.predictor!r}, {state}>"

    # -- files -----------------------------------------------------------------------------------------

    def save(self, folder: str | os.PathLike) -> None:
        """Write all answers to a folder, made where there is none, in the place of those that it may hold.

        Answers that are computed meanwhile may be in it or not. Of processes that save to one folder the last counts.
        """
        if self._is_closed:
            raise CacheError("the cache is closed")
        kept = [(question, each) for question, each in list(self._answers.items()) if len(each.by_row)]
        prediction_files.write(
            folder, self.fingerprint, [(question, each.packing, each.by_row.save) for question, each in kept]
        )

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
        CacheFormatError, FileNotFoundError
            See ``strict``.
        """
        cache = cls(predictor, capacity, **settings)
        try:
            cache._answers = cache._opened(folder)
        except (CacheFormatError, FileNotFoundError) as error:
            if strict:
                raise
            warnings.warn(f"the cache starts empty: {error}", stacklevel=2)
        return cache

    def _opened(self, folder: str | os.PathLike) -> dict[Question, Answers]:
        contents = prediction_files.read(folder, self.fingerprint)
        while True:
            try:
                return {Question(*told): self._of_file(packing, path) for told, packing, path in contents}
            except FileNotFoundError:  # another save may have removed it
                before, contents = contents, prediction_files.read(folder, self.fingerprint)
                if contents == before:
                    raise

    def _of_file(self, packing: Packing, path: str) -> Answers:
        by_row = FeatureCache.open(path, strict=True, width=packing.width, dtype="uint8", **self._settings)
        _require_bytes(by_row, path)
        return Answers(packing, by_row)


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


def _require_bytes(by_row: FeatureCache, path: str) -> None:
    try:
        by_row.contains_many([b""])
    except InputError as error:
        raise CacheFormatError(f"{path}: {error}") from error


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
