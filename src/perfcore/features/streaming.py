"""Stream: the features of `RollingFeatures` row by row, for many entities, with the bits of the whole table."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

import numpy as np

from .._ext import features as _compiled
from ..errors import InputError
from . import snapshots
from .keys import Groups
from .schema import LATE, Schema, read
from .table import Table


class Stream(_compiled.Store):
    """States of the features of many series; made by `RollingFeatures.start` and `RollingFeatures.restore`.

    ``update(row)`` takes a row and returns its features, ``peek(row)`` says what they would be and changes nothing.
    Both return an array of float64 in the order of `names`; what is not there yet is NaN. A row is a dict or another
    mapping (columns that no feature needs may be absent), a tuple or list in the order of `columns`, a named tuple, or
    a Series. A row without a key belongs to no series: its features are missing, and nothing changes.

    A row that is refused (`InputError`: an unknown column, a cell of another type, a time earlier than the last)
    changes nothing. Threads may use one stream at once: they take turns.

    Attributes
    ----------
    names : tuple of str
        The features, as the columns of ``transform`` are named.
    columns : tuple of str
        The cells of a row given as a tuple.
    """

    def __new__(cls, schema: Schema) -> Stream:
        place = {name: j for j, name in enumerate(schema.names)}
        return super().__new__(
            cls,
            schema.plan(),
            schema.names,
            tuple(place[name] for name in schema.columns),
            tuple(place[name] for name in schema.by),
            schema.kinds,
            -1 if schema.on is None else place[schema.on],
            schema.on_kind,
            LATE[schema.late],
            schema.after,
        )

    def __init__(self, schema: Schema):
        self._schema = schema
        self.names = schema.outputs
        _live.add(self)

    def __repr__(self) -> str:
        by = f" by {', '.join(self._schema.by)}" if self._schema.by else ""
        return f"<{type(self).__name__} of {len(self)} series{by}: {', '.join(self.names)}>"

    def update_group(self, rows: Any) -> Any:
        """Take many rows at once, a race's or a date's: all of them, or, where one is refused, none.

        ``rows`` is a table, and so is the answer, of the same kind; or a list of rows as `update` takes them, and the
        answer is an array (n_rows, n_features). What is said of each row is what `update` would say, one after another.
        """
        return self._group(rows, False)

    def peek_group(self, rows: Any) -> Any:
        """What `update_group` would say; nothing changes."""
        return self._group(rows, True)

    def _group(self, rows: Any, is_peek: bool) -> Any:
        if isinstance(rows, list):
            keys, codes, columns, times = self._read_rows(rows, is_peek)
            told, late = self._update_rows(keys, codes, columns, times, is_peek=is_peek)
            if told is None:
                raise self._late(times, late)
            return (_plain(told) if self._schema.nan_is_missing else told).T
        table = Table.of(rows)
        told = self._take(table, is_peek, is_peek)
        return table.made(_plain(told) if table.nan_is_missing else told, self.names)

    def _take(self, table: Table, is_peek: bool = False, may_lack: bool = False) -> np.ndarray:
        """``may_lack``: the columns that are known only after their row."""
        schema = self._schema
        table = table.under(schema.names, schema.is_named, "the stream")
        columns, times = read(schema, table, may_lack), schema.times(table)
        keys, codes = _keys(schema, table)
        told, late = self._update_rows(keys, codes, columns, None if times is None else times.cells, is_peek=is_peek)
        if told is None:
            raise self._late(times.cells if times is not None else None, late)
        return told

    def _late(self, times: Any, row: int) -> InputError:
        said = times[row] if self._schema.on_kind == "number" else np.datetime64(int(times[row]), "ns")
        return InputError(
            f"column {self._schema.on!r}: row {row} ({said}) is earlier than the last row of its series; "
            "nothing was taken"
        )

    def _begin(self, table: Table, n_threads: int) -> None:
        """A history, into a stream without rows."""
        from .rolling_features import late_row

        schema = self._schema
        columns, times = read(schema, table), schema.times(table)
        keys: list[Any] = [None]
        order, bounds = None, np.array([0, table.n_rows])
        if schema.by:
            cells, groups = schema.groups(table)
            order, bounds, keys = groups.order, groups.bounds, _values(cells, groups)
        if times is not None:
            late, n_late, _ = _compiled.look_at(times.cells, order, bounds, counts_same=False)
            if n_late and schema.late != "drop":
                raise late_row(schema, table, times.cells, late)
        self._update_series(keys, columns, None if times is None else times.cells, order, bounds, n_threads)

    @property
    def entities(self) -> list[Any]:
        """The keys of the series, as they appeared: tuples where ``by`` is several columns."""
        if not self._schema.by:
            return []
        said = [_said if kind in ("time", "zoned time") else None for kind in self._schema.kinds]
        if not any(said):
            return self._keys_of()
        if len(said) == 1:
            return [_said(key) for key in self._keys_of()]
        return [tuple(s(part) if s else part for s, part in zip(said, key, strict=True)) for key in self._keys_of()]

    def ready(self, entity: Any = None, name: str | None = None) -> bool:
        """Whether an entity's windows are full, of all features or of the one named: nothing before would matter."""
        if name is not None and name not in self.names:
            raise InputError(f"name={name!r}: the features are {list(self.names)}")
        told = self._is_full(self._key_of(entity))
        if told is None:
            return False
        return bool(told.all() if name is None else told[self.names.index(name)])

    def copy(self) -> Stream:
        """Another stream with the same states, which goes its own way."""
        made = Stream(self._schema)
        made._load(*self._save())
        return made

    def snapshot(self) -> bytes:
        """All of it as bytes: magic, protocol, a digest, a hash of the features, and the states. No pickle."""
        return snapshots.write(self._schema, *self._save())

    @classmethod
    def _restored(cls, blob: bytes, told: Any) -> Stream:
        schema, keys, states = snapshots.read(blob, told)
        made = cls(schema)
        try:
            made._load(keys, states)
        except ValueError as error:
            raise InputError(f"a snapshot whose states are not of such features: {error}") from error
        return made

    def __reduce__(self) -> Any:
        return _unpickled, (self._schema, *self._save())


def _unpickled(schema: Schema, keys: list[Any], states: bytes) -> Stream:
    made = Stream(schema)
    made._load(keys, states)
    return made


def _keys(schema: Schema, table: Table) -> tuple[list[Any], np.ndarray]:
    if not schema.by:
        return [None], np.zeros(table.n_rows, np.int64)
    cells, groups = schema.groups(table)
    return _values(cells, groups), groups.codes


def _plain(block: np.ndarray) -> np.ndarray:
    return _compiled.plain(block.reshape(-1)).reshape(block.shape)


def _values(cells: list[Any], groups: Groups) -> list[Any]:
    """The key of each group, as rows of Python objects have it."""
    if not len(groups):
        return []
    columns = [each.values(groups.firsts) for each in cells]
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _said(nanoseconds: int) -> np.datetime64:
    return np.datetime64(nanoseconds, "ns")


# A fork must not find a stream in the midst of a row: nobody changes one while the process forks.
_live: weakref.WeakSet[Stream] = weakref.WeakSet()
_forking = threading.Lock()
_held: list[Stream] = []


def _before_fork() -> None:
    _forking.acquire()
    _held.extend(_live)
    for stream in _held:
        stream._hold()


def _after_fork() -> None:
    for stream in _held:
        stream._release()
    _held.clear()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
