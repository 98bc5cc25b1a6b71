"""What the drop-in knows of one model: its state when it was compiled, and the predictors made of it."""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple

from .._ext.content import Digester
from ..errors import PerfcoreError
from ..predictor import Predictor
from . import price
from .call import Call, Passed, n_rows
from .frameworks import Framework, view
from .frameworks.sklearn import memory
from .stamp import ByIdentity, forget

MOST_VARIANTS = 8  # iteration ranges of one model: cross-validating their number asks for each once
MOST_PATIENCE = 1000

FEW = "too few rows yet for compiling to pay"
CHANGING = "the model was changed while it was compiled"
SLOW = "looking for changes of so large a model would take longer"
BUSY = "another thread is compiling it"


class Alone(threading.local):
    """What a thread is about: whom it has asked to answer alone, without perfcore."""

    depth = 0
    within = 0  # answers of frameworks, whose steps are no calls of the user's

    def __init__(self) -> None:
        self.models: set[int] = set()

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: Any) -> None:
        self.depth -= 1


alone = Alone()


class _Kept(NamedTuple):
    predictor: Predictor
    state: bytes  # the model's when it was made
    digester: Digester
    checking: float  # seconds that a look at the state takes
    n_trees: int


class _Slot:
    """The predictor of one variant, or why there is none yet."""

    def __init__(self) -> None:
        self.kept: _Kept | None = None
        self.spent = 0.0  # seconds that the framework's own answers took
        self.fastest: tuple[float, int] | None = None  # of them, and of how many rows
        self.refusal: str | None = None
        self.patience = self.wait = 0  # refused: after so many further calls the model is looked at again


class Record:
    def __init__(self, model: Any, framework: Framework):
        self.kind = type(model)
        self.label = f"{framework.name}.{self.kind.__qualname__}"
        self.owners: dict[str, type | None] = {}
        self._framework = framework
        self._slots: dict[Any, _Slot] = {}
        self._lock = threading.Lock()

    def predictor(self, model: Any, call: Call) -> Predictor:
        """The predictor for a call; `Passed` where there is none, or none yet."""
        slot = self._slots.get(call.variant)
        if slot is None:
            slot = self._new_slot(call.variant)
        if slot.kept is not None:
            predictor, state, digester, checking, n_trees = slot.kept
            if not price.outlasts(checking, slot.fastest, n_rows(call.X), n_trees):
                raise Passed(SLOW)
            if state == digester.digest(self._framework.parts(model)):
                return predictor
            slot = self._new_slot(call.variant)
        if slot.refusal is not None:
            if slot.wait > 0:
                slot.wait -= 1
                raise Passed(slot.refusal)
        elif not price.repays(slot.spent, n_rows(call.X), *self._framework.size(model)):
            raise Passed(FEW)
        return self._compiled(model, call, slot)

    def spend(self, call: Call, seconds: float) -> None:
        slot = self._slots.get(call.variant)
        if slot is not None:
            slot.spent += seconds
            took = seconds, n_rows(call.X)
            slot.fastest = took if slot.fastest is None else min(took, slot.fastest)

    def _new_slot(self, variant: Any) -> _Slot:
        slots = dict(self._slots)
        slots.pop(variant, None)
        while len(slots) >= MOST_VARIANTS:
            del slots[next(iter(slots))]
        slot = slots[variant] = _Slot()
        self._slots = slots
        return slot

    def _compiled(self, model: Any, call: Call, slot: _Slot) -> Predictor:
        if not self._lock.acquire(blocking=False):  # for good, where another thread held it while the process forked
            raise Passed(BUSY)
        try:
            digester = Digester(memory, view)
            with alone:
                state = digester.digest(self._framework.parts(model))
                predictor = self._framework.compile(model, call.variant)
                start = time.perf_counter()
                again = digester.digest(self._framework.parts(model))
                checking = time.perf_counter() - start
                if state != again:
                    raise Passed(CHANGING)
        except Exception as error:
            if not isinstance(error, Passed):
                slot.refusal = _reason(error)
                slot.patience = slot.wait = min(2 * slot.patience + 1, MOST_PATIENCE)
            raise
        finally:
            self._lock.release()
        slot.refusal = None
        slot.kept = _Kept(predictor, state, digester, checking, self._framework.size(model)[0])
        return predictor


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, PerfcoreError) else f"perfcore failed: {type(error).__name__}: {error}"


_records: ByIdentity[Record] = ByIdentity()


def record_of(model: Any, framework: Framework) -> Record:
    found = _records.get(model)
    if found is not None and found.kind is type(model):
        return found
    return _records.replace(model, lambda: Record(model, framework))


def forget_all() -> None:
    """Drop all predictors: models may change unnoticed from now on."""
    forget()
    _records.clear()
