"""A scenario run: answers first, then times, the sides in turn."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from .models import ROOM, model_folder, table
from .scenarios import Recipe, Scenario
from .sides import ONE_THREAD, Refused, Side, SideError, Worker, with_one_thread

SECONDS = 10.0  # about so long a side is timed, but
ROUNDS = 5  # for so many rounds at least, or
ROUNDS_OF_RIVALS = 3
NEAR, STRAY = 1e-5, 1e-3  # a rival's answers are within NEAR of the source's, but for the share STRAY of them


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
    """One result a side: ``ns`` (a row: median and extremes), ``ratio`` to the source, ``answers``; or ``error``,
    or ``skipped`` with the reason.

    Whose answers are wrong is not timed. ``rounds=0`` only compares answers.
    """
    ROOM.mkdir(parents=True, exist_ok=True)
    sides = with_one_thread(sides, scenario)
    results = {side.name: {"side": side.name} for side in sides}
    with tempfile.TemporaryDirectory(dir=ROOM) as aside:
        job = job_of(scenario, recipe, Path(aside))
        expected = None
        for side in sides:
            if expected is None and side.name != "source":
                results[side.name]["skipped"] = "the source has no answer"
            elif refusal := side.refusal(scenario, recipe):
                results[side.name]["skipped"] = refusal
            else:
                own = {"adapter": side.adapter, "threads": side.threads or scenario.threads}
                got = _answer(side, pool, job | own, Path(aside), least, expected, results[side.name])
                expected = got if side.name == "source" else expected
    times = _timed([side for side in sides if "answers" in results[side.name]], pool, _rounds(results, sides, rounds))
    pool.end_scenario()
    _tell(results, times)
    return list(results.values())


def job_of(scenario: Scenario, recipe: Recipe, aside: Path) -> dict:
    """What a worker needs to know, except which adapter it is and how many threads it has."""
    path = aside / "rows.npy"
    np.save(path, table(recipe, scenario.rows, 2, "float64" if scenario.hand == "float64" else "float32"))
    return {
        "folder": str(model_folder(recipe)),
        "framework": recipe.framework,
        "table": str(path),
        "batch": scenario.batch,
        "hand": scenario.hand,
        "measure": scenario.measure,
    }


def _answer(
    side: Side, pool: Pool, job: dict, aside: Path, least: float, expected: np.ndarray | None, result: dict
) -> np.ndarray | None:
    """A side's answers, held against those of the source, which is asked first; what came of it goes to ``result``."""
    path = aside / f"{side.adapter}.npy"
    try:
        worker = pool.worker(side)
        worker.ask("prepare", **job)
        told = worker.ask("answer", path=str(path), least=least)
        got = np.load(path)
        rows = told.pop("rows")
        result["answers"] = compare(got if expected is None else expected[:rows], got, exact=not side.rival)
        result |= told
        return got
    except Refused as reason:
        result["skipped"] = str(reason)
    except (SideError, WrongAnswer) as error:
        result["error"] = f"{type(error).__name__}: {error}"
        pool.drop(side)
    return None


def _rounds(results: dict[str, dict], sides: list[Side], rounds: int) -> dict[str, list[int]]:
    """In which rounds a side is timed: all of them, or fewer where a round lasts long."""

    def fit(name: str, least: int) -> int:
        return min(rounds, max(least, int(SECONDS / results[name].get("seconds", SECONDS))))

    many = fit("source", ROUNDS)
    counts = {side.name: min(many, fit(side.name, ROUNDS_OF_RIVALS)) if side.rival else many for side in sides}
    return {name: sorted(set(np.linspace(0, many - 1, n).round().astype(int).tolist())) for name, n in counts.items()}


def _timed(sides: list[Side], pool: Pool, rounds: dict[str, list[int]]) -> dict[str, dict[int, float]]:
    """A B C, C B A, A B C ...: nanoseconds a row, by side and round."""
    ns: dict[str, dict[int, float]] = {side.name: {} for side in sides if rounds[side.name]}
    order = [side for side in sides if rounds[side.name]]
    for number in sorted({number for side in order for number in rounds[side.name]}):
        for side in order:
            if number in rounds[side.name]:
                ns[side.name][number] = pool.worker(side).ask("round")["ns"]
        order.reverse()
    return ns


def _tell(results: dict[str, dict], times: dict[str, dict[int, float]]) -> None:
    """Medians and extremes of the rounds, and of the ratios within the rounds."""
    for name, ns in times.items():
        results[name]["rounds"] = len(ns)
        results[name]["ns"] = _spread(list(ns.values()))
        results[name]["ratio"] = _ratio(times["source"], ns)
    if ONE_THREAD in times and "perfcore" in times:
        results["perfcore"]["threads_gain"] = _ratio(times[ONE_THREAD], times["perfcore"])


def _ratio(slow: dict[int, float], fast: dict[int, float]) -> dict[str, float]:
    return _spread([slow[number] / fast[number] for number in sorted(slow.keys() & fast.keys())])


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "low": min(values), "high": max(values)}


def compare(expected: np.ndarray, got: np.ndarray, exact: bool) -> str:
    """Whether answers agree, in words; raises `WrongAnswer` where they do not."""
    if expected.dtype == got.dtype and expected.shape == got.shape and expected.tobytes() == got.tobytes():
        return "same bits"
    if exact:
        unequal = np.flatnonzero(expected != got) if expected.shape == got.shape else []
        raise WrongAnswer(
            f"{expected.dtype} {expected.shape} expected, {got.dtype} {got.shape} got, "
            f"{len(unequal):,} cells unequal, the first at {unequal[0] if len(unequal) else 'none'}"
        )
    expected, got = _alike(expected), _alike(got)
    if expected.shape != got.shape:
        raise WrongAnswer(f"{expected.shape} expected, {got.shape} got")
    if expected.dtype == got.dtype and expected.tobytes() == got.tobytes():
        return "same bits"
    difference = np.abs(expected - got)
    far = ~(difference <= NEAR * np.maximum(1, np.abs(expected)))  # NaN is far
    if far.mean() > STRAY:
        raise WrongAnswer(f"{np.mean(far):.1%} of the answers are wrong, by up to {np.nanmax(difference):.3g}")
    words = f"{np.mean(expected != got):.0%} of the answers differ, by up to {difference.max():.2g}"
    return f"{words}, {far.sum():,} of {far.size:,} by more than {NEAR:g}" if far.any() else words


def _alike(answers: np.ndarray) -> np.ndarray:
    """Of two classes the second, whose probability some give alone; no axes of length one."""
    answers = answers.reshape(len(answers), -1)
    return answers[:, -1] if answers.shape[1] <= 2 else answers


class WrongAnswer(Exception):
    """A side's answers are not those of the source."""
