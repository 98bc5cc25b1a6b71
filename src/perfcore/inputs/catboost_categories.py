"""Tables with categories as CatBoost reads them into a Pool: each category as the hash of its text.

=====================  =============================================================================================
texts, bytes           the hash of their bytes, texts as UTF-8
whole numbers, bools   of their digits, True as 1
others                 refused, real numbers and missing values among them: _catboost.pyx,
                       get_id_object_bytes_string_representation
columns                a frame's columns may lie in another order, but categories only where the model has some
=====================  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._ext.categories import hash_objects, hash_signed, hash_unsigned
from ..errors import InputError, ModelFormatError
from .catboost import ARROW_NUMBERS, CatBoostInputs, _column, _numbers, _require_numeric_columns
from .catboost_counters import CatBoostCounters
from .columns import Columns, is_columns
from .sparse import is_sparse
from .table import as_array, cast, is_dataframe, row_values

Cells = Callable[[int, int], np.ndarray]  # the cells of rows [start, stop) of one column
Hashes = Cells

CELLS = 2**19  # of a block: 2 MB, in the second-level cache


@dataclass(frozen=True, eq=False)
class CatBoostCategoryInputs(CatBoostInputs):
    """What ``CatBoost.predict`` accepts of a model with categorical features.

    Blocks hold the columns of `CatBoostCounters`: ``floats``, then what becomes of ``categories``.
    """

    is_category: np.ndarray  # bool, a column: whether the model takes it for a category
    floats: np.ndarray  # int32, columns
    categories_used: np.ndarray  # int32, columns
    counters: CatBoostCounters

    def __post_init__(self) -> None:
        for name, kind in (
            ("is_category", bool),
            ("is_used", bool),
            ("floats", np.int32),
            ("categories_used", np.int32),
        ):
            array = getattr(self, name)
            if array.ndim != 1 or array.dtype != kind:
                raise ModelFormatError(f"{name}: {array.dtype}, {array.ndim} dimensions")
        if len(self.is_category) != self.n_features or len(self.is_used) != self.n_features:
            raise ModelFormatError(f"columns are told apart for another number than {self.n_features}")
        if not self.is_category.any():
            raise ModelFormatError("no column is a category")
        for columns, are_categories in ((self.floats, False), (self.categories_used, True)):
            if ((columns < 0) | (columns >= self.n_features)).any():
                raise ModelFormatError(f"a column outside 0..{self.n_features - 1}")
            if (self.is_category[columns] != are_categories).any():
                raise ModelFormatError("a number among the categories, or a category among the numbers")
        if len(self.floats) != self.counters.n_floats or len(self.categories_used) != self.counters.n_categories:
            raise ModelFormatError("counters of other columns")

    @property
    def n_cells(self) -> int:
        """How many columns a block has."""
        return self.counters.n_cells

    def plain(self) -> None:
        return None

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """See `perfcore.inputs.Inputs.blocks`."""
        if is_dataframe(X):
            return len(X), self._blocks(len(X), *self._frame_columns(X))
        if is_columns(X):
            table = Columns.of(X)
            return len(table), self._blocks(len(table), *self._arrow_columns(table))
        if is_sparse(X):
            raise InputError("a sparse table cannot hold this model's categories; pass X.toarray() as whole numbers")
        if isinstance(X, list):
            X = _objects(X)
        elif not isinstance(X, np.ndarray):
            return super().blocks(X)
        array = as_array(X)
        return len(array), self._blocks(len(array), *self._array_columns(array))

    def row(self, row: Any) -> np.ndarray:
        """See `perfcore.inputs.Inputs.row`; a mapping has every column by name."""
        dtype = None if isinstance(row, np.ndarray) else object
        values = row_values(row, self.feature_names, self.n_features, dtype)
        _require_cells(values.dtype, self.floats)
        cells = np.empty((self.n_cells, 1), np.float32)
        with np.errstate(over="ignore"):
            cells[: len(self.floats), 0] = _floats(values[self.floats])
        try:
            hashes = hashed(values[self.categories_used], "a category")
        except InputError:
            for j in self.categories_used:
                hashed(values[j : j + 1], f"column {j}")
            raise
        self.counters.fill(hashes[:, None], cells, 1)
        return cells[:, 0]

    def _blocks(self, n_rows: int, floats: list[Cells], hashes: list[Hashes]) -> Iterator[np.ndarray]:
        size = min(n_rows, max(CELLS // max(self.n_cells, 1), 256))
        cells = np.empty((self.n_cells, size), np.float32)
        keys = np.empty((len(hashes), size), np.uint32)
        for start in range(0, n_rows, size or 1):
            stop = min(start + size, n_rows)
            with np.errstate(over="ignore"):
                for to, column in zip(cells, floats, strict=False):
                    to[: stop - start] = column(start, stop)
            for to, column in zip(keys, hashes, strict=True):
                to[: stop - start] = column(start, stop)
            self.counters.fill(keys, cells, stop - start)
            yield cells[:, : stop - start].T

    def _require_width(self, width: int) -> None:
        """core.py, Pool._check_string_feature_value: even categories that no tree asks for must be there."""
        last = int(np.flatnonzero(self.is_category)[-1])
        if width <= last:
            raise InputError(f"column {last} is a category of the model, but the table has {width} columns")
        self._require_columns(width)

    # -- arrays and lists ------------------------------------------------------------------------------

    def _array_columns(self, array: np.ndarray) -> tuple[list[Cells], list[Hashes]]:
        self._require_width(array.shape[1])
        _require_cells(array.dtype, self.floats)
        floats = [_float_column(array[:, j]) for j in self.floats]
        return floats, [_hashes(array[:, j], f"column {j}") for j in self.categories_used]

    # -- data frames -----------------------------------------------------------------------------------

    def _frame_columns(self, X: Any) -> tuple[list[Cells], list[Hashes]]:
        places, held = self._places_and_categories([str(name) for name in X.columns])
        _require_numeric_columns(X, set(np.flatnonzero(held).tolist()))
        columns = [column for _, column in X.items()]  # X.iloc takes twice as long for each
        floats = [_column(columns[places[j]]) for j in self.floats]
        return floats, [_series_hashes(columns[places[j]]) for j in self.categories_used]

    def _arrow_columns(self, table: Columns) -> tuple[list[Cells], list[Hashes]]:
        """As Pool reads a polars frame; dictionaries as pandas categories."""
        places, held = self._places_and_categories(table.names)
        table.require(ARROW_NUMBERS, np.flatnonzero(~held).tolist())
        table.require({"text", "category", "int", "bool"}, np.flatnonzero(held).tolist())
        floats = [table.numbers(places[j], np.float32) for j in self.floats]
        return floats, [_arrow_hashes(table, places[j]) for j in self.categories_used]

    def _places_and_categories(self, names: list[str]) -> tuple[list[int], np.ndarray]:
        """For each of the model's columns its place, and for each of the table's whether CatBoost takes it for one."""
        self._require_width(len(names))
        places = np.array(self._places(names))
        held = np.zeros(len(names), bool)
        held[: self.n_features] = self.is_category[: len(names)]
        for j in np.flatnonzero(self.is_used & (held[places] != self.is_category)):
            kinds = ("number", "category") if self.is_category[j] else ("category", "number")
            raise InputError(
                f"column {names[places[j]]!r} lies at position {places[j]}, where the model has a {kinds[0]}; there "
                f"CatBoost takes it for one, but the model asks for a {kinds[1]}"
            )
        return places.tolist(), held


# -- columns --------------------------------------------------------------------------------------------------------


def _objects(rows: list) -> np.ndarray:
    try:
        return np.asarray(rows, object)
    except ValueError as error:
        raise InputError(f"cannot make a table of a list: {error}") from error


def _require_cells(dtype: np.dtype, floats: np.ndarray) -> None:
    if dtype.kind not in "biuOUS":
        raise InputError(
            f"an array of {dtype} cannot hold categories, which are texts or whole numbers; pass an array of objects "
            "or a data frame"
        )
    if dtype.kind in "US" and len(floats):
        raise InputError(f"an array of {dtype}: cells of column {floats[0]} must be numbers")


def _floats(cells: np.ndarray) -> np.ndarray:
    return cast(*_numbers(cells, through_double=False))


def _float_column(column: np.ndarray) -> Cells:
    return lambda start, stop: _floats(column[start:stop])


def _hashes(column: np.ndarray, place: str) -> Hashes:
    return lambda start, stop: hashed(column[start:stop], place)


def hashed(cells: np.ndarray, place: str) -> np.ndarray:
    """The hash of each category; ``place`` is the column, for messages."""
    out = np.empty(len(cells), np.uint32)
    kind = cells.dtype.kind
    if kind in "US":
        cells, kind = cells.astype(object), "O"
    if kind == "u":
        hash_unsigned(cells.astype(np.uint64), out)
    elif kind in "bi":
        hash_signed(cells.astype(np.int64), out)
    elif kind == "O":
        try:
            hash_objects(cells, out)
        except TypeError as error:
            cell = cells[error.args[0]]
            raise InputError(
                f"{place}: a category must be a text or a whole number of 64 bits, got {cell!r} "
                f"({type(cell).__name__}); real numbers and missing values must be turned into texts"
            ) from None
    else:
        raise InputError(f"{place}: a category must be a text or a whole number, got cells of {cells.dtype}")
    return out


def _series_hashes(series: Any) -> Hashes:
    from pandas import CategoricalDtype, SparseDtype

    place = f"column {series.name!r}"
    if isinstance(series.dtype, SparseDtype):
        return lambda start, stop: hashed(np.asarray(series.iloc[start:stop]), place)
    if not isinstance(series.dtype, CategoricalDtype):
        cells = series.to_numpy()
        return lambda start, stop: hashed(cells[start:stop], place)
    # CatBoost reads every category, whether a row has it or not.
    codes = series.cat.codes.to_numpy()
    return _coded_hashes(hashed(np.asarray(series.cat.categories), place), lambda a, b: codes[a:b], place)


def _arrow_hashes(table: Columns, j: int) -> Hashes:
    place = f"column {table.names[j]!r}"
    if table.kinds[j] == "category":
        values, codes = table.category(j)
        return _coded_hashes(hashed(_objects(values), place), codes, place)
    cells = table.cells(j)
    return lambda start, stop: hashed(cells(start, stop), place)


def _coded_hashes(of_code: np.ndarray, codes: Hashes, place: str) -> Hashes:
    def column(start: int, stop: int) -> np.ndarray:
        found = codes(start, stop)
        if (found < 0).any():
            raise InputError(f"{place}: a category must be a text or a whole number, got a missing value")
        if (found >= len(of_code)).any():
            raise InputError(f"{place}: a code that the column's dictionary does not hold")
        return of_code[found]

    return column
