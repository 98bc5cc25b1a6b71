"""Streams give the bits of the whole table, whatever the split; rows that are refused change nothing."""

import datetime as dt
import os
import threading
from collections import namedtuple
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_tables import DAY, ONE, tables, told

from perfcore import ConfigurationError, InputError
from perfcore import features as f
from perfcore.features import RollingFeatures

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

LIBRARIES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "chunks": lambda columns: pa.concat_tables([pa.table(columns)[:2], pa.table(columns)[2:]]),
}
LAGS = {"x": [ONE["lag"], ONE["diff"]]}


def test_what_a_stream_shows():
    stream = RollingFeatures(LAGS).start(pd.DataFrame({"x": [1.0]}))
    assert {name for name in dir(stream) if not name.startswith("_")} == {
        "columns", "copy", "entities", "names", "nbytes", "peek", "peek_group", "ready", "snapshot", "update",
        "update_group",
    }  # fmt: skip


def test_columns_known_only_afterwards_may_lack_where_nothing_is_taken():
    made = RollingFeatures(
        {"x": [ONE["lag"]], "place": [ONE["lag"]], "won": [ONE["diff"]]}, "k", after=["place", "won"]
    )
    table = pd.DataFrame({"k": [1, 2, 1, 2], "x": X4, "place": X4[::-1], "won": X4 * 2})
    whole = made.fit_transform(table)
    stream = made.start(table)
    row, rows = {"k": 1, "x": 5.0}, table[["k", "x"]]
    known = {**row, "place": None, "won": None}
    expected = stream.peek(known).tobytes()
    Row = namedtuple("Row", ["k", "x"])
    for each in (row, {**row, "won": 3.0}, Row(1, 5.0), pd.Series(row)):
        assert stream.peek(each).tobytes() == expected
    assert stream.peek_group([row]).tobytes() == expected
    assert stream.peek_group(pd.DataFrame([row])).to_numpy().tobytes() == expected
    assert stream.peek_group(pl.DataFrame([row])).shape == (1, 3)
    told = made.transform(rows)
    assert told.iloc[:, 0].equals(whole.iloc[:, 0]) and told.iloc[:2].equals(whole.iloc[:2])
    before = stream.snapshot()
    for call in (lambda: stream.update(row), lambda: stream.update_group([row]), lambda: stream.update_group(rows)):
        with pytest.raises(InputError, match=r"lacks the columns \['place', 'won'\]"):
            call()
    with pytest.raises(InputError, match=r"lacks the columns \['place', 'won'\]; .*; None is for what is not known"):
        stream.update(row)
    with pytest.raises(InputError, match="lacks the columns"):
        made.start(rows)
    for bad in ({"k": 1, "x": 5.0, "Place": 1.0}, {"k": 1, "x": 5.0, "Place": 1.0, "won": 1.0}):
        with pytest.raises(InputError, match="column 'Place' is unknown"):
            stream.peek(bad)
    with pytest.raises(InputError, match=r"lacks the columns \['place', 'won', 'x'\]"):
        stream.peek({"k": 1})
    assert stream.snapshot() == before


X4 = np.array([3.0, 1.0, 4.0, 1.5])


def bits(table):
    """All cells of features; null is a missing cell, told from NaN."""
    if isinstance(table, np.ndarray):
        return table.tobytes()
    if isinstance(table, pd.DataFrame):
        return np.ascontiguousarray(table.to_numpy()).tobytes()
    table = table.to_arrow() if isinstance(table, pl.DataFrame) else table
    columns = [column.combine_chunks() for column in table.columns]
    return [(column.fill_null(0).to_numpy().tobytes(), column.is_null().to_pylist()) for column in columns]


def rows_of(columns, start=0):
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)][start:]


def frame(columns):
    return pd.DataFrame(columns)


def fed(stream, columns, start):
    """Row by row, with peeks and snapshots on the way."""
    out = []
    for i, row in enumerate(rows_of(columns, start)):
        if i % 3 == 1:
            assert stream.peek(row).tobytes() == stream.copy().update(row).tobytes()
        out.append(stream.update(row))
    return np.array(out).reshape(len(columns["code"]) - start, len(stream.names))


