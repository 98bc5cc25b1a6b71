"""Tables as scikit-learn's validate_data() and check_array() take them, block by block."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np

from .._ext import cells
from ..errors import InputError, ModelFormatError
from . import Plain
from .frames import Frame, is_frame
from .sparse import Sparse, is_sparse
from .table import BLOCK_ROWS, ROUNDS_TO_INFINITY, cast, is_kernel_ready, no_table, one_array, row_values, scan

FINITE, NAN, ANYTHING = "finite", "nan", "anything"  # what cells a model takes beside finite numbers


def as_table(X: Any, dtype: Any) -> np.ndarray:
    """A list, array or array-like as the 2-D array that check_array() would make; numpy arrays are not cast."""
    if isinstance(X, np.matrix):
        raise InputError("np.matrix is not supported; pass np.asarray(X)")
    if is_sparse(X):
        raise InputError("a sparse table is not supported; pass X.toarray()")
    array = np.asarray(X) if isinstance(X, np.ndarray) else _as_array(X, dtype)
    rows = X if isinstance(X, list | tuple) else ()
    if array.dtype.kind == "c" or any(isinstance(row, np.ndarray) and row.dtype.kind == "c" for row in rows):
        raise InputError("complex data is not supported")
    if array.ndim != 2:
        raise no_table(X, array.shape)
    return array


def _as_array(X: Any, dtype: Any) -> np.ndarray:
    try:
        return cast(X, dtype)
    except InputError:
        if isinstance(X, list | tuple) or hasattr(X, "__len__") and not isinstance(X, str | bytes | Mapping):
            raise
        raise no_table(X, ()) from None


def check_names(names: tuple[str, ...] | None, table: tuple[str, ...] | None, estimator: str) -> None:
    """scikit-learn's _check_feature_names: order and spelling as fitted; a side without names is warned of."""
    if names == table:
        return
    if names is None:
        warnings.warn(f"X has feature names, but {estimator} was fitted without feature names", stacklevel=5)
    elif table is None:
        warnings.warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names", stacklevel=5
        )
    else:
        unseen, missing = sorted(set(table) - set(names)), sorted(set(names) - set(table))
        message = "The feature names should match those that were passed during fit."
        if unseen:
            message += f" Feature names unseen at fit time: {', '.join(unseen)}."
        if missing:
            message += f" Feature names seen at fit time, yet now missing: {', '.join(missing)}."
        if not unseen and not missing:
            message += f" Feature names must be in the same order as they were in fit: {', '.join(names)}."
        raise InputError(message)


def check_cells(block: np.ndarray, precision: Any, allows: str, first_row: int = 0) -> None:
    """Refuse cells that scikit-learn's _assert_all_finite refuses; ``precision``: the dtype that it would see."""
    if allows == ANYTHING or block.dtype.char not in "efd" or not block.size:
        return
    if block.dtype.char == "e":
        block = block.astype(np.float32)
    nan, large = scan(block, precision)
    if large or (nan and allows == FINITE):
        bound = ROUNDS_TO_INFINITY if precision == np.float32 and block.dtype.itemsize > 4 else np.inf
        refused = np.abs(block) >= bound
        _refuse_cell(block, refused | np.isnan(block) if allows == FINITE else refused, precision, first_row)


def _refuse_cell(block: np.ndarray, refused: np.ndarray, precision: Any, first_row: int) -> NoReturn:
    row, column = np.argwhere(refused)[0].tolist()
    where = f" (row {first_row + row}, column {column}: {block[row, column]})"
    if np.isnan(block[refused]).any():
        raise InputError(f"Input X contains NaN, which this model does not accept.{where}")
    raise InputError(f"Input X contains infinity or a value too large for {np.dtype(precision)!r}.{where}")


def check_shape(n_rows: int, n_columns: int, n_features: int, estimator: str) -> None:
    if n_rows == 0:
        raise InputError(f"Found array with 0 sample(s), {n_columns} features, while a minimum of 1 is required.")
    if n_columns != n_features:
        raise InputError(f"X has {n_columns} features, but {estimator} is expecting {n_features} features as input.")


