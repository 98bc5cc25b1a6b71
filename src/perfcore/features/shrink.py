"""Tables in smaller types: the same values, and a report that brings new data into the same types."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from ..errors import ConfigurationError, InputError
from ..inputs.table import is_dataframe
from . import narrow
from .narrow import Numbers

LONGEST = 40  # characters of a type that a report shows


class Texts:
    """What `Tables.read` says of a column of texts, or of other objects that are held otherwise as what they are."""


class Tables(Protocol):
    """What there is to do with the tables of one library."""

    name: str

    def columns(self, table: Any) -> list[tuple[Any, Any]]:
        """Each column's name and the column."""

    def table(self, like: Any, columns: list[tuple[Any, Any]]) -> Any:
        """A table of these columns; all else as in ``like``."""

    def read(self, column: Any) -> Numbers | Texts | str:
        """Its numbers, or that it is texts; or in words why it is left as it is."""

    def dtype(self, column: Any) -> Any:
        """What its cells are held in."""

    def n_bytes(self, column: Any) -> int: ...

    def smaller(self, dtype: Any, numbers: Numbers, name: str) -> Any:
        """The library's type for numpy's of that name, in place of ``dtype``."""

    def holds_missing(self, dtype: Any) -> bool: ...

    def cast(self, column: Any, numbers: Numbers, dtype: Any) -> Any:
        """The column in that type, which is known to keep its numbers."""

    def encodings(self, column: Any) -> list[tuple[Any, Any]]:
        """Ways to hold a column of texts: in what type, and with which categories, None where there are none."""

    def decoded(self, column: Any) -> Any:
        """The texts of a column of codes; any other column as it is."""

    def encode(self, column: Any, dtype: Any, categories: Any) -> tuple[Any, np.ndarray]:
        """The column in that type, and the rows of texts that are not among the categories: missing in it."""

    def append(self, new: Any, dtype: Any, categories: Any) -> tuple[Any, Any]:
        """The type and the categories with new ones put behind them."""

    def take(self, column: Any, rows: np.ndarray) -> Any: ...

    def value(self, column: Any, row: int) -> Any: ...


@dataclass(frozen=True)
class ShrunkColumn:
    """What became of one column."""

    name: Any
    before: str  # its type
    after: str
    bytes_before: int
    bytes_after: int
    note: str  # why it is as it was; "" where it is smaller
    dtype: Any = field(repr=False)  # the library's type of the shrunk column
    numbers: str | None  # numpy's name of that type, of a column of numbers
    is_text: bool  # texts, or objects, that are held otherwise now
    categories: Any = field(repr=False)  # of a column that is held as codes of them


