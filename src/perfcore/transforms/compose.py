"""Transformers made of others: pipelines, column transformers, unions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from . import Transform
from .block import Block, Opaque, Unfused
from .fields import require, require_places
from .live import Live
from .selection import Selection


@dataclass(frozen=True, eq=False)
class Identity:
    """'passthrough', and FunctionTransformer without a function."""

    n_features: int | None = None  # where it checks the table

    def fuse(self, block: Block) -> Block:
        if self.n_features is None:
            return block
        return block.numbers("finite", "FunctionTransformer", self.n_features)


@dataclass(frozen=True, eq=False)
class Either:
    """A step that is fused where it can be, beside others that are not."""

    fused: Transform
    live: Live

    def fuse(self, block: Block) -> Block:
        try:
            return self.fused.fuse(block)
        except Unfused:
            return self.live.fuse(block)


@dataclass(frozen=True, eq=False)
class Framed:
    """A step with set_output("pandas")."""

    step: Transform
    infers_texts: bool  # whether pandas tells texts from objects, as it does from version 3 on

    def fuse(self, block: Block) -> Block:
        if isinstance(self.step, Selection) and block.dtype is None and block.trace.tells_dtypes(block):
            block.require_width(self.step.n_features, self.step.name)
            return block.take(self.step.kept)  # of the data frame itself, unchecked: sklearn/feature_selection/_base.py
        return self.step.fuse(block).framed(self.infers_texts)


@dataclass(frozen=True, eq=False)
class Chain:
    """Pipeline: one after another."""

    steps: tuple[Transform, ...]

    def fuse(self, block: Block) -> Block:
        for step in self.steps:
            block = step.fuse(block)
        return block


@dataclass(frozen=True, eq=False)
class Member:
    """Of a ColumnTransformer."""

    name: str
    transform: Transform
    columns: tuple[int, ...]  # as in training
    chosen: str  # how the user chose them: "names", "slice" or "positions"; which decides how arrays are cut
    weight: float | None  # a scalar of numpy is kept as such: its dtype has a part in the product


@dataclass(frozen=True, eq=False)
class Columns:
    """ColumnTransformer."""

    n_features: int
    feature_names: tuple[str, ...] | None
    members: tuple[Member, ...]
    is_sparse: bool
    of_frames: bool = False  # whether it puts data frames together: set_output("pandas")

    def __post_init__(self) -> None:
        fits = self.feature_names is None or len(self.feature_names) == self.n_features
        require(fits, f"column transformer: names of {self.n_features} columns")
        for member in self.members:
            require_places("column transformer", member.columns, self.n_features)

    def fuse(self, block: Block) -> Block:
        if block.is_framed:
            raise Unfused("columns by name of a data frame that a step makes")
        by_name = self.feature_names is not None and block.names is not None
        place = self._places(block.names) if by_name else None
        if place is None:
            block.require_width(self.n_features, "ColumnTransformer")
        made = []
        for member in self.members:
            if block.dtype is not None and member.chosen == "names":
                raise InputError("Specifying the columns using strings is only supported for dataframes.")
            at = member.columns if place is None else tuple(place[j] for j in member.columns)
            part = block.take(at, is_slice=member.chosen == "slice")
            made.append(weighted(member.transform.fuse(part), member.weight, self.of_frames))
        if not made:
            return block.trace.nothing()
        if self.is_sparse:
            return Block.sparse_hstack(made, "ColumnTransformer")
        return Block.hstack([each.dense() for each in made], self.of_frames)

    def _places(self, names: Any) -> dict[int, int]:
        at = {name: j for j, name in enumerate(names)}
        needed = sorted({j for member in self.members for j in member.columns})
        missing = [self.feature_names[j] for j in needed if self.feature_names[j] not in at]  # type: ignore[index]
        if missing:
            raise InputError(f"columns are missing: {missing}")
        return {j: at[self.feature_names[j]] for j in needed}  # type: ignore[index]


@dataclass(frozen=True, eq=False)
class Union:
    """FeatureUnion."""

    members: tuple[Transform, ...]
    weights: tuple[float | None, ...]
    of_frames: bool = False

    def __post_init__(self) -> None:
        require(len(self.members) == len(self.weights), "feature union: a weight of each member")

    def fuse(self, block: Block) -> Block:
        made = [
            weighted(each.fuse(block), w, self.of_frames) for each, w in zip(self.members, self.weights, strict=True)
        ]
        if not made:
            return block.trace.nothing()
        if any(each.is_sparse for each in made):
            return Block.sparse_hstack(made, "FeatureUnion")
        return Block.hstack(made, self.of_frames)


def weighted(block: Block, weight: float | None, of_frames: bool) -> Block:
    """sklearn.pipeline._transform_one."""
    if weight is None:
        return block
    if isinstance(block, Opaque):
        return block.trace.ran(block.matrix * weight)
    if block.trace.is_frame(block):
        if of_frames and block.trace.is_of_arrow:
            raise Unfused("weights of polars or Arrow columns that a step makes a data frame of pandas of")
        return block.trace.made_of_frame(block, lambda frame: frame * weight, "transformer_weights")
    if block.is_framed and isinstance(weight, np.number):
        weight = weight.item()  # pandas takes it for Python's own
    if block.dtypes is not None:
        columns = [_times(replace(block.take([j]), dtype=dtype), weight) for j, dtype in enumerate(block.dtypes)]
        return Block.hstack(columns, of_frames=True)
    return replace(_times(block.stacked(), weight), is_framed=block.is_framed or block.dtype is None)


def _times(block: Block, weight: float) -> Block:
    if block.dtype == np.float16:
        return block.made(lambda array: array * weight)
    read = block.numbers if block.dtype is not None and block.dtype.kind == "f" else block.floats
    dtype = np.result_type(np.empty(0, block.dtype), weight)
    block = replace(read("anything", "transformer_weights", block.width), dtype=dtype, is_framed=block.is_framed)
    number = float(np.array(weight).astype(block.dtype))
    return block.each([(("multiply", number, 0.0),)] * block.width)
