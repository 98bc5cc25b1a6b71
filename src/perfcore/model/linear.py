"""The linear model: ``X @ coef.T + intercept`` by the same BLAS call that the source makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelFormatError

MOST_GAPS = 1 << 27  # elements


@dataclass(frozen=True, eq=False)
class Linear:
    """``X @ coef.T + intercept``; ``coef`` is held in the shape and layout that the source holds.

    BLAS chooses its routine by shape, layout and dtype, and each routine adds in an order of its own:
    the same bits come of the same call alone. OpenBLAS has routines for rows that lie end to end, too,
    so a gap between rows is kept (LinearRegression's ``coef_`` is a slice of LAPACK's solution).
    """

    computed_by: ClassVar[str] = "BLAS"

    coef: np.ndarray  # (n_features,) or (n_outputs, n_features), float32 or float64, C or Fortran order
    intercept: np.ndarray | float  # (n_outputs,) or (1,); a plain float takes the dtype of the product
    row_gap: int = 0  # elements between the end of a row of coef and the next

    def __post_init__(self) -> None:
        coef, intercept = self.coef, self.intercept
        if coef.ndim not in (1, 2) or coef.dtype not in (np.float32, np.float64):
            raise ModelFormatError(f"linear: coef {coef.dtype} {coef.shape}, allowed: float32 or float64, 1-D or 2-D")
        if not coef.size:
            raise ModelFormatError(f"linear: coef {coef.shape}, allowed: at least one number")
        if isinstance(intercept, np.ndarray) and (
            intercept.shape not in ((1,), (self.n_outputs,)) or intercept.dtype not in (np.float32, np.float64)
        ):
            raise ModelFormatError(
                f"linear: intercept {intercept.dtype} {intercept.shape}, allowed: one float an output"
            )
        if self.row_gap:
            if coef.ndim != 2 or not 0 < self.row_gap < 1 << 20 or len(coef) * self.row_gap > MOST_GAPS:
                raise ModelFormatError(f"linear: row_gap {self.row_gap} for coef {coef.shape}")
            spaced = np.zeros((coef.shape[0], coef.shape[1] + self.row_gap), coef.dtype)
            spaced[:, : coef.shape[1]] = coef
            coef = spaced[:, : coef.shape[1]]
            object.__setattr__(self, "coef", coef)

    @property
    def n_features(self) -> int:
        return self.coef.shape[-1]

    @property
    def n_outputs(self) -> int:
        return self.coef.shape[0] if self.coef.ndim == 2 else 1

    @property
    def nbytes(self) -> int:
        return self.coef.nbytes + (self.intercept.nbytes if isinstance(self.intercept, np.ndarray) else 0)

    def margins(self, array: np.ndarray) -> np.ndarray:
        """``array``: (n_rows, n_features) in the dtype and layout that the source would multiply."""
        # scikit-learn, LinearModel._decision_function and LinearClassifierMixin.decision_function.
        return array @ (self.coef if self.coef.ndim == 1 else self.coef.T) + self.intercept
