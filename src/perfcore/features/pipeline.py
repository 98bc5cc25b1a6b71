"""FeaturePipeline: features one after another, each of the table and of what was made before; batch and stream."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .._ext import features as _compiled
from ..errors import ConfigurationError, InputError
from .column import Keys, Times
from .group_features import GroupFeatures
from .keys import Groups
from .rolling_features import RollingFeatures
from .schema import several
from .streaming import Stream
from .table import Table
from .transformer import Transformer

Stage = RollingFeatures | GroupFeatures
MAGIC = b"\x93PCSTAGE"
PROTOCOL = 1
_FRONT = struct.Struct("<8sII16s")


class FeaturePipeline(Transformer):
    """Features made one after another: each stage sees the table and the columns that were made before it.

    Parameters
    ----------
    stages : list of RollingFeatures and GroupFeatures
        Or of ``(name, stage)``: the names of its columns begin with the stage's, ``motor_place_mean_10``, so that two
        may make the same features by other keys.
    after : str or list of str, optional
        Columns whose cells are known only after their row, as a race's result. A stage that makes features of them must
        say so, ``RollingFeatures(..., after=...)``, and then they are those of earlier rows; anything else is an error.

    Notes
    -----
    What comes out are all columns of all stages, in a table of the kind that came. The table's columns have names.
    `start` gives a stream of races or dates as they come, with the bits of the whole table.
    """

    def __init__(self, stages: Any, after: Any = None):
        self.stages = stages
        self.after = after

    def fit(self, X: Any, y: Any = None) -> FeaturePipeline:
        """Learns nothing but what the table's columns are; `InputError` for columns of which this cannot be made."""
        table = self._read(X)
        if not table.is_named:
            raise InputError("a FeaturePipeline's stages know columns by their names; this table has none")
        after = {table.name(each) for each in several(self.after)}
        wide, fitted = _Wide.of(table), []
        for prefix, told in _stages(self.stages):
            stage = type(told)(**told.get_params()).fit(wide)
            _check_after(stage, after)
            names = _names(prefix, stage)
            twice = [name for name in names if name in wide.names]
            if twice:
                kind = type(stage).__name__
                raise ConfigurationError(
                    f"{kind} by {stage.by!r} would make a column {twice[0]!r}, which is there already; give the stage "
                    f"a name that its columns begin with: ('motor', {kind}(...))"
                )
            wide = wide.with_columns(names, np.full((len(names), table.n_rows), np.nan))
            fitted.append((names, stage))
        self._seen(table)
        self.stages_, self.nan_is_missing_ = fitted, table.nan_is_missing
        return self

    def transform(self, X: Any) -> Any:
        """The columns of all stages, of a table like that it was fitted to."""
        table = self._like_seen(X)
        block = np.empty((len(self.get_feature_names_out()), table.n_rows))
        for _ in self._run(table, block, self._is_plain(table)):
            pass
        return self._made(table, block)

    def _run(
        self, table: Table, block: np.ndarray, is_plain: bool, streams: tuple | None = None, may_lack: bool = True
    ) -> Iterator[_Wide]:
        """Fills the block stage by stage, and yields the table that each saw; streams, where given, are asked."""
        wide, first = _Wide.of(table), 0
        for number, (names, stage) in enumerate(self.stages_):
            made = block[first : first + len(names)]
            if streams is not None and streams[number] is not None:
                made[:] = streams[number]._take(wide, is_peek=True, may_lack=may_lack)
                if is_plain:
                    _compiled.plain(made.reshape(-1))
            else:
                stage._fill(wide, made, is_plain)
            yield wide
            wide = wide.with_columns(names, made)
            first += len(names)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the columns made, stage by stage."""
        self._require_fitted()
        self._renamed(input_features)
        return np.array([name for names, _ in self.stages_ for name in names], dtype=object)

    def start(self, history: Any = None) -> PipelineStream:
        """A stream of what comes after a table, or after nothing; without a table it must have been fitted."""
        if history is None:
            self._require_fitted()
            return PipelineStream(self, [_started(stage) for _, stage in self.stages_], self.nan_is_missing_)
        if not self._is_fitted():
            return type(self)(**self.get_params()).fit(history).start(history)
        table = self._like_seen(history)
        block = np.empty((len(self.get_feature_names_out()), table.n_rows))
        tables = self._run(table, block, is_plain=False)
        streams = [_started(stage, wide) for (_, stage), wide in zip(self.stages_, tables, strict=True)]
        return PipelineStream(self, streams, table.nan_is_missing)

    def restore(self, blob: bytes) -> PipelineStream:
        """The stream that `PipelineStream.snapshot` made these bytes of; the pipeline must have been fitted."""
        self._require_fitted()
        nan_is_missing, parts = _read(blob)
        if [bool(part) for part in parts] != [isinstance(stage, RollingFeatures) for _, stage in self.stages_]:
            raise InputError("a snapshot of other stages")
        streams = [stage.restore(part) if part else None for part, (_, stage) in zip(parts, self.stages_, strict=True)]
        return PipelineStream(self, streams, nan_is_missing)


class PipelineStream:
    """The features of a `FeaturePipeline`, race by race or date by date, with the bits of the whole table.

    Rows are a table, or a list of dicts; the answer is a table of the same kind, or an array (n_rows, n_features).
    Groups come whole, a race's rows in one call. Rows that are refused change nothing. One thread at a time may use it.

    Attributes
    ----------
    names : tuple of str
        The features, as the columns of ``transform`` are named.
    streams : tuple of Stream or None
        Each stage's; a stage that remembers nothing has none.
    """

    def __init__(self, pipeline: FeaturePipeline, streams: list[Stream | None], nan_is_missing: bool):
        self._pipeline = pipeline
        self._nan_is_missing = nan_is_missing
        self.names = tuple(pipeline.get_feature_names_out())
        self.streams = tuple(streams)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.streams)} stages: {', '.join(self.names)}>"

    def update(self, row: Any) -> np.ndarray:
        """Take one row, a dict, as a group of its own; its features, (n_features,), in the order of `names`."""
        return self._told([_mapping(row)], True)[0]

    def peek(self, row: Any) -> np.ndarray:
        """What `update` would say; nothing changes."""
        return self._told([_mapping(row)], False)[0]

    def update_group(self, rows: Any) -> Any:
        """Take a group's rows, or those of several: all of them, or, where one is refused, none."""
        return self._told(rows, True)

    def peek_group(self, rows: Any) -> Any:
        """What `update_group` would say; nothing changes."""
        return self._told(rows, False)

    def _told(self, rows: Any, takes: bool) -> Any:
        if isinstance(rows, list) and not rows:
            return np.empty((0, len(self.names)))
        table = self._table(rows)
        block = np.empty((len(self.names), table.n_rows))
        # All stages are asked before any takes the rows: what one refuses, none has taken.
        tables = list(self._pipeline._run(table, block, table.nan_is_missing, self.streams, may_lack=not takes))
        for stream, wide in zip(self.streams, tables, strict=True):
            if takes and stream is not None:
                stream._take(wide)
        return block.T if isinstance(rows, list) else table.made(block, self.names)

    def _table(self, rows: Any) -> Table:
        if not isinstance(rows, list):
            return self._pipeline._like_seen(rows)
        if not all(isinstance(row, Mapping) for row in rows):
            raise InputError("expected a table, or a list of dicts, the rows of a group")
        odd = next((row for row in rows if row.keys() != rows[0].keys()), None)
        if odd is not None:
            raise InputError(f"expected rows of the same columns, got {list(rows[0])} and {list(odd)}")
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        kind = "pandas" if self._nan_is_missing else "pyarrow"
        return self._pipeline._like_seen(_Wide(_Columns(None, columns), kind, tuple(columns), True, len(rows)))

    def copy(self) -> PipelineStream:
        """Another stream with the same states, which goes its own way."""
        streams = [None if stream is None else stream.copy() for stream in self.streams]
        return PipelineStream(self._pipeline, streams, self._nan_is_missing)

    def snapshot(self) -> bytes:
        """All of it as bytes: magic, protocol, a digest, and the snapshots of the stages. No pickle."""
        parts = [b"" if stream is None else stream.snapshot() for stream in self.streams]
        body = bytes([self._nan_is_missing]) + b"".join(struct.pack("<Q", len(part)) + part for part in parts)
        return _FRONT.pack(MAGIC, PROTOCOL, len(parts), _digest(body)) + body


