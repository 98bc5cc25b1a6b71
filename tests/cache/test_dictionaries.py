"""Rows put as Arrow tables come back as such, whatever codes each table had for its texts."""

import threading
import time

import numpy as np
import pytest

from perfcore import CacheFormatError, FeatureCache, InputError

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.compute")
SCHEMA = pa.schema([("price", pa.float64()), ("count", pa.int16()), ("town", pa.dictionary(pa.int8(), pa.string()))])


def batch(prices, towns, **others):
    town = pa.array(towns).dictionary_encode()
    return pa.table({"count": pa.array([1] * len(towns), pa.int8()), "price": prices, "town": town, **others})


@pytest.fixture
def cache():
    return FeatureCache(200, schema=SCHEMA)


def towns(cache, keys):
    return cache.to_arrow(keys).column("town").to_pylist()


def test_texts_are_the_same_whatever_codes_a_table_had_for_them(cache):
    cache.put_many([1, 2, 3], batch([1.5, 2.5, 3.5], ["Bonn", "Köln", "Bonn"], id=[1, 2, 3]))
    cache.put_many([4, 5], batch([4.5, 5.5], ["Köln", "Aachen"]).to_batches()[0])
    chunks = pa.concat_tables([batch([6.5], ["Aachen"]), batch([7.5], ["Trier"])])
    cache.put_many([6, 7], chunks)
    told = cache.to_arrow([7, 6, 5, 4, 3, 2, 1, 99])
    assert told.column("town").to_pylist() == ["Trier", "Aachen", "Aachen", "Köln", "Bonn", "Köln", "Bonn", None]
    assert told.schema.field("town").type == pa.dictionary(pa.int8(), pa.string())
    assert told.column("price").to_pylist()[:7] == [7.5, 6.5, 5.5, 4.5, 3.5, 2.5, 1.5]
    assert cache.get(4)["town"] == cache.get(2)["town"]


