"""A model as perfcore holds it: the arithmetic, how a table enters it, and how its answer is shaped."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, MissingExtraError, ModelFormatError
from .ensemble import Ensemble, Trial
from .forest import Forest, LinearLeaves, Tree
from .gaussians import DiagonalGaussians, Gaussians
from .linear import Linear
from .network import Network
from .ordered_sum import OrderedSum

if TYPE_CHECKING:
    from ..answers import Answers
    from ..inputs import Inputs

__all__ = [
    "DiagonalGaussians",
    "Ensemble",
    "Forest",
    "Gaussians",
    "Linear",
    "LinearLeaves",
    "Model",
    "Network",
    "OrderedSum",
    "Tree",
]

OF_MARGINS = {"predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples"}
MOST_TRIED = 1_000_000  # features


@dataclass(frozen=True, eq=False)
class Model:
    """What a reader makes of a trained model, and what a ``.pcore`` file holds."""

    body: Forest | Linear | Network | DiagonalGaussians | Gaussians | OrderedSum | Ensemble
    inputs: Inputs
    answers: Answers
    origin: str  # for people: "lightgbm.LGBMClassifier (4.7.0), objective binary"

    def __post_init__(self) -> None:
        """Refuse parts that do not fit one another, whatever file they came from."""
        n_features, names = self.inputs.n_features, self.inputs.feature_names
        read = (
            "table"
            if isinstance(self.body, Ensemble)
            else "blocks"
            if isinstance(self.body, Forest | OrderedSum)
            else "array"
        )
        if not hasattr(getattr(self.inputs, "inner", self.inputs), read) or not hasattr(self.inputs, read):
            raise ModelFormatError(f"model: {type(self.inputs).__name__} of {type(self.body).__name__}")
        n_cells = getattr(self.inputs, "n_cells", n_features)
        if isinstance(self.body, Ensemble) and n_features > MOST_TRIED:
            raise ModelFormatError(f"model: an ensemble over {n_features} features, allowed: {MOST_TRIED:,}")
        if not isinstance(self.body, Ensemble) and n_cells != self.body.n_features:
            raise ModelFormatError(f"model: inputs of {n_cells} features, a body of {self.body.n_features}")
        if names is not None and len(names) != n_features:
            raise ModelFormatError(f"model: {len(names)} feature names for {n_features} features")
        categories = getattr(self.inputs, "categories", None)
        if categories is not None and len(categories) != n_features:
            raise ModelFormatError(f"model: categories of {len(categories)} columns for {n_features} features")
        try:
            with np.errstate(all="ignore"):
                self._try_inputs()
                self._try_answers()
        except (TypeError, ValueError, IndexError, AttributeError, KeyError, ArithmeticError) as error:
            raise ModelFormatError(f"model: its inputs, body and answers do not fit one another: {error}") from error
        _freeze(self)

    @property
    def n_targets(self) -> int:
        """What a regressor answers for a row: so many numbers; answers say so where the body's outputs are others."""
        return getattr(self.answers, "n_targets", None) or self.body.n_outputs

    def _try_inputs(self) -> None:
        """Ask for the cells of a row of zeros; that it is refused, or Numba is not there, is an answer, too."""
        if self.inputs.n_features <= MOST_TRIED and not getattr(self.inputs, "runs_steps", False):
            with contextlib.suppress(InputError, MissingExtraError):
                self.inputs.row(np.zeros(self.inputs.n_features))

    def _try_answers(self) -> None:
        for method in sorted({*OF_MARGINS, "apply"} & set(self.answers.methods)):
            answer = self.try_answer(method)
            for each in answer if isinstance(answer, list) else [answer]:
                if len(each) != 3 and method != "apply":  # XGBoost's of no trees is empty
                    raise ModelFormatError(f"model: {method} of three rows answers {len(each)}")
            if method in ("predict", "predict_proba") and hasattr(self.answers, "steps"):
                self.answers.steps(method, self.body.n_outputs)

    def try_answer(self, method: str) -> Any:
        """A method's answer to three made-up rows: zeros, and such that the last and the first class have the most."""
        if method != "predict_raw" and method not in self.answers.methods:
            raise AttributeError(f"{self.origin} has no {method}")
        if method == "apply":
            n_trees: int = self.body.n_trees
            return self.answers.leaves(np.zeros((3, n_trees), np.int32))  # type: ignore[attr-defined]
        answer: Any = self.answers.raw if method == "predict_raw" else getattr(self.answers, method)
        if isinstance(self.body, Ensemble):
            return answer(Trial(self.body, self.inputs.n_features))
        if isinstance(self.body, Forest):
            margins = np.empty_like(self.body.value, shape=(3, self.body.n_outputs))
        else:
            margins = self.body.margins(np.zeros((3, self.body.n_features)))
        columns = margins.reshape(3, -1)
        columns[:2], columns[1, -1], columns[2] = 0, 1, -1
        return answer(margins)


def _freeze(part: Any) -> None:
    """Make every array read-only: a predictor hands some of them out (``classes_``), and never changes."""
    if isinstance(part, np.ndarray):
        part.flags.writeable = False
    elif is_dataclass(part):
        _freeze(list(vars(part).values()))
    elif isinstance(part, dict):
        _freeze(list(part.values()))
    elif isinstance(part, list | tuple):
        for each in part:
            if not isinstance(each, str | bool | None):  # names and marks of columns, which may be many
                _freeze(each)
