"""What a predictor needs to run all day: batching, parallel work, memory, profiling, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch_size import BatchSizes, tune_batch_size
    from .batcher import Batcher

__all__ = ["BatchSizes", "Batcher", "tune_batch_size"]

_HOMES = {"Batcher": "batcher", "BatchSizes": "batch_size", "tune_batch_size": "batch_size"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:  # each costs its import when it is first asked for
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
