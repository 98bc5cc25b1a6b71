"""The multi-layer perceptron: a BLAS product a layer, and between two of them an activation, as scikit-learn has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..answers.sklearn import expit
from ..errors import ModelFormatError

# sklearn/neural_network/_base.py, ACTIVATIONS: all in place.
ACTIVATIONS = {
    "identity": lambda cells: cells,
    "logistic": expit,
    "tanh": lambda cells: np.tanh(cells, out=cells),
    "relu": lambda cells: np.maximum(cells, 0, out=cells),
}


@dataclass(frozen=True, eq=False)
class Network:
    """Layers of ``cells @ coef + intercept``; margins are the last one's, before its activation."""

    computed_by: ClassVar[str] = "BLAS"

    coefs: tuple[np.ndarray, ...]  # (n_inputs, n_outputs) of each layer, in the layout that the source holds
    intercepts: tuple[np.ndarray, ...]  # (n_outputs,) of each layer
    activation: Literal["identity", "logistic", "tanh", "relu"]

    def __post_init__(self) -> None:
        shapes = [coef.shape for coef in self.coefs]
        fits = shapes and len(shapes) == len(self.intercepts) and all(len(shape) == 2 for shape in shapes)
        if (
            not fits
            or any(one[1] != next_one[0] for one, next_one in zip(shapes, shapes[1:], strict=False))
            or any(each.shape != shape[1:] for each, shape in zip(self.intercepts, shapes, strict=True))
        ):
            raise ModelFormatError(
                f"network: layers {shapes} and intercepts {[each.shape for each in self.intercepts]} do not fit"
            )
        for each in (*self.coefs, *self.intercepts):
            if each.dtype != self.coefs[0].dtype or each.dtype not in (np.float32, np.float64):
                raise ModelFormatError(f"network: cells of {each.dtype}, allowed: all float32 or all float64")

    @property
    def n_features(self) -> int:
        return self.coefs[0].shape[0]

    @property
    def n_outputs(self) -> int:
        return self.coefs[-1].shape[1]

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in (*self.coefs, *self.intercepts))

    def margins(self, array: np.ndarray) -> np.ndarray:
        """BaseMultilayerPerceptron._forward_pass_fast without the last activation."""
        activate = ACTIVATIONS[self.activation]
        for i, (coef, intercept) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            if i:
                activate(array)
            array = array @ coef
            array += intercept
        return array
