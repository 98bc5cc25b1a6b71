"""How XGBoost reads a table: ``DMatrix(X)`` for a Booster, ``inplace_predict`` for an estimator.

====================  ====================================  =========================================
                      DMatrix                               inplace_predict
====================  ====================================  =========================================
array, model names    refused                               taken by position
fewer columns         the absent ones are missing           refused
infinities            refused (after rounding to float32)   taken
no category column    codes are taken as they are           refused if the model remembers categories
====================  ====================================  =========================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from . import Plain
from .columns import Columns, is_columns
from .sparse import Sparse, is_kind, is_sparse
from .table import (
    BLOCK_ROWS,
    ROUNDS_TO_INFINITY,
    array_blocks,
    as_array,
    by_name_instead,
    elsewhere,
    in_order,
    is_dataframe,
    require_row,
    scan,
)
from .xgboost_arrow import arrow_blocks
from .xgboost_frame import FrameReader, cell_code, check_names

_NOT_READ = frozenset({"polars", "pyarrow", "dask", "cudf", "cupy"})


@dataclass(frozen=True, eq=False)
class XGBoostInputs:
    """Checks and conversions of XGBoost's two ways in; see the module's table.

    ``categories`` are those that the model remembers (since 3.1), by column: names as the bytes of
    their UTF-8, in Latin-1, or whole numbers in their dtype; None for a column without.
    """

    n_features: int
    feature_names: tuple[str, ...] | None
    through_dmatrix: bool
    categories: tuple[tuple[str, ...] | np.ndarray | None, ...] | None = None
    counts_characters: bool = False  # before 3.4, names were cut from the joined UTF-8 by their character counts
    checks_categories: bool = False  # since 3.1 the values of a category column must be text or whole numbers
    drops_qid: bool = False  # a ranker ignores a column "qid"
    # A value that counts as missing, where the kernel cannot look for it: a category's code must be
    # compared before it is recoded.
    missing: float = float("nan")

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """See `perfcore.inputs.Inputs.blocks`."""
        if is_dataframe(X):
            if self.drops_qid and "qid" in X.columns:
                X = X.drop("qid", axis=1)
            self._check_columns(len(X.columns))
            return len(X), self._checked(FrameReader(self).blocks(X))
        if is_columns(X):
            table = Columns.of(X)
            self._check_columns(table.width)
            return len(table), self._checked(arrow_blocks(self, table))
        if is_sparse(X):
            return self._sparse_blocks(X)
        if type(X).__module__ == "xgboost.core" and type(X).__name__ == "DMatrix":
            return self._dmatrix_blocks(X)
        _refuse_foreign(X)
        array = as_array(X)
        if self.through_dmatrix:
            self._require_no_names()
        _check_cells(array)
        self._check_width(array.shape[1])
        return len(array), self._checked(self._array_blocks(array))

    def _require_no_names(self) -> None:
        if self.feature_names is not None:
            raise InputError(
                "data did not contain feature names, but the following fields are expected: "
                + ", ".join(self.feature_names)
                + "; pass a data frame with these columns"
            )

    def _dmatrix_blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """What a DMatrix hands out again, which is all that a Booster reads of one that is plain."""
        if not self.through_dmatrix:
            raise InputError("an XGBoost estimator takes no DMatrix; compile its get_booster()")
        if len(X.get_base_margin()):
            raise InputError("a DMatrix with a base_margin is not supported")
        if "c" in (X.feature_types or ()):
            raise InputError("a DMatrix with categories is not supported; pass the table that it was made from")
        names = X.feature_names
        if names is None:
            self._require_no_names()
        else:
            check_names(self, names)
        self._check_width(X.num_col())
        if self.categories is not None and any(each is not None for each in self.categories):
            raise InputError("the model was trained on categories; pass the table that the DMatrix was made from")
        table = Sparse.of(X.get_data())
        if table.has_duplicates:
            raise InputError("a DMatrix with several entries of one cell")
        return table.shape[0], table.blocks(np.nan, np.float32, self.n_features)

    def _sparse_blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """Absent cells are missing; inplace_predict takes a csr_matrix alone, all else goes through a DMatrix."""
        through_dmatrix = self.through_dmatrix or not is_kind(X, "csr_matrix")
        if through_dmatrix:
            self._require_no_names()
        table = Sparse.of(X)
        _check_cells(table.data)
        self._check_width(table.shape[1])
        if table.has_duplicates:  # inplace_predict takes the last that is not missing, a DMatrix not always any
            raise InputError("a sparse table with several entries of one cell; call its sum_duplicates()")
        with np.errstate(over="ignore"):
            data = table.data[: table.indptr[-1]].astype(np.float32, copy=False)
        table = table._replace(data=data).where(~(np.isnan(data) | (data == np.float32(self.missing))))
        return table.shape[0], self._checked(table.blocks(np.nan, np.float32, self.n_features), through_dmatrix)

    def plain(self) -> Plain | None:
        if not np.isnan(self.missing):
            return None
        if self.through_dmatrix:
            return Plain(below=ROUNDS_TO_INFINITY, takes_tables=self.feature_names is None)
        return Plain()

    def row(self, row: Any) -> np.ndarray:
        """See `perfcore.inputs.Inputs.row`; a mapping holds category values, a sequence their codes."""
        values = self._mapped(row) if isinstance(row, Mapping) else np.asarray(row)
        require_row(row, values.shape, self.n_features)
        try:
            _check_cells(values)
            (block,) = self._checked(self._array_blocks(values[None, :]))
        except InputError as error:
            raise InputError(f"{error}{by_name_instead(row) if self.categories else ''}") from error
        return block[0]

    def _check_columns(self, width: int) -> None:
        if width == 0:  # XGBoost counts the rows of its columns
            raise InputError(f"Feature shape mismatch, expected: {self.n_features}, got a data frame without columns")
        self._check_width(width)

    def _check_width(self, width: int) -> None:
        if width > self.n_features or (width < self.n_features and not self.through_dmatrix):
            raise InputError(f"Feature shape mismatch, expected: {self.n_features}, got {width}")

    def _array_blocks(self, array: np.ndarray) -> Iterator[np.ndarray]:
        if array.shape[1] == self.n_features and np.isnan(self.missing):
            yield from array_blocks(array, np.float32)
            return
        for start in range(0, len(array), BLOCK_ROWS):
            rows = array[start : start + BLOCK_ROWS]
            block = np.full((len(rows), self.n_features), np.nan, np.float32)
            with np.errstate(over="ignore"):
                block[:, : array.shape[1]] = rows
            block[block == np.float32(self.missing)] = np.nan
            yield block

    def _checked(self, blocks: Iterator[np.ndarray], through_dmatrix: bool | None = None) -> Iterator[np.ndarray]:
        refuses = self.through_dmatrix if through_dmatrix is None else through_dmatrix
        for block in blocks:
            if refuses and scan(block, np.float32)[1]:
                raise InputError("Input data contains `inf` or a value too large, while `missing` is not set to `inf`")
            yield block

    def _mapped(self, row: Mapping) -> np.ndarray:
        """One row by name, every column present."""
        cells = in_order(row, self.feature_names)
        if self.categories is None:
            return np.asarray(cells)
        return np.array([cell_code(self, j, cell) for j, cell in enumerate(cells)], np.float64)


def _refuse_foreign(X: Any) -> None:
    kind = type(X)
    if kind.__module__.partition(".")[0] in _NOT_READ:
        raise InputError(
            f"{kind.__module__}.{kind.__qualname__} is not read: pass a numpy array, a list, a data frame, an Arrow "
            f"table or a scipy sparse matrix{elsewhere(X)}"
        )


def _check_cells(array: np.ndarray) -> None:
    if array.dtype.kind not in "biufO":
        raise InputError(f"cells must be numbers, got dtype {array.dtype}")
    if array.dtype.kind in "iuf" and not array.dtype.isnative:
        raise InputError(
            f"cells of foreign byte order ({array.dtype.str}): XGBoost would misread them; convert them first"
        )
    if array.dtype.kind == "f" and array.dtype.itemsize > 8 and not array.flags.c_contiguous:
        raise InputError(
            f"cells of {array.dtype} that are not in C order: XGBoost would misread them; convert them first"
        )