def test_threads_that_bring_new_texts_at_once_get_codes_of_their_own(cache, monkeypatch):
    unique, both = pa.compute.unique, threading.Barrier(2)

    def slow(values):
        time.sleep(0.05)  # where others could come in
        return unique(values)

    def put(key):
        both.wait(60)
        cache.put(key, batch([1.5], [f"town {key}"]))

    monkeypatch.setattr(pa.compute, "unique", slow)
    threads = [threading.Thread(target=put, args=[key]) for key in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert towns(cache, [1, 2]) == ["town 1", "town 2"]


def test_a_file_keeps_them(cache, tmp_path):
    cache.put_many(["a", "b"], batch([1.5, 2.5], ["Bonn", "Köln"]))
    cache.save(tmp_path / "rows")
    again = FeatureCache.open(tmp_path / "rows")
    again.put_many(["c", "d"], batch([1.5, 2.5], ["Köln", "Trier"]))
    assert towns(again, ["a", "b", "c", "d"]) == ["Bonn", "Köln", "Köln", "Trier"]
    FeatureCache(9, schema=SCHEMA).save(tmp_path / "empty")
    again = FeatureCache.open(tmp_path / "empty", schema=SCHEMA)
    again.put_many(["c"], batch([1.5], ["Köln"]))
    assert towns(again, ["c"]) == ["Köln"]


def test_of_data_frames():
    pd = pytest.importorskip("pandas")
    cache = FeatureCache(20, schema=SCHEMA)
    frame = pd.DataFrame({"price": [1.5, 2.5], "count": np.array([3, 4], "int16"), "town": pd.Categorical(["b", "a"])})
    if not hasattr(frame, "__arrow_c_stream__"):
        pytest.skip("this pandas has no Arrow interface")
    cache.put_many([1, 2], frame)
    assert cache.to_arrow([1, 2]).drop_columns(["key", "hit"]).to_pylist() == [
        {"price": 1.5, "count": 3, "town": "b"},
        {"price": 2.5, "count": 4, "town": "a"},
    ]


def test_what_is_null_in_a_column_of_floats_is_nan(cache):
    pd = pytest.importorskip("pandas")
    cache.put_many([1, 2], batch([1.5, None], ["Bonn", "Köln"]))
    frame = pd.DataFrame({"a": np.array([1, np.nan], np.float32), "b": [np.nan, 2.0]})
    floats = FeatureCache(9, schema=pa.schema([("a", pa.float32()), ("b", pa.float64())]))
    floats.put_many([1, 2], frame)
    floats.put(3, frame[:1])
    assert np.array_equal(cache.get_many([1, 2])[0]["price"], [1.5, np.nan], equal_nan=True)
    assert str(floats.get_many([1, 2, 3])[0].tolist()) == "[(1.0, nan), (nan, 2.0), (1.0, nan)]"


@pytest.mark.parametrize("values", [pa.string(), pa.large_string()], ids=str)
def test_of_polars(values):
    pl = pytest.importorskip("polars")
    cache = FeatureCache(9, schema=pa.schema([("town", pa.dictionary(pa.int8(), values))]))
    cache.put_many([1, 2], pl.DataFrame({"town": pl.Series(["Bonn", "Köln"], dtype=pl.Categorical)}))
    cache.put_many([3, 4], pl.DataFrame({"town": pl.Series(["Köln", "Bonn"], dtype=pl.Enum(["Köln", "Bonn"]))}))
    assert towns(cache, [1, 2, 3, 4]) == ["Bonn", "Köln", "Köln", "Bonn"]


def test_codes_that_came_before_texts_are_never_taken_for_others(cache, tmp_path):
    cache.put_many([1], np.array([(1.5, 1, 1)], cache.dtype))
    cache.save(tmp_path / "rows")
    for each in (cache, FeatureCache.open(tmp_path / "rows")):
        with pytest.raises(InputError, match="'town': codes were put before any table told what they stand for"):
            each.put_many([2, 3], batch([1.5, 2.5], ["Bonn", "Köln"]))
        assert towns(each, [1]) == [1]


def test_a_file_of_other_values_is_refused(cache, tmp_path):
    cache.save(tmp_path / "rows")
    schema = SCHEMA.set(2, pa.field("town", pa.dictionary(pa.int8(), pa.int64())))
    with pytest.raises(CacheFormatError, match="'town' with values of string, asked for int64"):
        FeatureCache.open(tmp_path / "rows", schema=schema, strict=True)


BAD = {
    "absent": (batch([1.5], ["Bonn"]).drop_columns(["price"]), "no column 'price'; theirs are"),
    "twice": (
        batch([1.5], ["Bonn"]).append_column("price", pa.array([2.5])),
        "rows have two columns 'price'; theirs are",
    ),
    "nulls": (batch([1.5], ["Bonn"]).set_column(0, "count", pa.array([None], pa.int16())), "'count' has 1 nulls"),
    "numbers for texts": (
        batch([1.5], ["Bonn"]).set_column(2, "town", pa.array([7]).dictionary_encode()),
        "'town' has values of int64, the cache those of string",
    ),
    "null text": (batch([1.5, 2.5], ["Bonn", None]).slice(1), "'town' has 1 nulls"),
    "loss": (batch([1.5], ["Bonn"]).set_column(0, "count", pa.array([2**20])), "'count' is of int64, the cache holds"),
    "texts": (batch([1.5], ["Bonn"]).set_column(2, "town", pa.array(["Bonn"])), "'town' is of string, the cache holds"),
    "no codes": (
        batch([1.5], ["Bonn"]).set_column(0, "count", pa.array([7], pa.int16()).dictionary_encode()),
        "'count' has a dictionary, the schema",
    ),
    "too many": (batch([1.5, 2.5], ["Bonn", "Köln"]), r"rows of shape \(2,\) for 1 keys"),
    "unknown code": (np.array([(1.5, 1, 2)], "f8, i2, i1"), "codes 2..2, of which 0..1 are known"),
    "negative code": (np.array([(1.5, 1, -1)], "f8, i2, i1"), "codes -1..-1, of which"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_told(what, cache):
    cache.put_many([1, 2], batch([1.5, 2.5], ["Bonn", "Köln"]))
    rows, message = BAD[what]
    if isinstance(rows, np.ndarray):
        rows = rows.view(cache.dtype)
    with pytest.raises(InputError, match=message):
        cache.put_many([5], rows)
    assert 5 not in cache and towns(cache, [1, 2]) == ["Bonn", "Köln"]


def test_more_texts_than_there_are_codes_are_refused(cache):
    cache.put_many(range(128), batch([1.5] * 128, [f"town {n}" for n in range(128)]))
    with pytest.raises(InputError, match="129 values are more than codes of int8"):
        cache.put_many([200], batch([1.5], ["one more"]))
    assert towns(cache, [127]) == ["town 127"] and 200 not in cache


def test_a_file_whose_dictionaries_are_none_is_refused(cache, tmp_path, monkeypatch):
    for told in ({"town": "nonsense"}, {"price": None}, {"none": None}, ["town"], {"town": 3}):
        monkeypatch.setattr(type(cache._row.dictionaries), "told", lambda self, told=told: told)
        cache.save(tmp_path / "rows")
        with pytest.raises(CacheFormatError):
            FeatureCache.open(tmp_path / "rows", strict=True)


def test_rows_as_fixed_size_lists():
    cache = FeatureCache(10, 3)
    rows = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(12, dtype=np.float32)), 3)
    assert cache.put_many([1, 2, 3], rows[1:]) == 0
    assert (cache.get_many([1, 2, 3])[0] == np.arange(3, 12).reshape(3, 3)).all()
    assert (cache.get_or_load_many([7], lambda keys: rows[:1]) == [[0, 1, 2]]).all()
    assert cache.put_many([5, 6], pa.chunked_array([rows[:1], rows[3:]])) == 0 and cache.get(6)[0] == 9
    assert cache.put_many([4], cache.to_arrow([2]).column("row")) == 0 and (cache.get(4) == cache.get(2)).all()
    for wrong in (
        pa.array([[1.0, 2.0, 3.0]]),
        pa.array([1.0]),
        pa.array([None], rows.type),
        rows.cast(pa.list_(pa.float64(), 3))[:1],
    ):
        with pytest.raises(InputError, match="rows of"):
            cache.put_many([5], wrong)
