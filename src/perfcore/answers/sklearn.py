"""What scikit-learn's methods make of margins, by the very numpy calls that they make, in the same layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._ext import links
from ..errors import InputError
from . import Steps


def check_rows(answers: np.ndarray) -> None:
    """Refuse members' answers to a table without rows, where the source makes nothing of them."""
    if not len(answers):
        raise InputError("found 0 rows; at least one is needed")


def expit(x: np.ndarray) -> np.ndarray:
    """scipy.special.expit of a contiguous array, in place: libm's exp or expf, one value at a time."""
    column = x.reshape(-1, 1)
    if x.dtype == np.float64:
        links.expit(column)
        return x
    if x.dtype != np.float32:
        raise InputError(f"probabilities of {x.dtype} margins are not supported; convert the table to float64")
    np.negative(column, out=column)
    links.exp_f32(column)
    column += np.float32(1)
    return np.divide(np.float32(1), x, out=x)


def softmax(x: np.ndarray) -> np.ndarray:
    """sklearn.utils.extmath.softmax, in place; the sum's order, so its bits, follow the layout of ``x``."""
    x -= np.maximum.reduce(x, axis=1, keepdims=True)  # np.max and np.sum are these and 2 µs of Python each
    np.exp(x, out=x)
    x /= np.add.reduce(x, axis=1, keepdims=True)
    return x


def both_classes(positive: np.ndarray) -> np.ndarray:
    """(n_rows, 2) of the second class's probabilities: scikit-learn's HalfBinomialLoss.predict_proba."""
    proba = np.empty((len(positive), 2), positive.dtype)
    proba[:, 1] = positive
    proba[:, 0] = 1 - proba[:, 1]
    return proba


def argmax_class(classes: np.ndarray, proba: np.ndarray) -> np.ndarray:
    return classes.take(np.argmax(proba, axis=1), axis=0)


class LogOfProba:
    """``predict_log_proba`` as most of scikit-learn's classifiers have it: numpy's logarithm, warnings and all."""

    def predict_log_proba(self, margins: np.ndarray) -> np.ndarray | list[np.ndarray]:
        proba = self.predict_proba(margins)  # type: ignore[attr-defined]
        return [np.log(each) for each in proba] if isinstance(proba, list) else np.log(proba)


@dataclass(frozen=True, eq=False)
class TreeAnswers(LogOfProba):
    """A decision tree or a forest of them: margins are sums of leaf values, one column an output or class."""

    labels: tuple[np.ndarray, ...]  # the classes of each output; empty for a regressor
    n_averaged: int | None  # the trees that a forest divides by; None: one tree, not divided
    is_bagging: bool = False  # which has no apply, and whose predict_log_proba is a sum of logarithms

    @property
    def kind(self) -> str:
        return "classifier" if self.labels else "regressor"

    @property
    def classes(self) -> np.ndarray | list[np.ndarray] | None:
        return list(self.labels) if len(self.labels) > 1 else self.labels[0] if self.labels else None

    @property
    def methods(self) -> tuple[str, ...]:
        own = ("predict", "predict_proba") if self.labels else ("predict",)
        if self.is_bagging:
            return own
        return (*own, "predict_log_proba", "apply") if self.labels else (*own, "apply")

    def raw(self, margins: np.ndarray) -> np.ndarray:
        if self.n_averaged is not None:
            margins /= self.n_averaged
        return margins if margins.shape[1] > 1 or self.labels else margins.ravel()

    def predict(self, margins: np.ndarray) -> np.ndarray:
        if not self.labels:
            return self.raw(margins)
        proba = self.predict_proba(margins)
        if len(self.labels) == 1:
            return argmax_class(self.labels[0], proba)
        # In the first output's dtype, as ForestClassifier.predict: longer strings of other outputs are cut.
        answer = np.zeros((len(margins), len(self.labels)), self.labels[0].dtype)
        for k, classes in enumerate(self.labels):
            answer[:, k] = argmax_class(classes, proba[k])
        return answer

    def predict_proba(self, margins: np.ndarray) -> np.ndarray | list[np.ndarray]:
        proba = self.raw(margins)
        if len(self.labels) == 1:
            return proba
        return np.split(proba, np.cumsum([len(classes) for classes in self.labels])[:-1], axis=1)

    def steps(self, method: str, n_outputs: int) -> Steps | None:
        if len(self.labels) > 1:
            return None
        averaged = Steps(divisor=self.n_averaged or 0, keeps_column=bool(self.labels))
        if method == "predict" and self.labels:
            return averaged._replace(choice="argmax", labels=self.labels[0])
        return averaged

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        raise AttributeError("trees have no decision_function")

    def leaves(self, labels: np.ndarray) -> np.ndarray:
        # BaseForest.apply transposes an array of a row a tree.
        return labels.astype(np.intp, "F") if self.n_averaged is not None else labels[:, 0].astype(np.intp)


@dataclass(frozen=True, eq=False)
class BoostingAnswers(LogOfProba):
    """GradientBoosting* and HistGradientBoosting*: margins are raw predictions."""

    labels: np.ndarray | None  # the classes; None for a regressor
    link: str  # the loss's: identity, log, logit, half_logit or multinomial_logit
    is_histogram: bool
    trees_per_iteration: int

    @property
    def kind(self) -> str:
        return "regressor" if self.labels is None else "classifier"

    @property
    def classes(self) -> np.ndarray | None:
        return self.labels

    @property
    def methods(self) -> tuple[str, ...]:
        own = ("predict",) if self.labels is None else ("predict", "predict_proba", "decision_function")
        if self.is_histogram:
            return own
        return (*own, "apply") if self.labels is None else (*own, "predict_log_proba", "apply")

    def raw(self, margins: np.ndarray) -> np.ndarray:
        if margins.shape[1] == 1:
            return margins.ravel()
        return np.asfortranarray(margins) if self.is_histogram else margins

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        return self.raw(margins)

    def predict(self, margins: np.ndarray) -> np.ndarray:
        raw = self.raw(margins)
        if self.labels is None:
            return np.exp(raw) if self.link == "log" else raw
        if raw.ndim == 2:
            return self.labels[np.argmax(raw, axis=1)]
        # A margin of zero is the first class for the histogram kind, the second for the other.
        return self.labels[(raw > 0 if self.is_histogram else raw >= 0).astype(int)]

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        raw = self.raw(margins)
        if self.link == "multinomial_logit":
            return softmax(raw)
        return both_classes(expit(2 * raw if self.link == "half_logit" else raw))

    def steps(self, method: str, n_outputs: int) -> Steps | None:
        if method == "predict_proba":  # but for libm's expit, numpy's own functions
            return Steps("expit", both="rows") if self.link == "logit" and n_outputs == 1 else None
        if self.labels is None:
            return Steps() if self.link != "log" and n_outputs == 1 else None
        if n_outputs > 1:
            return Steps(choice="argmax", labels=self.labels)
        return Steps(choice="above" if self.is_histogram else "from", labels=self.labels)

    def leaves(self, labels: np.ndarray) -> np.ndarray:
        leaves = labels.astype(np.float64)  # BaseGradientBoosting.apply writes into np.zeros
        return leaves if self.labels is None else leaves.reshape(len(labels), -1, self.trees_per_iteration)
