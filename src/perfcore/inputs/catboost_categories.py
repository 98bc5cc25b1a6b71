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
from .catboost import CatBoostInputs, _column, _numbers, _require_numeric_columns
from .catboost_counters import CatBoostCounters
from .table import BLOCK_ROWS, as_array, cast, is_dataframe, row_values

Hashes = Callable[[int, int], np.ndarray]  # the hashes of rows [start, stop) of one column


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
        floats, hashes = self._array_columns(values[None, :])
        (block,) = self._blocks(1, floats, hashes)
        return block[0]

    def _blocks(self, n_rows: int, floats: list[Hashes], hashes: list[Hashes]) -> Iterator[np.ndarray]:
        size = min(n_rows, BLOCK_ROWS)
        cells = np.empty((self.n_cells, size), np.float32)
        keys = np.empty((len(hashes), size), np.uint32)
        for start in range(0, n_rows, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, n_rows)
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

    def _array_columns(self, array: np.ndarray) -> tuple[list[Hashes], list[Hashes]]:
        if array.dtype.kind not in "biuOUS":
            raise InputError(
                f"an array of {array.dtype} cannot hold categories, which are texts or whole numbers; pass an array of "
                "objects or a data frame"
            )
        self._require_width(array.shape[1])
        if array.dtype.kind in "US" and len(self.floats):
            raise InputError(f"an array of {array.dtype}: cells of column {self.floats[0]} must be numbers")
        floats = [_floats(array[:, j]) for j in self.floats]
        return floats, [_hashes(array[:, j], f"column {j}") for j in self.categories_used]

    # -- data frames -----------------------------------------------------------------------------------

    def _frame_columns(self, X: Any) -> tuple[list[Hashes], list[Hashes]]:
        names = [str(name) for name in X.columns]
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
        _require_numeric_columns(X, set(np.flatnonzero(held).tolist()))
        floats = [_column(X.iloc[:, places[j]]) for j in self.floats]
        return floats, [_series_hashes(X.iloc[:, places[j]]) for j in self.categories_used]


# -- columns --------------------------------------------------------------------------------------------------------


def _objects(rows: list) -> np.ndarray:
    try:
        return np.asarray(rows, object)
    except ValueError as error:
        raise InputError(f"cannot make a table of a list: {error}") from error


def _floats(column: np.ndarray) -> Hashes:
    cells, dtype = _numbers(column, through_double=False)
    return lambda start, stop: cast(cells[start:stop], dtype)


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
    of_code = hashed(np.asarray(series.cat.categories), place)
    codes = series.cat.codes.to_numpy()

    def column(start: int, stop: int) -> np.ndarray:
        if (codes[start:stop] < 0).any():
            raise InputError(f"{place}: a category must be a text or a whole number, got a missing value")
        return of_code[codes[start:stop]]

    return column
