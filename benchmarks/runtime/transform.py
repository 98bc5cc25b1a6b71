"""Features of a table and what a model says of them: the plain way, and with the plan's memory work."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import numpy as np

import perfcore
from perfcore import features as f

from .scenarios import OWN
from .task import Task

WINDOW, TREES = 20, 100
COLUMNS = ("price", "volume")
CPU = "CPU s per 1,000 predictions"


def of_groups(side: str, settings: dict[str, Any]) -> Task:
    """The table is at hand, shrunk or as it is: rows in the order of their codes, as a history lies on disk."""
    rows = settings["rows"]
    wide = _table(rows)
    booster = _model(_by_pandas(wide.head(20_000)))
    if side == OWN:
        table = f.shrink(wide)[0]
        made = f.RollingFeatures({name: [f.mean(WINDOW), f.std(WINDOW), f.max(WINDOW)] for name in COLUMNS}, by="code")
        made.fit(table)
        fast = perfcore.compile(booster)
        return _task(lambda: made.transform(table).to_numpy(), fast.predict, rows, "shrink, RollingFeatures, compile")
    if side == "pandas, shrunk":
        table = f.shrink(wide)[0]
        return _task(lambda: _by_pandas(table), booster.predict, rows, "shrink, groupby.rolling, LightGBM")
    return _task(lambda: _by_pandas(wide), booster.predict, rows, "groupby.rolling, LightGBM")


def _table(rows: int) -> Any:
    """Types as a CSV file gives them: text, int64, float64."""
    import pandas as pd

    random = np.random.default_rng(0)
    codes = np.array([f"stock {i:04d}" for i in range(1 + rows // 500)], dtype=object)
    price = np.round(100 * np.exp(np.cumsum(5e-4 * random.normal(size=rows))), 1)
    volume = random.integers(1, 30_000, rows)
    return pd.DataFrame({"code": codes[np.arange(rows) // 500], "price": price, "volume": volume})


def _by_pandas(table: Any) -> np.ndarray:
    windows = table.groupby("code", sort=False, observed=True)[list(COLUMNS)].rolling(WINDOW)
    parts = [getattr(windows, name)() for name in ("mean", "std", "max")]
    return np.column_stack([part[name].to_numpy() for name in COLUMNS for part in parts])


def _model(features: np.ndarray) -> Any:
    import lightgbm

    known = features[~np.isnan(features).any(axis=1)]
    target = known[:, 0] + np.random.default_rng(1).normal(size=len(known))
    return lightgbm.train({"verbose": -1, "seed": 0, "num_leaves": 31}, lightgbm.Dataset(known, target), TREES)


def _task(transform: Callable[[], np.ndarray], predict: Callable, rows: int, call: str) -> Task:
    def run() -> dict[str, float]:
        cpu, began = process_time(), perf_counter()
        features = transform()
        seconds = perf_counter() - began
        predict(features)
        return {"seconds": seconds / rows, CPU: (process_time() - cpu) / rows * 1_000}

    return Task(run, lambda: {"": transform()}, call)
