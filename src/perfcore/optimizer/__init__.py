"""The integrated optimizer of the performance guide: every figure measured, every action with an effect to be seen."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "optimizer": (
        "IntegratedPerformanceOptimizer",
        "get_integrated_optimizer",
        "get_system_performance_report",
        "optimize_system_performance",
        "reset_integrated_optimizer",
    ),
    "result": ("OptimizationPriority", "OptimizationResult", "OptimizationStrategy", "OptimizationTarget"),
    "state": ("SystemState",),
    "model_cache": ("ModelCache",),
    "feature_cache": ("FeatureCache",),
    "batch_processor": ("PredictionBatchProcessor",),
    "monitor": ("SystemMonitor", "monitor_system_health"),
    "memory_manager": ("AdvancedMemoryManager", "MemoryProfiler", "gc_settings"),
    "cpu": ("CPUOptimizer",),
    "cache_manager": ("AdvancedCacheManager",),
    "plan": ("AsyncDataFetcher", "MemoryMonitor", "ParallelDataProcessor", "PerformanceProfiler"),
    "scheduler": ("OptimizationScheduler",),
    "services": (
        "BackgroundTaskManager",
        "MLServiceFactory",
        "TrainingService",
        "ml_training_context",
        "monitor_memory_usage",
        "periodic_memory_cleanup",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:  # each costs its import when it is first asked for
        return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
