"""Technical indicators, described: given to RollingFeatures; `perfcore.features.ta` computes them of series."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from .feature import Feature, describes

CONVENTIONS = ("talib", "tradingview", "pandas")
_MOST_ROWS = 100_000


@describes
def sma(n: int, *, convention: str = "talib") -> Feature:
    """Simple moving average of the last n rows."""
    return _windowed("sma", f"sma_{_rows('n', n)}", n, convention, CONVENTIONS)


@describes
def ema(n: int, *, convention: str = "talib") -> Feature:
    """Exponential moving average: the newest row weighs 2 / (n + 1)."""
    return _feature("ema", f"ema_{_rows('n', n)}", {"n": n}, convention, CONVENTIONS)


@describes
def wma(n: int, *, convention: str = "talib") -> Feature:
    """Weighted moving average of the last n rows: the newest weighs n, the oldest 1."""
    return _windowed("wma", f"wma_{_rows('n', n)}", n, convention, CONVENTIONS[:2])


@describes
def rsi(n: int = 14, *, convention: str = "talib") -> Feature:
    """Relative strength index: the part of all moves that went up, in percent."""
    return _feature("rsi", f"rsi_{_rows('n', n, 2)}", {"n": n}, convention, CONVENTIONS)


@describes
def macd(fast: int = 12, slow: int = 26, signal: int = 9, *, convention: str = "talib") -> Feature:
    """A fast EMA less a slow one, the EMA of that (signal), and how far it is from it (hist)."""
    periods = {"fast": _rows("fast", fast), "slow": _rows("slow", slow), "signal": _rows("signal", signal)}
    if periods["fast"] > periods["slow"]:
        raise ConfigurationError(
            f"fast={fast!r}, slow={slow!r}: the fast average must be of no more rows than the slow one"
        )
    label = f"macd_{periods['fast']}_{periods['slow']}_{periods['signal']}"
    return _feature("macd", label, periods, convention, CONVENTIONS, outputs=("", "_signal", "_hist"))


@describes
def bollinger(n: int = 20, width: float = 2.0, *, convention: str = "talib") -> Feature:
    """A simple moving average, and lines ``width`` standard deviations above and below it."""
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 <= width < math.inf:
        raise ConfigurationError(f"width={width!r}: allowed are finite numbers from 0")
    label = f"bollinger_{_rows('n', n, 2)}_{width:g}"
    outputs = ("_upper", "_middle", "_lower")
    return _windowed("bollinger", label, n, convention, CONVENTIONS, {"width": float(width)}, outputs)


@describes
def atr(n: int = 14, *, convention: str = "talib") -> Feature:
    """Average true range, of high, low, close."""
    return _feature("atr", f"atr_{_rows('n', n)}", {"n": n}, convention, CONVENTIONS, 3)


@describes
def natr(n: int = 14, *, convention: str = "talib") -> Feature:
    """Average true range in percent of the close, of high, low, close."""
    return _feature("natr", f"natr_{_rows('n', n, 2)}", {"n": n}, convention, CONVENTIONS[:1], 3)


@describes
def stoch(n: int = 5, smooth: int = 3, signal: int = 3, *, convention: str = "talib") -> Feature:
    """Where the close lies between the last n rows' lowest low and highest high, in percent, of high, low, close.

    Smoothed by a moving mean of ``smooth`` rows (k; 1 for the fast stochastic), and that by one of ``signal`` rows (d).
    """
    periods = {"n": _rows("n", n), "smooth": _rows("smooth", smooth), "signal": _rows("signal", signal)}
    label = f"stoch_{periods['n']}_{periods['smooth']}_{periods['signal']}"
    return _feature("stoch", label, periods, convention, CONVENTIONS[:2], 3, ("_k", "_d"))


@describes
def adx(n: int = 14, *, convention: str = "talib") -> Feature:
    """Average directional index, and the directional indicators it is made of, of high, low, close."""
    outputs = ("", "_plus_di", "_minus_di")
    return _feature("adx", f"adx_{_rows('n', n, 2)}", {"n": n}, convention, CONVENTIONS[:2], 3, outputs)


@describes
def obv(*, convention: str = "talib") -> Feature:
    """On-balance volume, of close and volume."""
    return _feature("obv", "obv", {}, convention, CONVENTIONS[:2], 2)


def _feature(
    kind: str,
    label: str,
    integers: Mapping[str, int],
    convention: str,
    allowed: tuple[str, ...],
    n_inputs: int = 1,
    outputs: tuple[str, ...] = ("",),
    numbers: Mapping[str, float] | None = None,
) -> Feature:
    if convention not in allowed:
        raise ConfigurationError(f"convention={convention!r}: {kind} has {', '.join(map(repr, allowed))}")
    if convention != CONVENTIONS[0]:
        label = f"{label}_{convention}"
    told = {name: operator.index(n) for name, n in integers.items()} | {"convention": CONVENTIONS.index(convention)}
    return Feature(kind, label, None, told, numbers or {}, n_inputs, outputs)


def _windowed(
    kind: str,
    label: str,
    n: int,
    convention: str,
    allowed: tuple[str, ...],
    numbers: Mapping[str, float] | None = None,
    outputs: tuple[str, ...] = ("",),
) -> Feature:
    ddof = 1 if convention == "pandas" else 0
    integers = {"rows": n, "min_periods": n, "ddof": ddof}
    return _feature(kind, label, integers, convention, allowed, 1, outputs, numbers)


def _rows(name: str, n: Any, least: int = 1) -> int:
    try:
        rows = -1 if isinstance(n, bool) else operator.index(n)
    except TypeError:
        rows = -1
    if not least <= rows <= _MOST_ROWS:
        raise ConfigurationError(f"{name}={n!r}: allowed are whole numbers from {least} to {_MOST_ROWS}")
    return rows
