"""A pipeline's steps as compiled passes, with steps between them that are no arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..inputs.frames import Frame
from .block import Block, Coded, Hot, Number, Opaque, Text, Unfused
from .output import Output, Run
from .row import RowTable
from .rows import Rows
from .tables import HEAD, ArrayTable, ArrowTable, PandasTable, Table, table_of


class Part:
    """Columns of a data frame, as the data frame that scikit-learn selects."""

    def __init__(self, block: Block):
        sources = [column.source for column in block.columns]
        self.slot, self.places = sources[0][0], [place for _, place in sources]

    def value(self, run: Run) -> Any:
        return run.tables[self.slot].part(self.places)

    def head(self, run: Run) -> Any:
        """Its first rows, which show what becomes of the dtypes."""
        return self.value(run)[:HEAD]


def _table_made(value: Any) -> Table:
    if isinstance(value, np.ndarray):
        return ArrayTable(value)
    if not hasattr(value, "iloc"):
        return ArrowTable(value)
    return PandasTable(Frame(value, tuple(map(str, value.columns)), True))


class Trace:
    """Steps over a table, described one after another; steps that are no arithmetic stand between passes.

    ``runs_steps``: whether those that are not fused may be run, or the table is none to run them of.
    """

    def __init__(self, table: Table, runs_steps: bool = True):
        self.run, self.runs_steps = Run(table), runs_steps
        self.stages: list[tuple[Output | Part, Callable]] = []
        self.checked: list[Number | Coded | Hot] = []  # columns that no answer needs, and that refuse a table
        self.is_live = False  # whether a step has run: the plan is of this one table

    def start(self, table: Table, slot: int = 0) -> Block:
        columns = tuple(table.column((slot, j)) for j in range(table.width))
        dtype = table.dtype(None)
        sources = tuple((slot, j) for j in range(table.width))
        return Block(self, columns, dtype, ("frame", sources) if dtype is None else ("table", slot), names=table.names)

    def nothing(self) -> Block:
        """A table without columns."""
        return Block(self, (), np.dtype(np.float64), "C")

    def dtype_of(self, block: Block, checked: bool) -> np.dtype:
        """Of a frame's array, as check_array() or np.asarray() makes it."""
        sources = [column.source for column in block.columns]
        dtype = self.run.tables[sources[0][0]].dtype([j for _, j in sources], checked) if sources else None
        return np.dtype(np.float64) if dtype is None else dtype

    @property
    def is_of_arrow(self) -> bool:
        return isinstance(self.run.tables[0], ArrowTable)

    def tells_dtypes(self, block: Block) -> bool:
        """Whether a frame's dtypes are told to check_array(): pandas' are."""
        return not isinstance(self.run.tables[block.columns[0].source[0]], ArrowTable)

    def is_of_numbers(self, block: Block) -> bool:
        """Whether a data frame is of numpy's numbers, or cells of a row whose types nobody tells."""
        for slot, j in (column.source for column in block.columns):
            table = self.run.tables[slot]
            if isinstance(table, PandasTable) and not isinstance(table.dtypes[j], np.dtype):
                return False
            if isinstance(table, ArrowTable):
                return False
        return True

    def is_frame(self, block: Block) -> bool:
        """Whether it is a data frame, of pandas or polars, or columns of one."""
        slots = {column.source[0] for column in block.columns} if block.dtype is None else set()
        return len(slots) == 1 and not isinstance(self.run.tables[slots.pop()], RowTable)

    def has_nulls(self, block: Block) -> bool:
        """Whether a table of polars or Arrow has nulls in these columns."""
        sources = [column.source for column in block.columns]
        table = self.run.tables[sources[0][0]] if sources else None
        return isinstance(table, ArrowTable) and any(table.columns.table.column(j).null_count for _, j in sources)

    def is_of_texts(self, block: Block) -> bool:
        """Whether it is an array of texts, which check_array(dtype="numeric") refuses."""
        tables = [
            self.run.tables[each.source[0]] for each in block.columns if isinstance(each, Text) and not each.fills
        ]
        return any(isinstance(table, ArrayTable) and table.is_of_texts for table in tables)

    def is_of_objects(self, block: Block) -> bool:
        """Whether check_array(dtype=None) makes objects of it: it is of numpy's dtypes, and one of them is object.

        Or of polars' or Arrow's numbers, where bools are missing.
        """
        if block.dtype is not None:
            return block.dtype.kind == "O"
        if block.columns and not self.tells_dtypes(block):
            return self.are_numbers(block) and self.dtype_of(block, checked=False).kind == "O"
        dtypes = self._pandas_dtypes(block)
        kinds = {each.kind for each in dtypes}
        return all(isinstance(each, np.dtype) for each in dtypes) and "O" in kinds and kinds <= set("Oiuf")

    def are_numbers(self, block: Block) -> bool:
        """Whether columns of polars or Arrow are of numbers and bools."""
        kinds = {self.run.tables[slot].kinds[j] for slot, j in (column.source for column in block.columns)}  # type: ignore[attr-defined]
        return kinds <= {"float32", "float64", "int", "bool"}

    def has_bools_for_numbers(self, block: Block) -> bool:
        """Whether check_array(dtype=None) makes numbers of a data frame with columns of bool."""
        if block.dtype is None and block.columns and not self.tells_dtypes(block):
            return self.dtype_of(block, checked=False).kind in "iuf"
        dtypes = self._pandas_dtypes(block)
        kinds = {each.kind for each in dtypes}
        # Of nullable columns alone, or beside others, it makes float64.
        return kinds <= set("biuf") and (kinds > {"b"} or not all(isinstance(each, np.dtype) for each in dtypes))

    def _pandas_dtypes(self, block: Block) -> list[Any]:
        """Of a pandas data frame's columns; none of what is no data frame."""
        if block.dtype is not None or not block.columns:
            return []
        sources = [column.source for column in block.columns]
        table = self.run.tables[sources[0][0]]
        return [table.dtypes[j] for _, j in sources] if isinstance(table, PandasTable) else []

    def made(self, block: Block, function: Callable[[Any], np.ndarray], lends: bool = False) -> Block:
        output = Output(block, lends)
        if self.is_live:
            return self._staged(output, function, function(output.value(self.run)))
        if output.is_sparse:
            none = np.zeros(0, np.int32)
            value = function(Rows((3, output.width), np.zeros(4, np.int32), none, none.astype(output.dtype)))
        else:
            order: Any = self.run.order(output.order)
            with np.errstate(all="ignore"):
                value = function(np.zeros((3, output.width), output.dtype, order=order))
        return self._staged(output, function, value)

    def made_of_frame(self, block: Block, function: Callable[[Any], Any], name: str) -> Block:
        """What a function makes of a data frame: another one, or an array."""

        def made(frame: Any) -> Any:
            try:
                return function(frame)
            except (TypeError, AttributeError) as error:
                raise InputError(f"{name}: {error}") from error

        part = Part(block)
        with np.errstate(all="ignore"):
            return self._staged(part, made, made(part.value(self.run) if self.is_live else part.head(self.run)))

    def _staged(self, output: Output | Part, function: Callable, value: Any) -> Block:
        self.stages.append((output, function))
        table = _table_made(value)
        self.run.tables.append(table)
        return self.start(table, len(self.run.tables) - 1)

    def live(self, block: Block, function: Callable[[Any], Any]) -> Block:
        """What a step makes of the table, run at once."""
        if not self.runs_steps:
            raise Unfused("a step that is run as it is")
        if not self.is_live:
            self._catch_up()
        value = self.value(block)
        return self.ran(function(value.scipy() if isinstance(value, Rows) else value))

    def ran(self, value: Any) -> Block:
        """What a step made that ran as it is."""
        if hasattr(value, "tocsr"):
            return Opaque(self, (None,) * value.shape[1], value.dtype, "C", is_sparse=True, matrix=value)
        table = table_of(value)
        self.run.tables.append(table)
        return self.start(table, len(self.run.tables) - 1)

    def stacked_rows(self, blocks: Sequence[Block]) -> Block:
        """scipy.sparse.hstack of what is known of the blocks and what is not."""
        from scipy import sparse

        values = [self.value(each) for each in blocks]
        return self.ran(sparse.hstack([v.scipy() if isinstance(v, Rows) else v for v in values]).tocsr())

    def value(self, block: Block) -> Any:
        """What was made of the table, where a step has run."""
        if isinstance(block, Opaque):
            return block.matrix
        if block.dtype is None:  # a data frame, as the last step left it
            sources = [column.source for column in block.columns]
            return self.run.tables[sources[0][0]].part([j for _, j in sources])
        return Output(block).value(self.run)

    def _catch_up(self) -> None:
        """Made of the table what so far was made of zeros."""
        self.is_live = True
        del self.run.tables[1:]
        for output, function in self.stages:
            self.run.tables.append(_table_made(function(output.value(self.run))))


class Plan:
    """A pipeline's steps for tables of one signature."""

    def __init__(self, stages: list[tuple[Output | Part, Callable]], output: Output):
        self.stages, self.output = stages, output

    @property
    def is_pass(self) -> bool:
        """Whether it is one pass over the user's table and nothing else."""
        return not self.stages and self.output.is_pass

    def value(self, table: Table) -> np.ndarray | Rows:
        run = Run(table)
        for output, function in self.stages:
            run.tables.append(_table_made(function(output.value(run))))
        return self.output.value(run)