def _mapping(row: Any) -> Mapping:
    if not isinstance(row, Mapping):
        raise InputError(f"expected one row, a dict, got a {type(row).__qualname__}; many rows go to update_group")
    return row


class _Columns:
    """A table and the columns that come to it; all are read once, however many stages ask for them."""

    def __init__(self, table: Table | None, made: dict[str, Any]):
        self.table = table
        self.made = made
        self.read: dict[tuple[Any, ...], Any] = {}


class _Wide(Table):
    """A table to which columns come."""

    __slots__ = ()

    @classmethod
    def of(cls, X: Any) -> _Wide:
        return X if isinstance(X, cls) else cls(_Columns(X, {}), X.kind, X.names, True, X.n_rows)

    def column(self, name: str) -> Any:
        told, name = self.table, self.name(name)
        return told.table.column(name) if told.table is not None and name not in told.made else told.made[name]

    def numbers(self, name: str) -> np.ndarray:
        return self._once(super().numbers, name)

    def times(self, name: str) -> Times:
        return self._once(super().times, name)

    def groups(self, names: tuple[str, ...]) -> tuple[list[Keys], Groups]:
        return self._once(super().groups, names)

    def _once(self, read: Callable[[Any], Any], what: Any) -> Any:
        there = self.table.read
        key = (read.__name__, what)
        if key not in there:
            there[key] = read(what)
        return there[key]

    def with_columns(self, names: list[str], cells: np.ndarray) -> _Wide:
        self.table.made.update(zip(names, cells, strict=True))
        return self._replace(names=(*self.names, *names))


