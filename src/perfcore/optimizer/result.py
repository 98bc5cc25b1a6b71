"""What an action was for, what it did, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any


class OptimizationTarget(Enum):
    MEMORY_USAGE = "memory_usage"
    CPU_EFFICIENCY = "cpu_efficiency"
    CACHE_PERFORMANCE = "cache_performance"
    MODEL_LOADING = "model_loading"
    FEATURE_PROCESSING = "feature_processing"
    PREDICTION_SPEED = "prediction_speed"
    DATA_PIPELINE = "data_pipeline"


class OptimizationPriority(IntEnum):
    """The lower, the sooner."""

    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3


@dataclass
class OptimizationStrategy:
    """An action of the optimizer, by the name of its method, and when it comes among the others."""

    target: OptimizationTarget
    priority: OptimizationPriority
    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True
    success_threshold: float = 10.0


class OptimizationResult(dict):
    """What an action did: a dict, and for code that expects (name, dict) pairs ``r[0]`` and ``r[1]`` as well.

    Keys of all of them: ``strategy``; ``success``; ``outcome``, "improved", "no effect", "not needed", "adjusted" (the
    effect shows later) or "failed"; ``improvement_percent``, which is measured, and 0.0 where nothing was;
    ``execution_time_ms``; where it failed ``error``.
    """

    def __getitem__(self, key: Any) -> Any:
        if type(key) is int and key in (0, 1):
            return super().__getitem__("strategy") if key == 0 else self
        return super().__getitem__(key)

    def __or__(self, other: Any) -> OptimizationResult:
        return OptimizationResult({**self, **other})


def improvements(results: Any) -> dict[str, float]:
    """What was measured, in percent, by action.

    Percents of one action are of one thing and are added up; those of several (resident memory, a hit rate, bytes of
    features) are not, so the total of all that was done is that of the action that improved most.

    Parameters
    ----------
    results : (name, dict) pairs; those without an ``improvement_percent`` count for nothing, whatever they are
    """
    found: dict[str, float] = {}
    for each in results if isinstance(results, list | tuple) else ():
        try:
            found[str(each[0])] = found.get(str(each[0]), 0.0) + float(each[1]["improvement_percent"])
        except (TypeError, KeyError, IndexError, ValueError, OverflowError):
            continue
    return found
