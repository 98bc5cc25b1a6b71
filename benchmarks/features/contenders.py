"""Who is asked: a class each, with a method for each of what scenarios do. Imports are made where they are used, for
each runs in a process, and maybe an environment, of its own.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Task:
    """What is timed, once; and all that is to be right, by name."""

    run: Callable[[], Any]
    answers: Callable[[], dict[str, np.ndarray]]
    call: str


class Contender:
    distribution: str
    calls: dict[str, str] = {}  # how it is asked, in words, where there is a choice

    def __init__(self, folder: Path, settings: dict[str, Any]):
        self.folder, self.settings = folder, settings
        self.version = f"{self.distribution} {metadata.version(self.distribution)}"

    def load(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy")

    def table(self) -> Any:
        return pickle.loads((self.folder / "table.pickle").read_bytes())

    def pipeline(self) -> Any:
        return pickle.loads((self.folder / "pipeline.pickle").read_bytes())

    def of_series(self, make: Callable, hand: Callable = lambda x: x, call: str = "") -> Task:
        """`make` of the series, and of the hostile ones; `hand` puts one into what the contender likes best."""
        x = hand(self.load("x"))
        with np.load(self.folder / "hostile.npz") as file:
            odd = {name: hand(file[name]) for name in file.files}

        def answers() -> dict[str, np.ndarray]:
            return {name: np.asarray(make(each), dtype=float) for name, each in ({"": x} | odd).items()}

        return Task(lambda: make(x), answers, call)

    def of_table(self, make: Callable[[], Any], call: str) -> Task:
        """`make` a frame of features."""

        def answers() -> dict[str, np.ndarray]:
            made = make()
            names = made.column_names if hasattr(made, "column_names") else made.columns  # Arrow's, or the others'
            return {name: np.asarray(made[name].to_numpy(), dtype=float) for name in names}

        return Task(make, answers, call)


class Bottleneck(Contender):
    distribution = "bottleneck"

    def rolling(self, name: str, call: str, **options: Any) -> Task:
        import bottleneck

        make = getattr(bottleneck, f"move_{name}")
        return self.of_series(lambda x, n=self.settings["window"]: make(x, n, **options), call=call)

    def rolling_mean(self) -> Task:
        return self.rolling("mean", "move_mean")

    def rolling_std(self) -> Task:
        return self.rolling("std", "move_std(ddof=1)", ddof=1)

    def rolling_max(self) -> Task:
        return self.rolling("max", "move_max")

    def rolling_median(self) -> Task:
        return self.rolling("median", "move_median")


class Talib(Contender):
    distribution = "TA-Lib"

    def _made(self, name: str) -> Task:
        import talib

        return self.of_series(partial(getattr(talib, name), timeperiod=self.settings["window"]), call=name)

    def rolling_mean(self) -> Task:
        return self._made("SMA")

    def rolling_std(self) -> Task:
        n, task = self.settings["window"], self._made("STDDEV")
        # Its own divides by n; what is compared, and not what is timed, is put right.
        scale = np.sqrt(n / (n - 1))
        return Task(task.run, lambda: {name: each * scale for name, each in task.answers().items()}, task.call)

    def rolling_max(self) -> Task:
        return self._made("MAX")

    def ema(self) -> Task:
        return self._made("EMA")

    def rsi(self) -> Task:
        return self._made("RSI")


class Pandas(Contender):
    distribution = "pandas"

    def rolling(self, name: str) -> Task:
        import pandas as pd

        n = self.settings["window"]
        return self.of_series(lambda x: getattr(x.rolling(n), name)(), pd.Series, f"Series.rolling({n}).{name}()")

    def rolling_mean(self) -> Task:
        return self.rolling("mean")

    def rolling_std(self) -> Task:
        return self.rolling("std")

    def rolling_max(self) -> Task:
        return self.rolling("max")

    def rolling_median(self) -> Task:
        return self.rolling("median")

    def groups(self) -> Task:
        import pandas as pd

        table = pd.DataFrame({"key": self.load("keys"), "x": self.load("x")})

        def make() -> Any:
            groups = table.groupby("key", sort=False)["x"]
            made = {}
            for each in self.settings["made"]:
                kind, n = each.split()
                if kind in ("lag", "diff"):
                    made[each] = groups.shift(int(n)) if kind == "lag" else groups.diff(int(n))
                else:
                    made[each] = getattr(groups.rolling(int(n)), kind)().to_numpy()
            return pd.DataFrame(made)

        return self.of_table(make, "groupby(sort=False).rolling(...)")

    def races(self) -> Task:
        from .races_pandas import features

        return self._races(features, "groupby(...).rolling(..., closed='left')")

    def _races(self, features: Callable, call: str) -> Task:
        import pyarrow.feather

        table = pyarrow.feather.read_table(self.folder / "races.arrow").to_pandas()
        return self.of_table(lambda: features(table), call)


class PandasWindows(Pandas):
    """Their windows for all groups at once: what pandas can be brought to."""

    def races(self) -> Task:
        from .races_pandas import features_by_indexers

        return self._races(features_by_indexers, "rolling(BaseIndexer), its windows by numpy")


class Polars(Contender):
    distribution = "polars"

    def rolling(self, name: str) -> Task:
        import polars as pl

        n = self.settings["window"]
        call = f"Series.rolling_{name}({n})"
        return self.of_series(lambda x: getattr(x, f"rolling_{name}")(n), lambda x: pl.Series("x", x), call)

    def rolling_mean(self) -> Task:
        return self.rolling("mean")

    def rolling_std(self) -> Task:
        return self.rolling("std")

    def rolling_max(self) -> Task:
        return self.rolling("max")

    def rolling_median(self) -> Task:
        return self.rolling("median")

    def groups(self) -> Task:
        import polars as pl

        table = pl.DataFrame({"key": self.load("keys"), "x": self.load("x")}).with_columns(pl.col("key").set_sorted())
        made = []
        for each in self.settings["made"]:
            kind, n = each.split()
            kind = {"lag": "shift", "diff": "diff"}.get(kind, f"rolling_{kind}")
            column = getattr(pl.col("x"), kind)(int(n)).over("key", mapping_strategy="explode")
            made.append(column.alias(each))
        return self.of_table(lambda: table.select(made), "over('key', mapping_strategy='explode'), one thread")

    def races(self) -> Task:
        import polars as pl

        from .races_polars import features

        table = pl.read_ipc(self.folder / "races.arrow")
        return self.of_table(lambda: features(table), "over(...), one thread")


class Sklearn(Contender):
    distribution = "scikit-learn"

    def all_rows(self) -> Task:
        pipeline, table = self.pipeline(), self.table()
        return Task(
            lambda: pipeline.predict_proba(table),
            lambda: {"": pipeline.predict_proba(table)},
            "predict_proba(DataFrame)",
        )

    def one_frame(self) -> Task:
        pipeline, table = self.pipeline(), self.table()
        rows = [table.iloc[[i]] for i in range(len(table))]

        def run() -> list[np.ndarray]:
            return [pipeline.predict_proba(row) for row in rows]

        return Task(run, lambda: {"": np.concatenate(run())}, "predict_proba(DataFrame of one row)")

    one_dict = one_tuple = one_frame  # it takes neither


class EmptyMethodCall(Contender):
    distribution = "numpy"

    def bar(self) -> Task:
        class Empty:
            def update(self, bar: Any) -> None:
                pass

        update = Empty().update
        bars = list(zip(self.load("x").tolist(), self.load("volume").tolist(), strict=True))

        def run() -> None:
            for bar in bars:
                update(bar)

        return Task(run, dict, "Empty().update(bar), in a loop")


REQUIREMENTS = {  # of what the test environment has not
    "bottleneck": ("bottleneck>=1.6", "numpy=={numpy}"),
    "TA-Lib": ("TA-Lib>=0.8.2", "numpy=={numpy}"),
}
RIVALS: dict[str, type[Contender]] = {
    "bottleneck": Bottleneck,
    "TA-Lib": Talib,
    "pandas": Pandas,
    "pandas, windows by numpy": PandasWindows,
    "polars": Polars,
    "scikit-learn": Sklearn,
    "an empty method call": EmptyMethodCall,
}
