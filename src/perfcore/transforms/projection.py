"""PCA and TruncatedSVD: sklearn.decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFormatError
from .block import Block
from .fields import require_numbers

MOST_GAPS = 1 << 27  # elements


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix, laid out as its source is: BLAS chooses its routine, and with it the bits, by the layout, too."""

    numbers: np.ndarray  # C or Fortran order
    gap: int  # elements between the end of one row, or column, and the next
    is_reversed: bool  # whether the rows lie last to first

    def __post_init__(self) -> None:
        numbers = self.numbers
        if numbers.ndim != 2 or not numbers.size or numbers.dtype not in (np.float32, np.float64):
            raise ModelFormatError(f"matrix: {numbers.dtype} {numbers.shape}, allowed: float32 or float64, 2-D")
        if self.gap < 0 or max(numbers.shape) * self.gap > MOST_GAPS:
            raise ModelFormatError(f"matrix: gaps of {self.gap} in {numbers.shape}")

    @classmethod
    def of(cls, source: np.ndarray) -> Matrix:
        is_reversed = source.strides[0] < 0
        numbers = source[::-1] if is_reversed else source
        steps = [step // numbers.itemsize for step in numbers.strides]
        long, n = (steps[0], numbers.shape[1]) if steps[1] == 1 else (steps[1], numbers.shape[0])
        gap = long - n if 1 in steps and min(numbers.shape) > 1 else 0
        return cls(np.array(numbers, order="C" if steps[1] == 1 else "F"), max(gap, 0), is_reversed)

    @property
    def array(self) -> np.ndarray:
        array = self.numbers
        if self.gap:
            is_c = array.flags.c_contiguous
            rows, columns = array.shape
            shape = (rows, columns + self.gap) if is_c else (rows + self.gap, columns)
            spaced = np.zeros(shape, array.dtype, order="C" if is_c else "F")
            spaced[:rows, :columns] = array
            array = spaced[:rows, :columns]
        return array[::-1] if self.is_reversed else array


@dataclass(frozen=True, eq=False)
class PCA:
    """The very product, of the very shape and layout."""

    components: Matrix
    mean: np.ndarray
    variance: np.ndarray | None  # of each component, where they are whitened

    def __post_init__(self) -> None:
        if self.mean.shape != self.components.numbers.shape[1:]:
            raise ModelFormatError(f"PCA: mean {self.mean.shape} of components {self.components.numbers.shape}")
        require_numbers("PCA: mean", self.mean, len(self.mean), kinds="f")
        require_numbers("PCA: variance", self.variance, len(self.components.numbers), kinds="f")

    @classmethod
    def of(cls, source: Any) -> PCA:
        variance = np.array(source.explained_variance_) if source.whiten else None
        return cls(Matrix.of(source.components_), np.array(source.mean_), variance)

    def fuse(self, block: Block) -> Block:
        across = self.components.array.T
        shift = np.reshape(self.mean, (1, -1)) @ across
        scale = None
        if self.variance is not None:
            scale = np.sqrt(self.variance)
            scale[scale < np.finfo(scale.dtype).eps] = np.finfo(scale.dtype).eps

        def projected(X: Any) -> np.ndarray:
            made: np.ndarray = X @ across
            made -= shift
            if scale is not None:
                made /= scale
            return made

        return block.floats("finite", "PCA", len(self.mean)).made(projected, reads=True, takes_sparse=True)


@dataclass(frozen=True, eq=False)
class TruncatedSVD:
    components: Matrix

    @classmethod
    def of(cls, source: Any) -> TruncatedSVD:
        return cls(Matrix.of(source.components_))

    def fuse(self, block: Block) -> Block:
        across = self.components.array.T
        block = block.numbers("finite", "TruncatedSVD", len(across))
        return block.made(lambda X: X @ across, reads=True, takes_sparse=True)
