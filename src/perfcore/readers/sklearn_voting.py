"""scikit-learn's VotingClassifier and VotingRegressor -> an ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.voting import AveragingAnswers, VotingAnswers
from ..errors import UnsupportedModelError
from ..model import Model
from .sklearn import class_labels
from .sklearn_members import Members


def read(source: Any, origin: str) -> Model:
    members = Members.named(source)
    given = source._weights_not_none
    weights = None if given is None else np.array(given)
    if not hasattr(source, "le_"):
        return members.model(members.passed_on(), AveragingAnswers(len(members.models), weights), origin)
    labels = class_labels(source.le_.classes_)
    if source.voting != "soft":
        _check_votes(members, labels, weights)
    answers = VotingAnswers(labels, len(members.models), weights, source.voting == "soft")
    return members.model(members.passed_on(), answers, origin)


def _check_votes(members: Members, labels: np.ndarray, weights: np.ndarray | None) -> None:
    if weights is not None and not (weights >= 0).all():  # bincount knows no class above the largest one chosen
        raise UnsupportedModelError(f"VotingClassifier of hard votes with weights {weights.tolist()}, allowed: from 0")
    for model in members.models:
        check_codes(model, len(labels), "VotingClassifier of hard votes")


def check_codes(model: Model, n_classes: int, owner: str) -> None:
    """A member must answer with the places of classes."""
    codes = model.answers.classes
    if not isinstance(codes, np.ndarray) or codes.dtype.kind not in "iu" or not np.isin(codes, range(n_classes)).all():
        raise UnsupportedModelError(
            f"{owner} with a member ({model.origin}) that was trained on other classes than 0 to {n_classes - 1}"
        )
