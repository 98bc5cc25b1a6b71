"""What looking at a process costs it: the monitor, metrics; and what check_leak finds."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import io
import json
import pickle
import random
import re
import sys
import urllib.request
import zlib
from collections import deque
from collections.abc import Callable
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np

import perfcore
from perfcore.optimizer import SystemMonitor
from perfcore.runtime import metrics
from perfcore.runtime.memory import LeakReport, check_leak

from ..models import table
from ..scenarios import RECIPES
from .task import Task, trained

STARTS = 20


def monitor(side: str, settings: dict[str, Any]) -> Task:
    """Beside a predictor that was called and a cache that is full; nothing else happens in the process."""
    predictor, rows = _predictor(settings)
    for row in rows:
        predictor.predict_one(row)
    seconds = settings["seconds"]

    def run() -> dict[str, float]:
        with SystemMonitor(1.0, auto_optimize=False) as watching:
            sleep(0.5)  # the first look is over
            began, cpu = perf_counter(), process_time()
            sleep(seconds)
            share = (process_time() - cpu) / (perf_counter() - began)
            looks = len(watching.metrics_history)
        return {"% of a core": 100 * share, "looks": looks, "stops in (ms)": 1e3 * _longest_stop()}

    def answers() -> dict[str, np.ndarray]:
        if (longest := _longest_stop()) > 1:
            raise ValueError(f"it stopped in {longest:.2f} s")
        return {}

    return Task(run, answers, "SystemMonitor(1.0)")


def _longest_stop() -> float:
    longest = 0.0
    for _ in range(STARTS):
        watching = SystemMonitor(1.0, auto_optimize=False)
        watching.start_monitoring()
        sleep(0.005 * random.random())
        began = perf_counter()
        watching.stop_monitoring()
        longest = max(longest, perf_counter() - began)
    return longest


def served(side: str, settings: dict[str, Any]) -> Task:
    """Blocks of calls of one row with and without a server, in turn and in one process."""
    predictor, rows = _predictor(settings)
    predict, calls = predictor.predict_one, settings["calls"]
    url = "http://{}/metrics"

    def block() -> float:
        began = perf_counter()
        for i in range(calls):
            predict(rows[i & 255])
        return (perf_counter() - began) / calls

    def run() -> dict[str, float]:
        without, with_server, scrape = [], [], []
        for _ in range(settings["blocks"]):
            without.append(block())
            with metrics.serve() as server:
                with_server.append(block())
                cpu = process_time()
                _fetched(url.format(server.address))
                scrape.append(process_time() - cpu)
            without.append(block())
        pairs = np.array(with_server) / np.mean(np.reshape(without, (-1, 2)), axis=1)
        every_15_seconds = float(np.median(scrape)) / 15
        return {
            "seconds": float(np.median(with_server)),
            "served / not served": float(np.median(pairs)) + every_15_seconds,
            "scrape (ms of CPU)": 1e3 * float(np.median(scrape)),
        }

    def answers() -> dict[str, np.ndarray]:
        before = predictor.stats()["calls"]
        with metrics.serve() as server:
            predict(rows[0])
            text = _fetched(url.format(server.address))
        (told,) = [line for line in text.splitlines() if line.startswith("perfcore_predictor_calls_total{")]
        if float(told.split()[-1]) != before + 1:
            raise ValueError(f"{before + 1} calls, but {told}")
        return {}

    return Task(run, answers, "predict_one; a scrape each 15 s")


def _fetched(url: str) -> str:
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def _predictor(settings: dict[str, Any]) -> tuple[Any, list[np.ndarray]]:
    return perfcore.compile(trained("lgb31", settings["models"])), list(table(RECIPES["lgb31"], 256, seed=2))


# -- leaks ---------------------------------------------------------------------------------------------------

CACHE: dict = {}


class Node:
    def __init__(self) -> None:
        self.itself, self.data = self, bytearray(5_000)


def leaks(side: str, settings: dict[str, Any]) -> Task:
    """Planted ones are to be found and named; clean functions are to be found clean."""
    clean = dict(list(_clean().items())[: settings["clean"]])

    def run() -> dict[str, float]:
        found = {name: check_leak(function, rounds=10) for name, (function, _) in _planted().items()}
        named = sum(is_named(found[name]) for name, (_, is_named) in _planted().items())
        CACHE.clear()
        gc.collect()
        wrong = [name for name, function in clean.items() if check_leak(function, rounds=10).is_leak]
        planted = sum(each.is_leak for each in found.values())
        return {"planted found": planted, "planted named": named, "clean, found leaking": len(wrong)}

    def answers() -> dict[str, np.ndarray]:
        if settings["clean"] < 20:  # nothing is timed: the finding is what there is to check
            figures = run()
            if figures != {"planted found": 4, "planted named": 4, "clean, found leaking": 0}:
                raise ValueError(str(figures))
        return {}

    return Task(run, answers, "check_leak(rounds=10)")


def _planted() -> dict[str, tuple[Callable[[], Any], Callable[[LeakReport], bool]]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p

    def optimize() -> None:
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)

    return {
        "a native buffer": (lambda: libc.malloc(1_000), lambda report: report.kind == "native"),
        "a cycle": (Node, lambda report: any("Node.itself" in name for name in report.cycles)),
        "a growing dict": (
            lambda: CACHE.__setitem__(len(CACHE), np.ones(100)),
            lambda report: any(name.endswith("watching.CACHE") for name in report.growing),
        ),
        "a study that is kept": (optimize, lambda report: any("trials" in name for name in report.growing)),
    }


def _clean() -> dict[str, Callable[[], Any]]:
    ring: deque = deque(maxlen=10)

    def fails() -> None:
        try:
            raise ValueError("x" * 100)
        except ValueError:
            pass

    def file() -> bytes:
        with open(sys.executable, "rb") as binary:
            return binary.read(1_000)

    return {
        "nothing": lambda: None,
        "json": lambda: json.loads(json.dumps({"a": [1, 2, 3] * 10})),
        "normal": lambda: np.random.default_rng(0).normal(size=1_000).sum(),
        "an error": fails,
        "a file": file,
        "sorted": lambda: sorted(random.random() for _ in range(100)),
        "solve": lambda: np.linalg.solve(np.eye(10), np.ones(10)),
        "join": lambda: " ".join(map(str, range(100))),
        "sort": lambda: np.sort(np.arange(10_000.0)[::-1]),
        "regex": lambda: re.sub("a", "b", "a" * 100),
        "pickle": lambda: pickle.loads(pickle.dumps(list(range(100)))),
        "zlib": lambda: zlib.decompress(zlib.compress(b"abc" * 1_000)),
        "hash": lambda: hashlib.sha256(b"x" * 1_000).digest(),
        "a ring": lambda: ring.append(bytearray(1_000)),
        "a generator": lambda: sum(x for x in range(100)),
        "a closure": lambda: (lambda x: lambda: len(x))(bytearray(100))(),
        "bytes": lambda: io.BytesIO(b"x" * 10_000).read(),
        "a large array": lambda: np.ones(500_000).sum(),
        "a monitor": lambda: SystemMonitor(60).get_metrics_summary(),
        "a cache": lambda: perfcore.FeatureCache(capacity=100, width=10).put(1, np.ones(10, np.float32)),
    }
