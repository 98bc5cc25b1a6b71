"""FunctionTransformer: of numpy's own functions, cell by cell; which others are fused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ModelFormatError
from . import Transform, Unread
from .block import Block, Unfused
from .compiled import Compiled
from .compose import Identity

FUNCTIONS = (
    "absolute arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh exp exp2 expm1 fabs floor log log10 "
    "log1p log2 negative reciprocal rint sign sin sinh sqrt square tan tanh trunc"
).split()
COMPILED = "perfcore.features.compiled"  # the module of f.compiled's functions, which is not imported for others' sake


@dataclass(frozen=True, eq=False)
class Function:
    """One of numpy's functions of one number."""

    name: str
    n_features: int | None  # where it checks the table

    def __post_init__(self) -> None:
        if self.name not in FUNCTIONS:
            raise ModelFormatError(f"function {self.name!r}, allowed: {', '.join(FUNCTIONS)}")

    @classmethod
    def of(cls, source: Any) -> Transform:
        n_features = source.n_features_in_ if source.validate else None
        if source.func is None:
            return Identity(n_features)
        if type(source.func).__module__ == COMPILED:
            return Compiled.of(source)
        name = getattr(source.func, "__name__", type(source.func).__name__)
        if name not in FUNCTIONS or getattr(np, name) is not source.func or source.kw_args:
            raise Unread(f"a function of the user's own, {name}")
        return cls(name, n_features)

    def fuse(self, block: Block) -> Block:
        function = getattr(np, self.name)
        if self.n_features is not None:
            block = block.numbers("finite", "FunctionTransformer", self.n_features)
        if block.is_framed:
            raise Unfused("a function of a data frame that a step makes")
        if block.trace.is_frame(block):  # numpy's loops, and with them the last bits, go by how it lies
            return block.trace.made_of_frame(block, function, f"FunctionTransformer of {self.name}")
        made = block.numbers("anything", "FunctionTransformer", block.width).made(function, reads=True)
        return replace(made, is_framed=block.dtype is None)  # of a row, which is read as a data frame is
