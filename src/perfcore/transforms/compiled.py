"""FunctionTransformer of a function that perfcore.features.compiled has made: called cell by cell, or row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import Unread
from .block import Block, Cell, Column, Number, Text, Unfused

if TYPE_CHECKING:
    from ..features.compiled import CompiledFunction


@dataclass(frozen=True, eq=False)
class Compiled:
    """One of numbers alone; what is left is the step's own, which runs as it is.

    Its machine code is of one process: a pickle holds the function, and a file nothing of it.
    """

    HELD: ClassVar[str] = "held"  # see model/codec.py

    n_features: int | None  # where it checks the table
    held: object

    @classmethod
    def of(cls, source: Any) -> Compiled:
        if source.kw_args:
            raise Unread(f"{source.func!r} with kw_args")
        return cls(source.n_features_in_ if source.validate else None, source.func)

    @property
    def function(self) -> CompiledFunction:
        return self.held  # type: ignore[return-value]

    def __str__(self) -> str:
        return ""  # the step beside it says whose it is

    def fuse(self, block: Block) -> Block:
        """As ``CompiledFunction.__call__`` with one table: float64 in C order, and a data frame if it was one."""
        if self.n_features is not None:
            block = block.numbers("finite", "FunctionTransformer", self.n_features)
        is_framed = block.is_framed or block.dtype is None
        numbers = tuple(map(_number, _plain(block).columns))
        block = replace(block, columns=numbers, dtype=np.dtype(np.float64), order="C", names=None, is_framed=is_framed)
        function = self.function
        if function.n_inputs == 1:
            return block.each([[("call", function, ())]] * block.width)
        block.require_width(function.n_inputs, repr(function))
        first, *others = numbers
        if not all(isinstance(each, Number) for each in numbers):
            raise Unfused(f"{function!r} of what an encoder answers")
        return replace(block, columns=(first,)).each([[("call", function, tuple(others))]])


def _plain(block: Block) -> Block:
    if block.is_sparse:
        raise Unfused("a function of a sparse table")
    if block.dtype is None and not block.trace.is_of_numbers(block):
        raise Unfused("a function of a data frame of other types than numpy's numbers")
    return block


def _number(column: Column) -> Column:
    if isinstance(column, Text):
        raise Unfused("a function of objects")
    return Number(column.source) if isinstance(column, Cell) else column
