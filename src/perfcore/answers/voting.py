"""scikit-learn's VotingClassifier and VotingRegressor: sklearn/ensemble/_voting.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import Asked
from .sklearn import check_rows


@dataclass(frozen=True, eq=False)
class VotingAnswers:
    """Of a vote among classifiers: soft, by their probabilities; hard, by the classes that they choose."""

    labels: np.ndarray  # members know a class by its place among these
    n_members: int
    weights: np.ndarray | None
    soft: bool

    kind = "classifier"
    n_targets = 1

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    @property
    def methods(self) -> tuple[str, ...]:
        return ("predict", "predict_proba") if self.soft else ("predict",)

    def predict(self, asked: Asked) -> np.ndarray:
        codes = np.argmax(self.predict_proba(asked), axis=1) if self.soft else self._most_votes(asked)
        return np.take(self.labels, codes, axis=0)

    def predict_proba(self, asked: Asked) -> np.ndarray:
        probas = np.asarray([asked(i, "predict_proba") for i in range(self.n_members)])
        check_rows(probas[0])
        return np.average(probas, axis=0, weights=self.weights)

    def _most_votes(self, asked: Asked) -> np.ndarray:
        """np.argmax(np.bincount(row, weights)) of each row; as bincount, by adding member after member."""
        votes = np.asarray([asked(i, "predict") for i in range(self.n_members)])
        check_rows(votes[0])
        if votes.ndim != 2:  # CatBoost's answers of several classes
            raise ValueError(f"votes of shape {votes.shape[1:]}, not one a row")
        rows = np.arange(votes.shape[1])
        counts = np.zeros((votes.shape[1], len(self.labels)))
        for i, chosen in enumerate(votes):
            counts[rows, chosen] += 1.0 if self.weights is None else self.weights[i]
        return np.argmax(counts, axis=1)


@dataclass(frozen=True, eq=False)
class AveragingAnswers:
    """Of a vote among regressors: the weighted mean."""

    n_members: int
    weights: np.ndarray | None

    kind = "regressor"
    classes = None
    methods = ("predict",)
    n_targets = 1

    def predict(self, asked: Asked) -> np.ndarray:
        answers = np.asarray([asked(i, "predict") for i in range(self.n_members)]).T
        check_rows(answers)
        return np.average(answers, axis=1, weights=self.weights)
