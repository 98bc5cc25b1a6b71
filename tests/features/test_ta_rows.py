"""Rows of indicators: those that lack a cell, groups of them, streams of them; and what is refused."""

import bars
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcore import ConfigurationError, InputError
from perfcore import features as f
from perfcore._ext.features import MISSING, Plan
from perfcore.features import indicators, ta

each_indicator = pytest.mark.parametrize("kind, arguments, convention", bars.ALL, ids=bars.NAMES)


@each_indicator
@given(
    holes=st.lists(st.integers(0, 69), max_size=20),
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
    at=st.integers(0, 2),
)
def test_rows_with_a_cell_that_is_none_are_as_if_they_were_not_there(kind, arguments, convention, holes, bad, at):
    rows, columns = bars.made(70), bars.COLUMNS[kind]
    whole = np.ones(70, bool)
    whole[holes] = False
    without = bars.told(kind, {name: rows[name][whole] for name in columns}, arguments, convention=convention)
    rows[columns[at % len(columns)]][holes] = bad
    answers = bars.told(kind, rows, arguments, convention=convention)
    assert bars.same([each[whole] for each in answers], without)
    assert all(np.isnan(each[~whole]).all() for each in answers)


@each_indicator
def test_a_stream_has_the_batch_s_bits(kind, arguments, convention):
    rows = bars.made(120, digits=9)
    columns = [rows[name] for name in bars.COLUMNS[kind]]
    columns[0][[0, 1, 40, 41, 77]] = np.nan, MISSING, np.inf, MISSING, -np.inf
    for nan_is_missing in (True, False):
        feature = bars.described(kind, arguments, convention).compiled(tuple(range(len(columns))))
        plan = Plan(len(columns), [feature], nan_is_missing)
        batch, stream = plan.run(columns), plan.run_steps(columns)
        assert [each.tobytes() for each in batch] == [each.tobytes() for each in stream]


@pytest.mark.parametrize("convention", ["talib", "tradingview"])
@pytest.mark.parametrize("periods", [(1, 1, 1), (3, 1, 2), (5, 3, 3), (70, 3, 1)], ids=str)
def test_places_among_zeros_of_both_signs_are_those_of_the_stream(periods, convention):
    random = np.random.default_rng(sum(periods))
    columns = list(random.choice([-1.0, -0.0, 0.0, 1.0], (3, 500)))
    plan = Plan(3, [indicators.stoch(*periods, convention=convention).compiled((0, 1, 2))])
    assert [each.tobytes() for each in plan.run(columns)] == [each.tobytes() for each in plan.run_steps(columns)]


@each_indicator
def test_null_and_nan_stay_apart_where_they_differ(kind, arguments, convention):
    rows = bars.made(60)
    columns = [rows[name] for name in bars.COLUMNS[kind]]
    columns[-1][40], columns[0][41] = np.nan, MISSING
    feature = bars.described(kind, arguments, convention).compiled(tuple(range(len(columns))))
    for answer in Plan(len(columns), [feature], False).run(columns):
        null, nan = np.array([MISSING, np.nan]).view(np.int64)
        assert answer.view(np.int64)[[40, 41]].tolist() == [nan, null]
        assert set(answer[np.isnan(answer)].view(np.int64)) <= {null, nan}
        assert np.isnan(answer[42]) == np.isnan(answer[39])
    for answer in Plan(len(columns), [feature], True).run(columns):
        assert set(answer[np.isnan(answer)].view(np.int64)) <= {nan}


@each_indicator
@pytest.mark.parametrize("n_threads", [1, 3])
def test_groups_are_series_of_their_own(kind, arguments, convention, n_threads):
    rows = bars.made(900)
    codes = np.random.default_rng(1).integers(0, 9, 900)
    answers = bars.told(kind, rows, arguments, convention=convention, by=codes, n_threads=n_threads)
    for code in range(9):
        own = {name: cells[codes == code] for name, cells in rows.items()}
        assert bars.same(
            [each[codes == code] for each in answers], bars.told(kind, own, arguments, convention=convention)
        )


