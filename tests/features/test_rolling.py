"""Rolling and expanding functions: libraries, missing cells, groups, times, errors."""

import datetime
import decimal
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import perfcore
from perfcore import features as f

X = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
MEANS = [np.nan, 2.0, 2.5, 2.5, 3.0, 7.0, 5.5, 4.0]
ONE = ("sum", "mean", "count", "var", "std", "skew", "kurt", "zscore")
TWO = ("cov", "corr")


def same(a: Any, b: Any) -> None:
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "i1", "u2", "i4", "i8", "u8", "?"])
def test_numbers_of_any_type_are_summed_in_double_precision(dtype):
    same(f.rolling_mean((X > 3 if dtype == "?" else X).astype(dtype), 2).dtype, np.dtype(np.float64))
    if dtype != "?":
        same(f.rolling_mean(X.astype(dtype), 2), MEANS)


BY_AND_ON = {
    "rolling_mean": lambda x, by: f.rolling_mean(x, 3, by=by),
    "rolling_median": lambda x, by: f.rolling_median(x, 3, by=by),
    "expanding_sum": lambda x, by: f.expanding_sum(x, by=by),
    "ewm_mean": lambda x, by: f.ewm_mean(x, span=3, by=by),
    "lag": lambda x, by: f.lag(x, 1, by=by),
    "diff": lambda x, by: f.diff(x, 1, by=by),
    "ta.rsi": lambda x, by: f.ta.rsi(x, 3, by=by),
    "rolling_apply": lambda x, by: f.rolling_apply(x, 3, _last, by=by),
    "group_apply": lambda x, by: f.group_apply(x, by, _last),
}


def _last(x: Any) -> Any:
    return x[-1]


@pytest.mark.parametrize("name", BY_AND_ON)
def test_keys_of_another_index_are_refused(name):
    call, x = BY_AND_ON[name], pd.Series(X, name="x")
    by = pd.Series(np.arange(len(X)) % 2)
    same(call(x, by), call(x, by.to_numpy()))
    same(call(X, by.iloc[::-1]), call(X, by.to_numpy()[::-1]))  # x has no index
    call(x, [by, by])
    shuffled = by.sort_values()
    for bad, called in ((shuffled, "by"), ([by, shuffled], r"by\[1\]"), ({"a": shuffled}, r"by\['a'\]")):
        with pytest.raises(perfcore.InputError, match=f"{called}: its index is not that of (x|close), .* align them"):
            call(x, bad)


def test_times_of_another_index_are_refused():
    x, on = pd.Series(X), pd.Series(pd.date_range("2026-01-01", periods=len(X)))
    other = on.set_axis(on.index + 1)
    with pytest.raises(perfcore.InputError, match="on: its index is not that of x"):
        f.rolling_mean(x, "3D", on=other)
    with pytest.raises(perfcore.InputError, match="times: its index is not that of x"):
        f.ewm_mean(x, halflife="2D", times=other)
    with pytest.raises(perfcore.InputError, match="on: its index is not that of by"):
        f.rolling_mean(X, "3D", by=pd.Series(X), on=other)
    same(f.rolling_mean(x, "3D", on=pd.DatetimeIndex(on)), f.rolling_mean(x, "3D", on=on))


def test_windows_of_time_need_times():
    whole = np.arange(len(X))
    for call in (
        lambda: f.rolling_mean(X, "3D", on=whole),
        lambda: f.rolling_max(X, "3D", on=whole.tolist()),
        lambda: f.rolling_apply(X, "3D", _last, on=pd.Series(whole)),
    ):
        with pytest.raises(
            perfcore.InputError, match=r"on: a window of time \(3D\) needs dates or timestamps, got whole"
        ):
            call()
    with pytest.raises(perfcore.InputError, match="times: a window of time"):
        f.ewm_mean(X, halflife="3D", times=whole)
    same(f.rolling_mean(X, 3, on=whole), f.rolling_mean(X, 3))


