"""Rows of many callers as one table, and its answer as theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError
from ..inputs.table import unlabelled


class Rows:
    """What one caller asks about.

    Attributes
    ----------
    n : rows
    kind : rows of one kind can be put together in a table that means the same: same type, dtypes and columns, and of
        lists and mappings the same types of cells by column, for these become dtypes
    is_one : whether the caller asked about a row, ``row``, and gets the answer of that row
    """

    __slots__ = ("is_one", "kind", "n", "row", "table")

    is_one: bool
    kind: tuple[Any, ...]
    n: int
    row: Any
    table: Any

    def __init__(self, rows: Any):
        self.is_one, self.row = False, rows
        if isinstance(rows, np.ndarray) and rows.ndim in (1, 2):
            self._take_array(rows)
        elif isinstance(rows, Mapping):
            self._take_mapping(rows)
        elif isinstance(rows, list | tuple):
            self._take_list(rows)
        elif hasattr(rows, "iloc") and rows.ndim == 1:
            cells = unlabelled(rows)
            if isinstance(cells, np.ndarray):
                self._take_array(cells)
            else:
                self._take_mapping(cells)
        elif hasattr(rows, "__len__") and (hasattr(rows, "schema") or hasattr(rows, "iloc")):
            self.table, self.n = rows, len(rows)
            self.kind = _kind_of_frame(rows)
        else:
            raise InputError(
                "expected a row (a mapping, a list, a tuple, a 1-D array or a pandas Series) or a table (a 2-D array "
                f"or list of rows, a data frame, an Arrow table), got {type(rows).__qualname__}"
            )
        if not self.n:
            raise InputError("expected at least one row, got a table without rows")

    def is_like(self, other: Rows) -> bool:
        """Whether they can be put together."""
        try:
            return bool(self.kind == other.kind)
        except Exception:  # columns are named by anything: pandas.NA is neither equal to a text nor not
            return False

    def _take_array(self, rows: np.ndarray) -> None:
        self.is_one = rows.ndim == 1
        self.table = rows[None, :] if self.is_one else rows
        self.n = len(self.table)
        self.kind = ("array", type(rows), rows.dtype, self.table.shape[1])

    def _take_mapping(self, row: Mapping) -> None:
        self.is_one, self.n, self.table = True, 1, [row]
        self.kind = ("mapping", *row, *map(type, row.values()))

    def _take_list(self, rows: Sequence) -> None:
        self.is_one = not rows or not isinstance(rows[0], list | tuple | np.ndarray | Mapping)
        self.table = [rows] if self.is_one else rows
        self.n = len(self.table)
        is_named = not self.is_one and isinstance(rows[0], Mapping)
        for row in self.table:
            if not isinstance(row, Mapping if is_named else list | tuple | np.ndarray) or getattr(row, "ndim", 1) != 1:
                raise InputError(f"expected rows of one kind, got a {type(row).__qualname__} after the first")
        if is_named:
            self.kind = _kind_of_records(self.table)
            return
        widths = {len(row) for row in self.table}
        if len(widths) > 1:
            raise InputError(f"expected rows of one length, got lengths {sorted(widths)}")
        if self.is_one:
            self.kind = ("list", *widths, frozenset(), *map(type, rows))
            return
        dtypes = frozenset(row.dtype for row in rows if isinstance(row, np.ndarray))
        columns = zip(*(row for row in rows if not isinstance(row, np.ndarray)), strict=True)
        types = [frozenset(map(type, column)) for column in columns]
        self.kind = ("list", *widths, dtypes, *(each if len(each) > 1 else next(iter(each)) for each in types))


def joined(requests: Sequence[Rows]) -> Any:
    """The table of all their rows, in order, of one kind."""
    first, tables = requests[0], [each.table for each in requests]
    form = first.kind[0]
    if form in ("mapping", "mappings"):
        return _frame_of([row for table in tables for row in table])
    if len(tables) == 1:
        return tables[0]
    if form == "array":
        return np.ma.concatenate(tables) if isinstance(tables[0], np.ma.MaskedArray) else np.concatenate(tables)
    if form == "list":
        return [row for table in tables for row in table]
    if form == "pandas":
        import pandas

        return pandas.concat(tables, ignore_index=True)
    if form == "polars":
        import polars

        return polars.concat(tables)
    import pyarrow

    return pyarrow.concat_tables(pyarrow.table(table) for table in tables)


def answers(answer: Any, requests: Sequence[Rows]) -> list[Any]:
    """Each caller's part of the answer.

    Raises
    ------
    ConfigurationError
        Where the answer is not of so many rows.
    """
    n, several = sum(each.n for each in requests), _is_of_several_outputs(answer)
    for part in answer if several else [answer]:
        if (n_answered := number_of(part)) != n:
            came = type(part).__qualname__ if n_answered is None else f"{n_answered} rows"
            raise ConfigurationError(f"the predictor must answer as many rows as it is asked, {n}; it answered {came}")
    if len(requests) == 1 and not requests[0].is_one:
        return [answer]
    found, at = [], 0
    for each in requests:
        found.append(type(answer)(_cut(part, at, each) for part in answer) if several else _cut(answer, at, each))
        at += each.n
    return found


def number_of(answers: Any) -> int | None:
    """How many answers those are; None where they are none in order: a mapping, a set, a text, a generator."""
    if isinstance(answers, np.ndarray):  # as most are
        return len(answers) if answers.ndim else None
    if isinstance(answers, Mapping | str | bytes) or not hasattr(answers, "__getitem__"):
        return None
    try:
        return len(answers)
    except TypeError:
        return None


def _is_of_several_outputs(answer: Any) -> bool:
    """Whether it is a list of probabilities (n_rows, n_classes), one for each output, as scikit-learn's are, or a tuple
    of arrays, as of a function that returns means and deviations.
    """
    if type(answer) not in (list, tuple) or not answer:
        return False
    least = 2 if isinstance(answer, list) else 1
    return all(isinstance(part, np.ndarray) and part.ndim >= least for part in answer)


def _cut(answer: Any, at: int, rows: Rows) -> Any:
    """What follows ``at``; a copy of an array's, for a view would keep all callers' answers as long as one is kept."""
    if hasattr(answer, "iloc"):
        part = answer.iloc[at : at + rows.n].copy()
        part.index = rows.table.index if hasattr(rows.table, "iloc") else range(rows.n)  # not its place in the call
        return part.iloc[0] if rows.is_one else part
    part = answer[at if rows.is_one else slice(at, at + rows.n)]
    return part.copy() if isinstance(part, np.ndarray) else part


def _kind_of_frame(frame: Any) -> tuple[Any, ...]:
    if hasattr(frame, "iloc"):
        return ("pandas", type(frame), tuple(frame.columns), tuple(frame.dtypes))
    if type(frame).__module__.partition(".")[0] == "polars":
        return ("polars", *frame.schema.items())
    return ("arrow", frame.schema)


def _kind_of_records(records: Sequence[Mapping]) -> tuple[Any, ...]:
    types: dict[Any, set[type]] = {}
    for record in records:
        for name, cell in record.items():
            types.setdefault(name, set()).add(type(cell))
    lacking = [name for name in types if any(name not in record for record in records)]
    return ("mappings", tuple((name, frozenset(each)) for name, each in types.items()), *lacking)


def _frame_of(records: list[Mapping]) -> Any:
    import pandas

    return pandas.DataFrame.from_records(records)
