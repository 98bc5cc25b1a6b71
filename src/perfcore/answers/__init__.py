"""How margins become what the source's own methods return: one file a framework.

``Answers`` is what `Predictor` asks for; like `perfcore.inputs.Inputs`, each is a frozen dataclass
of plain fields.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np


class Steps(NamedTuple):
    """What a method makes of margins, where compiled code can do it (``_ext/include/perfcore/steps.hpp``).

    In this order: margins are divided, shifted, linked, and made the answer; or, where there is a ``choice``, decide
    which of ``labels`` is the answer.
    """

    link: str = "identity"  # one of perfcore._ext.direct.LINKS: a function of perfcore._ext.links
    scale: float = 1.0  # of the link "logistic"
    divisor: float = 0  # 0: none
    shift: float = 0.0
    both: str = ""  # "rows" or "columns": the column p stands for 1 - p and p, in C or Fortran order
    keeps_column: bool = False  # a single column stays one: (n_rows, 1)
    choice: str = "none"  # one of perfcore._ext.direct.CHOICES
    threshold: float = 0.0  # of the choices "above" and "from"
    labels: np.ndarray | None = None


class Answers(Protocol):
    @property
    def kind(self) -> str | None:
        """One of "classifier", "regressor", "outlier_detector" or None (a Booster, a ranker)."""

    @property
    def classes(self) -> np.ndarray | list[np.ndarray] | None:
        """What bears the name classes_ on the predictor; a list where there are many outputs."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Which of predict, predict_proba, predict_log_proba, decision_function, score_samples, apply the source has.

        The methods of ``margins`` that this names are there.
        """

    def predict(self, margins: np.ndarray) -> Any:
        """``margins``: a fresh (n_rows, n_outputs) array in the dtype of the sum; may be changed in place."""

    def raw(self, margins: np.ndarray) -> np.ndarray:
        """The margins as the source hands them out (shape, dtype, averaging)."""

    # Where ``methods`` names apply, answers have ``leaves(labels)``: what the source's apply makes of leaf numbers,
    # numbered as it does, int32 (n_rows, n_trees).
    # Answers may have, beside these, ``steps(method, n_outputs) -> Steps | None``: what "predict" or "predict_proba"
    # comes to, to the bit, for a table with rows; None where only the method itself can tell.


class Asked(Protocol):
    """What the answers of a `perfcore.model.Ensemble` get in place of margins: its members, to be asked.

    These answers have ``n_targets``, and neither ``raw`` nor ``leaves``.
    """

    @property
    def table(self) -> Any:
        """The table, as the members get it."""

    def __call__(self, member: int, method: str) -> Any:
        """A member's answer for the table; it may be handed out again, so it is not to be changed."""

    def about(self, member: int, method: str, table: Any) -> Any:
        """A member's answer for a table made of this one."""
