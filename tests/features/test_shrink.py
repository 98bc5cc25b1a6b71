"""shrink: smaller types, the same values; new data comes into the same types or is refused, never wrapped."""

import datetime
import decimal
import pickle

import numpy as np
import pytest

import perfcore
from perfcore import features as f

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as hnp  # noqa: E402

INTS = [f"{sign}int{width}" for sign in ("", "u") for width in (8, 16, 32, 64)]
NULLABLE = [name.replace("int", "Int").replace("u", "U") for name in INTS]


def kinds(cells, missing=None):
    """A table of one column in each library; where there are missing cells, nulls."""
    array = pa.array(cells, mask=missing, from_pandas=False)
    arrow = pa.table({"x": array})
    frame = pd.DataFrame({"x": pd.Series(np.asarray(cells))})
    if missing is not None and missing.any():
        frame = pd.DataFrame({"x": pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))})
    batch = arrow.to_batches()[0] if arrow.num_rows else pa.RecordBatch.from_arrays([array], ["x"])
    return [frame, pl.from_arrow(arrow), arrow, batch]


def cells(table, name="x"):
    """A column's cells in Python; None where missing, and NaN for NaN."""
    made = table[name]
    listed = made.to_pylist() if hasattr(made, "to_pylist") else list(made)
    cells = (cell.item() if isinstance(cell, np.number) else cell for cell in listed)
    return [None if cell is pd.NA else cell for cell in cells]


def bits(listed):
    """Numbers by their bits as floats, and whole ones as integers; NaN and None apart; all else as it is."""
    return [
        cell if type(cell) not in (int, float) else (float(cell).hex(), int(cell) if np.isfinite(cell) else 0)
        for cell in listed
    ]


def same(one, other):
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        return True
    if isinstance(one, pl.DataFrame):
        return one.schema == other.schema and one.equals(other)
    lists = [[bits(cells(table, name)) for table in (one, other)] for name in one.schema.names]
    return one.schema == other.schema and all(a == b for a, b in lists)


@given(st.sampled_from(INTS), st.data())
def test_integers_of_every_type_get_the_smallest_that_holds_them(name, data):
    bounds = np.iinfo(name)
    values = data.draw(
        hnp.arrays(
            name,
            st.integers(0, 8),
            elements=st.one_of(
                st.integers(int(bounds.min), int(bounds.max)),
                st.sampled_from([bounds.min, bounds.max, 0, 1]),  # fmt: skip
            ),
        )
    )
    for table in kinds(values):
        small, report = f.shrink(table)
        assert type(small) is type(table)
        assert cells(small) == values.tolist()
        assert report.bytes_after <= report.bytes_before
        assert same(report.apply(table), small)
        if len(values):
            low, high = int(values.min()), int(values.max())
            sizes = [np.iinfo(each).bits for each in INTS if np.iinfo(each).min <= low and high <= np.iinfo(each).max]
            assert np.iinfo(report[0].numbers).bits == min(sizes)
        else:
            assert report[0].note == "left: no values to judge by"


FLOATS = st.one_of(
    st.floats(width=64),
    st.floats(width=32),
    st.integers(-300, 300).map(float),
    st.sampled_from(
        [np.nan, np.inf, -np.inf, -0.0, 0.0, 2.0**63, -(2.0**63), 2.0**64, 1e300, 5e-324, 0.1, 255.0, 2.0**31]
    ),
)


@given(st.sampled_from(["float32", "float64"]), st.data())
def test_floats_keep_every_bit(name, data):
    few = data.draw(st.sampled_from([FLOATS, st.integers(-200, 200).map(float)]))
    with np.errstate(over="ignore"):
        values = np.array(data.draw(st.lists(few, max_size=8)), np.float64).astype(name)
    for table in kinds(values):
        small, report = f.shrink(table)
        expected = values.tolist()
        if isinstance(table, pd.DataFrame) and not isinstance(small["x"].dtype, np.dtype):
            expected = [None if cell != cell else cell for cell in expected]
        assert bits(cells(small)) == bits(expected)
        assert report.bytes_after <= report.bytes_before
        assert same(report.apply(table), small)
        assert same(report.apply(small), small)


