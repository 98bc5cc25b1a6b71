"""Indicators as Pine's manual and pandas define them, against those definitions in plain Python and pandas."""

import bars
import numpy as np
import pytest

from perfcore.features import ta

LENGTHS = (1, 2, 5, 14, 15, 30, 200)
NAN = float("nan")


def close_to(answers, right, **tolerance):
    for answer, each in zip(answers, right, strict=True):
        np.testing.assert_allclose(answer, each, rtol=1e-12, atol=1e-12, **tolerance)


# -- Pine: lists, with NaN for na -----------------------------------------------------------------------------


def pine_sma(source, length):
    out = []
    for i in range(len(source)):
        cells = [x for x in source[: i + 1] if x == x][-length:]
        out.append(sum(cells) / length if len(cells) == length and source[i] == source[i] else NAN)
    return out


def pine_smoothed(source, alpha, seed):
    out, last = [], NAN
    for x, first in zip(source, seed, strict=True):
        if x == x:
            last = first if last != last else alpha * x + (1 - alpha) * last
        out.append(last if x == x else NAN)
    return out


def pine_ema(source, length):
    return pine_smoothed(source, 2 / (length + 1), source)


def pine_rma(source, length):
    return pine_smoothed(source, 1 / length, pine_sma(source, length))


def pine_change(source):
    return [NAN, *(b - a for a, b in zip(source, source[1:], strict=False))][: len(source)]


def pine_tr(high, low, close, first):
    out = [high[0] - low[0] if first else NAN]
    for i in range(1, len(high)):
        out.append(max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1])))
    return out


def pine_rsi(source, length):
    change = pine_change(source)
    up = pine_rma([max(x, 0) if x == x else NAN for x in change], length)
    down = pine_rma([max(-x, 0) if x == x else NAN for x in change], length)
    return [
        NAN if u != u else 100.0 if d == 0 else 0.0 if u == 0 else 100 - 100 / (1 + u / d)
        for u, d in zip(up, down, strict=True)
    ]


def pine_macd(source, fast, slow, signal):
    macd = [a - b for a, b in zip(pine_ema(source, fast), pine_ema(source, slow), strict=True)]
    line = pine_ema(macd, signal)
    return macd, line, [a - b for a, b in zip(macd, line, strict=True)]


def pine_stoch(high, low, close, length, smooth, signal):
    place = []
    for i in range(len(close)):
        highest, lowest = max(high[max(0, i + 1 - length) : i + 1]), min(low[max(0, i + 1 - length) : i + 1])
        has = i + 1 >= length and highest != lowest
        place.append(100 * (close[i] - lowest) / (highest - lowest) if has else NAN)
    k = pine_sma(place, smooth)
    return k, pine_sma(k, signal)


def pine_dmi(high, low, close, length):
    up, down = pine_change(high), [-x for x in pine_change(low)]
    plus_dm = [NAN if u != u else u if u > d and u > 0 else 0.0 for u, d in zip(up, down, strict=True)]
    minus_dm = [NAN if u != u else d if d > u and d > 0 else 0.0 for u, d in zip(up, down, strict=True)]
    averages = (pine_rma(x, length) for x in (plus_dm, minus_dm, pine_tr(high, low, close, first=False)))
    plus, minus, last = [], [], (NAN, NAN)
    for p, m, r in zip(*averages, strict=True):
        last = (100 * p / r, 100 * m / r) if r == r and r != 0 else last  # fixnan
        plus.append(last[0])
        minus.append(last[1])
    dx = [abs(p - m) / (1 if p + m == 0 else p + m) for p, m in zip(plus, minus, strict=True)]
    return [100 * x for x in pine_rma(dx, length)], plus, minus


def pine_obv(close, volume):
    return np.cumsum([0.0 if c != c else np.sign(c) * v for c, v in zip(pine_change(close), volume, strict=True)])


def lists(n, seed=0):
    rows = bars.made(n, seed)
    return rows, {name: cells.tolist() for name, cells in rows.items()}