@dataclass(frozen=True, eq=False)
class NumericInputs:
    """Tables of numbers for trees: float32 for the exact ones, float64 for the histogram ones."""

    n_features: int
    feature_names: tuple[str, ...] | None
    estimator: str  # the source's class, for messages
    precision: Literal["float32", "float64"]  # what check_array() casts to
    allows: Literal["finite", "nan", "anything"]  # FINITE, NAN or ANYTHING
    of_members: bool = False  # an ensemble takes the table in the dtype that it has, its members cast it
    unread: tuple[int, ...] = ()  # columns that no member is given, so that none looks at their cells

    def __post_init__(self) -> None:
        if not all(0 <= column < self.n_features for column in self.unread):
            raise ModelFormatError(f"inputs: unread columns {self.unread} of a table of {self.n_features}")

    @property
    def allows_nan(self) -> bool:
        return self.allows != FINITE

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        dtype = None if self.of_members else np.dtype(self.precision)
        if is_sparse(X) and self.precision == "float32":  # histogram boosting takes none
            return self._sparse_blocks(self._cast_sparse(X))
        if is_frame(X):
            frame = Frame.of(X)
            check_names(self.feature_names, frame.names, self.estimator)
            check_shape(*frame.shape, self.n_features, self.estimator)
            whole = one_array(X) if frame.is_pandas else frame.arrow.one_array() if frame.arrow else None
            if whole is None:
                return frame.shape[0], self._frame_blocks(frame, dtype)
            array = whole
        else:
            array = as_table(X, dtype)
            check_names(self.feature_names, None, self.estimator)
            check_shape(len(array), array.shape[1], self.n_features, self.estimator)
        if not is_kernel_ready(array):
            return len(array), self._cast_blocks(array)
        for start in range(0, len(array), BLOCK_ROWS):
            self._check(array[start : start + BLOCK_ROWS], start)
        return len(array), iter((array,))

    def _cast_blocks(self, array: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(array), BLOCK_ROWS):
            block = cast(array[start : start + BLOCK_ROWS], self.precision)
            self._check(block, start)
            yield block

    def _frame_blocks(self, frame: Frame, dtype: np.dtype | None) -> Iterator[np.ndarray]:
        for start, block in frame.blocks(dtype):
            ready = block if is_kernel_ready(block) else cast(block, self.precision)
            self._check(ready, start)
            yield ready

    def _cast_sparse(self, X: Any) -> Sparse:
        """By scipy's own astype(), as check_array: where it has something to cast, it adds up the entries of a cell."""
        table = Sparse.of(X)
        if table.data.dtype.kind not in "biuf":
            raise InputError(f"dtype {table.data.dtype} is not supported; convert the table to float64")
        if table.data.dtype == np.dtype(self.precision):
            return table
        with np.errstate(over="ignore"):
            return Sparse.of(X.tocsr().astype(self.precision))

    def _sparse_blocks(self, table: Sparse) -> tuple[int, Iterator[np.ndarray]]:
        """Absent cells are 0, of several entries of one the last counts: tree/_tree.pyx, _apply_sparse_csr."""
        check_names(self.feature_names, None, self.estimator)
        check_shape(*table.shape, self.n_features, self.estimator)
        return table.shape[0], self._finite_blocks(table.blocks(0.0, self.precision, self.n_features))

    def _finite_blocks(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Trees that know what to do with missing cells do not take them in sparse tables."""
        first_row = 0
        for block in blocks:
            self._check(block, first_row, FINITE)
            first_row += len(block)
            yield block

    def _check(self, block: np.ndarray, first_row: int = 0, allows: str | None = None) -> None:
        if self.unread:
            block = block.copy()
            block[:, list(self.unread)] = 0
        check_cells(block, np.dtype(self.precision), allows or self.allows, first_row)

    def plain(self) -> Plain:
        """Tables of a model with feature names are warned of, so that they are no plain ones."""
        takes_tables = self.feature_names is None
        if self.allows == ANYTHING:
            return Plain(takes_tables=takes_tables)
        bound = ROUNDS_TO_INFINITY if self.precision == "float32" else np.inf
        return Plain(bound, self.allows == NAN, takes_tables)

    def row(self, row: Any) -> np.ndarray:
        dtype = None if self.of_members else np.dtype(self.precision)
        values = row_cells(row, self.feature_names, self.n_features, dtype)
        if not is_kernel_ready(values):
            values = cast(values, self.precision)
        self._check(values[None, :])
        return values


def row_cells(row: Any, names: tuple[str, ...] | None, n_features: int, dtype: Any) -> np.ndarray:
    """One row, 1-D: a numpy array as it is, anything else as the list ``[row]`` would be read."""
    try:
        with np.errstate(over="ignore"):
            values = row_values(row, names, n_features, None if isinstance(row, np.ndarray) else dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise error if isinstance(error, InputError) else InputError(f"cannot read the row: {error}") from error
    if values.dtype.kind == "c":
        raise InputError("complex data is not supported")
    return values


@dataclass(frozen=True, eq=False)
class LinearInputs:
    """Tables for linear models: whole, in the dtype and layout that check_array() hands to BLAS."""

    n_features: int
    feature_names: tuple[str, ...] | None
    estimator: str
    keeps: tuple[str, ...] | None = None  # the dtypes that are not cast to float64; None: all
    centre: np.ndarray | None = None  # what is taken off each row, in the table's own dtype
    above: float | None = None  # cells above it become 1, others 0: sklearn.preprocessing.binarize
    takes_sparse: bool = True

    @property
    def allows_nan(self) -> bool:
        return False

    def array(self, X: Any) -> np.ndarray:
        """The table that the source would multiply; numpy arrays of numbers as they are, and sparse rows."""
        if self._passes_on and self.feature_names is None and cells.is_finite_table(X, self.n_features):
            return X
        if is_sparse(X):
            return self._sparse(X)
        if is_frame(X):
            frame = Frame.of(X)
            check_names(self.feature_names, frame.names, self.estimator)
            array = frame.numeric(self._dtype)
        else:
            array = as_table(X, None if hasattr(X, "dtype") else self._dtype)
            check_names(self.feature_names, None, self.estimator)
            if array.dtype.kind == "O" and hasattr(X, "dtype"):
                array = cast(array, np.float64)
        check_shape(len(array), array.shape[1], self.n_features, self.estimator)
        return self._finite(array)

    @property
    def _dtype(self) -> np.dtype | None:
        """What a table that bears no dtype is read as; None: what numpy makes of it."""
        return None if self.keeps is None else np.dtype(np.float64)

    def _sparse(self, X: Any) -> Any:
        """Rows compressed by scipy, whose own product is taken; other forms are multiplied in other orders."""
        if not self.takes_sparse:
            raise InputError("a sparse table is not supported; pass X.toarray()")
        if X.format != "csr":
            raise InputError(f"a sparse table of the form {X.format} is not supported; pass X.tocsr() or X.toarray()")
        table = Sparse.of(X)
        check_names(self.feature_names, None, self.estimator)
        check_shape(*table.shape, self.n_features, self.estimator)
        data = table.data
        if data.dtype.kind not in "biuf" or data.dtype.itemsize > 8:
            raise InputError(f"dtype {data.dtype} is not supported; convert the table to float64")
        check_cells(data[None, :], data.dtype, FINITE)
        return X if self.keeps is None or data.dtype.name in self.keeps else X.astype(np.float64)

    def takes_rows(self, dtype: np.dtype) -> bool:
        """Whether compressed rows of the dtype, of finite cells, are multiplied as they are."""
        return self._passes_on and self.takes_sparse and (self.keeps is None or dtype.name in self.keeps)

    @property
    def _passes_on(self) -> bool:
        """Whether plain arrays of finite floats are handed on as they are: the general way, seen from its end."""
        return self.centre is None and self.above is None

    def _finite(self, array: np.ndarray) -> np.ndarray:
        """The table in a dtype that the source computes with, checked and centred."""
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise InputError(f"dtype {array.dtype} is not supported; convert the table to float64")
        if self.keeps is not None and not (array.dtype.isnative and array.dtype.name in self.keeps):
            array = cast(array, np.float64)
        for start in range(0, len(array), BLOCK_ROWS):
            check_cells(array[start : start + BLOCK_ROWS], array.dtype, FINITE, start)
        if self.centre is not None:
            array = np.array(array)  # in the layout of check_array(copy=True)
            array -= self.centre
        if self.above is not None:
            array = (array > self.above).astype(array.dtype)
        return array

    def row(self, row: Any) -> np.ndarray:
        if self._passes_on and (type(row) is list or type(row) is np.ndarray):
            values = np.asarray(row, self._dtype if type(row) is list else None)
            if values.ndim == 1 and cells.is_finite_table(values[None, :], self.n_features):
                return values
        values = row_cells(row, self.feature_names, self.n_features, self._dtype)
        if values.dtype.kind == "O" and hasattr(row, "dtype"):
            values = cast(values, np.float64)
        return self._finite(values[None, :])[0]


@dataclass(frozen=True, eq=False)
class CategoryInputs:
    """Tables with category columns, recoded as HistGradientBoosting's ColumnTransformer recodes them.

    A data frame is taken by name where the model was: its columns may lie in another order and beside others.
    """

    n_features: int
    feature_names: tuple[str, ...] | None
    categories: tuple[np.ndarray | None, ...]  # for each column the values of codes 0, 1, ...; None: a number

    def __post_init__(self) -> None:
        if any(known is not None and known.ndim != 1 for known in self.categories):
            raise ModelFormatError("inputs: the categories of a column are a list of values")

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        if is_frame(X):
            frame = Frame.of(X)
            if self.feature_names is None:
                check_names(None, frame.names, "OrdinalEncoder")
                at = list(range(frame.shape[1]))
            else:
                at = frame.places(self.feature_names)
            check_shape(frame.shape[0], len(at), self.n_features, "ColumnTransformer")
            return frame.shape[0], self._frame_blocks(frame, at)
        array = as_table(X, object)
        check_names(self.feature_names, None, "OrdinalEncoder")
        check_shape(len(array), array.shape[1], self.n_features, "ColumnTransformer")
        return len(array), self._array_blocks(array)

    def _array_blocks(self, array: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(array), BLOCK_ROWS):
            cells = array[start : start + BLOCK_ROWS]
            block = np.empty((self.n_features, len(cells)))
            for j, known in enumerate(self.categories):
                block[j] = cast(cells[:, j], np.float64) if known is None else category_codes(cells[:, j], known)
            yield block.T

    def _frame_blocks(self, frame: Frame, at: list[int]) -> Iterator[np.ndarray]:
        for start in range(0, frame.shape[0], BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, frame.shape[0])
            block = np.empty((self.n_features, stop - start))
            for j, known in enumerate(self.categories):
                if known is None:
                    block[j] = frame.numbers(at[j], start, stop)
                    continue
                values, codes = frame.categories(at[j], start, stop)
                if codes is None:
                    block[j] = category_codes(values, known)
                else:  # a pandas category: look up its few values, then its codes; -1 is missing
                    block[j] = np.append(category_codes(values, known), np.nan)[codes]
            yield block.T

    def row(self, row: Any) -> np.ndarray:
        values = row_cells(row, self.feature_names, self.n_features, object)
        return next(self._array_blocks(values[None, :]))[0]


def category_codes(cells: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Codes of cells among the known values, NaN where unknown or missing: OrdinalEncoder.transform."""
    if cells.dtype.kind in "iuf":
        return _codes_of_numbers(cells, known)
    if cells.dtype.kind not in "bUO":
        raise InputError(f"a category column of dtype {cells.dtype}, allowed: numbers, strings, bool or object")
    codes = {value: float(code) for code, value in enumerate(known.tolist()) if value == value}
    try:
        found = np.array([codes.get(value, np.nan) for value in cells.tolist()])
    except TypeError as error:
        raise InputError(f"a category column with a cell that cannot be looked up: {error}") from error
    # scikit-learn writes a known value over each unknown one, and fails where the array's dtype cannot hold it.
    holds = known.dtype.kind == cells.dtype.kind or (cells.dtype.kind == "U" and known.dtype == object)
    if cells.dtype != object and not holds and np.isnan(found).any():
        raise InputError(f"a category column of dtype {cells.dtype} holds values unknown to one of {known.dtype}")
    return found


def _codes_of_numbers(cells: np.ndarray, known: np.ndarray) -> np.ndarray:
    if known.dtype.kind not in "biuf":
        raise InputError("a category column of numbers, where the model was trained on text")
    if cells.dtype.kind == "f" and np.isinf(cells).any():
        raise InputError("Input X contains infinity in a category column.")
    if not len(known):
        return np.full(len(cells), np.nan)
    at = np.searchsorted(known, cells)
    return np.where(known[np.minimum(at, len(known) - 1)] == cells, at, np.nan)
