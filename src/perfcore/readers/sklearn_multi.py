"""scikit-learn's MultiOutput*, chains, OneVsRestClassifier and OneVsOneClassifier -> an ensemble."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.multiclass import OneVsOneAnswers, OneVsRestAnswers
from ..answers.multioutput import ChainAnswers, MultiOutputAnswers
from ..errors import UnsupportedModelError
from ..inputs.sklearn import ANYTHING, FINITE
from ..model import Model
from .sklearn import class_labels, class_labels_as_in, feature_names, installed
from .sklearn_members import Members, knows_two_classes, response

# sklearn/multiclass.py, OneVsRestClassifier: predict and predict_proba
FIRST_WHERE_THE_FIRST_WINS = (1, 8)
FIRST_THAT_SPARES_ZEROS = (1, 7)


def read(source: Any, origin: str) -> Model:
    if hasattr(source, "order_"):
        return _chain(source, origin)
    if hasattr(source, "label_binarizer_"):
        return _one_vs_rest(source, origin)
    if hasattr(source, "pairwise_indices_"):
        return _one_vs_one(source, origin)
    return _multi_output(source, origin)


def _labels(source: Any) -> tuple[np.ndarray, ...]:
    return tuple(map(class_labels, getattr(source, "classes_", ())))


def _multi_output(source: Any, origin: str) -> Model:
    members = Members.of(source, source.estimators_)
    answers = MultiOutputAnswers(_labels(source), len(members.models), members.methods("predict", "predict_proba"))
    return members.model(members.passed_on(), answers, origin)


def _chain(source: Any, origin: str) -> Model:
    members = Members.of(source, source.estimators_)
    passes_on = getattr(source, "chain_method_", "predict")
    methods = members.methods("predict", "predict_proba", "decision_function")
    if "classes_" in vars(source) and not all(map(knows_two_classes, source.estimators_)):
        methods = ("predict",)  # for the others, the source writes the columns of many classes into one
    if "predict_proba" in methods:
        methods = (*methods, "predict_log_proba")
    for model in members.models:
        if passes_on not in model.answers.methods:
            raise UnsupportedModelError(f"{members.owner}: {passes_on} of {model.origin} is not answered")
    answers = ChainAnswers(_labels(source), tuple(int(target) for target in source.order_), passes_on, methods)
    return members.model(members.validated(FINITE, numeric=True), answers, origin)


def _one_vs_rest(source: Any, origin: str) -> Model:
    from sklearn.multiclass import _ConstantPredictor, _threshold_for_binary_predict

    if source.label_binarizer_.sparse_input_:
        raise UnsupportedModelError("OneVsRestClassifier that was trained on sparse labels answers with sparse ones")
    members = Members(source)
    constants: list[np.ndarray] = []
    constants_names = None
    places, asks = [], []
    for i, estimator in enumerate(source.estimators_):
        if isinstance(estimator, _ConstantPredictor):
            places.append(~len(constants))
            constants.append(np.array(estimator.y_))
            constants_names = feature_names(estimator)
            asks.append("decision_function")
        else:
            places.append(len(members.models))
            asks.append(binary_response(estimator, members.add(estimator, f"member {i}")))
    if not members.models:
        raise UnsupportedModelError("OneVsRestClassifier of constants alone")
    answers = OneVsRestAnswers(
        labels=class_labels_as_in(source, source.label_binarizer_.classes_, "its label_binarizer_"),
        members=tuple(places),
        constants=tuple(constants),
        asks=tuple(asks),
        target=source.label_binarizer_.y_type_,
        threshold=float(_threshold_for_binary_predict(source.estimators_[0])),
        methods=("predict", *members.methods("predict_proba", "decision_function")),
        last_wins=installed() < FIRST_WHERE_THE_FIRST_WINS,
        divides_zeros=installed() < FIRST_THAT_SPARES_ZEROS,
    )
    inputs = replace(members.passed_on(), has_constants=bool(constants), constants_names=constants_names)
    return members.model(inputs, answers, origin)


def binary_response(estimator: Any, model: Model) -> str:
    """sklearn/multiclass.py, _predict_binary."""
    from sklearn.base import is_regressor

    names = ("predict",) if is_regressor(estimator) else ("decision_function", "predict_proba")
    return response(estimator, model, *names)


def _one_vs_one(source: Any, origin: str) -> Model:
    from sklearn.multiclass import _threshold_for_binary_predict

    labels = class_labels(source.classes_)
    if source.pairwise_indices_ is not None:
        raise UnsupportedModelError("OneVsOneClassifier over a kernel of pairs of rows")
    members = Members.of(source, source.estimators_)
    asks = tuple(map(binary_response, source.estimators_, members.models))
    answers = OneVsOneAnswers(labels, asks, float(_threshold_for_binary_predict(source.estimators_[0])))
    return members.model(members.validated(ANYTHING, numeric=True), answers, origin)
