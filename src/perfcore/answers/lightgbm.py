"""LightGBM's margins -> what Booster.predict and the LGBM estimators return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._ext import links
from ..errors import InputError
from . import Steps


@dataclass(frozen=True, eq=False)
class LightGBMAnswers:
    """A Booster's answers, and over them an estimator's.

    ``divisor`` > 0: a random forest, which divides the sum by its iterations before the link (gbdt_prediction.cpp).
    ``proba``: how `LGBMClassifier.predict_proba` shapes the booster's answer: "two" columns (1 - p, p),
    "columns" as they are, or "raw" scores under an objective of the user's own.
    """

    n_outputs: int
    link: str  # identity, exp, logistic, expit, log1p_exp, signed_square, softmax
    scale: float = 1.0  # logistic: 1 / (1 + exp(-scale * x))
    divisor: int = 0
    kind: str | None = None
    classes: np.ndarray | None = None
    methods: tuple[str, ...] = ("predict", "apply")
    proba: str = "raw"

    def linked(self, margins: np.ndarray) -> np.ndarray:
        """Booster.predict: (n_rows,) or (n_rows, n_outputs); changes ``margins``."""
        if self.divisor:
            margins /= self.divisor
        if self.link == "logistic":
            links.logistic(margins, self.scale)
        elif self.link != "identity":
            getattr(links, self.link)(margins)
        return self.raw(margins)

    def predict(self, margins: np.ndarray) -> np.ndarray:
        if self.classes is None or self.proba == "raw":
            return self.linked(margins)
        return self.classes[np.argmax(self.predict_proba(margins), axis=1)]

    def predict_proba(self, margins: np.ndarray) -> np.ndarray:
        answer = self.linked(margins)
        return np.vstack((1.0 - answer, answer)).transpose() if self.proba == "two" else answer

    def steps(self, method: str, n_outputs: int) -> Steps | None:
        linked = Steps(self.link, self.scale, self.divisor)
        if method == "predict" and (self.classes is None or self.proba == "raw"):
            return linked
        if self.proba == "two":
            linked = linked._replace(both="columns")
        return linked if method == "predict_proba" else linked._replace(choice="argmax", labels=self.classes)

    def decision_function(self, margins: np.ndarray) -> np.ndarray:
        return self.raw(margins)

    def raw(self, margins: np.ndarray) -> np.ndarray:
        """raw_score=True: (n_rows,), or (n_rows, n_outputs) where there are several and any rows."""
        return margins.ravel() if self.n_outputs == 1 or not len(margins) else margins

    def leaves(self, labels: np.ndarray) -> np.ndarray:
        if not len(labels):
            raise InputError("a table without rows has no leaf indices: LightGBM's pred_leaf fails on it, too")
        return labels