@given(hnp.arrays(np.float64, st.integers(1, 8), elements=FLOATS), st.data())
def test_nulls_stay_nulls_and_nan_stays_nan(values, data):
    missing = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    for table in kinds(values, missing)[0 if missing.any() else 1 :]:
        small, report = f.shrink(table)
        assert bits(cells(small)) == bits(
            [None if none else cell for cell, none in zip(values.tolist(), missing, strict=True)]
        )
        assert report.bytes_after <= report.bytes_before
        assert same(report.apply(table), small)


@given(
    st.lists(st.sampled_from(["a", "b", "", "ü", "\N{SNOWMAN}", "a" * 40, None]), max_size=40),
    st.sampled_from(["str", "string", "object", pd.ArrowDtype(pa.string())]),
)
def test_texts_keep_their_values(texts, of):
    array = pa.array(texts, pa.string())
    for table in (
        pd.DataFrame({"x": pd.Series(texts, dtype=of)}),
        pl.DataFrame({"x": pl.Series(texts, dtype=pl.String)}),
        pa.table({"x": array}),
    ):
        small, report = f.shrink(table)
        got = [None if cell is None or cell != cell else cell for cell in cells(small)]
        assert got == texts
        assert report.bytes_after <= report.bytes_before
        assert same(report.apply(table), small)
        assert same(report.apply(small), small)


def test_whole_floats_with_missing_cells_become_nullable_integers():
    table = pd.DataFrame(
        {"x": [1.0, np.nan, 3.0], "y": [1.0, 2.0, 200.0], "z": [70000.0, np.nan, 1.0], "i": [1.0, -0.0, 2]}
    )
    small, _ = f.shrink(table)
    # 70,000 takes five bytes as a nullable integer, and four as float32; no integer is -0.0.
    assert [str(each) for each in small.dtypes] == ["Int8", "uint8", "float32", "float32"]
    pd.testing.assert_frame_equal(small.astype("float64"), table)


def test_float32_only_where_each_value_survives_or_within_the_tolerance():
    table = pd.DataFrame({"x": [0.5, 0.1]})
    assert f.shrink(table)[0]["x"].dtype == np.float64
    small, report = f.shrink(table, tolerance=1e-7)
    assert small["x"].dtype == np.float32
    assert report.apply(pd.DataFrame({"x": [0.3]}))["x"][0] == np.float32(0.3)
    for beyond in (1e300, 1e-44):
        assert f.shrink(pd.DataFrame({"x": [0.5, beyond]}), tolerance=1e-7)[0]["x"].dtype == np.float64
        with pytest.raises(perfcore.InputError, match="column 'x': float32 .* came, in row 0"):
            report.apply(pd.DataFrame({"x": [beyond]}))
    assert f.shrink(pd.DataFrame({"x": [2**53 + 1, 0]}), tolerance=0.5)[0]["x"].dtype == np.int64
    for wrong in (-1e-9, 1, np.nan, "a", None):
        with pytest.raises(perfcore.ConfigurationError, match="tolerance must be"):
            f.shrink(table, tolerance=wrong)


