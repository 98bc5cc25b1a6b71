"""Tables as CatBoost reads them into a Pool: numeric columns, each cell as float32.

=====================  =============================================================================================
names of the columns   those of a data frame or Arrow table, where the model knows every column that it asks for by
                       name and finds each, in any order. Otherwise by position, and known names must agree.
width                  columns that no tree asks for may be absent at the end, further ones are not looked at
integers               of a numpy array to float32 at once, of lists and objects by way of double
=====================  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, ModelFormatError
from . import Plain
from .columns import Columns, is_columns
from .sparse import Sparse, is_sparse
from .table import array_blocks, as_array, cast, column_blocks, elsewhere, is_dataframe, one_array, row_values

ARROW_NUMBERS = {"float16", "float32", "float64", "int", "bool"}


@dataclass(frozen=True, eq=False)
class CatBoostInputs:
    """What ``CatBoost.predict`` accepts of a model of numeric features."""

    n_features: int
    feature_names: tuple[str, ...] | None  # "" for a column without; None: no column has one
    is_used: np.ndarray  # bool, a column: whether a tree asks for it

    def __post_init__(self) -> None:
        if self.is_used.shape != (self.n_features,) or self.is_used.dtype != bool:
            raise ModelFormatError(f"is_used: {self.is_used.dtype} {self.is_used.shape} of {self.n_features} columns")

    @property
    def n_cells(self) -> int:
        """How many columns a block has."""
        return self.n_features

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """See `perfcore.inputs.Inputs.blocks`."""
        if is_dataframe(X):
            return len(X), self._frame_blocks(X)
        if is_columns(X):
            table = Columns.of(X)
            return len(table), self._column_blocks(table)
        if is_sparse(X):
            return self._sparse_blocks(X)
        if not isinstance(X, np.ndarray | list):
            kind = type(X)
            hint = "; pass the table that it was made from" if kind.__name__ == "Pool" else elsewhere(X)
            raise InputError(
                f"expected a numpy array, a list of rows, a data frame or an Arrow table, got {kind.__module__}."
                f"{kind.__qualname__}{hint}"
            )
        array = as_array(X)
        _require_numbers(array)
        self._require_columns(array.shape[1])
        if array.shape[1] > self.n_features:
            array = array[:, : self.n_features]
        blocks = array_blocks(*_numbers(array, through_double=isinstance(X, list)))
        return len(array), blocks if array.shape[1] == self.n_features else map(self._widened, blocks)

    def plain(self) -> Plain | None:
        return Plain()

    def row(self, row: Any) -> np.ndarray:
        """See `perfcore.inputs.Inputs.row`; a mapping has every column by name."""
        values = row_values(row, self.feature_names, self.n_features)
        _require_numbers(values)
        (block,) = array_blocks(*_numbers(values[None, :], through_double=not isinstance(row, np.ndarray)))
        return block[0]

    def _require_columns(self, width: int) -> None:
        """model_dataset_compatibility.cpp, CheckFeatureTypesAndNames."""
        absent = np.flatnonzero(self.is_used[width:])
        if len(absent) or width == 0:
            column = width + (int(absent[0]) if len(absent) else 0)
            name = self.feature_names[column] if self.feature_names and self.feature_names[column] else column
            raise InputError(f"feature {name} is present in the model but not among the table's {width} columns")

    def _sparse_blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """Absent cells are 0."""
        table = Sparse.of(X)
        _require_numbers(table.data)
        self._require_columns(table.shape[1])
        if table.has_duplicates or (X.format == "coo" and len(X.data) > table.indptr[-1]):
            raise InputError("a sparse table with several entries of one cell; call its sum_duplicates()")
        is_double = table.data.dtype.kind == "f" and table.data.dtype.itemsize >= 8
        return table.shape[0], table.blocks(0.0, np.float64 if is_double else np.float32, self.n_features)

    def _widened(self, block: np.ndarray) -> np.ndarray:
        wide = np.zeros((len(block), self.n_features), block.dtype)
        wide[:, : block.shape[1]] = block
        return wide

    # -- data frames -----------------------------------------------------------------------------------

    def _frame_blocks(self, X: Any) -> Iterator[np.ndarray]:
        places = self._places([str(name) for name in X.columns])
        _require_numeric_columns(X)
        if places == list(range(X.shape[1])) and len(places) == self.n_features:
            whole = one_array(X)
            if whole is not None:
                return iter([whole])
        columns = [_column(X.iloc[:, j]) if used else _zeros for j, used in zip(places, self.is_used, strict=True)]
        is_double = any(X.dtypes.iloc[j] != np.float32 for j, used in zip(places, self.is_used, strict=True) if used)
        return column_blocks(len(X), columns, np.float64 if is_double else np.float32)

    def _column_blocks(self, table: Columns) -> Iterator[np.ndarray]:
        """As Pool reads a polars frame: nulls are NaN, whole numbers are rounded to float32 at once."""
        places = self._places(table.names)
        table.require(ARROW_NUMBERS)
        if places == list(range(table.width)) and len(places) == self.n_features:
            whole = table.one_array()
            if whole is not None:
                return iter([whole])
        columns = [
            table.numbers(j, np.float32) if used else _zeros for j, used in zip(places, self.is_used, strict=True)
        ]
        is_double = any(table.kinds[j] == "float64" for j, used in zip(places, self.is_used, strict=True) if used)
        return column_blocks(len(table), columns, np.float64 if is_double else np.float32)

    def _places(self, names: list[str]) -> list[int]:
        """For each of the model's columns its place in the frame; model_dataset_compatibility.cpp."""
        if len(set(names)) != len(names):
            raise InputError(f"all feature names should be different, but the frame's columns are {names}")
        known = self.feature_names or ("",) * self.n_features
        asked = [name for name, used in zip(known, self.is_used, strict=True) if used]
        place = {name: j for j, name in enumerate(names)}
        if "" not in asked and len(set(asked)) == len(asked) and all(name in place for name in asked):
            return [place[name] if used else 0 for name, used in zip(known, self.is_used, strict=True)]
        self._require_columns(len(names))
        for j, (name, used) in enumerate(zip(known, self.is_used, strict=True)):
            if used and name and names[j] and names[j] != name:
                raise InputError(f"at position {j} should be feature with name {name} (found {names[j]})")
        return [j if used else 0 for j, used in enumerate(self.is_used)]


