"""pandas tables, as shrink needs them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np

from .narrow import Numbers, titled
from .shrink import Texts

# Objects of these types alone stay what they are when they are held otherwise; equal decimals, say, may be written
# differently.
_SAFE = (str, bytes, datetime.date)
_NUMPY_KINDS = {"b": "bool-like", "M": "a time", "m": "a time span", "c": "complex"}


class PandasTables:
    """numpy, nullable and Arrow columns each stay of their own make, but for whole floats with missing ones."""

    name = "pandas"

    def columns(self, table: Any) -> list[tuple[Any, Any]]:
        return [(name, table.iloc[:, place]) for place, name in enumerate(table.columns)]

    def table(self, like: Any, columns: list[tuple[Any, Any]]) -> Any:
        import pandas as pd

        made = pd.DataFrame({place: column for place, (_, column) in enumerate(columns)}, index=like.index)
        names = [name for name, _ in columns]
        same = names == list(like.columns)
        made.columns = like.columns if same else pd.Index(names, name=like.columns.name)
        return made.__finalize__(like)

    def read(self, column: Any) -> Numbers | Texts | str:
        import pandas as pd

        dtype = column.dtype
        if isinstance(dtype, np.dtype):
            return _objects(column.to_numpy()) if dtype.kind == "O" else _array(column.to_numpy())
        if isinstance(dtype, pd.StringDtype):
            return Texts()
        if isinstance(dtype, pd.CategoricalDtype):
            return "already a category"
        if isinstance(dtype, pd.BooleanDtype):
            return "bool-like"
        if isinstance(dtype, pd.ArrowDtype):
            from .shrink_arrow import ArrowTables

            return ArrowTables().read(_arrow(column))
        if hasattr(dtype, "numpy_dtype"):  # the nullable numbers
            missing = column.isna().to_numpy()
            values = column.to_numpy(dtype.numpy_dtype, na_value=0)
            return Numbers(values, missing if missing.any() else None)
        return str(dtype)

    def dtype(self, column: Any) -> Any:
        return column.dtype

    def n_bytes(self, column: Any) -> int:
        return int(column.memory_usage(index=False, deep=True))

    def smaller(self, dtype: Any, numbers: Numbers, name: str) -> Any:
        import pandas as pd

        if isinstance(dtype, pd.ArrowDtype):
            import pyarrow as pa

            return pd.ArrowDtype(pa.from_numpy_dtype(name))
        nullable = not isinstance(dtype, np.dtype) or (numbers.missing is not None and "int" in name)
        return pd.api.types.pandas_dtype(titled(name) if nullable else name)

    def holds_missing(self, dtype: Any) -> bool:
        return not isinstance(dtype, np.dtype) or dtype.kind == "f"

    def cast(self, column: Any, numbers: Numbers, dtype: Any) -> Any:
        import pandas as pd

        values, missing = numbers.values, numbers.missing
        if missing is not None:
            values = np.where(missing, values.dtype.type(0), values)
        if isinstance(dtype, pd.ArrowDtype):
            import pyarrow as pa

            narrow = values.astype(dtype.pyarrow_dtype.to_pandas_dtype())
            made = pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(narrow, mask=missing, from_pandas=False)]))
        elif isinstance(dtype, np.dtype):
            made = values.astype(dtype)
            if missing is not None:
                made[missing] = np.nan
        else:
            array = pd.arrays.FloatingArray if "Float" in dtype.name else pd.arrays.IntegerArray
            mask = np.zeros(len(values), bool) if missing is None else missing.copy()
            made = array(values.astype(dtype.numpy_dtype), mask)
        return pd.Series(made, index=column.index, name=column.name, copy=False)

    def encodings(self, column: Any) -> list[tuple[Any, Any]]:
        import pandas as pd

        cells = column.dropna().unique()
        if not len(cells):
            return []
        if type(cells[0]) is datetime.date:
            import pyarrow as pa

            return [(pd.ArrowDtype(pa.date32()), None)]
        texts = column.dtype.kind == "O" and type(cells[0]) is str
        # An index of texts, which is smaller than one of objects, is what pandas 3 makes of texts unasked.
        categories = (pd.Index(cells) if texts else pd.Index(cells, dtype=column.dtype)).sort_values()
        ways: list[tuple[Any, Any]] = [(pd.CategoricalDtype(categories), categories)]
        if texts:
            try:
                ways.append((pd.StringDtype("pyarrow", na_value=np.nan), None))
            except TypeError:  # pandas 2.2
                ways.append((pd.StringDtype("pyarrow_numpy"), None))
        return ways

    def decoded(self, column: Any) -> Any:
        import pandas as pd

        return column.astype(column.dtype.categories.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else column

    def append(self, new: Any, dtype: Any, categories: Any) -> tuple[Any, Any]:
        import pandas as pd

        categories = categories.append(pd.Index(new.unique(), dtype=categories.dtype))
        return pd.CategoricalDtype(categories), categories

    def encode(self, column: Any, dtype: Any, categories: Any) -> tuple[Any, np.ndarray]:
        import pandas as pd

        if categories is None:
            are_dates = isinstance(dtype, pd.ArrowDtype)
            kind = datetime.date if are_dates else str
            cells = column.astype(object) if are_dates or column.dtype == object else ()
            other = np.flatnonzero([type(cell) is not kind and not _is_missing(cell, pd.NA) for cell in cells])
            return column if len(other) else (column.astype(object) if are_dates else column).astype(dtype), other
        codes = categories.get_indexer(column)
        made = pd.Categorical.from_codes(codes, dtype=dtype)
        unknown = np.flatnonzero((codes < 0) & column.notna().to_numpy())
        return pd.Series(made, index=column.index, name=column.name), unknown

    def take(self, column: Any, rows: np.ndarray) -> Any:
        return column.iloc[rows]

    def value(self, column: Any, row: int) -> Any:
        return column.iloc[row]


def _is_utf8(texts: np.ndarray) -> bool:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _arrow(column: Any) -> Any:
    import pyarrow as pa

    array = column.array.__arrow_array__()
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _array(values: np.ndarray) -> Numbers | Texts | str:
    if values.dtype.kind in "iu":
        return Numbers(values)
    if values.dtype.kind != "f" or values.dtype.itemsize == 2:
        return _NUMPY_KINDS.get(values.dtype.kind, str(values.dtype))
    missing = np.isnan(values)
    return Numbers(values, missing, spare=1) if missing.any() else Numbers(values)


def _objects(cells: np.ndarray) -> Numbers | Texts | str:
    import pandas as pd

    missing = np.fromiter((_is_missing(cell, pd.NA) for cell in cells), bool, len(cells))
    present = cells[~missing]
    kinds = sorted({type(cell) for cell in present}, key=lambda kind: kind.__qualname__)
    if not kinds:
        return Numbers.none(len(cells))
    if len(kinds) > 1:
        return "objects of mixed types: " + ", ".join(kind.__qualname__ for kind in kinds)
    if kinds[0] in _SAFE:
        return Texts() if kinds[0] is not str or _is_utf8(present) else "texts that are no UTF-8"
    if kinds[0] not in (int, float):
        return "bool-like" if kinds[0] is bool else f"objects of type {kinds[0].__qualname__}"
    return _numbers(present, missing, kinds[0])


def _numbers(present: np.ndarray, missing: np.ndarray, kind: Callable) -> Numbers | str:
    dtype = np.dtype(float) if kind is float else np.dtype("uint64" if present.max() >= 2**63 else "int64")
    try:
        values = np.zeros(len(missing), dtype)
        values[~missing] = present.astype(dtype)
    except OverflowError:
        return "integers beyond 64 bits"
    return Numbers(values, missing, spare=1) if missing.any() else Numbers(values)


def _is_missing(cell: Any, na: Any) -> bool:
    return cell is None or cell is na or (isinstance(cell, float) and cell != cell)