@pytest.mark.parametrize("name", INTS)
def test_what_an_integer_type_does_not_hold_is_refused_and_never_wrapped(name):
    bounds = np.iinfo(name)
    edges = np.array([bounds.min, bounds.max], name)
    for table, place in zip(kinds(edges), range(4), strict=True):
        _, report = f.shrink(table)
        for came in (int(bounds.max) + 1, int(bounds.min) - 1):
            if -(2**63) <= came < 2**64:
                new = kinds(np.array([0, came], "uint64" if came > 0 else "int64"))[place]
                allowed = (
                    f"column 'x': {name} holds the integers from {bounds.min} to {bounds.max}; {came} came, in row 1"
                )
                with pytest.raises(perfcore.InputError, match=allowed):
                    report.apply(new)
        for came in (1.5, np.inf, -0.0, 2.0**64, -(2.0**64)):
            with pytest.raises(perfcore.InputError, match=f"{name} holds the integers .* came, in row 1"):
                report.apply(kinds(np.array([0.0, came]))[place])
        assert cells(report.apply(kinds(np.array([0.0, 100.0]))[place])) == [0, 100]


def test_floats_take_the_integers_that_they_keep():
    _, report = f.shrink(pd.DataFrame({"x": [0.1, 1e300]}))
    kept = [2**60, -(2**63), 2**53 + 2, 3]
    assert report.apply(pd.DataFrame({"x": kept}))["x"].tolist() == kept
    assert report.apply(pd.DataFrame({"x": np.array([2**63], np.uint64)}))["x"].tolist() == [2.0**63]
    for lost in (2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**64 - 1):
        with pytest.raises(perfcore.InputError, match=f"float64 holds what it keeps exactly; {lost} came, in row 1"):
            report.apply(pd.DataFrame({"x": np.array([0, lost], "int64" if lost < 2**63 else "uint64")}))


def test_missing_cells_that_the_type_cannot_hold_are_refused():
    _, report = f.shrink(pd.DataFrame({"x": [1, 2]}))
    for none in (pd.Series([1, np.nan]), pd.Series([1, None], dtype="Int64"), pd.Series([1, None], dtype=object)):
        with pytest.raises(perfcore.InputError, match="column 'x': int8 holds no missing cells; one came, in row 1"):
            report.apply(pd.DataFrame({"x": none}))
    _, report = f.shrink(pd.DataFrame({"x": [1, np.nan]}))
    assert report.apply(pd.DataFrame({"x": [None, 5]}, dtype=object))["x"].tolist() == [pd.NA, 5]
    assert report.apply(pd.DataFrame({"x": [None]}, dtype=object))["x"].tolist() == [pd.NA]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_category_never_seen_is_refused_or_put_behind_the_known(make):
    table = make({"x": ["b", "a", "b"] * 100})
    small, report = f.shrink(table)
    new = make({"x": ["c", "b", None, "\N{SNOWMAN}"]})
    with pytest.raises(perfcore.InputError, match="column 'x': one of 2 categories was expected; 'c' came, in row 0"):
        report.apply(new)
    longer = report.apply(new, unknown="append")
    assert [None if cell is None or cell != cell else cell for cell in cells(longer)] == ["c", "b", None, "\N{SNOWMAN}"]
    if make is pd.DataFrame:
        assert longer["x"].cat.categories.tolist() == ["a", "b", "c", "\N{SNOWMAN}"]
        assert longer["x"].cat.codes.tolist() == [2, 1, -1, 3]
    with pytest.raises(perfcore.ConfigurationError, match="unknown must be 'raise' or 'append'"):
        report.apply(new, unknown="ignore")


def test_arrow_codes_widen_where_new_categories_need_it():
    small, report = f.shrink(pa.table({"x": [f"word {i}" for i in range(100)] * 2}))
    assert small.schema.field("x").type.index_type == pa.int8()
    longer = report.apply(pa.table({"x": [f"word {i}" for i in range(200)]}), unknown="append")
    assert longer.schema.field("x").type.index_type == pa.int16()
    assert longer.column("x").to_pylist() == [f"word {i}" for i in range(200)]


