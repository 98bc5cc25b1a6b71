"""The members of scikit-learn's meta-estimators -> an ensemble of models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..answers import Answers
from ..errors import ConfigurationError, ModelFormatError, UnsupportedModelError
from ..inputs import Inputs
from ..inputs.ensemble import PassedOn, Validated
from ..model import Ensemble, Model
from . import read_member
from .sklearn import feature_names


class Members:
    """Reads the members of one meta-estimator; the same object several times is read once."""

    def __init__(self, source: Any):
        self.source, self.owner = source, type(source).__name__
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

    @classmethod
    def of(cls, source: Any, estimators: Iterable[Any]) -> Members:
        members = cls(source)
        for i, estimator in enumerate(estimators):
            members.add(estimator, f"member {i}")
        return members

    @classmethod
    def named(cls, source: Any) -> Members:
        """Of a source with ``estimators``, the (name, estimator) as given, and ``estimators_``, fitted."""
        names = [name for name, estimator in source.estimators if not _is_dropped(estimator)]
        if len(names) != len(source.estimators_):
            raise UnsupportedModelError(
                f"{type(source).__name__}: {len(names)} estimators, but {len(source.estimators_)} fitted ones"
            )
        members = cls(source)
        for name, estimator in zip(names, source.estimators_, strict=True):
            members.add(estimator, f"member {name!r}")
        return members

    def methods(self, *names: str) -> tuple[str, ...]:
        """Of these methods those that the source has and all members can answer for."""
        return tuple(
            name
            for name in names
            if hasattr(self.source, name) and all(name in model.answers.methods for model in self.models)
        )

    def passed_on(self) -> PassedOn:
        """Inputs of a source that hands its table on unchecked."""
        n_features = getattr(self.source, "n_features_in_", self.models[0].inputs.n_features)
        allows_nan = all(getattr(model.inputs, "allows_nan", True) for model in self.models)
        return PassedOn(n_features, feature_names(self.source), allows_nan)

    def validated(self, allows: str, numeric: bool) -> Validated:
        """Inputs of a source that makes its table an array."""
        return Validated(self.source.n_features_in_, feature_names(self.source), self.owner, allows, numeric)

    def model(self, inputs: Inputs, answers: Answers, origin: str) -> Model:
        try:
            return Model(Ensemble.of(self.models), inputs, answers, origin)
        except ModelFormatError as error:
            raise UnsupportedModelError(f"{self.owner}: {error}") from error


def _is_dropped(estimator: Any) -> bool:
    return isinstance(estimator, str) and estimator == "drop"


def response(estimator: Any, model: Model, *names: str) -> str:
    """The first of these methods that an estimator has, as scikit-learn chooses it; its model must have it, too."""
    name = next((name for name in names if hasattr(estimator, name)), None)
    if name is None or name not in model.answers.methods:
        raise UnsupportedModelError(
            f"{model.origin} has none of {', '.join(names)}"
            if name is None
            else f"{name} of {model.origin} is not answered"
        )
    return name


def knows_two_classes(estimator: Any) -> bool:
    """Whether scikit-learn's _get_response_values takes the second column of an estimator's probabilities."""
    from sklearn.base import is_classifier
    from sklearn.utils.multiclass import type_of_target

    if not is_classifier(estimator):
        return False
    if len(estimator.classes_) < 2:
        raise UnsupportedModelError(f"{type(estimator).__name__} that knows one class alone")
    return type_of_target(estimator.classes_) == "binary"
