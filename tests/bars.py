"""Rows of prices, and all indicators of them with every convention they have."""

import numpy as np

from perfcore.features import indicators, ta

COLUMNS = {
    "sma": ("close",),
    "ema": ("close",),
    "wma": ("close",),
    "rsi": ("close",),
    "macd": ("close",),
    "bollinger": ("close",),
    "atr": ("high", "low", "close"),
    "natr": ("high", "low", "close"),
    "stoch": ("high", "low", "close"),
    "adx": ("high", "low", "close"),
    "obv": ("close", "volume"),
}
SMALL = {"sma": (4,), "ema": (4,), "wma": (4,), "macd": (3, 5, 4), "bollinger": (4, 1.5), "stoch": (4, 3, 2), "obv": ()}
ALL = [
    (kind, SMALL.get(kind, (3,)), convention)
    for kind in COLUMNS
    for convention in indicators.CONVENTIONS
    if not (convention == "pandas" and kind in ("wma", "natr", "stoch", "adx", "obv"))
    and not (convention == "tradingview" and kind == "natr")
]
NAMES = [f"{kind}-{convention}" for kind, _, convention in ALL]


def made(n, seed=0, digits=2):
    """A walk in steps of a cent, so that some rows do not move."""
    random = np.random.default_rng(seed)
    close = 50 + random.normal(0, 0.03, n).cumsum().round(digits)
    return {
        "high": close + abs(random.normal(0, 0.03, n)).round(digits),
        "low": close - abs(random.normal(0, 0.03, n)).round(digits),
        "close": close,
        "volume": random.integers(0, 10**6, n).astype(float),
    }


def told(kind, bars, arguments=(), **options):
    """The columns that an indicator makes of `bars`."""
    answer = getattr(ta, kind)(*(bars[name] for name in COLUMNS[kind]), *arguments, **options)
    return list(answer) if isinstance(answer, tuple) else [answer]


def described(kind, arguments, convention):
    return getattr(indicators, kind)(*arguments, convention=convention)


def same(answers, others):
    """Equal bits but for those of NaN."""
    return len(answers) == len(others) and all(
        np.array_equal(np.isnan(a), np.isnan(b)) and a[~np.isnan(a)].tobytes() == b[~np.isnan(b)].tobytes()
        for a, b in zip(answers, others, strict=True)
    )
