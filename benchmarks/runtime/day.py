"""A day in a process, compressed: predictions, new models, caches of other sizes, monitors that are restarted."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil

import perfcore
from perfcore.optimizer import SystemMonitor, get_integrated_optimizer
from perfcore.runtime import Batcher
from perfcore.runtime.memory.slope import slope
from perfcore.runtime.memory.usage import heap, resident

from ..models import FILES, table
from ..scenarios import RECIPES
from .task import Task

MODELS = ("lgb31", "xgb6")
ROWS = 500  # of a table that is predicted
WARM_UP = 1_000  # swaps before anything is noted: so long numpy's cache of small blocks and Python's free lists fill
STATES, RESULTS = 1_000, 100  # that an optimizer keeps: its histories are full before anything is noted


def whole(side: str, settings: dict[str, Any]) -> Task:
    hours, calls = settings["swaps"], settings["predictions"] // settings["swaps"]
    paths = [os.path.join(settings["models"][name], FILES[RECIPES[name].framework]) for name in MODELS]
    X = table(RECIPES[MODELS[0]], ROWS, seed=2)
    state = _State(paths, X)

    def run() -> dict[str, float]:
        optimizer = get_integrated_optimizer()
        for i in range(STATES):
            optimizer.get_performance_report()
            if i < RESULTS:
                optimizer.optimize_cpu_efficiency()
        for i in range(WARM_UP):
            state.hour(calls if i < 10 else 4)
        before, seen = _open_things(), np.zeros((hours // len(MODELS), 2))
        for noted in seen:  # with the same model each time
            for _ in MODELS:
                state.hour(calls)
            gc.collect()
            noted[:] = heap() or 0, resident()
        after, figures = _open_things(), {}
        for i, name in enumerate(("heap", "resident")):
            found = slope(len(MODELS) * np.arange(len(seen), dtype=float), seen[:, i])
            figures[f"{name} (bytes a swap)"] = found.value
            figures[f"{name}, low of 95 %"] = found.low
        return figures | {"descriptors more": after[0] - before[0], "threads more": after[1] - before[1]}

    def answers() -> dict[str, np.ndarray]:
        state.hour(calls)
        before = _open_things()
        state.hour(calls)
        after = _open_things()
        if after != before:
            raise ValueError(f"descriptors and threads: {before} before, {after} after")
        return {}

    call = "Batcher over ModelCache, FeatureCache.resize, SystemMonitor(1)"
    return Task(run, answers, call)


class _State:
    """What lives all day."""

    def __init__(self, paths: list[str], X: np.ndarray):
        self.X, self.paths = X, _around(paths)
        self.models = perfcore.ModelCache(max_items=1)
        self.features = perfcore.FeatureCache(capacity=2_000, width=X.shape[1])
        self.sizes = _around([500, 4_000, 1_000, 2_000])
        self.keys = np.arange(2_000)
        self.rows = np.ones((2_000, X.shape[1]), np.float32)

    def hour(self, calls: int) -> None:
        """A model instead of the last one, a batcher and a monitor that are started and stopped, four resizes."""
        path = next(self.paths)
        self.models.pop("current", None)
        model = self.models.get_or_load("current", lambda key: perfcore.compile(path))
        with SystemMonitor(1.0), Batcher(model) as batcher:
            for part in range(4):
                self.features.resize(next(self.sizes))
                self.features.put_many(self.keys, self.rows)
                for i in range(part, calls, 4):
                    if i % 10:
                        batcher.predict(self.X[i % ROWS])
                    else:
                        batcher.predict(self.X)


def _around(values: list) -> Iterator:
    while True:
        yield from values


def _open_things() -> tuple[int, int]:
    """Descriptors and threads; a thread that was joined is the system's for a moment yet."""
    time.sleep(0.1)
    process = psutil.Process()
    return process.num_fds() if hasattr(process, "num_fds") else 0, process.num_threads()
