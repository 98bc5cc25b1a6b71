"""Rows of a table as bytes, exactly: what their predictions are kept by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .._ext import cells
from ..inputs.columns import Columns
from ..inputs.table import is_dataframe, is_kernel_ready

_NUMBERS = {"float16", "float32", "float64", "int", "bool"}  # kinds of `Columns`


class Rows(NamedTuple):
    keys: np.ndarray  # (n,) of dtype V: all cells of a row, one after another
    columns: tuple  # what tells tables apart beside their cells: of what library, names, dtypes


def canonical(table: np.ndarray) -> np.ndarray:
    """Cells as keys have them: every NaN is the same one; -0.0 and 0.0 stay two, as all other bits stay.

    NaNs differ in bits that no model reads, so nothing but hits would be lost. The two zeros are equal to a tree, but
    the sign may come through in a sum or a quotient: one key for both could hand out other bits than the model's.
    """
    if table.dtype.kind != "f":
        return table
    has_nan = cells.scan(table, np.inf)[0] if table.ndim == 2 and is_kernel_ready(table) else np.isnan(table).any()
    if has_nan:
        table = np.array(table)  # of the same byte order
        table[np.isnan(table)] = np.nan
    return table


def rows_of(X: Any) -> Rows | None:
    """A table's rows, or None where they cannot be told by their bytes alone, or there are none.

    Numpy arrays of numbers, and data frames (pandas, polars, pyarrow) all columns of which are numbers without nulls:
    of such a table a model reads each row as it would alone. Lists, texts, categories and sparse tables are none.
    """
    if type(X) in (np.ndarray, np.memmap):
        if X.ndim != 2 or not X.size or not _is_number(X.dtype):
            return None
        return Rows(_as_bytes(canonical(X)), ("array", X.dtype.str, X.shape[1]))
    if is_dataframe(X):
        return _of_pandas(X)
    return _of_arrow(X) if _library(X) else None


def taken(X: Any, at: np.ndarray) -> Any:
    """Some rows of a table that `rows_of` reads, as a table of the same kind."""
    if is_dataframe(X):
        return X.iloc[at]
    return X.take(at) if _library(X) == "pyarrow" else X[at]


def _of_pandas(X: Any) -> Rows | None:
    dtypes, names = X.dtypes.tolist(), X.columns.tolist()
    kinds = {type(name) for name in names}
    if not all(isinstance(each, np.dtype) and _is_number(each) for each in dtypes):
        return None
    if not X.size or (kinds != {str} and kinds != {int}):  # other labels may be equal and yet not the same
        return None
    columns = ("pandas", tuple(names), tuple(each.str for each in dtypes))
    if len(set(dtypes)) == 1:
        return Rows(_as_bytes(canonical(X.to_numpy())), columns)
    return Rows(_packed([X.iloc[:, j].to_numpy() for j in range(X.shape[1])]), columns)


def _of_arrow(X: Any) -> Rows | None:
    if not all(X.shape):
        return None
    table = Columns.of(X)
    if not set(table.kinds) <= _NUMBERS or any(column.null_count for column in table.table.columns):
        return None
    columns = (_library(X), tuple(table.names), tuple(str(each) for each in table.table.schema.types))
    return Rows(_packed([column.to_numpy() for column in table.table.columns]), columns)


def _packed(columns: Iterable[np.ndarray]) -> np.ndarray:
    columns = list(columns)
    table = np.empty(len(columns[0]), [(f"f{j}", each.dtype) for j, each in enumerate(columns)])
    for j, each in enumerate(columns):
        table[f"f{j}"] = canonical(each)
    return table.view(f"V{table.itemsize}")


def _as_bytes(table: np.ndarray) -> np.ndarray:
    table = np.ascontiguousarray(table)
    return table.view(f"V{table.shape[1] * table.itemsize}")[:, 0]


def _is_number(dtype: np.dtype) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8  # a long double has bytes that mean nothing


def _library(X: Any) -> str | None:
    """Of the tables of Arrow columns, those of which rows can be taken."""
    library = type(X).__module__.partition(".")[0]
    is_table = type(X).__name__ in {"pyarrow": ("Table", "RecordBatch"), "polars": ("DataFrame",)}.get(library, ())
    return library if is_table else None
