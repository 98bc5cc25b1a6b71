"""Seconds that a user gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConfigurationError


def checked(name: str, value: Any, most: float = float("inf")) -> float:
    """The argument of that name; `ConfigurationError` for what is no number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value <= most:
        up_to = "" if most == float("inf") else f", up to {most:g}"
        raise ConfigurationError(f"{name}={value!r}: allowed are seconds above 0{up_to}")
    return float(value)
