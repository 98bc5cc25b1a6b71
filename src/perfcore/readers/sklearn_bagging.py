"""scikit-learn's Bagging* and AdaBoost* over members that are not fused to one forest -> an ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.bagging import BaggingAnswers, BoostedMedianAnswers, BoostedVoteAnswers
from ..errors import UnsupportedModelError
from ..inputs.sklearn import ANYTHING, FINITE
from ..model import Model
from .sklearn import class_labels
from .sklearn_members import Members


def read(source: Any, origin: str) -> Model:
    if hasattr(source, "estimators_features_"):
        return _bagging(source, origin)
    return _boosting(source, origin)


def _bagging(source: Any, origin: str) -> Model:
    count = source.n_estimators
    if count > len(source.estimators_):  # it divides by what it was told
        raise UnsupportedModelError(f"n_estimators={count} of a {type(source).__name__} of {len(source.estimators_)}")
    members = Members.of(source, source.estimators_[:count])
    features = tuple(np.arange(source.n_features_in_)[columns] for columns in source.estimators_features_[:count])
    methods = members.methods("predict", "decision_function")
    codes: tuple[np.ndarray, ...] = ()
    labels = None
    if hasattr(source, "classes_"):
        labels, methods = class_labels(source.classes_), (*methods, "predict_proba")
        codes = tuple(np.array(member.classes_) for member in source.estimators_[:count])
        if any(each.dtype.kind not in "iu" or not np.isin(each, range(len(labels))).all() for each in codes):
            raise UnsupportedModelError(f"{members.owner} with a member that was trained on other classes")
        if any(len(each) != len(labels) for each in codes):
            methods = tuple(name for name in methods if name != "decision_function")
    votes = tuple("predict_proba" not in model.answers.methods for model in members.models)
    if any(vote and hasattr(member, "predict_proba") for vote, member in zip(votes, source.estimators_, strict=False)):
        raise UnsupportedModelError(f"{members.owner} with a member whose predict_proba is not answered")
    n_targets = members.models[0].n_targets if labels is None else 1
    answers = BaggingAnswers(labels, features, codes, votes, n_targets, methods)
    return members.model(members.validated(ANYTHING, numeric=False), answers, origin)


def _boosting(source: Any, origin: str) -> Model:
    members = Members.of(source, source.estimators_)
    inputs = members.validated(FINITE, numeric=False)
    weights = np.array(source.estimator_weights_)
    if not hasattr(source, "classes_"):
        return members.model(inputs, BoostedMedianAnswers(weights[: len(members.models)]), origin)
    labels = boosted_labels(source)
    return members.model(inputs, BoostedVoteAnswers(labels, len(members.models), weights), origin)


def boosted_labels(source: Any) -> np.ndarray:
    """The classes of an AdaBoostClassifier, whose members vote for them by name."""
    labels = class_labels(source.classes_)
    if len(labels) < 2:
        raise UnsupportedModelError("AdaBoostClassifier of one class: its decision_function has the dtype of the table")
    if not all(np.isin(member.classes_, source.classes_).all() for member in source.estimators_):
        raise UnsupportedModelError("AdaBoostClassifier whose classes_ were edited: its members vote for others")
    return labels
