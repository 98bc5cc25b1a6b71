"""A block, compiled: one pass over tables to the block's array or compressed rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._ext.transforms import Lookup, Pass, Refusal
from ..errors import InputError
from ..inputs.table import is_kernel_ready, scan
from .block import INFERRED, Block, Cell, Coded, Codes, Column, Hot, Number, Source, Step, Text
from .rows import Rows
from .tables import Table, order_of

NUMBER, VALUE, PLACE = range(3)  # pass.hpp, Write


class Run:
    """Tables at work: the user's, and what steps made of it."""

    def __init__(self, table: Table):
        self.tables: list[Table] = [table]

    def order(self, order: Any) -> str:
        """How an array lies that is described so."""
        if isinstance(order, str):
            return order
        kind, parts = order
        if kind == "frame":
            return self.tables[parts[0][0]].order([j for _, j in parts]) if parts else "C"
        if kind == "table":
            return self.tables[parts].order(None)
        orders: list[Any] = [self.order(each) for each, _ in parts]
        arrays = [np.empty((3, width), order=each) for each, (_, width) in zip(orders, parts, strict=True)]
        return order_of(np.hstack(arrays))


class LookedUp(NamedTuple):
    """Texts that have codes."""

    source: Source
    codes: Codes
    text: Text
    lookup: Lookup
    among_texts: Lookup | None  # where a step makes a data frame of the column, and it holds texts alone

    def codes_of(self, table: Table) -> np.ndarray:
        place = self.source[1]
        if self.among_texts is not None and table.may_hold_none(place):
            cells = table.objects(place)
            if _are_texts(_filled(cells, self.text.fills[: self.text.fills.index(INFERRED)])):
                return self.among_texts.of_objects(cells)
        return table.codes(place, self.lookup)


def _are_texts(cells: np.ndarray) -> bool:
    """Whether pandas would make a column of texts of them."""
    return {type(each) for each in cells.tolist() if each is not None and each == each} == {str}


def _filled(cells: np.ndarray, fills: Sequence[tuple[Any, Any, bool]]) -> np.ndarray:
    cells = cells.copy()
    for each in fills:
        if each is INFERRED and not _are_texts(cells):
            continue
        missing, fill, takes_nan = each
        try:
            is_nan, is_missing = cells != cells, cells != cells if missing != missing else cells == missing
        except TypeError as error:  # pandas.NA, which is neither equal nor unequal
            raise InputError(f"SimpleImputer: {error}; allowed: None or NaN where cells are missing") from error
        if not takes_nan and is_nan.any():
            raise InputError("Input X contains NaN.")
        cells[is_missing.astype(bool)] = fill
    return cells


