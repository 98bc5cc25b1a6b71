"""Normal distributions, one a class: the logarithms of their densities and priors, as scikit-learn computes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ModelFormatError


@dataclass(frozen=True, eq=False)
class DiagonalGaussians:
    """Independent features: GaussianNB._joint_log_likelihood."""

    computed_by: ClassVar[str] = "numpy"

    prior: np.ndarray  # (n_classes,)
    mean: np.ndarray  # (n_classes, n_features)
    variance: np.ndarray  # (n_classes, n_features)

    def __post_init__(self) -> None:
        shape = self.mean.shape
        if len(shape) != 2 or self.variance.shape != shape or self.prior.shape != shape[:1]:
            raise ModelFormatError(
                f"gaussians: priors {self.prior.shape}, means {shape}, variances {self.variance.shape}; "
                "allowed: (n_classes,), (n_classes, n_features) and the same"
            )
        _require_floats(self.prior, self.mean, self.variance)

    @property
    def n_features(self) -> int:
        return self.mean.shape[1]

    @property
    def n_outputs(self) -> int:
        return len(self.mean)

    @property
    def nbytes(self) -> int:
        return self.prior.nbytes + self.mean.nbytes + self.variance.nbytes

    def margins(self, array: np.ndarray) -> np.ndarray:
        joint = []
        for prior, mean, variance in zip(self.prior, self.mean, self.variance, strict=True):
            density = -0.5 * np.sum(np.log(2.0 * np.pi * variance))
            density = density - 0.5 * np.sum(((array - mean) ** 2) / variance, axis=1)
            joint.append(np.log(prior) + density)
        return np.stack(joint).T


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Correlated features, by the axes of each class: QuadraticDiscriminantAnalysis._decision_function."""

    computed_by: ClassVar[str] = "BLAS"

    prior: np.ndarray  # (n_classes,)
    mean: np.ndarray  # (n_classes, n_features)
    axes: tuple[np.ndarray, ...]  # of each class (n_features, n_axes), in the layout that the source holds
    spread: tuple[np.ndarray, ...]  # of each class (n_axes,): the variance along each axis

    def __post_init__(self) -> None:
        n_classes, n_features = self.mean.shape if self.mean.ndim == 2 else (-1, -1)
        shapes = [each.shape for each in self.axes]
        if (
            not self.prior.shape == (len(shapes),) == (len(self.spread),) == (n_classes,)
            or any(len(shape) != 2 or shape[0] != n_features for shape in shapes)
            or any(each.shape != shape[1:] for each, shape in zip(self.spread, shapes, strict=True))
        ):
            raise ModelFormatError(f"gaussians: axes {shapes} for priors {self.prior.shape}, means {self.mean.shape}")
        _require_floats(self.prior, self.mean, *self.axes, *self.spread)

    @property
    def n_features(self) -> int:
        return self.mean.shape[1]

    @property
    def n_outputs(self) -> int:
        return len(self.mean)

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in (self.prior, self.mean, *self.axes, *self.spread))

    def margins(self, array: np.ndarray) -> np.ndarray:
        distances = []
        for mean, axes, spread in zip(self.mean, self.axes, self.spread, strict=True):
            along = np.dot(array - mean, axes * (spread ** (-0.5)))
            distances.append(np.sum(along**2, axis=1))
        volumes = np.asarray([np.sum(np.log(spread)) for spread in self.spread])
        return -0.5 * (np.array(distances).T + volumes) + np.log(self.prior)


def _require_floats(*arrays: np.ndarray) -> None:
    for array in arrays:
        if array.dtype not in (np.float32, np.float64):
            raise ModelFormatError(f"gaussians: cells of {array.dtype}, allowed: float32 and float64")
