"""scikit-learn's LinearRegression, Ridge and LogisticRegression -> the canonical linear model."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.sklearn import LinearAnswers
from ..errors import UnsupportedModelError
from ..inputs.sklearn import LinearInputs
from ..model import Linear, Model
from .sklearn import class_labels, feature_names


def read(source: Any, origin: str) -> Model:
    labels = class_labels(source.classes_) if hasattr(source, "classes_") else None
    coef, gap = _coef(source.coef_)
    if labels is not None:
        _refuse_one_vs_rest(source, coef, labels)
    inputs = LinearInputs(source.n_features_in_, feature_names(source), type(source).__name__)
    return Model(Linear(coef, _intercept(source.intercept_), gap), inputs, LinearAnswers(labels), origin)


def _coef(coef: Any) -> tuple[np.ndarray, int]:
    """A copy of ``coef_`` in the order of the source's, and the gap between its rows."""
    if not isinstance(coef, np.ndarray) or coef.dtype not in (np.float32, np.float64) or coef.ndim not in (1, 2):
        raise UnsupportedModelError("coef_ is no 1-D or 2-D array of float32 or float64")
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


def _refuse_one_vs_rest(source: Any, coef: np.ndarray, labels: np.ndarray) -> None:
    if len(labels) < 2 or len(coef) != (1 if len(labels) == 2 else len(labels)):
        raise UnsupportedModelError(f"coef_ of shape {coef.shape} for {len(labels)} classes")
    if len(labels) > 2 and (source.solver == "liblinear" or getattr(source, "multi_class", "") == "ovr"):
        raise UnsupportedModelError("one-vs-rest LogisticRegression of more than two classes")
    if getattr(source, "multi_class", "") == "multinomial" and len(labels) == 2:
        raise UnsupportedModelError("multi_class='multinomial' with two classes: its softmax of (-s, s)")
