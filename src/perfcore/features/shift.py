"""What a series was so many rows before, and how it has changed: ``lag(x, 1, by=codes)``; ``lag(1)`` describes one.

None looks ahead: what pandas has as ``shift(-1)`` is not known yet when a row comes.
"""

from __future__ import annotations

import operator
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError
from .column import raw
from .feature import Feature, describes
from .keys import groups, named_keys
from .series import compute, same_index


@describes
def lag(x: Any = None, n: Any = None, *, by: Any = None) -> Any:
    """The cell of n rows ago (1), in each key's own rows with ``by``; of cells of any type.

    The type stays, but for types of numpy that have no missing cell: whole numbers become float64, bool and text
    objects, as in pandas. ``lag(2)`` is a `Feature`, of numbers.
    """
    if _is_described(x, by):
        return _describe("lag", x, n)
    rows = _rows(1 if n is None else n)
    same_index([("x", x), *named_keys(by)])
    return _taken(x, rows, by)


@describes
def diff(x: Any = None, n: Any = None, *, by: Any = None, n_threads: int | None = None) -> Any:
    """The cell less that of n rows ago (1). ``diff(2)`` is a `Feature`."""
    if _is_described(x, by):
        return _describe("diff", x, n)
    return compute([_describe("diff", 1 if n is None else n, None)], (x,), by=by, n_threads=n_threads)[0]


@describes
def pct_change(x: Any = None, n: Any = None, *, by: Any = None, n_threads: int | None = None) -> Any:
    """The cell by that of n rows ago (1), less 1. ``pct_change(2)`` is a `Feature`."""
    if _is_described(x, by):
        return _describe("pct_change", x, n)
    return compute([_describe("pct_change", 1 if n is None else n, None)], (x,), by=by, n_threads=n_threads)[0]


def _is_described(x: Any, by: Any) -> bool:
    return by is None and (x is None or isinstance(x, int | float | np.number))


def _describe(kind: str, x: Any, n: Any) -> Feature:
    if x is not None and n is not None:
        raise InputError(f"x: expected a series, got {x!r}")
    given = x if n is None else n
    rows = _rows(1 if given is None else given)
    return Feature(kind, f"{kind}_{rows}", integers=MappingProxyType({"n": rows}))


def _rows(n: Any) -> int:
    try:
        rows = operator.index(n) if not isinstance(n, bool | np.bool_) else None
    except TypeError:
        rows = None
    if rows is not None and rows < 0:
        raise ConfigurationError(
            f"n={n!r} looks into the future: allowed are whole numbers from 0, rows that have been"
        )
    if rows is None or rows >= 2**40:
        raise ConfigurationError(f"n={n!r}: allowed are whole numbers from 0")
    return rows


def _taken(x: Any, n: int, by: Any) -> Any:
    library = type(x).__module__.partition(".")[0]
    if library == "pandas" and hasattr(x, "array") and hasattr(x, "index"):
        from pandas.api.extensions import take

        places = _places(len(x), n, by)
        cells = x.to_numpy() if isinstance(x.dtype, np.dtype) else x.array
        taken = _of_numpy(cells, places) if x.dtype == object else take(cells, places, allow_fill=True)
        return type(x)(taken, index=x.index, name=x.name, dtype=taken.dtype)
    if library == "polars" and hasattr(x, "gather"):
        import polars

        rows = polars.Series(_places(len(x), n, by))
        return x.gather(rows.set(rows < 0, None))
    array = x if library == "pyarrow" else raw(x, "x")
    if isinstance(array, np.ndarray):
        return _of_numpy(array, _places(len(array), n, by))
    return _of_arrow(array, _places(len(array), n, by))


def _of_arrow(array: Any, places: np.ndarray) -> Any:
    import pyarrow

    try:
        taken = array.take(pyarrow.array(places, mask=places < 0))
    except (pyarrow.ArrowException, AttributeError, TypeError) as error:
        raise InputError(f"x: cannot take cells of {getattr(array, 'type', type(array).__name__)}: {error}") from error
    if not isinstance(array, pyarrow.ChunkedArray):
        return taken
    ends = np.cumsum([len(chunk) for chunk in array.chunks]).tolist()
    taken = taken.combine_chunks() if taken.num_chunks != 1 else taken.chunk(0)
    return pyarrow.chunked_array([taken[start:end] for start, end in zip([0, *ends], ends, strict=False)], array.type)


def _of_numpy(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    is_absent = places < 0
    kind = array.dtype.kind
    if kind == "V":
        raise InputError(f"x: cannot take cells of {array.dtype}: allowed are numbers, bool, text, times and objects")
    cells = np.ma.filled(array.astype(float), np.nan) if isinstance(array, np.ma.MaskedArray) else array
    if not is_absent.any():
        return cells[places]
    if kind in "iu":
        cells = cells.astype(np.float64)
    elif kind in "bUST":
        cells = cells.astype(object)
    taken = cells[np.where(is_absent, 0, places)]
    taken[is_absent] = np.array("NaT", cells.dtype) if kind in "mM" else None if cells.dtype == object else np.nan
    return taken


def _places(n_rows: int, n: int, by: Any) -> np.ndarray:
    """Of each row, which is the one n rows before it among its own; -1 where there is none."""
    places = np.full(n_rows, -1, np.int64)
    if by is None:
        places[n:] = np.arange(max(n_rows - n, 0))
        return places
    found = groups(by, n_rows)
    order = np.arange(n_rows) if found.order is None else found.order
    starts = np.repeat(found.bounds[:-1], np.diff(found.bounds))
    rows = np.flatnonzero(np.arange(len(order)) - starts >= n)
    places[order[rows]] = order[rows - n]
    return places
