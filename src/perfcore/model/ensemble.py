"""The ensemble: models that are asked, each for its own answers, and whose answers are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelFormatError

if TYPE_CHECKING:
    from . import Model

DEEPEST = 6  # ensembles within one another
MOST_ASKED = 1 << 20  # outputs of all that are asked


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members, in the source's order; what is asked of them, and of which table, is for the answers to say.

    Each member is a model of its own with inputs and answers. One that comes several times is held and asked once.
    """

    models: tuple[Model, ...]
    members: tuple[int, ...]  # for each member its place in ``models``

    def __post_init__(self) -> None:
        if not self.members or set(self.members) != set(range(len(self.models))):
            raise ModelFormatError(f"ensemble: members {self.members[:8]} of {len(self.models)} models")
        if self.depth > DEEPEST:
            raise ModelFormatError(f"ensembles within one another more than {DEEPEST} deep")
        if self.n_asked > MOST_ASKED:
            raise ModelFormatError(f"an ensemble whose members have more than {MOST_ASKED:,} outputs")

    @classmethod
    def of(cls, members: Sequence[Model]) -> Ensemble:
        """The ensemble of these members; the same object several times is one model."""
        models = list({id(model): model for model in members}.values())
        place = {id(model): i for i, model in enumerate(models)}
        return cls(tuple(models), tuple(place[id(model)] for model in members))

    @property
    def depth(self) -> int:
        """Ensembles within one another, this one with them."""
        return 1 + max(model.body.depth if isinstance(model.body, Ensemble) else 0 for model in self.models)

    @property
    def n_asked(self) -> int:
        """Outputs of members that are no ensembles, and of the members of those that are."""
        bodies = [model.body for model in self.models]
        counts = [body.n_asked if isinstance(body, Ensemble) else body.n_outputs for body in bodies]
        return sum(counts[place] for place in self.members)

    @property
    def nbytes(self) -> int:
        return sum(model.body.nbytes for model in self.models)


class Trial:
    """Members' answers to three made-up rows, to see whether an ensemble's answers can do with them."""

    def __init__(self, ensemble: Ensemble, n_features: int):
        self.ensemble, self.table = ensemble, np.zeros((3, n_features))
        self.known: dict[tuple[int, str], Any] = {}

    def __call__(self, member: int, method: str) -> Any:
        place = self.ensemble.members[member]
        if (place, method) not in self.known:
            self.known[place, method] = self.ensemble.models[place].try_answer(method)
        return self.known[place, method]

    def about(self, member: int, method: str, table: Any) -> Any:
        width, needed = np.shape(table)[1], self.ensemble.models[self.ensemble.members[member]].inputs.n_features
        if width != needed:
            raise ValueError(f"member {member} is asked about {width} features, and has {needed}")
        return self(member, method)
