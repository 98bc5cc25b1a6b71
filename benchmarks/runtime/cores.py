"""What more cores are worth to one process, and what several processes cost one another."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import perf_counter, process_time
from typing import Any

import numpy as np

import perfcore

from ..models import table
from ..scenarios import RECIPES
from .scenarios import OWN
from .task import Task, trained

CPU = "CPU s per 1,000 predictions"


def one_process(side: str, settings: dict[str, Any]) -> Task:
    predictor, X = _predictor_and_rows(settings)
    count = None if side == OWN else 1

    def run() -> dict[str, float]:
        cpu, began = process_time(), perf_counter()
        predictor.predict(X, n_threads=count)
        return {"seconds": (perf_counter() - began) / len(X), CPU: (process_time() - cpu) / len(X) * 1_000}

    return Task(run, lambda: {"": predictor.predict(X, n_threads=count)}, f"predict(X, n_threads={count})")


def forked(side: str, settings: dict[str, Any]) -> Task:
    """Processes that are forked once the model is there, as behind ``gunicorn --preload``, all busy at once."""
    predictor, X = _predictor_and_rows(settings)
    parts, times = np.array_split(X, settings["processes"]), settings["times"]
    count = None if side == OWN else 1
    if side == "one process":
        parts, count = [X], None
    context = multiprocessing.get_context("fork")
    workers = [context.Pipe() for _ in parts]
    for part, (_, theirs) in zip(parts, workers, strict=True):
        answer = _answering(predictor.predict, part, count)
        context.Process(target=_serve, args=(theirs, answer), daemon=True).start()

    def ask(n: int) -> list[np.ndarray]:
        for mine, _ in workers:
            mine.send(n)
        return [mine.recv() for mine, _ in workers]

    def run() -> dict[str, float]:
        began = perf_counter()
        ask(times)
        return {"seconds": (perf_counter() - began) / len(X) / times}

    def close() -> None:
        for mine, _ in workers:
            mine.send(0)

    call = f"{len(parts)} × predict(part, n_threads={count})"
    return Task(run, lambda: {"": np.concatenate(ask(1))}, call, close)


def _predictor_and_rows(settings: dict[str, Any]) -> tuple[Any, np.ndarray]:
    return perfcore.compile(trained("lgb31", settings["models"])), table(RECIPES["lgb31"], settings["rows"], seed=2)


def _answering(predict: Callable, part: np.ndarray, count: int | None) -> Callable[[], np.ndarray]:
    return lambda: predict(part, n_threads=count)


def _serve(line: Connection, answer: Callable[[], np.ndarray]) -> None:
    """Answers so many times as each message says, and sends the last answer; 0 is the end."""
    while times := line.recv():
        for _ in range(times - 1):
            answer()
        line.send(answer())
