"""A weighted sum of a row's cells in the order of its columns: XGBoost's gblinear, which is no BLAS product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._ext.ordered_sum import ordered_sum
from ..errors import ModelFormatError


@dataclass(frozen=True, eq=False)
class OrderedSum:
    """``start + x[0] * weight[0] + x[1] * weight[1] + ...`` in float32; absent cells add nothing."""

    start: np.ndarray  # float32 (n_outputs,)
    weight: np.ndarray  # float32 (n_features, n_outputs)
    missing: float = float("nan")  # cells of this value are absent, as NaN always is

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.start.shape != self.weight.shape[1:] or not self.n_outputs:
            raise ModelFormatError(f"ordered sum: start {self.start.shape} for weights {self.weight.shape}")
        for each in (self.start, self.weight):
            if each.dtype != np.float32 or not each.flags.c_contiguous or not each.flags.aligned:
                raise ModelFormatError(f"ordered sum: {each.dtype} cells, allowed: float32 in C order")

    @property
    def n_features(self) -> int:
        return self.weight.shape[0]

    @property
    def n_outputs(self) -> int:
        return self.weight.shape[1]

    @property
    def nbytes(self) -> int:
        return self.start.nbytes + self.weight.nbytes

    def margins(self, array: np.ndarray) -> np.ndarray:
        """``array``: (n_rows, n_features) of float32 or float64."""
        out = np.empty((len(array), self.n_outputs), np.float32)
        self.margins_into(array, out, 1)
        return out

    def margins_into(self, array: np.ndarray, out: np.ndarray, n_threads: int) -> None:
        ordered_sum(array, self.start, self.weight, self.missing, out, n_threads)