@each_indicator
def test_series_shorter_than_the_periods_have_no_answer_and_no_rows_give_none(kind, arguments, convention):
    empty = {name: np.empty(0) for name in bars.COLUMNS[kind]}
    assert [len(each) for each in bars.told(kind, empty, arguments, convention=convention)] == [0] * len(
        bars.described(kind, arguments, convention).outputs
    )
    if arguments:
        feature = getattr(indicators, kind)
        long = (50_000, 60_000, 9) if kind == "macd" else (100_000,)
        columns = tuple(range(len(bars.COLUMNS[kind])))
        plan = Plan(len(columns), [feature(*long, convention=convention).compiled(columns)])
        answer = plan.run([bars.made(30)[name] for name in bars.COLUMNS[kind]])[-1]
        assert np.isnan(answer).all() or convention != "talib"


def test_answers_have_names():
    rows = bars.made(50)
    high, low, close = rows["high"], rows["low"], rows["close"]
    assert ta.macd(close)._fields == ("macd", "signal", "hist")
    assert ta.bollinger(close)._fields == ("upper", "middle", "lower")
    assert ta.stoch(high, low, close)._fields == ("k", "d")
    assert ta.adx(high, low, close)._fields == ("adx", "plus_di", "minus_di")


def test_descriptions_name_what_they_make():
    assert indicators.rsi().label == "rsi_14" and indicators.rsi(9, convention="pandas").label == "rsi_9_pandas"
    assert indicators.macd().label == "macd_12_26_9" and indicators.macd().outputs == ("", "_signal", "_hist")
    assert indicators.bollinger(20, 2.5).label == "bollinger_20_2.5"
    assert indicators.atr().n_inputs == 3 and indicators.obv().n_inputs == 2
    for kind, arguments, convention in bars.ALL:
        feature = bars.described(kind, arguments, convention)
        plan = Plan(feature.n_inputs, [feature.compiled(tuple(range(feature.n_inputs)))])
        assert plan.n_outputs == len(feature.outputs)


def test_conventions_that_an_indicator_lacks_are_refused_with_those_it_has():
    with pytest.raises(ConfigurationError, match=r"convention='pandas': wma has 'talib', 'tradingview'$"):
        indicators.wma(5, convention="pandas")
    with pytest.raises(ConfigurationError, match=r"convention='tradingview': natr has 'talib'$"):
        ta.natr(*(np.ones(3),) * 3, convention="tradingview")
    with pytest.raises(ConfigurationError, match="convention='wilder': rsi has 'talib', 'tradingview', 'pandas'"):
        indicators.rsi(convention="wilder")


@pytest.mark.parametrize("n", [0, -3, 2.5, "14", None, True, 100_001])
def test_periods_that_are_none_are_refused(n):
    for kind in ("sma", "ema", "wma", "rsi", "macd", "bollinger", "atr", "natr", "stoch", "adx"):
        with pytest.raises(ConfigurationError, match="allowed are whole numbers from"):
            getattr(indicators, kind)(n)


def test_other_mistakes_are_refused():
    x = np.ones(5)
    with pytest.raises(ConfigurationError, match="the fast average must be of no more rows"):
        ta.macd(x, 26, 12)
    for width in (np.inf, "2", None, True, -2.0, np.nan):
        with pytest.raises(ConfigurationError, match="width="):
            ta.bollinger(x, 3, width)
    with pytest.raises(InputError, match="volume: expected 5 rows as in close, got 4"):
        ta.obv(x, np.ones(4))
    with pytest.raises(InputError, match="low: expected numbers"):
        ta.atr(x, np.array(["a"] * 5), x)
    with pytest.raises(ConfigurationError, match="n_threads"):
        ta.sma(x, 2, n_threads=0)


