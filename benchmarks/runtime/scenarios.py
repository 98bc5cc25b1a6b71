"""What is measured. An id is permanent: a scenario that must change gets a new one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import psutil

OWN = "perfcore"
BEST = "the best"  # of all the others


@dataclass(frozen=True)
class Target:
    """Bounds of a figure of perfcore's, or of how many times as long a side takes."""

    of: str  # a figure, a side, or `BEST`
    least: float | None = None
    most: float | None = None

    def is_met(self, found: float) -> bool:
        return (self.least is None or found >= self.least) and (self.most is None or found <= self.most)


@dataclass(frozen=True)
class Scenario:
    """Each side in a process of its own, perfcore first."""

    what: str
    does: str  # module and function of this package
    targets: tuple[Target, ...]
    unit: str = ""  # what a time is of; without one there are figures only
    sides: tuple[str, ...] = ()  # who is asked beside perfcore
    models: tuple[str, ...] = ()  # of `benchmarks.scenarios.RECIPES`
    settings: dict[str, Any] = field(default_factory=dict)
    few: dict[str, Any] = field(default_factory=dict)  # settings where answers alone are compared
    near: float = 0.0  # how far answers may lie apart, relatively; 0: the same bits
    rounds: int = 7  # at most
    told: tuple[str, ...] = ()  # figures for the README beside those of the targets
    small: bool = False  # models as small as where answers alone are compared
    is_tiny: bool = False

    def tiny(self) -> Scenario:
        return replace(self, settings=self.settings | self.few, is_tiny=True)


_CALLERS = {"callers": 1_000, "objective": 0.010}
_FEW_CALLERS = {"callers": 40}
_TUNED = (
    ("lgb31", (10, 100, 1_000, 50_000)), ("xgb6", (100, 20_000)), ("hgb31", (1_000, 20_000)), ("rf10", (200, 5_000)),
)  # fmt: skip

# Two cores cannot show it: there the figure is told, and held against nothing.
_CORES = (Target("one thread", least=2),) if (psutil.cpu_count(logical=False) or 1) >= 4 else ()

SCENARIOS = {
    "runtime-batcher-asyncio": Scenario(
        "1,000 asyncio callers of one row each, LightGBM, 500 trees × 31 leaves", "callers.of_loop",
        (Target("LightGBM", least=5), Target("p99 (ms)", most=10)), "request", ("LightGBM", "perfcore, no batcher"),
        ("lgb31",), _CALLERS, _FEW_CALLERS,
    ),
    "runtime-batcher-threads": Scenario(
        "8 threads, 200 calls of one row each, the same model", "callers.of_threads", (Target("LightGBM", least=1),),
        "request", ("LightGBM", "perfcore, no batcher"), ("lgb31",), {"threads": 8, "calls": 200}, {"calls": 5},
    ),
    "runtime-batcher-pipeline": Scenario(
        "1,000 asyncio callers of a dict each, a scikit-learn pipeline that is not compiled", "callers.of_pipeline",
        (Target("scikit-learn", least=20), Target("p99 (ms)", most=100)), "request", ("scikit-learn",),
        settings=_CALLERS | {"objective": 0.100}, few=_FEW_CALLERS,
    ),
    "runtime-threads-tuned": Scenario(
        "the default thread count after tune(), 10 workloads of 4 models, against each fixed count", "threads.tuned",
        (Target("worst / best count", most=1.05), Target("worst / one thread", most=1.05)),
        models=("lgb31", "xgb6", "hgb31", "rf10"), settings={"workloads": _TUNED, "seconds": 0.2},
        few={"workloads": (("lgb31", (10, 100)),), "seconds": 0.0}, rounds=3,
    ),
    "runtime-joblib": Scenario(
        "80,000 rows in 8 parts by 8 joblib threads, the predictor's own threads at their default", "threads.joblib",
        (Target(BEST, least=0.95),), "row", ("one call", "8 calls in turn", "joblib, a thread a core, one each"),
        ("lgb31",), {"rows": 80_000, "times": 80}, {"rows": 800, "times": 2},
    ),
    "runtime-cores": Scenario(
        "100,000 rows by all threads, against one", "cores.one_process", _CORES, "row", ("one thread",), ("lgb31",),
        {"rows": 100_000}, {"rows": 2_000}, told=("CPU s per 1,000 predictions",),
    ),
    "runtime-workers": Scenario(
        "4 forked processes, 10,000 rows each at once, the predictor's own threads at their default", "cores.forked",
        (Target(BEST, least=0.9),), "row", ("one thread each", "one process"), ("lgb31",),
        {"rows": 40_000, "processes": 4, "times": 80}, {"rows": 800, "times": 2},
    ),
    "runtime-transform": Scenario(
        "rolling mean, std, max of 2 columns of 400 stocks, 200,000 rows; then 100 trees", "transform.of_groups",
        (Target("pandas", least=1.2),), "row", ("pandas", "pandas, shrunk"), settings={"rows": 200_000},
        few={"rows": 21_000}, near=1e-6, told=("CPU s per 1,000 predictions",),
    ),
    "runtime-day": Scenario(
        "100,000 predictions, 50 other models, 200 resizes of a cache, 50 restarts of the monitor", "day.whole",
        (
            Target("heap, low of 95 %", most=0), Target("resident, low of 95 %", most=0),
            Target("descriptors more", most=0), Target("threads more", most=0),
        ),
        models=("lgb31", "xgb6"), small=True, settings={"predictions": 100_000, "swaps": 50},
        few={"predictions": 1_000}, rounds=1, told=("heap (bytes a swap)", "resident (bytes a swap)"),
    ),
    "runtime-leaks": Scenario(
        "4 planted leaks: a native buffer, a cycle, a dict, an optuna study; 20 clean functions", "watching.leaks",
        (Target("planted found", least=4), Target("planted named", least=4), Target("clean, found leaking", most=0)),
        settings={"clean": 20}, few={"clean": 3}, rounds=1,
    ),
    "runtime-monitor": Scenario(
        "SystemMonitor at an interval of 1 s", "watching.monitor",
        (Target("% of a core", most=1), Target("stops in (ms)", most=1_000)), models=("lgb31",),
        settings={"seconds": 4}, rounds=3,
    ),
    "runtime-metrics": Scenario(
        "predict_one of 500 trees × 31 leaves while metrics are served", "watching.served",
        (Target("served / not served", most=1.03),), "call", models=("lgb31",),
        settings={"calls": 20_000, "blocks": 15}, few={"calls": 100, "blocks": 1}, told=("scrape (ms of CPU)",),
    ),
}  # fmt: skip
