"""RollingFeatures: features of a table's series, a transformer as scikit-learn's are; and, row by row, streams."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import threads
from .._ext import features as _compiled
from ..errors import InputError
from .schema import Schema, read
from .streaming import Stream
from .table import Table
from .transformer import Transformer


class RollingFeatures(Transformer):
    """Rolling, expanding, exponentially weighted features and indicators of each series in a table.

    Parameters
    ----------
    features : dict or list
        ``{"close": [f.mean(20), f.rsi(14)], ("high", "low", "close"): [f.atr(14)]}``: columns and what is made of them.
        Columns of arrays without names are numbers: ``{0: [f.mean(3)]}``. A list is made of each column that is neither
        ``by`` nor ``on``.
    by : str, int or list of these, optional
        The columns that tell series apart. A row in which one of them is missing belongs to no series: its features are
        missing.
    on : str or int, optional
        The column of times (dates, timestamps, whole numbers), needed by windows of time. Within a series they must not
        decrease; equal times are allowed.
    late : {"raise", "drop", "revise_last"}
        What becomes of a row with an earlier time than its series' last: an error; or it is left out, its features
        missing. "revise_last": a row with the time of its series' last one takes its place; an earlier one is an error.
    after : str, int or list of these, optional
        Columns whose cells are known only after their row (a race's result): their features know earlier rows alone,
        with ``on`` those of earlier times. Windows of time go back from the present row; windows of n rows are of the
        last n known ones; all else is what it was in the last known row, so that ``lag(0)`` is the last result.
    n_threads : int, optional
        None: all that are available. The bits are the same for any number.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : numpy.ndarray of str
        Where the table's columns have names.

    Notes
    -----
    A table comes out as the kind that went in (pandas with its index, polars, Arrow, numpy), its rows in their order.
    For any split, ``start(table[:k])`` and `Stream.update` row by row give the bits of ``transform(table)``.
    """

    def __init__(
        self,
        features: Any,
        by: Any = None,
        on: Any = None,
        late: str = "raise",
        after: Any = None,
        n_threads: int | None = None,
    ):
        self.features = features
        self.by = by
        self.on = on
        self.late = late
        self.after = after
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None) -> RollingFeatures:
        """Learns nothing but what the table's columns are; `InputError` for columns of which this cannot be made."""
        table = self._read(X)
        schema = Schema.of(self, table)
        schema.plan()  # whose features are refused now, and not when they are asked for
        if not table.n_rows:
            raise InputError(
                f"0 sample(s) (shape=(0, {len(table.names)})) while a minimum of 1 is required: the table has no rows"
            )
        self._seen(table)
        self.schema_ = schema
        return self

    def transform(self, X: Any) -> Any:
        """The features of each row, of a table like that it was fitted to."""
        table = self._like_seen(X)
        block = np.empty((len(self.schema_.outputs), table.n_rows))
        self._fill(table, block, self._is_plain(table))
        return self._made(table, block)

    def _fill(self, table: Table, block: np.ndarray, is_plain: bool) -> None:
        """The features, a row of the block each; ``is_plain``: missing cells as NaN."""
        schema = self._over(table)
        n_threads = threads.resolve(self.n_threads)
        columns, times = read(schema, table, may_lack=True), schema.times(table)
        order, bounds = None, np.array([0, table.n_rows])
        if schema.by:
            _, groups = schema.groups(table)
            order, bounds = groups.order, groups.bounds
        at = None if times is None else times.cells
        if at is not None:
            late, n_late, n_same = _compiled.look_at(at, order, bounds, schema.late == "revise_last")
            if n_late and schema.late != "drop":
                raise late_row(schema, table, at, late)
            if n_late:
                order, bounds = _compiled.without_late(at, order, bounds)
            elif n_same:  # then there is more than one past
                block[:] = Stream(schema)._take(table, may_lack=True)
                if is_plain:
                    _compiled.plain(block.reshape(-1))
                return
        schema.plan().run(columns, at, order, bounds, n_threads, out=block, is_plain=is_plain)

    def _over(self, table: Table) -> Schema:
        """Its schema, with the table's own rule of what is missing."""
        schema: Schema = self.schema_
        if table.nan_is_missing != schema.nan_is_missing:
            from dataclasses import replace

            return replace(schema, nan_is_missing=table.nan_is_missing)
        return schema

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the columns made: ``close_mean_20``; ``input_features`` names columns that have no names."""
        self._require_fitted()
        schema: Schema = self.schema_
        return np.array(schema.renamed(tuple(self._renamed(input_features).values())).outputs, dtype=object)

    def start(self, history: Any = None) -> Stream:
        """A stream of what comes after a table, or after nothing; without a table it must have been fitted."""
        if history is None:
            self._require_fitted()
            return Stream(self.schema_)
        if self._is_fitted():
            table = self._like_seen(history)
            schema = self._over(table)
        else:
            table = self._read(history)
            schema = Schema.of(self, table)
        stream = Stream(schema)
        stream._begin(table, threads.resolve(self.n_threads))
        return stream

    def restore(self, blob: bytes) -> Stream:
        """The stream that `Stream.snapshot` made these bytes of; `InputError` where they are not of such features."""
        return Stream._restored(blob, self)


def late_row(schema: Schema, table: Table, times: np.ndarray, row: int) -> InputError:
    said = times[row] if schema.on_kind == "number" else np.datetime64(int(times[row]), "ns")
    series = f" within its {', '.join(schema.by)}" if schema.by else ""
    return InputError(
        f"column {schema.on!r}: row {row} ({said}) is earlier than a row before it{series}: "
        "sort the table, or say late="
    )