@dataclass(frozen=True, repr=False)
class ShrinkReport(Sequence[ShrunkColumn]):
    """What `shrink` did, column by column; prints as a table, and brings new data into the same types."""

    kind: str  # "pandas", "polars" or "Arrow"
    n_rows: int
    tolerance: float
    columns: tuple[ShrunkColumn, ...]

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, place: Any) -> Any:
        return self.columns[place]

    @property
    def bytes_before(self) -> int:
        """Of all columns; a pandas index is neither changed nor counted."""
        return sum(column.bytes_before for column in self.columns)

    @property
    def bytes_after(self) -> int:
        return sum(column.bytes_after for column in self.columns)

    def __repr__(self) -> str:
        before, after = self.bytes_before, self.bytes_after
        kept = f", {after / before:.1%} of it" if before else ""
        rows = [(str(c.name), c.before, c.after, f"{c.bytes_before:,}", f"{c.bytes_after:,}", c.note) for c in self]
        head = ("column", "before", "after", "bytes", "now", "")
        widths = [max(map(len, cells)) for cells in zip(head, *rows, strict=True)]
        lines = [f"{before:,} bytes before, {after:,} now{kept}: {self.n_rows:,} rows, {len(self)} columns"]
        for row in [head, *rows]:
            texts = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
            sizes = [cell.rjust(width) for cell, width in zip(row[3:5], widths[3:5], strict=True)]
            lines.append("  " + "  ".join([*texts, *sizes, row[5]]).rstrip())
        return "\n".join(lines)

    def apply(self, table: Any, *, unknown: str = "raise") -> Any:
        """New data in the types of the shrunk table, its columns found by name and put in that table's order.

        Parameters
        ----------
        table : pandas.DataFrame, polars.DataFrame, pyarrow.Table or RecordBatch
            Of the library of the table that was shrunk, with the same columns.
        unknown : {"raise", "append"}
            What to do with a category that the shrunk table did not have: raise, or put it behind the known
            categories, whose codes stay what they are.

        Raises
        ------
        InputError
            Where a number is outside what the column's type holds, a cell is missing whose type holds no missing
            ones, a category was never seen, or columns are missing, unknown, doubled or of another kind. Nothing
            is ever wrapped, cut or lost.
        """
        if unknown not in ("raise", "append"):
            raise ConfigurationError(f"unknown must be 'raise' or 'append', not {unknown!r}")
        tables = tables_of(table)
        if tables.name != self.kind:
            raise InputError(f"the report is of tables of {self.kind}; one of {tables.name} came")
        columns = _unique(tables.columns(table))
        expected = {column.name for column in self.columns}
        for these, others, what in ((expected, columns, "is missing"), (columns, expected, "was not there before")):
            absent = [name for name in these if name not in others]
            if absent:
                raise InputError(f"column {absent[0]!r} {what}; allowed: {[column.name for column in self.columns]}")
        made = [(each.name, self._applied(tables, columns[each.name], each, unknown)) for each in self.columns]
        return tables.table(table, made)

    def _applied(self, tables: Tables, column: Any, was: ShrunkColumn, unknown: str) -> Any:
        if was.categories is not None:
            column = tables.decoded(column)
        read = tables.read(column)
        if was.numbers is not None and isinstance(read, Numbers):
            problem = narrow.refusal(read, was.numbers, tables.holds_missing(was.dtype), self.tolerance)
            if problem:
                raise InputError(f"column {was.name!r}: {problem}")
            return tables.cast(column, read, was.dtype)
        is_empty = isinstance(read, Numbers) and not len(read.present)
        if was.is_text and (isinstance(read, Texts) or is_empty):
            return self._encoded(tables, column, was, unknown)
        if tables.dtype(column) != was.dtype:
            allowed = was.before if was.after == was.before else f"{was.before} or {was.after}"
            raise InputError(f"column {was.name!r}: {allowed} was expected; {_words(tables.dtype(column))} came")
        return column

    def _encoded(self, tables: Tables, column: Any, was: ShrunkColumn, unknown: str) -> Any:
        made, rows = tables.encode(column, was.dtype, was.categories)
        if not len(rows):
            return made
        if unknown == "raise" or was.categories is None:
            expected = was.after if was.categories is None else f"one of {len(was.categories)} categories"
            raise InputError(
                f"column {was.name!r}: {expected} was expected; "
                f"{tables.value(column, int(rows[0]))!r} came, in row {rows[0]}"
            )
        dtype, categories = tables.append(tables.take(column, rows), was.dtype, was.categories)
        return tables.encode(column, dtype, categories)[0]


