"""What MLPClassifier and MLPRegressor make of their last layer's sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .sklearn import LogOfProba, expit, softmax

OUTPUT_ACTIVATIONS = {
    "identity": lambda margins: margins,
    "exp": lambda margins: np.exp(margins, out=margins),
    "logistic": expit,
    "softmax": softmax,
}


@dataclass(frozen=True, eq=False)
class NetworkAnswers(LogOfProba):
    labels: np.ndarray | None  # the classes; None for a regressor
    activation: Literal["identity", "exp", "logistic", "softmax"]  # out_activation_
    is_multilabel: bool = False  # the answer is a 0 or a 1 for each class

    @property
    def kind(self) -> str:
        return "regressor" if self.labels is None else "classifier"

    @property
    def classes(self) -> np.ndarray | None:
        return self.labels

    @property
    def methods(self) -> tuple[str, ...]:
        return ("predict",) if self.labels is None else ("predict", "predict_proba", "predict_log_proba")

    def raw(self, margins: np.ndarray) -> np.ndarray:
        return margins.ravel() if margins.shape[1] == 1 else margins

    def _activated(self, margins: np.ndarray) -> np.ndarray:
        return self.raw(OUTPUT_ACTIVATIONS[self.activation](margins))

    def predict(self, margins: np.ndarray) -> np.ndarray:
        answer = self._activated(margins)
        if self.labels is None:
            return answer
        # LabelBinarizer.inverse_transform
        if self.is_multilabel:
            return (answer > 0.5).astype(int)
        codes = (answer > 0.5).astype(int) if answer.ndim == 1 else np.argmax(answer, axis=1)
        return self.labels.take(codes, axis=0)

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        proba = self._activated(margins)
        return np.vstack([1 - proba, proba]).T if proba.ndim == 1 else proba
