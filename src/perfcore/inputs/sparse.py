"""scipy's sparse matrices and arrays as dense blocks of bounded size; what an absent cell is, the framework says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from .table import BLOCK_ROWS

BLOCK_CELLS = 1 << 22  # of a dense block: 32 MiB as float64


def is_sparse(X: Any) -> bool:
    """A scipy sparse matrix or array, told without importing scipy."""
    return hasattr(X, "tocsr") and any(each.__module__.startswith("scipy.sparse") for each in type(X).__mro__)


def is_kind(X: Any, name: str) -> bool:
    """Whether isinstance() finds it one of scipy.sparse's ``name``: csr_array is no csr_matrix."""
    return any(each.__name__ == name for each in type(X).__mro__)


class Sparse(NamedTuple):
    """A table's rows, compressed; no index leads out of it."""

    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray

    @classmethod
    def of(cls, X: Any) -> Sparse:
        """By scipy's own tocsr(), which sums duplicates of the COO form alone."""
        if len(X.shape) != 2:
            raise InputError(f"expected a 2-D table, got a sparse array of shape {X.shape}")
        _check(X)  # scipy's compiled code does not
        csr = X.tocsr()
        if csr is not X:
            _check(csr)
        return cls(tuple(csr.shape), csr.indptr, csr.indices, csr.data)

    def where(self, keep: np.ndarray) -> Sparse:
        """Without the entries that are not to be kept."""
        if keep.all():
            return self
        n_entries = self.indptr[-1]
        kept = np.concatenate(([0], np.cumsum(keep[:n_entries])))
        return Sparse(self.shape, kept[self.indptr], self.indices[:n_entries][keep], self.data[:n_entries][keep])

    @property
    def has_duplicates(self) -> bool:
        """Whether a cell has several entries."""
        n_entries = self.indptr[-1]
        rises = np.diff(self.indices[:n_entries]) > 0
        ends = self.indptr[1:-1]
        rises[ends[(ends > 0) & (ends < n_entries)] - 1] = True  # from one row to the next it need not
        return not rises.all() and any(len(np.unique(at)) < len(at) for _, _, at, _ in self._parts(self.shape[1]))

    def _parts(self, n_columns: int) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
        """(first row, end, places of the entries in a dense block, the entries); a block's columns lie end to end."""
        n_rows = self.shape[0]
        step = max(1, min(n_rows, BLOCK_ROWS, BLOCK_CELLS // max(1, n_columns)))
        for start in range(0, n_rows, step):
            stop = min(start + step, n_rows)
            a, b = self.indptr[start], self.indptr[stop]
            rows = np.repeat(np.arange(stop - start), np.diff(self.indptr[start : stop + 1]))
            yield start, stop, self.indices[a:b] * np.int64(step) + rows, self.data[a:b]

    def blocks(self, absent: float, dtype: Any, n_columns: int, first_counts: bool = False) -> Iterator[np.ndarray]:
        """Rows as dense blocks of ``n_columns``; of several entries of a cell the last counts, or the first."""
        narrow = self if self.shape[1] <= n_columns else self.where(self.indices[: self.indptr[-1]] < n_columns)
        dense = None
        for start, stop, at, entries in narrow._parts(n_columns):
            if dense is None:
                dense = np.full((stop - start) * n_columns, absent, dtype)
                block = dense.reshape(n_columns, stop - start).T
            with np.errstate(over="ignore"):
                dense[at[::-1] if first_counts else at] = entries[::-1] if first_counts else entries
            yield block[: stop - start]
            dense[at] = absent


def _check(X: Any) -> None:
    """`InputError` where an index leads out of the table, or an array out of the others."""
    if X.format in ("csr", "csc", "bsr"):
        rows, columns = X.shape if X.format != "csc" else X.shape[::-1]
        if X.format == "bsr":
            rows, columns = rows // X.blocksize[0], columns // X.blocksize[1]
        indptr = np.asarray(X.indptr)
        is_sound = (
            indptr.ndim == X.indices.ndim == 1
            and indptr.dtype.kind == X.indices.dtype.kind == "i"
            and len(indptr) == rows + 1
            and indptr[0] == 0
            and indptr[-1] <= min(len(X.indices), len(X.data))
            and bool((np.diff(indptr) >= 0).all())
        )
        if is_sound:
            _require_within(X.indices[: indptr[-1]], columns, X)
    elif X.format == "coo":
        is_sound = X.row.ndim == 1 and X.row.shape == X.col.shape == X.data.shape
        if is_sound:
            _require_within(X.row, X.shape[0], X)
            _require_within(X.col, X.shape[1], X)
    else:
        return
    if not is_sound:
        raise InputError(f"a damaged {X.format} table: its index arrays do not fit each other or its shape {X.shape}")


def _require_within(indices: np.ndarray, n: int, X: Any) -> None:
    if len(indices) and (indices.min() < 0 or indices.max() >= n):
        worst = int(indices.min() if indices.min() < 0 else indices.max())
        raise InputError(f"a damaged {X.format} table: index {worst} in a table of shape {X.shape}")