@pytest.mark.parametrize("n", LENGTHS)
def test_tradingview_is_pines_reference_manual(n):
    rows, pine = lists(n, seed=n)
    high, low, close = pine["high"], pine["low"], pine["close"]
    pines = {
        "sma": ([pine_sma(close, 5)], (5,)),
        "ema": ([pine_ema(close, 5)], (5,)),
        "rsi": ([pine_rsi(close, 5)], (5,)),
        "macd": (pine_macd(close, 4, 9, 3), (4, 9, 3)),
        "stoch": (pine_stoch(high, low, close, 5, 3, 2), (5, 3, 2)),
        "atr": ([pine_rma(pine_tr(high, low, close, first=True), 5)], (5,)),
        "adx": (pine_dmi(high, low, close, 5), (5,)),
        "obv": ([pine_obv(close, pine["volume"])], ()),
    }
    for kind, (right, arguments) in pines.items():
        close_to(bars.told(kind, rows, arguments, convention="tradingview"), right, err_msg=kind)
    for kind in ("wma", "bollinger"):  # nothing of the convention in them
        assert bars.same(bars.told(kind, rows, (4,), convention="tradingview"), bars.told(kind, rows, (4,)))


def test_what_does_not_move_has_pines_answers():
    rows = {name: np.full(40, 5.0) for name in ("high", "low", "close", "volume")}
    pine = {name: cells.tolist() for name, cells in rows.items()}
    assert set(ta.rsi(rows["close"], 5, convention="tradingview")[5:]) == {100.0}
    close_to(bars.told("rsi", rows, (5,), convention="tradingview"), [pine_rsi(pine["close"], 5)])
    bar = [pine[name] for name in ("high", "low", "close")]
    for kind, right, arguments in (
        ("stoch", pine_stoch(*bar, 5, 3, 2), (5, 3, 2)),
        ("adx", pine_dmi(*bar, 5), (5,)),
    ):
        assert all(np.isnan(each).all() for each in right)
        close_to(bars.told(kind, rows, arguments, convention="tradingview"), right)


def test_prices_that_stop_have_pines_last_directions():
    rows = {name: np.r_[cells, np.full(3000, cells[-1])] for name, cells in bars.made(60).items()}
    rows["high"], rows["low"] = (np.r_[rows[name][:60], rows["close"][60:]] for name in ("high", "low"))
    right = pine_dmi(*(rows[name].tolist() for name in ("high", "low", "close")), 2)
    close_to(bars.told("adx", rows, (2,), convention="tradingview"), right)


# -- pandas -----------------------------------------------------------------------------------------------------


def wilder(x, n):
    return x.ewm(alpha=1 / n, adjust=False).mean()


@pytest.mark.parametrize("n", LENGTHS)
def test_pandas_is_ewm_and_rolling(n):
    pd = pytest.importorskip("pandas")
    rows = bars.made(n, seed=n, digits=9)
    table = pd.DataFrame(rows)
    close, move = table.close, table.close.diff()
    fast, slow = (close.ewm(span=span, adjust=False).mean() for span in (4, 9))
    signal = (fast - slow).ewm(span=3, adjust=False).mean()
    mean, std = close.rolling(5).mean(), close.rolling(5).std()
    gaps = pd.concat(
        [table.high - table.low, (table.high - close.shift()).abs(), (table.low - close.shift()).abs()], axis=1
    )
    pandas = {
        "sma": ([mean], (5,)),
        "ema": ([close.ewm(span=5, adjust=False).mean()], (5,)),
        "rsi": ([100 - 100 / (1 + wilder(move.clip(lower=0), 5) / wilder((-move).clip(lower=0), 5))], (5,)),
        "macd": ([fast - slow, signal, fast - slow - signal], (4, 9, 3)),
        "bollinger": ([mean + 2 * std, mean, mean - 2 * std], (5, 2.0)),
        "atr": ([wilder(gaps.max(axis=1), 5)], (5,)),
    }
    for kind, (right, arguments) in pandas.items():
        close_to(bars.told(kind, rows, arguments, convention="pandas"), right, err_msg=kind)


def test_what_does_not_move_has_no_rsi_as_in_pandas():
    assert np.isnan(ta.rsi(np.full(20, 5.0), 5, convention="pandas")).all()
