"""Sums and moments of windows, described: ``mean(20)``, ``std("30D", closed="left")``, ``sum(None)`` of all so far."""

from __future__ import annotations

from typing import Any

from .feature import Feature, describes
from .rolling import describe


@describes
def sum(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The sum; see `rolling_sum`."""
    return describe("sum", window, min_periods, closed)


@describes
def mean(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The mean; see `rolling_mean`."""
    return describe("mean", window, min_periods, closed)


@describes
def count(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """How many cells are there; see `rolling_count`."""
    return describe("count", window, min_periods, closed)


@describes
def var(window: Any = None, *, min_periods: int | None = None, closed: str | None = None, ddof: int = 1) -> Feature:
    """The variance; see `rolling_var`."""
    return describe("var", window, min_periods, closed, ddof)


@describes
def std(window: Any = None, *, min_periods: int | None = None, closed: str | None = None, ddof: int = 1) -> Feature:
    """The standard deviation; see `rolling_std`."""
    return describe("std", window, min_periods, closed, ddof)


@describes
def skew(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The skewness, without bias; see `rolling_skew`."""
    return describe("skew", window, min_periods, closed)


@describes
def kurt(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The excess kurtosis, without bias; see `rolling_kurt`."""
    return describe("kurt", window, min_periods, closed)


@describes
def zscore(window: Any = None, *, min_periods: int | None = None, closed: str | None = None, ddof: int = 1) -> Feature:
    """How many standard deviations the present cell is above the mean; see `rolling_zscore`."""
    return describe("zscore", window, min_periods, closed, ddof)


@describes
def cov(window: Any = None, *, min_periods: int | None = None, closed: str | None = None, ddof: int = 1) -> Feature:
    """The covariance of two columns; see `rolling_cov`."""
    return describe("cov", window, min_periods, closed, ddof, n_inputs=2)


@describes
def corr(window: Any = None, *, min_periods: int | None = None, closed: str | None = None) -> Feature:
    """The correlation of two columns; see `rolling_corr`."""
    return describe("corr", window, min_periods, closed, n_inputs=2)
