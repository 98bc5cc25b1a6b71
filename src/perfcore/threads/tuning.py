"""tune(): how many threads are worth having, measured."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from ..callables import name_of
from ..errors import ConfigurationError, InputError
from . import counts, remembered
from .limits import limit
from .others import Others

ROUNDS = 5
SECONDS = 0.005  # a count is called at least so long each time
NEAR = 1.05  # of the best time: that near, fewer threads are the better choice
FAR = 1.10  # of the best time: what is that far off twice is given up
ATTEMPTS = 3  # where others are in the way


@dataclass(frozen=True)
class Tuned:
    """What `tune` found, a line for each shape.

    Attributes
    ----------
    plan : what was measured: a predictor's fingerprint, or a function's name
    seconds : for each shape, by its number of rows, the median seconds of a call by thread count
    n_threads : for each shape, the smallest count within 5 % of the best
    """

    plan: str
    seconds: dict[int, dict[int, float]]
    n_threads: dict[int, int]

    def __str__(self) -> str:
        lines = []
        for n_rows, chosen in self.n_threads.items():
            taken = ", ".join(f"{count}: {each * 1e3:.3g} ms" for count, each in self.seconds[n_rows].items())
            lines.append(f"{n_rows:>12,} rows  {chosen} threads  ({taken})")
        return "\n".join(lines)


def tune(target: Any, shapes: Sequence[Any], *, method: str = "predict", again: bool = False) -> Tuned:
    """Measure with how many threads calls are soonest, and remember a predictor's for this machine.

    A predictor without a count of its own (``compile(n_threads=)``, ``predict(n_threads=)``,
    ``PERFCORE_NUM_THREADS``) uses what was measured, in this process and in later ones, for calls of about as many
    rows. Nothing is ever measured unless this function is called. What functions take is measured anew each time: no
    name or code says whether a function still does the same.

    Where other processes take more than a tenth of the CPUs meanwhile, a shape is measured again, three times at most;
    if they still do, a RuntimeWarning says so, and what was found is not remembered. Where the file cannot be written,
    a RuntimeWarning says so, and what was found holds for this process.

    Parameters
    ----------
    target : a predictor, or a function of one table
        A predictor is asked with its own ``n_threads=``; a function is called within `limit`.
    shapes : tables; for a predictor of plain numbers, numbers of rows, too
    again : bool
        Measure a predictor also where it is remembered.

    Returns
    -------
    Tuned

    Raises
    ------
    ConfigurationError
        For no shapes, what is neither a table nor a number from 1, targets that cannot be called, and within a
        `limit`, which would be taken for all that there is.
    InputError
        Where the predictor does not take a table of numbers: give tables.
    MissingExtraError
        Where the extra that keeps the file is not installed.
    """
    seconds_of, plan = _timer(target, method)
    is_predictor = hasattr(target, "fingerprint")
    if not isinstance(shapes, list | tuple | range):
        raise ConfigurationError(
            f"shapes: expected a list of tables or numbers of rows, got {type(shapes).__qualname__}"
        )
    if not shapes:
        raise ConfigurationError("shapes is empty: give tables, or numbers of rows")
    _check_limit()
    seconds: dict[int, dict[int, float]] = {}
    chosen: dict[int, int] = {}
    unwritten: OSError | None = None
    for shape in shapes:
        table, n_rows = _table(target, shape)
        taken, is_new = None if again or not is_predictor else _known(plan, n_rows), False
        if taken is None:
            taken, is_new = _undisturbed(partial(seconds_of, table), n_rows)
        best = min(taken.values())
        seconds[n_rows], chosen[n_rows] = taken, min(count for count, each in taken.items() if each <= NEAR * best)
        if is_new and is_predictor:
            try:
                remembered.remember(plan, n_rows, chosen[n_rows], taken)
            except OSError as error:
                unwritten = error
    if unwritten is not None:
        warnings.warn(
            f"what was measured holds for this process only, for {remembered.path()} cannot be written ({unwritten}): "
            "PERFCORE_CACHE_DIR names another folder",
            RuntimeWarning,
            stacklevel=2,
        )
    return Tuned(plan, seconds, chosen)


def _check_limit() -> None:
    """A limit of the moment, as if it were the machine's, would be remembered for later."""
    bounds = counts.bounds()
    held = bounds.pop("limit")
    if held is not None and held < min(each for each in bounds.values() if each is not None):
        raise ConfigurationError(f"tune() within a limit of {held} threads: leave it first, to measure all there are")


