"""What `tracemalloc` is told of the memory of a cache, which C++ allocates."""

from __future__ import annotations

import tracemalloc
import weakref
from typing import Any

DOMAIN = 0x70637265  # of its traces: perfcore's own
_owners: weakref.WeakSet = weakref.WeakSet()  # told of


def tell(owner: Any, n_bytes: int) -> None:
    """From now on ``owner`` has so many bytes, until it is told anew or goes; nothing where nobody traces."""
    if not tracemalloc.is_tracing():
        return
    place = id(owner)  # nobody else's as long as it lives
    _forget(place)
    if n_bytes:
        _call("Track", place, n_bytes)
        if owner not in _owners:
            _owners.add(owner)
            weakref.finalize(owner, _forget, place).atexit = False


def _forget(place: int) -> None:
    if tracemalloc.is_tracing():
        _call("Untrack", place)


def _call(what: str, place: int, *n_bytes: int) -> None:
    import ctypes

    function = getattr(ctypes.pythonapi, f"PyTraceMalloc_{what}")
    types: list[Any] = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
    function.argtypes = types[: 2 + len(n_bytes)]
    function(DOMAIN, place, *n_bytes)
