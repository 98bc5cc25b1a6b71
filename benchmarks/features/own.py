"""perfcore's features and pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import perfcore
from perfcore import features as f

from .contenders import Contender, Task


class Perfcore(Contender):
    def __init__(self, folder: Path, settings: dict[str, Any]):
        self.folder, self.settings = folder, settings
        self.version = f"perfcore {perfcore.__version__}"

    # -- series ------------------------------------------------------------------------------------------

    def rolling(self, name: str) -> Task:
        make, n = getattr(f, f"rolling_{name}"), self.settings["window"]
        return self.of_series(lambda x: make(x, n), call=f"rolling_{name}(x, {n})")

    def rolling_mean(self) -> Task:
        return self.rolling("mean")

    def rolling_std(self) -> Task:
        return self.rolling("std")

    def rolling_max(self) -> Task:
        return self.rolling("max")

    def rolling_median(self) -> Task:
        return self.rolling("median")

    def ema(self) -> Task:
        n = self.settings["window"]
        return self.of_series(lambda x: f.ta.ema(x, n), call=f"ta.ema(x, {n})")

    def rsi(self) -> Task:
        n = self.settings["window"]
        return self.of_series(lambda x: f.ta.rsi(x, n), call=f"ta.rsi(x, {n})")

    # -- tables ------------------------------------------------------------------------------------------

    def groups(self) -> Task:
        import pandas as pd

        table = pd.DataFrame({"key": self.load("keys"), "x": self.load("x")})
        made = {name: _feature(name) for name in self.settings["made"]}
        features = f.RollingFeatures({"x": list(made.values())}, by="key", n_threads=1).fit(table)
        task = self.of_table(lambda: features.transform(table), "RollingFeatures.transform(DataFrame)")

        def answers() -> dict[str, np.ndarray]:
            return dict(zip(made, task.answers().values(), strict=True))

        return Task(task.run, answers, task.call)

    def bar(self) -> Task:
        import pandas as pd

        table = pd.DataFrame({"close": self.load("x"), "volume": self.load("volume")})
        wanted: dict[str, list] = {"close": [], "volume": []}
        for name in self.settings["made"]:
            column, feature = name.split(": ")
            wanted[column].append(_feature(feature))
        features = f.RollingFeatures(wanted).fit(table)
        bars = list(zip(table["close"].tolist(), table["volume"].tolist(), strict=True))
        half = len(bars) // 2

        def answers() -> dict[str, np.ndarray]:
            state = features.start(table.head(half))
            streamed = [state.update(bar) for bar in bars[half:]]
            batch = features.transform(table).to_numpy()
            return {"streamed": np.concatenate([batch[:half], streamed]), "batch": batch}

        update = features.start().update

        def run() -> None:
            for bar in bars:
                update(bar)

        return Task(run, answers, "state.update(bar), in a loop")

    def races(self) -> Task:
        import pyarrow.feather

        from perfcore.demo import race_features

        table = pyarrow.feather.read_table(self.folder / "races.arrow")
        features = race_features.made(n_threads=1).fit(table)
        task = self.of_table(lambda: features.transform(table), "FeaturePipeline.transform(Arrow table)")

        def answers() -> dict[str, np.ndarray]:
            return dict(zip(race_features.NAMES, task.answers().values(), strict=True))

        return Task(task.run, answers, task.call)

    # -- pipelines ---------------------------------------------------------------------------------------

    def all_rows(self) -> Task:
        fast, table = perfcore.compile(self.pipeline()), self.table()
        return Task(
            lambda: fast.predict_proba(table), lambda: {"": fast.predict_proba(table)}, "predict_proba(DataFrame)"
        )

    def one_frame(self) -> Task:
        fast, table = perfcore.compile(self.pipeline()), self.table()
        rows = [table.iloc[[i]] for i in range(len(table))]

        def run() -> list[np.ndarray]:
            return [fast.predict_proba(row) for row in rows]

        return Task(run, lambda: {"": np.concatenate(run())}, "predict_proba(DataFrame of one row)")

    def one_dict(self) -> Task:
        return self._one(lambda table: table.to_dict("records"), "predict_proba_one(dict)")

    def one_tuple(self) -> Task:
        return self._one(lambda table: list(table.itertuples(index=False, name=None)), "predict_proba_one(tuple)")

    def _one(self, rows_of: Any, call: str) -> Task:
        fast = perfcore.compile(self.pipeline())
        rows, ask = rows_of(self.table()), fast.predict_proba_one

        def run() -> list[np.ndarray]:
            return [ask(row) for row in rows]

        return Task(run, lambda: {"": np.stack(run())}, call)


def _feature(name: str) -> Any:
    """From "mean 20" to ``f.mean(20)``."""
    kind, n = name.split()
    return f.ewm_mean(span=int(n)) if kind == "ewm_mean" else getattr(f, kind)(int(n))
