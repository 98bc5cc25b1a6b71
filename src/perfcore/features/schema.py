"""Schema: which features are made of which columns of a table, by what keys, in what order of time."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._ext.features import MISSING, Plan
from ..errors import ConfigurationError, InputError
from .column import Keys, Times
from .feature import Feature
from .keys import Groups
from .table import Table

LATE = {"raise": 0, "drop": 1, "revise_last": 2}
STATES = 2  # of the states' layout in compiled code; a snapshot of another one is refused


@dataclass(frozen=True)
class Schema:
    """What `RollingFeatures` was told, of a certain table.

    Attributes
    ----------
    names : tuple of str
        The table's columns.
    is_named : bool
        Whether they have names; else ``x0``, ``x1``, ...
    uses : tuple of (tuple of str, Feature)
        Features, and the columns of each.
    by, kinds : tuples of str
        The columns of the key, and what kind of cells each holds.
    on : str or None
        The column of times; ``on_kind`` says of which kind.
    after : tuple of str
        Columns whose cells are known only after their row.
    nan_is_missing : bool
        Whether every NaN is a missing cell.
    """

    names: tuple[str, ...]
    is_named: bool
    uses: tuple[tuple[tuple[str, ...], Feature], ...]
    by: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    on: str | None = None
    on_kind: str = "number"
    late: str = "raise"
    after: tuple[str, ...] = ()
    nan_is_missing: bool = True

    @classmethod
    def of(cls, told: Any, table: Table) -> Schema:
        """From the arguments of a `RollingFeatures`, and a table."""
        schema = cls.over(told, table.names, table.is_named, table.nan_is_missing)
        kinds = tuple(each.kind for each in table.keys(schema.by))
        times = None if schema.on is None else table.times(schema.on)
        for name in schema.columns:
            table.numbers(name)
        return schema.with_kinds(kinds, "number" if times is None else times.kind)

    @classmethod
    def over(cls, told: Any, names: tuple[str, ...], is_named: bool, nan_is_missing: bool) -> Schema:
        """The same of columns alone, their kinds not known yet."""
        if not isinstance(told.late, str) or told.late not in LATE:
            raise ConfigurationError(f"late={told.late!r}: allowed are {', '.join(map(repr, LATE))}")
        blank = Table(None, "numpy", names, is_named, 0)
        by = tuple(blank.name(each) for each in several(told.by))
        on = None if told.on is None else blank.name(told.on)
        if told.late != "raise" and on is None:
            raise ConfigurationError(f"late={told.late!r} needs on=, the column of times")
        uses = tuple(uses_of(told.features, blank, {*by, on}))
        if not uses:
            raise nothing_of(told.features, blank)
        for columns, feature in uses:
            if feature.kind.endswith("_in_group"):
                raise ConfigurationError(
                    f"{feature.label} of {columns[0]!r} is of a row among those of its group: it goes to GroupFeatures"
                )
        after = tuple(blank.name(each) for each in several(told.after))
        for name in {*by, on} & {*after}:
            raise ConfigurationError(
                f"after={name!r}: a column that is known only after its row is neither key nor time"
            )
        after = tuple(name for name in after if any(name in columns for columns, _ in uses))
        schema = cls(names, is_named, uses, by, (), on, "number", told.late, after, nan_is_missing)
        twice = [name for name, count in Counter(schema.outputs).items() if count > 1]
        if twice:
            raise ConfigurationError(f"two features would make a column {twice[0]!r}")
        timed = [feature for _, feature in uses if _is_timed(feature)]
        if timed and on is None:
            raise ConfigurationError(f"{timed[0].label}: a window of time needs on=, the column of times")
        return schema

    def with_kinds(self, kinds: tuple[str, ...], on_kind: str) -> Schema:
        timed = [feature for _, feature in self.uses if _is_timed(feature)]
        if timed and on_kind == "number":
            raise InputError(
                f"column {self.on!r}: {timed[0].label} is of a window of time and needs dates or timestamps, "
                "got whole numbers"
            )
        return replace(self, kinds=kinds, on_kind=on_kind)

    def renamed(self, names: tuple[str, ...]) -> Schema:
        """Of the same table under other names."""
        told = dict(zip(self.names, names, strict=True))
        uses = tuple((tuple(told[name] for name in columns), feature) for columns, feature in self.uses)
        return replace(self, names=names, uses=uses)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Those that features are of."""
        return tuple(dict.fromkeys(name for columns, _ in self.uses for name in columns))

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of the columns made: ``close_mean_20``."""
        return tuple(
            "_".join([*columns, feature.label]) + output for columns, feature in self.uses for output in feature.outputs
        )

    def plan(self) -> Plan:
        place = {name: j for j, name in enumerate(self.columns)}
        compiled = []
        for columns, feature in self.uses:
            kind, places, integers, numbers = feature.compiled(tuple(place[name] for name in columns))
            if set(columns) & set(self.after):
                integers = {**integers, "after": 1 if self.on is None else 2}
            compiled.append((kind, places, integers, numbers))
        try:
            return Plan(len(place), compiled, self.nan_is_missing)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error

    def groups(self, table: Table) -> tuple[list[Keys], Groups]:
        """Of a table like the one it is of; `InputError` where keys are of another kind."""
        columns, groups = table.groups(self.by)
        for name, kind, each in zip(self.by, self.kinds, columns, strict=True):
            if each.kind != kind and not (each.absent is not None and each.absent.all()):
                raise InputError(f"column {name!r}: expected keys of {kind}, got {each.kind}")
        return columns, groups

    def times(self, table: Table) -> Times | None:
        if self.on is None:
            return None
        told = table.times(self.on)
        if told.kind != self.on_kind and len(told.cells):
            raise InputError(f"column {self.on!r}: expected times of the kind {self.on_kind!r}, got {told.kind!r}")
        return told

    def digest(self) -> str:
        """Of what a stream's states depend on."""
        told = {
            "states": STATES,
            "uses": [[*self.plan_of(columns, feature)] for columns, feature in self.uses],
            "by": self.by,
            "kinds": self.kinds,
            "on": [self.on, self.on_kind],
            "late": self.late,
            "after": self.after,
            "nan_is_missing": self.nan_is_missing,
        }
        return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()

    @staticmethod
    def plan_of(columns: tuple[str, ...], feature: Feature) -> Iterable[Any]:
        kind, _, integers, numbers = feature.compiled(())
        lasting = {name: number for name, number in integers.items() if name != "function"}  # where its code lies now
        return columns, feature.label, kind, lasting, {name: float(number).hex() for name, number in numbers.items()}


