"""pandas data frames, polars and Arrow tables as scikit-learn's check_array() reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from .columns import Columns, is_columns
from .table import BLOCK_ROWS, column_blocks


def is_frame(X: Any) -> bool:
    """A table with column names: pandas, polars, pyarrow and their like, told without importing them."""
    return not isinstance(X, np.ndarray) and (is_columns(X) or hasattr(X, "columns") or hasattr(X, "column_names"))


class Frame(NamedTuple):
    """A data frame's rows, a few at a time, by the very conversions that check_array() makes of the whole.

    Those depend on dtypes alone, never on values, so that a block comes out as its rows of the whole would.
    """

    table: Any
    names: tuple[str, ...] | None  # None where scikit-learn sees none: columns that are not all strings
    is_pandas: bool
    arrow: Columns | None = None

    @classmethod
    def of(cls, X: Any) -> Frame:
        if is_columns(X):
            arrow = Columns.of(X)
            return cls(X if hasattr(X, "__array__") else arrow.table, tuple(arrow.names), False, arrow)
        is_pandas = hasattr(X, "iloc")
        columns = list(getattr(X, "column_names", None) or X.columns)
        kinds = {type(name) for name in columns}
        if len(kinds) > 1 and str in kinds:
            raise InputError(
                "feature names must be all strings or none, but the columns' names are "
                + ", ".join(sorted(kind.__qualname__ for kind in kinds))
            )
        if len(set(columns)) != len(columns):
            raise InputError(f"the data frame bears a column name twice: {columns}")
        if len(X.shape) != 2:
            raise InputError(f"expected a 2-D data frame, got shape {X.shape}")
        if is_pandas and len(columns) and _all_sparse(X):
            raise InputError("a data frame of sparse columns is not supported; pass X.sparse.to_dense()")
        return cls(X, tuple(map(str, columns)) if kinds == {str} else None, is_pandas)

    @property
    def shape(self) -> tuple[int, int]:
        return tuple(self.table.shape) if self.arrow is None else (len(self.arrow), self.arrow.width)

    def places(self, names: tuple[str, ...]) -> list[int]:
        """Where the named columns lie; `InputError` where one is absent."""
        if names == self.names:
            return list(range(len(names)))
        place = {name: j for j, name in enumerate(self.names or ())}
        missing = [name for name in names if name not in place]
        if missing:
            raise InputError(f"columns are missing: {missing}")
        return [place[name] for name in names]

    def blocks(self, dtype: np.dtype | None) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, rows) as ``dtype``; None: in that which check_array(dtype=None) gives the whole."""
        if self.arrow is not None and dtype is not None and self._is_read_by_columns(dtype):
            columns = [self.arrow.numbers(j, dtype) for j in range(self.arrow.width)]
            starts = range(0, len(self.arrow), BLOCK_ROWS)
            yield from zip(starts, column_blocks(len(self.arrow), columns, dtype), strict=True)
            return
        # What is not pandas may choose the type on the way by its values (nulls), so it is read as a whole.
        whole = None if self.is_pandas else _convert(lambda: np.asarray(self.table, dtype))
        for start in range(0, self.shape[0], BLOCK_ROWS):
            stop = start + BLOCK_ROWS
            yield start, _pandas_array(self.table.iloc[start:stop], dtype) if whole is None else whole[start:stop]

    def _is_read_by_columns(self, dtype: np.dtype) -> bool:
        """Whether each cell comes to ``dtype`` by one rounding, whatever type the whole takes on its way."""
        types = {str(each) for each in self.arrow.table.schema.types}
        whole = {"bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"}
        if dtype == np.float64:
            whole |= {"int64", "uint64"}
        return types <= {"float", "double"} | whole

    def numeric(self, dtype: np.dtype | None = None) -> np.ndarray:
        """The whole table, in the dtype and layout of check_array(dtype="numeric").

        ``dtype``: what it is cast to at once, unless it is a pandas frame, whose dtypes scikit-learn sees.
        """
        return _pandas_array(self.table, None) if self.is_pandas else _convert(lambda: np.asarray(self.table, dtype))

    def numbers(self, column: int, start: int, stop: int) -> np.ndarray:
        """Cells of one column as float64."""
        if self.is_pandas:
            dtype = self.table.dtypes.iloc[column]
            if getattr(dtype, "kind", "") in ("m", "M"):
                raise InputError(f"column {column}: {dtype} is no number; scikit-learn takes none beside numbers")
            return _pandas_array(self.table.iloc[start:stop, column : column + 1], np.dtype(np.float64))[:, 0]
        return _convert(lambda: np.asarray(self._column(column)[start:stop], np.float64))

    def categories(self, column: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Cells of one column as they are, and None; or of a pandas category its values, and the cells' codes."""
        if not self.is_pandas:
            return _convert(lambda: np.asarray(self._column(column)[start:stop])), None
        cells = self.table.iloc[start:stop, column]
        if hasattr(cells.dtype, "categories") and hasattr(cells, "cat"):
            return np.asarray(cells.dtype.categories), np.asarray(cells.cat.codes)
        if _needs_conversion(cells.dtype):
            target = cells.dtype if isinstance(cells.dtype, np.dtype) else None
            return _convert(lambda: np.asarray(cells.astype(target))), None
        return np.asarray(cells), None

    def _column(self, column: int) -> Any:
        return self.table[self.names[column] if self.names else column]


def _all_sparse(X: Any) -> bool:
    from pandas import SparseDtype

    return all(isinstance(dtype, SparseDtype) for dtype in X.dtypes)


def _pandas_array(X: Any, dtype: np.dtype | None) -> np.ndarray:
    """check_array() of a pandas frame; ``dtype`` None stands for its "numeric"."""
    dtypes = list(X.dtypes)
    converts = any(_needs_conversion(each) for each in dtypes)
    original: Any = None
    if all(isinstance(each, np.dtype) for each in dtypes):
        original = _convert(lambda: np.empty(0, np.result_type(*dtypes))).dtype
    elif any(_is_string(each) for each in dtypes) or (converts and np.dtype(object) in dtypes):
        original = np.dtype(object)
    target = dtype
    if dtype is None and original is not None and original.kind == "O":
        target = np.dtype(np.float64)
    if not converts:
        return _convert(lambda: np.asarray(X, target))
    # Nullable and bool columns are converted one by one: __array__ would make the whole table objects.
    return _convert(lambda: np.asarray(X.astype(original if target is None else target)))


def _convert(convert: Any) -> np.ndarray:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            array = convert()
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"cannot read the table's cells as numbers: {error}") from error
    if array.dtype.kind == "c":
        raise InputError("complex data is not supported")
    return array


def _needs_conversion(dtype: Any) -> bool:
    """sklearn.utils.validation._pandas_dtype_needs_early_conversion."""
    from pandas import SparseDtype
    from pandas.api import types

    if types.is_bool_dtype(dtype):
        return True
    if isinstance(dtype, SparseDtype) or not types.is_extension_array_dtype(dtype):
        return False
    return types.is_float_dtype(dtype) or types.is_integer_dtype(dtype)


def _is_string(dtype: Any) -> bool:
    from pandas import StringDtype

    return isinstance(dtype, StringDtype)
