"""What the system does at a moment, as it is measured."""

from __future__ import annotations

import time
import weakref
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psutil

from .. import calls
from ..runtime.memory.usage import resident
from .batch_processor import PredictionBatchProcessor


@dataclass(frozen=True)
class SystemState:
    """Of this process; the CPU's of the whole machine, since the state before.

    ``response_time_ms`` is what calls took that were answered since the state before, or the last ones before that: the
    mean over those of perfcore's predictors that were timed (one in 64) and batches of the batch processor, whose
    requests wait for the whole of it. 0.0 before the first. ``cpu_usage_percent`` is 0.0 in the first 50 ms.
    """

    timestamp: datetime
    memory_usage_mb: float
    cpu_usage_percent: float
    response_time_ms: float
    active_models: int
    cached_features: int
    pending_predictions: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"timestamp": self.timestamp.isoformat()}


class Observer:
    """Remembers the counts of the last look, so that the next one tells of what was between."""

    def __init__(self) -> None:
        self._busy = _busy()
        self._cpu = 0.0
        self._timed: weakref.WeakKeyDictionary[Any, tuple[int, float]] = weakref.WeakKeyDictionary()
        self._response = 0.0

    def cpu_percent(self) -> float:
        """Of all CPUs, since the last look; what it was then, where that was just now."""
        busy = _busy()
        passed = busy[1] - self._busy[1]
        if passed > 0.05:
            self._cpu = min(100.0, 100.0 * (busy[0] - self._busy[0]) / passed)
            self._busy = busy
        return self._cpu

    def response_ms(self, processor: PredictionBatchProcessor) -> float:
        passed, taken = 0, 0.0
        counts: dict[Any, tuple[int, float]] = {processor: (processor.n_batches, processor.seconds_handled)}
        counts |= {each: (sum(each._calls.buckets), each._calls.seconds) for each in calls.live()}
        for each, (n, seconds) in counts.items():  # one by one: those that are gone took their counts with them
            before = self._timed.get(each, (0, 0.0))
            if n < before[0]:  # a fork, where counts begin anew
                before = (0, 0.0)
            passed, taken = passed + n - before[0], taken + seconds - before[1]
            self._timed[each] = n, seconds
        if passed:
            self._response = 1e3 * taken / passed
        return self._response


def captured(observer: Observer, models: int, features: int, processor: PredictionBatchProcessor) -> SystemState:
    return SystemState(
        timestamp=datetime.fromtimestamp(time.time()),
        memory_usage_mb=resident() / 2**20,
        cpu_usage_percent=observer.cpu_percent(),
        response_time_ms=observer.response_ms(processor),
        active_models=models,
        cached_features=features,
        pending_predictions=len(processor.pending_requests),
    )


def _busy() -> tuple[float, float]:
    """Seconds that all CPUs worked, and that there were."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - idle, total
