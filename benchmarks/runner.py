"""A scenario run: answers first, then times, the sides in turn."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from .models import ROOM, model_folder, table
from .scenarios import Recipe, Scenario
from .sides import Side, SideError, Worker


class Pool:
    """Workers by side: fresh for each scenario, or kept for all of them in a check, where nothing is timed."""

    def __init__(self, keep: bool):
        self._keep, self._workers = keep, {}

    def worker(self, side: Side) -> Worker:
        if side.name not in self._workers:
            self._workers[side.name] = Worker(side)
        return self._workers[side.name]

    def drop(self, side: Side) -> None:
        self._workers.pop(side.name).close()

    def end_scenario(self) -> None:
        if not self._keep:
            self.close()

    def close(self) -> None:
        for name in list(self._workers):
            self._workers.pop(name).close()


def run(scenario: Scenario, recipe: Recipe, sides: list[Side], pool: Pool, rounds: int, least: float) -> list[dict]:
    """One result a side: ``ns`` (a row: median and extremes), ``ratio`` to the source, ``answers``; or ``error``.

    Whose answers are wrong is not timed. ``rounds=0`` only compares answers.
    """
    folder = model_folder(recipe)
    able = [side for side in sides if side.takes(recipe.framework)]
    with tempfile.TemporaryDirectory(dir=ROOM) as aside:
        rows = Path(aside) / "rows.npy"
        np.save(rows, table(scenario.rows, recipe.n_features, seed=2))
        job = {
            "folder": str(folder),
            "framework": recipe.framework,
            "threads": scenario.threads,
            "table": str(rows),
            "batch": scenario.batch,
        }
        results = _answered(able, pool, job, Path(aside), least)
    times = _timed([side for side in able if "error" not in results[side.name]], pool, rounds)
    pool.end_scenario()
    source = times.get("source")
    for name, ns in times.items():
        results[name]["ns"] = _spread(ns)
        results[name]["ratio"] = _spread(source / ns)
    return list(results.values())


def _answered(able: list[Side], pool: Pool, job: dict, aside: Path, least: float) -> dict[str, dict]:
    """Every side's answers held against those of the source, which is asked first."""
    results: dict[str, dict] = {}
    expected = None
    for side in able:
        result = results[side.name] = {"side": side.name}
        path = aside / f"{side.adapter}.npy"
        try:
            worker = pool.worker(side)
            worker.ask("prepare", adapter=side.adapter, **job)
            result |= worker.ask("answer", path=str(path), least=least)
            got = np.load(path)
            expected = got if side.name == "source" else expected
            result["answers"] = compare(expected, got, side.exact)
        except (SideError, WrongAnswer) as error:
            result["error"] = f"{type(error).__name__}: {error}"
            pool.drop(side)
            if side.name == "source":
                break
    return results


def _timed(sides: list[Side], pool: Pool, rounds: int) -> dict[str, np.ndarray]:
    """A B C, C B A, A B C ...: nanoseconds a row, by side and round."""
    ns: dict[str, list[float]] = {side.name: [] for side in sides} if rounds else {}
    order = list(sides)
    for _ in range(rounds):
        for side in order:
            ns[side.name].append(pool.worker(side).ask("round")["ns"])
        order.reverse()
    return {name: np.array(each) for name, each in ns.items()}


def compare(expected: np.ndarray, got: np.ndarray, exact: bool) -> str:
    """Whether answers agree, in words; raises `WrongAnswer` where they do not."""
    if expected.dtype == got.dtype and expected.shape == got.shape and expected.tobytes() == got.tobytes():
        return "same bits"
    if exact or expected.shape != got.shape:
        unequal = np.flatnonzero(expected != got) if expected.shape == got.shape else []
        raise WrongAnswer(
            f"{expected.dtype} {expected.shape} expected, {got.dtype} {got.shape} got, "
            f"{len(unequal):,} cells unequal, the first at {unequal[0] if len(unequal) else 'none'}"
        )
    largest = float(np.abs(expected - got).max())
    if not largest <= 1e-6:
        raise WrongAnswer(f"answers differ by up to {largest:.3g}")
    return f"{np.mean(expected != got):.0%} of the answers differ, by up to {largest:.2g}"


def _spread(values: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(values)), "low": float(values.min()), "high": float(values.max())}


class WrongAnswer(Exception):
    """A side's answers are not those of the source."""
