"""Series of any library as numbers with missing cells, times, keys and groups; other things are refused by name."""

import datetime as dt
import decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcore import InputError
from perfcore import features as f
from perfcore._ext.features import MISSING
from perfcore.features.column import keys, numbers, times
from perfcore.features.keys import groups

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

DAY = 86_400 * 10**9
D = [dt.date(1970, 1, 2), dt.date(1970, 1, 1), dt.date(1970, 1, 2)]
T = [dt.datetime(1970, 1, 2), dt.datetime(1970, 1, 1), dt.datetime(1970, 1, 2)]
ZONED = dt.datetime(1970, 1, 1, 9, tzinfo=dt.timezone(dt.timedelta(hours=9)))

ABA = {
    "list": ["b", "a", "b"],
    "array of text": np.array(["b", "a", "b"]),
    "objects": np.array(["b", "a", "b"], object),
    "pandas text": pd.Series(["b", "a", "b"]),
    "pandas category": pd.Series(["b", "a", "b"]).astype("category"),
    "pandas Arrow text": pd.Series(["b", "a", "b"], dtype="string[pyarrow]"),
    "polars text": pl.Series(["b", "a", "b"]),
    "polars category": pl.Series(["b", "a", "b"]).cast(pl.Categorical),
    "polars enum": pl.Series(["b", "a", "b"]).cast(pl.Enum(["z", "a", "b"])),
    "Arrow chunks": pa.chunked_array([["b"], ["a", "b"]]),
    "Arrow dictionaries": pa.chunked_array([["b"], ["a", "b"]]).dictionary_encode(),
    "whole numbers": np.array([2, -1, 2], np.int8),
    "far apart": [2**62, -(2**62), 2**62],
    "unsigned": np.array([2**64 - 1, 3, 2**64 - 1], np.uint64),
    "floats": np.array([0.0, 2.5, -0.0]),
    "bool": pl.Series([True, False, True]),
    "dates": D,
    "polars dates": pl.Series(D),
    "datetimes": pd.Series(T),
    "zoned": pd.Series(T).dt.tz_localize("Asia/Tokyo"),
    "two columns": (np.array([1, 2, 1]), ["x", "x", "x"]),
}


@pytest.mark.parametrize("kind", ABA)
def test_groups_are_numbered_as_they_appear(kind):
    told = groups(ABA[kind])
    assert told.codes.tolist() == [0, 1, 0]
    assert told.order.tolist() == [0, 2, 1]
    assert told.bounds.tolist() == [0, 2, 3] and told.firsts.tolist() == [0, 1]


@pytest.mark.parametrize(
    "x",
    [
        pd.Series(["a", None, "a"]),
        np.array(["a", None, "a"], object),
        pd.Series(["a", None, "a"]).astype("category"),
        pl.Series(["a", None, "a"]),
        pa.array(["a", None, "a"]).dictionary_encode(),
        np.array([1.0, np.nan, 1.0]),
        pd.Series([1, None, 1], dtype="Int64"),
        pl.Series([1, None, 1]),
        np.array(["1970-01-01", "NaT", "1970-01-01"], "M8[s]"),
        (np.array([1, 1, 1]), pl.Series(["a", None, "a"])),
    ],
    ids=lambda x: type(x).__module__,
)
def test_a_row_without_a_key_belongs_to_no_group(x):
    told = groups(x)
    assert told.codes.tolist() == [0, -1, 0] and told.order.tolist() == [0, 2] and len(told) == 1


def test_rows_that_lie_group_by_group_are_not_sorted():
    for keys_of in ([7, 3, 5], [3, 5, 7], ["b", "a", "c"], [0.5, 1.5, 2.5], [-(2**62), 0, 2**62]):
        told = groups(np.repeat(keys_of, 100))
        assert told.order is None and told.bounds.tolist() == [0, 100, 200, 300]
        assert np.array_equal(told.codes, np.repeat([0, 1, 2], 100)) and told.firsts.tolist() == [0, 100, 200]
    assert groups(np.repeat([7, 3, 7], 100)).order.tolist() == [*range(100), *range(200, 300), *range(100, 200)]


