"""Dates of rows: version, until when they hold, and when they were touched last; in nanoseconds of some clock."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError

NAMES = ("version", "until", "touched")
NEVER = np.iinfo(np.int64).max
UNVERSIONED = np.iinfo(np.int64).min


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def seconds(name: str, value: Any) -> float | None:
    if value is not None and not (is_number(value) and 0 < value < 2**32):
        raise ConfigurationError(f"{name}={value!r}: allowed are seconds above 0, or None")
    return None if value is None else float(value)


def versions(version: Any, n: int) -> np.ndarray:
    """Of ``n`` rows, one of all or one of each."""
    array = np.asarray(version)
    if array.dtype.kind not in "iu" or array.shape not in ((), (n,)):
        raise InputError(f"version= is {array.dtype} {array.shape}: allowed are an integer, or {n} of them")
    if array.size and array.max() > NEVER:
        raise InputError(f"version= is {array.max()}: allowed is at most {NEVER}")
    return np.ascontiguousarray(np.broadcast_to(array, n), np.int64)


def since(now: int, untils: np.ndarray | None, n: int) -> np.ndarray:
    """Dates (n, 3) of rows that had none."""
    columns = np.full(n, UNVERSIONED), np.full(n, NEVER) if untils is None else untils, np.full(n, now)
    return np.stack(columns, axis=1)


def shifted(dates: np.ndarray, by: int) -> np.ndarray:
    """``until`` and ``touched`` on another clock; what never ends stays so."""
    moved = dates.copy()
    ends = moved[:, 1] != NEVER
    moved[ends, 1] += by
    moved[:, 2] += by
    return moved


def to_wall_clock(now: int) -> int:
    """What is added to a time of the cache's clock, which shows ``now``, to tell it by the calendar."""
    return time.time_ns() - now
