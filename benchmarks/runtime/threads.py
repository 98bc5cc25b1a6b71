"""Thread counts: tuned against fixed ones, and threads within threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

import perfcore
from perfcore import threads

from ..models import table
from ..scenarios import RECIPES
from .scenarios import OWN
from .task import Task, trained

FEW = 15  # calls with each count


def tuned(side: str, settings: dict[str, Any]) -> Task:
    """In one process, in turn: that a process's place in memory is worth some percent must not count here."""
    os.environ["PERFCORE_CACHE_DIR"] = settings["folder"]
    os.environ.pop(threads.counts.VARIABLE, None)
    calls: dict[str, Callable] = {}
    for name, sizes in settings["workloads"]:
        predictor = perfcore.compile(trained(name, settings["models"]))
        tables = [table(RECIPES[name], n, seed=2) for n in sizes]
        threads.tune(predictor, tables)
        calls |= {f"{name} × {n:,} rows": partial(predictor.predict, X) for n, X in zip(sizes, tables, strict=True)}
    counts = range(1, threads.available() + 1)

    def run() -> dict[str, float]:
        found, best, one = {}, 0.0, 0.0
        for name, call in calls.items():
            taken = _in_turn(call, [None, *counts], settings["seconds"])
            mine, fixed = taken.pop(None), taken
            found[name] = mine / min(fixed.values())
            best, one = max(best, found[name]), max(one, mine / fixed[1])
        return {"worst / best count": best, "worst / one thread": one} | found

    def answers() -> dict[str, np.ndarray]:
        for name, call in calls.items():
            if any(call(n_threads=count).tobytes() != call().tobytes() for count in counts):
                raise ValueError(f"{name}: other bits with other threads")
        return {}

    return Task(run, answers, "predict(X), tune() before")


def _in_turn(call: Callable, counts: list, seconds: float) -> dict[Any, float]:
    """Median seconds of a call by count; each is called for so long at least, and after each of the others."""
    taken: dict[Any, list[float]] = {count: [] for count in counts}
    turns = 0
    while len(taken[1]) < FEW or sum(taken[1]) < seconds:
        turns += 1
        order = [*counts[turns % len(counts) :], *counts[: turns % len(counts)]]
        for count in order if turns % 2 else reversed(order):
            began = perf_counter()
            call(n_threads=count)
            taken[count].append(perf_counter() - began)
    return {count: float(np.median(each)) for count, each in taken.items()}


def joblib(side: str, settings: dict[str, Any]) -> Task:
    """Each part is answered so many times that joblib's own steps, 10 ms apart, do not count."""
    from joblib import Parallel, delayed

    predictor = perfcore.compile(trained("lgb31", settings["models"]))
    X, times = table(RECIPES["lgb31"], settings["rows"], seed=2), settings["times"]
    parts = np.array_split(X, 8)
    n_jobs, count = (8, None) if side == OWN else (threads.available(), 1)
    parallel = Parallel(n_jobs=n_jobs, backend="threading").__enter__()

    def again(part: np.ndarray, n_threads: int | None = None) -> np.ndarray:
        return [predictor.predict(part, n_threads=n_threads) for _ in range(times)][-1]

    def run() -> dict[str, float]:
        began = perf_counter()
        predict()
        return {"seconds": (perf_counter() - began) / len(X) / times}

    if side == "one call":
        predict, call = partial(again, X), "predict(X)"
    elif side == "8 calls in turn":
        predict, call = lambda: np.concatenate([again(part) for part in parts]), "predict(part)"
    else:
        predict = lambda: np.concatenate(parallel(delayed(again)(part, count) for part in parts))  # noqa: E731
        call = f"Parallel(n_jobs={n_jobs}, backend='threading'), predict(part, n_threads={count})"
    return Task(run, lambda: {"": predict()}, call, partial(parallel.__exit__, None, None, None))
