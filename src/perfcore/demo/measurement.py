"""One trained model: compiled, held against its source bit by bit, saved and loaded, and timed."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from .. import predictor, threads
from ..errors import InputError, MismatchError, UnsupportedModelError
from ..predictor import Predictor
from ..testing import METHODS, verify
from .clock import Ratio, interleaved
from .data import Task
from .models import Candidate, take, threads_of


@dataclass(frozen=True)
class Effort:
    """How much the demo does; by default a minute or two on two cores."""

    trees: int = 500
    rows: int = 100_000
    seconds: float = 3.0  # for the rounds of many rows of one model
    seconds_a_call: float = 0.6  # for the source and many rows
    all_threads: int = threads.available()
    races: int = 9_000


@dataclass(frozen=True)
class Timing:
    """Medians of both sides, in seconds a row, and their ratio."""

    source: float
    perfcore: float
    ratio: Ratio

    @classmethod
    def of(cls, seconds: dict[str, np.ndarray], n_rows: int) -> Timing:
        source, own = seconds["source"] / n_rows, seconds["perfcore"] / n_rows
        return cls(float(np.median(source)), float(np.median(own)), Ratio.of(source, own))


@dataclass(frozen=True)
class Measurement:
    """What is shown of one model."""

    framework: str
    model: str
    task: str
    method: str = ""
    shape: str = ""  # trees and leaves, or coefficients
    kernel: str = ""
    proof: str = ""
    one_row: Timing | None = None
    many_rows: Timing | None = None
    all_threads: Timing | None = None
    n_rows: int = 0
    note: str = ""  # where it was measured in another way than the others
    problem: str | None = None
    refused: bool = False
    untrained: bool = False

    @property
    def verdict(self) -> str:
        """What the problem is."""
        return "refused" if self.refused else "not trained" if self.untrained else "NOT EQUAL"


def measure(candidate: Candidate, task: Task, effort: Effort) -> Measurement:
    """Train, compile, prove, time; failed training, refused models and unequal answers become its problem."""
    train, test = task.rows
    named = functools.partial(Measurement, candidate.framework, candidate.name, task.name)
    try:
        model = candidate.train(train)
    except Exception as error:  # a framework may raise anything over a user's data
        return named(problem=_first_line(error), untrained=True)
    try:
        fast = predictor.compile(model, n_threads=1)
    except UnsupportedModelError as error:
        return named(problem=str(error), refused=True)
    try:
        proof = _prove(fast, model, take(candidate.table, test))
        times = _time(fast, model, candidate.table, effort)
    except MismatchError as error:
        return named(problem=str(error))
    return named(**_shape(fast), proof=proof, **times)


def _shape(fast: Predictor) -> dict[str, Any]:
    described = fast._description()
    kernel = ", ".join(described[name] for name in ("kernel", "instruction set") if name in described)
    if "trees" not in described:
        return {"shape": f"{described['features']} features", "kernel": kernel}
    return {"shape": described["trees"].replace(" with", " trees with", 1), "kernel": kernel}


def _prove(fast: Predictor, model: Any, table: Any) -> str:
    """Equal bits, live and after a round trip through a file; raises `MismatchError`."""
    verify(fast, model, table)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.pcore")
        fast.save(path)
        loaded = predictor.load(path)
        verify(loaded, model, table)
        if loaded.fingerprint != fast.fingerprint:
            raise MismatchError(f"{path}: loaded with fingerprint {loaded.fingerprint}, saved with {fast.fingerprint}")
    asked = [name for name in METHODS if hasattr(fast, name) and (name != "predict_raw" or not _is_sklearn(model))]
    return f"{len(table):,} rows: {', '.join(asked)}"


def _is_sklearn(model: Any) -> bool:
    return type(model).__module__.startswith("sklearn.")


def _time(fast: Predictor, model: Any, table: Any, effort: Effort) -> dict[str, Any]:
    """Timings of the probabilities where there are any, else of the predictions."""
    name = "predict_proba" if hasattr(fast, "predict_proba") else "predict"
    source, own = getattr(model, name), getattr(fast, name)
    drawn = np.random.default_rng(0).integers(len(table), size=effort.rows)
    singles = [take(table, drawn[i : i + 1]) for i in range(20)]
    own_one, rows, note = _single(fast, name, singles)
    with threads_of(model, 1):
        many = take(table, drawn[: _affordable(source, take(table, drawn[:10_000]), effort)])
        _hold_equal(name, source(many), own(many, n_threads=1))
        single = {
            "source": lambda: [source(each) for each in singles],
            "perfcore": lambda: [own_one(each) for each in rows],
        }
        one_row = Timing.of(interleaved(single, rounds=(5, 15), seconds=effort.seconds / 4, least=0.01), len(rows))
        many_rows = _many_rows(source, own, many, 1, effort)
    with threads_of(model, effort.all_threads):
        all_threads = _many_rows(source, own, many, effort.all_threads, effort)
    return {
        "method": name,
        "one_row": one_row,
        "many_rows": many_rows,
        "all_threads": all_threads,
        "n_rows": len(many),
        "note": note,
    }


def _single(fast: Predictor, name: str, singles: list[Any]) -> tuple[Callable, list[Any], str]:
    """perfcore's method for one row, the rows as a service has them (arrays, or names and values), and a note."""
    own_one = getattr(fast, f"{name}_one")
    rows = [each.iloc[0].to_dict() if hasattr(each, "iloc") else each[0] for each in singles]
    try:
        for each in rows:
            own_one(each)
    except InputError as error:  # XGBoost before 3.3 remembers category names of more than ASCII cut short
        return getattr(fast, name), singles, f"one row is {name} of a table of one row, for {name}_one says: {error}"
    return own_one, rows, ""


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return ": ".join([type(error).__name__, *lines[:1]])


def _many_rows(source: Callable, own: Callable, table: Any, n_threads: int, effort: Effort) -> Timing:
    calls = {"source": lambda: source(table), "perfcore": lambda: own(table, n_threads=n_threads)}
    seconds = effort.seconds if n_threads == 1 else effort.seconds / 2
    return Timing.of(interleaved(calls, rounds=(3, 9), seconds=seconds, least=0.01), len(table))


def _affordable(source: Callable, sample: Any, effort: Effort) -> int:
    """As many rows as the source answers in the time that one call may take, at least those of the sample."""
    begin = perf_counter()
    source(sample)
    rows = len(sample) * effort.seconds_a_call / (perf_counter() - begin)
    thousands = int(rows) // 1000 * 1000
    return min(effort.rows, max(thousands, len(sample)))


def _hold_equal(name: str, expected: np.ndarray, got: np.ndarray) -> None:
    if expected.dtype != got.dtype or expected.shape != got.shape or expected.tobytes() != got.tobytes():
        raise MismatchError(f"{name} of {len(expected):,} rows: answers differ from those of the source")
