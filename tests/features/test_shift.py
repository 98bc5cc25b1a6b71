"""Lags of cells of any type, changes of numbers."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import perfcore
from perfcore import features as f
from perfcore._ext.features import Plan

CODES = np.array([1, 2, 1, 1, 2, 3, 2])
DAYS = pd.date_range("2026-01-01", periods=7)
PANDAS = {
    "float": pd.Series(np.arange(7.0)),
    "float32": pd.Series(np.arange(7, dtype="f4")),
    "whole": pd.Series(range(7)),
    "nullable": pd.Series(range(7), dtype="Int16"),
    "bool": pd.Series([True, False, True, True, False, False, True]),
    "str": pd.Series(list("abcdefg")),
    "objects": pd.Series(list("abcdefg"), dtype=object),
    "category": pd.Series(list("abcabca"), dtype="category"),
    "days": pd.Series(DAYS),
    "zoned": pd.Series(DAYS.tz_localize("Asia/Tokyo")),
    "spans": pd.Series(DAYS - DAYS[0]),
    "arrow": pd.Series(list("abcdefg"), dtype="string[pyarrow]"),
}


@pytest.mark.parametrize("n", [0, 1, 2, 100])
@pytest.mark.parametrize("name", PANDAS)
def test_lags_of_pandas_are_its_shifts(name, n):
    x = PANDAS[name].rename(name)
    x.index = list("tuvwxyz")
    assert_same(f.lag(x, n), x.shift(n))
    assert_same(f.lag(x, n, by=CODES), x.groupby(CODES).shift(n))


def assert_same(told, right):
    if told.dtype == object:  # pandas shifts in None, but NaN in groups
        told, right = told.where(told.notna(), None), right.where(right.notna(), None)
    if told.dtype == right.dtype:
        pd.testing.assert_series_equal(told, right)
    else:  # whole numbers that all are there stay whole here
        pd.testing.assert_series_equal(told.astype(right.dtype), right)


@pytest.mark.parametrize("n", [0, 1, 3, 100])
@pytest.mark.parametrize("name", PANDAS)
def test_lags_of_polars_and_arrow_keep_the_type(name, n):
    if name == "objects":
        return
    x = pl.Series("x", pl.from_pandas(PANDAS[name]))
    told = f.lag(x, n)
    assert told.equals(x.shift(n), null_equal=True, check_names=True) and told.dtype == x.dtype
    grouped = pl.DataFrame({"x": x, "code": CODES}).select(pl.col("x").shift(n).over("code"))["x"]
    assert f.lag(x, n, by=CODES).equals(grouped, null_equal=True)
    array = pa.Array.from_pandas(PANDAS[name])
    told = f.lag(array, n)
    assert told.type == array.type and told.to_pylist() == ([None] * min(n, 7) + array.to_pylist())[:7]
    chunks = pa.chunked_array([array[:3], array[3:]])
    assert f.lag(chunks, n).equals(pa.chunked_array([told[:3], told[3:]]))


def test_lags_of_arrays_keep_types_that_have_a_missing_cell():
    for array, first in (
        (np.arange(3, dtype="f4"), "float32"),
        (np.arange(3), "float64"),
        (np.array(["2026-01-01", "2026-01-02"], "M8[D]"), "datetime64[D]"),
        (np.array([1, 2], "m8[s]"), "timedelta64[s]"),
        (np.array(["a", "b"]), "object"),
        (np.array([True, False]), "object"),
        (np.array([decimal.Decimal(1), datetime.date(2026, 1, 1)], object), "object"),
    ):
        told = f.lag(array, 1)
        assert told.dtype == first and told[1:].tolist() == array[:-1].tolist()
        assert told[0] is None or np.isnat(told[0]) if told.dtype.kind in "OmM" else np.isnan(told[0])
        assert f.lag(array, 0).dtype == array.dtype and len(f.lag(array[:0], 1)) == 0
    assert f.lag(["a", "b", "c"], 2).tolist() == [None, None, "a"]
    assert f.lag([1, 2, 3]).tolist()[1:] == [1.0, 2.0]


def test_rows_without_a_key_have_no_past():
    by = pl.Series(["a", None, "a", None])
    assert f.lag(pl.Series([1, 2, 3, 4]), 1, by=by).to_list() == [None, None, 1, None]


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("lie", ["together", "anywhere", "in pairs"])
def test_lags_within_groups_that_lack_keys_are_those_of_pandas(lie, n):
    random = np.random.default_rng(n)
    codes = {
        "together": np.sort(random.integers(0, 40, 400)),
        "anywhere": random.integers(0, 40, 400),
        "in pairs": random.permutation(400) // 2,
    }[lie].astype(float)
    codes[::9] = np.nan
    x = pd.Series(random.normal(size=400))
    for series in (x, x.astype(str)):
        assert_same(f.lag(series, n, by=codes), series.groupby(codes).shift(n))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("kind", ["diff", "pct_change"])
def test_changes_are_those_of_pandas(kind, n):
    x = pd.Series([1.0, 2.0, np.nan, 4.0, 0.0, 0.0, np.inf, np.inf, -3.0] * 3, name="x")
    right = x.diff(n) if kind == "diff" else x.pct_change(n, fill_method=None)
    told = getattr(f, kind)(x, n)
    pd.testing.assert_series_equal(told, right)
    assert set(told[told.isna()].to_numpy().view(np.uint64)) == {np.array(np.nan).view(np.uint64).item()}
    by = np.arange(27) % 4
    grouped = x.groupby(by).diff(n) if kind == "diff" else x.groupby(by).pct_change(n, fill_method=None)
    pd.testing.assert_series_equal(getattr(f, kind)(x, n, by=by), grouped)


def test_changes_from_or_to_null_are_null_and_others_nan():
    x = pl.Series([1.0, None, 3.0, float("nan"), 5.0, 5.0], strict=False)
    told = f.diff(x).to_list()
    assert told[:3] == [None] * 3 and np.isnan(told[3:5]).all() and told[5] == 0.0


@pytest.mark.parametrize("kind", ["lag", "diff", "pct_change"])
@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 200])
def test_a_series_row_by_row_has_the_bits_of_the_whole(kind, n):
    x = np.random.default_rng(n).normal(size=300)
    x[::7] = np.nan
    plan = Plan(1, [(kind, (0,), {"n": n}, {})])
    assert plan.run([x])[0].tobytes() == plan.run_steps([x])[0].tobytes()


def test_a_lag_longer_than_the_data_takes_no_room():
    assert np.isnan(f.lag(np.arange(3.0), 2**39)).all() and np.isnan(f.diff(np.arange(3.0), 2**39)).all()
    assert np.isnan(Plan(1, [("lag", (0,), {"n": 2**39}, {})]).run_steps([np.arange(300.0)])[0]).all()


def test_without_data_it_describes():
    assert [f.lag(2).label, f.lag().label, f.diff(n=3).label, f.pct_change(1).label] == [
        "lag_2",
        "lag_1",
        "diff_3",
        "pct_change_1",
    ]


def test_the_future_is_refused():
    for call in (lambda: f.lag(-1), lambda: f.lag(PANDAS["str"], -1), lambda: f.diff([1.0], -2)):
        with pytest.raises(perfcore.ConfigurationError, match=r"looks into the future: allowed are whole numbers"):
            call()
    for n in (1.5, "1", True):
        with pytest.raises(perfcore.ConfigurationError, match="allowed are whole numbers from 0"):
            f.lag(PANDAS["str"], n)


def test_what_is_no_series_of_cells_is_refused():
    with pytest.raises(perfcore.InputError, match="expected one column"):
        f.lag(np.zeros((2, 2)), 1)
    with pytest.raises(perfcore.InputError, match="cannot take cells of"):
        f.lag(np.zeros(2, "i4,i4"), 1)
    with pytest.raises(perfcore.InputError, match="got 1 keys|keys"):
        f.lag(np.zeros(2), 1, by=[1])
    with pytest.raises(perfcore.InputError, match="x: expected a series, got 1"):
        f.lag(1, 2)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table])
def test_a_table_is_no_series(make):
    table = make({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    for call in (lambda: f.lag(table, 1), lambda: f.lag(table, 1, by=[1, 1]), lambda: f.diff(table, 1)):
        with pytest.raises(
            perfcore.InputError, match=r"x: (expected one column, got a .* of shape \(2, 2\)|a polars.LazyFrame holds)"
        ):
            call()
