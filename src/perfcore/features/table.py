"""Table: a user's table of any library, read by columns, and tables of the same kind made of new ones."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._ext import features as _compiled
from ..errors import InputError
from .column import Keys, Times, keys, numbers, times
from .keys import Groups

_MISSING_BITS = np.float64(_compiled.MISSING).view(np.uint64)

_PROTOCOLS = ("__arrow_c_stream__", "__arrow_c_array__")


class Table(NamedTuple):
    """A table read by columns, each when it is asked for.

    Attributes
    ----------
    kind : str
        "pandas", "polars", "pyarrow", "structured" (a 1-D numpy array with fields) or "numpy" (a 2-D array).
    names : tuple of str
        Its columns; ``x0``, ``x1``, ... where they have no names, as in numpy's 2-D arrays.
    is_named : bool
        Whether the columns have names.
    """

    table: Any
    kind: str
    names: tuple[str, ...]
    is_named: bool
    n_rows: int

    @classmethod
    def of(cls, X: Any) -> Table:
        """`InputError` for what is no table, and for a column name that is there twice."""
        if isinstance(X, Table):
            return X
        library = type(X).__module__.partition(".")[0]
        if library == "pandas" and hasattr(X, "iloc") and X.ndim == 2:
            labels = X.columns.tolist()
            if labels == list(range(len(labels))):
                return cls._nameless(X, "pandas")
            return cls(X, "pandas", _unique(labels), True, len(X))
        if library == "polars" and hasattr(X, "get_columns"):
            return cls(X, "polars", tuple(X.columns), True, X.height)
        if isinstance(X, np.ndarray) and X.dtype.names is not None and X.ndim == 1:
            return cls(X, "structured", X.dtype.names, True, len(X))
        if hasattr(X, "tocsr") or hasattr(X, "todense"):
            raise InputError(f"expected a dense table, got a sparse {type(X).__qualname__}; pass X.toarray()")
        if isinstance(X, Mapping) or (isinstance(X, list | tuple) and X and isinstance(X[0], Mapping)):
            came, made = ("dict", "columns") if isinstance(X, Mapping) else ("list of dicts", "rows")
            raise InputError(
                f"expected a table (pandas, polars or Arrow), got a {came}; make one of it: pd.DataFrame({made})"
            )
        if isinstance(X, np.ndarray | list | tuple):
            return cls._nameless(_rows(X), "numpy")
        if hasattr(type(X), "__array__") and not any(hasattr(type(X), each) for each in _PROTOCOLS):
            return cls._nameless(_rows(X), "numpy")
        return cls._arrow(X)

    @classmethod
    def _nameless(cls, X: Any, kind: str) -> Table:
        return cls(X, kind, tuple(f"x{j}" for j in range(X.shape[1])), False, len(X))

    @classmethod
    def _arrow(cls, X: Any) -> Table:
        if hasattr(type(X), "collect") and hasattr(type(X), "collect_schema"):
            raise InputError(f"a {type(X).__qualname__} holds no rows yet: pass what its collect() returns")
        is_series = len(getattr(X, "shape", (0, 0))) != 2
        if is_series or not any(hasattr(type(X), each) for each in _PROTOCOLS):
            raise InputError(
                f"expected a table (pandas, polars, Arrow, or numpy of two dimensions), got a {type(X).__qualname__}"
            )
        import pyarrow

        try:
            table = X if isinstance(X, pyarrow.Table | pyarrow.RecordBatch) else pyarrow.table(X)
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            raise InputError(f"cannot read a {type(X).__qualname__} as a table: {error}") from error
        return cls(table, "pyarrow", _unique(table.schema.names), True, table.num_rows)

    @property
    def nan_is_missing(self) -> bool:
        """Whether every NaN is a missing cell (pandas and numpy), or null alone (Arrow and polars)."""
        return self.kind not in ("polars", "pyarrow")

    def name(self, column: Any) -> str:
        """The column's name, of its name or, where columns have none, its place; `InputError` where there is none."""
        if isinstance(column, int | np.integer) and not isinstance(column, bool) and not self.is_named:
            if 0 <= column < len(self.names):
                return self.names[column]
        elif isinstance(column, str) and column in self.names:
            return column
        there = f"{list(self.names)}" if self.is_named else f"0 to {len(self.names) - 1}"
        raise InputError(f"column {column!r} is unknown: the table's columns are {there}")

    def under(self, names: tuple[str, ...], is_named: bool, whose: str) -> Table:
        """As a table of these columns: by their names where both have names, and otherwise by their places.

        Columns that nothing asks for may be absent where there are names; those that are unknown are an `InputError`.
        """
        if self.is_named and is_named:
            if not set(self.names) <= set(names):
                unknown = [name for name in self.names if name not in names]
                raise InputError(f"columns that are unknown: {unknown}; {whose} knows {list(names)}")
            return self
        if len(self.names) != len(names):
            raise InputError(
                f"X has {len(self.names)} features, but {whose} is expecting {len(names)} features as input"
            )
        if self.is_named or is_named:
            there, then = ("has", "without") if self.is_named else ("does not have valid", "with")
            warnings.warn(f"X {there} feature names, but {whose} was fitted {then} feature names", stacklevel=4)
        return self._replace(names=names, is_named=False)

    def column(self, name: str) -> Any:
        """The column as its library has it."""
        place = self.names.index(self.name(name))
        if self.kind == "pandas":
            return self.table[name] if self.is_named else self.table.iloc[:, place]  # iloc takes twice as long
        if self.kind == "polars":
            return self.table.to_series(place)
        if self.kind == "pyarrow":
            return self.table.column(place)
        return self.table[self.table.dtype.names[place]] if self.kind == "structured" else self.table[:, place]

    def numbers(self, name: str) -> np.ndarray:
        """Cells as float64, null as `MISSING`."""
        return numbers(self.column(name), f"column {name!r}")

    def times(self, name: str) -> Times:
        return times(self.column(name), f"column {name!r}")

    def keys(self, names: Iterable[str]) -> list[Keys]:
        return [keys(self.column(name), f"column {name!r}") for name in names]

    def groups(self, names: tuple[str, ...]) -> tuple[list[Keys], Groups]:
        """The keys in these columns, and which rows belong together by them."""
        columns = self.keys(names)
        return columns, Groups.of(columns)

    def made(self, columns: Sequence[np.ndarray] | np.ndarray, names: Sequence[str], kind: str | None = None) -> Any:
        """A table of the same kind, or of another, from columns of float64; missing cells as the kind has them.

        A pandas table keeps its index. Of a table where every NaN is a missing cell, all NaN of ``columns`` are
        numpy's; of others they may be overwritten.
        """
        kind = self.kind if kind is None else kind
        if kind in ("polars", "pyarrow"):
            return self._made_arrow([_nullable(cells) for cells in columns], names, kind)
        if not self.nan_is_missing:
            for cells in columns:
                _compiled.plain(cells)
        if kind == "structured":
            table = np.empty(self.n_rows, [(name, np.float64) for name in names])
            for name, cells in zip(names, columns, strict=True):
                table[name] = cells
            return table
        block = columns if isinstance(columns, np.ndarray) else np.array(columns).reshape(len(names), self.n_rows)
        if kind == "numpy":
            return block.T
        import pandas

        index = self.table.index if self.kind == "pandas" else None
        return pandas.DataFrame(block.T, index=index, columns=list(names), copy=False)

    def _made_arrow(self, columns: list[Any], names: Sequence[str], kind: str) -> Any:
        import pyarrow

        if kind == "polars":
            import polars

            return polars.DataFrame(
                {name: polars.Series(name, cells) for name, cells in zip(names, columns, strict=True)}
            )
        is_batch = self.kind == "pyarrow" and isinstance(self.table, pyarrow.RecordBatch)
        make = pyarrow.RecordBatch if is_batch else pyarrow.Table
        return make.from_arrays(columns, names=list(names))


def _nullable(cells: np.ndarray) -> Any:
    """As an Arrow array of the same memory, null where cells are missing."""
    import pyarrow

    absent = cells.view(np.uint64) == _MISSING_BITS
    valid = pyarrow.py_buffer(np.packbits(~absent, bitorder="little")) if absent.any() else None
    return pyarrow.Array.from_buffers(pyarrow.float64(), len(cells), [valid, pyarrow.py_buffer(cells)])


def _unique(labels: list[Any]) -> tuple[str, ...]:
    other = [label for label in labels if not isinstance(label, str)]
    if other:
        raise InputError(f"expected columns with names of text, or numbered from 0; got {other[0]!r} among them")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise InputError(f"the table has columns of the same name: {twice}")
    return tuple(labels)


def _rows(X: Any) -> np.ndarray:
    try:
        array = X if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot make a table of a {type(X).__qualname__}: {error}") from error
    if array.ndim != 2:
        raise InputError(
            f"expected a table of two dimensions, got shape {array.shape}. Reshape your data: one row is "
            "X.reshape(1, -1), one column X.reshape(-1, 1)"
        )
    return array
