"""Sums and moments of the windows of series: ``rolling_std(x, 50)``, ``expanding_mean(x)``.

A window is of rows (50), of time ("30D", or a timedelta, over ``on``, when the rows are), or of all rows so far.
``closed`` says which of its ends are in it, as in pandas: "right" (the present row is, the one a window ago is not),
"left" (what was known before the present row), "both" or "neither". ``min_periods`` cells must be there, by default all
of a window of rows, else 1. ``by`` gives each key a series of its own, and ``n_threads`` share them out. What comes is
float64, of the library of x: numpy, pandas, polars, pyarrow.
"""

from __future__ import annotations

import operator
from types import MappingProxyType
from typing import Any

from .._ext.features import run_alone
from ..errors import ConfigurationError
from .explained import explained
from .feature import Feature, Window
from .series import PLANS, compute, remember


def describe(
    kind: str, window: Any, min_periods: int | None, closed: str | None, ddof: int | None = None, n_inputs: int = 1
) -> Feature:
    """A feature of a window, labelled by what is not as usual."""
    of = Window.of(window, min_periods, closed)
    label = "_".join(filter(None, (kind, str(of), "" if of.closed == "right" else of.closed)))
    if ddof is None:
        return Feature(kind, label, of, n_inputs=n_inputs)
    freedom = whole(ddof, "ddof")
    label += "" if freedom == 1 else f"_ddof{freedom}"
    return Feature(kind, label, of, MappingProxyType({"ddof": freedom}), n_inputs=n_inputs)


def whole(number: Any, name: str) -> int:
    """A whole number from 0; `ConfigurationError` for others."""
    try:
        checked = -1 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        checked = -1
    if not 0 <= checked < 2**40:
        raise ConfigurationError(f"{name}={number!r}: allowed are whole numbers from 0")
    return checked


def compute_window(
    kind: str,
    columns: tuple[Any, ...],
    window: Any,
    min_periods: int | None,
    closed: str | None,
    ddof: int | None,
    by: Any,
    on: Any,
    n_threads: int | None,
) -> Any:
    is_alone = by is None and on is None and n_threads is None
    key = (kind, window, min_periods, closed, ddof)
    if is_alone and (told := run_alone(PLANS, columns, key)) is not None:
        return told
    feature = describe(kind, window, min_periods, closed, ddof, len(columns))
    (told,) = compute([feature], columns, by=by, on=on, n_threads=n_threads)
    if is_alone:
        remember(key, feature)
    return told


@explained
def rolling_sum(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the sum; of no cells, where ``min_periods=0``, it is 0."""
    return compute_window("sum", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_mean(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the mean."""
    return compute_window("mean", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_count(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, how many cells are there; infinite ones too."""
    return compute_window("count", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_var(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the variance; none of ``ddof`` cells or fewer."""
    return compute_window("var", (x,), window, min_periods, closed, ddof, by, on, n_threads)


@explained
def rolling_std(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the standard deviation; none of ``ddof`` cells or fewer."""
    return compute_window("std", (x,), window, min_periods, closed, ddof, by, on, n_threads)


@explained
def rolling_skew(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the skewness, without bias; none of fewer than 3 cells, or of equal ones."""
    return compute_window("skew", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_kurt(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the excess kurtosis, without bias; none of fewer than 4 cells, or of equal ones."""
    return compute_window("kurt", (x,), window, min_periods, closed, None, by, on, n_threads)


@explained
def rolling_zscore(
    x: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, how many standard deviations the present cell is above the mean; none of equal cells."""
    return compute_window("zscore", (x,), window, min_periods, closed, ddof, by, on, n_threads)


@explained
def rolling_cov(
    x: Any,
    y: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the covariance; of the pairs where both are there."""
    return compute_window("cov", (x, y), window, min_periods, closed, ddof, by, on, n_threads)


@explained
def rolling_corr(
    x: Any,
    y: Any,
    window: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of each window, the correlation; of the pairs where both are there; none where the cells of one are equal."""
    return compute_window("corr", (x, y), window, min_periods, closed, None, by, on, n_threads)


@explained
def expanding_sum(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the sum; of no cells, where ``min_periods=0``, it is 0."""
    return compute_window("sum", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_mean(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the mean."""
    return compute_window("mean", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_count(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, how many cells are there; infinite ones too."""
    return compute_window("count", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_var(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the variance; none of ``ddof`` cells or fewer."""
    return compute_window("var", (x,), None, min_periods, closed, ddof, by, None, n_threads)


@explained
def expanding_std(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the standard deviation; none of ``ddof`` cells or fewer."""
    return compute_window("std", (x,), None, min_periods, closed, ddof, by, None, n_threads)


@explained
def expanding_skew(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the skewness, without bias; none of fewer than 3 cells, or of equal ones."""
    return compute_window("skew", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_kurt(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the excess kurtosis, without bias; none of fewer than 4 cells, or of equal ones."""
    return compute_window("kurt", (x,), None, min_periods, closed, None, by, None, n_threads)


@explained
def expanding_zscore(
    x: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, how many standard deviations the present cell is above the mean; none of equal cells."""
    return compute_window("zscore", (x,), None, min_periods, closed, ddof, by, None, n_threads)


@explained
def expanding_cov(
    x: Any,
    y: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    ddof: int = 1,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the covariance; of the pairs where both are there."""
    return compute_window("cov", (x, y), None, min_periods, closed, ddof, by, None, n_threads)


@explained
def expanding_corr(
    x: Any,
    y: Any,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Of all rows so far, the correlation; of the pairs where both are there; none where the cells of one are equal."""
    return compute_window("corr", (x, y), None, min_periods, closed, None, by, None, n_threads)
