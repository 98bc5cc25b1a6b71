"""TargetEncoder: sklearn.preprocessing._target_encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .block import Block, Coded, Column
from .encoders import _categories, _coded
from .fields import require, require_categories, require_numbers


@dataclass(frozen=True, eq=False)
class TargetEncoder:
    categories: tuple[np.ndarray, ...]
    values: tuple[tuple[np.ndarray, ...], ...]  # by column and class: of each category; then of an unknown one

    def __post_init__(self) -> None:
        require_categories("target encoder", self.categories)
        require(len(self.categories) == len(self.values), "target encoder: numbers of each column")
        for known, own in zip(self.categories, self.values, strict=True):
            for values in own:
                require_numbers("target encoder: of each category, and of the unknown", values, len(known) + 1, "f")

    @classmethod
    def of(cls, source: Any) -> TargetEncoder:
        means = np.ravel(source.target_mean_).tolist()  # one, or one of each class
        encodings = [np.asarray(each, np.float64) for each in source.encodings_]
        by_column = [encodings[start : start + len(means)] for start in range(0, len(encodings), len(means))]
        values = tuple(tuple(np.append(v, m) for v, m in zip(own, means, strict=True)) for own in by_column)
        return cls(_categories(source), values)

    def fuse(self, block: Block) -> Block:
        block.require_width(len(self.categories), "TargetEncoder")
        columns: list[Column] = []
        for i, (column, known) in enumerate(zip(block.columns, self.categories, strict=True)):
            of, codes, at = _coded(block, column, known, i, refuses=False)
            columns += [Coded(of, codes, values[at]) for values in self.values[i]]
        return Block(block.trace, tuple(columns), np.dtype(np.float64), "C")
