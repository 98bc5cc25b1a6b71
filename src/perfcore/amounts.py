"""Numbers that a user gives, as the arguments they are."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np

from .errors import ConfigurationError

CENTURY = 36_525  # days: what is asked of times before is asked by mistake, and has no date a little further on


_WHOLE, _REAL = (int, np.integer), (int, float, np.integer, np.floating)
_NONE = (bool, np.timedelta64)  # which are among these, but are no numbers of anything


def whole(name: str, value: Any, least: int = 1, most: float = math.inf) -> int:
    """The argument of that name; `ConfigurationError` for what is no whole number from ``least`` up to ``most``."""
    if not isinstance(value, _WHOLE) or isinstance(value, _NONE) or not least <= value <= most:
        raise ConfigurationError(f"{name}={value!r}: allowed are whole numbers from {least}{_up_to(most)}")
    return int(value)


def amount(name: str, value: Any, unit: str, most: float = math.inf, *, or_zero: bool = False) -> float:
    """The argument of that name; `ConfigurationError` for what is no number of ``unit`` above 0 up to ``most``.

    Parameters
    ----------
    or_zero : whether 0 is such a number, too
    """
    is_number = isinstance(value, _REAL) and not isinstance(value, _NONE)
    if is_number and (0 < value <= most or (or_zero and value == 0)):
        with contextlib.suppress(OverflowError):  # an integer beyond what a float holds
            return float(value)
    least = "from 0" if or_zero else "above 0"
    raise ConfigurationError(f"{name}={value!r}: allowed are {unit} {least}{_up_to(most)}")


def _up_to(most: float) -> str:
    return "" if most == math.inf else f" up to {most:.10g}"
