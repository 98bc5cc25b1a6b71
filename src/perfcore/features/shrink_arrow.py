"""Arrow tables, as shrink needs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .narrow import Numbers
from .shrink import Texts


class ArrowTables:
    """Numbers get smaller types, texts a dictionary of them; whether a type is nullable is no question here."""

    name = "Arrow"

    def columns(self, table: Any) -> list[tuple[Any, Any]]:
        import pyarrow as pa

        columns = [c if isinstance(c, pa.ChunkedArray) else pa.chunked_array([c]) for c in table.columns]
        return list(zip(table.schema.names, columns, strict=True))

    def table(self, like: Any, columns: list[tuple[Any, Any]]) -> Any:
        import pyarrow as pa

        fields = [like.schema.field(name).with_type(column.type) for name, column in columns]
        schema = pa.schema(fields, like.schema.metadata)
        if isinstance(like, pa.RecordBatch):
            chunks = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for _, column in columns]
            return pa.RecordBatch.from_arrays(chunks, schema=schema)
        return pa.Table.from_arrays([column for _, column in columns], schema=schema)

    def read(self, column: Any) -> Numbers | Texts | str:
        import pyarrow as pa

        types, dtype = pa.types, column.type
        if _is_text(dtype):
            return Texts()
        if types.is_null(dtype):
            return Numbers.none(len(column))
        if types.is_integer(dtype) or types.is_float32(dtype) or types.is_float64(dtype):
            missing = np.asarray(column.is_null()) if column.null_count else None
            return Numbers(np.asarray(column.fill_null(0) if column.null_count else column), missing)
        if types.is_boolean(dtype):
            return "bool-like"
        return "already a dictionary" if types.is_dictionary(dtype) else str(dtype)

    def dtype(self, column: Any) -> Any:
        return column.type

    def n_bytes(self, column: Any) -> int:
        return int(column.nbytes)

    def smaller(self, dtype: Any, numbers: Numbers, name: str) -> Any:
        import pyarrow as pa

        return pa.from_numpy_dtype(name)

    def holds_missing(self, dtype: Any) -> bool:
        return True

    def cast(self, column: Any, numbers: Numbers, dtype: Any) -> Any:
        return column.cast(dtype, safe=False)  # that it keeps the numbers is known

    def encodings(self, column: Any) -> list[tuple[Any, Any]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_string_view(column.type):  # for which pyarrow has no drop_null
            column = column.cast(pa.large_string())
        categories = column.drop_null().unique()
        if not len(categories):
            return []
        categories = categories.take(pc.sort_indices(categories))
        return [(_dictionary(categories), categories)]

    def decoded(self, column: Any) -> Any:
        import pyarrow as pa

        return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column

    def append(self, new: Any, dtype: Any, categories: Any) -> tuple[Any, Any]:
        import pyarrow as pa

        categories = pa.concat_arrays([categories, new.cast(categories.type).unique()])
        return _dictionary(categories, dtype.index_type), categories

    def encode(self, column: Any, dtype: Any, categories: Any) -> tuple[Any, np.ndarray]:
        import pyarrow as pa
        import pyarrow.compute as pc

        codes = pc.index_in(column.cast(categories.type), value_set=categories)
        unknown = np.flatnonzero(np.asarray(codes.is_null()) & ~np.asarray(column.is_null()))
        chunks = [pa.DictionaryArray.from_arrays(chunk, categories) for chunk in codes.cast(dtype.index_type).chunks]
        return pa.chunked_array(chunks, dtype), unknown

    def take(self, column: Any, rows: np.ndarray) -> Any:
        return column.take(rows)

    def value(self, column: Any, row: int) -> Any:
        return column[row].as_py()


def _dictionary(categories: Any, at_least: Any = None) -> Any:
    import pyarrow as pa

    least = 8 if at_least is None else at_least.bit_width
    width = next(each for each in (8, 16, 32) if each >= least and len(categories) <= 2 ** (each - 1))
    return pa.dictionary(getattr(pa, f"int{width}")(), categories.type)


def _is_text(dtype: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(dtype) or types.is_large_string(dtype) or types.is_string_view(dtype))
