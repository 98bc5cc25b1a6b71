"""scikit-learn's Bagging* and AdaBoost* over members that are not fused to one forest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import Asked
from .sklearn import argmax_class
from .sklearn_ensembles import MedianAnswers, Votes


@dataclass(frozen=True, eq=False)
class BaggingAnswers:
    """Of members that get some of the columns each: sklearn/ensemble/_bagging.py, as of one job."""

    labels: np.ndarray | None  # the classes, which members know by their places; None: a regressor
    features: tuple[np.ndarray, ...]  # the columns of each member
    codes: tuple[np.ndarray, ...]  # the classes that each member knows
    votes: tuple[bool, ...]  # whether a member, having no probabilities, votes for a class
    n_targets: int
    methods: tuple[str, ...]

    @property
    def kind(self) -> str:
        return "regressor" if self.labels is None else "classifier"

    @property
    def classes(self) -> np.ndarray | None:
        return self.labels

    def _mean(self, asked: Asked, method: str) -> np.ndarray:
        table, total = asked.table, 0
        for i, columns in enumerate(self.features):
            total = total + asked.about(i, method, table[:, columns])
        return np.true_divide(total, len(self.features))

    def predict(self, asked: Asked) -> np.ndarray:
        if self.labels is None:
            return self._mean(asked, "predict")
        return argmax_class(self.labels, self.predict_proba(asked))

    def predict_proba(self, asked: Asked) -> np.ndarray:
        """_parallel_predict_proba."""
        table = asked.table
        proba = np.zeros((len(table), len(self.labels)))
        for i, columns in enumerate(self.features):
            if self.votes[i]:
                proba[np.arange(len(table)), asked.about(i, "predict", table[:, columns])] += 1
            elif len(self.codes[i]) == len(self.labels):
                proba += asked.about(i, "predict_proba", table[:, columns])
            else:
                proba[:, self.codes[i]] += asked.about(i, "predict_proba", table[:, columns])
        return proba / len(self.features)

    def decision_function(self, asked: Asked) -> np.ndarray:
        return self._mean(asked, "decision_function")


@dataclass(frozen=True, eq=False)
class BoostedVoteAnswers(Votes):
    """AdaBoostClassifier: sklearn/ensemble/_weight_boosting.py."""

    labels: np.ndarray
    n_members: int
    weights: np.ndarray  # of the members, and more

    n_targets = 1

    def decision_function(self, asked: Asked) -> np.ndarray:
        n_classes, classes = len(self.labels), self.labels[:, np.newaxis]
        decision = sum(
            np.where((asked(i, "predict") == classes).T, self.weights[i], -1 / (n_classes - 1) * self.weights[i])
            for i in range(self.n_members)
        )
        decision /= self.weights.sum()
        if n_classes == 2:
            decision[:, 0] *= -1
            return decision.sum(axis=1)
        return decision


@dataclass(frozen=True, eq=False)
class BoostedMedianAnswers:
    """AdaBoostRegressor: the weighted median."""

    weights: np.ndarray  # of the members

    kind = "regressor"
    classes = None
    methods = ("predict",)
    n_targets = 1

    def predict(self, asked: Asked) -> np.ndarray:
        answers = np.array([asked(i, "predict") for i in range(len(self.weights))]).T
        return MedianAnswers(self.weights).predict(answers)
