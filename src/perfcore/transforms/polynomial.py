"""PolynomialFeatures: sklearn.preprocessing._polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFormatError
from . import Unread
from .block import Block

FIRST_THAT_KEEPS_ORDER = (1, 8)


@dataclass(frozen=True, eq=False)
class PolynomialFeatures:
    n_features: int
    least: int  # degrees from here, beside the bias
    most: int
    interaction_only: bool
    include_bias: bool
    order: str
    width: int
    width_of_all: int  # of all degrees from 0 on
    copies_as_c: bool  # what is cut out without a bias: before scikit-learn 1.8

    def __post_init__(self) -> None:
        if not 0 <= self.width <= self.width_of_all or self.order not in ("C", "F") or self.n_features < 1:
            raise ModelFormatError(f"polynomial features: {self.width} of {self.width_of_all} columns")

    @classmethod
    def of(cls, source: Any) -> PolynomialFeatures:
        import sklearn

        if source._max_degree < 1:
            raise Unread("degree=0")
        return cls(
            n_features=source.n_features_in_,
            least=int(source._min_degree),
            most=int(source._max_degree),
            interaction_only=bool(source.interaction_only),
            include_bias=bool(source.include_bias),
            order=source.order,
            width=int(source.n_output_features_),
            width_of_all=int(source._n_out_full),
            copies_as_c=tuple(map(int, sklearn.__version__.split(".")[:2])) < FIRST_THAT_KEEPS_ORDER,
        )

    def fuse(self, block: Block) -> Block:
        return block.floats("finite", "PolynomialFeatures", self.n_features).made(self._products)

    def _products(self, X: np.ndarray) -> np.ndarray:
        """PolynomialFeatures.transform of a dense array: each degree out of the one before."""
        order: Any = self.order
        X = np.asarray(X, order="F")
        made = np.empty((len(X), self.width_of_all), X.dtype, order=order)
        at = int(self.include_bias)
        made[:, :at] = 1
        made[:, at : at + self.n_features] = X
        index = [*range(at, at + self.n_features + 1)]
        at += self.n_features
        for _ in range(2, self.most + 1):
            new_index, end = [], index[-1]
            for j in range(self.n_features):
                start = index[j]
                new_index.append(at)
                if self.interaction_only:
                    start += index[j + 1] - index[j]
                next_at = at + end - start
                if next_at <= at:
                    break
                np.multiply(made[:, start:end], X[:, j : j + 1], out=made[:, at:next_at], casting="no")
                at = next_at
            new_index.append(at)
            index = new_index
        return made if self.least <= 1 else self._without_low_degrees(made)

    def _without_low_degrees(self, made: np.ndarray) -> np.ndarray:
        order: Any = self.order
        rest = self.width_of_all - self.width
        if not self.include_bias:
            return made[:, rest:].copy(order="C" if self.copies_as_c else "K")
        out = np.empty((len(made), self.width), made.dtype, order=order)
        out[:, 0] = 1
        out[:, 1:] = made[:, rest + 1 :]
        return out