def test_strided_and_read_only_arrays_are_read():
    wide = np.repeat(X, 3)
    wide.setflags(write=False)
    same(f.rolling_mean(wide[::3], 2), MEANS)
    same(f.rolling_mean(wide[::-3], 2), f.rolling_mean(X[::-1].copy(), 2))


def test_a_list_gives_an_array():
    same(f.rolling_mean(X.tolist(), 2), MEANS)


def test_pandas_keeps_its_index_and_name():
    x = pd.Series(X, index=list("abcdefgh"), name="close")
    pd.testing.assert_series_equal(f.rolling_mean(x, 2), x.rolling(2).mean())
    for dtype in ("Int64", "float32", "int64[pyarrow]", "Float64"):
        pd.testing.assert_series_equal(f.rolling_mean(x.astype(dtype), 2), x.rolling(2).mean())


def test_polars_and_arrow_get_nulls_and_keep_names_and_chunks():
    answer = f.rolling_mean(pl.Series("close", X), 2)
    assert (answer.name, answer.to_list()) == ("close", [None, *MEANS[1:]])
    assert f.rolling_mean(pa.array(X), 2).to_pylist() == [None, *MEANS[1:]]
    chunked = f.rolling_mean(pa.chunked_array([X[:3], X[3:3], X[3:]]), 2)
    assert chunked.to_pylist() == [None, *MEANS[1:]]
    assert [len(chunk) for chunk in chunked.chunks] == [3, 0, 5]
    assert f.rolling_mean(pa.array([5, 6], pa.int8())[1:], 1).to_pylist() == [6.0]


def test_null_is_missing_and_nan_is_a_number_to_arrow_and_polars():
    cells = [1.0, None, float("nan"), 2.0, 3.0, 4.0]
    for answer in (
        f.rolling_sum(pl.Series(cells, strict=False), 2, min_periods=1).to_list(),
        f.rolling_sum(pa.array(cells), 2, min_periods=1).to_pylist(),
    ):
        assert answer[:2] == [1.0, 1.0] and np.isnan(answer[2]) and np.isnan(answer[3]) and answer[4:] == [5.0, 7.0]
    assert f.rolling_sum(pa.nulls(3, pa.int32()), 2, min_periods=1).to_pylist() == [None] * 3
    same(f.rolling_sum(np.array(cells, float), 2, min_periods=1), [1.0, 1.0, np.nan, 2.0, 5.0, 7.0])


@pytest.mark.parametrize("kind", ONE)
def test_infinity_is_a_number_and_leaves(kind):
    x = np.r_[X, X]
    x[5] = np.inf
    answer = getattr(f, f"rolling_{kind}")(x, 4)
    there = {"sum": [np.inf] * 4, "mean": [np.inf] * 4, "count": [4.0] * 4}.get(kind, [np.nan] * 4)
    same(answer[5:9], there)
    np.testing.assert_allclose(answer[9:], getattr(f, f"rolling_{kind}")(x[6:], 4)[3:], rtol=1e-13, atol=1e-13)
    x[6] = -np.inf
    assert kind == "count" or np.isnan(getattr(f, f"rolling_{kind}")(x, 4)[6:9]).all()


def test_what_is_not_there_in_a_plain_array_is_numpys_own_nan():
    answer = f.rolling_std(np.r_[X, np.inf, X], 3)
    assert set(answer[np.isnan(answer)].view(np.uint64).tolist()) == {np.array(np.nan).view(np.uint64).item()}


def test_equal_cells_deviate_by_nothing():
    x = np.full(200, 0.1)
    for window in (3, 50, 100):
        assert (f.rolling_std(x, window)[window - 1 :] == 0.0).all()
        for kind in ("skew", "kurt", "zscore"):
            assert np.isnan(getattr(f, f"rolling_{kind}")(x, window)).all()
        assert np.isnan(f.rolling_corr(x, np.arange(200.0), window)).all()
        assert (f.rolling_cov(x, np.arange(200.0), window)[window - 1 :] == 0.0).all()


