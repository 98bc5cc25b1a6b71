"""The boat-race features (`perfcore.demo.race_features`) in pandas; `table` is ``races.prepared(...)``, by time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.indexers import BaseIndexer

RACE = ["class", "national", "motor_rate"]


def features(table: pd.DataFrame) -> pd.DataFrame:
    """By groupby(...).rolling, and sums where those are enough."""
    return _features(table, Grouped)


def features_by_indexers(table: pd.DataFrame) -> pd.DataFrame:
    """All groups' windows found by numpy, and one call of rolling for them: sooner, and not what one writes."""
    return _features(table, Indexed)


def _features(table: pd.DataFrame, kind: type[Grouped]) -> pd.DataFrame:
    made: dict[str, np.ndarray] = {}

    racer = kind(table, "racer")
    made["racer_races"], made["racer_win_rate"] = racer.past_mean("won")
    made["racer_top3_rate"] = racer.past_mean("top3")[1]
    made["racer_win_10"], made["racer_place_10"], made["racer_start_10"] = racer.rows(["won", "placed", "start"], 10)
    made["racer_win_30"], made["racer_place_30"] = racer.rows(["won", "placed"], 30)
    made["racer_place_std_30"], made["racer_start_std_30"] = racer.rows(["placed", "start"], 30, "std")
    made["racer_place_ewm"] = racer.ewm("placed", 10)
    made["racer_races_90d"] = racer.days(["won"], 90, "count")[0]
    made["racer_win_90d"], made["racer_start_90d"] = racer.days(["won", "start"], 90)
    made["racer_minutes_since"] = racer.diff("minute")
    made["racer_last_place"] = racer.last("placed")

    made["racer_boat_win_rate"] = kind(table, "racer_boat").past_mean("won")[1]

    motor = kind(table, "motor")
    made["motor_races"], made["motor_win_rate"] = motor.past_mean("won")
    (made["motor_top3_30"],) = motor.rows(["top3"], 30)
    (made["motor_place_90d"],) = motor.days(["placed"], 90)
    (made["motor_exh_time_10"],) = motor.rows(["exh_time"], 10)

    lane = kind(table, "lane")
    made["lane_win_rate"] = lane.past_mean("won")[1]
    (made["lane_win_90d"],) = lane.days(["won"], 90)

    made["stadium_start_90d"] = _stadium_start(table)

    by_race = table.groupby("race", sort=False)
    ranks = by_race[RACE].rank(method="min", ascending=False)
    for name in RACE:
        made[f"race_rank_{name}"] = ranks[name].to_numpy()
    within = pd.DataFrame({"race": table["race"], "weight": table["weight"], "form": made["racer_place_30"]})
    by_race = within.groupby("race", sort=False)
    mean, std = by_race.transform("mean"), by_race.transform("std")
    for name in ("weight", "form"):
        made[f"race_z_{name}"] = ((within[name] - mean[name]) / std[name].where(std[name] > 0)).to_numpy()
    return pd.DataFrame(made)


def _stadium_start(table: pd.DataFrame) -> np.ndarray:
    """Of races first, for an open window lets in rows of the present time that come earlier."""
    races = table.groupby("race", sort=False)
    sums = races["start"].agg(["sum", "count"]).set_index(races["time"].first())
    sums["stadium"] = races["stadium"].first().to_numpy()
    sums = sums.reset_index().sort_values("stadium", kind="stable")
    past = sums.set_index("time").groupby("stadium")[["sum", "count"]].rolling("90D", closed="left").sum()
    found = np.empty(len(sums))
    found[sums.index] = (past["sum"] / past["count"]).to_numpy()
    return np.repeat(found, races.size().to_numpy())


class Grouped:
    """A table by group, each by time; answers are arrays in the table's own order and know the rows before only."""

    def __init__(self, table: pd.DataFrame, key: str):
        self.sorted = table.sort_values(key, kind="stable")
        self.place = self.sorted.index.to_numpy()
        self.key = key
        self.groups = self.sorted.groupby(key)

    def past_mean(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """How many there were, and their mean."""
        there = self.sorted[name].notna().astype(float)
        both = pd.DataFrame({"sum": self.sorted[name].fillna(0.0), "count": there})
        past = both.groupby(self.sorted[self.key]).cumsum() - both
        return self._back(past["count"]), self._back(past["sum"] / past["count"])

    def rows(self, names: list[str], n: int, what: str = "mean") -> list[np.ndarray]:
        past = self.groups[names].rolling(n, min_periods=2 if what == "std" else 1, closed="left")
        return [self._back(column) for _, column in getattr(past, what)().items()]

    def days(self, names: list[str], n: int, what: str = "mean") -> list[np.ndarray]:
        past = self.sorted.set_index("time").groupby(self.key)[names]
        past = past.rolling(f"{n}D", min_periods=0 if what == "count" else 1, closed="left")
        return [self._back(column) for _, column in getattr(past, what)().items()]

    def ewm(self, name: str, span: int) -> np.ndarray:
        smooth = self.groups[name].ewm(span=span).mean()
        return self._back(smooth.groupby(level=0).shift())

    def diff(self, name: str) -> np.ndarray:
        return self._back(self.groups[name].diff())

    def last(self, name: str) -> np.ndarray:
        return self._back(self.groups[name].shift())

    def _back(self, column: pd.Series) -> np.ndarray:
        found = np.empty(len(column))
        found[self.place] = column.to_numpy()
        return found


class Windows(BaseIndexer):
    starts: np.ndarray
    ends: np.ndarray

    def get_window_bounds(self, num_values=0, min_periods=None, center=None, closed=None, step=None):
        return self.starts, self.ends


class Indexed(Grouped):
    """The same by windows that are given for all groups at once."""

    def __init__(self, table: pd.DataFrame, key: str):
        super().__init__(table, key)
        keys, n = self.sorted[key].to_numpy(), len(table)
        firsts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        self.number = np.repeat(np.arange(len(firsts)), np.diff(np.r_[firsts, n]))
        self.first, self.ends = firsts[self.number], np.arange(n)

    def rows(self, names: list[str], n: int, what: str = "mean") -> list[np.ndarray]:
        return self._of(Windows(starts=np.maximum(self.first, self.ends - n), ends=self.ends), names, what)

    def days(self, names: list[str], n: int, what: str = "mean") -> list[np.ndarray]:
        times = self.sorted["time"].to_numpy().astype("M8[s]").astype(np.int64)
        # Groups one after the other on one long line of time.
        line = times - times.min() + self.number * (times.max() - times.min() + (n + 1) * 86_400)
        return self._of(Windows(starts=np.searchsorted(line, line - n * 86_400), ends=self.ends), names, what)

    def _of(self, windows: Windows, names: list[str], what: str) -> list[np.ndarray]:
        past = self.sorted[names].rolling(windows, min_periods={"std": 2, "count": 0}.get(what, 1))
        return [self._back(column) for _, column in getattr(past, what)().items()]
