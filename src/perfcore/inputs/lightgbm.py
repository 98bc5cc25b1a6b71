"""Tables as LightGBM reads them: columns by position, whatever is not a float as float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from . import Plain
from .columns import Columns, is_columns
from .sparse import Sparse, is_kind, is_sparse
from .table import (
    BLOCK_ROWS,
    array_blocks,
    by_name_instead,
    cast,
    coded,
    column_blocks,
    elsewhere,
    is_dataframe,
    no_table,
    one_array,
    require_row,
    row_values,
)

_ARROW_KINDS = {"float32", "float64", "int", "bool", "category"}


@dataclass(frozen=True, eq=False)
class LightGBMInputs:
    """What Booster.predict accepts, and, where ``estimator`` is set, LGBMModel.predict, which checks more.

    ``pandas_categorical``: the categories of each category column of a frame, in the frame's order.
    ``category_columns``: which columns those are, where the model tells; for rows given as mappings.
    """

    n_features: int
    feature_names: tuple[str, ...] | None
    pandas_categorical: tuple[tuple[None | bool | int | float | str, ...], ...] | None = None
    category_columns: tuple[int, ...] | None = None
    estimator: str | None = None  # the estimator's name; None: a Booster
    reads_tiny: bool = False  # a question or a linear leaf may tell cells of |x| <= 1e-35 from 0

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        if is_dataframe(X):
            return self._frame_blocks(X)
        if is_columns(X):
            return self._column_blocks(Columns.of(X))
        if is_sparse(X):
            return self._sparse_blocks(X)
        array = self._array(X)
        return len(array), array_blocks(array, self._cell_dtype(array.dtype))

    def plain(self) -> Plain:
        return Plain()

    def row(self, row: Any) -> np.ndarray:
        """As the table ``[row]``; a mapping as a data frame of one row, with its category values as they are."""
        if isinstance(row, Mapping):
            return cast(row_values(self._coded(row), self.feature_names, self.n_features), np.float64)
        try:
            array = self._as_array(row[None] if isinstance(row, np.ndarray) else [row])
            require_row(row, array.shape[1:], self.n_features)
            return cast(array, self._cell_dtype(array.dtype))[0]
        except InputError as error:
            raise InputError(f"{error}{by_name_instead(row) if self.pandas_categorical else ''}") from error

    # -- arrays and lists ------------------------------------------------------------------------------

    def _array(self, X: Any) -> np.ndarray:
        array = self._as_array(X)
        if array.ndim != 2:
            raise no_table(X, array.shape)
        self._require_width(array.shape[1])
        self._require_rows(len(array))
        return array

    def _require_rows(self, n_rows: int) -> None:
        if self.estimator is not None and n_rows == 0:
            raise InputError(f"found 0 rows; {self.estimator} needs at least one")

    def _as_array(self, X: Any) -> np.ndarray:
        if self.estimator is None and not isinstance(X, np.ndarray | list):
            raise InputError(
                f"expected a numpy array, a pandas DataFrame or a list of rows, got {_type_name(X)}{elsewhere(X)}"
            )
        is_frame = hasattr(X, "tocsr") or hasattr(X, "columns") or hasattr(X, "column_names")
        if is_frame or (self.estimator is not None and isinstance(X, np.matrix)):
            raise InputError(f"expected a numpy array, a pandas DataFrame or a list of rows, got {_type_name(X)}")
        try:
            array = np.asarray(X)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"cannot make an array of {_type_name(X)}: {error}") from error
        # sklearn.utils.check_array as LGBMModel.predict calls it: dtype="numeric", any finiteness.
        if self.estimator is not None and array.ndim and array.dtype.kind in "USVc":
            raise InputError(f"{self.estimator} takes no cells of type {array.dtype}")
        return array

    def _cell_dtype(self, dtype: np.dtype) -> np.dtype:
        """basic.py _np2d_to_np1d: native float32 and float64 stay, all else becomes float32.

        Before that, check_array makes float64 of an estimator's objects.
        """
        if dtype in (np.float32, np.float64):
            return dtype
        return np.dtype(np.float64 if dtype.kind == "O" and self.estimator is not None else np.float32)

    def _require_width(self, width: int) -> None:
        if width != self.n_features:
            raise InputError(
                f"the number of features in data ({width}) is not the same as it was in training data "
                f"({self.n_features})"
            )

    # -- data frames -----------------------------------------------------------------------------------

    def _frame_blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """basic.py _data_from_pandas: every column in one float dtype that holds them all."""
        if len(X.shape) != 2 or len(X) == 0:
            raise InputError("a data frame must be 2-dimensional and have rows")
        self._require_width(X.shape[1])
        dtypes = list(X.dtypes)
        categorical = [j for j, dtype in enumerate(dtypes) if _is_category(dtype)]
        tables = self._code_tables(X, categorical)
        _require_numbers(X.columns, dtypes, categorical)
        numeric = [dtype.type for j, dtype in enumerate(dtypes) if j not in tables]
        target = np.result_type(np.float32, *numeric, *(table.dtype for table in tables.values()))
        whole = one_array(X)
        if whole is not None:
            return len(X), iter([whole])
        columns = [
            _codes_of(X.iloc[:, j], tables[j]) if j in tables else _numbers_of(X.iloc[:, j], target)
            for j in range(self.n_features)
        ]
        return len(X), column_blocks(len(X), columns, target)

    def _code_tables(self, X: Any, categorical: list[int]) -> dict[int, np.ndarray]:
        """For each category column: the model's code for each of the column's own, and NaN at the end."""
        twice = [str(X.columns[j]) for j in categorical if (X.columns == X.columns[j]).sum() > 1]
        if twice:
            raise InputError(f"category columns whose names are there twice: {twice}")
        known = self.pandas_categorical
        if known is None:  # a model that never saw a category column reads the frame's own codes
            return {j: _code_table(X.dtypes.iloc[j], None) for j in categorical}
        self._require_categories([str(X.columns[j]) for j in categorical])
        return {j: _code_table(X.dtypes.iloc[j], values) for j, values in zip(categorical, known, strict=True)}

    def _require_categories(self, names: list[str]) -> None:
        if len(names) != len(self.pandas_categorical):
            raise InputError(
                f"train and valid dataset categorical_feature do not match: the table has {len(names)} category "
                f"columns {names}, the training table had {len(self.pandas_categorical)}"
            )

    # -- tables of Arrow columns -----------------------------------------------------------------------

    def _column_blocks(self, table: Columns) -> tuple[int, Iterator[np.ndarray]]:
        """LGBM_BoosterPredictForArrowStream: by position, each number as a double; names do not count.

        Dictionary columns, which LightGBM refuses in Arrow tables, are read as the pandas categories that they are.
        """
        self._require_width(table.width)
        self._require_rows(len(table))
        table.require(_ARROW_KINDS)
        whole = table.one_array()
        if whole is not None:
            return len(table), self._without_tiny(iter([whole]))
        categorical = [j for j, kind in enumerate(table.kinds) if kind == "category"]
        known = self.pandas_categorical
        if categorical and known is not None:
            self._require_categories([table.names[j] for j in categorical])
        columns = [table.numbers(j, np.float64) if j not in categorical else None for j in range(table.width)]
        for place, j in enumerate(categorical):
            values, codes = table.category(j)
            columns[j] = coded(codes, _codes_among(values, None if known is None else known[place]))
        dtype = np.float32 if {*table.kinds} == {"float32"} else np.float64
        return len(table), self._without_tiny(column_blocks(len(table), columns, dtype))

    # -- sparse tables ---------------------------------------------------------------------------------

    def _sparse_blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """Absent cells are 0. A csc_matrix has a reader of its own, all else goes by rows.

        Of several entries of a cell that takes the first, and loses what is not in order (c_api.cpp, CSC_RowIterator);
        the other takes the last.
        """
        by_columns = is_kind(X, "csc_matrix")
        table = Sparse.of(X)
        dtype = table.data.dtype
        if dtype not in (np.float32, np.float64):
            raise InputError(f"expected entries of float32 or float64, got {dtype}")
        self._require_width(table.shape[1])
        self._require_rows(table.shape[0])
        if by_columns and not _is_in_order(X):
            raise InputError("a csc_matrix whose columns are not sorted by rows; call its sort_indices()")
        blocks = table.blocks(0.0, dtype, self.n_features, first_counts=by_columns)
        return table.shape[0], blocks if by_columns else self._without_tiny(blocks)

    def _without_tiny(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            if self.reads_tiny and any(
                _has_tiny(block[at : at + BLOCK_ROWS]) for at in range(0, len(block), BLOCK_ROWS)
            ):
                raise InputError(
                    "cells of at most 1e-35 that are not 0: LightGBM reads them as they are in Arrow tables and sparse "
                    "rows, but as 0 in arrays, and this model tells them apart; pass an array"
                )
            yield block

    # -- one row by name -------------------------------------------------------------------------------

    def _coded(self, row: Mapping) -> Mapping:
        cells = {str(name).replace(" ", "_"): value for name, value in row.items()}  # as Dataset renames columns
        if len(cells) != len(row):
            raise InputError(f"a row with two names that are one to LightGBM: {list(row)}")
        row, known, columns = cells, self.pandas_categorical or (), self.category_columns
        if known and columns is None:
            raise InputError(
                "this model was trained on category columns but does not say which; pass a DataFrame of one row"
            )
        if not columns or self.feature_names is None:
            return row
        for column, values in zip(columns, known, strict=True):
            name = self.feature_names[column]
            if name in row:
                row[name] = _code(row[name], values)
        return row


def _has_tiny(block: np.ndarray) -> bool:
    """Whether a cell other than 0 is no larger than meta.h's kZeroThreshold."""
    bits: Any = np.uint32 if block.dtype == np.float32 else np.uint64
    bound = np.array([np.float32(1e-35)], block.dtype).view(bits) << bits(1)
    return bool((((block.view(bits) << bits(1)) - bits(1)) < bound).any())


