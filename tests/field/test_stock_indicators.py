"""Indicators of daily prices of real stocks: TA-Lib's bits, stock by stock, and a hole in the midst of them."""

import bars
import numpy as np
import pytest

from perfcore._ext.forest import instruction_sets

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
talib = pytest.importorskip("talib", minversion="0.8")

CALLS = {
    "ema": ((26,), lambda c: [talib.EMA(c["close"], 26)]),
    "rsi": ((14,), lambda c: [talib.RSI(c["close"], 14)]),
    "macd": ((12, 26, 9), lambda c: list(talib.MACD(c["close"], 12, 26, 9))),
    "atr": ((14,), lambda c: [talib.ATR(c["high"], c["low"], c["close"], 14)]),
    "natr": ((14,), lambda c: [talib.NATR(c["high"], c["low"], c["close"], 14)]),
    "adx": (
        (14,),
        lambda c: [g(c["high"], c["low"], c["close"], 14) for g in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)],
    ),
    "obv": ((), lambda c: [talib.OBV(c["close"], c["volume"])]),
}
NEAR = {
    "sma": ((20,), lambda c: [talib.SMA(c["close"], 20)]),
    "wma": ((20,), lambda c: [talib.WMA(c["close"], 20)]),
    "bollinger": ((20, 2.0), lambda c: list(talib.BBANDS(c["close"], 20, 2.0, 2.0))),
    "stoch": ((5, 3, 3), lambda c: list(talib.STOCH(c["high"], c["low"], c["close"], 5, 3, 0, 3, 0))),
}


@pytest.fixture(scope="module")
def stocks(shared):
    table = pd.read_parquet(shared / "data" / "us_stocks_daily_lean.parquet")
    return table.astype({name: float for name in ("high", "low", "close", "volume")})


def each_stock(stocks, call):
    """What TA-Lib says stock by stock, at the rows of the table."""
    answers = None
    for _, rows in stocks.groupby("ticker", observed=True).indices.items():
        own = {name: np.ascontiguousarray(stocks[name].to_numpy()[rows]) for name in ("high", "low", "close", "volume")}
        told = call(own)
        answers = answers or [np.full(len(stocks), np.nan) for _ in told]
        for answer, part in zip(answers, told, strict=True):
            answer[rows] = part
    return answers


@pytest.mark.parametrize("kind", CALLS)
def test_recursive_indicators_of_all_stocks_have_talibs_bits(stocks, kind):
    if "avx2" not in instruction_sets():
        pytest.skip("TA-Lib has other last bits on a machine without FMA")
    arguments, call = CALLS[kind]
    ours = bars.told(kind, stocks, arguments, by=stocks.ticker)
    assert bars.same([each.to_numpy() for each in ours], each_stock(stocks, call))


@pytest.mark.parametrize("kind", NEAR)
def test_indicators_over_windows_of_all_stocks_are_within_1e9_of_talibs(stocks, kind):
    arguments, call = NEAR[kind]
    ours = bars.told(kind, stocks, arguments, by=stocks.ticker, n_threads=2)
    np.testing.assert_allclose(ours, each_stock(stocks, call), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [*CALLS, *NEAR])
def test_a_hole_in_each_stock_changes_no_other_row_from_what_it_is_without_the_hole(stocks, kind):
    arguments, _ = (CALLS | NEAR)[kind]
    holes = np.random.default_rng(0).random(len(stocks)) < 0.01
    hollow = stocks.copy()
    hollow.loc[holes, "close"] = np.nan
    ours = bars.told(kind, hollow, arguments, by=hollow.ticker)
    without = bars.told(kind, stocks[~holes], arguments, by=stocks.ticker[~holes])
    assert bars.same([each.to_numpy()[~holes] for each in ours], [each.to_numpy() for each in without])
