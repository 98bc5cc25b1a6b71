"""Normalizer: sklearn.preprocessing._data.normalize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Unread
from .block import Block
from .fields import require

NORMS = ("l1", "l2", "max")


@dataclass(frozen=True, eq=False)
class Normalizer:
    """The norms are numpy's reductions over rows, whose bits depend on how the array lies."""

    n_features: int
    norm: str

    def __post_init__(self) -> None:
        require(self.norm in NORMS, f"normalizer: norm {self.norm!r}, allowed: {', '.join(NORMS)}")

    @classmethod
    def of(cls, source: Any) -> Normalizer:
        if source.norm not in NORMS:
            raise Unread(f"norm={source.norm!r}")
        return cls(source.n_features_in_, source.norm)

    def fuse(self, block: Block) -> Block:
        return (
            block.numbers("anything", "Normalizer", self.n_features)
            .floats("finite", "Normalizer", self.n_features)
            .made(self._normalized)
        )

    def _normalized(self, X: np.ndarray) -> np.ndarray:
        if self.norm == "l1":
            norms = np.sum(np.abs(X), axis=1)
        elif self.norm == "l2":
            norms = np.sqrt(np.einsum("ij,ij->i", X, X))
        else:
            norms = np.max(np.abs(X), axis=1)
        norms[norms < 10 * np.finfo(norms.dtype).eps] = 1.0  # _handle_zeros_in_scale
        X /= norms[:, None]
        return X