def test_series_of_any_library_give_series_of_it():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    rows = bars.made(60)
    rows["low"][10] = np.nan
    right = ta.atr(rows["high"], rows["low"], rows["close"], 5)
    there = ~np.isnan(right)
    table = pd.DataFrame(rows, index=pd.RangeIndex(100, 160))
    answer = ta.atr(table.high, table.low, table.close, 5)
    assert answer.index.equals(table.index) and answer.to_numpy().tobytes() == right.tobytes()
    frame = pl.DataFrame(rows)
    for low, last in ((frame["low"], np.nan), (frame["low"].fill_nan(None), None)):
        answer = ta.atr(frame["high"], low, frame["close"], 5)
        assert isinstance(answer, pl.Series) and answer.is_null().sum() == (~there).sum() - (low.null_count() == 0)
        assert answer.fill_null(np.nan).to_numpy()[there].tobytes() == right[there].tobytes()
        told = answer[10]
        assert told is None if last is None else np.isnan(told)
        arrow = ta.atr(frame["high"].to_arrow(), low.to_arrow(), frame["close"].to_arrow(), 5)
        assert isinstance(arrow, pa.Array) and arrow.null_count == answer.null_count()
    assert all(isinstance(each, pl.Series) for each in ta.macd(frame["close"]))
    with pytest.raises(InputError, match="low: its index is not that of high"):
        ta.atr(table.high, table.low.reset_index(drop=True), table.close)


@pytest.mark.parametrize("k", [0, 1, 7, 60])
def test_indicators_of_tables_are_the_same_in_batch_and_stream(k):
    pd = pytest.importorskip("pandas")
    rows = bars.made(120)
    rows["close"][[5, 33, 90]] = np.nan
    table = pd.DataFrame(rows).assign(code=np.random.default_rng(2).choice(["a", "b"], 120), date=np.arange(120))
    features: dict = {}
    for kind, arguments, convention in bars.ALL:
        features.setdefault(bars.COLUMNS[kind], []).append(bars.described(kind, arguments, convention))
    made = f.RollingFeatures(features, by="code", on="date")
    batch = made.fit_transform(table).to_numpy()
    for code in ("a", "b"):
        own, at = table[table.code == code], (table.code == code).to_numpy()
        answers = [
            each.to_numpy()
            for of in features
            for kind, arguments, convention in bars.ALL
            if bars.COLUMNS[kind] == of
            for each in bars.told(kind, own, arguments, convention=convention)
        ]
        assert bars.same(list(batch[at].T), answers)
    stream = made.restore(made.start(table[:k]).snapshot())
    rows_after = table[k:].to_dict("records")
    assert np.array([stream.update(row) for row in rows_after]).tobytes() == np.ascontiguousarray(batch[k:]).tobytes()
    assert stream.ready("a")


def test_an_indicator_is_ready_when_it_says_all_that_it_says():
    pd = pytest.importorskip("pandas")
    for kind, arguments, convention in bars.ALL:
        made = f.RollingFeatures({bars.COLUMNS[kind]: [bars.described(kind, arguments, convention)]})
        stream = made.start(pd.DataFrame(bars.made(2, digits=9))[:0])
        for row in pd.DataFrame(bars.made(40, digits=9)).to_dict("records"):
            answer = stream.update(row)
            assert stream.ready() == (not np.isnan(answer).any()), (kind, convention)


@each_indicator
@pytest.mark.parametrize("nan_is_missing", [True, False])
def test_a_stream_has_the_batch_s_bits_where_sums_overflow_and_quotients_underflow(
    kind, arguments, convention, nan_is_missing
):
    random = np.random.default_rng(0)
    n_columns = len(bars.COLUMNS[kind])
    feature = bars.described(kind, arguments, convention).compiled(tuple(range(n_columns)))
    plan = Plan(n_columns, [feature], nan_is_missing)
    for cells in (
        [1e308, -1e308, 1.7e308, 0.0, -0.0, 1.0, 5e-324],
        [0.0, 5e-324, -5e-324, 1.0, 2.0],
        [1.7e308, -1.7e308],
    ):
        for _ in range(30):
            columns = [random.choice(cells, 40) for _ in range(n_columns)]
            batch, stream = plan.run(columns), plan.run_steps(columns)
            assert [each.tobytes() for each in batch] == [each.tobytes() for each in stream]


def test_a_place_that_is_not_finite_is_left_out_of_stoch_in_a_batch_as_in_a_stream():
    least = 5e-324
    high, low = [-least, 0, least, -least, 1], [1, least, least, -least, -least]
    columns = [np.array(each, float) for each in (high, low, [-least, 1, least, 0, 0])]
    plan = Plan(3, [("stoch", (0, 1, 2), {"n": 2, "smooth": 2, "signal": 3}, {})])
    assert [each.tobytes() for each in plan.run(columns)] == [each.tobytes() for each in plan.run_steps(columns)]