@pytest.mark.parametrize("factor", [1, 2**40 + 1])
def test_groups_are_numpys(factor):
    x = np.random.default_rng(0).integers(-3000, 3000, 20_000) * factor
    told = groups(x)
    assert np.array_equal(x[told.firsts][told.codes], x)
    assert np.array_equal(told.order, np.argsort(told.codes, kind="stable"))
    assert np.array_equal(np.diff(told.bounds), np.bincount(told.codes))
    assert np.array_equal(np.sort(told.firsts), np.sort(np.unique(x, return_index=True)[1]))


@pytest.mark.parametrize("n", [1, 15, 16, 17, 18, 33, 500])
def test_runs_of_rising_keys_are_groups(n):
    random = np.random.default_rng(n)
    for _ in range(20):
        x = np.sort(random.integers(0, random.integers(1, 2 * n), n))
        told = groups(x)
        assert told.order is None and np.array_equal(told.bounds[:-1], np.unique(x, return_index=True)[1])
        assert np.array_equal(x[told.firsts][told.codes], x)


def test_whole_numbers_that_a_list_would_round_are_no_keys():
    for x in ([2**63 + 1, -1, 2**63 + 2], [2**53, 2**53 + 1, 0.5]):
        with pytest.raises(InputError, match="is no float64"):
            groups(x)
    assert groups([2**63, -1, 2**63]).codes.tolist() == [0, 1, 0]
    assert groups([1, 0.5, 1.0]).codes.tolist() == [0, 1, 0]


def test_keys_come_back_as_they_are():
    for x, said in ((["b", "a"], ["b", "a"]), (np.array([2.0, 3.0]), [2.0, 3.0]), (D[:2], [DAY, 0])):
        assert keys(x, "by").values(np.array([1, 0])) == said[::-1]
    assert keys(pd.Series(["b", "a"]).astype("category"), "by").values(np.array([0, 1])) == ["b", "a"]


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (D, "time"),
        (pd.Series(D), "time"),
        (pl.Series(D), "time"),
        (pa.array(D, pa.date64()), "time"),
        (pd.Series(T), "time"),
        (np.array(T, "M8[s]"), "time"),
        (np.array(T, "M8[ns]"), "time"),
        (pl.Series(T), "time"),
        (pd.Series(T, dtype=pd.ArrowDtype(pa.timestamp("ms"))), "time"),
        (pd.Series(T).dt.tz_localize("UTC"), "zoned time"),
        (pa.array(T, pa.timestamp("s", "UTC")), "zoned time"),
        (np.array([DAY, 0, DAY]), "number"),
        (pl.Series([DAY, 0, DAY]), "number"),
    ],
)
def test_times_are_nanoseconds(x, kind):
    told = times(x, "on")
    assert told.cells.tolist() == [DAY, 0, DAY] and told.kind == kind


def test_a_time_zone_moves_times_to_utc():
    assert times(pd.Series(T).dt.tz_localize("Asia/Tokyo"), "on").cells[0] == DAY - 9 * 3600 * 10**9


@pytest.mark.parametrize(
    "x",
    [
        np.array([1, 2], np.uint8),
        np.array([0, 1.0, 0, 2.0])[1::2],
        np.array([1.0, 2.0], ">f8"),
        np.array([1.0, 2.0], np.float16),
        np.array([1, np.float32(2.0)], object),
        [1, 2],
        pd.Series([1, 2], dtype="Int8"),
        pd.Series([1, 2], dtype="float[pyarrow]"),
        pl.Series([1, 2], dtype=pl.UInt16),
        pa.chunked_array([[1.0], [2.0]]),
        pa.chunked_array([[1.0, 7.0], [2.0]]).take([0, 2]),
    ],
    ids=lambda x: type(x).__module__,
)
def test_numbers_are_float64(x):
    told = numbers(x, "v")
    assert told.dtype == np.float64 and told.flags.c_contiguous and told.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("x", "bits"),
    [
        (pd.Series([1.0, None, np.nan]), "1nn"),
        (pd.Series([1, None, None], dtype="Int64"), "1mm"),
        (pd.Series([True, None, None], dtype="boolean"), "1mm"),
        (pd.Series([1.0, None, None], dtype="double[pyarrow]"), "1mm"),
        (np.array([1.0, None, np.nan], object), "1mn"),
        (np.ma.array([1.0, 2.0, np.nan], mask=[False, True, False]), "1mn"),
        (pl.Series([1.0, None, np.nan]), "1mn"),
        (pl.Series([True, None, None]), "1mm"),
        (pa.array([1.0, None, np.nan]), "1mn"),
        (pa.array([1, None, None], pa.uint8()), "1mm"),
    ],
)
def test_a_null_is_the_missing_cell_and_a_nan_is_itself(x, bits):
    told = numbers(x, "v").view(np.uint64)
    meant = {"1": 1.0, "m": MISSING, "n": np.nan}
    assert told.tolist() == np.array([meant[each] for each in bits]).view(np.uint64).tolist()