@given(tables(), told(), st.data())
def test_a_history_and_rows_are_the_whole(columns, features, data):
    whole = frame(columns)
    by = data.draw(st.sampled_from([None, "code", ["code"], ["code", "z"]]))
    after = data.draw(st.sampled_from([None, *[name for name in ("x", "y") if name in features]]))
    n_threads = data.draw(st.sampled_from([1, 3]))
    made = RollingFeatures(features, by=by, on="date", after=after, n_threads=n_threads)
    batch = made.fit_transform(whole).to_numpy()
    k = data.draw(st.integers(0, len(whole)))
    stream = made.start(whole[:k]) if data.draw(st.booleans()) or k else made.start()
    if data.draw(st.booleans()):
        stream = made.restore(stream.snapshot())
    assert fed(stream, columns, k).tobytes() == np.ascontiguousarray(batch[k:]).tobytes()


@given(tables(), told(), st.sampled_from(sorted(LIBRARIES)), st.data())
def test_groups_of_rows_of_any_library_are_the_whole(columns, features, library, data):
    make = LIBRARIES[library]
    n = len(columns["code"])
    made = RollingFeatures(features, by="code", on="date", n_threads=1)
    batch = made.fit_transform(make(columns))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=3)))
    pieces = [
        {name: cells[a:b] for name, cells in columns.items()} for a, b in zip([0, *cuts], [*cuts, n], strict=True)
    ]
    stream = made.start(make(pieces[0]))
    for piece, start in zip(pieces[1:], cuts, strict=True):
        said = stream.update_group(make(piece))
        assert type(said) is type(batch)
        assert bits(said) == bits(batch[start : start + len(piece["code"])])
        stream = made.restore(stream.snapshot())


@given(tables(late=True), told(), st.sampled_from(["drop", "revise_last"]), st.data())
def test_late_rows_are_the_same_in_batch_and_stream(columns, features, late, data):
    made = RollingFeatures(features, by="code", on="date", late=late, n_threads=1)
    whole = frame(columns)
    try:
        batch = made.fit_transform(whole).to_numpy()
    except InputError:
        assert late == "revise_last"
        with pytest.raises(InputError, match="came after"):
            fed(made.start(), columns, 0)
        return
    k = data.draw(st.integers(0, len(whole)))
    assert fed(made.start(whole[:k]), columns, k).tobytes() == np.ascontiguousarray(batch[k:]).tobytes()
    stream = made.start(whole[:k])
    assert bits(stream.update_group(whole[k:])) == np.ascontiguousarray(batch[k:]).tobytes()


def test_a_dropped_row_is_as_if_it_had_not_come():
    columns = {
        "code": ["a"] * 4,
        "date": np.datetime64("2020-01-01", "ns") + DAY * np.array([1, 3, 2, 4]),
        "x": [1.0, 2, 9, 4],
    }
    batch = RollingFeatures({"x": [ONE["lag"], ONE["diff"]]}, by="code", on="date", late="drop").fit_transform(
        frame(columns)
    )
    assert np.array_equal(batch, [[np.nan] * 2, [np.nan, 1], [np.nan] * 2, [1, 2]], equal_nan=True)


def test_a_revised_row_takes_the_place_of_the_last():
    columns = {
        "code": ["a"] * 5,
        "date": np.datetime64("2020-01-01", "ns") + DAY * np.array([1, 2, 2, 2, 3]),
        "x": [1.0, 5, 2, 3, 7],
    }
    made = RollingFeatures({"x": [ONE["diff"]]}, by="code", on="date", late="revise_last")
    assert np.array_equal(made.fit_transform(frame(columns))["x_diff_1"], [np.nan, 4, 1, 2, 4], equal_nan=True)


def test_after_says_what_was_known_before_the_row():
    dates = np.datetime64("2020-01-01", "ns") + DAY * np.array([1, 1, 2, 3])
    columns = {"code": ["a"] * 4, "date": dates, "x": [1.0, 2, 3, 4]}
    lag0 = type(ONE["lag"])("lag", "now", integers={"n": 0})
    by_time = RollingFeatures({"x": lag0}, by="code", on="date", after="x").fit_transform(frame(columns))
    assert np.array_equal(by_time["x_now"], [np.nan, np.nan, 2, 3], equal_nan=True)
    by_row = RollingFeatures({"x": lag0}, by="code", after="x").fit_transform(frame(columns))
    assert np.array_equal(by_row["x_now"], [np.nan, 1, 2, 3], equal_nan=True)


Bar = namedtuple("Bar", "code date x")


