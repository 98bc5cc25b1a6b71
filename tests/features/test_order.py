"""Rolling and expanding min, max, median, quantile and rank of series of any library, in groups and over times."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import perfcore
from perfcore import features as f

KINDS = ("min", "max", "median", "quantile", "rank")
RANDOM = np.random.default_rng(11)
X = np.where(RANDOM.random(400) < 0.1, np.nan, RANDOM.integers(-30, 30, 400) / 4)
CODES = RANDOM.integers(0, 9, 400)
TIMES = np.sort(RANDOM.integers(0, 300, 400)).astype("M8[s]").astype("M8[ns]")


def ours(kind, x, window, **options):
    first = (0.35,) if kind == "quantile" else ()
    if window is None:
        return getattr(f, f"expanding_{kind}")(x, *first, **options)
    return getattr(f, f"rolling_{kind}")(x, *first, window, **options)


def theirs(kind, window):
    return window.quantile(0.35) if kind == "quantile" else getattr(window, kind)()


@pytest.mark.parametrize("closed", ["right", "left", "both", "neither"])
@pytest.mark.parametrize("min_periods", [None, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_rows_are_pandas_own(kind, min_periods, closed):
    x = pd.Series(X, index=TIMES, name="close")
    for rows in (3, 20, 500):
        right = theirs(kind, x.rolling(rows, min_periods=min_periods, closed=closed))
        pd.testing.assert_series_equal(
            ours(kind, x, rows, min_periods=min_periods, closed=closed), right, check_exact=True
        )


@pytest.mark.parametrize("closed", ["right", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_time_are_pandas_own(kind, closed):
    x = pd.Series(X, index=TIMES, name="close")
    right = theirs(kind, x.rolling("20s", closed=closed, min_periods=2))
    told = ours(kind, x, "20s", on=TIMES, closed=closed, min_periods=2)
    pd.testing.assert_series_equal(told, right, check_exact=True)


@pytest.mark.parametrize("closed", ["left", "neither"])
@pytest.mark.parametrize("kind", ["min", "max", "median"])
def test_windows_of_time_without_the_present_are_polars_own(kind, closed):
    table = pl.DataFrame({"x": X, "t": TIMES}).with_columns(pl.col("x").fill_nan(None))
    named = "none" if closed == "neither" else closed
    right = table.select(getattr(pl.col("x"), f"rolling_{kind}_by")("t", "20s", closed=named))["x"]
    assert ours(kind, table["x"], "20s", on=table["t"], closed=closed).equals(right, null_equal=True)


@pytest.mark.parametrize("kind", ["min", "max", "median"])
def test_windows_of_rows_are_polars_own(kind):
    x = pl.Series("x", X).fill_nan(None)
    right = getattr(x, f"rolling_{kind}")(7, min_samples=3)
    assert ours(kind, x, 7, min_periods=3).equals(right, null_equal=True)


@pytest.mark.parametrize("window", [4, "20s", None])
@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_series_of_their_own_for_any_number_of_threads(kind, window):
    on = {"on": TIMES} if window == "20s" else {}
    told = ours(kind, X, window, by=CODES, min_periods=1, **on)
    for code in range(9):
        own = CODES == code
        when = {name: times[own] for name, times in on.items()}
        assert told[own].tobytes() == ours(kind, X[own], window, min_periods=1, **when).tobytes()
    for n_threads in (2, 5):
        assert ours(kind, X, window, by=CODES, min_periods=1, n_threads=n_threads, **on).tobytes() == told.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_null_is_missing_and_nan_is_a_number_to_arrow_and_polars(kind):
    cells = [1.0, None, float("nan"), 2.0, 3.0, 4.0]
    for told in (
        ours(kind, pl.Series(cells, strict=False), 2, min_periods=1).to_list(),
        ours(kind, pa.array(cells), 2, min_periods=1).to_pylist(),
    ):
        assert told[0] == 1.0 and np.isnan(told[2:4]).all() and told[4] is not None
        assert (told[1] is None) == (kind == "rank")
    assert not np.isnan(ours(kind, np.array(cells, float), 2, min_periods=1)[3])


def test_infinity_is_a_cell_like_others():
    x = np.array([1.0, np.inf, 2.0, -np.inf, 3.0])
    assert f.rolling_max(x, 2).tolist()[1:] == [np.inf, np.inf, 2.0, 3.0]
    assert f.rolling_median(x, 3).tolist()[2:] == [2.0, 2.0, 2.0]
    assert f.rolling_quantile(x, 0.25, 3).tolist()[2:] == [1.5, -np.inf, -np.inf]
    assert np.isnan(f.rolling_median(x[[1, 3]], 2)[1])


def test_a_window_without_its_newest_row_ranks_the_newest_it_has():
    x = pd.Series([3.0, 1.0, 2.0, 5.0])
    pd.testing.assert_series_equal(f.rolling_rank(x, 3, closed="left"), x.rolling(3, closed="left").rank())


def test_what_is_asked_is_in_the_name():
    labels = [f.min(20), f.max("30D", closed="left"), f.median(None), f.quantile(0.9, 20), f.rank(20)]
    assert [each.label for each in labels] == ["min_20", "max_30D_left", "median", "quantile_0.9_20", "rank_20"]
    assert f.quantile(1, 5, interpolation="lower").label == "quantile_1_5_lower"
    assert f.rank(5, method="min", ascending=False, pct=True).label == "rank_5_min_descending_pct"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: f.quantile(1.1, 5), "q=1.1: allowed are numbers from 0 to 1"),
        (lambda: f.quantile(np.nan, 5), "q=nan"),
        (lambda: f.quantile("0.5", 5), "q='0.5'"),
        (lambda: f.quantile(0.5, 5, interpolation="cubic"), "interpolation='cubic': allowed are 'linear', 'lower'"),
        (lambda: f.rank(5, method="dense"), "method='dense': allowed are 'average', 'min', 'max'"),
        (lambda: f.rank(5, pct=1), "pct=1: allowed are True and False"),
        (lambda: f.rolling_max(X, 0), "window=0"),
        (lambda: f.rolling_median(X, 5, min_periods=6), "min_periods=6"),
        (lambda: f.rolling_min(X, 5, closed="middle"), "closed='middle'"),
    ],
)
def test_options_that_are_not_allowed_are_named(call, message):
    with pytest.raises(perfcore.ConfigurationError, match=message):
        call()


def test_windows_longer_than_the_data_take_no_more_room_than_it():
    x = np.arange(10.0)
    for kind in KINDS:
        assert np.isnan(ours(kind, x, 2**40 - 1)).all()
        assert not np.isnan(ours(kind, x, 2**40 - 1, min_periods=1)).any()
    assert len(f.rolling_max(np.array([]), 3)) == 0
