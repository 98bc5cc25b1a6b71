"""Rows of every form are the rows that they show, or are told apart from what is allowed."""

import numpy as np
import pytest

from perfcore import ConfigurationError, FeatureCache, InputError


@pytest.mark.parametrize("row", [[1.0, 2.5], (1.0, 2.5), np.array([1.0, 2.5], np.float32), np.array([1, 2], np.int8)])
def test_one_row_of_any_form(row):
    cache = FeatureCache(10, 2)
    assert cache.put(1, row) == 0 and (cache.get(1) == np.asarray(row, np.float32)).all()


@pytest.mark.parametrize("keys", [[1, 2], ["a", "b"], [b"a", b"b"]], ids=str)
def test_one_row_of_columns_whatever_its_key(keys):
    cache = FeatureCache(10, schema=np.dtype([("a", "f8"), ("b", "i2")]))
    cache.put(keys[0], (1.5, -3))
    assert cache.get(keys[1]) is None and cache.view(keys[1]) is None
    cache.put(keys[1], cache.get(keys[0]))
    out = np.zeros((), cache.dtype)
    assert cache.get(keys[1], out) is out and out.tolist() == (1.5, -3) == cache.view(keys[1]).tolist()


def test_a_row_of_columns_is_a_tuple():
    cache = FeatureCache(10, schema=np.dtype([("a", "f8"), ("b", "i2")]))
    cache.put(1, (1.5, -3))
    cache.put_many([2, 3], [(2.5, 4), (3.5, 5)])
    assert cache.get(1).tolist() == (1.5, -3) and cache.get_many([2, 3])[0]["b"].tolist() == [4, 5]


@pytest.mark.parametrize(
    ("dtype", "rows", "message"),
    [
        ("float32", np.zeros((1, 2)), "rows of float64, the cache holds float32"),
        ("int16", [[1.5, 2.0]], "rows of float, the cache holds int16"),
        ("int8", [[300, 1]], "cannot be 2 x int8"),
        ("uint8", [[-1, 1]], "cannot be 2 x uint8"),
        ("float32", [["a", "1"]], "rows of str, the cache holds float32"),
        ("float32", [[None, 1.0]], "rows of NoneType, the cache holds float32"),
        ("bool", [[2, True]], "rows of int, the cache holds bool"),
        ("float32", [[1e300, 1.0]], "cannot be 2 x float32: overflow"),
        ("int8", [np.array([300, 1])], "rows of int64, the cache holds int8"),
        ("int8", (np.array([1.5, 1]),), "rows of float64, the cache holds int8"),
        ("float32", [np.array([1e300, 1.0])], "rows of float64, the cache holds float32"),
        ("float32", [np.array(["1", "2"])], "rows of <U1, the cache holds float32"),
        ("float32", [np.float32([1.0, 2.0]), np.float32([1.0])], "cannot be 2 x float32"),
        ("float32", [1.0], "cannot be 2 x float32"),
        ("float16", [[1, 70000]], "cannot be 2 x float16: "),
        ("float32", [[1.0], [2.0, 3.0]], "cannot be 2 x float32"),
        ("float32", [[1.0, 2.0, 3.0]], r"rows of shape \(1, 3\) for 1 keys"),
        ("float32", None, "rows of shape"),
    ],
)
def test_what_is_no_row(dtype, rows, message):
    cache = FeatureCache(10, 2, dtype)
    with pytest.raises(InputError, match=message):
        cache.put_many([1], rows)
    assert len(cache) == 0


COLUMNS = np.dtype([("price", "f8"), ("count", "i2"), ("is_new", "?")])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1.5, 2.5, True), "column 'count' is of float, the cache holds int16"),
        (("1.5", 2, True), "column 'price' is of str, the cache holds float64"),
        ((None, 2, True), "column 'price' is of NoneType"),
        ((1.5, 2, 1), "column 'is_new' is of int, the cache holds bool"),
        ((1.5, 70_000, True), "cannot be 3 columns"),
        ((1.5, 2), "cannot be 3 columns"),
        (1.5, "cannot be 3 columns"),
    ],
)
def test_what_is_no_row_of_columns(row, message):
    cache = FeatureCache(10, schema=COLUMNS)
    for load in (lambda: cache.put(1, row), lambda: cache.get_or_load_many([1], lambda keys: [row])):
        with pytest.raises(InputError, match=message):
            load()
    assert len(cache) == 0


def test_columns_of_a_structured_array_go_by_name():
    cache = FeatureCache(10, schema=COLUMNS)
    other = np.array([(7, 3, True, 1.5), (8, 4, False, 2.5)], "i8, i2, ?, f4")
    other.dtype.names = ("id", "count", "is_new", "price")
    expected = np.array([(1.5, 3, True), (2.5, 4, False)], COLUMNS)
    cache.put_many([1, 2], other)
    cache.put_many([3, 4], list(other))
    cache.put(5, other[1])
    cache.get_or_load_many([6], lambda keys: other[:1])
    rows, hit = cache.get_many(range(1, 7))
    assert hit.all() and (rows == expected[[0, 1, 0, 1, 1, 0]]).all()
    for fill in (other[1], other[1:].reshape(())):
        assert cache.get_many([99], fill=fill)[0] == expected[1]