def test_rows_come_in_many_shapes():
    date = dt.datetime(2020, 1, 2, 3, 4, 5, 6)
    columns = {"code": ["a", "a"], "date": [dt.datetime(2020, 1, 1)] * 2, "x": [1.0, 2.0]}
    start = RollingFeatures(LAGS, by="code", on="date").start(frame(columns))
    said = start.copy().update({"code": "a", "date": date, "x": 4})
    assert said.tolist() == [1.0, 2.0] and start.names == ("x_lag_2", "x_diff_1")
    for row in (
        ("a", date, 4.0),
        ["a", np.datetime64(date), np.float32(4)],
        Bar("a", pd.Timestamp(date), np.int8(4)),
        pd.Series({"x": 4.0, "code": "a", "date": pd.Timestamp(date)}),
        np.array([("a", date, 4)], [("code", "U1"), ("date", "M8[us]"), ("x", "i4")])[0],
        next(frame({"code": ["a"], "date": [date], "x": [4]}).itertuples(index=False)),
        pl.DataFrame({"code": ["a"], "date": [date], "x": [4]}).row(0, named=True),
        {"code": np.str_("a"), "date": dt.datetime(2020, 1, 2), "x": np.True_ * 4},
    ):
        stream = start.copy()
        assert stream.update(row).tobytes() == said.tobytes(), row
        assert bits(start.copy().update_group([row])) == said.tobytes()


def test_missing_cells_in_rows_are_those_of_tables():
    for library, nan in (("pandas", True), ("polars", False)):
        columns = {"x": [1.0, None, 3.0, float("nan"), 5.0, 6.0]}
        made = RollingFeatures({"x": [ONE["diff"]]})
        batch = made.fit_transform(LIBRARIES[library](columns))
        stream = made.start()
        rows = [stream.update({"x": cell}) for cell in columns["x"]]
        said = pa.array(np.concatenate(rows), from_pandas=False)
        whole = batch.to_arrow()["x_diff_1"].fill_null(np.nan).to_numpy() if not nan else batch["x_diff_1"].to_numpy()
        assert np.array_equal(said.to_numpy(), whole, equal_nan=True)
    assert stream.update({"x": pd.NA}).view(np.uint64)[0] == 0x7FF80000000007A2  # missing, as null is in polars


BAD_ROWS = [
    ({"code": "a", "date": dt.datetime(2020, 1, 5), "x": "1"}, "column 'x': expected a number, got '1' \\(str\\)"),
    ({"code": "a", "date": dt.datetime(2020, 1, 5), "x": Decimal(1)}, "column 'x': expected a number"),
    ({"code": "a", "date": dt.datetime(2020, 1, 5), "x": 10**400}, "column 'x': int too large"),
    ({"code": "a", "date": dt.datetime(2020, 1, 5), "x": 1j}, "column 'x': expected a number"),
    ({"code": "a", "date": dt.datetime(2020, 1, 5), "x": [1]}, "column 'x': expected a number"),
    ({"code": 3, "date": dt.datetime(2020, 1, 5), "x": 1}, "column 'code': expected text, got 3"),
    (
        {"code": "a", "date": dt.datetime(2019, 1, 5), "x": 1},
        "column 'date': a row of 'a' at 2019-.* came after one at 2020|row 1 .2019-.* nothing was taken",
    ),
    ({"code": "a", "date": None, "x": 1}, "column 'date': the row has no time"),
    ({"code": "a", "date": pd.NaT, "x": 1}, "column 'date': the row has no time"),
    ({"code": "a", "date": np.datetime64("NaT"), "x": 1}, "column 'date': the row has no time"),
    ({"code": "a", "date": "2020-01-05", "x": 1}, "column 'date': expected a date or datetime, got '2020-01-05'"),
    ({"code": "a", "date": 5, "x": 1}, "column 'date': expected a date or datetime, got 5"),
    ({"code": "a", "date": dt.datetime(9999, 1, 5), "x": 1}, "column 'date': 9999.* beyond the years 1678 to 2261"),
    ({"code": "a", "date": np.datetime64("9999-01-01"), "x": 1}, "column 'date': 9999.* beyond the years 1678 to 2261"),
    ({"code": "a", "date": np.datetime64("3000", "Y"), "x": 1}, "column 'date': 3000 is beyond the years 1678 to 2261"),
    ({"code": "a", "date": np.datetime64("2500-01", "M"), "x": 1}, "column 'date': 2500-01 is beyond the years"),
    ({"code": "a", "date": np.datetime64("9999-01-01", "7D"), "x": 1}, "column 'date': 999.* is beyond the years"),
    (
        {"code": "a", "date": dt.datetime(2020, 1, 5, tzinfo=dt.UTC), "x": 1},
        "'date': expected a time without a time zone",
    ),
    ({"code": "a", "date": dt.datetime(2020, 1, 5), "x": 1, "w": 2}, "column 'w' is unknown"),
    ({"code": "a", "date": dt.datetime(2020, 1, 5)}, r"a row lacks the columns \['x'\]"),
    ({"code": "a", "date": dt.datetime(2020, 1, 5), "w": 2}, "column 'w' is unknown|lacks"),
    (("a", dt.datetime(2020, 1, 5)), "expected a row of 3 cells, got 2"),
    (3, "expected one row .* got a int"),
    ("abc", "expected one row .* got a str"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS, ids=[message[:40] for _, message in BAD_ROWS])
def test_a_row_that_is_refused_changes_nothing(row, message):
    columns = {"code": ["a", "b"], "date": [dt.datetime(2020, 1, 1)] * 2, "x": [1.0, 2.0]}
    stream = RollingFeatures(LAGS, by="code", on="date").start(frame(columns))
    before = stream.snapshot()
    for take in (stream.update, stream.peek, lambda row: stream.update_group([("c", dt.datetime(2020, 1, 1), 1), row])):
        with pytest.raises(InputError, match=message):
            take(row)
        assert stream.snapshot() == before
    assert stream.entities == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": [dt.datetime(2020, 1, 2), dt.datetime(2019, 1, 2)]}, "column 'date': row 1 .* nothing was taken"),
        ({"code": ["new", "new"], "date": [dt.datetime(2020, 1, 2), dt.datetime(2019, 1, 2)]}, "row 1"),
        ({"x": ["1", "2"]}, "column 'x': expected numbers"),
        ({"w": [1, 2]}, r"columns that are unknown: \['w'\]"),
        ({"code": [1, 2]}, "column 'code': expected keys of text, got number"),
        ({"date": [dt.datetime(2020, 1, 5), None]}, "column 'date': row 1 has no time"),
    ],
)
def test_a_group_that_is_refused_changes_nothing(change, message):
    columns = {"code": ["a", "b"], "date": [dt.datetime(2020, 1, 1)] * 2, "x": [1.0, 2.0]}
    stream = RollingFeatures(LAGS, by="code", on="date").start(frame(columns))
    before = stream.snapshot()
    for make in (pd.DataFrame, pl.DataFrame):
        with pytest.raises(InputError, match=message):
            stream.update_group(make({**columns, "code": ["a", "a"], **change}))
        assert stream.snapshot() == before and len(stream) == 2


