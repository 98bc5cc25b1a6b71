"""The guide's memory manager and memory profiler."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psutil

from ..amounts import amount, whole
from ..errors import ConfigurationError
from ..runtime.memory import trim
from .messages import say
from .optimizer import get_integrated_optimizer

IDLE_SECONDS = 3600
LARGEST_THRESHOLD = 2**31 - 1  # the collector's are C's ints
FROZEN_AT_START = 500  # objects that Python 3.12 freezes itself, 375; other versions none
MANY_FEATURES, FEWER = 100, 50


class AdvancedMemoryManager:
    """Looks at the memory of this process and cleans up.

    Parameters
    ----------
    memory_threshold_mb : resident memory above which it is time to clean up
    cleanup_frequency : and after so long

    Raises
    ------
    ConfigurationError
        For other than megabytes above 0, and a `timedelta` from 0.
    """

    def __init__(self, memory_threshold_mb: float = 800, cleanup_frequency: timedelta = timedelta(minutes=15)):
        self.memory_threshold_mb = amount("memory_threshold_mb", memory_threshold_mb, "megabytes")
        if not isinstance(cleanup_frequency, timedelta) or cleanup_frequency < timedelta(0):
            raise ConfigurationError(f"cleanup_frequency={cleanup_frequency!r}: allowed are timedeltas from 0")
        self.cleanup_frequency = cleanup_frequency
        self.last_cleanup = datetime.now()

    def analyze_memory_usage(self) -> dict[str, Any]:
        process = psutil.Process()
        info = process.memory_info()
        return {
            "rss_mb": info.rss / 2**20,
            "vms_mb": info.vms / 2**20,
            "percent": process.memory_percent(),
            "available_mb": psutil.virtual_memory().available / 2**20,
            "gc_counts": gc.get_count(),
            "gc_threshold": gc.get_threshold(),
        }

    def aggressive_cleanup(self) -> dict[str, Any]:
        """Collect garbage, let go of models idle for an hour and of fifty of many features, give memory back."""
        collected = {f"gen_{generation}": gc.collect(generation) for generation in range(3)}
        collected["unreachable"] = gc.collect()
        optimizer = get_integrated_optimizer()
        features = len(optimizer.feature_cache.cache)
        models = optimizer.model_cache.drop_idle(IDLE_SECONDS)
        if features > MANY_FEATURES:
            for _ in range(FEWER):
                optimizer.feature_cache._evict_least_used()
        freed = trim().freed
        self.last_cleanup = datetime.now()
        return {
            "gc_collected": collected,
            "model_cache_reduced": models,
            "feature_cache_reduced": features - len(optimizer.feature_cache.cache),
            "memory_freed_mb": freed / 2**20,
            "cleanup_time": self.last_cleanup,
        }

    def should_cleanup(self) -> bool:
        rss_mb = psutil.Process().memory_info().rss / 2**20
        return rss_mb > self.memory_threshold_mb or datetime.now() - self.last_cleanup > self.cleanup_frequency

    def optimize_gc_settings(self) -> dict[str, Any]:
        """Sets what the guide sets, CPython's default up to 3.12; later ones collect more seldom by default.

        What was and is comes back. `gc_settings` measures what a setting costs, and restores what was.
        """
        before = gc.get_threshold()
        gc.set_threshold(700, 10, 10)
        gc.set_debug(0)
        return {"before": before, "after": gc.get_threshold()}


@contextmanager
def gc_settings(threshold: tuple[int, ...] | None = None, *, freeze: bool = False) -> Iterator[dict[str, float]]:
    """``with gc_settings((50_000, 20, 20)) as seen: ...``: the collector runs more seldom, and is as it was afterwards.

    Parameters
    ----------
    threshold : one to three whole numbers, as `gc.set_threshold` takes them; None leaves them as they are, to see what
        the collector takes now
    freeze : leave what is there now out of collections, as after loading large models; nothing where somebody has
        frozen something already, which could not be left as it was

    Yields
    ------
    dict
        ``collections`` and ``seconds`` that they took, so far: whether a setting is worth it, with and without

    Raises
    ------
    ConfigurationError
        For thresholds that are not one to three whole numbers from 0.
    """
    if threshold is not None:
        if not isinstance(threshold, tuple | list) or not 1 <= len(threshold) <= 3:
            raise ConfigurationError(f"threshold={threshold!r}: allowed are None and one to three whole numbers")
        threshold = tuple(whole("threshold", each, 0, LARGEST_THRESHOLD) for each in threshold)
    before, seen, began = gc.get_threshold(), {"collections": 0.0, "seconds": 0.0}, 0.0

    def count(phase: str, _: dict) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            seen["collections"] += 1
            seen["seconds"] += time.perf_counter() - began

    freeze = freeze and gc.get_freeze_count() <= FROZEN_AT_START
    try:
        if freeze:
            gc.collect()
            gc.freeze()
        if threshold is not None:
            gc.set_threshold(*threshold)
        gc.callbacks.append(count)
        yield seen
    finally:
        if count in gc.callbacks:
            gc.callbacks.remove(count)
        gc.set_threshold(*before)
        if freeze:
            gc.unfreeze()


class MemoryProfiler:
    """Snapshots of what Python code allocated, by line, and what changed between them."""

    def __init__(self) -> None:
        self.snapshots: list[dict[str, Any]] = []
        self._began_tracing = False

    def start_profiling(self) -> None:
        if not tracemalloc.is_tracing():
            tracemalloc.start()
            self._began_tracing = True
        say("メモリプロファイリング開始")

    def take_snapshot(self, label: str = "") -> None:
        if not tracemalloc.is_tracing():
            say("プロファイリングが開始されていません")
            return
        self.snapshots.append({"snapshot": tracemalloc.take_snapshot(), "label": label, "timestamp": datetime.now()})
        say(f"スナップショット取得: {label}")

    def analyze_top_memory_usage(self, snapshot_index: int = -1, top_n: int = 10) -> list[tuple[str, float]]:
        """The lines that hold most, and megabytes; printed, too. Empty without a snapshot.

        Raises
        ------
        ConfigurationError
            For a snapshot that there is not, and other than whole numbers of lines.
        """
        top_n = whole("top_n", top_n)
        if not self.snapshots:
            say("スナップショットがありません")
            return []
        found = self._snapshot("snapshot_index", snapshot_index).statistics("lineno")[:top_n]
        lines = [(str(each.traceback), each.size / 2**20) for each in found]
        say("\n".join(f"{number:2d}. {mb:.1f}MB - {place}" for number, (place, mb) in enumerate(lines, 1)))
        return lines

    def compare_snapshots(self, before_index: int = 0, after_index: int = -1) -> list[tuple[str, float, int]]:
        """The ten lines that changed most, megabytes and objects more or less; printed, too. Empty below two snapshots.

        Raises
        ------
        ConfigurationError
            Where there are two, for one that there is not.
        """
        if len(self.snapshots) < 2:
            say("比較するには最低2つのスナップショットが必要です")
            return []
        before = self._snapshot("before_index", before_index)
        after = self._snapshot("after_index", after_index)
        found = after.compare_to(before, "lineno")[:10]
        lines = [(str(each.traceback), each.size_diff / 2**20, each.count_diff) for each in found if each.size_diff]
        say("\n".join(f"  {mb:+.1f}MB ({count:+d}) - {place}" for place, mb, count in lines))
        return lines

    def _snapshot(self, name: str, index: Any) -> tracemalloc.Snapshot:
        n = len(self.snapshots)
        if isinstance(index, bool) or not isinstance(index, int) or not -n <= index < n:
            raise ConfigurationError(f"{name}={index!r}: there are {n} snapshots: allowed is {-n} to {n - 1}")
        return self.snapshots[index]["snapshot"]

    def stop_profiling(self) -> None:
        """End tracing, unless it was on before."""
        if self._began_tracing:
            tracemalloc.stop()
            self._began_tracing = False
        say("メモリプロファイリング停止")