def test_what_is_left_is_as_it_was_and_the_report_says_why():
    zone = datetime.timezone(datetime.timedelta(hours=9))
    table = pd.DataFrame(
        {
            "when": pd.to_datetime(["2026-01-01", None]),
            "there": pd.to_datetime(["2026-01-01", "2026-01-02"]).tz_localize(zone),
            "span": pd.to_timedelta([1, 2], "s"),
            "bool": [True, False],
            "boolean": pd.Series([True, None], dtype="boolean"),
            "truth": pd.Series([True, None], dtype=object),
            "mixed": [1, "a"],
            "ints and floats": pd.Series([1, 0.5], dtype=object),
            "decimal": [decimal.Decimal("1.0"), decimal.Decimal("1.00")],
            "list": [[1], [2]],
            "complex": [1j, 2],
            "period": pd.period_range("2026-01", periods=2, freq="M"),
            "sparse": pd.arrays.SparseArray([0, 1]),
            "huge": pd.Series([2**70, 1], dtype=object),
            "none": pd.Series([None, None], dtype=object),
            "nan": [np.nan, np.nan],
            "category": pd.Categorical(["a", "b"]),
            "half": np.array([1, 2], np.float16),
        }
    )
    small, report = f.shrink(table)
    pd.testing.assert_frame_equal(small, table)
    assert all(each.note.startswith("left: ") for each in report)
    notes = {each.name: each.note for each in report}
    assert notes["mixed"] == "left: objects of mixed types: int, str"
    assert notes["decimal"] == "left: objects of type Decimal"
    assert notes["nan"] == notes["none"] == "left: no values to judge by"
    assert notes["truth"] == notes["bool"] == "left: bool-like"
    pd.testing.assert_frame_equal(report.apply(table), table)
    with pytest.raises(perfcore.InputError, match="column 'when': datetime64.* was expected; .* came"):
        report.apply(table.assign(when=["2026-01-01", ""]))


@pytest.mark.parametrize("make", [pa.table, pl.DataFrame])
def test_nested_decimal_and_time_types_of_arrow_and_polars_are_left(make):
    table = pa.table(
        {
            "list": [[1], None],
            "struct": [{"a": 1}, {"a": 2}],
            "decimal": [decimal.Decimal("1.0"), None],
            "date": [datetime.date(2026, 1, 1), None],
            "time": pa.array([0, None], pa.timestamp("us", "Asia/Tokyo")),
            "bool": [True, None],
            "null": [None, None],
            "codes": pa.array(["a", None]).dictionary_encode(),
            "binary": [b"a", b"b"],
        }
    )
    table = table if make is pa.table else pl.from_arrow(table)
    small, report = f.shrink(table)
    assert same(small, table)
    assert all(each.note.startswith("left: ") for each in report)
    assert same(report.apply(table), table)


def test_objects_of_one_safe_type_become_categories_and_numbers():
    table = pd.DataFrame({"bytes": [b"a", b"b", None] * 100, "int": [1, 2, None] * 100}).astype(object)
    small, report = f.shrink(table)
    assert [str(each) for each in small.dtypes] == ["category", "Int8"]
    assert small["bytes"].dropna().tolist() == [b"a", b"b"] * 100
    assert report.apply(table).equals(small)