def test_a_row_without_a_key_changes_nothing_and_says_nothing():
    columns = {"code": ["a", None, "a"], "x": [1.0, 2.0, 3.0]}
    made = RollingFeatures(LAGS, by="code")
    assert np.array_equal(made.fit_transform(frame(columns))["x_diff_1"], [np.nan, np.nan, 2], equal_nan=True)
    stream = made.start()
    assert [stream.update(row)[1] for row in rows_of(columns)][2] == 2 and len(stream) == 1
    assert np.isnan(stream.peek({"code": None, "x": 3.0})).all()


def test_ready_says_when_windows_are_full():
    stream = RollingFeatures(LAGS, by="code").start(frame({"code": ["a", "a", "b"], "x": [1.0, 2, 3]}))
    assert stream.ready("a") and not stream.ready("b") and stream.ready("b", "x_diff_1") and not stream.ready("never")
    with pytest.raises(InputError, match="name='nope'"):
        stream.ready("a", "nope")
    with pytest.raises(InputError, match="'code': expected text, got 3"):
        stream.ready(3)


def test_entities_are_the_keys_as_they_appeared():
    day = np.datetime64("2020-01-01", "ns")
    columns = {"code": ["b", "a"], "n": [2.0, 3.0], "day": [day, day + DAY], "x": [1.0, 2]}
    for by, said in (
        ("code", ["b", "a"]),
        ("n", [2.0, 3.0]),
        ("day", [day, day + DAY]),
        (["code", "day"], [("b", day), ("a", day + DAY)]),
        (None, []),
    ):
        stream = RollingFeatures({"x": [ONE["lag"]]}, by=by).start(frame(columns))
        assert stream.entities == said
        assert all(not stream.ready(each) for each in said)
        assert len(stream) == max(1, len(said)) and stream.nbytes > 0


