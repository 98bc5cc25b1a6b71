"""The guide's monitor: metrics over time, warnings, and actions against them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..amounts import CENTURY, amount
from ..runtime.ticker import Ticker
from .actions import LOOKUPS
from .messages import say
from .optimizer import get_integrated_optimizer

MEMORY_MB, CPU_PERCENT, RESPONSE_MS, HIT_RATE = 1000.0, 80.0, 1000.0, 0.7
MOST, KEPT = 1000, 500  # of the history


def monitor_system_health() -> tuple[dict[str, float], list[str]]:
    """What the optimizer of this process sees, and warnings of what lies beyond the guide's bounds.

    A hit rate is only judged once there were look-ups enough.
    """
    report = get_integrated_optimizer().get_performance_report()
    state, caches = report["system_state"], report["cache_performance"]
    models = caches["model_cache"]
    metrics = {
        "memory_usage_mb": state["memory_usage_mb"],
        "cpu_usage_percent": state["cpu_usage_percent"],
        "response_time_ms": state["response_time_ms"],
        "model_cache_hit_rate": models["hit_rate"],
        "feature_cache_size": caches["feature_cache"]["size"],
    }
    return metrics, warnings_of(metrics, models["hit_count"] + models["miss_count"])


def warnings_of(metrics: dict[str, float], lookups: int) -> list[str]:
    """The guide's warnings; a value at its bound is no cause for one."""
    found = []
    if metrics["memory_usage_mb"] > MEMORY_MB:
        found.append("高メモリ使用量")
    if metrics["cpu_usage_percent"] > CPU_PERCENT:
        found.append("高CPU使用率")
    if metrics["response_time_ms"] > RESPONSE_MS:
        found.append("応答時間遅延")
    if metrics["model_cache_hit_rate"] < HIT_RATE and lookups >= LOOKUPS:
        found.append("キャッシュ効率低下")
    return found


_ACTIONS = {
    "高メモリ使用量": "optimize_memory_usage",
    "キャッシュ効率低下": "optimize_model_cache",
    "応答時間遅延": "optimize_prediction_speed",
    "高CPU使用率": "optimize_cpu_efficiency",
}


class SystemMonitor:
    """Looks every ``check_interval`` seconds and, where it is asked to, does something about what it warns of.

    Attributes
    ----------
    metrics_history : a dict for each look, with ``timestamp`` and ``warnings``; 1,000 at most
    errors : the last errors of looks that failed; they do not end the monitor
    """

    def __init__(self, check_interval: float = 60, auto_optimize: bool = True):
        self._ticker = Ticker(self._look, check_interval, name="perfcore-monitor", on_error=self._failed)
        self.auto_optimize = auto_optimize
        self.metrics_history: list[dict[str, Any]] = []
        self.errors: list[Exception] = []

    @property
    def check_interval(self) -> float:
        return self._ticker.interval

    @property
    def running(self) -> bool:
        return self._ticker.is_running

    def start_monitoring(self) -> None:
        """Look in the background from now on; nothing, where it does already."""
        self._ticker.start()

    def stop_monitoring(self) -> None:
        """End at once, once a look that is under way is over."""
        self._ticker.stop()

    def __enter__(self) -> SystemMonitor:
        self.start_monitoring()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_monitoring()

    def _look(self) -> None:
        metrics, warnings = monitor_system_health()
        history = [*self.metrics_history, metrics | {"timestamp": datetime.now(), "warnings": warnings}]
        self.metrics_history = history[-KEPT:] if len(history) > MOST else history
        if self.auto_optimize and warnings:
            self._auto_optimize(warnings)

    def _auto_optimize(self, warnings: list[str]) -> None:
        for warning in warnings:
            getattr(get_integrated_optimizer(), _ACTIONS[warning])()

    def _failed(self, error: Exception) -> None:
        self.errors = [*self.errors[-9:], error]
        say(f"監視エラー: {error}")

    def get_metrics_summary(self, last_n_minutes: float = 60) -> dict[str, float]:
        """Means, and the largest memory, of the looks of the last so many minutes; empty where there is none.

        Raises
        ------
        ConfigurationError
            For other than minutes above 0, up to a century.
        """
        minutes = amount("last_n_minutes", last_n_minutes, "minutes", CENTURY * 24 * 60)
        since = datetime.now() - timedelta(minutes=minutes)
        recent = [each for each in self.metrics_history if each["timestamp"] > since]
        if not recent:
            return {}

        def mean(name: str) -> float:
            return sum(each[name] for each in recent) / len(recent)

        return {
            "avg_memory_mb": mean("memory_usage_mb"),
            "max_memory_mb": max(each["memory_usage_mb"] for each in recent),
            "avg_cpu_percent": mean("cpu_usage_percent"),
            "avg_response_ms": mean("response_time_ms"),
            "avg_cache_hit_rate": mean("model_cache_hit_rate"),
            "warning_count": sum(len(each["warnings"]) for each in recent),
            "total_samples": len(recent),
        }
