"""A pipeline's steps as the inputs of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np

from .._ext.transforms import Refusal
from ..errors import InputError, ModelFormatError
from ..inputs import Inputs
from ..inputs.columns import readable_again
from ..inputs.sklearn import LinearInputs, check_names
from ..inputs.table import in_order, is_dataframe, require_row
from .block import Unfused
from .compose import Chain
from .output import Output
from .plan import Plan, Trace
from .row import RowTable
from .rows import Rows
from .tables import ArrayTable, PandasTable, Table, table_of

MOST_PLANS = 64
FUSED, AS_IT_IS = "fused", "as it is"  # how a step is run, and how the words begin that say why


@dataclass(frozen=True, eq=False)
class PipelineInputs:
    """Tables before a pipeline's first step; ``inner`` are the inputs of the model at its end.

    A plan is made once for each kind of table (its library, names and dtypes), and run for each table.
    """

    n_features: int
    feature_names: tuple[str, ...] | None
    chain: Chain
    inner: Inputs
    checks_names: str  # the first step's class, where it takes tables of just these columns alone; else ""
    needed: tuple[int, ...]  # columns without which there is no answer
    steps: tuple[tuple[str, str, str], ...]  # (name, class, how it is run) of each, for people

    def __post_init__(self) -> None:
        if not all(0 <= j < self.n_features for j in self.needed):
            raise ModelFormatError(f"pipeline: needed columns {self.needed} of a table of {self.n_features}")

    @property
    def description(self) -> dict[str, str]:
        """Which steps are fused, and which run as they are, and why."""
        live = sum(how.startswith(AS_IT_IS) for _, _, how in self.steps)
        lines = {"steps": f"{len(self.steps) - live:,} fused, {live:,} run as they are"}
        return lines | {f"  {name}": f"{cls}: {how}" for name, cls, how in self.steps}

    @property
    def runs_steps(self) -> bool:
        """Whether steps run as they are: they would say of a made-up row what they say, and warn of it."""
        return any(how.startswith(AS_IT_IS) for _, _, how in self.steps)

    @property
    def n_cells(self) -> int:
        return getattr(self.inner, "n_cells", self.inner.n_features)

    # -- what bodies ask for -----------------------------------------------------------------------

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        return self.inner.blocks(_for_scipy(self._value(X)))  # type: ignore[attr-defined]

    def array(self, X: Any) -> Any:
        return self._multiplied(self._value(X))

    def table(self, X: Any) -> Any:
        return self.inner.table(_for_scipy(self._value(X)))  # type: ignore[attr-defined]

    def row(self, row: Any) -> np.ndarray:
        value = self._value_of_row(row)
        if isinstance(value, np.ndarray):
            return self.inner.row(value[0])
        value = _for_scipy(value)
        if hasattr(self.inner, "blocks"):
            _, blocks = self.inner.blocks(value)
            return next(blocks)[0]
        made = self._multiplied(value) if hasattr(value, "iloc") and hasattr(self.inner, "array") else value
        return self.inner.row((made.toarray() if hasattr(made, "toarray") else np.asarray(made))[0])

    def table_of_row(self, row: Any) -> Any:
        """The row as the table that `array` or `table` would make of it."""
        value = self._value_of_row(row)
        if hasattr(self.inner, "array"):
            return self._multiplied(value)
        return self.inner.table(_for_scipy(value))  # type: ignore[attr-defined]

    def _multiplied(self, value: Any) -> Any:
        """What a linear model multiplies: compressed rows by a loop of our own that adds as scipy's."""
        if isinstance(value, Rows) and isinstance(self.inner, LinearInputs) and self.inner.takes_rows(value.dtype):
            if not np.isfinite(value.data).all():
                self.inner.array(value.scipy())  # raises what it raises
            return value
        value = value.tocsr() if hasattr(value, "tocsr") else _for_scipy(value)  # as check_array(accept_sparse="csr")
        return self.inner.array(value)  # type: ignore[attr-defined]

    # -- tables ------------------------------------------------------------------------------------

    @cached_property
    def _plans(self) -> dict[Any, Plan]:
        return {}

    def _value(self, X: Any) -> Any:
        """What the last step hands to the model."""
        if is_dataframe(X) and len(X) == 1:
            known = self._frame_rows.get(tuple(X.dtypes.tolist()))
            if known is not None and X.columns.equals(known[0]):
                try:
                    return known[1].value_of(X.iloc[0].tolist(), is_mapping=False)
                except (Refusal, TypeError, ValueError, OverflowError):  # said by the general way, in its words
                    pass
        table = table_of(readable_again(X))
        if self.checks_names:
            check_names(self.feature_names, table.names, self.checks_names)
        if table.n_rows == 0:
            raise InputError(
                f"Found array with 0 sample(s) (shape=(0, {table.width})) while a minimum of 1 is required."
            )
        return self._run(table)

    def _run(self, table: Table) -> Any:
        signature = table.signature()
        plan = self._plans.get(signature)
        if plan is None:
            plan, value = self._planned(table)
            if plan is None:
                return value
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
                self._frame_rows.clear()
            self._plans[signature] = plan
        value = plan.value(table)
        if isinstance(table, PandasTable) and table.n_rows == 1 and plan.is_pass and table.reads_rows(plan.output):
            self._frame_rows[tuple(table.dtypes)] = table.frame.columns, RowPlan(plan.output, None, None)
        return value

    @cached_property
    def _frame_rows(self) -> dict[Any, tuple[Any, RowPlan]]:
        """For data frames of one row, by dtypes: the columns' names, and the plan that reads their cells as objects."""
        return {}

    def _planned(self, table: Table) -> tuple[Plan | None, Any]:
        """The plan; or, where a step runs as it is, None and what the steps make of this table."""
        trace = Trace(table)
        try:
            block = self.chain.fuse(trace.start(table))
        except Unfused as why:
            raise InputError(str(why)) from None
        if trace.is_live:
            return None, trace.value(block)
        return Plan(trace.stages, Output(block.handed_on())), None

    # -- rows --------------------------------------------------------------------------------------

    def _value_of_row(self, row: Any) -> Any:
        if isinstance(row, np.ndarray) and row.dtype.kind != "O":
            require_row(row, row.shape, self.n_features)
            return self._run(ArrayTable(row[None, :]))
        is_mapping = isinstance(row, Mapping)
        if not is_mapping:
            row = row if isinstance(row, Sequence) and not isinstance(row, str) else list(row)
            require_row(row, (len(row),), self.n_features)
        plan = self._row_plan
        if plan is not None:
            try:
                return plan.value_of(row, is_mapping)
            except (KeyError, Refusal, TypeError, ValueError, OverflowError):  # said by the general way, in its words
                pass
        cells = self._cells(row) if is_mapping else list(row)
        return self._run(RowTable(cells, self.feature_names))

    def _cells(self, row: Mapping) -> list:
        """A row's cells by name, None for those that no step reads."""
        if self.feature_names is None or self.checks_names:
            return in_order(row, self.feature_names)
        cells = {str(name): value for name, value in row.items()}
        missing = [self.feature_names[j] for j in self.needed if self.feature_names[j] not in cells]
        if missing:
            raise InputError(f"columns are missing: {missing}")
        return [cells.get(name) for name in self.feature_names]

    @cached_property
    def _row_plan(self) -> RowPlan | None:
        """The plan of rows, where it is a single pass."""
        trace = Trace(RowTable([None] * self.n_features, self.feature_names), runs_steps=False)
        try:
            block = self.chain.fuse(trace.start(trace.run.tables[0]))
        except InputError:
            return None
        plan = Plan(trace.stages, Output(block.stacked()))
        if not plan.is_pass:
            return None
        exact = None if self.feature_names is None or not self.checks_names else frozenset(self.feature_names)
        return RowPlan(plan.output, self.feature_names, exact)


class RowPlan:
    """One pass over one row."""

    def __init__(self, output: Output, names: tuple[str, ...] | None, exact: frozenset | None):
        self.output, self.exact = output, exact
        at = [j for _, j in output.numbers], [each[0][1] for each in output.looked_up if each is not None]
        self.of_sequence = tuple(map(_getter, at))
        self.of_mapping = None if names is None else tuple(_getter([names[j] for j in each]) for each in at)
        self.is_lookup = [each is not None for each in output.looked_up]

    def value_of(self, row: Any, is_mapping: bool) -> Any:
        getters = self.of_mapping if is_mapping else self.of_sequence
        if getters is None or (is_mapping and self.exact is not None and row.keys() != self.exact):
            raise KeyError
        return self.output.value_of_row(getters[0](row), getters[1](row))


def _getter(keys: list) -> Any:
    if not keys:
        return lambda row: ()
    if len(keys) == 1:
        return lambda row: (row[keys[0]],)
    return itemgetter(*keys)


def _for_scipy(value: Any) -> Any:
    return value.scipy() if isinstance(value, Rows) else value
