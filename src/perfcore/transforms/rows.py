"""Compressed rows, as a step of sparse answers makes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._ext.transforms import product


class Rows:
    """Compressed rows, entries in the order of columns, as scipy's csr_matrix has them and multiplies them."""

    format = "csr"

    def __init__(self, shape: tuple[int, int], indptr: np.ndarray, indices: np.ndarray, data: np.ndarray):
        self.shape, self.indptr, self.indices, self.data = shape, indptr, indices, data

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def __matmul__(self, weight: np.ndarray) -> np.ndarray:
        """scipy/sparse/_base.py, _matmul_dispatch, and _compressed.py."""
        dtype = np.result_type(self.data, weight)
        matrix = np.ascontiguousarray(weight if weight.ndim == 2 else weight[:, None], dtype)
        out = product(self.indptr, self.indices, self.data.astype(dtype, copy=False), matrix)
        return out if weight.ndim == 2 else out[:, 0]

    def scipy(self) -> Any:
        from scipy.sparse import csr_matrix

        return csr_matrix((self.data, self.indices, self.indptr), self.shape)