@pytest.mark.parametrize("window", [5, 20, 300])
@pytest.mark.parametrize(("kind", "least"), [("skew", 1e-96), ("kurt", 1e-72), ("zscore", 1e-144), ("corr", 1e-144)])
def test_what_underflows_is_missing_and_never_wrong(kind, least, window):
    """All windows of a series that decays have one shape; their deviations' powers go out of the range of doubles."""
    x = 100 * np.exp(-np.arange(2500) / 3)
    told = getattr(f, f"rolling_{kind}")(*((x, -x) if kind == "corr" else (x,)), window)[window - 1 :]
    there = ~np.isnan(told)
    np.testing.assert_allclose(told[there], told[0], rtol=1e-11)
    assert there[x[: len(there)] > 3 * least].all() and not there[x[: len(there)] < least / 30].any()


@pytest.mark.parametrize("window", [10**8, 2**40 - 1])
def test_a_window_takes_the_room_of_the_rows_that_are_there(window):
    x = np.arange(10.0)
    for kind in ("mean", "std", "kurt", "count"):
        rolling, expanding = (getattr(f, f"{form}_{kind}") for form in ("rolling", "expanding"))
        assert rolling(x, window, min_periods=1).tobytes() == expanding(x).tobytes()
        assert rolling(x, window, min_periods=1, by=x // 2).tobytes() == expanding(x, by=x // 2).tobytes()


@pytest.mark.parametrize("window", [1, 2, 100, None, "2s", "300s"])
@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_a_negative_zero_keeps_its_sign_in_windows_of_any_length(kind, window):
    x, times = np.full(400, -0.0), np.arange(400).astype("M8[s]")
    on = times if isinstance(window, str) else None
    told = getattr(f, f"rolling_{kind}")(x, window, min_periods=1, on=on)
    assert np.signbit(told).all() and (told == 0).all()
    x[0] = 0.0
    assert not np.signbit(getattr(f, f"expanding_{kind}")(x)).any()


@pytest.mark.parametrize("closed", ["right", "left", "both", "neither"])
@pytest.mark.parametrize("window", [1, 2, 3, 100, None, "2s"])
@pytest.mark.parametrize("kind", [*ONE, *TWO])
def test_groups_are_series_of_their_own(kind, window, closed):
    random = np.random.default_rng(1)
    columns = [random.normal(size=300).round(1) for _ in range(2 if kind in TWO else 1)]
    columns[0][random.random(300) < 0.1] = np.nan
    codes = random.integers(0, 7, 300)
    on = np.sort(random.integers(0, 100, 300)).astype("M8[s]") if window == "2s" else None
    answer = getattr(f, f"rolling_{kind}")(*columns, window, closed=closed, min_periods=1, by=codes, on=on)
    for code in range(7):
        own = codes == code
        of_own = [column[own] for column in columns]
        when = None if on is None else on[own]
        same(answer[own], getattr(f, f"rolling_{kind}")(*of_own, window, closed=closed, min_periods=1, on=when))
    for n_threads in (2, 5):
        again = getattr(f, f"rolling_{kind}")(
            *columns, window, closed=closed, min_periods=1, by=codes, on=on, n_threads=n_threads
        )
        same(again, answer)


@pytest.mark.parametrize("kind", [*ONE, *TWO])
def test_expanding_is_a_window_of_all_rows_so_far(kind):
    columns = [X, X[::-1].copy()] if kind in TWO else [X]
    longest = getattr(f, f"rolling_{kind}")(*columns, 8, min_periods=1)
    np.testing.assert_allclose(getattr(f, f"expanding_{kind}")(*columns), longest, rtol=1e-14)
    before = getattr(f, f"expanding_{kind}")(*columns, closed="left")
    if kind != "zscore":
        same(before[1:], getattr(f, f"expanding_{kind}")(*columns)[:-1])


def test_with_the_left_end_closed_rows_of_the_present_time_wait():
    on = np.array([1, 1, 2, 2, 3, 9], "M8[s]")
    same(f.rolling_sum(X[:6], "1s", on=on, closed="left", min_periods=0), [0, 0, 4.0, 4.0, 5.0, 0])
    same(f.rolling_sum(X[:6], "1s", on=on, closed="right"), [3.0, 4.0, 4.0, 5.0, 5.0, 9.0])


def test_times_of_any_library_are_the_same():
    on = np.array([0, 1, 5, 6, 7, 7, 20, 21], "M8[D]")
    answer = f.rolling_std(X, "3D", on=on)
    for other in (
        on.astype("M8[ns]"),
        pd.Series(on.astype("M8[us]")).dt.tz_localize("Asia/Tokyo"),
        pl.Series(on),
        pa.array(on),
        pa.chunked_array([on[:3], on[3:]]),
    ):
        for window in ("3D", datetime.timedelta(days=3), np.timedelta64(72, "h")):
            same(f.rolling_std(X, window, on=other), answer)


def test_a_window_of_pandas_has_nanoseconds():
    assert f.mean(pd.Timedelta(1500, "ns")).window.nanoseconds == 1500
    assert f.mean(pd.Timedelta(2, "D")).label == "mean_2D"


def test_windows_as_pandas_writes_them():
    for window, said in {
        "30d": "30D", "1D12h": "36h", "12h 1D": "36h", "500ms": "500ms", "90min": "90min", "7us": "7us", "3ns": "3ns",
        "2w": "14D", pd.offsets.Day(3): "3D", pd.offsets.Hour(): "1h", pd.offsets.Milli(5): "5ms",
    }.items():  # fmt: skip
        made = f.mean(window)
        assert made.label == f"mean_{said}" and f.mean(said).window == made.window
        days = np.arange(len(X)) * np.timedelta64(made.window.nanoseconds // 2 or 1, "ns") + np.datetime64("2026-01-01")
        same(f.rolling_sum(X, window, on=days), f.rolling_sum(X, said, on=days))


@pytest.mark.parametrize(
    "window",
    [
        *("D", "1M", "1m", "1.5D", "1D1D", "1d2D", "1D, 2h", "٣D", pd.offsets.MonthEnd(), pd.offsets.Day(-1)),
        *(0, -1, 2.0, True, "5", "5 parsecs", "-1s", datetime.timedelta(0), [3], "", b"3", np.timedelta64("NaT")),
        *(np.timedelta64(300_000, "D"), np.timedelta64(213_504, "D"), np.timedelta64(1500, "ps")),
    ],
)
def test_what_is_no_window_is_refused(window):
    f.rolling_mean(X, 1)
    f.rolling_mean(X, 2)
    with pytest.raises(perfcore.ConfigurationError, match="window="):
        f.rolling_mean(X, window)


@pytest.mark.parametrize(
    "call",
    [
        lambda: f.rolling_mean(X, 2, closed="middle"),
        lambda: f.mean(2, closed=["left"]),
        lambda: f.rolling_mean(X, 2, min_periods=3),
        lambda: f.rolling_mean(X, None, min_periods=2**70),
        lambda: f.rolling_mean(X, "3D", min_periods=2**40, on=np.arange(len(X))),
        lambda: f.rolling_mean(X, 2, min_periods=1.0),
        lambda: f.rolling_std(X, 2, ddof=-1),
        lambda: f.rolling_std(X, 2, ddof=1.0),
        lambda: f.rolling_std(X, 2, ddof=True),
        lambda: f.rolling_std(X, 2, n_threads=0),
    ],
)
def test_arguments_out_of_range_are_refused(call: Callable[[], Any]):
    f.rolling_std(X, 2)
    f.rolling_mean(X, 2, min_periods=1)
    with pytest.raises(perfcore.ConfigurationError):
        call()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: f.rolling_mean(np.ones((3, 2)), 2), "shape"),
        (lambda: f.rolling_mean(pd.DataFrame({"a": X}), 2), "x"),
        (lambda: f.rolling_mean(np.array(["a", "b"]), 2), "U1"),
        (lambda: f.rolling_mean(pa.array([decimal.Decimal(1)]), 2), "decimal"),
        (lambda: f.rolling_mean(pa.array([[1.0]]), 2), "list"),
        (lambda: f.rolling_mean(pl.Series([[1.0]]), 2), "list"),
        (lambda: f.rolling_mean(np.array([1, "a", None], object), 2), "str"),
        (lambda: f.rolling_mean(np.array(["2020-01-01"], "M8[D]"), 2), "datetime64"),
        (lambda: f.rolling_mean(np.ones(3, complex), 2), "complex"),
        (lambda: f.rolling_mean(5.0, 2), "float"),
        (lambda: f.rolling_cov(X, X[1:], 2), "8 rows"),
        (lambda: f.rolling_cov(pd.Series(X), pd.Series(X, index=range(1, 9)), 2), "index"),
        (lambda: f.rolling_mean(X, 2, by=[1, 2]), "by"),
        (lambda: f.rolling_mean(X, "2s"), "on="),
        (lambda: f.rolling_mean(X, "2s", on=np.arange(3).astype("M8[s]")), "8 times"),
        (lambda: f.rolling_mean(X, "2s", on=np.array([1, 2, 3, 2, 5, 6, 7, 8], "M8[s]")), "row 3"),
        (lambda: f.rolling_mean(X, "2s", on=np.array([*"1234567", "NaT"], "M8[Y]")), "row 7"),
        (lambda: f.rolling_mean(X, "2s", on=pa.array([1, None, 3, 4, 5, 6, 7, 8], pa.timestamp("s"))), "row 1"),
        (lambda: f.rolling_mean(X, "2s", by=[0, 1] * 4, on=np.array([1, 9, 2, 8, 3, 7, 4, 6], "M8[s]")), "row 3"),
    ],
)
def test_series_that_are_none_are_refused_and_named(call: Callable[[], Any], told: str):
    with pytest.raises(perfcore.InputError, match=told):
        call()


