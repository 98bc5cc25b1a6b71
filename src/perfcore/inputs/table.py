"""A user's table, whatever holds it, read as float blocks of rows without a copy of the whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .._ext import cells
from ..errors import InputError

BLOCK_ROWS = 8192  # 8,192 rows of 28 float32 features are 0.9 MB: in the second-level cache


def is_dataframe(X: Any) -> bool:
    """A pandas DataFrame or a subclass of it, told without importing pandas."""
    return hasattr(X, "iloc") and any(
        each.__name__ == "DataFrame" and each.__module__.partition(".")[0] == "pandas" for each in type(X).__mro__
    )


def one_array(frame: Any) -> np.ndarray | None:
    """The array that all cells of a pandas DataFrame lie in, uncopied; None where there is none that a kernel reads."""
    dtypes = frame.dtypes.tolist()
    if not dtypes or dtypes[0] not in (np.float32, np.float64) or any(each != dtypes[0] for each in dtypes):
        return None
    if not np.shares_memory(frame.iloc[:1].to_numpy(), frame.iloc[:1, 0].to_numpy()):
        return None
    array: np.ndarray = frame.to_numpy()
    return array if is_kernel_ready(array) else None


def as_array(X: Any) -> np.ndarray:
    """A 2-D numpy array of a list or array; `InputError` for what is none."""
    try:
        array = np.asarray(X)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot make a table of {type(X).__qualname__}: {error}") from error
    if array.ndim != 2:
        raise no_table(X, array.shape)
    return array


def no_table(X: Any, shape: tuple[int, ...]) -> InputError:
    """The error for what has the shape of no table."""
    of_shape = f" of shape {shape}" if shape else ""
    return InputError(
        f"expected a 2-D table (n_rows, n_features), got a {type(X).__qualname__}{of_shape}{elsewhere(X, len(shape))}"
    )


def elsewhere(X: Any, n_dimensions: int = 0) -> str:
    """Where things go that are handed in for a table now and then."""
    if n_dimensions == 1:
        return "; a single row goes to predict_one, or as [row]"
    streams = hasattr(X, "iter_batches") or hasattr(X, "to_batches")
    if isinstance(X, str | os.PathLike) or (hasattr(X, "read") and not streams):
        return "; read the file first, or stream it: predict_batches(pyarrow.parquet.ParquetFile(path))"
    if isinstance(X, Mapping):
        return "; a row by name goes to predict_one, columns by name as a data frame"
    if streams or hasattr(X, "__next__"):
        return "; a stream of tables goes to predict_batches"
    return ""


def is_kernel_ready(array: np.ndarray) -> bool:
    """Whether a kernel reads the array as it is: float32 or float64, native byte order, aligned."""
    return array.dtype.char in "fd" and array.dtype.isnative and array.flags.aligned


# From here on float32 rounds a double to infinity: half a unit above its largest, the tie going up.
ROUNDS_TO_INFINITY = 2.0**128 - 2.0**103


def scan(array: np.ndarray, precision: Any) -> tuple[bool, bool]:
    """Whether a 2-D float array holds NaN, and whether it holds what is infinite once rounded to ``precision``."""
    if not is_kernel_ready(array):
        array = np.require(array, array.dtype.newbyteorder("="), "A")
    return cells.scan(array, ROUNDS_TO_INFINITY if np.dtype(precision) == np.float32 else np.inf)


def array_blocks(array: np.ndarray, dtype: Any) -> Iterator[np.ndarray]:
    """Rows of a 2-D array as float blocks: the array itself where a kernel reads it, else cast to ``dtype``."""
    if is_kernel_ready(array):
        yield array
        return
    for start in range(0, len(array), BLOCK_ROWS):
        yield cast(array[start : start + BLOCK_ROWS], dtype)


def cast(cells: Any, dtype: Any) -> np.ndarray:
    """np.asarray(cells, dtype), aligned; `InputError` where a cell is no number, no warning where float32 overflows."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.require(np.asarray(cells, dtype), None, "A")
    except (TypeError, ValueError, OverflowError) as error:
        kind = f"{cells.dtype} cells" if isinstance(cells, np.ndarray) else type(cells).__qualname__
        raise InputError(f"cannot read {kind} as {np.dtype(dtype)}: {error}") from error


