"""scikit-learn's linear models -> the canonical one: ``X @ coef_.T + intercept_`` and a small closed formula."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ..answers.sklearn_linear import (
    CLIPPED,
    EXP,
    IDENTITY,
    ONE_VS_REST,
    PAIR,
    SOFTMAX,
    LinearAnswers,
    OneClassAnswers,
    Probability,
)
from ..errors import UnsupportedModelError
from ..inputs.sklearn import LinearInputs
from ..model import Linear, Model
from .sklearn import class_labels, feature_names, installed, is_multilabel

# sklearn._loss.link
LINKS: dict[str, Literal["identity", "exp"]] = {"IdentityLink": IDENTITY, "LogLink": EXP}
SGD_PROBABILITIES: dict[str, Probability] = {"log_loss": ONE_VS_REST, "modified_huber": CLIPPED}
FIRST_THAT_SPREADS_ZEROS = (1, 9)


def read(source: Any, origin: str) -> Model:
    if hasattr(source, "inlier_mask_"):
        return _read_ransac(source, origin)
    coef, gap = _coef(source.coef_)
    if hasattr(source, "offset_"):  # SGDOneClassSVM, which subtracts it
        offset = np.array(source.offset_).reshape(-1)
        return Model(Linear(coef, -offset, gap), _inputs(source), OneClassAnswers(offset), origin)
    body = Linear(coef, _intercept(source.intercept_), gap)
    answers = _classifier(source, body) if hasattr(source, "classes_") else _regressor(source)
    return Model(body, _inputs(source), answers, origin)


def _read_ransac(source: Any, origin: str) -> Model:
    from .sklearn import read_object

    found = read_object(source.estimator_, None)
    if not isinstance(found.inputs, LinearInputs):
        raise UnsupportedModelError(
            f"RANSACRegressor of {type(source.estimator_).__name__}; allowed: a linear model; compile its estimator_"
        )
    # estimator_ was fitted to the array that RANSACRegressor made of its table: the names are RANSACRegressor's.
    return Model(found.body, replace(found.inputs, feature_names=feature_names(source)), found.answers, origin)


def _inputs(source: Any) -> LinearInputs:
    keeps, centre = None, None
    if hasattr(source, "_base_loss"):  # _GeneralizedLinearRegressor._linear_predictor
        keeps = ("float64", "float32")
    elif hasattr(source, "_x_mean"):  # _PLS.predict
        keeps, centre = ("float64", "float32", "float16"), np.array(source._x_mean)
    return LinearInputs(
        source.n_features_in_,
        feature_names(source),
        type(source).__name__,
        keeps,
        centre,
        takes_sparse=centre is None,
    )


def _regressor(source: Any) -> LinearAnswers:
    link = "IdentityLink"
    if hasattr(source, "_base_loss"):
        link = type(source._base_loss.link).__name__
        if link not in LINKS:
            raise UnsupportedModelError(f"the link {link}, allowed: {', '.join(LINKS)}")
    return LinearAnswers(None, link=LINKS[link], flat=getattr(source, "_predict_1d", False))


def _classifier(source: Any, body: Linear) -> LinearAnswers:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    labels, several = class_labels(source.classes_), is_multilabel(source)
    n_scores = len(labels) if several or len(labels) != 2 else 1
    if len(labels) < 2 or body.n_outputs != n_scores:
        raise UnsupportedModelError(f"coef_ of shape {body.coef.shape} for {len(labels)} classes")
    return LinearAnswers(
        labels,
        _probability(source, len(labels)),
        spreads_zeros=installed() >= FIRST_THAT_SPREADS_ZEROS,
        floors_log=isinstance(source, LinearDiscriminantAnalysis),
        is_multilabel=several,
    )


def _probability(source: Any, n_classes: int) -> Probability | None:
    from sklearn.linear_model import SGDClassifier

    if not hasattr(source, "predict_proba"):
        return None
    if isinstance(source, SGDClassifier):  # which has the method for these two losses alone
        return SGD_PROBABILITIES[source.loss]
    # Up to scikit-learn 1.7 LogisticRegression chose by this parameter, see its predict_proba.
    strategy = source.get_params(deep=False).get("multi_class")
    if strategy in ("ovr", "warn"):
        return ONE_VS_REST
    if strategy in ("auto", "deprecated"):
        return ONE_VS_REST if n_classes == 2 or source.solver == "liblinear" else SOFTMAX
    return PAIR if strategy == "multinomial" and n_classes == 2 else SOFTMAX


def _coef(coef: Any) -> tuple[np.ndarray, int]:
    """A copy of ``coef_`` in the order of the source's, and the gap between its rows."""
    if not isinstance(coef, np.ndarray) or coef.dtype not in (np.float32, np.float64) or coef.ndim not in (1, 2):
        raise UnsupportedModelError(
            "coef_ is no 1-D or 2-D array of float32 or float64"
            + ("; it is sparse: call the model's densify() first" if hasattr(coef, "toarray") else "")
        )
    if coef.strides[-1] == coef.itemsize:
        return np.array(coef, order="C"), _gap(coef) if coef.ndim == 2 and len(coef) > 1 else 0
    if coef.ndim == 2 and coef.strides[0] == coef.itemsize and coef.flags.f_contiguous:
        return np.array(coef, order="F"), 0
    raise UnsupportedModelError(f"coef_ with strides {coef.strides}: neither its rows nor its columns are contiguous")


def _gap(coef: np.ndarray) -> int:
    """LinearRegression leaves a gap as long as its training table; a short one with the same alignment does as well."""
    gap = coef.strides[0] // coef.itemsize - coef.shape[1]
    return gap if gap < 64 else 64 + gap % 64


def _intercept(intercept: Any) -> np.ndarray | float:
    # A Python float takes the product's dtype, a numpy scalar brings its own (NEP 50), as an array of one does.
    if type(intercept) in (int, float):
        return float(intercept)
    return np.array(intercept).reshape(-1)