def several(told: Any) -> tuple[Any, ...]:
    if told is None:
        return ()
    return tuple(told) if isinstance(told, list | tuple) else (told,)


def _is_timed(feature: Feature) -> bool:
    return feature.window is not None and feature.window.nanoseconds is not None


def uses_of(features: Any, table: Table, others: set[str | None]) -> Iterable[tuple[tuple[str, ...], Feature]]:
    """Features with their columns, of a mapping; or of a list, for each column that is neither key nor time."""
    if isinstance(features, Feature):
        features = [features]
    if not isinstance(features, Mapping):
        if not isinstance(features, list | tuple):
            raise ConfigurationError(
                f"features={features!r}: allowed are a dict of a column, or a tuple of columns, to a list of features; "
                "or a list of features, made of each column"
            )
        features = {name if table.is_named else j: features for j, name in enumerate(table.names) if name not in others}
    for told, listed in features.items():
        columns = tuple(table.name(each) for each in several(told))
        for feature in [listed] if isinstance(listed, Feature) else listed:
            if not isinstance(feature, Feature):
                raise ConfigurationError(f"features of {told!r}: expected features such as f.mean(20), got {feature!r}")
            if feature.kind.startswith("group_"):
                raise ConfigurationError(f"{feature.label} is of a group as a whole: it goes to GroupFeatures")
            if feature.n_inputs != len(columns):
                raise ConfigurationError(
                    f"{feature.label} is of {feature.n_inputs} columns, and {told!r} names {len(columns)}"
                )
            yield columns, feature


def nothing_of(features: Any, table: Table) -> ConfigurationError | InputError:
    """The error where no feature is of any column."""
    if isinstance(features, Mapping) or not features:
        return ConfigurationError(f"features={features!r}: there is no feature in it")
    return InputError(
        f"features={features!r} are made of each column that is neither key nor time, and the table has none: its "
        f"columns are {list(table.names)}"
    )


def read(schema: Schema, table: Table, may_lack: bool = False) -> list[np.ndarray]:
    """The columns that the plan reads; where those known only after their row may lack, they are missing cells."""
    lacking = [name for name in schema.after if name not in table.names]
    if lacking and not may_lack:
        raise InputError(
            f"the table lacks the columns {lacking}, and rows without them are not taken: what is not known of a row "
            "is missing (null, NaN)"
        )
    return [np.full(table.n_rows, MISSING) if name in lacking else table.numbers(name) for name in schema.columns]
