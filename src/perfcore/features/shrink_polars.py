"""polars tables, as shrink needs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .narrow import Numbers, titled
from .shrink import Texts


class PolarsTables:
    """Numbers get smaller types, texts an Enum; whether a type is nullable is no question here."""

    name = "polars"

    def columns(self, table: Any) -> list[tuple[Any, Any]]:
        return [(column.name, column) for column in table.get_columns()]

    def table(self, like: Any, columns: list[tuple[Any, Any]]) -> Any:
        return type(like)([column for _, column in columns])

    def read(self, column: Any) -> Numbers | Texts | str:
        import polars as pl

        dtype = column.dtype
        if dtype == pl.String:
            return Texts()
        if dtype == pl.Null:
            return Numbers.none(len(column))
        if dtype in (pl.Int128, getattr(pl, "UInt128", None)):
            for smaller in (pl.Int64, pl.UInt64):
                if column.cast(smaller, strict=False).null_count() == column.null_count():
                    return self.read(column.cast(smaller))
            return "integers beyond 64 bits"
        if dtype.is_integer() or dtype in (pl.Float32, pl.Float64):
            missing = column.is_null().to_numpy() if column.null_count() else None
            return Numbers(column.fill_null(0).to_numpy(), missing)
        if dtype == pl.Boolean:
            return "bool-like"
        return "already a category" if dtype in (pl.Enum, pl.Categorical) else str(dtype)

    def dtype(self, column: Any) -> Any:
        return column.dtype

    def n_bytes(self, column: Any) -> int:
        import polars as pl

        size = int(column.estimated_size())
        if column.dtype == pl.String:  # which are counted without the 16 bytes that each cell has elsewhere
            size = int(column.to_arrow(compat_level=pl.CompatLevel.newest()).nbytes)
        elif column.dtype == pl.Enum:
            size += self.n_bytes(column.dtype.categories)
        return size

    def smaller(self, dtype: Any, numbers: Numbers, name: str) -> Any:
        import polars as pl

        return getattr(pl, titled(name))

    def holds_missing(self, dtype: Any) -> bool:
        return True

    def cast(self, column: Any, numbers: Numbers, dtype: Any) -> Any:
        return column.cast(dtype)

    def encodings(self, column: Any) -> list[tuple[Any, Any]]:
        import polars as pl

        categories = column.drop_nulls().unique().sort()
        return [(pl.Enum(categories), categories)] if len(categories) else []

    def decoded(self, column: Any) -> Any:
        import polars as pl

        return column.cast(pl.String) if column.dtype in (pl.Enum, pl.Categorical) else column

    def append(self, new: Any, dtype: Any, categories: Any) -> tuple[Any, Any]:
        import polars as pl

        categories = pl.concat([categories, new.unique(maintain_order=True).alias(categories.name)])
        return pl.Enum(categories), categories

    def encode(self, column: Any, dtype: Any, categories: Any) -> tuple[Any, np.ndarray]:
        made = column.cast(dtype, strict=False)
        return made, np.flatnonzero((made.is_null() & column.is_not_null()).to_numpy())

    def take(self, column: Any, rows: np.ndarray) -> Any:
        return column.gather(rows)

    def value(self, column: Any, row: int) -> Any:
        return column[row]