def masked(cells, dtype=None):
    return np.ma.array(np.array(cells, dtype), mask=[False, True, False, False])


@pytest.mark.parametrize(
    "x",
    [
        masked([3, 3, 3, 1]),
        masked([3.0, 3, 3, np.nan]),
        masked(["b", "b", "b", "a"]),
        masked(["b", "b", "b", None], object),
        masked(["2020", "2020", "2020", "NaT"], "M8[D]"),
    ],
)
def test_a_masked_cell_is_no_key_and_no_time(x):
    told = keys(x, "v")
    assert told.absent[:3].tolist() == [False, True, False] and told.cells[0] == told.cells[2]
    assert f.rolling_count(np.ones(4), 4, min_periods=0, by=x)[:3].tolist()[::2] == [1.0, 2.0]
    if x.dtype.kind in "iM":
        with pytest.raises(InputError, match="'v': row 1 has no time"):
            times(x, "'v'")


def test_a_masked_cell_of_an_array_is_missing():
    x = np.ma.array([[1.0, 5.0], [2.0, 6.0]], mask=[[False, True], [False, False]])
    told = f.RollingFeatures([f.sum(2, min_periods=1)]).fit_transform(x)
    np.testing.assert_array_equal(told, [[1.0, np.nan], [3.0, 6.0]])


@pytest.mark.parametrize(
    ("read", "x", "message"),
    [
        (numbers, ["a"], "'v': expected numbers .* got <U1"),
        (numbers, [decimal.Decimal(1)], r"'v': expected numbers, got objects \(Decimal\), as in row 0; cast"),
        (numbers, pa.array([1], pa.decimal128(5, 2)), r"'v': expected numbers .* got decimal128\(5, 2\); cast"),
        (numbers, pl.Series([[1]]), "'v': expected numbers .*list"),
        (numbers, np.array([1, "a"], object), r"'v': expected numbers, got objects \(int, str\), as in row 1"),
        (numbers, np.array([1j]), "'v': expected numbers .* complex128"),
        (numbers, np.zeros((2, 2)), r"'v': expected one column, .* shape \(2, 2\)"),
        (numbers, pd.Series(T), "'v': expected numbers .* datetime64"),
        (numbers, pl.Series([object()], dtype=pl.Object), "'v'"),
        (numbers, 3, "'v': expected a series"),
        (numbers, "abc", "'v': expected a series"),
        (times, np.array(["1970-01-01", "NaT"], "M8[ns]"), r"'v': row 1 has no time \(NaT\)"),
        (times, pd.Series([*T, None]), "'v': row 3 has no time"),
        (times, pl.Series([*D, None]), "'v': row 3 has no time"),
        (times, np.array(["1970-01-01", "1500-01-01"], "M8[s]"), "'v': row 1 is 1500-.* from the year 1678 to 2261"),
        (times, pl.Series([dt.date(9999, 1, 1)]), "'v': row 0 is 9999-01-01"),
        (times, [1.5], "'v': expected times .* float64"),
        (times, ["1970-01-01"], "'v': expected times .* <U10"),
        (times, np.array([2**63], np.uint64), "'v': row 0"),
        (keys, np.array([1, "a"], object), r"'v': expected cells of one kind, got objects \(int, str\)"),
        (keys, [1, "a"], r"'v': expected cells of one kind, got objects \(int, str\)"),
        (keys, pl.Series([[1]]), "'v': expected keys .*list"),
        (keys, pa.array([1], pa.decimal128(5, 2)), "'v': expected keys .* decimal"),
        (keys, np.array([1j]), "'v': expected keys .* complex128"),
        (numbers, pd.DataFrame({"a": [1.0]}), r"'v': expected one column, got a pandas.DataFrame of shape \(1, 1\)"),
        (keys, pl.DataFrame({"a": [1.0]}), r"'v': expected one column, got a polars.DataFrame of shape \(1, 1\)"),
        (times, pa.table({"a": [1.0]}), r"'v': expected one column, got a pyarrow.Table of shape \(1, 1\)"),
        (numbers, pl.LazyFrame({"a": [1.0]}), "'v': a polars.LazyFrame holds no rows yet: .* its collect"),
        (times, pd.period_range("1970-01-01", periods=2), r"'v': expected times, got periods \(period\[D\]\); make"),
        (times, [T[0], ZONED], "'v': expected dates, or times without a zone, or times with one; got several"),
        (times, [ZONED, T[0]], "'v': expected dates, or times without a zone, or times with one; got several"),
        (keys, pd.Series([D[0], T[0]], dtype=object), "'v': expected dates, or times without a zone, or .* several"),
    ],
)
def test_other_columns_are_refused_by_name(read, x, message):
    with pytest.raises(InputError, match=message):
        read(x, "column 'v'")


