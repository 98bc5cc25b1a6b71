"""scikit-learn's MultiOutput* and chains: sklearn/multioutput.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ModelFormatError
from . import Asked
from .sklearn import LogOfProba


@dataclass(frozen=True, eq=False)
class MultiOutputAnswers:
    """Of one member a target."""

    labels: tuple[np.ndarray, ...]  # the classes of each; none: a regressor
    n_targets: int
    methods: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.n_targets < 1:
            raise ModelFormatError(f"{self.n_targets} targets, allowed: at least one")

    @property
    def kind(self) -> str:
        return "classifier" if self.labels else "regressor"

    @property
    def classes(self) -> list[np.ndarray] | None:
        return list(self.labels) if self.labels else None

    def predict(self, asked: Asked) -> np.ndarray:
        return np.asarray([asked(i, "predict") for i in range(self.n_targets)]).T

    def predict_proba(self, asked: Asked) -> list[np.ndarray]:
        return [asked(i, "predict_proba") for i in range(self.n_targets)]


@dataclass(frozen=True, eq=False)
class ChainAnswers(LogOfProba):
    """Of a chain: each member gets the table and what those before it answered."""

    labels: tuple[np.ndarray, ...]
    order: tuple[int, ...]  # the target of each member
    passes_on: str  # the method whose answers the next ones get
    methods: tuple[str, ...]

    @property
    def n_targets(self) -> int:
        return len(self.order)

    @property
    def kind(self) -> str:
        return "classifier" if self.labels else "regressor"

    @property
    def classes(self) -> list[np.ndarray] | None:
        return list(self.labels) if self.labels else None

    def _answers(self, asked: Asked, method: str) -> np.ndarray:
        """_BaseChain._get_predictions; of two classes, probabilities are the second's."""
        table = asked.table
        passed, answers = np.zeros((2, len(table), len(self.order)))
        for i in range(len(self.order)):
            wider = np.hstack((table, passed[:, :i]))
            for column, asks in ((passed[:, i], self.passes_on), (answers[:, i], method)):
                answer = asked.about(i, asks, wider)
                column[:] = answer[:, 1] if asks in ("predict_proba", "predict_log_proba") else answer
        return answers[:, np.argsort(self.order)]

    def predict(self, asked: Asked) -> np.ndarray:
        return self._answers(asked, "predict")

    def predict_proba(self, asked: Asked) -> np.ndarray:
        return self._answers(asked, "predict_proba")

    def decision_function(self, asked: Asked) -> np.ndarray:
        return self._answers(asked, "decision_function")