def _undisturbed(seconds_of: Callable[[int], float], n_rows: int) -> tuple[dict[int, float], bool]:
    """Seconds by thread count, and whether they are to be relied on."""
    for _ in range(ATTEMPTS):
        others = Others()
        taken = _measured(seconds_of)
        if not others.are_in_the_way():
            return taken, True
    warnings.warn(
        f"other processes are using the CPUs, so what {n_rows:,} rows took by numbers of threads says little; it is "
        "not remembered. Tune again when the machine is quiet.",
        RuntimeWarning,
        stacklevel=3,
    )
    return taken, False


def _timer(target: Any, method: str) -> tuple[Callable[[Any, int], float], str]:
    """What a call with a table and a number of threads takes, and what is called."""
    if hasattr(target, "fingerprint"):
        if not hasattr(target, method):
            raise ConfigurationError(f"{target!r} has no method {method!r}")
        function = getattr(target, method)
        return lambda table, count: _seconds(partial(function, table, n_threads=count)), target.fingerprint
    if not callable(target):
        raise ConfigurationError(f"expected a predictor or a function of a table, got {type(target).__qualname__}")

    def seconds_of(table: Any, count: int) -> float:
        with limit(count):  # setting it takes longer than many a call
            return _seconds(partial(target, table))

    return seconds_of, f"{getattr(target, '__module__', None) or type(target).__module__}.{name_of(target)}"


def _table(target: Any, shape: Any) -> tuple[Any, int]:
    """The table, and its number of rows."""
    refused = ConfigurationError(f"shapes: allowed are tables and numbers of rows from 1; got {shape!r}")
    if not isinstance(shape, int | np.integer):
        try:
            return shape, shape.shape[0] if hasattr(shape, "shape") else len(shape)
        except (TypeError, IndexError) as error:  # it has no length, or no rows
            raise refused from error
    if isinstance(shape, bool) or shape < 1:
        raise refused
    if not hasattr(target, "n_features_in_"):
        raise ConfigurationError("a function is measured with tables; numbers of rows are for predictors")
    table = np.random.default_rng(0).normal(size=(shape, target.n_features_in_)).astype(np.float32)
    try:
        target.predict(table[:1])
    except InputError as error:
        raise InputError(f"this predictor takes no table of plain numbers, so give tables of yours: {error}") from error
    return table, int(shape)


def _known(plan: str, n_rows: int) -> dict[int, float] | None:
    found = remembered.read().get(remembered.machine(), {}).get(plan, {}).get(str(remembered.bucket(n_rows)))
    return None if found is None else {int(count): each for count, each in found["seconds"].items()}


def _seconds(call: Callable[[], Any]) -> float:
    n, began = 0, time.perf_counter()
    while True:
        call()
        n += 1
        taken = time.perf_counter() - began
        if taken >= SECONDS:
            return taken / n


def _measured(seconds_of: Callable[[int], float]) -> dict[int, float]:
    """Median seconds of a call by thread count; there and back again in each round, so that drifts cancel out."""
    candidates = _candidates(counts.available())
    taken: dict[int, list[float]] = {count: [] for count in candidates}
    far_off = dict.fromkeys(candidates, 0)
    for count in candidates:
        seconds_of(count)
    while True:
        for count in (*candidates, *reversed(candidates)):
            taken[count].append(seconds_of(count))
        medians = {count: median(each) for count, each in taken.items()}
        best = min(medians.values())
        for count in candidates:
            far_off[count] += medians[count] > FAR * best
        if all(len(taken[count]) >= 2 * ROUNDS for count in candidates):
            return medians
        candidates = [count for count in candidates if far_off[count] < 2 or len(taken[count]) < ROUNDS]


def _candidates(most: int) -> list[int]:
    return sorted({*(1 << i for i in range(most.bit_length()) if 1 << i <= most), most})
