"""What IsolationForest and AdaBoost* make of their trees' answers, by the very numpy calls that they make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Steps
from .sklearn import LogOfProba, argmax_class, softmax

MEDIAN_ROWS = 256  # rows that are sorted at a time: of 50 trees, what that takes stays in the second-level cache


@dataclass(frozen=True, eq=False)
class IsolationAnswers:
    """IsolationForest: margins are sums of path lengths."""

    denominator: float  # the path length of an average sample, times the trees; 0: trained on one sample
    offset: float

    @property
    def kind(self) -> str:
        return "outlier_detector"

    @property
    def classes(self) -> None:
        return None

    @property
    def methods(self) -> tuple[str, ...]:
        return ("predict", "decision_function", "score_samples")

    def raw(self, margins: np.ndarray) -> np.ndarray:
        return margins.reshape(len(margins))

    def score_samples(self, margins: np.ndarray) -> np.ndarray:
        depths = self.raw(margins)
        shares = depths / self.denominator if self.denominator != 0 else np.ones_like(depths)
        return -(2**-shares)

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        return self.score_samples(margins) - self.offset

    def predict(self, margins: np.ndarray) -> np.ndarray:
        decision = self.decision_function(margins)
        is_inlier = np.ones_like(decision, dtype=int)
        is_inlier[decision < 0] = -1
        return is_inlier


class Votes(LogOfProba, ABC):
    """AdaBoostClassifier, however it comes to its ``decision_function``."""

    labels: np.ndarray

    kind = "classifier"
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    @abstractmethod
    def decision_function(self, margins: Any) -> np.ndarray:
        """(n_rows,) of two classes, else (n_rows, n_classes)."""

    def predict(self, margins: Any) -> np.ndarray:
        decision = self.decision_function(margins)
        if decision.ndim == 1:
            return self.labels.take(decision > 0, axis=0)
        return argmax_class(self.labels, decision)

    def predict_proba(self, margins: Any) -> np.ndarray:
        decision = self.decision_function(margins)
        if decision.ndim == 1:
            return softmax(np.vstack([-decision, decision]).T / 2)
        decision /= len(self.labels) - 1
        return softmax(decision)


@dataclass(frozen=True, eq=False)
class VoteAnswers(Votes):
    """Margins are sums of votes for each class, of two classes for the second alone."""

    labels: np.ndarray
    total: float  # the sum of the estimators' weights

    def raw(self, margins: np.ndarray) -> np.ndarray:
        return self.decision_function(margins)

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        if len(self.labels) > 2:
            votes = np.asfortranarray(margins)  # the source's layout, on which the order of softmax's sum depends
            votes /= self.total
            return votes
        # The first class's votes are the second's with the other sign, which the source turns and adds: a doubling.
        share = margins.reshape(len(margins))
        share /= self.total
        share += share
        return share

    def steps(self, method: str, n_outputs: int) -> Steps | None:
        if method != "predict":
            return None
        return Steps(divisor=self.total, choice="argmax" if n_outputs > 1 else "above", labels=self.labels)


@dataclass(frozen=True, eq=False)
class MedianAnswers:
    """AdaBoostRegressor: margins are the answers of the trees, a column each; the answer is their weighted median."""

    weights: np.ndarray

    n_targets = 1  # however many columns

    @property
    def kind(self) -> str:
        return "regressor"

    @property
    def classes(self) -> None:
        return None

    @property
    def methods(self) -> tuple[str, ...]:
        return ("predict",)

    def raw(self, margins: np.ndarray) -> np.ndarray:
        return margins

    def predict(self, margins: np.ndarray) -> np.ndarray:
        blocks = [self._medians(margins[at : at + MEDIAN_ROWS]) for at in range(0, len(margins), MEDIAN_ROWS)]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _medians(self, margins: np.ndarray) -> np.ndarray:
        """AdaBoostRegressor._get_median_predict; among equal answers argsort alone knows the order of the weights."""
        order = np.argsort(margins, axis=1)
        rising = np.cumsum(self.weights[order], axis=1)
        middle = (rising >= 0.5 * rising[:, -1][:, np.newaxis]).argmax(axis=1)
        rows = np.arange(len(margins))
        return margins[rows, order[rows, middle]]
