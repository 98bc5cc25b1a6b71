"""PolynomialFeatures: sklearn.preprocessing._polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from .._ext.transforms import Polynomial
from ..errors import ModelFormatError
from . import Unread
from .block import Block

FIRST_THAT_KEEPS_ORDER = (1, 8)
MOST_COLUMNS, MOST_DEGREES = 1 << 21, 1 << 10


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
        if self.width_of_all > MOST_COLUMNS or self.most > MOST_DEGREES or not 0 <= self.least <= self.most:
            raise ModelFormatError(
                f"polynomial features: {self.width_of_all:,} columns of degrees {self.least:,} to {self.most:,}, "
                f"allowed: {MOST_COLUMNS:,} of {MOST_DEGREES:,}"
            )
        if self._width(0) != self.width_of_all or self._width(self.least) != self.width:
            raise ModelFormatError(f"polynomial features: {self.width} columns of {self.width_of_all}")

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
        products = Polynomial(self._monomials())
        order: Any = self.order
        cuts = self.width_of_all - self.width if self.least > 1 else 0
        if cuts and self.copies_as_c and not self.include_bias:
            order = "C"

        def made(X: np.ndarray) -> np.ndarray:
            out = np.empty((len(X), self.width), X.dtype, order=order)
            products.products(X, out, cuts + self.include_bias if cuts else 0, bool(cuts) and self.include_bias)
            return out

        return block.floats("finite", "PolynomialFeatures", self.n_features).made(made)

    def _width(self, least: int) -> int:
        """PolynomialFeatures._num_combinations."""
        n, total = self.n_features, int(self.include_bias)
        for degree in range(max(1, least), self.most + 1):
            total += comb(n, degree) if self.interaction_only else comb(n + degree - 1, degree)
            if total > MOST_COLUMNS:
                break
        return total

    def _monomials(self) -> list[tuple[int, int]]:
        """PolynomialFeatures.transform of a dense array: each degree out of the one before."""
        at = int(self.include_bias)
        made = [(-1, -1)] * at + [(-1, j) for j in range(self.n_features)]
        index = [*range(at, at + self.n_features + 1)]
        for _ in range(2, self.most + 1):
            new_index, end = [], index[-1]
            for j in range(self.n_features):
                new_index.append(len(made))
                start = index[j] + (index[j + 1] - index[j] if self.interaction_only else 0)
                if end <= start:
                    break
                made += [(left, j) for left in range(start, end)]
            new_index.append(len(made))
            index = new_index
        return made
