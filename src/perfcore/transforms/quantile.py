"""QuantileTransformer: sklearn.preprocessing._data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigurationError, ModelFormatError
from . import Unread
from .block import Block

THRESHOLD = 1e-7  # BOUNDS_THRESHOLD


@dataclass(frozen=True, eq=False)
class QuantileTransformer:
    """numpy's interpolation, and scipy's inverse of the normal distribution."""

    quantiles: np.ndarray  # (n_quantiles, n_features)
    references: np.ndarray
    is_normal: bool

    def __post_init__(self) -> None:
        if self.quantiles.ndim != 2 or self.references.shape != self.quantiles.shape[:1] or not len(self.references):
            raise ModelFormatError(f"quantiles {self.quantiles.shape} at references {self.references.shape}")

    @classmethod
    def of(cls, source: Any) -> QuantileTransformer:
        if source.output_distribution not in ("uniform", "normal"):
            raise Unread(f"output_distribution={source.output_distribution!r}")
        is_normal = source.output_distribution == "normal"
        return cls(np.array(source.quantiles_), np.array(source.references_), is_normal)

    def fuse(self, block: Block) -> Block:
        return block.floats("nan", "QuantileTransformer", self.quantiles.shape[1]).made(self._transformed)

    def _transformed(self, X: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            for j, quantiles in enumerate(self.quantiles.T):
                X[:, j] = self._column(X[:, j], quantiles)
        return X

    def _column(self, x: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """QuantileTransformer._transform_col."""
        low, high = quantiles[0], quantiles[-1]
        is_low = x - THRESHOLD < low if self.is_normal else x == low
        is_high = x + THRESHOLD > high if self.is_normal else x == high
        there = ~np.isnan(x)
        cells, references = x[there], self.references
        x[there] = 0.5 * (
            np.interp(cells, quantiles, references) - np.interp(-cells, -quantiles[::-1], -references[::-1])
        )
        x[is_high] = 1
        x[is_low] = 0
        return _normal(x) if self.is_normal else x


def _normal(x: np.ndarray) -> np.ndarray:
    """scipy.stats.norm.ppf, and the clipping of what it makes of 0 and 1."""
    try:
        from scipy.special import ndtri
    except ImportError as error:
        raise ConfigurationError("QuantileTransformer with output_distribution='normal' needs scipy") from error
    low, high = ndtri(THRESHOLD - np.spacing(1)), ndtri(1 - (THRESHOLD - np.spacing(1)))
    made = np.full(x.shape, np.nan)
    made[x == 0], made[x == 1] = -np.inf, np.inf
    inside = (x > 0) & (x < 1)
    made[inside] = ndtri(x[inside]) * 1.0 + 0.0
    return np.clip(made, low, high)