def column_blocks(n_rows: int, columns: list[Callable[[int, int], np.ndarray]], dtype: Any) -> Iterator[np.ndarray]:
    """Blocks filled column by column; ``columns[j](start, stop)`` gives the cells of column j."""
    buffer = np.empty((len(columns), min(n_rows, BLOCK_ROWS)), dtype)
    for start in range(0, n_rows, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, n_rows)
        block = buffer[:, : stop - start]
        for j, column in enumerate(columns):
            block[j] = column(start, stop)
        yield block.T


def coded(codes: Callable[[int, int], np.ndarray], table: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """What ``table`` holds for each of the codes, at its end for -1; `InputError` for a code beyond it."""

    def cells(start: int, stop: int) -> np.ndarray:
        try:
            return table[codes(start, stop)]
        except IndexError as error:
            raise InputError(f"a dictionary column with a code that its dictionary does not hold: {error}") from error

    return cells


def unlabelled(row: Any) -> Any:
    """A pandas Series as the mapping that it is, or as an array where its labels are mere positions; others as is."""
    library = type(row).__module__.partition(".")[0]
    if library == "builtins":
        if isinstance(row, str | bytes):
            raise InputError(f"expected one row, the cells or a dict of them, got a {type(row).__qualname__}: {row!r}")
        return row
    if library != "numpy" and len(getattr(row, "shape", ())) == 2:
        raise InputError(f"expected one row, got a {library} {type(row).__qualname__} of shape {row.shape}")
    if library != "pandas" or not hasattr(row, "to_dict") or not hasattr(row, "index"):
        return row
    if type(row.index).__name__ == "RangeIndex":
        return row.to_numpy()
    cells = row.to_dict()
    if len(cells) != len(row):
        raise InputError(f"a row that bears a label twice: {list(row.index)}")
    return cells


def row_values(row: Any, feature_names: tuple[str, ...] | None, n_features: int, dtype: Any = None) -> np.ndarray:
    """One row as a 1-D array of ``dtype``, or of its own; a mapping is taken by name, every column present."""
    if isinstance(row, Mapping):
        row = in_order(row, feature_names)
    values = np.asarray(row, dtype)
    require_row(row, values.shape, n_features)
    return values


def in_order(row: Mapping, feature_names: tuple[str, ...] | None) -> list:
    """The cells of a mapping in the order of the model's columns; names are told by their text, as those of frames."""
    if feature_names is None:
        raise InputError(
            "a row given as a mapping needs a model with feature names; this one was trained without (names that are "
            "no text do not count): pass its cells in the order of the columns"
        )
    cells = {str(name): value for name, value in row.items()}
    if len(cells) != len(row):
        raise InputError(f"a row with two names of one text: {list(row)}")
    absent = [name for name in feature_names if name not in cells]
    unknown = [name for name in cells if name not in set(feature_names)]
    if absent or unknown:
        wanted = list(feature_names)
        raise InputError(f"a row needs exactly the columns {wanted}; missing {absent}, unknown {unknown}")
    return [cells[name] for name in feature_names]


def require_row(row: Any, shape: tuple[int, ...], n_features: int) -> None:
    if shape != (n_features,):
        of_shape = f" of shape {shape}" if shape else ""
        raise InputError(f"expected one row of {n_features} cells, got a {type(row).__qualname__}{of_shape}")


def by_name_instead(row: Any) -> str:
    """For models that know categories by name alone: where a row of text goes."""
    cells = row if isinstance(row, list | tuple | np.ndarray) else ()
    return "; text goes by name, in a dict" if any(isinstance(each, str) for each in cells) else ""
