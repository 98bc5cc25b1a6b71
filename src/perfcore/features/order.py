"""Least, greatest, median, quantile and rank of the cells in windows: ``rolling_max(x, 20)``, ``expanding_median(x)``.

Windows, ``min_periods``, ``closed``, ``by`` and ``on`` are those of `perfcore.features.rolling`; answers are cells of
x, or between two of them. Infinite cells are cells like others.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ConfigurationError
from .explained import explained
from .feature import Feature, describes
from .rolling import compute_window, describe
from .series import compute

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")  # as compiled code numbers them
METHODS = ("average", "min", "max", "dense", "first")  # the last two within groups alone


@describes
def min(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The least cell; see `rolling_min`."""
    return describe("min", window, min_periods, closed)


@describes
def max(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The greatest cell; see `rolling_max`."""
    return describe("max", window, min_periods, closed)


@describes
def median(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The median; see `rolling_median`."""
    return describe("median", window, min_periods, closed)


@describes
def quantile(
    q: float,
    window: Any = None,
    *,
    interpolation: str = "linear",
    min_periods: int | None = None,
    closed: str | None = None,
) -> Feature:
    """A quantile; see `rolling_quantile`."""
    if isinstance(q, bool) or not isinstance(q, int | float | np.number) or not 0 <= q <= 1:
        raise ConfigurationError(f"q={q!r}: allowed are numbers from 0 to 1")
    feature = describe(f"quantile_{float(q):g}", window, min_periods, closed)
    label = feature.label if interpolation == "linear" else f"{feature.label}_{interpolation}"
    integers = {"between": _place(interpolation, INTERPOLATIONS, "interpolation")}
    numbers = {"quantile": float(q)}
    return replace(
        feature, kind="quantile", label=label, integers=MappingProxyType(integers), numbers=MappingProxyType(numbers)
    )


@describes
def rank(
    window: Any = None,
    *,
    method: str = "average",
    ascending: bool = True,
    pct: bool = False,
    min_periods: int | None = None,
    closed: str | None = None,
) -> Feature:
    """The rank of the newest cell, see `rolling_rank`; within a group, of each cell, by pandas' methods all."""
    for name, option in (("ascending", ascending), ("pct", pct)):
        if not isinstance(option, bool | np.bool_):
            raise ConfigurationError(f"{name}={option!r}: allowed are True and False")
    feature = describe("rank", window, min_periods, closed)
    ties = _place(method, METHODS if window is None else METHODS[:3], "method")
    parts = (feature.label, "" if ties == 0 else method, "" if ascending else "descending", "pct" if pct else "")
    integers = {"ties": ties, "descending": int(not ascending), "part": int(pct)}
    kind = "rank" if ties < 3 else "rank_in_group"
    return replace(feature, kind=kind, label="_".join(filter(None, parts)), integers=MappingProxyType(integers))


def _place(name: Any, allowed: tuple[str, ...], option: str) -> int:
    if not isinstance(name, str) or name not in allowed:
        raise ConfigurationError(f"{option}={name!r}: allowed are {', '.join(map(repr, allowed))}")
    return allowed.index(name)


def _told(feature: Feature, x: Any, by: Any, on: Any, n_threads: int | None) -> Any:
    return compute([feature], (x,), by=by, on=on, n_threads=n_threads)[0]


@explained
def rolling_min(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the least cell; of -0.0 and 0.0 the newer."""
    return compute_window("min", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_max(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the greatest cell; of -0.0 and 0.0 the newer."""
    return compute_window("max", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_median(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the median: the middle cell in order, or the mean of the two in the middle."""
    return compute_window("median", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_quantile(
    x: Any,
    q: float,
    window: Any,
    *,
    interpolation: str = "linear",
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, a quantile: of n cells in order the one at ``q * (n - 1)``.

    Between two cells ``interpolation`` decides, as pandas names it: "linear", "lower", "higher", "midpoint", "nearest".
    """
    feature = quantile(q, window, interpolation=interpolation, min_periods=min_periods, closed=closed)
    return _told(feature, x, by, on, n_threads)


@explained
def rolling_rank(
    x: Any,
    window: Any,
    *,
    method: str = "average",
    ascending: bool = True,
    pct: bool = False,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the rank of its newest cell, from 1; none where that is missing.

    Equal cells share the average, the "min" or the "max" of their ranks (``method``); with ``ascending=False`` the
    greatest cell is the first; ``pct`` divides by the number of cells.
    """
    feature = rank(window, method=method, ascending=ascending, pct=pct, min_periods=min_periods, closed=closed)
    return _told(feature, x, by, on, n_threads)


@explained
def expanding_min(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the least cell; of -0.0 and 0.0 the newer."""
    return compute_window("min", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_max(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the greatest cell; of -0.0 and 0.0 the newer."""
    return compute_window("max", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_median(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the median: the middle cell in order, or the mean of the two in the middle."""
    return compute_window("median", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_quantile(
    x: Any,
    q: float,
    *,
    interpolation: str = "linear",
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, a quantile; see `rolling_quantile`."""
    feature = quantile(q, None, interpolation=interpolation, min_periods=min_periods, closed=closed)
    return _told(feature, x, by, None, n_threads)


@explained
def expanding_rank(
    x: Any,
    *,
    method: str = "average",
    ascending: bool = True,
    pct: bool = False,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the rank of the newest cell; see `rolling_rank`."""
    _place(method, METHODS[:3], "method")
    feature = rank(None, method=method, ascending=ascending, pct=pct, min_periods=min_periods, closed=closed)
    return _told(feature, x, by, None, n_threads)
