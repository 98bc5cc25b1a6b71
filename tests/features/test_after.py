"""after=: of a row is known what came before it; windows of time go back from the present row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfcore import features as f

pd = pytest.importorskip("pandas")

DAYS = pd.to_datetime(["2026-01-01", "2026-01-05", "2026-01-11", "2026-01-16", "2026-06-30"])
TABLE = pd.DataFrame({"k": 1, "t": DAYS, "x": [1.0, 2, 4, 8, 16]})
CLOSED = ["right", "left", "both", "neither"]


def made(features, table=TABLE, **options):
    options = {"by": "k", "on": "t", "after": "x"} | options
    return f.RollingFeatures({"x": features}, **options).fit(table)


def columns(table):
    return [table.iloc[:, j].tolist() for j in range(table.shape[1])]


def test_a_window_of_time_goes_back_from_the_present_row():
    features = made([f.sum("10D"), f.sum("10D", closed="left"), f.count("10D", min_periods=0)])
    right, left, count = columns(features.transform(TABLE))
    assert np.array_equal(right, [np.nan, 1, 2, 4, np.nan], equal_nan=True)
    assert np.array_equal(left, [np.nan, 1, 3, 4, np.nan], equal_nan=True)
    assert count == [0, 1, 1, 1, 0]
    pandas = TABLE.set_index("t").x.rolling("10D", closed="left")
    assert np.array_equal(left, pandas.sum(), equal_nan=True)


def test_a_peek_long_after_the_last_row_sees_none_of_the_window():
    stream = made([f.mean("90D"), f.count("90D", min_periods=0), f.lag(0)]).start(TABLE)
    card = {"k": 1, "t": pd.Timestamp("2027-01-01")}
    assert np.array_equal(stream.peek(card), [np.nan, 0, 16], equal_nan=True)
    assert stream.peek({**card, "t": pd.Timestamp("2026-07-01")})[0] == 16


@pytest.mark.parametrize("window", [2, None])
def test_windows_of_rows_are_of_the_last_known_rows_however_they_are_closed(window):
    features = [f.sum(window, min_periods=1, closed=closed) for closed in ("right", "left")]
    features += [f.count(window, min_periods=0, closed=closed) for closed in ("both", "neither")]
    for on in ("t", None):
        right, left, *counts = columns(made(features[:2], on=on).transform(TABLE)) + columns(
            pd.concat([made([each], on=on).transform(TABLE) for each in features[2:]], axis=1)
        )
        past = TABLE.x.rolling(window or 99, min_periods=1, closed="left")
        assert np.array_equal(right, past.sum(), equal_nan=True) and np.array_equal(left, right, equal_nan=True)
        assert counts == [[min(i, window or 99) for i in range(5)]] * 2


def test_lags_are_of_the_known_rows():
    """The last one is lag(0), the one before it lag(1); a change is between these two."""
    zero, one, change = columns(made([f.lag(0), f.lag(1), f.diff(1)]).transform(TABLE))
    assert np.array_equal(zero, [np.nan, 1, 2, 4, 8], equal_nan=True)
    assert np.array_equal(one, [np.nan, np.nan, 1, 2, 4], equal_nan=True)
    assert np.array_equal(change, [np.nan, np.nan, 1, 2, 4], equal_nan=True)


KINDS = {
    **{kind: (getattr(f, kind), getattr(f, f"expanding_{kind}")) for kind in
       ("sum", "mean", "count", "var", "std", "zscore", "skew", "kurt", "min", "max", "median", "rank")},
    "quantile": (lambda *window, **options: f.quantile(0.3, *window, **options),
                 lambda x, **options: f.expanding_quantile(x, 0.3, **options)),
}  # fmt: skip


@given(st.data(), st.sampled_from(sorted(KINDS)), st.sampled_from(CLOSED), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_windows_of_time_hold_the_rows_of_earlier_times_as_closed_says(data, kind, closed, least):
    n, days = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 9))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    table = pd.DataFrame({"k": random.integers(0, 2, n), "x": random.normal(size=n).round(1)})
    table.loc[random.random(n) < 0.2, "x"] = np.nan
    table["t"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 4, n).cumsum(), unit="D")
    feature, expanding = KINDS[kind]
    features = made([feature(f"{days}D", closed=closed, min_periods=least)], table)
    told = features.transform(table).iloc[:, 0].to_numpy()
    for i, row in table.iterrows():
        age = (row.t - table.t) / pd.Timedelta(days=1)
        is_in = (table.k == row.k) & (age > 0) & (age <= days if closed in ("left", "both") else age < days)
        window = table.x[is_in].to_numpy()
        if len(window):
            right = expanding(window, min_periods=least)[-1]
        else:
            right = 0.0 if kind in ("sum", "count") and least == 0 else np.nan
        np.testing.assert_allclose(told[i], right, rtol=1e-9, atol=1e-9)
    k = data.draw(st.integers(0, n))
    stream, rows = features.start(table[:k]), table[k:]
    assert stream.peek_group(rows).to_numpy().tobytes() == told[k:].tobytes()
    for row, right in zip(rows.to_dict("records"), told[k:], strict=True):
        peeked = stream.peek({"k": row["k"], "t": row["t"]})
        assert peeked.tobytes() == stream.update(row).tobytes() == right.tobytes()
        stream = features.restore(stream.snapshot())


def test_a_function_of_ones_own_and_two_columns_see_earlier_rows():
    pytest.importorskip("numba")
    table = TABLE.assign(y=[1.0, 3, 2, 5, 4])
    features = f.RollingFeatures(
        {"x": [f.apply(lambda x: x[-1], "10D", closed="left")], ("x", "y"): [f.cov("12D", closed="left")]},
        by="k", on="t", after=["x", "y"],
    )  # fmt: skip
    newest, cov = columns(features.fit_transform(table))
    assert np.array_equal(newest, [np.nan, 1, 2, 4, np.nan], equal_nan=True)
    past = [table[(table.t < t) & (table.t >= t - pd.Timedelta("12D"))] for t in table.t]
    np.testing.assert_allclose(cov, [each.x.cov(each.y) if len(each) > 1 else np.nan for each in past])


def test_one_list_of_results_serves_stages_that_use_some_of_them():
    table = TABLE.assign(y=1.0)
    some = f.RollingFeatures({"x": [f.mean(2)]}, by="k", on="t", after=["x", "y"]).fit(table)
    assert some.transform(table).equals(made([f.mean(2)]).transform(TABLE))
    card = {"k": 1, "t": pd.Timestamp("2027-01-01")}
    assert some.start(table).peek(card).tolist() == [12]
    assert np.isnan(some.start().update({**card, "x": 1.0})[0])  # y, which nothing is of, need not be there
