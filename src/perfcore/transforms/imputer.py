"""SimpleImputer: sklearn.impute._base."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import Unread
from .block import Block, Cell, Column, Number, Step, Text, Unfused
from .fields import require_numbers, require_places


@dataclass(frozen=True, eq=False)
class SimpleImputer:
    n_features: int
    missing: float | int | str | None  # NaN is a float
    fills: np.ndarray  # by column, of numbers or objects
    kept: tuple[int, ...]  # columns that had something to be filled by
    of_text: bool  # whether tables become objects
    keeps_dtype: bool  # whether whole numbers stay such
    indicated: tuple[int, ...] | None  # columns of which it is told where they are missing

    def __post_init__(self) -> None:
        require_numbers("imputer", self.fills, self.n_features, kinds="O" if self.of_text else "biuf")
        require_places("imputer", (*self.kept, *(self.indicated or ())), self.n_features)

    @classmethod
    def of(cls, source: Any) -> SimpleImputer:
        missing, fills = source.missing_values, np.array(source.statistics_)
        of_text = source._fit_dtype.kind == "O"
        if not (missing is None or isinstance(missing, str | int | float | np.integer | np.floating)):
            raise Unread(f"missing_values={missing!r}")
        if isinstance(missing, np.generic):
            missing = missing.item()
        if of_text and source.add_indicator:
            raise Unread("add_indicator=True over a table of objects")
        empty = np.array([each != each for each in fills.tolist()], bool)
        dtype = getattr(source, "_fill_dtype", fills.dtype)  # scikit-learn before 1.8 casts nothing
        dtype = np.dtype(np.float64) if dtype.kind == "O" else dtype
        kept = np.arange(len(fills)) if source.keep_empty_features else np.flatnonzero(~empty)
        return cls(
            n_features=source.n_features_in_,
            missing=missing,
            fills=fills if of_text else fills.astype(dtype),
            kept=tuple(kept.tolist()),
            of_text=of_text,
            keeps_dtype=source.strategy in ("most_frequent", "constant"),
            indicated=tuple(source.indicator_.features_.tolist()) if source.add_indicator else None,
        )

    def fuse(self, block: Block) -> Block:
        if block.is_sparse:
            raise Unfused("SimpleImputer of a sparse table is not supported")
        is_of_objects = self.keeps_dtype and block.trace.is_of_objects(block)
        if self.of_text or is_of_objects:
            filled = self._texts(block)
        else:
            allows = "nan" if self.missing != self.missing else "finite"
            read = block.numbers if self.keeps_dtype else block.floats
            has_text = any(isinstance(each, Text) for each in block.columns)
            if self.keeps_dtype and has_text and not block.trace.has_bools_for_numbers(block):
                raise Unfused("SimpleImputer: a column of no numbers where it was fitted to one of numbers")
            block = read(allows, "SimpleImputer", self.n_features)
            filled = block.each([self._step(block, each) for each in self.fills.tolist()])
        if len(self.kept) < self.n_features:
            filled = filled.select(self.kept)
        if self.indicated is None:
            return filled
        if is_of_objects:
            raise Unfused(
                "SimpleImputer(add_indicator=True): a table of objects, allowed: numbers; convert it to float64"
            )
        mask = block.each([self._mark()] * block.width)
        if len(self.indicated) < self.n_features:
            mask = mask.take(self.indicated)
        return Block.hstack([filled, replace(mask, dtype=np.dtype(bool))])

    def _step(self, block: Block, fill: float) -> tuple[Step, ...]:
        if fill != fill:  # a column that is dropped
            return ()
        number = float(np.array(fill).astype(block.dtype))
        if self.missing != self.missing:
            return (("fill_nan", number, 0.0),)
        return (("fill_equal", float(np.array(self.missing).astype(block.dtype)), number),)

    def _mark(self) -> tuple[Step, ...]:
        if self.missing != self.missing:
            return (("is_nan", 0.0, 0.0),)
        return (("is_equal", float(self.missing), 0.0),)  # type: ignore[arg-type]

    def _texts(self, block: Block) -> Block:
        block.require_width(self.n_features, "SimpleImputer")
        takes_nan = self.missing != self.missing
        columns: list[Column] = []
        for column, fill in zip(block.columns, self.fills.tolist(), strict=True):
            if isinstance(column, Cell) or (isinstance(column, Number) and not column.steps):
                column = Text(column.source)
            if not isinstance(column, Text):
                raise Unfused("SimpleImputer: computed numbers where it was fitted to objects")
            columns.append(column._replace(fills=(*column.fills, (self.missing, fill, takes_nan))))
        return replace(block.of_objects(), columns=tuple(columns))
