"""How margins become what the source's own methods return: one file a framework.

``Answers`` is what `Predictor` asks for; like `perfcore.inputs.Inputs`, each is a frozen dataclass
of plain fields.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Answers(Protocol):
    @property
    def kind(self) -> str | None:
        """One of "classifier", "regressor" or None (a Booster, a ranker)."""

    @property
    def classes(self) -> np.ndarray | list[np.ndarray] | None:
        """What bears the name classes_ on the predictor; a list where there are many outputs."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Which of predict, predict_proba, decision_function, apply the source has.

        ``predict_proba(margins)`` and ``decision_function(margins)`` are there where this names them.
        """

    def predict(self, margins: np.ndarray) -> Any:
        """``margins``: a fresh (n_rows, n_outputs) array in the dtype of the sum; may be changed in place."""

    def raw(self, margins: np.ndarray) -> np.ndarray:
        """The margins as the source hands them out (shape, dtype, averaging)."""

    def leaves(self, labels: np.ndarray) -> np.ndarray:
        """``labels``: int32 (n_rows, n_trees), leaf numbers as the source numbers them."""