def test_dates_and_zones():
    zoned = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=3, tz="Asia/Tokyo"), "x": [1.0, 2, 3]})
    made = RollingFeatures({"x": [ONE["diff"]]}, on="date").fit(zoned)
    stream = made.start(zoned)
    said = stream.update({"date": dt.datetime(2020, 1, 2, 15, 0, tzinfo=dt.UTC), "x": 5})
    assert said.tolist() == [2.0]
    with pytest.raises(InputError, match="came after one at 2020-01-02T15"):
        stream.update({"date": dt.datetime(2020, 1, 2, 14, 59, 59, tzinfo=dt.UTC), "x": 5})
    with pytest.raises(InputError, match="'date': expected times of the kind 'zoned time', got 'time'"):
        stream.update_group(zoned.assign(date=pd.date_range("2021-01-01", periods=3)))
    days = pl.DataFrame({"date": [dt.date(2020, 1, 1)], "x": [1.0]})
    stream = RollingFeatures({"x": [ONE["diff"]]}, on="date").start(days)
    assert stream.update((dt.date(2020, 1, 1), 3.0)).tolist() == [2.0]
    assert stream.update((dt.datetime(2020, 1, 1, 1), 4.0)).tolist() == [1.0]


@given(st.datetimes(dt.datetime(1678, 1, 1), dt.datetime(2261, 12, 31)))
def test_times_of_rows_are_those_of_columns(time):
    made = RollingFeatures({"x": [ONE["diff"]]}, on="date", late="revise_last")
    history = pd.DataFrame({"date": np.array([time], "M8[us]"), "x": [1.0]})
    for cell in (time, pd.Timestamp(time), np.datetime64(time)):
        assert np.isnan(made.start(history).update((cell, 5.0))[0])  # the same time: it replaces the only row


def test_a_copy_goes_its_own_way():
    stream = RollingFeatures(LAGS).start(frame({"x": [1.0, 2, 3]}))
    other = stream.copy()
    assert stream.update((10.0,)).tolist() == other.peek((10.0,)).tolist() == [2, 7]
    assert other.update((4.0,)).tolist() == [2, 1]
    assert stream.update((11.0,)).tolist() == [3, 1]


def test_times_of_any_unit_are_keys_unless_they_are_beyond_what_there_is():
    history = pd.DataFrame({"day": np.array(["2020"], "M8[ns]"), "x": [1.0]})
    stream = RollingFeatures({"x": [ONE["diff"]]}, by="day").start(history)
    for time in (np.datetime64("2020", "Y"), np.datetime64("2020-01", "M"), np.datetime64("2020-01-01T00", "24h")):
        assert stream.peek((time, 3.0)).tolist() == [2.0]
    with pytest.raises(InputError, match="column 'day': 3000 is beyond the years 1678 to 2261"):
        stream.update((np.datetime64("3000", "Y"), 3.0))


def test_features_of_all_rows_take_no_more_room_with_more_rows():
    history = pd.DataFrame({"x": np.arange(3000.0)})
    made = RollingFeatures({"x": [f.min(None), f.max(None, closed="left"), f.mean(5), ONE["lag"]]})
    stream = made.start(history[:10])
    stream.update((10.0,))  # has a larger slot at hand, in case
    before, size = stream.nbytes, len(stream.snapshot())
    for x in range(11, 3000):
        stream.update((float(x),))
    assert (stream.nbytes, len(stream.snapshot())) == (before, size)
    assert stream.snapshot() == made.start(history).snapshot()
    assert stream.update((9.0,))[:2].tolist() == [0, 2999]


def test_features_of_all_rows_keep_what_they_hold_where_their_neighbours_grow():
    x = np.random.default_rng(0).normal(size=300)
    made = RollingFeatures({"x": [f.min(None), f.mean("900D"), f.max(None)]}, on="date")
    table = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=300), "x": x})
    stream = made.start(table[:1])
    rows = [stream.update((date, cell)) for date, cell in zip(table.date[1:], x[1:], strict=True)]
    assert np.array(rows).tobytes() == bits(made.fit_transform(table)[1:])
    assert made.restore(stream.snapshot()).snapshot() == stream.snapshot()


def test_windows_of_time_grow_and_keep_their_bits():
    random = np.random.default_rng(0)
    n = 3000
    columns = {
        "code": random.choice(["a", "b"], n, p=[0.99, 0.01]).tolist(),
        "date": np.datetime64("2020-01-01", "ns") + np.arange(n) * np.timedelta64(10**9, "ns"),
        "x": random.normal(size=n),
    }
    features = {"x": [ONE[name] for name in ("mean time", "std earlier", "lag") if name in ONE]}
    made = RollingFeatures(features, by="code", on="date", n_threads=1)
    batch = made.fit_transform(frame(columns))
    stream = made.start(frame(columns)[:1])
    assert bits(stream.update_group(frame(columns)[1:])) == bits(batch[1:])
    assert made.restore(stream.snapshot()).snapshot() == stream.snapshot()
    rebuilt = RollingFeatures(features, by="code", on="date", n_threads=4).start(frame(columns))
    row = {"code": "a", "date": columns["date"][-1], "x": 1.0}
    assert rebuilt.update(row).tobytes() == stream.update(row).tobytes()


