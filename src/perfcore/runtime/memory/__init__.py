"""Memory: what there is and was, what a block costs, giving it back, leaks, tasks and services that let go."""

from __future__ import annotations

from .leaks import LeakReport, check_leak
from .measurement import Measurement, measure
from .monitor import MemoryMonitor, Sample
from .services import Services
from .tasks import BackgroundTasks
from .trimming import Trimmed, trim
from .usage import Usage, usage

__all__ = [
    "BackgroundTasks",
    "LeakReport",
    "Measurement",
    "MemoryMonitor",
    "Sample",
    "Services",
    "Trimmed",
    "Usage",
    "check_leak",
    "measure",
    "trim",
    "usage",
]