class Output:
    """A block, compiled: from tables to the block's array or compressed rows."""

    def __init__(self, block: Block, lends: bool = False):
        # A table's own array, where it is the block's. What a list of columns selects of an array is a copy.
        self._lends = lends and not isinstance(block.order, str)
        self.width, self.dtype, self.order, self.is_sparse = block.width, block.dtype, block.order, block.is_sparse
        self.numbers: list[Source] = []
        self.looked_up: list[LookedUp | None] = []  # of each of the codes; None: numbers are
        self.columns = block.columns
        self._whole = _whole(block)
        if self.dtype != object:
            builder = _Builder(self, block)
            self._checks = block.trace is not None and bool(block.trace.checked)
            self._pass = builder.built()
            # Each of the chains, and where its steps begin among all.
            self._chains = [
                (Number(self.numbers[at], steps), begin) for (at, steps), (_, _, begin, _) in builder.chains.items()
            ]

    def array(self, run: Run) -> np.ndarray:
        """The dense array."""
        n = run.tables[0].n_rows
        if self.dtype == object:
            return self._objects(run)
        order: Any = run.order(self.order)
        if self.dtype.kind != "f":
            if self._checks:  # the pass over all columns refuses what it refuses
                self._fill(run, lambda numbers, codes: self._pass.dense(numbers, codes, np.empty((n, self.width))))
            return self._whole_numbers(run, np.empty((n, self.width), self.dtype, order=order))
        whole = None if self._whole is None else self._unchanged(run)
        if whole is not None:
            return whole if self._lends else np.array(whole, order=order)
        out = np.empty((n, self.width), np.float32 if self.dtype.itemsize <= 4 else np.float64, order=order)
        self._fill(run, lambda numbers, codes: self._pass.dense(numbers, codes, out))
        return out.astype(self.dtype, copy=False)  # float16 and the other byte order

    def _unchanged(self, run: Run) -> np.ndarray | None:
        """A table's own array, where it is the block's and holds nothing that is refused."""
        slot, places, refusals = self._whole  # type: ignore[misc]
        table = run.tables[slot]
        is_all = table.width == self.width and places == list(range(self.width))
        whole = table.whole(None if is_all else places) if is_all or self._lends else None
        if whole is None or whole.dtype != self.dtype or not is_kernel_ready(whole):
            return None
        has_nan, has_infinite = scan(whole, np.float64)
        return None if has_nan and "refuse_nan" in refusals or has_infinite and "refuse_infinite" in refusals else whole

    def rows(self, run: Run) -> Rows:
        """The compressed rows."""
        n = run.tables[0].n_rows
        is_float = self.dtype == np.float32
        return Rows((n, self.width), *self._fill(run, lambda a, b: self._pass.compressed(a, b, n, is_float)))

    def value(self, run: Run) -> np.ndarray | Rows:
        return self.rows(run) if self.is_sparse else self.array(run)

    @property
    def is_pass(self) -> bool:
        """Whether it is one pass over the user's table and nothing else."""
        sources = [*self.numbers, *(each[0] for each in self.looked_up if each is not None)]
        return self.dtype in (np.float32, np.float64) and all(slot == 0 for slot, _ in sources)

    def value_of_row(self, numbers: Sequence[Any], texts: Sequence[Any]) -> np.ndarray | Rows:
        """Of the cells of one row: those of `numbers`, and those of the texts of `looked_up`, in order."""
        is_float = self.dtype == np.float32
        if self.is_sparse:
            return Rows((1, self.width), *self._pass.compressed_row(numbers, texts, is_float))
        return self._pass.dense_row(numbers, texts, self.width, is_float)

    def _fill(self, run: Run, fill: Callable) -> Any:
        numbers = [run.tables[slot].numbers(j) for slot, j in self.numbers]
        codes: list[np.ndarray | None] = []
        for each in self.looked_up:
            if each is None:
                codes.append(None)
                continue
            try:
                codes.append(each.codes_of(run.tables[each.source[0]]))
            except TypeError as error:
                raise InputError(
                    f"column {_named(run, each.source)}: a cell that cannot be looked up: {error}"
                ) from error
        try:
            return fill(numbers, codes)
        except Refusal as refusal:
            raise self.refused(refusal, run) from None

    def refused(self, refusal: Refusal, run: Run) -> InputError:
        """The error for a cell that a step does not take, as scikit-learn words it."""
        row, chain, step, at = refusal.args
        if at >= 0:
            looked_up = self.looked_up[at]
            if looked_up is None:
                return InputError(f"Found unknown categories during transform, first in row {row}")
            (slot, j), codes, *_ = looked_up
            cell = run.tables[slot].objects(j)[row]
            if looked_up.text.fills and type(cell).__name__ == "NAType":
                return InputError(
                    "SimpleImputer: pandas.NA, allowed: None or NaN where cells are missing "
                    f"(column {_named(run, (slot, j))}, row {row})"
                )
            return InputError(
                f"Found unknown categories [{cell!r}] in column {codes.place} during transform "
                f"(column {_named(run, (slot, j))}, row {row})"
            )
        number, begin = self._chains[chain]
        act, source = number.steps[step - begin][0], number.source
        if act == "call":
            return self._raised(run, row, number, step - begin)
        if act == "refuse_not_positive":
            return InputError(
                "The Box-Cox transformation can only be applied to strictly positive data "
                f"(column {_named(run, source)}, row {row})"
            )
        what = "NaN" if act == "refuse_nan" else f"infinity or a value too large for {self.dtype!r}"
        return InputError(f"Input X contains {what}. (column {_named(run, source)}, row {row})")

    def _raised(self, run: Run, row: int, number: Number, at: int) -> InputError:
        """What a user's function has raised."""
        _, function, others = number.steps[at]
        columns = number._replace(steps=number.steps[:at]), *others
        error = function.error_of(row, [float(self._of(each).array(run)[row, 0]) for each in columns])
        place = "".join(f" ({note})" for note in getattr(error, "__notes__", []))
        return InputError(f"{type(error).__name__}: {error}{place}")

    def _whole_numbers(self, run: Run, out: np.ndarray) -> np.ndarray:
        """Integers and bools, each as it is: float64 would not hold all of them."""
        for k, column in enumerate(self.columns):
            if isinstance(column, Number) and not column.steps:
                out[:, k] = run.tables[column.source[0]].numbers(column.source[1])
            else:
                out[:, k] = Output._of(column).array(run)[:, 0]
        return out

    @staticmethod
    def _of(column: Column) -> Output:
        return Output(Block(None, (column,), np.dtype(np.float64), "C"))  # type: ignore[arg-type]

    def _objects(self, run: Run) -> np.ndarray:
        order: Any = run.order(self.order)
        out = np.empty((run.tables[0].n_rows, self.width), object, order=order)
        for k, column in enumerate(self.columns):
            if isinstance(column, Cell | Text) or (isinstance(column, Number) and not column.steps):
                cells = run.tables[column.source[0]].objects(column.source[1])
                if isinstance(column, Text):
                    cells = _filled(cells, column.fills)
                out[:, k] = cells
            else:
                out[:, k] = Output._of(column).array(run)[:, 0]
        return out


