"""The linear model: ``X @ coef.T + intercept`` by the same BLAS call that the source makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Linear:
    """``X @ coef.T + intercept``; ``coef`` is held in the shape and layout that the source holds."""

    coef: np.ndarray
    intercept: np.ndarray

    @property
    def n_features(self) -> int:
        return self.coef.shape[-1]

    @property
    def n_outputs(self) -> int:
        return 1 if self.coef.ndim == 1 else len(self.coef)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self.coef.nbytes + self.intercept.nbytes
