"""Many callers of one row each: through a batcher, or each calling the model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import numpy as np

import perfcore
from perfcore.runtime import Batcher

from ..features import census
from ..models import table
from ..scenarios import RECIPES
from .scenarios import OWN
from .task import Task, trained


def of_loop(side: str, settings: dict[str, Any]) -> Task:
    rows = _rows(settings["callers"])
    booster = trained("lgb31", settings["models"])
    if side == "LightGBM":
        return _burst(_calling(lambda row: booster.predict(row[None], num_threads=1)[0]), rows, "Booster.predict")
    fast = perfcore.compile(booster)
    if side != OWN:
        return _burst(_calling(fast.predict_one), rows, "predict_one")
    return _batched(fast, "predict", rows, settings["objective"])


def of_pipeline(side: str, settings: dict[str, Any]) -> Task:
    import pandas as pd

    people, target = census.make(2_000)
    pipeline = census.fitted(people, target)
    rows = people.head(settings["callers"]).to_dict("records")
    if side != OWN:
        call = _calling(lambda row: pipeline.predict_proba(pd.DataFrame([row]))[0])
        return _burst(call, rows, "predict_proba(DataFrame)")
    return _batched(pipeline, "predict_proba", rows, settings["objective"])


def of_threads(side: str, settings: dict[str, Any]) -> Task:
    booster = trained("lgb31", settings["models"])
    n_threads, n_calls = settings["threads"], settings["calls"]
    rows = _rows(n_threads * n_calls)
    if side == "LightGBM":
        return _threaded(lambda row: booster.predict(row[None], num_threads=1)[0], rows, n_threads, "Booster.predict")
    fast = perfcore.compile(booster)
    if side != OWN:
        return _threaded(fast.predict_one, rows, n_threads, "predict_one")
    batcher = Batcher(fast)
    return _threaded(batcher.predict, rows, n_threads, "Batcher.predict", batcher.close)


def _rows(n: int) -> list[np.ndarray]:
    return list(table(RECIPES["lgb31"], n, seed=2))


def _calling(function: Callable) -> Callable[[Any], Awaitable]:
    """A coroutine function that calls it there and then."""

    async def call(row: Any) -> Any:
        return function(row)

    return call


def _batched(predictor: Any, method: str, rows: list, objective: float) -> Task:
    batcher = Batcher(predictor, method=method, objective=objective)
    call = f"Batcher.predict_async, objective {objective * 1e3:g} ms"
    return _burst(batcher.predict_async, rows, call, batcher.close)


def _burst(ask: Callable[[Any], Awaitable], rows: list, call: str, close: Callable[[], Any] = lambda: None) -> Task:
    """All callers at once; what each waited counts from when the first one begins."""
    runner = asyncio.Runner()
    answered: list[float] = []

    async def caller(row: Any) -> Any:
        answer = await ask(row)
        answered.append(perf_counter())
        return answer

    async def all_callers() -> list:
        return await asyncio.gather(*[caller(row) for row in rows])

    def run() -> dict[str, float]:
        answered.clear()
        began = perf_counter()
        runner.run(all_callers())
        seconds = (perf_counter() - began) / len(rows)
        return {"seconds": seconds, "p99 (ms)": (float(np.quantile(answered, 0.99)) - began) * 1e3}

    def answers() -> dict[str, np.ndarray]:
        return {"": np.array(runner.run(all_callers()))}

    def end() -> None:
        close()
        runner.close()

    return Task(run, answers, call, end)


def _threaded(ask: Callable, rows: list, n_threads: int, call: str, close: Callable[[], Any] = lambda: None) -> Task:
    """Threads that begin together and each call for their share of the rows, one after another."""

    def together(keep: Callable[[int, Any], Any]) -> float:
        line = threading.Barrier(n_threads + 1)

        def work(share: range) -> None:
            line.wait()
            for i in share:
                keep(i, ask(rows[i]))
            line.wait()

        shares = [range(i, len(rows), n_threads) for i in range(n_threads)]
        threads = [threading.Thread(target=work, args=(share,)) for share in shares]
        for each in threads:
            each.start()
        line.wait()
        began = perf_counter()
        line.wait()
        seconds = perf_counter() - began
        for each in threads:
            each.join()
        return seconds

    def answers() -> dict[str, np.ndarray]:
        found = [None] * len(rows)
        together(found.__setitem__)
        return {"": np.array(found)}

    return Task(lambda: {"seconds": together(lambda i, answer: None) / len(rows)}, answers, call, close)