def _whole(block: Block) -> tuple[int, list[int], set[str]] | None:
    """The table whose columns a block has unchanged, which these are, and what is refused of them."""
    places, slots, refusals = [], set(), set()
    for column in block.columns:
        if not isinstance(column, Number):
            return None
        slots.add(column.source[0])
        places.append(column.source[1])
        refusals |= {step[0] for step in column.steps}
    if not refusals <= {"refuse_nan", "refuse_infinite"} or (block.trace is not None and block.trace.checked):
        return None
    return (*slots, places, refusals) if len(slots) == 1 else None  # type: ignore[return-value]


def _named(run: Run, source: Source) -> Any:
    slot, j = source
    names = run.tables[slot].names
    return repr(names[j]) if names is not None else str(j)


class _Builder:
    """What a `Pass` is made of: each number, step and code once."""

    def __init__(self, output: Output, block: Block):
        self.output, self.block = output, block
        self.steps: list[Step] = []
        self.chains: dict[tuple[int, tuple[Step, ...]], tuple[int, int, int, int]] = {}
        self.codes: dict[Any, int] = {}
        self.code_rows: list[tuple] = []
        self.lookups: list[Lookup | None] = []
        self.values: list[float] = []
        self.places: list[int] = []
        self.places_at: dict[Any, int] = {}

    def built(self) -> Pass:
        rows = []
        columns = self.block.columns
        j = 0
        while j < len(columns):
            width = self._hot_width(j)
            rows.append(self._hot(j, width) if width else self._column(j, columns[j]))
            j += max(1, width)
        if self.block.trace is not None:
            for column in self.block.trace.checked:
                if isinstance(column, Number):
                    self._chain(column)
                else:
                    self._codes(column.of, column.codes)
            self.block.trace.checked.clear()
        chains = [each[1:] for each in self.chains.values()]
        return Pass(self.steps, chains, self.code_rows, rows, self.values, self.places, self.lookups)

    def _hot_width(self, j: int) -> int:
        """How many columns from here on are the places of the same codes, in a row."""
        first = self.block.columns[j]
        if not isinstance(first, Hot) or (self.block.is_sparse and first.off != 0):
            return 0
        width = 0
        for k, each in enumerate(self.block.columns[j:]):
            if not isinstance(each, Hot) or each.codes is not first.codes or each.of != first.of:
                break
            if each.places is not first.places or each.at != first.at + k or (self.block.is_sparse and each.off != 0):
                break
            width += 1
        return width

    def _hot(self, j: int, width: int) -> tuple:
        hots: Any = self.block.columns[j : j + width]
        first = hots[0]
        of = self._codes(first.of, first.codes)
        on, off = self._kept([each.on for each in hots]), self._kept([each.off for each in hots])
        shifted = np.where((first.places >= first.at) & (first.places < first.at + width), first.places - first.at, -1)
        table = len(self.places)
        self.places += shifted.tolist()
        return PLACE, of, j, width, table, on, off, True

    def _column(self, j: int, column: Column) -> tuple:
        if isinstance(column, Cell | Text):
            column = Number(column.source)
        if isinstance(column, Number):
            return NUMBER, self._chain(column), j, 1, 0, 0, 0, False
        if isinstance(column, Hot):
            values = np.where(column.places == column.at, column.on, column.off)
            column = Coded(column.of, column.codes, values)
        return VALUE, self._codes(column.of, column.codes), j, 1, self._kept(column.values.tolist()), 0, 0, False

    def _kept(self, values: list[float]) -> int:
        at = len(self.values)
        self.values += [float(each) for each in values]
        return at

    def _chain(self, number: Number) -> int:
        if number.source not in self.output.numbers:
            self.output.numbers.append(number.source)
        key = self.output.numbers.index(number.source), number.steps
        if key not in self.chains:
            steps = [self._placed(step) for step in number.steps]
            begin = len(self.steps)
            self.steps += steps
            self.chains[key] = len(self.chains), key[0], begin, len(self.steps)
        return self.chains[key][0]

    def _placed(self, step: Step) -> Step:
        """A call with the places of its other columns, which so come before it."""
        act, a, b = step
        return (act, a, [self._chain(each) for each in b]) if act == "call" else step

    def _codes(self, of: Number | Text, codes: Codes) -> int:
        key = of if isinstance(of, Number) else (of.source, repr(of.fills)), id(codes)
        if key in self.codes:
            return self.codes[key]
        if isinstance(of, Number):
            edges = codes.edges is not None
            known = sorted((float(value), code) for value, code in codes.table.items())
            keys, at = codes.edges.tolist() if edges else [v for v, _ in known], [c for _, c in known]
            row = self._chain(of), keys, at or [0] * len(keys), codes.nan, codes.unknown, edges
            self.lookups.append(None)
            self.output.looked_up.append(None)
        else:
            row = -1, [], [], codes.nan, codes.unknown, False
            lookup = lookup_of(codes, of)
            among_texts = lookup_of(codes, of, among_texts=True) if INFERRED in of.fills else None
            self.lookups.append(lookup)
            self.output.looked_up.append(LookedUp(of.source, codes, of, lookup, among_texts))
        self.code_rows.append(row)
        self.codes[key] = len(self.codes)
        return self.codes[key]


