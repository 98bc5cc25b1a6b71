"""GroupFeatures: what a row is among the rows of its group, as a boat in its race or a stock on its day."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from .. import threads
from .._ext.features import Plan
from ..errors import ConfigurationError, InputError
from .feature import Feature, Window, describes
from .schema import nothing_of, several, uses_of
from .table import Table
from .transformer import Transformer

# As compiled code calls them, before which it says "group_".
KINDS = ("count", "sum", "mean", "var", "std", "min", "max", "median", "rank", "zscore", "minus_mean", "share")


@describes
def minus_mean() -> Feature:
    """A cell less its group's mean; for `GroupFeatures`."""
    return Feature("minus_mean_in_group", "minus_mean", Window())


@describes
def share() -> Feature:
    """A cell as a part of its group's sum; for `GroupFeatures`."""
    return Feature("share_in_group", "share", Window())


class GroupFeatures(Transformer):
    """Aggregates of a group joined to its rows, and what a row is among them: rank, z-score, part.

    Parameters
    ----------
    features : dict or list
        ``{"rating": [f.rank(ascending=False), f.zscore(), f.mean()]}``: columns and what is made of them, without
        windows: ``count``, ``sum``, ``mean``, ``var``, ``std``, ``min``, ``max``, ``median``, ``rank``, ``zscore``,
        ``minus_mean``, ``share``. Columns of arrays without names are numbers. A list is made of each column that is
        not in ``by``.
    by : str, int or list of these
        The columns that tell groups apart; a group's rows may lie anywhere in the table. A row in which one of them is
        missing belongs to no group: its features are missing.
    after : str, int or list of these, optional
        Columns whose cells are known only after their row (a race's result). Features of them are refused: of the same
        group, they are known no sooner.
    n_threads : int, optional
        None: all that are available. The bits are the same for any number.

    Notes
    -----
    The values are those of pandas' ``groupby(...).transform`` and ``rank``. Missing cells are left out; of none, the
    count and the sum are 0 and the rest is missing. Where NaN is not missing (Arrow, polars), it makes the features of
    its group NaN, except the count.
    """

    def __init__(self, features: Any, by: Any, after: Any = None, n_threads: int | None = None):
        self.features = features
        self.by = by
        self.after = after
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None) -> GroupFeatures:
        """Learns nothing but what the table's columns are; `InputError` for columns of which this cannot be made."""
        table = self._read(X)
        by = tuple(table.name(each) for each in several(self.by))
        if not by:
            raise ConfigurationError(f"by={self.by!r}: allowed are a column and a list of columns")
        uses = tuple(uses_of(self.features, table, {*by}))
        if not uses:
            raise nothing_of(self.features, table)
        _check(uses, {table.name(each) for each in several(self.after)})
        table.keys(by)
        for name in _columns(uses):
            table.numbers(name)
        if not table.n_rows:
            raise InputError(
                f"0 sample(s) (shape=(0, {len(table.names)})) while a minimum of 1 is required: the table has no rows"
            )
        self._seen(table)
        self.uses_, self.by_ = uses, by
        return self

    def transform(self, X: Any) -> Any:
        """The features of each row, of a table like that it was fitted to, its groups whole."""
        table = self._like_seen(X)
        block = np.empty((len(self.uses_), table.n_rows))
        self._fill(table, block, self._is_plain(table))
        return self._made(table, block)

    def _fill(self, table: Table, block: np.ndarray, is_plain: bool) -> None:
        """The features, a row of the block each; ``is_plain``: missing cells as NaN."""
        names = _columns(self.uses_)
        place = {name: j for j, name in enumerate(names)}
        features = [_compiled(feature, place[name]) for (name,), feature in self.uses_]
        plan = Plan(len(names), features, table.nan_is_missing)
        _, groups = table.groups(self.by_)
        columns = [table.numbers(name) for name in names]
        n_threads = threads.resolve(self.n_threads)
        plan.run(columns, None, groups.order, groups.bounds, n_threads, out=block, is_plain=is_plain)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the columns made: ``rating_rank``; ``input_features`` names columns that have no names."""
        self._require_fitted()
        renamed = self._renamed(input_features)
        return np.array([f"{renamed[name]}_{feature.label}" for (name,), feature in self.uses_], dtype=object)


def _columns(uses: tuple[tuple[tuple[str, ...], Feature], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for columns, _ in uses for name in columns))


def _names(uses: tuple[tuple[tuple[str, ...], Feature], ...]) -> list[str]:
    return [f"{name}_{feature.label}" for (name, *_), feature in uses]


def _base(feature: Feature) -> str:
    return feature.kind.removesuffix("_in_group")


def _compiled(feature: Feature, column: int) -> tuple[str, tuple[int, ...], dict[str, int], dict[str, float]]:
    return f"group_{_base(feature)}", (column,), dict(feature.integers), {}


def _check(uses: tuple[tuple[tuple[str, ...], Feature], ...], after: set[str]) -> None:
    for (name, *_), feature in uses:
        if _base(feature) not in KINDS:
            raise ConfigurationError(f"{feature.label} of {name!r}: within groups there are {', '.join(KINDS)}")
        if feature.window != Window():
            raise ConfigurationError(
                f"{feature.label} of {name!r}: features of a group are of all its rows, without a window, closed or "
                f"min_periods: f.{_base(feature)}()"
            )
        if name in after:
            raise ConfigurationError(
                f"{feature.label} of {name!r}: its cells are known only after their row (after=), and so is what "
                f"a group says of them; take earlier rows: RollingFeatures({{{name!r}: ...}}, by=..., after={name!r})"
            )
    twice = [name for name, count in Counter(_names(uses)).items() if count > 1]
    if twice:
        raise ConfigurationError(f"two features would make a column {twice[0]!r}")