def shrink(table: Any, *, tolerance: float = 0.0) -> tuple[Any, ShrinkReport]:
    """A table in the smallest types that keep every value, and a report of what became of each column.

    Integers, and floats that are all whole numbers, get the smallest integer type; other floats float32 where each
    of them survives the way there and back; texts a dictionary (pandas' category, polars' Enum, Arrow's
    dictionary), where that is smaller, and so do bytes; Python's dates become Arrow's. Missing cells stay missing:
    whole numbers with missing ones among pandas' floats become its nullable integers where that is smaller. -0.0,
    NaN (beside nulls, in polars and Arrow) and infinity are values, which no integer keeps. Booleans, times,
    decimals, nested types, objects of mixed types, and columns without any values are left as they are; the report
    says so.

    Parameters
    ----------
    table : pandas.DataFrame, polars.DataFrame, pyarrow.Table or RecordBatch
        It is not changed.
    tolerance : float, default 0
        How far from itself, relatively, float32 may move a float; 0 for not at all. Integers are always exact.

    Returns
    -------
    table, report
        A table of the same kind, and a `ShrinkReport`; ``report.apply(new)`` brings new data into the same types,
        checked. Small integers wrap in numpy's arithmetic: widen a column before you multiply it.
    """
    if not (isinstance(tolerance, int | float) and 0 <= tolerance < 1 and math.isfinite(tolerance)):
        raise ConfigurationError(f"tolerance must be a number from 0 to below 1, not {tolerance!r}")
    tables = tables_of(table)
    columns, n_rows, said = [], 0, []
    for name, column in _unique(tables.columns(table)).items():
        made, what = _shrunk(tables, name, column, float(tolerance))
        columns.append((name, made))
        said.append(what)
        n_rows = len(column)
    return tables.table(table, columns), ShrinkReport(tables.name, n_rows, float(tolerance), tuple(said))


def _shrunk(tables: Tables, name: Any, column: Any, tolerance: float) -> tuple[Any, ShrunkColumn]:
    dtype, n_bytes, read = tables.dtype(column), tables.n_bytes(column), tables.read(column)
    left = ShrunkColumn(name, _words(dtype), _words(dtype), n_bytes, n_bytes, "", dtype, None, False, None)
    if isinstance(read, str):
        return column, replace(left, note=f"left: {read}")
    if isinstance(read, Numbers):
        target = narrow.smallest(read, tolerance)
        if target is None:
            return column, replace(left, note="left: no values to judge by")
        smaller = tables.smaller(dtype, read, target)
        if smaller == dtype:
            return column, replace(left, numbers=target, note="as small as it gets")
        made = tables.cast(column, read, smaller)
        return made, replace(
            left, after=_words(smaller), bytes_after=tables.n_bytes(made), dtype=smaller, numbers=target
        )
    best = column
    for each, categories in tables.encodings(column):
        made, _ = tables.encode(column, each, categories)
        size = tables.n_bytes(made)
        if size < left.bytes_after:
            best = made
            left = replace(left, after=_words(each), bytes_after=size, dtype=each, is_text=True, categories=categories)
    return best, left if best is not column else replace(left, note="left: a dictionary would be larger")


def _words(dtype: Any) -> str:
    """A type in a word or two: those with categories would name them all, those of records their fields."""
    words = re.sub(r"^Enum\(.*", "Enum", str(dtype), flags=re.DOTALL)
    words = re.sub(r"^dictionary<.*, indices=(\w+), .*", r"dictionary<\1>", words, flags=re.DOTALL)
    return words if len(words) <= LONGEST else words[: LONGEST - 3] + "..."


def tables_of(table: Any) -> Tables:
    """What to do with tables of this library; `InputError` for what is no table."""
    module, _, _ = type(table).__module__.partition(".")
    name = type(table).__name__
    if is_dataframe(table):
        from .shrink_pandas import PandasTables

        return PandasTables()
    if module == "polars" and name == "DataFrame":
        from .shrink_polars import PolarsTables

        return PolarsTables()
    if module == "pyarrow" and name in ("Table", "RecordBatch"):
        from .shrink_arrow import ArrowTables

        return ArrowTables()
    raise InputError(f"a table of pandas, polars or Arrow was expected; a {type(table).__qualname__} came")


def _unique(columns: list[tuple[Any, Any]]) -> dict[Any, Any]:
    unique = dict(columns)
    if len(unique) != len(columns):
        names = [name for name, _ in columns]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"column {twice!r} is there {names.count(twice)} times; names must be unique")
    return unique
