"""What CatBoost's predict makes of raw values: scale and bias, labels, probabilities, exponents."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .._ext import links
from ..errors import ModelFormatError, UnsupportedModelError
from . import Steps

# What predict returns, CatBoost's prediction_type.
RAW, CLASS, EXPONENT, UNCERTAINTY = "raw", "class", "exponent", "uncertainty"
# How raw values become probabilities.
SIGMOID, SOFTMAX = "sigmoid", "softmax"


def by_columns(answer: np.ndarray) -> np.ndarray:
    """In the layout of CatBoost's answers, which what is made of them may depend on."""
    return np.asfortranarray(answer)


@dataclass(frozen=True, eq=False)
class CatBoostAnswers:
    """Answers of the CatBoost* estimators; margins are sums of leaves, ``scale * sum + bias`` the raw values."""

    n_outputs: int
    scale: float
    bias: np.ndarray | None  # one number an output; None: all zero
    prediction: str
    probability: str | None = None  # None: the loss knows none
    kind: str | None = None
    classes: np.ndarray | None = None
    several_labels: bool = False  # each output is a label of its own, there or not
    threshold: float = 0.0  # raw values above it are the second class
    n_declared: int = 0  # of classes, where training saw only some
    seen: np.ndarray | None = None  # int64: which of those the outputs are; None: all

    def __post_init__(self) -> None:
        if self.bias is not None and self.bias.shape != (self.n_outputs,):
            raise ModelFormatError(f"a bias of shape {self.bias.shape} for {self.n_outputs} outputs")
        if self.prediction in (EXPONENT, UNCERTAINTY) and not links.HAS_FAST_EXP:
            raise UnsupportedModelError(
                "CatBoost's exponent is an approximation of its own, which perfcore knows for x86-64 alone"
            )

    @property
    def methods(self) -> tuple[str, ...]:
        knows = self.probability == SIGMOID or (self.probability == SOFTMAX and links.HAS_FAST_EXP)
        return ("predict", "predict_proba", "predict_log_proba", "apply") if knows else ("predict", "apply")

    def from_tree(self, begin: int) -> CatBoostAnswers:
        """Of the trees from ``begin`` on: the bias belongs to the first (scale_and_bias.cpp, ApplyScaleAndBias)."""
        return self if begin == 0 else replace(self, bias=None)

    def raw(self, margins: np.ndarray) -> np.ndarray:
        """As ``predict(prediction_type="RawFormulaVal")``."""
        raw = self._raw(margins)
        return raw[:, 0] if self.n_outputs == 1 else by_columns(raw)

    def _raw(self, margins: np.ndarray) -> np.ndarray:
        if self.scale != 1.0:
            margins *= self.scale
        if self.bias is not None:
            margins += self.bias
        if self.seen is None:
            return margins
        # eval_helpers.cpp, MakeExternalApprox
        raw = np.full((len(margins), self.n_declared), -np.inf)
        raw[:, self.seen] = margins
        return raw

    def predict(self, margins: np.ndarray) -> np.ndarray:
        if self.prediction == RAW:
            return self.raw(margins)
        raw = self._raw(margins)
        if self.prediction == CLASS:
            return by_columns(self._labels(raw))
        if self.prediction == EXPONENT:
            links.fast_exp(raw.reshape(1, -1))
            return raw[:, 0]
        deviation = 2 * raw[:, 1]
        links.fast_exp(deviation[None, :])
        raw[:, 1] = deviation
        return by_columns(raw)

    def _labels(self, raw: np.ndarray) -> np.ndarray:
        """eval_helpers.cpp: of several classes the first of the largest, in a column of its own."""
        if self.several_labels:
            return (raw > self.threshold).astype(np.int64)
        if self.n_outputs > 1:
            return self.classes.take(np.argmax(raw, axis=1))[:, None]
        return self.classes.take(raw[:, 0] > self.threshold)

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        raw = self._raw(margins)
        if self.probability == SOFTMAX:
            links.fast_softmax(raw)
            return by_columns(raw)
        links.expit(raw)
        if self.n_outputs > 1:
            return by_columns(raw)
        both = np.empty((2, len(raw)))
        both[1] = raw[:, 0]
        np.subtract(1, both[1], out=both[0])
        return both.T

    def predict_log_proba(self, margins: np.ndarray) -> np.ndarray:
        """eval_processing.h, CalcLogSoftmax and CalcLogSigmoid."""
        raw = self._raw(margins)
        if self.probability == SOFTMAX:
            raw -= raw.max(axis=1, keepdims=True)
            exponents = raw.copy()
            links.fast_exp(exponents)
            return by_columns(raw - _log(sum(exponents.T))[:, None])
        if self.n_outputs == 1:
            raw = np.concatenate([-raw, raw], axis=1)
        np.negative(raw, out=raw)
        links.exp(raw)
        return by_columns(-_log(1 + raw))

    def steps(self, method: str, n_outputs: int) -> Steps | None:
        if self.scale != 1.0 or n_outputs > 1:
            return None
        raw = Steps(shift=0.0 if self.bias is None else float(self.bias[0]))
        if method == "predict_proba":
            return raw._replace(link="expit", both="columns")
        if self.prediction == CLASS:
            return raw._replace(choice="above", threshold=self.threshold, labels=self.classes)
        if self.prediction == EXPONENT:
            return raw._replace(link="fast_exp")
        return raw if self.prediction == RAW else None

    def leaves(self, labels: np.ndarray) -> np.ndarray:
        """As ``calc_leaf_indexes``."""
        return labels.astype(np.uint32)


def _log(cells: np.ndarray) -> np.ndarray:
    """libm's logarithm of cells from 1 on; numpy's own differs from it in last bits."""
    return np.fromiter(map(math.log, cells.ravel().tolist()), np.float64, cells.size).reshape(cells.shape)