def test_series_of_no_rows_and_of_one():
    for kind in ONE:
        for window in (3, None, "3s"):
            on = None if window != "3s" else np.array([], "M8[s]")
            assert getattr(f, f"rolling_{kind}")(X[:0], window, on=on).shape == (0,)
            on = None if window != "3s" else np.array([5], "M8[s]")
            assert getattr(f, f"rolling_{kind}")(X[:1], window, on=on).shape == (1,)
    same(f.rolling_mean(X[:1], 1), X[:1])
    same(f.rolling_mean(X, 1000, min_periods=8), [*[np.nan] * 7, X.mean()])


def test_descriptions_say_what_they_are():
    assert f.mean(20).label == "mean_20"
    assert f.std("30D", closed="left", ddof=0).label == "std_30D_left_ddof0"
    assert f.sum(None).label == "sum"
    assert f.corr(5).n_inputs == 2
    with pytest.raises(perfcore.ConfigurationError):
        f.std(0)


@pytest.mark.parametrize("name", [name for name in dir(f) if re.match("(rolling|expanding)_(?!apply)", name)])
def test_each_parameter_is_explained_by_help(name):
    function = getattr(f, name)
    explained = function.__doc__.partition("Parameters\n")[2].partition("Returns\n")[0]
    assert re.findall(r"^    (\w+) : ", explained, re.MULTILINE) == list(inspect.signature(function).parameters)
    assert "Raises\n    ------" in function.__doc__ and "(n_rows,)" in explained


def test_what_is_shown_of_the_package_are_its_public_names():
    assert dir(f) == sorted(f.__all__)
