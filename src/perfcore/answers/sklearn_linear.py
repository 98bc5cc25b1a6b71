"""What scikit-learn's linear models make of ``X @ coef.T + intercept``, in the shape that numpy gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from .sklearn import LogOfProba, both_classes, expit, softmax

# The inverse link of a regressor.
IDENTITY: Final = "identity"
EXP: Final = "exp"

# How a classifier makes probabilities of its scores; a single score is that of the second of two classes.
SOFTMAX: Final = "softmax"  # a logistic of one score, a softmax of several
PAIR: Final = "pair"  # one score s: a softmax of -s and s
ONE_VS_REST: Final = "one_vs_rest"  # logistics, divided by their sum
CLIPPED: Final = "clipped"  # (score + 1) / 2, from 0 to 1, divided by their sum

Probability = Literal["softmax", "pair", "one_vs_rest", "clipped"]


@dataclass(frozen=True, eq=False)
class LinearAnswers(LogOfProba):
    labels: np.ndarray | None  # the classes; None for a regressor
    probability: Probability | None = SOFTMAX  # of a classifier; None: it has no predict_proba
    link: Literal["identity", "exp"] = IDENTITY  # of a regressor
    flat: bool = False  # a regressor's answer of one column is 1-D
    spreads_zeros: bool = False  # one-vs-rest scores that are all zero make equal probabilities, not NaN
    floors_log: bool = False  # logarithms of zero are those of the least normal number
    is_multilabel: bool = False  # the answer is a 0 or a 1 for each class

    @property
    def kind(self) -> str:
        return "regressor" if self.labels is None else "classifier"

    @property
    def classes(self) -> np.ndarray | None:
        return self.labels

    @property
    def methods(self) -> tuple[str, ...]:
        if self.labels is None:
            return ("predict",)
        proba = () if self.probability is None else ("predict_proba", "predict_log_proba")
        return ("predict", "decision_function", *proba)

    def raw(self, margins: np.ndarray) -> np.ndarray:
        if (self.labels is not None or self.flat) and margins.ndim == 2 and margins.shape[1] == 1:
            return margins.reshape(-1)
        return margins

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        return self.raw(margins)

    def predict(self, margins: np.ndarray) -> np.ndarray:
        raw = self.raw(margins)
        if self.labels is None:
            return np.exp(raw) if self.link == EXP else raw
        if self.is_multilabel:
            return (raw > 0).astype(int)
        codes = raw > 0 if raw.ndim == 1 else raw.argmax(axis=1)
        return self.labels.take(codes, axis=0)

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        raw = self.raw(margins)
        if self.probability == CLIPPED:
            return self._clipped(raw)
        if self.probability == PAIR:
            return softmax(np.c_[-raw, raw])
        if raw.ndim == 1:
            return both_classes(expit(raw))
        if self.probability == SOFTMAX:
            return softmax(raw)
        return _shares(expit(raw), self.spreads_zeros)

    def _clipped(self, raw: np.ndarray) -> np.ndarray:
        """SGDClassifier.predict_proba of the loss "modified_huber"."""
        both = np.ones((len(raw), 2)) if raw.ndim == 1 else None
        proba = raw if both is None else both[:, 1]
        np.clip(raw, -1, 1, proba)
        proba += 1.0
        proba /= 2.0
        if both is None:
            return _shares(proba, spreads_zeros=True)
        both[:, 0] -= proba
        return both

    def predict_log_proba(self, margins: np.ndarray) -> np.ndarray:
        if not self.floors_log:
            return super().predict_log_proba(margins)  # type: ignore[return-value]
        proba = self.predict_proba(margins)
        proba[proba == 0.0] += np.finfo(proba.dtype).smallest_normal
        return np.log(proba)


@dataclass(frozen=True, eq=False)
class OneClassAnswers:
    """SGDOneClassSVM: margins are ``X @ coef.T - offset``."""

    offset: np.ndarray

    kind = "outlier_detector"
    classes = None
    methods = ("predict", "decision_function", "score_samples")

    def raw(self, margins: np.ndarray) -> np.ndarray:
        return margins.ravel()

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        return self.raw(margins)

    def score_samples(self, margins: np.ndarray) -> np.ndarray:
        return self.raw(margins) + self.offset

    def predict(self, margins: np.ndarray) -> np.ndarray:
        is_inlier = (self.raw(margins) >= 0).astype(np.int32)
        is_inlier[is_inlier == 0] = -1
        return is_inlier


def _shares(proba: np.ndarray, spreads_zeros: bool) -> np.ndarray:
    """Each class's probability among those of its row: LinearClassifierMixin._predict_proba_lr."""
    total = proba.sum(axis=1)
    zero = total == 0
    if spreads_zeros and np.any(zero):
        proba[zero, :] = 1
        total[zero] = proba.shape[1]
    proba /= total.reshape((len(proba), -1))
    return proba
