"""What a series was so many rows before, and how it has changed: ``lag(x, 1, by=codes)``; ``lag(1)`` describes one.

None looks ahead: what pandas has as ``shift(-1)`` is not known yet when a row comes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError
from .column import raw, require_one_column
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
    require_one_column(x, "x")
    if by is None:
        return _shifted(x, rows)
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


def _shifted(x: Any, n: int) -> Any:
    """One series: pandas' and polars' own shift is a copy of memory."""
    library = type(x).__module__.partition(".")[0]
    if (library == "pandas" and _is_pandas(x)) or (library == "polars" and hasattr(x, "gather")):
        return x.shift(n)
    array = x if library == "pyarrow" else raw(x, "x")
    n = min(n, len(array))
    if not isinstance(array, np.ndarray):
        return _of_arrow(array, lambda cells: _arrow_shifted(cells, n))
    cells = _numpy_cells(array)
    if n == 0:
        return cells.copy()
    shifted = np.empty(len(cells), _with_missing(cells))
    shifted[:n] = _missing(shifted.dtype)
    shifted[n:] = cells[: len(cells) - n]
    return shifted


def _taken(x: Any, n: int, by: Any) -> Any:
    library = type(x).__module__.partition(".")[0]
    if library == "pandas" and _is_pandas(x):
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
    places = _places(len(array), n, by)
    if isinstance(array, np.ndarray):
        return _of_numpy(array, places)
    return _of_arrow(array, lambda cells: _arrow_taken(cells, places))


def _is_pandas(x: Any) -> bool:
    return hasattr(x, "array") and hasattr(x, "index")


def _of_arrow(array: Any, make: Callable[[Any], Any]) -> Any:
    """An Arrow array from those of another, in chunks as they were."""
    import pyarrow

    try:
        made = make(array)
    except (pyarrow.ArrowException, AttributeError, TypeError) as error:
        raise InputError(f"x: cannot take cells of {getattr(array, 'type', type(array).__name__)}: {error}") from error
    if not isinstance(array, pyarrow.ChunkedArray):
        return made
    ends = np.cumsum([len(chunk) for chunk in array.chunks]).tolist()
    made = made.combine_chunks() if made.num_chunks != 1 else made.chunk(0)
    return pyarrow.chunked_array([made[start:end] for start, end in zip([0, *ends], ends, strict=False)], array.type)


def _arrow_shifted(array: Any, n: int) -> Any:
    import pyarrow

    missing, kept = pyarrow.nulls(n, array.type), array[: len(array) - n]
    if isinstance(array, pyarrow.ChunkedArray):
        return pyarrow.chunked_array([missing, *kept.chunks], array.type)
    return pyarrow.concat_arrays([missing, kept])


def _arrow_taken(array: Any, places: np.ndarray) -> Any:
    import pyarrow

    return array.take(pyarrow.array(places, mask=places < 0))


def _of_numpy(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    is_absent = places < 0
    cells = _numpy_cells(array)
    if not is_absent.any():
        return cells[places]
    taken = cells.astype(_with_missing(cells), copy=False)[np.where(is_absent, 0, places)]
    taken[is_absent] = _missing(taken.dtype)
    return taken


def _numpy_cells(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "V":
        raise InputError(f"x: cannot take cells of {array.dtype}: allowed are numbers, bool, text, times and objects")
    return np.ma.filled(array.astype(float), np.nan) if isinstance(array, np.ma.MaskedArray) else array


def _with_missing(array: np.ndarray) -> np.dtype:
    """A type that has a missing cell."""
    kind = array.dtype.kind
    if kind in "iu":
        return np.dtype(np.float64)
    return np.dtype(object) if kind in "bUST" else array.dtype


def _missing(dtype: np.dtype) -> Any:
    if dtype.kind in "mM":
        return np.array("NaT", dtype)
    return None if dtype.kind == "O" else np.nan


def _places(n_rows: int, n: int, by: Any) -> np.ndarray:
    """Of each row, which is the one n rows before it among its own; -1 where there is none."""
    found = groups(by, n_rows)
    return found.rows_before(n) if n else np.where(found.codes < 0, -1, np.arange(n_rows))
