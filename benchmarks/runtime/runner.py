"""A scenario run: the answers of all sides first, then figures; every side in a process of its own, in turn."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ..models import NotInstalled, model_folder
from ..scenarios import RECIPES
from ..sides import Side, SideError, Worker
from .scenarios import BEST, OWN, Scenario

LEAST = 0.05  # seconds of a round
LONG, FEW = 3.0, 3  # a side whose rounds last that many seconds has so many
MODULE = "benchmarks.runtime.worker"


def run(scenario: Scenario, rounds: int) -> list[dict]:
    """A result a side, perfcore first: ``figures`` and ``ns`` (of a unit), ``ratio`` (that over perfcore's),
    ``answers``; or ``error``, or ``skipped`` with the reason. ``rounds=0`` only compares answers.
    """
    recipes = {name: RECIPES[name] for name in scenario.models}
    if scenario.is_tiny or scenario.small:
        recipes = {name: recipe.tiny() for name, recipe in recipes.items()}
    try:
        models = {name: str(model_folder(recipe).absolute()) for name, recipe in recipes.items()}
    except (NotInstalled, ImportError) as reason:
        return [{"side": OWN, "skipped": str(reason)}]
    results: dict[str, dict] = {side: {"side": side} for side in (OWN, *scenario.sides)}
    with tempfile.TemporaryDirectory(prefix="perfcore-bench-") as folder, ExitStack() as stack:
        settings = scenario.settings | {"models": models, "folder": folder}
        workers = _prepared(scenario, settings, results, stack, LEAST if rounds and scenario.unit else 0.0)
        found = _measured(workers, results, min(rounds, scenario.rounds))
    own = found.get(OWN, {})
    for side, by_round in found.items():
        names = next(iter(by_round.values())).keys()
        figures = {name: _spread([each[name] for each in by_round.values()]) for name in names}
        results[side] |= {"figures": figures, "rounds": len(by_round)}
        if scenario.unit:
            results[side]["ns"] = _spread([each["seconds"] * 1e9 for each in by_round.values()])
            if both := by_round.keys() & own.keys():
                results[side]["ratio"] = _spread([by_round[i]["seconds"] / own[i]["seconds"] for i in both])
    return list(results.values())


def targets(scenario: Scenario, results: list[dict]) -> list[dict]:
    """What perfcore is held to, what was found, and whether that is enough."""
    by_side = {result["side"]: result for result in results}
    found = []
    for target in scenario.targets:
        name = best(scenario, by_side) if target.of == BEST else target.of
        value = by_side.get(name, {}).get("ratio") or by_side[OWN].get("figures", {}).get(name)
        if value is not None:
            told = {"of": name, "least": target.least, "most": target.most, "found": value["median"]}
            found.append(told | {"met": target.is_met(value["median"])})
    return found


def best(scenario: Scenario, by_side: dict[str, dict]) -> str | None:
    there = [side for side in scenario.sides if "ratio" in by_side.get(side, {})]
    return min(there, key=lambda side: by_side[side]["ratio"]["median"], default=None)


def _prepared(
    scenario: Scenario, settings: dict, results: dict[str, dict], stack: ExitStack, least: float
) -> dict[str, Worker]:
    """Workers whose answers are those of the first of the others, who does it the plain way."""
    workers: dict[str, Worker] = {}
    answers: dict[str, dict[str, np.ndarray]] = {}
    for side, result in results.items():
        if least or not workers:  # where nothing is timed, one process does, for importing frameworks takes a second
            worker = Worker(Side(side, side, module=MODULE))
            stack.callback(worker.close)
        path = Path(settings["folder"]) / f"answers-{len(answers)}.npz"
        try:
            worker.ask("prepare", side=side, does=scenario.does, settings=settings)
            result |= worker.ask("answer", path=str(path), least=least)
        except SideError as error:
            missing = "ModuleNotFoundError" in str(error) or "MissingExtraError" in str(error)
            result["skipped" if missing else "error"] = str(error)
            continue
        with np.load(path) as file:
            answers[side] = {name[1:]: file[name] for name in file.files}
        workers[side] = worker
    right = answers.get(scenario.sides[0]) if scenario.sides else None
    for side in list(workers):
        result = results[side]
        try:
            result["answers"] = _verdict(answers[side], right, scenario.near)
        except ValueError as reason:
            result["error"] = f"wrong answers: {reason}"
            workers.pop(side)
    return workers


def _verdict(made: dict[str, np.ndarray], right: dict[str, np.ndarray] | None, near: float) -> str:
    if right is None:
        return "right"
    if made.keys() != right.keys():
        raise ValueError(f"{', '.join(made)} instead of {', '.join(right)}")
    worst = 0.0
    for name, expected in right.items():
        one = made[name]
        if one.shape != expected.shape:
            raise ValueError(f"{name} of shape {one.shape} instead of {expected.shape}")
        if one.tobytes() == expected.tobytes():
            continue
        if not near or not np.array_equal(np.isnan(one), np.isnan(expected)):
            raise ValueError(f"{name or 'answers'}: other bits")
        worst = max(worst, float(np.nanmax(np.abs(one - expected) / np.maximum(1, np.abs(expected)))))
    if worst > near:
        raise ValueError(f"off by {worst:.0e}")
    return f"within {worst:.0e}" if worst else "same bits"


def _measured(workers: dict[str, Worker], results: dict[str, dict], rounds: int) -> dict[str, dict[int, dict]]:
    """Figures by side and round; there and back again, so that drifts cancel out."""
    found: dict[str, dict[int, dict]] = {side: {} for side in workers} if rounds else {}
    order = list(workers)
    for number in range(rounds):
        for side in order:
            if number < (FEW if results[side]["seconds"] > LONG else rounds):
                found[side][number] = workers[side].ask("round")
        order.reverse()
    for worker in set(workers.values()):
        worker.ask("close")
    return found


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "low": min(values), "high": max(values)}
