"""Rows of many callers as one table, and its answer as theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError


class Rows:
    """What one caller asks about.

    Attributes
    ----------
    n : rows
    kind : rows of one kind can be put together in a table that means the same: same library, dtypes and columns, and
        of lists and mappings the same types of cells, for these become dtypes
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
            self.is_one, self.n, self.table = True, 1, [rows]
            self.kind = ("mapping", *rows, *map(type, rows.values()))
        elif isinstance(rows, list | tuple):
            self._take_list(rows)
        elif hasattr(rows, "__len__") and (hasattr(rows, "columns") or hasattr(rows, "schema")):
            self.table, self.n = rows, len(rows)
            self.kind = _kind_of_frame(rows)
        else:
            raise InputError(
                "expected a row (a mapping, a list, a tuple or a 1-D array) or a table (a 2-D array or list of rows, a "
                f"data frame, an Arrow table), got {type(rows).__qualname__}"
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
        self.kind = ("array", rows.dtype, self.table.shape[1])

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
        types = [{row.dtype} if isinstance(row, np.ndarray) else set(map(type, row)) for row in self.table]
        self.kind = ("list", *widths, frozenset().union(*types))


def joined(requests: Sequence[Rows]) -> Any:
    """The table of all their rows, in order, of one kind."""
    first, tables = requests[0], [each.table for each in requests]
    form = first.kind[0]
    if form in ("mapping", "mappings"):
        return _frame_of([row for table in tables for row in table])
    if len(tables) == 1:
        return tables[0]
    if form == "array":
        return np.concatenate(tables)
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
        if not hasattr(part, "__len__") or len(part) != n:
            came = f"{len(part)} rows" if hasattr(part, "__len__") else type(part).__qualname__
            raise ConfigurationError(f"the predictor must answer as many rows as it is asked, {n}; it answered {came}")
    found, at = [], 0
    for each in requests:
        cut: Any = at if each.is_one else slice(at, at + each.n)
        found.append([_cut(part, cut) for part in answer] if several else _cut(answer, cut))
        at += each.n
    return found


def _is_of_several_outputs(answer: Any) -> bool:
    """Whether it is a list of probabilities (n_rows, n_classes), one for each output, as scikit-learn's are."""
    is_list = isinstance(answer, list) and len(answer) > 0
    return is_list and all(isinstance(part, np.ndarray) and part.ndim == 2 for part in answer)


def _cut(part: Any, cut: Any) -> Any:
    return part.iloc[cut] if hasattr(part, "iloc") else part[cut]


def _kind_of_frame(frame: Any) -> tuple[Any, ...]:
    library = type(frame).__module__.partition(".")[0]
    if library == "pandas":
        return ("pandas", tuple(frame.columns), tuple(frame.dtypes))
    if library == "polars":
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