def _require_numbers(array: np.ndarray) -> None:
    if array.dtype.kind not in "biufO":
        raise InputError(f"cells must be numbers, got dtype {array.dtype}")


def _numbers(array: np.ndarray, through_double: bool) -> tuple[np.ndarray, Any]:
    """A table, and the dtype in which a kernel may read it, so that it rounds to float32 what CatBoost rounds."""
    kind = array.dtype.kind
    if kind == "O":
        return _doubles(array), np.float64
    is_wide = array.dtype.itemsize >= 8 if kind == "f" else through_double
    return array, np.float64 if is_wide else np.float32


_NO_NUMBERS = (str, bytes, complex, np.complexfloating)


def _doubles(array: np.ndarray) -> np.ndarray:
    """Python objects as float() reads them, None as NaN; texts, which CatBoost parses, are not read."""
    cells = array.ravel().tolist()
    if any(issubclass(kind, _NO_NUMBERS) for kind in set(map(type, cells))):
        raise InputError(
            f"cells must be numbers, got {next(cell for cell in cells if isinstance(cell, _NO_NUMBERS))!r}"
        )
    return cast(array, np.float64)


# -- columns of a data frame ------------------------------------------------------------------------------------


def _require_numeric_columns(X: Any, but: Container[int] = ()) -> None:
    from pandas import SparseDtype
    from pandas.api import types

    for j, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        if j in but:
            continue
        inner = dtype.subtype if isinstance(dtype, SparseDtype) else dtype
        is_read = types.is_bool_dtype(inner) or types.is_numeric_dtype(inner) or types.is_object_dtype(inner)
        if not is_read or types.is_complex_dtype(inner):
            raise InputError(f"column {name!r} is of {dtype}, which is no number, and the model has no category there")
        # CatBoost turns a nullable column of numbers into floats, one of bools with NA into objects.
        if types.is_bool_dtype(dtype) and not isinstance(dtype, np.dtype) and X.iloc[:, j].isna().any():
            raise InputError(f"column {name!r} is of {dtype} and holds NA, which CatBoost does not take for a number")


def _column(series: Any) -> Callable[[int, int], np.ndarray]:
    dtype = series.dtype
    if not isinstance(dtype, np.dtype):  # nullable numbers and sparse columns
        if hasattr(dtype, "na_value") and not hasattr(dtype, "fill_value"):
            return lambda start, stop: series.iloc[start:stop].to_numpy(np.float64, na_value=np.nan)
        return lambda start, stop: np.asarray(series.iloc[start:stop], np.float64)
    cells = series.to_numpy()
    if dtype.kind == "O":
        return lambda start, stop: _doubles(cells[start:stop])
    return lambda start, stop: cells[start:stop] if dtype.kind == "f" else cells[start:stop].astype(np.float32)


def _zeros(start: int, stop: int) -> np.ndarray:
    return np.zeros(stop - start, np.float32)
