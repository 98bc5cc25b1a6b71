"""Numbers that a user gives, as the arguments they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ConfigurationError

CENTURY = 36_525  # days: what is asked of times before is asked by mistake, and has no date a little further on


def whole(name: str, value: Any, least: int = 1, most: float = math.inf) -> int:
    """The argument of that name; `ConfigurationError` for what is no whole number from ``least`` up to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ConfigurationError(f"{name}={value!r}: allowed are whole numbers from {least}{_up_to(most)}")
    return int(value)


def amount(name: str, value: Any, unit: str, most: float = math.inf, *, is_zero_one: bool = False) -> float:
    """The argument of that name; `ConfigurationError` for what is no number of ``unit`` above 0 up to ``most``.

    Parameters
    ----------
    is_zero_one : whether 0 is such a number
    """
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not (0 < value <= most or (is_zero_one and value == 0)):
        least = "from 0" if is_zero_one else "above 0"
        raise ConfigurationError(f"{name}={value!r}: allowed are {unit} {least}{_up_to(most)}")
    return float(value)


def _up_to(most: float) -> str:
    return "" if most == math.inf else f" up to {most:g}"
