"""Threads: how many there are to use, which pools have how many, limits for a while, and counts that were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .counts import asked, available, bounds, resolve
from .remembered import measured, processor

if TYPE_CHECKING:
    from .limits import limit
    from .pool import Pool, pools
    from .tuning import Tuned, tune

__all__ = [
    "Pool",
    "Tuned",
    "asked",
    "available",
    "bounds",
    "limit",
    "measured",
    "pools",
    "processor",
    "resolve",
    "tune",
]

_HOMES = {"limit": "limits", "Pool": "pool", "pools": "pool", "Tuned": "tuning", "tune": "tuning"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
