"""How margins become what the source's own methods return: one file a framework.

``Answers`` is what `Predictor` asks for; like `perfcore.inputs.Inputs`, each is a frozen dataclass
of plain fields.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Answers(Protocol):
    kind: str | None  # "classifier", "regressor" or None (a Booster, a ranker)
    classes: np.ndarray | None  # bears the name classes_ on the predictor
    methods: tuple[str, ...]  # which of predict, predict_proba, decision_function, apply the source has

    def predict(self, margins: np.ndarray) -> Any:
        """``margins``: a fresh (n_rows, n_outputs) array in the dtype of the sum; may be changed in place."""

    def predict_proba(self, margins: np.ndarray) -> Any: ...

    def decision_function(self, margins: np.ndarray) -> Any: ...

    def raw(self, margins: np.ndarray) -> np.ndarray:
        """The margins as the source hands them out (shape, dtype, averaging)."""

    def leaves(self, labels: np.ndarray) -> np.ndarray:
        """``labels``: int32 (n_rows, n_trees), leaf numbers as the source numbers them."""
