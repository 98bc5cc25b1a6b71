"""Indicators against TA-Lib 0.8: its bits of those that remember; nearer to long double of those over windows."""

import bars
import numpy as np
import pytest
import series
from hypothesis import given
from hypothesis import strategies as st

from perfcore._ext.features import Plan
from perfcore._ext.forest import instruction_sets
from perfcore.features import ta

talib = pytest.importorskip("talib", minversion="0.8")

LENGTHS = (1, 2, 3, 5, 14, 15, 16, 27, 28, 60, 400)
PERIODS = (2, 3, 5, 9, 14, 26, 60)
# TA-Lib's EMA and ATR multiply and add at once where the machine can, and have other last bits elsewhere.
HAS_FMA = "avx2" in instruction_sets()


def of_talib(kind, rows, arguments):
    columns = [rows[name] for name in bars.COLUMNS[kind]]
    if kind == "adx":
        return [each(*columns, *arguments) for each in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)]
    if kind == "bollinger":
        n, width = arguments
        return list(talib.BBANDS(*columns, n, width, width))
    if kind == "stoch":
        n, smooth, signal = arguments
        return list(talib.STOCH(*columns, n, smooth, 0, signal, 0))
    answer = getattr(talib, kind.upper())(*columns, *arguments)
    return list(answer) if isinstance(answer, tuple) else [answer]


def assert_same_bits(kind, rows, arguments):
    ours, theirs = bars.told(kind, rows, arguments), of_talib(kind, rows, arguments)
    if HAS_FMA or kind not in ("ema", "macd", "atr", "natr"):
        assert bars.same(ours, theirs), (kind, len(rows["close"]), arguments)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["ema", "rsi", "atr", "natr", "adx"])
def test_recursive_indicators_have_talibs_bits_for_any_length_and_period(kind):
    for n in LENGTHS:
        for period in PERIODS:
            assert_same_bits(kind, bars.made(n, seed=n), (period,))


@pytest.mark.parametrize("periods", [(12, 26, 9), (2, 3, 1), (5, 5, 5), (5, 35, 5)])
def test_macd_has_talibs_bits(periods):
    for n in LENGTHS:
        assert_same_bits("macd", bars.made(n, seed=n), periods)


def test_obv_has_talibs_bits():
    for n in LENGTHS:
        assert_same_bits("obv", bars.made(n, seed=n), ())


def test_a_period_of_one_has_talibs_bits_where_talib_has_it():
    for kind in ("ema", "atr"):
        assert_same_bits(kind, bars.made(50, digits=9), (1,))


@given(st.integers(1, 150), st.integers(2, 30), st.integers(0, 2**32), st.integers(0, 8), st.integers(-200, 200))
def test_recursive_indicators_have_talibs_bits(n, period, seed, digits, exponent):
    rows = {name: cells * 10.0**exponent for name, cells in bars.made(n, seed, digits).items()}
    for kind in ("ema", "rsi", "atr", "natr", "adx"):
        assert_same_bits(kind, rows, (period,))
    assert_same_bits("macd", rows, (period, period + seed % 7, 1 + seed % 11))
    assert_same_bits("obv", rows, ())


@pytest.mark.parametrize("isa", ["portable", "avx2"])
def test_instruction_sets_have_the_same_bits(isa, monkeypatch):
    if isa not in instruction_sets():
        pytest.skip(f"no {isa} here")
    rows = bars.made(300)
    before = [bars.told(kind, rows, arguments, convention=convention) for kind, arguments, convention in bars.ALL]
    monkeypatch.setenv("PERFCORE_ISA", isa)
    after = [bars.told(kind, rows, arguments, convention=convention) for kind, arguments, convention in bars.ALL]
    assert all(bars.same(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", ["ema", "rsi", "atr", "natr", "adx", "obv", "macd"])
def test_rows_that_lack_cells_at_the_beginning_are_skipped_as_talib_does(kind):
    rows = bars.made(120)
    for name in bars.COLUMNS[kind]:
        rows[name] = np.r_[np.full(17, np.nan), rows[name]]
    assert_same_bits(kind, rows, bars.SMALL.get(kind, (3,)))


@pytest.mark.parametrize("kind", ["sma", "wma", "bollinger", "stoch"])
def test_indicators_over_windows_are_within_1e9_of_talibs(kind):
    for n in LENGTHS:
        rows = bars.made(n, seed=n, digits=9)
        for period in PERIODS:
            arguments = {"stoch": (period, 3, 2), "bollinger": (period, 2.0)}.get(kind, (period,))
            ours, theirs = bars.told(kind, rows, arguments), of_talib(kind, rows, arguments)
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 if kind == "stoch" else 0)


def means_of(x, weights):
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.longdouble), len(weights))
    return (windows * weights.astype(np.longdouble)).sum(axis=1) / weights.sum()


@pytest.mark.parametrize("kind", ["sma", "wma"])
@pytest.mark.parametrize("n", [2, 20, 100])
def test_moving_means_are_nearer_to_long_double_than_talibs(kind, n):
    x = bars.made(20_000, digits=9)["close"]
    right = means_of(x, np.ones(n) if kind == "sma" else np.arange(1.0, n + 1))
    ours, theirs = (each(kind, {"close": x}, (n,))[0][n - 1 :] for each in (bars.told, of_talib))
    assert abs(ours - right).max() <= abs(theirs - right).max()
    assert abs(ours / right - 1).max() < 1e-14


@pytest.mark.parametrize("name", ["walk", "decay", "level_shift"])
def test_bollingers_lines_are_nearer_to_long_double_than_talibs(name):
    x = series.hostile(3000)[name]
    mean, std = (
        series.reference(kind, series.of_rows(3000, 20), x, ddof=0, min_periods=20).values[19:]
        for kind in ("mean", "std")
    )
    for i, right in enumerate((mean + 2 * std, mean, mean - 2 * std)):
        ours, theirs = (each("bollinger", {"close": x}, (20, 2.0))[i][19:] for each in (bars.told, of_talib))
        assert (abs(ours - right) / std).max() <= (abs(theirs - right) / std).max()


def test_simple_means_and_bollingers_lines_are_those_of_rolling_means_and_deviations():
    x = bars.made(500, digits=9)["close"]
    window = {"rows": 20, "min_periods": 20, "ddof": 0}
    mean, std = Plan(1, [(kind, (0,), window, {}) for kind in ("mean", "std")]).run([x])
    assert bars.same([ta.sma(x, 20)], [mean])
    assert bars.same(list(ta.bollinger(x, 20, 2.5)), [mean + 2.5 * std, mean, mean - 2.5 * std])


def test_what_does_not_move_has_talibs_answers():
    rows = {name: np.full(80, 5.0) for name in ("high", "low", "close", "volume")}
    for kind in bars.COLUMNS:
        arguments = bars.SMALL.get(kind, (3,))
        assert bars.same(bars.told(kind, rows, arguments), of_talib(kind, rows, arguments)), kind
    assert ta.rsi(rows["close"])[-1] == 0
