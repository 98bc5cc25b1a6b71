"""The import name of the performance guide: its names, from `perfcore.optimizer`."""

from typing import Any

from perfcore import optimizer

__all__ = optimizer.__all__


def __getattr__(name: str) -> Any:
    return getattr(optimizer, name)