def test_a_structured_array_without_a_column_is_told():
    cache, other = FeatureCache(10, schema=COLUMNS), np.zeros(1, [("price", "f8"), ("Count", "i2"), ("is_new", "?")])
    with pytest.raises(InputError, match=r"no column 'count'; theirs are \['price', 'Count', 'is_new'\]"):
        cache.put_many([1], other)
    with pytest.raises(InputError, match="no column 'count'"):
        cache.get_many([1], fill=other[0])
    assert len(cache) == 0


def test_rows_in_lists_may_be_arrays():
    cache = FeatureCache(10, 2, "int16")
    cache.put_many([1, 2, 3], [np.array([1, -2], np.int8), np.array([3, 4], np.int16), np.array([5, 6], np.uint8)])
    cache.put_many([4, 5], [[np.int64(7), True], [np.uint8(8), 9]])
    assert cache.get_many(range(1, 6))[0].tolist() == [[1, -2], [3, 4], [5, 6], [7, 1], [8, 9]]
    cache = FeatureCache(10, 2, "uint64")
    cache.put(1, [2**64 - 1, 1])
    assert cache.get(1).tolist() == [2**64 - 1, 1]


@pytest.mark.parametrize(
    "schema",
    [np.dtype([("a", ">f4")]), np.dtype([("a", "U3")]), np.dtype([("a", "f4", 3)]), np.dtype("f4"), np.dtype([])],
    ids=str,
)
def test_what_is_no_schema(schema):
    with pytest.raises(ConfigurationError, match="allowed are columns of"):
        FeatureCache(10, schema=schema)


def test_what_is_off_about_a_schema_is_named():
    for schema, message in (
        ([("a", "f4")], "schema= comes as list: allowed are a pyarrow.Schema or a structured numpy dtype"),
        ({"a": "f4"}, "schema= comes as dict"),
        (np.dtype([("a", "f4"), ("b", "O")]), "schema: columns 'b' of object; allowed are columns of native floats"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            FeatureCache(10, schema=schema)
    pa = pytest.importorskip("pyarrow")
    twice = pa.schema([("a", pa.float32()), ("a", pa.int8())])
    for schema, message in (
        (twice, r"columns of the names \['a', 'a'\], of which some come twice"),
        (pa.schema([("a", pa.float32()), ("day", pa.date32())]), "'day' of"),
        (pa.int8(), "schema= comes as DataType"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            FeatureCache(10, schema=schema)


def test_text_in_rows_of_columns_is_told():
    cache = FeatureCache(10, schema=np.dtype([("a", "f8"), ("b", "i2")]))
    with pytest.raises(InputError, match="column 'a' is of str"):
        cache.put_many([1], [("1.5", 2)])


def test_a_table_of_one_row_is_a_row():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"b": np.array([3], "i2"), "a": [1.5]})
    cache = FeatureCache(10, schema=np.dtype([("a", "f8"), ("b", "i2")]))
    cache.put(1, frame)
    assert cache.get(1).tolist() == (1.5, 3)
    cache = FeatureCache(10, 2, "float64")
    cache.put(1, frame[["a", "a"]])
    assert cache.get(1).tolist() == [1.5, 1.5]


@pytest.mark.parametrize("name", ["key", "hit"])
def test_columns_that_to_arrow_adds_are_no_columns_of_a_schema(name):
    with pytest.raises(ConfigurationError, match="a column cannot be key or hit, which to_arrow adds"):
        FeatureCache(10, schema=np.dtype([("price", "f8"), (name, "f8")]))


def test_a_fill_that_does_not_fit_is_told():
    with pytest.raises(InputError, match="fill="):
        FeatureCache(10, 2).get_many([1], fill=[1, 2, 3])


def test_integers_that_a_float_cannot_hold_are_refused():
    pa = pytest.importorskip("pyarrow")
    cache = FeatureCache(10, 1, "float64")
    cache.put_many([1], np.array([[2**53]]))
    assert cache.get(1)[0] == 2**53
    for number in (2**53 + 1, -(2**53) - 1):
        with pytest.raises(InputError, match="rows of int64, the cache holds float64"):
            cache.put_many([1], np.array([[number]]))
    cache = FeatureCache(10, schema=pa.schema([("a", pa.float64())]))
    with pytest.raises(InputError, match="int64"):
        cache.put_many([1], pa.table({"a": [2**53 + 1]}))
    with pytest.raises(InputError, match="the cache holds"):
        cache.put_many([1], np.array([(2**53 + 1,)], [("a", "i8")]))