def lookup_of(codes: Codes, text: Text, among_texts: bool = False) -> Lookup:
    """Codes of a column's cells, each as its fills leave it."""

    def code(cell: Any) -> int:
        for each in text.fills:
            if each is INFERRED and not among_texts:
                continue
            missing, fill, takes_nan = each
            if cell != cell and not takes_nan:
                return -1
            if cell == missing or (cell != cell and missing != missing):
                cell = fill
        if cell is None:
            return codes.none
        return codes.nan if cell != cell else codes.table.get(cell, codes.unknown)

    keys = [*codes.table, *(missing for missing, *_ in text.fills if missing is not None and missing == missing)]
    # An imputer compares each cell with what is missing, which raises of pandas.NA.
    na = -1 if any(each is not INFERRED for each in text.fills) else codes.unknown
    return Lookup({key: code(key) for key in keys}, code(float("nan")), code(None), codes.unknown, na)


def through(values: np.ndarray, steps: tuple[Step, ...]) -> np.ndarray:
    """Steps of a few numbers."""
    out = np.empty((len(values), 1))
    Pass(steps, [(0, 0, len(steps))], [], [(NUMBER, 0, 0, 1, 0, 0, 0, False)], [], [], []).dense(
        [np.ascontiguousarray(values, np.float64)], [], out
    )
    return out[:, 0]
