"""Entries of a `ModelCache`: what a key is looked up by, and who holds a value until it is closed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CacheError, InputError

if TYPE_CHECKING:
    from .model_cache import ModelCache

_PLAIN = (str, bytes, int, bool, type(None))
_INTEGERS = {np.dtype(code).type for code in np.typecodes["AllInteger"]}


class Held:
    """A value, and how many entries and leases hold it; the last that lets it go closes it."""

    __slots__ = ("it", "n_holders", "is_given_away")

    def __init__(self, it: Any):
        self.it, self.n_holders, self.is_given_away = it, 0, False

    def lease(self, leases: list[Held] | None) -> None:
        """For one more, who keeps in the list what is to be let go; None: for nobody."""
        if leases is not None:
            self.n_holders += 1
            leases.append(self)


class Entry:
    __slots__ = ("held", "key", "used", "weight")

    def __init__(self, key: Any, held: Held, weight: int, used: int):
        self.key, self.held, self.weight, self.used = key, held, weight, used


class Change:
    """The cache's lock; what the list bears, (value, whether it is to be closed), leaves after the lock is released."""

    __slots__ = ("cache", "even_closed", "held", "leaving")

    def __init__(self, cache: ModelCache, even_closed: bool = False):
        self.cache, self.even_closed = cache, even_closed
        self.leaving: list[tuple[Held, bool]] = []

    def __enter__(self) -> list[tuple[Held, bool]]:
        self.held = self.cache._lock
        self.held.acquire()
        if self.cache._is_closed and not self.even_closed:
            self.held.release()
            raise CacheError("the cache is closed")
        return self.leaving

    def __exit__(self, *_: object) -> None:
        self.held.release()
        if self.leaving:
            close_all([held.it for held, is_free in self.leaving if is_free])


def plain_key(key: Any) -> Hashable:
    """What a key is looked up by: itself; numpy's integers as Python's, paths as text. No Python code compares them."""
    if type(key) in _PLAIN:
        return key
    if type(key) is tuple:
        return tuple(map(plain_key, key))
    if type(key) in _INTEGERS:
        return int(key)
    if isinstance(key, PurePath):
        return PurePath, os.fspath(key)
    raise InputError(
        f"a key of {type(key).__qualname__}: allowed are str, bytes, integers, bool, None, paths, and tuples of these, "
        "not of classes derived from them"
    )


def close_all(values: list) -> None:
    """Close what has a ``close``; errors, which are nobody's who caused this, are warned of once all are closed."""
    errors = []
    for value in values:
        try:
            close = None if isinstance(value, type) else getattr(value, "close", None)
            if callable(close):
                close()
        except Exception as error:
            errors.append(f"{type(value).__qualname__}.close(): {error!r}")
    if errors:
        warnings.warn(f"values that left a ModelCache: {'; '.join(errors)}", RuntimeWarning, stacklevel=4)
