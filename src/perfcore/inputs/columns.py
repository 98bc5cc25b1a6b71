"""Tables of named columns from any library: Arrow's C data interface, or the dataframe protocol, by way of pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import InputError
from .table import is_kernel_ready

# Below this many rows a chunk, chunks are joined: cutting blocks out of many costs more than the copy.
CHUNK_ROWS = 1024

_PROTOCOLS = ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")
_KINDS = {"halffloat": "float16", "float": "float32", "double": "float64", "bool": "bool"}
_KINDS |= {name: "text" for name in ("string", "large_string", "string_view")}
_KINDS |= {f"{sign}int{width}": "int" for sign in ("", "u") for width in (8, 16, 32, 64)}

Cells = Callable[[int, int], np.ndarray]  # (start, stop) -> the cells of these rows


def is_columns(X: Any) -> bool:
    """A table that hands out Arrow columns, told without importing pyarrow; pandas has readers of its own."""
    if isinstance(X, np.ndarray | list | tuple) or hasattr(X, "iloc"):
        return False
    return any(hasattr(type(X), name) for name in _PROTOCOLS) or _is_lazy(X)


def _is_lazy(X: Any) -> bool:
    return hasattr(type(X), "collect") and hasattr(type(X), "collect_schema")


def readable_again(X: Any) -> Any:
    """X, or for a stream, which can be read once, the table of it."""
    return _table(X) if is_columns(X) and not hasattr(X, "shape") else X


class Columns:
    """A table of Arrow columns, read where it lies."""

    def __init__(self, table: Any):
        self.table = table  # a pyarrow.Table, its dictionaries unified
        self.names: list[str] = table.column_names  # unique
        # "float16", "float32", "float64", "int", "bool", "text", "category", or another Arrow type's name
        self.kinds = [_kind(str(each)) for each in table.schema.types]
        batches = table.to_batches()
        self._arrays = batches[0].columns if len(batches) == 1 else None  # where no column is in several chunks

    @classmethod
    def of(cls, X: Any) -> Columns:
        table = _table(X)
        names = table.column_names
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InputError(f"a table that bears column names twice: {twice}")
        columns = cls(table)
        if columns._arrays is None and len(columns):
            n_chunks = max(column.num_chunks for column in table.columns)
            if n_chunks * CHUNK_ROWS > len(columns):
                return cls(table.combine_chunks())
            if "category" in columns.kinds:
                return cls(table.unify_dictionaries())
        return columns

    def __len__(self) -> int:
        """Rows."""
        return self.table.num_rows

    @property
    def width(self) -> int:
        return len(self.names)

    def require(self, allowed: set[str], places: Iterable[int] | None = None) -> None:
        """`InputError` where a column, or one of these, is of another kind."""
        bad = [
            f"{self.names[j]!r}: {self.table.schema.field(j).type}"
            for j in (range(self.width) if places is None else places)
            if self.kinds[j] not in allowed
        ]
        if bad:
            raise InputError(f"columns must be {' or '.join(sorted(allowed))}; cast these: {', '.join(bad)}")

    def one_array(self) -> np.ndarray | None:
        """The table as one array of columns, uncopied, where they lie evenly spaced in memory.

        None where they do not, and for a table of few rows, which is sooner copied than looked at.
        """
        if self._arrays is None or len(self) < CHUNK_ROWS or len({*self.kinds}) != 1:
            return None
        if self.kinds[0] not in ("float32", "float64") or any(array.null_count for array in self._arrays):
            return None
        cells = [array.to_numpy() for array in self._arrays]
        at = [each.ctypes.data for each in cells]
        size = cells[0].itemsize
        step = at[1] - at[0] if len(at) > 1 else size
        if step % size or any(b - a != step for a, b in zip(at[:-1], at[1:], strict=True)):
            return None
        whole = np.asarray(_Spaced(cells, (size, step)))
        return whole if is_kernel_ready(whole) else None

    def numbers(self, j: int, whole: Any) -> Cells:
        """Cells of a column of numbers as floats, null as NaN; whole numbers and bool become ``whole`` at once."""
        if self._arrays is None:
            column = self.table.column(j)
            return lambda start, stop: _join(column.slice(start, stop - start), lambda chunk: _floats(chunk, whole))
        array = self._arrays[j]
        if self.kinds[j] in ("float32", "float64") and not array.null_count:
            cells = array.to_numpy()
            return lambda start, stop: cells[start:stop]
        return lambda start, stop: _floats(array.slice(start, stop - start), whole)

    def cells(self, j: int) -> Cells:
        """Cells of a column as pyarrow makes numpy's of them: texts are objects, null is None or NaN."""
        column = self.table.column(j)
        return lambda start, stop: column.slice(start, stop - start).to_numpy()

    def category(self, j: int) -> tuple[list, Cells]:
        """The values of a dictionary column, and its cells' codes: places in them, null as -1."""
        column = self.table.column(j)
        values = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
        return values, lambda start, stop: _join(column.slice(start, stop - start), _codes)


class _Spaced:
    """Columns evenly spaced in memory, as numpy takes an array from; it keeps them alive."""

    def __init__(self, cells: list[np.ndarray], strides: tuple[int, int]):
        self.cells = cells
        self.__array_interface__ = {
            "version": 3,
            "typestr": cells[0].dtype.str,
            "shape": (len(cells[0]), len(cells)),
            "strides": strides,
            "data": (cells[0].ctypes.data, True),
        }


def _table(X: Any) -> Any:
    kind = f"{type(X).__module__}.{type(X).__qualname__}"
    if _is_lazy(X):
        raise InputError(f"{kind} holds no rows yet: pass what its collect() returns")
    import pyarrow

    try:
        if isinstance(X, pyarrow.Table):
            return X
        if isinstance(X, pyarrow.RecordBatch):
            return pyarrow.Table.from_batches([X])
        if hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__"):
            return pyarrow.table(X)
        from pyarrow.interchange import from_dataframe

        return from_dataframe(X)
    except (pyarrow.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        raise InputError(f"cannot read {kind} as a table of columns: {error}") from error


def _kind(type_name: str) -> str:
    return "category" if type_name.startswith("dictionary<") else _KINDS.get(type_name, type_name)


def _join(column: Any, read: Callable[[Any], np.ndarray]) -> np.ndarray:
    parts = [read(chunk) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _floats(array: Any, whole: Any) -> np.ndarray:
    kind = _kind(str(array.type))
    cells: np.ndarray
    is_float = kind.startswith("float")
    if is_float or not array.null_count:
        cells = array.to_numpy(zero_copy_only=False)  # in floats, null is NaN
        return cells if is_float else cells.astype(whole)
    # Each whole number is rounded once: pyarrow's own way, where there are nulls, is by float64.
    cells = array.fill_null(False if kind == "bool" else 0).to_numpy(zero_copy_only=False).astype(whole)
    cells[array.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return cells


def _codes(array: Any) -> np.ndarray:
    indices = array.indices
    if indices.null_count:
        return indices.cast("int64").fill_null(-1).to_numpy()
    return indices.to_numpy()
