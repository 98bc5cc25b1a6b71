"""What naive Bayes and quadratic discriminant analysis make of each class's log of density and prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .sklearn import argmax_class


@dataclass(frozen=True, eq=False)
class BayesAnswers:
    """Naive Bayes: the logarithm comes first, and probabilities are its exponential."""

    labels: np.ndarray
    splits_largest: bool = True  # as scikit-learn's _logsumexp since 1.8 and scipy's since 1.15

    @property
    def kind(self) -> str:
        return "classifier"

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    @property
    def methods(self) -> tuple[str, ...]:
        return ("predict", "predict_proba", "predict_log_proba")

    def raw(self, margins: np.ndarray) -> np.ndarray:
        return margins

    def predict(self, margins: np.ndarray) -> np.ndarray:
        return argmax_class(self.labels, margins)

    def predict_log_proba(self, margins: np.ndarray) -> np.ndarray:
        total = (logsumexp if self.splits_largest else plain_logsumexp)(margins)
        return margins - np.atleast_2d(total).T

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        return np.exp(self.predict_log_proba(margins))


@dataclass(frozen=True, eq=False)
class DiscriminantAnswers:
    """QuadraticDiscriminantAnalysis, by sklearn.discriminant_analysis.DiscriminantAnalysisPredictionMixin."""

    labels: np.ndarray

    @property
    def kind(self) -> str:
        return "classifier"

    @property
    def classes(self) -> np.ndarray:
        return self.labels

    @property
    def methods(self) -> tuple[str, ...]:
        return ("predict", "predict_proba", "predict_log_proba", "decision_function")

    def raw(self, margins: np.ndarray) -> np.ndarray:
        return margins

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        return margins[:, 1] - margins[:, 0] if len(self.labels) == 2 else margins

    def predict(self, margins: np.ndarray) -> np.ndarray:
        return argmax_class(self.labels, margins)

    def predict_log_proba(self, margins: np.ndarray) -> np.ndarray:
        likelihood = margins - margins.max(axis=1)[:, np.newaxis]
        return likelihood - np.log(np.exp(likelihood).sum(axis=1)[:, np.newaxis])

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        return np.exp(self.predict_log_proba(margins))


def logsumexp(array: np.ndarray) -> np.ndarray:
    """sklearn.utils._array_api._logsumexp(array, axis=1): the largest of a row is no part of the sum."""
    largest = np.max(array, axis=1, keepdims=True)
    is_largest = array == largest
    array = np.array(array)
    array[is_largest] = -np.inf
    count = np.sum(is_largest.astype(array.dtype), axis=1, keepdims=True, dtype=array.dtype)
    rest = np.exp(array - np.where(np.isfinite(largest), largest, 0))
    total = np.sum(rest, axis=1, keepdims=True, dtype=rest.dtype)
    total = np.where(total == 0, total, total / count)
    return np.squeeze(np.log1p(total) + np.log(count) + largest, axis=1)


def plain_logsumexp(array: np.ndarray) -> np.ndarray:
    """scipy.special.logsumexp(array, axis=1) before scipy 1.15."""
    largest = np.amax(array, axis=1, keepdims=True)
    largest[~np.isfinite(largest)] = 0
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(array - largest), axis=1))
    total += np.squeeze(largest, axis=1)
    return total
