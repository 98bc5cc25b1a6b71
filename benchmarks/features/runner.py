"""A scenario run: the answers of all sides first, then times; every side in a process of its own, in turn."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from .. import environments
from ..sides import Side, SideError, Worker
from . import checks, data
from .contenders import REQUIREMENTS, RIVALS
from .scenarios import BEST, OWN, Scenario

SECONDS = 3.0  # a round that lasts longer is done
FEW = 3  # times
LEAST = 0.05  # seconds of a round
MODULE = "benchmarks.features.worker"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS")
IMPORTED = {"TA-Lib": "talib", "scikit-learn": "sklearn", "an empty method call": "numpy"}


def run(scenario: Scenario, rounds: int) -> list[dict]:
    """A result a side, perfcore first: ``ns`` (a row, or a call), ``ratio`` (that over perfcore's), ``answers``; or
    ``error``, or ``skipped`` with the reason. ``rounds=0`` only compares answers.
    """
    with tempfile.TemporaryDirectory(prefix="perfcore-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        try:
            data.make(scenario, folder)
        except (data.Absent, ImportError) as reason:
            return [{"side": OWN, "skipped": str(reason)}]
        results = {side: {"side": side} for side in (OWN, *scenario.sides)}
        workers = _prepared(scenario, folder, results, stack, LEAST if rounds else 0.0)
        seconds = _timed(workers, results, rounds)
    for side, taken in seconds.items():
        # A round does all rows, or as many calls.
        n = 1 if scenario.unit == "call" and scenario.does.startswith("rolling") else scenario.rows
        results[side] |= {"ns": _spread([each / n * 1e9 for each in taken.values()]), "rounds": len(taken)}
        own = seconds.get(OWN, {})
        if ratios := [taken[number] / own[number] for number in taken.keys() & own.keys()]:
            results[side]["ratio"] = _spread(ratios)
    return list(results.values())


def targets(scenario: Scenario, results: list[dict]) -> list[dict]:
    """What perfcore is held to, what was found, and whether that is enough."""
    by_side = {result["side"]: result for result in results if "ratio" in result}
    found = []
    for against, least in scenario.targets.items():
        name = fastest(scenario, by_side) if against == BEST else against
        if name in by_side:
            ratio = by_side[name]["ratio"]["median"]
            found.append({"against": name, "least": least, "found": ratio, "met": ratio >= least})
    return found


def fastest(scenario: Scenario, by_side: dict[str, dict]) -> str | None:
    there = [side for side in scenario.sides if side in by_side]
    return min(there, key=lambda side: by_side[side]["ratio"]["median"], default=None)


def python(side: str) -> Path | None:
    """The environment that a rival is asked in: this one where it is here, or its own; None where it is nowhere."""
    name = RIVALS[side].distribution
    if importlib.util.find_spec(IMPORTED.get(side, name)) is not None:
        return Path(sys.executable)
    return environments.python(name) if name in REQUIREMENTS and environments.absence(name) is None else None


def _side(name: str) -> Side:
    one_thread = dict.fromkeys(THREADS, "1")
    if name == OWN:
        return Side(OWN, OWN, environment=one_thread, module=MODULE)
    return Side(name, name, str(python(name)), one_thread, rival=True, module=MODULE)


def _prepared(scenario: Scenario, folder: Path, results: dict, stack: ExitStack, least: float) -> dict[str, Worker]:
    """Workers whose answers are right."""
    workers, answers = {}, {}
    for side, result in results.items():
        if side != OWN and python(side) is None:
            result["skipped"] = environments.absence(RIVALS[side].distribution)
            continue
        worker = Worker(_side(side))
        stack.callback(worker.close)
        path = folder / f"answers-{len(workers)}.npz"
        try:
            worker.ask("prepare", side=side, does=scenario.does, folder=str(folder), settings=scenario.settings)
            result |= worker.ask("answer", path=str(path), least=least)
        except SideError as error:
            result["error"] = str(error)
            continue
        with np.load(path) as file:
            answers[side] = {name[1:]: file[name] for name in file.files}
        workers[side] = worker
    for side, verdict in checks.verdicts(scenario, folder, answers).items():
        if isinstance(verdict, checks.Wrong):
            results[side]["error"] = f"wrong answers: {verdict}"
            workers.pop(side)
        else:
            results[side]["answers"] = verdict
    return workers


def _timed(workers: dict[str, Worker], results: dict[str, dict[str, Any]], rounds: int) -> dict[str, dict[int, float]]:
    """Seconds by side and round."""
    turns = {side: _turns(results[side]["seconds"], rounds) for side in workers}
    found: dict[str, dict[int, float]] = {side: {} for side in workers} if rounds else {}
    order = list(workers)
    for number in range(rounds):
        for side in order:
            if number in turns[side]:
                found[side][number] = workers[side].ask("round")["seconds"]
        order.reverse()
    return found


def _turns(seconds: float, rounds: int) -> set[int]:
    """In which rounds a side is timed."""
    n = rounds if seconds < SECONDS else min(rounds, FEW)
    return set(np.linspace(0, rounds - 1, n).round().astype(int).tolist())


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "low": min(values), "high": max(values)}
