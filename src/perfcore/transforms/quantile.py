"""QuantileTransformer: sklearn.preprocessing._data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .._ext.transforms import ranks
from ..errors import ConfigurationError, ModelFormatError
from . import Unread
from .block import Block
from .fields import require, require_numbers

THRESHOLD = 1e-7  # BOUNDS_THRESHOLD


@dataclass(frozen=True, eq=False)
class QuantileTransformer:
    """numpy's interpolation, and scipy's inverse of the normal distribution."""

    quantiles: np.ndarray  # (n_quantiles, n_features)
    references: np.ndarray
    is_normal: bool

    def __post_init__(self) -> None:
        require_numbers("quantiles: references", self.references, self.references.size, kinds="f")
        require(self.quantiles.dtype.kind == "f", f"quantiles of {self.quantiles.dtype}")
        if self.quantiles.ndim != 2 or self.references.shape != self.quantiles.shape[:1] or not len(self.references):
            raise ModelFormatError(f"quantiles {self.quantiles.shape} at references {self.references.shape}")

    @classmethod
    def of(cls, source: Any) -> QuantileTransformer:
        if source.output_distribution not in ("uniform", "normal"):
            raise Unread(f"output_distribution={source.output_distribution!r}")
        is_normal = source.output_distribution == "normal"
        return cls(np.array(source.quantiles_), np.array(source.references_), is_normal)

    def fuse(self, block: Block) -> Block:
        by_column = np.ascontiguousarray(self.quantiles.T)

        def made(X: np.ndarray) -> np.ndarray:
            """QuantileTransformer._transform_col of each."""
            ranks(X, by_column, self.references, THRESHOLD if self.is_normal else 0.0)
            if self.is_normal:
                X[:] = _normal(X)
            return X

        return block.floats("nan", "QuantileTransformer", self.quantiles.shape[1]).made(made)


def _normal(x: np.ndarray) -> np.ndarray:
    """scipy.stats.norm.ppf of ranks, and the clipping of what it makes of 0 and 1."""
    low, high = _ends()
    made = np.full(x.shape, np.nan)
    made[x == 0], made[x == 1] = -np.inf, np.inf
    inside = (x > 0) & (x < 1)
    made[inside] = _ndtri(x[inside]) * 1.0 + 0.0
    return np.clip(made, low, high)


@cache
def _ends() -> tuple[float, float]:
    return _ndtri(THRESHOLD - np.spacing(1)), _ndtri(1 - (THRESHOLD - np.spacing(1)))


def _ndtri(x: Any) -> Any:
    try:
        from scipy.special import ndtri
    except ImportError as error:
        raise ConfigurationError("QuantileTransformer with output_distribution='normal' needs scipy") from error
    return ndtri(x)