def test_dates_stay_dates_and_times_of_rows():
    dates = [datetime.date(2026, 1, 1 + i // 100) for i in range(300)]
    table = pd.DataFrame({"date": dates, "x": np.arange(300.0)})
    small, report = f.shrink(table)
    assert str(small["date"].dtype) == "date32[day][pyarrow]" and small["date"].tolist() == dates
    assert report[0].bytes_after == 4 * 300
    made = f.RollingFeatures({"x": [f.mean("2D"), f.lag(1)]}, on="date")
    pd.testing.assert_frame_equal(made.fit_transform(small), made.fit_transform(table))
    keyed = f.RollingFeatures({"x": [f.lag(1)]}, by="date")
    pd.testing.assert_frame_equal(keyed.fit_transform(small), keyed.fit_transform(table))
    tomorrow = datetime.date(2027, 1, 1)
    assert report.apply(pd.DataFrame({"date": [tomorrow, None], "x": [1.0, 2]}))["date"].tolist() == [tomorrow, pd.NA]
    pd.testing.assert_frame_equal(report.apply(small), small)


@pytest.mark.parametrize("unknown", ["raise", "append"])
@pytest.mark.parametrize(
    "other",
    [
        ["2026-01-01"], [datetime.datetime(2026, 1, 1, 5)], [b"2026-01-01"], [20260101],
        pd.array(["2026-01-01"], dtype="string"), pd.to_datetime(["2026-01-01"]),
    ],
)  # fmt: skip
def test_no_dates_are_made_of_other_cells(other, unknown):
    _, report = f.shrink(pd.DataFrame({"date": [datetime.date(2026, 1, 1)] * 100}))
    with pytest.raises(perfcore.InputError, match=r"column 'date': (object or )?date32.* was expected; .* came"):
        report.apply(pd.DataFrame({"date": other}), unknown=unknown)


def test_no_texts_are_made_of_dates():
    table = pd.DataFrame({"x": pd.Series([f"text {i}" for i in range(500)], dtype=object)})
    _, report = f.shrink(table)
    with pytest.raises(perfcore.InputError, match="column 'x': str.* was expected; datetime.date.* came, in row 0"):
        report.apply(pd.DataFrame({"x": [datetime.date(2026, 1, 1)]}))


def test_objects_of_texts_that_hardly_repeat_become_strings():
    table = pd.DataFrame({"x": pd.Series([f"text {i}" for i in range(500)] + [None], dtype=object)})
    small, report = f.shrink(table)
    assert isinstance(small["x"].dtype, pd.StringDtype)
    assert small["x"][:500].tolist() == table["x"][:500].tolist() and small["x"][500:].isna().all()
    assert report.apply(table).equals(small)
    small, report = f.shrink(small)  # which no dictionary makes any smaller
    assert report[0].note == "left: a dictionary would be larger"


def test_texts_that_are_no_utf8_are_left_whole():
    table = pd.DataFrame({"x": pd.Series(["\ud800", "b"] * 100, dtype=object)})
    small, report = f.shrink(table)
    assert small["x"].tolist() == table["x"].tolist()
    assert report.apply(table).equals(small)


@pytest.mark.parametrize("name", NULLABLE)
def test_nullable_integers_stay_nullable(name):
    bounds = np.iinfo(name.lower())
    values = pd.Series([int(bounds.max), None, int(bounds.min)], dtype=name)
    small, report = f.shrink(pd.DataFrame({"x": values, "y": pd.Series([1, None, 2], dtype=name)}))
    assert str(small["x"].dtype) == name and small["x"].equals(values)
    assert str(small["y"].dtype) == ("UInt8" if name == "UInt8" else "Int8") and small["y"].tolist() == [1, pd.NA, 2]
    assert [each.numbers for each in report] == [name.lower(), str(small["y"].dtype).lower()]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_tables_without_rows_or_columns(make):
    none = make({"x": np.empty(0, np.int64), "t": []})
    small, report = f.shrink(none)
    assert same(small, none)
    assert "0 rows, 2 columns" in str(report)
    assert same(report.apply(none), none)
    small, report = f.shrink(make({}))
    assert small.shape[1] == 0 and len(report) == 0
    small, report = f.shrink(make({"x": np.array([1, 2])}))
    assert same(
        report.apply(make({"x": np.array([1, 2])[:0]})), small[:0] if make is not pa.table else small.slice(0, 0)
    )


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_are_found_by_name_and_put_in_order(make):
    table = make({"a": [1, 2], "b": ["x", "x"], "c": [0.5, 0.25]})
    small, report = f.shrink(table)
    turned = make({"c": [0.5, 0.25], "a": [1, 2], "b": ["x", "x"]})
    assert same(report.apply(turned), small)
    with pytest.raises(perfcore.InputError, match="column 'b' is missing"):
        report.apply(make({"a": [1], "c": [0.5]}))
    with pytest.raises(perfcore.InputError, match="column 'd' was not there before"):
        report.apply(make({"a": [1], "b": ["x"], "c": [0.5], "d": [1]}))
    with pytest.raises(perfcore.InputError, match="column 'a': [iI]nt64 or [iI]nt8 was expected; .* came"):
        report.apply(make({"a": ["1"], "b": ["x"], "c": [0.5]}))


def test_what_is_no_table_is_refused():
    for wrong in ([[1]], np.zeros((2, 2)), pd.Series([1]), pl.Series([1]), pl.LazyFrame({"x": [1]}), None, {"x": [1]}):
        with pytest.raises(perfcore.InputError, match="a table of pandas, polars or Arrow was expected"):
            f.shrink(wrong)
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(perfcore.InputError, match="column 'a' is there 2 times"):
        f.shrink(twice)
    _, report = f.shrink(pd.DataFrame({"a": [1]}))
    with pytest.raises(perfcore.InputError, match="the report is of tables of pandas; one of polars came"):
        report.apply(pl.DataFrame({"a": [1]}))


def test_index_names_and_attributes_stay_and_the_source_is_untouched():
    table = pd.DataFrame({("a", 1): [1, 300], ("b", 2): [0.5, 0.25]}, index=["x", "y"])
    table.columns.names = ["letter", "digit"]
    table.attrs["of"] = "races"
    before = table.copy(deep=True)
    small, report = f.shrink(table)
    assert small.index.equals(table.index) and small.columns.equals(table.columns)
    assert small.columns.names == ["letter", "digit"] and small.attrs == {"of": "races"}
    small.iloc[0, 1] = 7
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(report.apply(before), f.shrink(before)[0])


def test_arrow_tables_in_several_chunks_keep_their_values_and_metadata():
    numbers, texts = [1, 2] + [300] * 59, ["a", "b"] * 30 + [None]
    table = pa.table(
        {"x": pa.chunked_array([numbers[:2], [], numbers[2:]]), "t": pa.chunked_array([texts[:9], texts[9:]])}
    )
    table = table.replace_schema_metadata({"of": "races"})
    small, _ = f.shrink(table)
    assert small.schema.metadata == {b"of": b"races"}
    assert small.column("x").to_pylist() == numbers and small.column("t").to_pylist() == texts


def test_the_report_prints_counts_and_pickles():
    table = pd.DataFrame({"age": [39, 50] * 50, "job": ["clerk", "sailor"] * 50, "when": pd.Timestamp("2026-01-01")})
    small, report = f.shrink(table)
    lines = str(report).splitlines()
    assert lines[0] == (
        f"{report.bytes_before:,} bytes before, {report.bytes_after:,} now, "
        f"{report.bytes_after / report.bytes_before:.1%} of it: 100 rows, 3 columns"
    )
    assert lines[2].split()[:3] == ["age", "int64", "int8"]
    assert "left: a time" in lines[4]
    assert report.bytes_before == table.memory_usage(index=False, deep=True).sum()
    assert report.bytes_after == small.memory_usage(index=False, deep=True).sum()
    again = pickle.loads(pickle.dumps(report))
    assert str(again) == str(report)
    assert same(again.apply(table), small)


def test_views_of_texts_and_empty_texts_are_texts():
    views = pa.table({"k": pa.array(["one", "two", None, "one"] * 9, pa.string_view())})
    small, report = f.shrink(views)
    assert (
        str(small.schema.field("k").type).startswith("dictionary<") and small["k"].to_pylist() == views["k"].to_pylist()
    )
    assert report.apply(views).equals(small)
    objects = pd.DataFrame({"k": pd.Series(["", ""] * 9, dtype=object)})
    small, report = f.shrink(objects)
    assert small["k"].dtype == "category" and small["k"].tolist() == objects["k"].tolist()
