"""scikit-learn's CalibratedClassifierCV: sklearn/calibration.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from . import Asked
from .sklearn import check_rows, expit, softmax

EPSILON = 1e-12  # _convert_to_logits


@dataclass(frozen=True, eq=False)
class Sigmoid:
    """_SigmoidCalibration."""

    slope: np.ndarray  # one number each, in the source's dtype
    intercept: np.ndarray

    def __call__(self, margins: np.ndarray) -> np.ndarray:
        return expit(-(self.slope[0] * margins + self.intercept[0]))


@dataclass(frozen=True, eq=False)
class Isotonic:
    """IsotonicRegression that clips: numpy's interpolation for doubles, scipy's interp1d for other numbers."""

    x: np.ndarray  # rising
    y: np.ndarray
    weighs_ends: bool = False  # since scipy 1.18, interp1d takes shares of both ends instead of a slope

    def __call__(self, margins: np.ndarray) -> np.ndarray:
        margins = margins.astype(self.x.dtype, copy=False)
        _check_finite(margins)
        margins = np.clip(margins, self.x[0], self.x[-1])
        if len(self.y) == 1:
            return self.y.repeat(margins.shape).astype(margins.dtype)
        if self.x.dtype == self.y.dtype == np.float64:
            return np.interp(margins, self.x, self.y)
        # scipy/interpolate/_interpolate.py, interp1d._call_linear
        above = np.searchsorted(self.x, margins).clip(1, len(self.x) - 1)
        below = above - 1
        if self.weighs_ends:
            span = self.x[above] - self.x[below]
            share_above, share_below = (margins - self.x[below]) / span, (self.x[above] - margins) / span
            return (share_above * self.y[above] + share_below * self.y[below]).astype(margins.dtype)
        slope = (self.y[above] - self.y[below]) / (self.x[above] - self.x[below])
        return (slope * (margins - self.x[below]) + self.y[below]).astype(margins.dtype)


@dataclass(frozen=True, eq=False)
class Temperature:
    """_TemperatureScaling, which looks at the whole table to tell probabilities from margins."""

    beta: np.ndarray  # one number, in the source's dtype

    def __call__(self, margins: np.ndarray) -> np.ndarray:
        if margins.dtype not in (np.float32, np.float64):
            margins = margins.astype(np.float64)
        _check_finite(margins)
        if margins.shape[1] == 1:
            logits = np.concat([-margins, margins], axis=1)
        elif np.all((margins >= 0) & (margins <= 1)) and np.all(
            np.isclose(np.sum(margins, axis=1), np.asarray(1.0, dtype=margins.dtype))
        ):
            logits = np.log(margins + EPSILON)
        else:
            logits = margins
        return softmax(self.beta[0] * logits)


def _check_finite(margins: np.ndarray) -> None:
    check_rows(margins)
    if not np.isfinite(margins).all():
        raise InputError("a member's answers to be calibrated contain NaN or infinity")


@dataclass(frozen=True, eq=False)
class Calibrated:
    """_CalibratedClassifier: a member's margins, or its probabilities, and what corrects them."""

    asks: str  # "decision_function" or "predict_proba" of the member
    picks_second: bool  # whether the member knows two classes, and of their probabilities the second's are taken
    columns: tuple[int, ...]  # the places of its classes among all
    calibrators: tuple[Sigmoid | Isotonic | Temperature, ...]

    def proba(self, answer: np.ndarray, n_classes: int) -> np.ndarray:
        margins = answer[:, 1] if self.picks_second else answer
        if margins.ndim == 1:
            margins = margins.reshape(-1, 1)
        if isinstance(self.calibrators[0], Temperature):
            if n_classes == 2 and margins.shape[1] == 1 and self.picks_second:
                margins = np.concat([1 - margins, margins], axis=1)
            proba = self.calibrators[0](margins)
        else:
            proba = self._each_class(margins, n_classes)
        proba[(1.0 < proba) & (proba <= 1.0 + 1e-5)] = 1.0
        return proba

    def _each_class(self, margins: np.ndarray, n_classes: int) -> np.ndarray:
        proba = np.zeros((len(margins), n_classes))
        for column, cells, calibrator in zip(self.columns, margins.T, self.calibrators, strict=False):
            proba[:, column + 1 if n_classes == 2 else column] = calibrator(cells)
        if n_classes == 2:
            proba[:, 0] = 1.0 - proba[:, 1]
            return proba
        total = np.sum(proba, axis=1)[:, np.newaxis]
        return np.divide(proba, total, out=np.full_like(proba, 1 / n_classes), where=total != 0)


@dataclass(frozen=True, eq=False)
class CalibratedAnswers:
    """Of classifiers, each with its own calibration: the mean of their probabilities."""

    labels: np.ndarray
    calibrated: tuple[Calibrated, ...]  # one a member

    kind = "classifier"
    methods = ("predict", "predict_proba")
    n_targets = 1

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    def predict_proba(self, asked: Asked) -> np.ndarray:
        answers = [asked(i, each.asks) for i, each in enumerate(self.calibrated)]
        mean = np.zeros((len(answers[0]), len(self.labels)))
        for each, answer in zip(self.calibrated, answers, strict=True):
            mean += each.proba(answer, len(self.labels))
        mean /= len(self.calibrated)
        return mean

    def predict(self, asked: Asked) -> np.ndarray:
        return self.labels[np.argmax(self.predict_proba(asked), axis=1)]
