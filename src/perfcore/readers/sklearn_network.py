"""MLPClassifier and MLPRegressor -> the canonical network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.sklearn_network import NetworkAnswers
from ..errors import UnsupportedModelError
from ..inputs.sklearn import LinearInputs
from ..model import Model, Network
from .sklearn import class_labels_as_in, feature_names, is_multilabel


def read(source: Any, origin: str) -> Model:
    coefs = tuple(np.array(each) for each in source.coefs_)
    body = Network(coefs, tuple(np.array(each) for each in source.intercepts_), source.activation)
    binarizer = getattr(source, "_label_binarizer", None)
    labels = None if binarizer is None else class_labels_as_in(source, binarizer.classes_, "its _label_binarizer")
    if labels is not None and len(labels) < 2:
        raise UnsupportedModelError("a classifier of a single class")
    answers = NetworkAnswers(labels, source.out_activation_, is_multilabel(source))
    return Model(
        body, LinearInputs(source.n_features_in_, feature_names(source), type(source).__name__), answers, origin
    )
