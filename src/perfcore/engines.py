"""A body made ready to answer: for each kind, what it does with a table, a row and threads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from . import isa, kernels, threads
from .inputs.ensemble import PassedOn
from .model import Model
from .model.file import fingerprint
from .threads.callers import shared

if TYPE_CHECKING:
    from .predictor import Predictor

# Nanoseconds of work for which another thread is worth starting: several times what starting one takes.
WORTH_A_THREAD = 100_000


class Engine(Protocol):
    """What `Predictor` asks for. Margins are whatever the model's answers take."""

    @property
    def nbytes(self) -> int:
        """Memory of the body, and of what was made of it."""

    def margins(self, X: Any, n_threads: int | None) -> Any: ...

    def margins_of_row(self, row: Any) -> Any:
        """Margins of a table of one row, unlabelled."""

    def description(self) -> dict[str, str]:
        """What `print` shows: kernels and members, in a line each."""

    def explanation(self) -> str:
        """What `Predictor.explain` says beside that."""


class BlockEngine(ABC):
    """Fills an answer block by block, with as many threads as the work repays."""

    def __init__(self, model: Model, n_threads: int | None):
        self.inputs, self.n_threads = model.inputs, n_threads
        self._fingerprint = cache(partial(fingerprint, model))

    @abstractmethod
    def nanoseconds(self, n_rows: int) -> float:
        """What so many rows take one thread."""

    def filled(
        self, answer: np.ndarray, blocks: Iterator[np.ndarray], fill: Callable, n_threads: int | None
    ) -> np.ndarray:
        """``answer``, a row for each of the blocks' rows: ``fill(block, part, n_threads)`` writes its part of it."""
        count = self._threads_for(len(answer), n_threads)
        if count == 1 or n_threads or self.n_threads or threads.asked():  # who says how many gets as many
            return self._filled(answer, blocks, fill, count)
        with shared(count) as count:
            return self._filled(answer, blocks, fill, count)

    def _filled(self, answer: np.ndarray, blocks: Iterator[np.ndarray], fill: Callable, count: int) -> np.ndarray:
        at = 0
        for block in blocks:
            fill(block, answer[at : at + len(block)], count)
            at += len(block)
        return answer

    def _threads_for(self, n_rows: int, n_threads: int | None) -> int:
        if n_threads is not None:
            return threads.resolve(n_threads)
        worth = int(self.nanoseconds(n_rows) / WORTH_A_THREAD)
        if worth < 2:
            return 1
        if said := self.n_threads or threads.asked():
            return min(worth, said)
        return threads.measured(self._fingerprint, n_rows) or min(worth, threads.available())


class ForestEngine(BlockEngine):
    """A forest, walked by the kernel that a cost model chooses."""

    def __init__(self, model: Model, kernel: str | None, n_threads: int | None):
        super().__init__(model, n_threads)
        self.forest = model.body
        self.kernel = kernels.make(self.forest, kernel, isa.chosen())

    @property
    def nbytes(self) -> int:
        return self.forest.nbytes + self.kernel.nbytes

    def nanoseconds(self, n_rows: int) -> float:
        return self.kernel.cost(n_rows)

    def margins(self, X: Any, n_threads: int | None) -> np.ndarray:
        n_rows, blocks = self.inputs.blocks(X)  # type: ignore[attr-defined]
        margins = np.empty((n_rows, self.forest.n_outputs), self.forest.value.dtype)
        return self.filled(margins, blocks, self.kernel.predict_into, n_threads)

    def margins_of_row(self, row: Any) -> np.ndarray:
        return self.kernel.predict(self.inputs.row(row)[None, :])

    def leaves(self, X: Any, n_threads: int | None) -> np.ndarray:
        n_rows, blocks = self.inputs.blocks(X)  # type: ignore[attr-defined]
        labels = np.empty((n_rows, self.forest.n_trees), np.int32)
        return self.filled(labels, blocks, self.kernel.leaves_into, n_threads)

    def description(self) -> dict[str, str]:
        forest = self.forest
        return {
            "outputs": f"{forest.n_outputs:,}",
            "trees": f"{forest.n_trees:,} with {forest.n_leaves:,} leaves, depth {forest.depth:,}",
            "kernel": kernels.describe(self.kernel),
            "instruction set": isa.chosen(),
        }

    def explanation(self) -> str:
        return kernels.explain(self.kernel)


class SumEngine(BlockEngine):
    """A weighted sum of a row's cells, by a loop of our own."""

    def __init__(self, model: Model, n_threads: int | None):
        super().__init__(model, n_threads)
        self.body = model.body

    @property
    def nbytes(self) -> int:
        return self.body.nbytes

    def nanoseconds(self, n_rows: int) -> float:
        return n_rows * self.body.weight.size  # a product takes about one

    def margins(self, X: Any, n_threads: int | None) -> np.ndarray:
        n_rows, blocks = self.inputs.blocks(X)  # type: ignore[attr-defined]
        margins = np.empty((n_rows, self.body.n_outputs), np.float32)
        return self.filled(margins, blocks, self.body.margins_into, n_threads)

    def margins_of_row(self, row: Any) -> np.ndarray:
        return self.body.margins(self.inputs.row(row)[None, :])

    def description(self) -> dict[str, str]:
        return {"outputs": f"{self.body.n_outputs:,}", "kernel": "ordered sum"}

    def explanation(self) -> str:
        return "  sums of weighted cells, in the order of the columns, as the source computes them"