def _stages(told: Any) -> Iterator[tuple[str, Stage]]:
    if not isinstance(told, list | tuple) or not told:
        raise ConfigurationError(f"stages={told!r}: allowed is a list of RollingFeatures and GroupFeatures")
    for each in told:
        prefix, stage = each if isinstance(each, tuple) and len(each) == 2 else ("", each)
        if not isinstance(prefix, str) or not isinstance(stage, RollingFeatures | GroupFeatures):
            raise ConfigurationError(
                f"stages: allowed are RollingFeatures, GroupFeatures and (name, one of these), got {each!r}"
            )
        yield prefix, stage


def _names(prefix: str, stage: Stage) -> list[str]:
    return [f"{prefix}_{name}" if prefix else name for name in stage.get_feature_names_out()]


def _started(stage: Stage, history: Any = None) -> Stream | None:
    return stage.start(history) if isinstance(stage, RollingFeatures) else None


def _check_after(stage: Stage, after: set[str]) -> None:
    told = {*several(stage.after)} if isinstance(stage, RollingFeatures) else set()
    uses = stage.schema_.uses if isinstance(stage, RollingFeatures) else stage.uses_
    kind = type(stage).__name__
    for columns, feature in uses:
        for name in columns:
            if name in after - told:
                how = (
                    f"say RollingFeatures(..., after={name!r})"
                    if isinstance(stage, RollingFeatures)
                    else f"take those of earlier rows first, RollingFeatures({{{name!r}: ...}}, by=..., after={name!r})"
                )
                raise ConfigurationError(
                    f"{feature.label} of {name!r}: its cells are known only after their row, and {kind} by "
                    f"{stage.by!r} would use the row's own; {how}"
                )
    for name in after & {*several(stage.by)}:
        raise ConfigurationError(f"{kind} by {name!r}: a column that is known only after its row is no key")


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _read(blob: Any) -> tuple[bool, list[bytes]]:
    """(nan_is_missing, parts) of a snapshot."""
    try:
        blob = bytes(memoryview(blob))
    except TypeError as error:
        raise InputError(f"expected a snapshot's bytes, got a {type(blob).__qualname__}") from error
    if len(blob) <= _FRONT.size or blob[:8] != MAGIC:
        raise InputError(f"these {len(blob)} bytes are no snapshot of a FeaturePipeline's stream")
    _, protocol, n_parts, digest = _FRONT.unpack_from(blob)
    if protocol != PROTOCOL:
        raise InputError(f"a snapshot of protocol {protocol}: this version reads {PROTOCOL}")
    body = blob[_FRONT.size :]
    if _digest(body) != digest:
        raise InputError("a snapshot that is cut or damaged: its digest is not that of its bytes")
    parts, at = [], 1
    while at + 8 <= len(body):
        (length,) = struct.unpack_from("<Q", body, at)
        parts.append(body[at + 8 : at + 8 + length])
        at += 8 + length
    if len(parts) != n_parts or at != len(body):
        raise InputError("a snapshot whose parts are not as it says")
    return body[0] == 1, parts
