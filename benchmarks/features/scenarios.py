"""What is measured. An id is permanent: a scenario that must change gets a new one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

OWN = "perfcore"
BEST = "the fastest"  # of all the others
SHARED = "../shared/data"
EIGHT = ("mean 20", "std 20", "min 20", "max 20", "mean 50", "sum 50", "lag 1", "diff 1")
TWENTY = (
    *(f"close: mean {n}" for n in (5, 10, 20, 50)), *(f"close: std {n}" for n in (10, 20, 50)),
    "close: min 20", "close: max 20", "close: ewm_mean 12", "close: ewm_mean 26", "close: rsi 14", "close: lag 1",
    "close: diff 1", "close: pct_change 1", "close: zscore 20", "volume: mean 20", "volume: std 20", "volume: max 20",
    "volume: sum 20",
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """One thread on all sides; each in a process of its own."""

    what: str
    does: str  # a method of the contenders
    sides: tuple[str, ...]  # who is asked beside perfcore
    targets: dict[str, float]  # perfcore is to be so many times as fast as that side
    rows: int  # of the data; times are of one, or of a call
    unit: str = "row"
    settings: dict[str, Any] = field(default_factory=dict)
    few: int = 2_000  # rows where answers alone are compared

    def tiny(self) -> Scenario:
        groups = {"groups": 20} if "groups" in self.settings else {}
        return replace(self, rows=min(self.rows, self.few), settings=self.settings | groups)


def _rolling(what: str, least: float, *sides: str) -> Scenario:
    return Scenario(f"rolling {what}, window 50", f"rolling_{what}", sides, {BEST: least}, 2_000_000,
                    settings={"window": 50})  # fmt: skip


def _census(what: str, does: str, least: float, rows: int, data: str | None = None, of: str = "call") -> Scenario:
    return Scenario(what, does, ("scikit-learn",), {BEST: least}, rows, of, {"data": data})


def _races(what: str, data: str | None = None) -> Scenario:
    sides = ("pandas", "pandas, windows by numpy", "polars")
    return Scenario(what, "races", sides, {"pandas": 10, "polars": 3}, 236_160, settings={"data": data}, few=3_000)


def _groups(what: str, least: float, *made: str) -> Scenario:
    settings = {"groups": 2_000, "made": made}
    return Scenario(what, "groups", ("pandas", "polars"), {"pandas": least, "polars": least}, 1_000_000,
                    settings=settings, few=10_000)  # fmt: skip


SCENARIOS = {
    "features-census-1row": _census("one row through the census pipeline, from a dict", "one_dict", 200, 256),
    "features-census-1row-tuple": _census("one row, from a tuple of its cells", "one_tuple", 200, 256),
    "features-census-1row-frame": _census("one row, from a DataFrame of one row", "one_frame", 30, 256),
    "features-census": _census("32,561 rows through it", "all_rows", 5, 32_561, of="row"),
    "features-census-real": _census("the same, the real census", "all_rows", 5, 32_561, SHARED, of="row"),
    "features-rolling-mean": _rolling("mean", 0.9, "bottleneck", "TA-Lib", "pandas", "polars"),
    "features-rolling-std": _rolling("std", 0.8, "bottleneck", "TA-Lib", "pandas", "polars"),
    "features-rolling-max": _rolling("max", 0.9, "bottleneck", "TA-Lib", "pandas", "polars"),
    "features-rolling-median": _rolling("median", 1.5, "bottleneck", "pandas", "polars"),
    "features-ema": Scenario("EMA, period 26", "ema", ("TA-Lib",), {BEST: 0.95}, 2_000_000, settings={"window": 26}),
    "features-rsi": Scenario("RSI, period 14", "rsi", ("TA-Lib",), {BEST: 0.95}, 2_000_000, settings={"window": 14}),
    "features-short-std": Scenario(
        "rolling std of 200 rows, window 20, the call included", "rolling_std", ("bottleneck", "TA-Lib", "pandas"),
        {"bottleneck": 0.7}, 200, "call", {"window": 20},
    ),
    "features-groups-std": _groups("2,000 groups × 500 rows, integer keys in order: rolling std", 8, "std 50"),
    "features-groups-eight": _groups("the same groups, eight features at once", 10, *EIGHT),
    "features-bar": Scenario(
        "one bar into 20 features of one entity", "bar", ("an empty method call",), {"an empty method call": 0.01},
        2_000, "call", {"made": TWENTY},
    ),
    "features-boatrace": _races("30 pre-race features of 39,360 boat races"),
    "features-boatrace-real": _races("the same, real races", SHARED),
}  # fmt: skip
