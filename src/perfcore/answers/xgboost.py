"""What XGBoost's Booster and estimators make of margins: objectives' transforms, shapes and dtypes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._ext import links
from ..errors import InputError
from . import Steps

# The transform of each objective, ObjFunction::PredTransform, and of its base score, ProbToMargin.
IDENTITY, SIGMOID, EXP, EXP_IN_DOUBLE, HINGE = "identity", "sigmoid", "exp", "exp_in_double", "hinge"
SOFTMAX, ARGMAX, ASCENDING = "softmax", "argmax", "ascending"

# Those that change margins in place, as functions of `perfcore._ext.links`.
FUNCTIONS = {
    SIGMOID: "sigmoid_f32",
    EXP: "exp_f32",
    EXP_IN_DOUBLE: "exp_f64_of_f32",
    HINGE: "hinge_f32",
    SOFTMAX: "softmax_f32",
    ASCENDING: "sort_rows_f32",
}

LINKS = {
    "reg:squarederror": IDENTITY,
    "reg:linear": IDENTITY,
    "reg:squaredlogerror": IDENTITY,
    "reg:pseudohubererror": IDENTITY,
    "reg:absoluteerror": IDENTITY,
    "reg:quantileerror": ASCENDING,
    "reg:expectileerror": IDENTITY,
    "binary:logitraw": IDENTITY,
    "rank:pairwise": IDENTITY,
    "rank:ndcg": IDENTITY,
    "rank:map": IDENTITY,
    "reg:logistic": SIGMOID,
    "binary:logistic": SIGMOID,
    "reg:gamma": EXP,
    "reg:tweedie": EXP,
    "count:poisson": EXP,
    "survival:cox": EXP,
    "survival:aft": EXP_IN_DOUBLE,
    "binary:hinge": HINGE,
    "multi:softprob": SOFTMAX,
    "multi:softmax": ARGMAX,
}


@dataclass(frozen=True, eq=False)
class XGBoostAnswers:
    """Answers of ``Booster.predict``, and of the estimators that hand them on."""

    link: str
    empty_dimensions: int  # zero rows: (0,) before 3.4, (0, 0) since
    kind: str | None = None
    classes: np.ndarray | None = None
    methods: tuple[str, ...] = ("predict", "apply")

    def predict(self, margins: np.ndarray) -> np.ndarray:
        return self._shaped(self._linked(margins))

    def raw(self, margins: np.ndarray) -> np.ndarray:
        """As ``predict(output_margin=True)``."""
        return self._shaped(margins)

    def leaves(self, labels: np.ndarray) -> np.ndarray:
        """As ``predict(pred_leaf=True)``: node numbers as float32, one column a tree, none for a single tree."""
        return self._shaped(labels.astype(np.float32))

    def steps(self, method: str, n_outputs: int) -> Steps | None:
        if self.link == ARGMAX:
            return Steps(choice="max_element", labels=np.arange(n_outputs, dtype=np.float32))
        return Steps(FUNCTIONS.get(self.link, IDENTITY))

    def _linked(self, margins: np.ndarray) -> np.ndarray:
        if self.link == ARGMAX:
            labels = np.empty(len(margins), np.float32)
            links.argmax_f32(margins, labels)
            return labels[:, None]
        if self.link != IDENTITY:
            getattr(links, FUNCTIONS[self.link])(margins)
        return margins

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        """c_api_utils.h CalcPredictShape without strict_shape."""
        if values.size == 0:
            if self.empty_dimensions == 1:
                return np.empty(0, np.float32)
            return np.empty((len(values), 0), np.float32)
        return values[:, 0] if values.shape[1] == 1 else values


@dataclass(frozen=True, eq=False)
class XGBClassifierAnswers(XGBoostAnswers):
    """``XGBClassifier.predict`` and ``predict_proba`` over the Booster's answer."""

    n_classes: int = 2
    objective: str = "binary:logistic"  # the estimator's own, which may be a custom one over identity

    def predict(self, margins: np.ndarray) -> np.ndarray:
        scores = super().predict(margins)
        if scores.ndim > 1 and self.n_classes != 2:
            return _along_classes(np.argmax, scores)
        if scores.ndim > 1 and scores.shape[1] != 1:  # several labels at once
            return (scores > 0.5).astype(np.float64)
        if self.objective == "multi:softmax":
            return scores.astype(np.int32)
        return (scores > 0.5).astype(np.int64)

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        if self.objective == "multi:softmax":
            return _softmax(self.raw(margins))
        scores = super().predict(margins)
        if scores.ndim == 2 and (scores.shape[1] == self.n_classes or self.n_classes == 2 <= scores.shape[1]):
            return scores
        return np.vstack((1.0 - scores, scores)).transpose()

    def steps(self, method: str, n_outputs: int) -> Steps | None:
        if self.link == ARGMAX or self.objective == "multi:softmax":
            if method == "predict" and self.link == ARGMAX and self.objective == "multi:softmax":
                return Steps(choice="max_element", labels=np.arange(n_outputs, dtype=np.int32))
            return None
        scores = Steps(FUNCTIONS.get(self.link, IDENTITY))
        if n_outputs == 1:
            if method == "predict":
                return scores._replace(choice="above", threshold=0.5, labels=np.arange(2, dtype=np.int64))
            return scores._replace(both="columns")
        if method == "predict":
            labels = np.arange(n_outputs, dtype=np.intp)
            return None if self.n_classes == 2 else scores._replace(choice="argmax", labels=labels)
        return scores if n_outputs == self.n_classes or self.n_classes == 2 else None


def _softmax(margins: np.ndarray) -> np.ndarray:
    """scipy.special.softmax(margins, axis=1), in numpy's own exp."""
    shifted = np.exp(margins - _along_classes(np.amax, margins, keepdims=True))
    return shifted / np.sum(shifted, axis=1, keepdims=True)


def _along_classes(reduce, scores: np.ndarray, **options) -> np.ndarray:
    try:
        return reduce(scores, axis=1, **options)
    except ValueError as error:  # numpy's AxisError is one: xgboost hands out no classes for zero rows
        raise InputError(f"xgboost's classifier cannot answer a table of zero rows: {error}") from error
