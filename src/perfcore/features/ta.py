"""Technical indicators of series: ``from perfcore import features as f``, then ``f.ta.rsi(close, 14)``.

A row in which a cell is missing, NaN or infinite has no answer, and counts for no other row's: all that follows is as
if it were not there. What comes is float64, of the library of the first series: numpy, pandas, polars, pyarrow.

``convention`` says whose numbers they are: those of TA-Lib 0.8 (``"talib"``), of Pine's reference manual
(``"tradingview"``), or of pandas' ``ewm(adjust=False)`` and ``rolling`` (``"pandas"``). docs/features.md has a table of
what each means. ``by``: the groups that rows belong to, each a series of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import indicators
from .feature import Feature
from .series import compute


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
    return _told(indicators.sma(n, convention=convention), {"x": x}, by, n_threads)[0]


def ema(x: Any, n: int, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """Exponential moving average: the newest row weighs 2 / (n + 1)."""
    return _told(indicators.ema(n, convention=convention), {"x": x}, by, n_threads)[0]


def wma(x: Any, n: int, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """Weighted moving average of the last n rows: the newest weighs n, the oldest 1."""
    return _told(indicators.wma(n, convention=convention), {"x": x}, by, n_threads)[0]


def rsi(close: Any, n: int = 14, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """Relative strength index: the part of all moves that went up, in percent."""
    return _told(indicators.rsi(n, convention=convention), {"close": close}, by, n_threads)[0]


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
    feature = indicators.macd(fast, slow, signal, convention=convention)
    return Macd(*_told(feature, {"close": close}, by, n_threads))


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
    feature = indicators.bollinger(n, width, convention=convention)
    return Bollinger(*_told(feature, {"close": close}, by, n_threads))


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
    return _told(indicators.atr(n, convention=convention), _bars(high, low, close), by, n_threads)[0]


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
    return _told(indicators.natr(n, convention=convention), _bars(high, low, close), by, n_threads)[0]


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
    feature = indicators.stoch(n, smooth, signal, convention=convention)
    return Stoch(*_told(feature, _bars(high, low, close), by, n_threads))


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
    return Adx(*_told(indicators.adx(n, convention=convention), _bars(high, low, close), by, n_threads))


def obv(close: Any, volume: Any, *, convention: str = "talib", by: Any = None, n_threads: int | None = None) -> Any:
    """On-balance volume: the volume of rows that closed higher less that of those that closed lower."""
    return _told(indicators.obv(convention=convention), {"close": close, "volume": volume}, by, n_threads)[0]


def _bars(high: Any, low: Any, close: Any) -> dict[str, Any]:
    return {"high": high, "low": low, "close": close}


def _told(feature: Feature, columns: dict[str, Any], by: Any, n_threads: int | None) -> list[Any]:
    return compute([feature], list(columns.values()), by=by, n_threads=n_threads, names=list(columns))
