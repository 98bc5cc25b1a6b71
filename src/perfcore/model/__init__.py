"""A model as perfcore holds it: the arithmetic, how a table enters it, and how its answer is shaped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .forest import Forest, LinearLeaves, Tree
from .linear import Linear

if TYPE_CHECKING:
    from ..answers import Answers
    from ..inputs import Inputs

__all__ = ["Forest", "Linear", "LinearLeaves", "Model", "Tree"]


@dataclass(frozen=True, eq=False)
class Model:
    """What a reader makes of a trained model, and what a ``.pcore`` file holds."""

    body: Forest | Linear
    inputs: Inputs
    answers: Answers
    origin: str  # for people: "lightgbm.LGBMClassifier (4.7.0), objective binary"