def _is_in_order(X: Any) -> bool:
    rises = np.diff(X.indices[: X.indptr[-1]]) >= 0
    ends = X.indptr[1:-1]
    rises[ends[(ends > 0) & (ends < X.indptr[-1])] - 1] = True
    return bool(rises.all())


def _code(value: Any, values: tuple) -> float:
    """Where pandas would find a value among a column's categories: 1 and 1.0 are one, 1 and True are not."""
    if type(value).__name__ == "NAType":  # pandas.NA, which is equal to nothing, nor unequal
        return np.nan
    for code, known in enumerate(values):
        if known == value and isinstance(known, bool) == isinstance(value, bool | np.bool_):
            return code
    return np.nan


def _type_name(X: Any) -> str:
    return f"{type(X).__module__}.{type(X).__qualname__}"


def _is_category(dtype: Any) -> bool:
    return type(dtype).__name__ == "CategoricalDtype"


def _require_numbers(names: Any, dtypes: list, categorical: list[int]) -> None:
    """basic.py _check_for_bad_pandas_dtypes."""
    bad = [
        f"{name}: {dtype}"
        for j, (name, dtype) in enumerate(zip(names, dtypes, strict=True))
        if j not in categorical and not _is_number(dtype.type)
    ]
    if bad:
        raise InputError(f"pandas dtypes must be int, float or bool. Fields with bad pandas dtypes: {', '.join(bad)}")


