"""scikit-learn's OneVsRestClassifier and OneVsOneClassifier: sklearn/multiclass.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ModelFormatError
from . import Asked
from .sklearn import check_rows


def binary_scores(asks: str, answer: np.ndarray) -> np.ndarray:
    """_predict_binary."""
    if asks == "predict":
        return answer
    return np.ravel(answer) if asks == "decision_function" else of_second_class(answer)


def of_second_class(proba: np.ndarray) -> np.ndarray:
    if proba.shape[1] == 0:  # XGBoost 3.4's of a table without rows
        check_rows(proba)
    return proba[:, 1]


@dataclass(frozen=True, eq=False)
class OneVsRestAnswers:
    """Of one member a class; some of them may be constants, for classes that all or none of the rows had."""

    labels: np.ndarray
    members: tuple[int, ...]  # for each class, its member, or ~place of its constant
    constants: tuple[np.ndarray, ...]  # one number each
    asks: tuple[str, ...]  # for each class the method that _predict_binary takes
    target: str  # "binary", "multiclass" or "multilabel-indicator"
    threshold: float  # above it a class that is not held against others is chosen
    methods: tuple[str, ...]
    last_wins: bool = False  # of equal scores the last counts, as before scikit-learn 1.8
    divides_zeros: bool = False  # probabilities that are all zero become NaN, as before scikit-learn 1.7

    kind = "classifier"

    def __post_init__(self) -> None:
        if len(self.labels) < len(self.members):
            raise ModelFormatError(f"one versus rest: {len(self.labels)} classes, {len(self.members)} members")

    @property
    def n_targets(self) -> int:
        return len(self.members) if self.target == "multilabel-indicator" else 1

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    def _ask(self, asked: Asked, place: int, method: str) -> np.ndarray:
        member = self.members[place]
        if member >= 0:
            return asked(member, method)
        first = asked(0, self.asks[self.members.index(0)])
        check_rows(first)
        constant = self.constants[~member]
        if method != "predict_proba":
            return np.repeat(constant, len(first))
        proba = constant.astype(np.float64)
        return np.repeat([np.hstack([1 - proba, proba])], len(first), axis=0)

    def _scores(self, asked: Asked, place: int) -> np.ndarray:
        return binary_scores(self.asks[place], self._ask(asked, place, self.asks[place]))

    def predict(self, asked: Asked) -> np.ndarray:
        n_classes = len(self.members)
        if self.target != "multiclass":
            chosen = [self._scores(asked, place) > self.threshold for place in range(n_classes)]
            indicator = np.array(chosen).T.astype(int, order="C")
            return indicator if self.target != "binary" else self.labels[indicator.ravel()]
        scores = self._scores(asked, n_classes - 1)
        maxima = np.full(len(scores), -np.inf)
        classes = np.zeros(len(scores), int)
        for place in range(n_classes) if self.last_wins else range(n_classes - 1, -1, -1):
            scores = self._scores(asked, place)
            np.maximum(maxima, scores, out=maxima)
            classes[maxima == scores] = place
        return self.labels[classes]

    def predict_proba(self, asked: Asked) -> np.ndarray:
        proba = np.array(
            [of_second_class(self._ask(asked, place, "predict_proba")) for place in range(len(self.members))]
        ).T
        if len(self.members) == 1:
            proba = np.concatenate(((1 - proba), proba), axis=1)
        if self.target != "multilabel-indicator":
            total = np.sum(proba, axis=1)[:, np.newaxis]
            np.divide(proba, total, out=proba, where=self.divides_zeros | (total != 0))
        return proba

    def decision_function(self, asked: Asked) -> np.ndarray:
        if len(self.members) == 1:
            return self._ask(asked, 0, "decision_function")
        places = range(len(self.members))
        return np.array([self._ask(asked, place, "decision_function").ravel() for place in places]).T


@dataclass(frozen=True, eq=False)
class OneVsOneAnswers:
    """Of one member a pair of classes."""

    labels: np.ndarray
    asks: tuple[str, ...]  # for each pair the method that _predict_binary takes
    threshold: float  # of two classes

    kind = "classifier"
    methods = ("predict", "decision_function")
    n_targets = 1

    def __post_init__(self) -> None:
        if len(self.asks) != len(self.labels) * (len(self.labels) - 1) // 2:
            raise ModelFormatError(f"one versus one: {len(self.asks)} members for {len(self.labels)} classes")

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    def decision_function(self, asked: Asked) -> np.ndarray:
        """OneVsOneClassifier.decision_function and _ovr_decision_function."""
        table, n_classes = asked.table, len(self.labels)
        pairs = range(len(self.asks))
        predictions = np.vstack([asked(pair, "predict") for pair in pairs]).T
        scores = np.vstack([binary_scores(self.asks[pair], asked(pair, self.asks[pair])) for pair in pairs]).T
        votes, confidences = np.zeros((2, len(table), n_classes))
        pair = 0
        for i in range(n_classes):
            for j in range(i + 1, n_classes):
                confidences[:, i] -= scores[:, pair]
                confidences[:, j] += scores[:, pair]
                votes[predictions[:, pair] == 0, i] += 1
                votes[predictions[:, pair] == 1, j] += 1
                pair += 1
        decision = votes + confidences / (3 * (np.abs(confidences) + 1))
        return decision[:, 1] if n_classes == 2 else decision

    def predict(self, asked: Asked) -> np.ndarray:
        decision = self.decision_function(asked)
        if len(self.labels) == 2:
            return self.labels[(decision > self.threshold).astype(int)]
        return self.labels[decision.argmax(axis=1)]
