"""scikit-learn's TransformedTargetRegressor: sklearn/compose/_target.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import InputError
from . import Asked
from .sklearn import check_rows

# Functions of numpy that take a number to a number: the ones that a target may be transformed back by.
UFUNCS = frozenset(
    "absolute arccosh arcsinh arctanh cbrt cosh exp exp2 expm1 log log10 log1p log2 negative positive reciprocal sinh "
    "sqrt square tanh".split()
)


@dataclass(frozen=True, eq=False)
class Function:
    """FunctionTransformer.inverse_transform."""

    name: str | None  # one of `UFUNCS`; None: nothing is done
    checks: bool  # whether the regressor's answers must be finite

    def __call__(self, answers: np.ndarray) -> np.ndarray:
        if self.checks:
            check_rows(answers)
            if not np.isfinite(answers).all():
                raise InputError("the regressor's answers contain NaN or infinity, which cannot be transformed back")
        if self.name is None:
            return answers
        if self.name not in UFUNCS:
            raise ValueError(f"function {self.name!r}")
        return getattr(np, self.name)(answers)


@dataclass(frozen=True, eq=False)
class Scaler:
    """StandardScaler.inverse_transform and MinMaxScaler.inverse_transform."""

    kind: Literal["standard", "min_max"]
    scale: np.ndarray | None
    shift: np.ndarray | None
    casts: bool = True  # both to the answers' dtype first, as StandardScaler does since scikit-learn 1.8

    def __call__(self, answers: np.ndarray) -> np.ndarray:
        check_rows(answers)
        answers = np.array(answers, answers.dtype if answers.dtype in (np.float32, np.float64) else np.float64)
        if np.isinf(answers).any():
            raise InputError("the regressor's answers contain infinity, which cannot be transformed back")
        if self.kind == "min_max":
            answers -= self.shift
            answers /= self.scale
            return answers
        if self.scale is not None:
            answers *= self.scale.astype(answers.dtype) if self.casts else self.scale
        if self.shift is not None:
            answers += self.shift.astype(answers.dtype) if self.casts else self.shift
        return answers


@dataclass(frozen=True, eq=False)
class TransformedTargetAnswers:
    """Of a regressor whose answers are transformed back."""

    inverse: Function | Scaler
    is_flat: bool  # whether it was trained on a 1-D target
    n_targets: int

    kind = "regressor"
    classes = None
    methods = ("predict",)

    def predict(self, asked: Asked) -> np.ndarray:
        answers = asked(0, "predict")
        answers = self.inverse(answers.reshape(-1, 1) if answers.ndim == 1 else answers)
        if self.is_flat and answers.ndim == 2 and answers.shape[1] == 1:
            answers = answers.squeeze(axis=1)
        return answers
