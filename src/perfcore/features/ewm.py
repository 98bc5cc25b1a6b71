"""Exponentially weighted means, variances and correlations: ``ewm_mean(x, span=26)``; without x a description.

How fast weights fall is told by ``span`` (alpha = 2 / (span + 1)), ``com`` (1 / (1 + com)), ``halflife`` or ``alpha``,
by rows; or by a ``halflife`` of time ("2D", a timedelta) over ``times``. The rest is as in pandas. With ``adjust``
weights are 1, 1 - alpha, (1 - alpha)**2, ... from the newest row back; without it the newest row weighs alpha, and the
mean so far the rest. With ``ignore_na`` rows without a cell do not count as steps. A row without a cell is told what
the one before it was. An infinite cell, and a NaN where NaN is not missing, weighs for good.
"""

from __future__ import annotations

import math
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError
from .feature import Feature, Window, describes
from .series import compute

_ALPHAS = {
    "com": (lambda com: 1 / (1 + com), lambda com: com >= 0, "numbers from 0"),
    "span": (lambda span: 2 / (span + 1), lambda span: span >= 1, "numbers from 1"),
    "halflife": (lambda rows: -math.expm1(-math.log(2) / rows), lambda rows: rows > 0, "numbers above 0, and times"),
    "alpha": (lambda alpha: alpha, lambda alpha: 0 < alpha <= 1, "numbers above 0 up to 1"),
}


@describes
def ewm_mean(
    x: Any = None,
    *,
    com: float | None = None,
    span: float | None = None,
    halflife: Any = None,
    alpha: float | None = None,
    min_periods: int | None = 0,
    adjust: bool = True,
    ignore_na: bool = False,
    times: Any = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """The mean; without x, a `Feature`."""
    decay = {"com": com, "span": span, "halflife": halflife, "alpha": alpha}
    feature = _describe("ewm_mean", decay, min_periods, {"adjust": adjust, "ignore_na": ignore_na})
    return _told(feature, (x,), times, by, n_threads)


@describes
def ewm_var(
    x: Any = None,
    *,
    com: float | None = None,
    span: float | None = None,
    halflife: Any = None,
    alpha: float | None = None,
    min_periods: int | None = 0,
    adjust: bool = True,
    ignore_na: bool = False,
    bias: bool = False,
    times: Any = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """The variance, with ``bias`` that of the weights as they are; without x, a `Feature`."""
    decay = {"com": com, "span": span, "halflife": halflife, "alpha": alpha}
    feature = _describe("ewm_var", decay, min_periods, {"adjust": adjust, "ignore_na": ignore_na, "bias": bias})
    return _told(feature, (x,), times, by, n_threads)


@describes
def ewm_std(
    x: Any = None,
    *,
    com: float | None = None,
    span: float | None = None,
    halflife: Any = None,
    alpha: float | None = None,
    min_periods: int | None = 0,
    adjust: bool = True,
    ignore_na: bool = False,
    bias: bool = False,
    times: Any = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """The standard deviation, with ``bias`` that of the weights as they are; without x, a `Feature`."""
    decay = {"com": com, "span": span, "halflife": halflife, "alpha": alpha}
    feature = _describe("ewm_std", decay, min_periods, {"adjust": adjust, "ignore_na": ignore_na, "bias": bias})
    return _told(feature, (x,), times, by, n_threads)


@describes
def ewm_cov(
    x: Any = None,
    y: Any = None,
    *,
    com: float | None = None,
    span: float | None = None,
    halflife: Any = None,
    alpha: float | None = None,
    min_periods: int | None = 0,
    adjust: bool = True,
    ignore_na: bool = False,
    bias: bool = False,
    times: Any = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """The covariance, of the pairs where both are there; without x, a `Feature`."""
    decay = {"com": com, "span": span, "halflife": halflife, "alpha": alpha}
    feature = _describe("ewm_cov", decay, min_periods, {"adjust": adjust, "ignore_na": ignore_na, "bias": bias}, 2)
    return _told(feature, (x, y), times, by, n_threads)


@describes
def ewm_corr(
    x: Any = None,
    y: Any = None,
    *,
    com: float | None = None,
    span: float | None = None,
    halflife: Any = None,
    alpha: float | None = None,
    min_periods: int | None = 0,
    adjust: bool = True,
    ignore_na: bool = False,
    times: Any = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """The correlation, of the pairs where both are there; none of equal cells. Without x, a `Feature`."""
    decay = {"com": com, "span": span, "halflife": halflife, "alpha": alpha}
    feature = _describe("ewm_corr", decay, min_periods, {"adjust": adjust, "ignore_na": ignore_na}, 2)
    return _told(feature, (x, y), times, by, n_threads)


def _describe(
    kind: str, decay: dict[str, Any], min_periods: int | None, options: dict[str, bool], n_inputs: int = 1
) -> Feature:
    given = {name: value for name, value in decay.items() if value is not None}
    if len(given) != 1:
        told = ", ".join(given) if given else "none"
        raise ConfigurationError(f"one of com, span, halflife and alpha is needed, got {told}")
    for name, option in options.items():
        if not isinstance(option, bool | np.bool_):
            raise ConfigurationError(f"{name}={option!r}: allowed are True and False")
    ((name, value),) = given.items()
    is_time = name == "halflife" and isinstance(value, str | timedelta | np.timedelta64)
    window = Window.of(value if is_time else None, min_periods)
    numbers = {} if is_time else {"alpha": _alpha(name, value)}
    usual = {"adjust": True, "ignore_na": False, "bias": False}
    unusual = [f"{each}_{option}" for each, option in options.items() if option != usual[each]]
    label = "_".join([kind, f"{name}_{window if is_time else format(value, 'g')}", *unusual])
    integers = {each: int(option) for each, option in options.items()}
    return Feature(kind, label, window, MappingProxyType(integers), MappingProxyType(numbers), n_inputs)


def _alpha(name: str, value: Any) -> float:
    alpha_of, is_allowed, allowed = _ALPHAS[name]
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.timedelta64)
    if not is_number or not is_allowed(value) or math.isinf(value):
        raise ConfigurationError(f"{name}={value!r}: allowed are {allowed}")
    alpha = float(alpha_of(float(value)))
    if not 0 < alpha <= 1:
        raise ConfigurationError(f"{name}={value!r}: the newest row would weigh nothing")
    return alpha


def _told(feature: Feature, columns: tuple[Any, ...], times: Any, by: Any, n_threads: int | None) -> Any:
    if all(each is None for each in (*columns, times, by, n_threads)):
        return feature
    for name, column in zip("xy", columns, strict=False):
        if column is None:
            raise InputError(f"{name}: expected a series, got None")
    is_of_time = feature.window is not None and feature.window.nanoseconds is not None
    if is_of_time != (times is not None):
        raise ConfigurationError("times= and a halflife of time ('2D', a timedelta) are given together, or neither is")
    return compute([feature], columns, by=by, on=times, n_threads=n_threads, times_name="times")[0]