class LinearEngine:
    """The whole table, in the numpy and BLAS calls of the source."""

    def __init__(self, model: Model):
        self.body, self.inputs = model.body, model.inputs

    @property
    def nbytes(self) -> int:
        return self.body.nbytes

    def margins(self, X: Any, n_threads: int | None) -> np.ndarray:
        if n_threads is not None:
            threads.resolve(n_threads)
        return self.body.margins(self.inputs.array(X))  # type: ignore[attr-defined]

    def margins_of_row(self, row: Any) -> np.ndarray:
        if hasattr(self.inputs, "table_of_row"):
            return self.body.margins(self.inputs.table_of_row(row))
        return self.body.margins(self.inputs.row(row)[None, :])

    def description(self) -> dict[str, str]:
        return {"outputs": f"{self.body.n_outputs:,}", "kernel": self.body.computed_by}

    def explanation(self) -> str:
        return f"  computed by {self.body.computed_by}, in the calls that the source makes"


class EnsembleEngine:
    """Predictors that are asked for their answers, one for each of an ensemble's models."""

    def __init__(self, model: Model, predictors: Sequence[Predictor]):
        self.members, self.inputs, self.predictors = model.body.members, model.inputs, predictors
        self._fingerprint = cache(partial(fingerprint, model))

    @property
    def nbytes(self) -> int:
        return sum(each._engine.nbytes for each in self.predictors)

    def margins(self, X: Any, n_threads: int | None) -> Asked:
        if n_threads is not None:
            threads.resolve(n_threads)
        table = self.inputs.table(X)  # type: ignore[attr-defined]
        return Asked(self, table, n_threads or self._measured(table))

    def _measured(self, table: Any) -> int | None:
        """None: each member decides for itself."""
        n_rows = table.shape[0] if hasattr(table, "shape") else len(table)  # scipy's have no length
        if threads.asked() or any(each.n_threads for each in self.predictors):
            return None
        return threads.measured(self._fingerprint, n_rows)

    def margins_of_row(self, row: Any) -> Asked:
        if hasattr(self.inputs, "table_of_row"):
            return Asked(self, self.inputs.table_of_row(row), None)
        if not isinstance(self.inputs, PassedOn):
            return Asked(self, self.inputs.row(row)[None, :], None)
        if not isinstance(row, np.ndarray) or row.ndim != 1 or self.inputs.feature_names is not None:
            return AskedOfRow(self, row)
        return Asked(self, self.inputs.table(row[None, :]), None)

    def description(self) -> dict[str, str]:
        described = {"members": f"{len(self.members):,}"}
        for i, predictor in enumerate(self.predictors):
            times = self.members.count(i)
            rest = "; ".join(value for name, value in predictor._engine.description().items() if name != "outputs")
            described[f"  {i + 1}"] = f"{predictor._model.origin}{f', {times} times' if times > 1 else ''}: {rest}"
        return described

    def explanation(self) -> str:
        parts = (f"{i + 1}: {each!r}\n{each._engine.explanation()}" for i, each in enumerate(self.predictors))
        return "\n".join(parts)


class Asked:
    """What an ensemble's answers put together: its members' answers for one table.

    An answer may be handed out again, so whoever gets it must not change it.
    """

    def __init__(self, engine: EnsembleEngine, table: Any, n_threads: int | None):
        self.engine, self.n_threads = engine, n_threads
        self._table = table
        self._known: dict[tuple[int, str], Any] = {}

    @property
    def table(self) -> Any:
        """The table, as the members get it."""
        return self._table

    def __call__(self, member: int, method: str) -> Any:
        """A member's answer for the table."""
        key = self.engine.members[member], method
        if key not in self._known:
            self._known[key] = self._ask(*key)
        return self._known[key]

    def about(self, member: int, method: str, table: Any) -> Any:
        """A member's answer for a table made of this one."""
        return getattr(self.engine.predictors[self.engine.members[member]], method)(table, n_threads=self.n_threads)

    def _ask(self, place: int, method: str) -> Any:
        return getattr(self.engine.predictors[place], method)(self._table, n_threads=self.n_threads)


class AskedOfRow(Asked):
    """Members' answers for one row that each of them reads for itself."""

    def __init__(self, engine: EnsembleEngine, row: Any):
        super().__init__(engine, row, None)

    @property
    def table(self) -> np.ndarray:
        return self.engine.inputs.row(self._table)[None, :]

    def _ask(self, place: int, method: str) -> Any:
        predictor = self.engine.predictors[place]
        return getattr(predictor._model.answers, method)(predictor._margins_one(self._table))
