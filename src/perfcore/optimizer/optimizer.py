"""IntegratedPerformanceOptimizer: caches, a batch processor, and actions that are measured."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from datetime import datetime
from typing import Any

from . import actions
from .batch_processor import PredictionBatchProcessor
from .feature_cache import FeatureCache
from .model_cache import ModelCache
from .result import OptimizationPriority, OptimizationResult, OptimizationStrategy, OptimizationTarget, improvements
from .state import Observer, SystemState, captured

_ACTIONS: dict[str, actions.Action] = {
    "memory_usage": actions.memory_usage,
    "model_cache": actions.model_cache,
    "prediction_speed": actions.prediction_speed,
    "feature_processing": actions.feature_processing,
    "cpu_efficiency": actions.cpu_efficiency,
}


def _strategies() -> list[OptimizationStrategy]:
    target, priority = OptimizationTarget, OptimizationPriority
    return [
        OptimizationStrategy(target.MEMORY_USAGE, priority.HIGH, "memory_usage"),
        OptimizationStrategy(target.CACHE_PERFORMANCE, priority.HIGH, "model_cache"),
        OptimizationStrategy(target.PREDICTION_SPEED, priority.HIGH, "prediction_speed"),
        OptimizationStrategy(target.FEATURE_PROCESSING, priority.MEDIUM, "feature_processing"),
        OptimizationStrategy(target.CPU_EFFICIENCY, priority.MEDIUM, "cpu_efficiency"),
    ]


class IntegratedPerformanceOptimizer:
    """Watches over a predictor's caches, batches, memory and threads, and does something about them when asked.

    Attributes
    ----------
    model_cache, feature_cache, batch_processor : what it watches over; may be used by anybody, also from threads
    strategies : which actions `run_comprehensive_optimization` takes, in the order of their priority
    state_history : the last 1,000 states
    optimization_results : the last 100 results
    """

    def __init__(
        self,
        model_cache: ModelCache | None = None,
        feature_cache: FeatureCache | None = None,
        batch_processor: PredictionBatchProcessor | None = None,
    ):
        self.model_cache = model_cache or ModelCache(max_size=50, ttl_seconds=7200)
        self.feature_cache = feature_cache or FeatureCache(max_features=5000)
        self.batch_processor = batch_processor or PredictionBatchProcessor(batch_size=50, max_workers=6)
        self.strategies = _strategies()
        self.state_history: deque[SystemState] = deque(maxlen=1000)
        self.optimization_results: deque[OptimizationResult] = deque(maxlen=100)
        self.auto_optimization_enabled = False
        self.optimization_interval_seconds = 3600
        self._observer = Observer()
        self._lock = threading.RLock()
        _optimizers.add(self)
        self._looked: dict[str, tuple[int, int, int]] = {}  # look-ups, hits and misses for room at the last run
        self._rates: dict[str, float] = {}  # hit rates before an adjustment whose effect is to be seen
        self._held: weakref.finalize | None = None  # lifts the limit of threads that an action set

    # -- actions ----------------------------------------------------------------------------------

    def optimize_memory_usage(self) -> OptimizationResult:
        """Let go of idle entries and give memory back; what that freed."""
        return self._run("memory_usage")

    def optimize_model_cache(self) -> OptimizationResult:
        """More room for models, where they are missed for want of it."""
        return self._run("model_cache")

    def optimize_feature_processing(self) -> OptimizationResult:
        """More room for features, where they are missed for want of it, and compression where it pays."""
        return self._run("feature_processing")

    def optimize_prediction_speed(self) -> OptimizationResult:
        """Batches as large as their measured cost allows."""
        return self._run("prediction_speed")

    def optimize_cpu_efficiency(self) -> OptimizationResult:
        """No more threads in any pool than there are CPUs to use."""
        return self._run("cpu_efficiency")

    def run_comprehensive_optimization(self) -> list[OptimizationResult]:
        """All enabled strategies, the most urgent first; one that fails does not keep others back."""
        results = []
        for strategy in sorted(self.strategies, key=lambda each: each.priority):
            if strategy.enabled:
                result = self._run(strategy.method)
                result["strategy_config"] = {
                    "target": strategy.target.value,
                    "priority": strategy.priority.name.lower(),
                    "method": strategy.method,
                    "parameters": dict(strategy.parameters),
                }
                results.append(result)
        return results

    def _run(self, name: str) -> OptimizationResult:
        began = time.perf_counter()
        with self._lock:
            try:
                result = OptimizationResult(_ACTIONS[name](self)) if name in _ACTIONS else _unknown(name)
                result.setdefault("success", True)
            except Exception as error:
                result = OptimizationResult(strategy=name, outcome="failed", improvement_percent=0.0, success=False)
                result["error"] = f"{type(error).__name__}: {error}"
            result["execution_time_ms"] = 1e3 * (time.perf_counter() - began)
            result["timestamp"] = datetime.now().isoformat()
            self.optimization_results.append(result)
        return result

    def _hold_threads(self, held: Any) -> None:
        self._lift_threads()
        self._held = weakref.finalize(self, held.__enter__().__exit__)  # once, also where nobody cleans up
        self._held.atexit = False

    def _lift_threads(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held()

    # -- what is seen -----------------------------------------------------------------------------

    def capture_system_state(self) -> SystemState:
        """Look now; it is kept in ``state_history``."""
        with self._lock:
            state = captured(
                self._observer, len(self.model_cache.cache), len(self.feature_cache.cache), self.batch_processor
            )
            self.state_history.append(state)
        return state

    def get_performance_report(self) -> dict[str, Any]:
        """State, caches, what was done and with what success, and the configuration; all of it measured.

        ``improvement_percent_by_strategy`` adds up what each strategy's runs measured. Percents of different things do
        not add up: ``total_improvement_percent`` is that of the strategy that improved most, and
        ``average_improvement_percent`` what a run of it did.
        """
        state = self.capture_system_state()
        results = list(self.optimization_results)
        improved = improvements(results)
        most = max(improved, key=improved.__getitem__, default=None)
        total = 0.0 if most is None else improved[most]
        runs = sum(result["strategy"] == most for result in results)
        return {
            "timestamp": state.timestamp.isoformat(),
            "system_state": state.as_dict(),
            "cache_performance": {
                "model_cache": self.model_cache.get_stats(),
                "feature_cache": self.feature_cache.get_stats(),
                "batch_processor": self.batch_processor.get_stats(),
            },
            "optimization_summary": {
                "total_optimizations": len(results),
                "recent_optimizations": len(results[-10:]),
                "successful_optimizations": sum(bool(result["success"]) for result in results),
                "improvement_percent_by_strategy": improved,
                "total_improvement_percent": total,
                "average_improvement_percent": total / runs if runs else 0.0,
                "last_optimization": results[-1]["timestamp"] if results else None,
            },
            "recent_optimization_details": results[-10:],
            "base_performance_report": {},
            "configuration": {
                "auto_optimization_enabled": self.auto_optimization_enabled,
                "optimization_interval_seconds": self.optimization_interval_seconds,
                "profiling_enabled": False,
            },
        }

    def cleanup(self) -> None:
        """Empty the caches, lift what it holds; it can be used again."""
        self.model_cache.clear()
        self.feature_cache.clear()
        with self._lock:
            self._lift_threads()


def _unknown(name: str) -> OptimizationResult:
    raise ValueError(f"no action {name!r}: there are {', '.join(_ACTIONS)}")


_optimizers: weakref.WeakSet[IntegratedPerformanceOptimizer] = weakref.WeakSet()
_instance: IntegratedPerformanceOptimizer | None = None
_instance_lock = threading.Lock()


def _after_fork() -> None:
    """In a child nobody is left who would give these back; what an action was about is not waited for."""
    global _instance_lock
    _instance_lock = threading.Lock()
    for optimizer in list(_optimizers):
        optimizer._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_integrated_optimizer() -> IntegratedPerformanceOptimizer:
    """The one of this process, made when it is first asked for."""
    global _instance
    with _instance_lock:
        if _instance is None:
            _instance = IntegratedPerformanceOptimizer()
        return _instance


def reset_integrated_optimizer() -> None:
    """Let go of the one of this process, with all that it holds; the next one is new."""
    global _instance
    with _instance_lock:
        instance, _instance = _instance, None
    if instance is not None:
        instance.cleanup()


def optimize_system_performance() -> list[OptimizationResult]:
    """All that the optimizer of this process can do, done; what that was and what it did."""
    return get_integrated_optimizer().run_comprehensive_optimization()


def get_system_performance_report() -> dict[str, Any]:
    """What the optimizer of this process sees now."""
    return get_integrated_optimizer().get_performance_report()
