"""Technical indicators of series: ``from perfcore import features as f``, then ``f.ta.rsi(close, 14)``.

A row in which a cell is missing, NaN or infinite has no answer, and counts for no other row's: all that follows is as
if it were not there. What comes is float64, of the library of the first series: numpy, pandas, polars, pyarrow.

``convention`` says whose numbers they are: those of TA-Lib 0.8 (``"talib"``), of Pine's reference manual
(``"tradingview"``), or of pandas' ``ewm(adjust=False)`` and ``rolling`` (``"pandas"``). docs/features.md has a table of
what each means. ``by``: the groups that rows belong to, each a series of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._ext.features import run_alone
from . import indicators
from .series import PLANS, compute, remember

_BARS = ("high", "low", "close")


class Macd(NamedTuple):
    """The moving averages' difference, its own average, and how far it is from that."""

    macd: Any
    signal: Any
    hist: Any


class Bollinger(NamedTuple):
    """The line above the moving mean, the mean, and the line below it."""

    upper: Any
    middle: Any
    lower: Any


class Stoch(NamedTuple):
    """%K, and its moving mean, %D."""

    k: Any
    d: Any


class Adx(NamedTuple):
    """The average directional index, +DI and -DI."""

    adx: Any
    plus_di: Any
    minus_di: Any


def sma(x: Any, n: int, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """Simple moving average of the last n rows."""
    return _told("sma", (n,), (x,), ("x",), convention, by, n_threads)


def ema(x: Any, n: int, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """Exponential moving average: the newest row weighs 2 / (n + 1)."""
    return _told("ema", (n,), (x,), ("x",), convention, by, n_threads)


def wma(x: Any, n: int, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """Weighted moving average of the last n rows: the newest weighs n, the oldest 1."""
    return _told("wma", (n,), (x,), ("x",), convention, by, n_threads)


def rsi(close: Any, n: int = 14, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """Relative strength index: the part of all moves that went up, in percent."""
    return _told("rsi", (n,), (close,), ("close",), convention, by, n_threads)


def macd(
    close: Any,
    fast: int = 12,
    slow: int = 26,
    signal: int = 9,
    *,
    convention: str = "talib",
    by: Any = None,
    n_threads: int | None = None,
) -> Macd:
    """A fast EMA less a slow one, the EMA of that (signal), and how far it is from it (hist)."""
    return Macd(*_told("macd", (fast, slow, signal), (close,), ("close",), convention, by, n_threads))


def bollinger(
    close: Any,
    n: int = 20,
    width: float = 2.0,
    *,
    convention: str = "talib",
    by: Any = None,
    n_threads: int | None = None,
) -> Bollinger:
    """A simple moving average, and lines ``width`` standard deviations above and below it."""
    key = ("bollinger", n, repr(width), convention)  # a key of numbers could not tell 2 from 2.0
    return Bollinger(*_told("bollinger", (n, width), (close,), ("close",), convention, by, n_threads, key))


def atr(
    high: Any,
    low: Any,
    close: Any,
    n: int = 14,
    *,
    convention: str = "talib",
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Average true range."""
    return _told("atr", (n,), (high, low, close), _BARS, convention, by, n_threads)


def natr(
    high: Any,
    low: Any,
    close: Any,
    n: int = 14,
    *,
    convention: str = "talib",
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """Average true range in percent of the close."""
    return _told("natr", (n,), (high, low, close), _BARS, convention, by, n_threads)


def stoch(
    high: Any,
    low: Any,
    close: Any,
    n: int = 5,
    smooth: int = 3,
    signal: int = 3,
    *,
    convention: str = "talib",
    by: Any = None,
    n_threads: int | None = None,
) -> Stoch:
    """Where the close lies between the last n rows' lowest low and highest high, in percent.

    Smoothed by a moving mean of ``smooth`` rows (k; 1 for the fast stochastic), and that by one of ``signal`` rows (d).
    """
    return Stoch(*_told("stoch", (n, smooth, signal), (high, low, close), _BARS, convention, by, n_threads))


def adx(
    high: Any,
    low: Any,
    close: Any,
    n: int = 14,
    *,
    convention: str = "talib",
    by: Any = None,
    n_threads: int | None = None,
) -> Adx:
    """Average directional index, and the directional indicators it is made of."""
    return Adx(*_told("adx", (n,), (high, low, close), _BARS, convention, by, n_threads))


def obv(close: Any, volume: Any, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """On-balance volume: the volume of rows that closed higher less that of those that closed lower."""
    return _told("obv", (), (close, volume), ("close", "volume"), convention, by, n_threads)


def _told(
    kind: str,
    arguments: tuple[Any, ...],
    columns: tuple[Any, ...],
    names: tuple[str, ...],
    convention: str,
    by: Any,
    n_threads: int | None,
    key: tuple[Any, ...] | None = None,
) -> Any:
    """One series, or a list of those that the indicator makes."""
    is_alone = by is None and n_threads is None
    key = key or (kind, *arguments, convention)
    if is_alone and (told := run_alone(PLANS, columns, key)) is not None:
        return told
    feature = getattr(indicators, kind)(*arguments, convention=convention)
    answers = compute([feature], columns, by=by, n_threads=n_threads, names=names)
    if is_alone:
        remember(key, feature)
    return answers if len(answers) > 1 else answers[0]
