"""What a table is at some step of a pipeline: a description of each column, and of the array that they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._ext.transforms import Refusal
from ..errors import InputError

if TYPE_CHECKING:
    from .plan import Trace

Source = tuple[int, int]  # a table of the trace, and a column of it
Step = tuple[str, Any, Any]  # act, a, b: numbers, pass.hpp; of a call, the function and its other columns
ROUND: Step = ("round", 0.0, 0.0)
ARITHMETIC = {"subtract", "divide", "multiply", "add"}
CHECKS = {
    "finite": (("refuse_infinite", 0.0, 0.0), ("refuse_nan", 0.0, 0.0)),
    "nan": (("refuse_infinite", 0.0, 0.0),),
    "anything": (),
}


class Unfused(InputError):
    """A table that the fused step does not take, and the step itself may."""


class Codes:
    """Codes of the values that a column may hold; told apart by identity.

    Parameters
    ----------
    table : code of each value beside NaN and None
    nan, none, unknown : codes of these; -1: refused
    place : the column's number in its encoder, for messages
    """

    edges: np.ndarray | None = None

    def __init__(self, table: dict, nan: int, none: int, unknown: int, place: int):
        self.table, self.nan, self.none, self.unknown, self.place = table, nan, none, unknown, place


class Bins(Codes):
    """The bins between ascending edges, each with its lower one; edges are float64, and cells are never NaN."""

    def __init__(self, edges: np.ndarray, place: int):
        super().__init__({}, 0, 0, 0, place)
        self.edges = edges


class Cell(NamedTuple):
    """A column of which nothing is known yet: a number or a text, as who reads it takes it."""

    source: Source


class Number(NamedTuple):
    """A column of numbers, on their way through steps."""

    source: Source
    steps: tuple[Step, ...] = ()


class Text(NamedTuple):
    """A column of objects; what is missing is filled: (missing, fill, whether a NaN is taken) each, in order."""

    source: Source
    fills: tuple[tuple[Any, Any, bool], ...] = ()


# Among the fills: a step makes a data frame of the column, in which None is NaN if all else are texts.
INFERRED = (None, float("nan"), True)


class Coded(NamedTuple):
    """For each code a number."""

    of: Number | Text
    codes: Codes
    values: np.ndarray  # float64, by code


class Hot(NamedTuple):
    """One of several columns, of which a code is the place of one at most."""

    of: Number | Text
    codes: Codes
    places: np.ndarray  # int32, by code; -1: none
    at: int
    on: float = 1.0
    off: float = 0.0


Column = Cell | Number | Text | Coded | Hot


@dataclass(frozen=True, eq=False)
class Block:
    """A table at some step.

    ``dtype`` None stands for a data frame, whose columns are of their own dtypes; ``order`` says how the array lies:
    "C" or "F", ("frame", columns) as the library that holds the table lays them out, or ("hstack", orders and widths).
    """

    trace: Trace
    columns: tuple[Column, ...]
    dtype: np.dtype | None
    order: Any
    is_sparse: bool = False
    names: tuple[str, ...] | None = None
    is_framed: bool = False  # a step made a data frame of it, whose columns bear names that nobody looks up here
    dtypes: tuple[np.dtype, ...] | None = None  # of the columns of such a data frame, put together of several

    @property
    def width(self) -> int:
        return len(self.columns)

    @property
    def is_of_objects(self) -> bool:
        """Whether numbers among the columns are objects to who takes them as they are: those of polars beside texts."""
        if self.dtype is not None or not self.columns or self.trace.tells_dtypes(self):
            return False
        return self.trace.dtype_of(self, checked=False).kind == "O"

    # -- dtypes ------------------------------------------------------------------------------------

    def numbers(self, allows: str, name: str, n_features: int) -> Block:
        """check_array(dtype="numeric") of the block: whole numbers stay such."""
        if self.trace.is_of_texts(self):
            raise InputError(f"{name}: an array of texts, allowed: numbers; convert it to float64")
        block = self._of_numbers(name, n_features)
        if block.dtype.kind == "f":
            return block._checked(allows)
        if self.dtype is None and self.trace.has_nulls(self):
            raise Unfused(f"{name}: nulls among columns of bool; convert these to floats")
        return block

    def _of_numbers(self, name: str, n_features: int) -> Block:
        self.require_width(n_features, name)
        block = self if self.dtype is not None else self._array_of_frame()
        if any(isinstance(each, Text) and each.fills for each in block.columns):
            block = block.made(_floats)
        if block.dtype == object:
            block = replace(block, dtype=np.dtype(np.float64))
        block = replace(block, columns=tuple(_number(each) for each in block.columns), is_framed=False, dtypes=None)
        if block.dtype.kind not in "biuf" or block.dtype.itemsize > 8:
            raise InputError(f"{name}: dtype {block.dtype} is not supported; convert the table to float64")
        if block.dtype == np.float16:  # most steps compute in it
            raise Unfused(f"{name}: dtype float16 is not supported; convert the table to float64")
        return block

    def floats(self, allows: str, name: str, n_features: int) -> Block:
        """check_array(dtype=FLOAT_DTYPES) of the block: float64 or float32."""
        block = self._of_numbers(name, n_features)
        if self.dtype is None and self.columns and not self.trace.tells_dtypes(self):
            # check_array() makes the list's first of what does not tell its dtype, and ndarray.__array__ C order then.
            order = block.order if block.dtype == np.float64 else "C"
            block = replace(block, dtype=np.dtype(np.float64), order=order)
        elif block.dtype not in (np.float64, np.float32):
            block = replace(block, dtype=np.dtype(np.float64))
        return block._checked(allows)

    def _checked(self, allows: str) -> Block:
        return self.each([CHECKS[allows]] * self.width) if CHECKS[allows] else self

    def require_width(self, n_features: int, name: str) -> None:
        if self.width != n_features:
            raise InputError(f"X has {self.width} features, but {name} is expecting {n_features} features as input.")

    def _array_of_frame(self) -> Block:
        """np.asarray of a frame, by way of check_array()."""
        return replace(self, dtype=self.trace.dtype_of(self, checked=True), names=None)

    def _dtypes(self) -> tuple[np.dtype, ...]:
        return (self.dtype,) * self.width if self.dtypes is None else self.dtypes  # type: ignore[return-value]

    def _columns_of_frame(self) -> Block:
        """`_array_of_frame` that still knows the dtype of each column."""
        dtypes = tuple(self.trace.dtype_of(self.take([j]), checked=True) for j in range(self.width))
        return replace(self._array_of_frame(), dtypes=dtypes)

    def stacked(self) -> Block:
        """The block as np.hstack takes it."""
        if self.dtype is not None:
            return self
        return replace(self, dtype=self.trace.dtype_of(self, checked=False), names=None)

    def handed_on(self) -> Block:
        """The block as check_array() of the model makes an array of it."""
        is_read = self.dtype is None and self.columns and self.trace.tells_dtypes(self)
        return self._array_of_frame() if is_read and self.trace.has_bools_for_numbers(self) else self.stacked()

    def of_objects(self) -> Block:
        """check_array(dtype=object) of the block."""
        return replace(self, dtype=np.dtype(object), names=None, is_framed=False, dtypes=None)

    def framed(self, infers_texts: bool) -> Block:
        """What set_output("pandas") makes of the block."""
        if self.dtype is None:
            return self
        if self.dtype == object:
            if any(not isinstance(each, Text) for each in self.columns):
                raise Unfused("objects in the data frame that a step makes")
            texts: Any = self.columns
            if infers_texts:
                texts = tuple(each._replace(fills=(*each.fills, INFERRED)) for each in texts)
            return replace(self, columns=texts, is_framed=True)
        return replace(self, is_framed=True)

    # -- columns -----------------------------------------------------------------------------------

    def each(self, steps: Sequence[Iterable[Step]]) -> Block:
        """Each column through steps of its own."""
        columns = tuple(self._stepped(column, tuple(own)) for column, own in zip(self.columns, steps, strict=True))
        return replace(self, columns=columns)

    def _stepped(self, column: Column, steps: tuple[Step, ...]) -> Column:
        if self.dtype is not None and self.dtype.newbyteorder("=") == np.float32:
            steps = tuple(each for step in steps for each in ((step, ROUND) if step[0] in ARITHMETIC else (step,)))
        if isinstance(column, Number):
            return column._replace(steps=column.steps + steps)
        if isinstance(column, Coded):
            return column._replace(values=_through(column.values, steps))
        if isinstance(column, Hot):
            on, off = _through(np.array([column.on, column.off]), steps).tolist()
            return column._replace(on=on, off=0.0 if self.is_sparse else off)
        raise Unfused("a column of text where numbers are needed")

    def take(self, columns: Sequence[int], is_slice: bool = False) -> Block:
        """``X[:, columns]``, or a selection from a data frame."""
        chosen = tuple(self.columns[j] for j in columns)
        if self.dtype is None:
            names = None if self.names is None else tuple(self.names[j] for j in columns)
            return replace(self, columns=chosen, names=names, order=("frame", tuple(c.source for c in chosen)))
        return replace(self, columns=chosen, order=self.order if is_slice else "F")

    def select(self, columns: Sequence[int]) -> Block:
        """`take`, of columns that were checked; the others were, too, and refuse the table all the same."""
        kept = {*columns}
        for j, column in enumerate(self.columns):
            if j not in kept and (isinstance(column, Coded | Hot) or (isinstance(column, Number) and column.steps)):
                self.trace.checked.append(column)
        return self.take(columns)

    @staticmethod
    def hstack(blocks: Sequence[Block], of_frames: bool = False) -> Block:
        """np.hstack; or of data frames, pandas.concat."""
        if of_frames and all(each.is_framed or each.dtype is None for each in blocks):
            return Block._concat(blocks)
        if of_frames and blocks[0].trace.is_of_arrow:
            raise Unfused("polars or Arrow tables beside the data frames of pandas that a step makes")
        blocks = [each.stacked() for each in blocks]
        dtypes = [each.dtype for each in blocks]
        return Block(
            blocks[0].trace,
            tuple(column for each in blocks for column in each.columns),
            np.result_type(*dtypes),
            ("hstack", tuple((each.order, each.width) for each in blocks)),
        )

    @staticmethod
    def _concat(blocks: Sequence[Block]) -> Block:
        """What several frames hold is put together column by column once it becomes an array."""
        blocks = [each if each.dtype is not None else each._columns_of_frame() for each in blocks]
        if len(blocks) == 1:
            return blocks[0]
        dtypes = tuple(dtype for each in blocks for dtype in each._dtypes())
        dtype = np.result_type(*dtypes, *(each.dtype for each in blocks))
        if dtype.kind == "O" or (np.dtype(bool) in dtypes and dtype != np.float64):  # pandas makes objects of them
            raise Unfused("data frames of objects where a step makes one of them")
        columns = tuple(column for each in blocks for column in each.columns)
        return Block(blocks[0].trace, columns, dtype, "F", is_framed=True, dtypes=dtypes)

    @staticmethod
    def sparse_hstack(blocks: Sequence[Block], name: str) -> Block:
        """scipy.sparse.hstack(...).tocsr(): cells of 0 of dense blocks are no entries."""
        blocks = [each if each.is_sparse else each.numbers("anything", name, each.width) for each in blocks]
        if any(isinstance(each, Opaque) for each in blocks):
            return blocks[0].trace.stacked_rows(blocks)
        columns: list[Column] = []
        for each in blocks:
            columns += each.columns
        dtype = np.result_type(*(each.dtype for each in blocks))
        return Block(blocks[0].trace, tuple(columns), dtype, "C", is_sparse=True)

    def dense(self) -> Block:
        """csr.toarray()."""
        return replace(self, is_sparse=False, order="C") if self.is_sparse else self

    def made(self, function: Callable[[Any], np.ndarray], *, reads: bool = False, takes_sparse: bool = False) -> Block:
        """What a function makes of the array, or of the compressed rows where it takes them."""
        if self.is_sparse and not takes_sparse:
            raise Unfused("a sparse table where a dense one is needed")
        return self.trace.made(self, function, reads)


@dataclass(frozen=True, eq=False)
class Opaque(Block):
    """Compressed rows that a step made which runs as it is; nothing is known of their columns."""

    matrix: Any = None

    def numbers(self, allows: str, name: str, n_features: int) -> Block:
        raise Unfused(f"{name}: compressed rows of a step that runs as it is")

    def each(self, steps: Sequence[Iterable[Step]]) -> Block:
        raise Unfused("compressed rows of a step that runs as it is")

    def take(self, columns: Sequence[int], is_slice: bool = False) -> Block:
        raise Unfused("columns of compressed rows of a step that runs as it is")

    def dense(self) -> Block:
        return self.trace.ran(self.matrix.toarray())


def _floats(cells: np.ndarray) -> np.ndarray:
    """check_array(dtype="numeric") of objects."""
    try:
        return cells.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"cannot read the table's cells as numbers: {error}") from error


def _number(column: Column) -> Column:
    if isinstance(column, Cell):
        return Number(column.source)
    if isinstance(column, Text):
        return Number(column.source)
    return column


def _through(values: np.ndarray, steps: tuple[Step, ...]) -> np.ndarray:
    """Steps of a few values, by the same compiled code."""
    from .output import through

    try:
        return through(values, steps)
    except Refusal as refusal:
        raise Unfused("a step that refuses some of the numbers that an encoder may answer") from refusal
