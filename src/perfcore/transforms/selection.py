"""VarianceThreshold, SelectKBest and all that keep some of the columns: sklearn.feature_selection._base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFormatError
from . import Unread
from .block import Block


@dataclass(frozen=True, eq=False)
class Selection:
    name: str
    n_features: int
    kept: tuple[int, ...]
    allows: str  # "finite", or "anything"

    def __post_init__(self) -> None:
        if not all(0 <= j < self.n_features for j in self.kept):
            raise ModelFormatError(f"selection: columns {self.kept} of {self.n_features}")

    @classmethod
    def of(cls, source: Any) -> Selection:
        from sklearn.utils import get_tags

        kept = np.flatnonzero(source.get_support())
        if not len(kept):
            raise Unread("it keeps no column")
        allows = "anything" if get_tags(source).input_tags.allow_nan else "finite"
        return cls(type(source).__name__, source.n_features_in_, tuple(kept.tolist()), allows)

    def fuse(self, block: Block) -> Block:
        return block.numbers(self.allows, self.name, self.n_features).select(self.kept)
