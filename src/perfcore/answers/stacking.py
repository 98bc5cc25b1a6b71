"""scikit-learn's StackingClassifier and StackingRegressor: sklearn/ensemble/_stacking.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from . import Asked


@dataclass(frozen=True, eq=False)
class StackingAnswers:
    """Of a last member that gets the answers of the others for a table."""

    labels: tuple[np.ndarray, ...]  # the classes of each output, which members know by their places; none: a regressor
    asks: tuple[str, ...]  # which method of each member but the last
    drops_first: bool  # probabilities of two classes are their second column
    passthrough: bool  # the last one gets the table, too
    methods: tuple[str, ...]  # those of the last one
    several: bool = False  # whether there are many outputs, each of 0 and 1

    n_targets = 1

    @property
    def kind(self) -> str:
        return "classifier" if self.labels else "regressor"

    @property
    def classes(self) -> np.ndarray | list[np.ndarray] | None:
        return list(self.labels) if self.several else self.labels[0] if self.labels else None

    def _last(self, asked: Asked, method: str) -> Any:
        """_BaseStacking._concatenate_predictions, and what the last one makes of them."""
        columns: list[Any] = []
        for i, asks in enumerate(self.asks):
            answer = asked(i, asks)
            if isinstance(answer, list):
                columns += [each[:, 1:] for each in answer]
            elif answer.ndim == 1:
                columns.append(answer.reshape(-1, 1))
            else:
                columns.append(answer[:, 1:] if asks == "predict_proba" and self.drops_first else answer)
        if self.passthrough:
            if hasattr(asked.table, "tocsr"):
                raise InputError("a sparse table is not supported where passthrough=True; pass X.toarray()")
            columns.append(asked.table)
        return asked.about(len(self.asks), method, np.hstack(columns))

    def predict(self, asked: Asked) -> np.ndarray:
        answer = self._last(asked, "predict")
        if not self.labels:
            return answer
        if self.several:
            return np.array([_named(labels, codes) for labels, codes in zip(self.labels, answer.T, strict=True)]).T
        if answer.ndim > 1 and answer.shape[1] > 1:
            raise ValueError(f"classes of shape {answer.shape[1:]} a row")
        return _named(self.labels[0], answer.reshape(-1))

    def predict_proba(self, asked: Asked) -> np.ndarray:
        answer = self._last(asked, "predict_proba")
        return np.array([each[:, 0] for each in answer]).T if self.several else answer

    def decision_function(self, asked: Asked) -> np.ndarray:
        return self._last(asked, "decision_function")


def _named(labels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """LabelEncoder.inverse_transform, whose answer to nothing is no array of labels."""
    return np.take(labels, codes, axis=0) if len(codes) else np.array([])
