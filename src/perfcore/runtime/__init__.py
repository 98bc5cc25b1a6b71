"""What a predictor needs to run all day: batching, parallel work, memory, profiling, metrics."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch_size import BatchSizes, tune_batch_size
    from .batcher import Batcher
    from .fetching import Fetched, Fetcher

__all__ = [
    "BatchSizes",
    "Batcher",
    "Fetched",
    "Fetcher",
    "memory",
    "metrics",
    "parallel",
    "profiling",
    "tune_batch_size",
]

_HOMES = {
    "BatchSizes": "batch_size",
    "Batcher": "batcher",
    "Fetched": "fetching",
    "Fetcher": "fetching",
    "tune_batch_size": "batch_size",
}
_PARTS = ("memory", "metrics", "parallel", "profiling")


def __getattr__(name: str) -> Any:
    if name in _HOMES:  # each costs its import when it is first asked for
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if name in _PARTS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