def _is_number(kind: type) -> bool:
    numbers = (np.integer, np.floating, np.bool_)
    return issubclass(kind, numbers) and not issubclass(kind, np.timedelta64 | np.longdouble)


def _code_table(dtype: Any, values: tuple | None) -> np.ndarray:
    """A category dtype's codes as the model numbers them, by pandas' own set_categories; NaN for the unseen."""
    import pandas

    own = list(dtype.categories)
    codes = np.arange(len(own))
    if values is not None and own != list(values):
        try:
            column = pandas.Categorical.from_codes(codes, categories=dtype.categories)
            codes = np.asarray(column.set_categories(list(values)).codes)
        except (TypeError, ValueError) as error:
            raise InputError(f"categories {own[:5]} against {list(values)[:5]} of the model: {error}") from error
    table: np.ndarray = np.append(codes, -1).astype(np.float64 if len(codes) > 2**24 else np.float32)
    table[table < 0] = np.nan
    return table


def _codes_among(own: list, values: tuple | None) -> np.ndarray:
    """As `_code_table`, of a dictionary column's values; 1 and 1.0 are one, 1 and True are not."""
    if values is None:
        return np.array([*range(len(own)), np.nan], np.float64)
    known = {(value, isinstance(value, bool)): code for code, value in reversed(list(enumerate(values)))}
    try:
        return np.array([*(known.get((value, isinstance(value, bool)), np.nan) for value in own), np.nan], np.float64)
    except TypeError as error:
        raise InputError(f"categories {own[:5]} against {list(values)[:5]} of the model: {error}") from error


def _codes_of(column: Any, table: np.ndarray) -> Callable[[int, int], np.ndarray]:
    codes = np.asarray(column.cat.codes)
    return lambda start, stop: table[codes[start:stop]]


def _numbers_of(column: Any, dtype: Any) -> Callable[[int, int], np.ndarray]:
    if isinstance(column.dtype, np.dtype):
        cells = column.to_numpy()
        return lambda start, stop: cells[start:stop]
    return lambda start, stop: column.iloc[start:stop].to_numpy(dtype=dtype, na_value=np.nan)
