"""assert_causal(): whether what a transformer says of a row would change with what comes after it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .errors import ConfigurationError, InputError, MismatchError


def assert_causal(
    transformer: Any,
    table: Any,
    *,
    on: Any = None,
    after: Any = (),
    keep: Any = (),
    refit: bool = True,
    n_cuts: int = 8,
    rtol: float = 0.0,
    seed: int = 0,
) -> None:
    """Raise where a row's features depend on later rows, or on what is known only after the row.

    The table is cut at several times. What the transformer makes of the rows before the cut must be the same when it
    sees those alone, when it sees the whole table, and when from the cut on each column holds cells of other rows, or
    NaN.

    Parameters
    ----------
    transformer : object with ``transform(table)``
        As many rows out as in, in the same order.
    table : pandas, polars or Arrow table, or 2-D numpy array
    on : column, optional
        When a row is; rows of the same time (the boats of a race, the stocks of a day) stay together. Unless given, the
        transformer's own ``on``, and where there is none, each row is later than the one before it.
    after : column or columns known only afterwards, as the result of a race is
        The features of a row must not depend on its own cell of them, nor on those of rows of the same time.
    keep : column or columns
        Are not tampered with: what the transformer refuses to see in disorder. ``on`` is kept in any case, and so are
        the ``on`` and ``by`` of the transformer and of its stages: other rows' keys would put later rows among earlier.
    refit : bool, default True
        Fit a copy of the transformer on all that it is given, before it transforms it. False: as it is fitted, on rows
        before the table's; then nothing is found out about what it learned from them.
    n_cuts : int
    rtol : float, default 0
        Up to what relative difference cells are the same, for arithmetic whose bits depend on the number of rows.
        With 0 they are the same bits; any NaN, null and None are one.
    seed : int
        Of the other rows' choice.

    Raises
    ------
    MismatchError
        With ``column``, ``row`` (the first unequal one), ``source`` (its cell when the whole table is known) and
        ``answer`` (its cell when less is known).
    """
    whole = _Table(table)
    on = getattr(transformer, "on", None) if on is None else on
    after, keep = _names(after), _names(keep)
    if not callable(getattr(transformer, "transform", None)) or isinstance(transformer, type):
        raise ConfigurationError(
            f"assert_causal: expected an object with transform(table), got {transformer!r}; of a function: "
            "FunctionTransformer(function)"
        )
    kept = {*keep, *_names(on), *_keys(transformer)}
    for name in (*after, *keep, *_names(on)):
        if name not in whole.names:
            raise InputError(f"assert_causal: there is no column {name!r}; there are {whole.names}")
    if isinstance(n_cuts, bool) or not isinstance(n_cuts, int) or n_cuts < 1:
        raise ConfigurationError(f"n_cuts={n_cuts!r}: allowed are whole numbers from 1")
    times = np.arange(whole.n_rows) if on is None else whole.times(on)
    random = np.random.default_rng(seed)
    made = _made(transformer, whole, refit)
    for cut in _cuts(times, n_cuts):
        past = times < cut
        shown = f"row {cut}" if on is None else f"{on} {whole.cell(on, int((times == cut).argmax()))}"
        if past.any():
            _same(made, past, _made(transformer, whole.rows(past), refit), f"the rows before {shown} alone", rtol)
        changed = [name for name in whole.names if name not in kept]
        for other, what in whole.others(past, changed, random):
            _same(made, past, _made(transformer, other, refit), f"{what} from {shown} on", rtol, rows=past)
        present = times <= cut
        for other, what in whole.others(past, after, random):
            told = f"{what} in {', '.join(map(str, after))} from {shown} on"
            _same(made, present, _made(transformer, other, refit), told, rtol, rows=present)


def _keys(transformer: Any) -> set:
    """The columns that say which rows belong together, and when they are."""
    keys = {*_names(getattr(transformer, "by", None)), *_names(getattr(transformer, "on", None))}
    for stage in getattr(transformer, "stages", ()):
        keys |= _keys(stage[-1] if isinstance(stage, tuple) else stage)
    return keys


def _names(told: Any) -> tuple:
    """Of one column or several."""
    if told is None:
        return ()
    return (told,) if isinstance(told, str | bytes) or not isinstance(told, Iterable) else tuple(told)


def _cuts(times: np.ndarray, n_cuts: int) -> Iterator[Any]:
    """Of the times some, evenly, the first and the last among them."""
    distinct = np.unique(times)
    yield from (
        distinct[np.unique(np.linspace(0, len(distinct) - 1, n_cuts).round().astype(int))] if len(distinct) else ()
    )


def _made(transformer: Any, table: _Table, refit: bool) -> dict[Any, np.ndarray]:
    """The columns that the transformer makes."""
    if refit and hasattr(transformer, "fit"):
        transformer = _unfitted(transformer).fit(table.table)
    made = transformer.transform(table.table)
    found = _Table(made.toarray() if hasattr(made, "toarray") else made)
    if found.n_rows != table.n_rows:
        raise InputError(
            f"assert_causal: the transformer makes {found.n_rows} rows of {table.n_rows}; allowed are as many, in order"
        )
    return {name: found.cells(name) for name in found.names}


def _unfitted(transformer: Any) -> Any:
    if hasattr(transformer, "get_params"):
        try:
            from sklearn.base import clone
        except ImportError:
            return copy.deepcopy(transformer)
        return clone(transformer)
    return copy.deepcopy(transformer)


def _same(
    whole: dict[Any, np.ndarray],
    past: np.ndarray,
    found: dict[Any, np.ndarray],
    what: str,
    rtol: float,
    rows: np.ndarray | None = None,
) -> None:
    """The rows ``past`` of what was made of the whole table, and those found, or ``rows`` of them, are the same."""
    if list(whole) != list(found):
        odd = [name for name in {**whole, **found} if (name in whole) != (name in found)] or list(found)
        error = MismatchError(f"columns {odd} are made of the whole table alone, or only with {what}: not causal")
        error.column = odd[0]
        raise error
    at = np.flatnonzero(past)
    for name in whole:
        expected, got = whole[name][past], found[name] if rows is None else found[name][rows]
        unequal = np.flatnonzero(~_equal(expected, got, rtol))
        if len(unequal):
            first, row = unequal[0], int(at[unequal[0]])
            error = MismatchError(
                f"column {name!r}, row {row}: {expected[first]!r} with the whole table, {got[first]!r} with {what}: "
                "it depends on what is not known yet"
            )
            error.column, error.row, error.source, error.answer = name, row, expected[first], got[first]
            raise error


def _equal(a: np.ndarray, b: np.ndarray, rtol: float) -> np.ndarray:
    if a.dtype.kind in "biuf" and b.dtype.kind in "biuf":
        if rtol == 0 and a.dtype.kind == b.dtype.kind == "f" and a.dtype == b.dtype:
            whole = np.dtype(f"u{a.dtype.itemsize}")
            same = np.ascontiguousarray(a).view(whole) == np.ascontiguousarray(b).view(whole)
        else:
            with np.errstate(all="ignore"):
                same = (a == b) | (np.abs(a.astype(float) - b.astype(float)) <= rtol * np.abs(a.astype(float)))
        return same | (np.isnan(a.astype(float)) & np.isnan(b.astype(float)))
    return np.fromiter((_is_none(x) and _is_none(y) or bool(x == y) for x, y in zip(a, b, strict=True)), bool, len(a))


def _is_none(x: Any) -> bool:
    return x is None or type(x).__name__ in ("NAType", "NaTType") or (np.ndim(x) == 0 and bool(x != x))


class _Table:
    """What the test asks of a table of any library."""

    def __init__(self, table: Any):
        self.table = table
        library = type(table).__module__.partition(".")[0]
        if isinstance(table, np.ndarray) and table.ndim == 2:
            self.names: list = list(range(table.shape[1]))
        elif library == "pyarrow" and hasattr(table, "column_names"):
            self.names = list(table.column_names)
        elif library in ("pandas", "polars") and hasattr(table, "columns") and not hasattr(table, "collect"):
            self.names = list(table.columns)
        else:
            kind = type(table).__qualname__
            raise InputError(f"assert_causal: expected a pandas, polars or Arrow table or a 2-D array, got a {kind}")
        self._library = library
        self.n_rows = len(table)

    def cells(self, name: Any) -> np.ndarray:
        if self._library == "numpy":
            return self.table[:, name]
        if self._library == "pyarrow":
            return self.table.column(name).to_numpy()
        return self.table[name].to_numpy()

    def times(self, name: Any) -> np.ndarray:
        """Numbers in the order of the times."""
        try:
            return np.unique(self.cells(name), return_inverse=True)[1].reshape(-1)
        except TypeError as error:
            raise InputError(f"assert_causal: the cells of column {name!r} are in no order: {error}") from error

    def cell(self, name: Any, row: int) -> Any:
        return self.cells(name)[row]

    def rows(self, mask: np.ndarray) -> _Table:
        if self._library == "pandas":
            return _Table(self.table.loc[mask])
        if self._library == "pyarrow":
            return _Table(self.table.take(np.flatnonzero(mask)))
        return _Table(self.table.filter(mask) if self._library == "polars" else self.table[mask])

    def others(
        self, past: np.ndarray, names: Iterable[Any], random: np.random.Generator
    ) -> Iterator[tuple[_Table, str]]:
        """The table with other cells in rows that are not past: those of other rows, or NaN in columns of floats."""
        names = list(names)
        if not names or past.all():
            return
        n_future = int((~past).sum())
        picks = {}
        for name in names:
            picks[name] = np.arange(self.n_rows)
            picks[name][~past] = random.integers(0, self.n_rows, n_future)
        yield self._replaced({name: self._taken(name, pick) for name, pick in picks.items()}), "other cells"
        floats = {name: self._without(name, past) for name in names if self._is_float(name)}
        if floats:
            yield self._replaced(floats), "NaN"

    def _is_float(self, name: Any) -> bool:
        if self._library == "pyarrow":
            return self.table.column(name).type in ("float", "double")
        dtype = self.table.dtype if self._library == "numpy" else self.table[name].dtype
        return dtype.is_float() if self._library == "polars" else getattr(dtype, "kind", "") == "f"

    def _without(self, name: Any, kept: np.ndarray) -> Any:
        """The column of floats with NaN in the other rows; what is null stays null."""
        if self._library == "pyarrow":
            import pyarrow
            import pyarrow.compute as compute

            column = self.table.column(name)
            return compute.if_else(pyarrow.array(kept), column, pyarrow.scalar(np.nan, column.type))
        if self._library == "polars":
            import polars

            column = self.table[name]
            return column.zip_with(
                polars.Series(kept), polars.Series([np.nan], dtype=column.dtype).new_from_index(0, len(kept))
            )
        cells = (self.table[:, name] if self._library == "numpy" else self.table[name]).copy()
        cells[~kept] = np.nan
        return cells

    def _taken(self, name: Any, rows: np.ndarray) -> Any:
        if self._library == "numpy":
            return self.table[rows, name]
        if self._library == "pandas":
            return self.table[name].array.take(rows)
        return self.table.column(name).take(rows) if self._library == "pyarrow" else self.table[name].gather(rows)

    def _replaced(self, columns: dict[Any, Any]) -> _Table:
        if self._library == "numpy":
            table = self.table.copy()
            for place, cells in columns.items():
                table[:, place] = cells
            return _Table(table)
        if self._library == "pandas":
            frame = self.table.copy()
            for name, cells in columns.items():
                frame[name] = cells
            return _Table(frame)
        if self._library == "polars":
            import polars

            return _Table(self.table.with_columns([polars.Series(k, v) for k, v in columns.items()]))
        table = self.table
        for name, cells in columns.items():
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(place), cells)
        return _Table(table)
