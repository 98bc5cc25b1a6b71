"""The members of scikit-learn's meta-estimators -> an ensemble of models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..answers import Answers
from ..errors import ConfigurationError, ModelFormatError, UnsupportedModelError
from ..inputs import Inputs
from ..inputs.ensemble import PassedOn
from ..model import Ensemble, Model
from . import read_member
from .sklearn import feature_names


class Members:
    """Reads the members of one meta-estimator; the same object several times is read once."""

    def __init__(self, source: Any):
        self.owner = type(source).__name__
        self.models: list[Model] = []
        self._known: dict[int, Model] = {}

    def add(self, estimator: Any, name: str) -> Model:
        """The model of a fitted member; ``name``: what it is called in errors."""
        if id(estimator) not in self._known:
            try:
                self._known[id(estimator)] = read_member(estimator)
            except (UnsupportedModelError, ConfigurationError) as error:
                raise type(error)(f"{self.owner}'s {name} ({type(estimator).__name__}): {error}") from error
        self.models.append(self._known[id(estimator)])
        return self.models[-1]

    def add_all(self, estimators: Iterable[Any]) -> list[Model]:
        return [self.add(estimator, f"member {i}") for i, estimator in enumerate(estimators)]

    def model(self, inputs: Inputs, answers: Answers, origin: str) -> Model:
        try:
            return Model(Ensemble.of(self.models), inputs, answers, origin)
        except ModelFormatError as error:
            raise UnsupportedModelError(f"{self.owner}: {error}") from error


def named_members(source: Any) -> Members:
    """Of a meta-estimator with ``estimators``, the (name, estimator) as given, and ``estimators_``, fitted."""
    names = [name for name, estimator in source.estimators if not _is_dropped(estimator)]
    if len(names) != len(source.estimators_):
        raise UnsupportedModelError(
            f"{type(source).__name__}: {len(names)} estimators, but {len(source.estimators_)} fitted ones"
        )
    members = Members(source)
    for name, estimator in zip(names, source.estimators_, strict=True):
        members.add(estimator, f"member {name!r}")
    return members


def _is_dropped(estimator: Any) -> bool:
    return isinstance(estimator, str) and estimator == "drop"


def passed_on(source: Any) -> PassedOn:
    """Inputs of a meta-estimator that hands its table on unchecked."""
    return PassedOn(source.n_features_in_, feature_names(source), source.__sklearn_tags__().input_tags.allow_nan)
