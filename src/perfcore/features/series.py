"""Series in, the same kind out: numpy, pandas, polars, Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import threads
from .._ext import features as _compiled
from .._ext.features import MISSING, Plan
from ..errors import InputError
from .column import is_null_default, numbers, times
from .feature import Feature, Window
from .keys import arranged, named_keys

PLANS: dict[tuple[Any, ...], Plan] = {}  # of plain arrays, by what was asked: no step of Python lies between
_N_PLANS = 1000
_MISSING_BITS = np.float64(MISSING).view(np.uint64)


def like(x: Any, cells: np.ndarray) -> Any:
    """A float64 array as a series of x's library, with its name and its index.

    What is missing is null in Arrow and polars, whose NaN is a number like others, and NaN elsewhere.
    """
    library = type(x).__module__.partition(".")[0]
    if library == "pandas" and hasattr(x, "index"):
        return type(x)(_compiled.plain(cells), index=x.index, name=x.name, copy=False)
    if library == "polars":
        import polars

        answer = polars.Series(x.name, cells)
        absent = cells.view(np.uint64) == _MISSING_BITS
        return answer.set(polars.Series(absent), None) if absent.any() else answer
    if library == "pyarrow":
        import pyarrow

        absent = cells.view(np.uint64) == _MISSING_BITS
        array = pyarrow.array(cells, mask=absent if absent.any() else None, from_pandas=False)
        if not isinstance(x, pyarrow.ChunkedArray):
            return array
        ends = np.cumsum([len(chunk) for chunk in x.chunks]).tolist()
        return pyarrow.chunked_array(
            [array[start:end] for start, end in zip([0, *ends], ends, strict=False)], array.type
        )
    return _compiled.plain(cells)


def compute(
    features: Sequence[Feature],
    columns: Sequence[Any],
    *,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
    names: Sequence[str] = ("x", "y", "z"),
    times_name: str = "on",
) -> list[Any]:
    """What features of the same columns say of series: of the library of the first; see `compute_cells`."""
    told = compute_cells(features, columns, by=by, on=on, n_threads=n_threads, names=names, times_name=times_name)
    return [like(columns[0], each) for each in told]


def compute_cells(
    features: Sequence[Feature],
    columns: Sequence[Any],
    *,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
    names: Sequence[str] = ("x", "y", "z"),
    times_name: str = "on",
) -> list[np.ndarray]:
    """What features of the same columns say of series, missing cells as `MISSING`.

    ``by``: keys, each with a series of its own, in the order of the rows. ``on``: when rows are, for windows of time;
    it may not fall within a series. ``names``, ``times_name``: what errors call the columns and ``on``.
    """
    n_workers = threads.resolve(n_threads)
    cells = [numbers(x, names[j]) for j, x in enumerate(columns)]
    nan_is_missing = is_null_default(columns[0])
    for j in range(1, len(cells)):
        if len(cells[j]) != len(cells[0]):
            raise InputError(f"{names[j]}: expected {len(cells[0])} rows as in {names[0]}, got {len(cells[j])}")
        if is_null_default(columns[j]) and not nan_is_missing:
            cells[j] = np.where(np.isnan(cells[j]), MISSING, cells[j])
    same_index([*zip(names, columns, strict=False), *named_keys(by), (times_name, on)])
    plan = Plan(len(cells), [each.compiled(tuple(range(len(cells)))) for each in features], nan_is_missing)
    order, bounds = None, None
    if by is not None:
        order, bounds = arranged(by, len(cells[0]))
    timed = next((each.window for each in features if each.window and each.window.nanoseconds), None)
    if on is None and timed:
        raise InputError(f"a window of time ({timed}) needs the times of rows: {times_name}=")
    when = None if on is None else _times_in_order(on, len(cells[0]), order, bounds, timed, times_name)
    return plan.run(cells, when, order, bounds, n_workers)


def remember(key: tuple[Any, ...], feature: Feature) -> None:
    """In `PLANS`, for `run_alone`."""
    if len(PLANS) >= _N_PLANS:
        PLANS.clear()
    PLANS[key] = Plan(feature.n_inputs, [feature.compiled(tuple(range(feature.n_inputs)))])


def same_index(named: Iterable[tuple[str, Any]]) -> None:
    """`InputError` for pandas' series with different indexes."""
    first, others = None, [(name, x.index) for name, x in named if hasattr(x, "iloc") and hasattr(x, "index")]
    for name, index in others:
        first = first or (name, index)
        if not index.equals(first[1]):
            raise InputError(
                f"{name}: its index is not that of {first[0]}, and rows are taken as they come; align them first"
            )


def _times_in_order(
    on: Any, n: int, order: np.ndarray | None, bounds: np.ndarray | None, timed: Window | None, name: str
) -> np.ndarray:
    told = times(on, name)
    if timed and told.kind == "number":
        raise InputError(f"{name}: a window of time ({timed}) needs dates or timestamps, got whole numbers")
    when = told.cells
    if len(when) != n:
        raise InputError(f"{name}: expected {n} times, got {len(when)}")
    whole = np.array([0, n], np.int64) if bounds is None else bounds
    late, _, _ = _compiled.look_at(when, order, whole, counts_same=False)
    if late >= 0:
        group = "" if bounds is None else " of its group"
        raise InputError(f"{name}: row {late} is before the row{group} that comes before it; sort them by time")
    return when