def test_threads_take_turns():
    n = 2000
    stream = RollingFeatures(LAGS, by="code").start(frame({"code": ["start"], "x": [0.0]}))
    table = frame({"code": ["wide"] * 5000, "x": np.arange(5000.0)})
    said, failed = {}, []

    def rows(name):
        try:
            said[name] = [stream.update((name, float(i)))[0] for i in range(n)]
        except BaseException as error:
            failed.append(error)

    def groups():
        try:
            for _ in range(5):
                stream.update_group(table)
                stream.peek_group(table)
                assert len(stream.snapshot()) > 0 and stream.nbytes > 0
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=rows, args=(f"t{i}",)) for i in range(4)] + [threading.Thread(target=groups)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(stream) == 6
    assert all(each[2:] == list(np.arange(n - 2.0)) for each in said.values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_finds_no_stream_in_the_midst_of_rows():
    stream = RollingFeatures(LAGS, by="code").start(frame({"code": ["a"], "x": [0.0]}))
    table = frame({"code": ["a"] * 100_000, "x": np.arange(100_000.0)})
    stop = threading.Event()

    def groups():
        while not stop.is_set():
            stream.update_group(table)

    thread = threading.Thread(target=groups)
    thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                try:
                    whole = np.isin(stream.update(("a", 1.0))[0], [99_998.0, np.nan, 0.0]) or np.isnan(
                        stream.peek(("b", 1.0))[0]
                    )
                    os._exit(0 if whole and len(stream) == 1 else 1)
                finally:
                    os._exit(2)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()


def test_tables_without_rows_of_objects_are_tables_without_rows():
    table = pd.DataFrame({"code": ["a"], "day": [dt.date(2020, 1, 1)], "x": [1.0]}).astype(object)
    for by, on in (("code", "day"), ("day", None), (None, "day")):
        made = RollingFeatures({"x": [f.mean(2), f.sum(3)]}, by=by, on=on).fit(table)
        stream = made.start(table)
        before = stream.snapshot()
        for answer in (made.transform(table[:0]), stream.update_group(table[:0]), stream.peek_group(table[:0])):
            assert answer.shape == (0, 2)
        assert stream.snapshot() == before and len(made.start(table[:0])) == (0 if by else 1)


def test_tables_without_rows_and_what_has_not_begun():
    made = RollingFeatures(LAGS, by="code")
    with pytest.raises(ConfigurationError, match="not fitted yet"):
        made.start()
    empty = pd.DataFrame({"code": pd.Series([], dtype="str"), "x": pd.Series([], dtype="float64")})
    stream = made.start(empty)
    assert len(stream) == 0 and stream.update_group(empty).shape == (0, 2) and stream.update_group([]).shape == (0, 2)
    assert np.isnan(stream.update(("a", 1.0))).all()


@pytest.mark.parametrize("late", ["raise", "revise_last"])
@pytest.mark.parametrize("window", [65, 300, 10**6])
def test_windows_of_many_rows_grow_with_their_entity(window, late):
    """Past the first room, past the window: the bits of the batch; memory for the rows that are there."""
    n = 700
    table = pd.DataFrame(
        {
            "code": np.arange(n) // 10 % 4 // 3,  # one of two has most rows
            "t": pd.date_range("2020-01-01", periods=n),
            "x": np.random.default_rng(window).normal(size=n),
        }
    )
    told = [getattr(f, kind)(window, min_periods=3) for kind in ("mean", "std", "kurt", "median")]
    made = RollingFeatures({"x": told}, by="code", on="t", late=late, n_threads=1)
    batch = np.ascontiguousarray(made.fit_transform(table).to_numpy())
    stream = made.start(table[:1])
    assert stream.nbytes < 500_000
    for i in range(1, n):
        row = tuple(table.iloc[i])
        assert stream.peek(row).tobytes() == batch[i].tobytes()
        assert stream.update(row).tobytes() == batch[i].tobytes()
        if i % 100 == 0:
            stream = made.restore(stream.snapshot())
    assert stream.nbytes < 2_000_000