@pytest.mark.parametrize("unit", ["Y", "5M", "W", "D", "h", "25m", "s", "ms", "us", "100ns"])
def test_times_are_those_that_nanoseconds_reach(unit):
    last = int(np.datetime64(2**63 - 1, "ns").astype(f"M8[{unit}]").astype(np.int64))
    reached, beyond = (np.array([0, -n, n]).view(f"M8[{unit}]") for n in (last, last + 1))
    told = times(reached, "v").cells.view("M8[ns]")
    assert all(str(nanoseconds).startswith(str(cell)) for nanoseconds, cell in zip(told, reached, strict=True))
    with pytest.raises(InputError, match="row 1 .*from the year 1678 to 2261"):
        times(beyond, "v")
    with pytest.raises(InputError, match="row 0 .*from the year 1678 to 2261"):
        times(beyond[2:], "v")


def test_keys_of_other_lengths_are_refused():
    with pytest.raises(InputError, match=r"expected 3 keys, got \[2\]"):
        groups([1, 2], 3)
    with pytest.raises(InputError, match=r"expected equally many keys, got \[2, 3\]"):
        groups(([1, 2], [1, 2, 3]))


def test_series_without_rows():
    for x in ([], pd.Series([], dtype="category"), pl.Series([], dtype=pl.String), pa.chunked_array([], pa.string())):
        told = groups(x)
        assert len(told) == 0 and told.bounds.tolist() == [0] and told.order is None
    assert numbers(pa.chunked_array([], pa.int8()), "v").shape == (0,)
    assert times(np.array([], "M8[D]"), "on").cells.shape == (0,)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["", "a", "aa", "a" * 16, "a" * 17, "a" * 24, "\0"]
)


@given(st.lists(st.none() | TEXTS, max_size=60), st.sampled_from(["string", "large_string", "string_view"]))
def test_texts_are_numbered_as_they_appear(texts, kind):
    array = pa.chunked_array([pa.array(["before", *texts], kind)[1:]])
    told = keys(array, "x")
    seen = list(dict.fromkeys(each for each in texts if each is not None))
    assert told.cells.tolist() == [-1 if each is None else seen.index(each) for each in texts]
    assert told.values(np.array([texts.index(each) for each in seen], np.int64)) == seen
    assert groups(array).firsts.tolist() == [texts.index(each) for each in seen]


def test_many_texts_are_as_many_keys():
    texts = [f"{i:0{4 + i % 30}d}" for i in range(5_000)]
    told = keys(texts * 2, "x")
    assert told.cells.tolist() == list(range(5_000)) * 2
