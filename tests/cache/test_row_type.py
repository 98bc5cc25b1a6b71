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
        ("int16", [[1.5, 2.0]], "rows of float64, the cache holds int16"),
        ("int8", [[300, 1]], "cannot be 2 x int8"),
        ("uint8", [[-1, 1]], "cannot be 2 x uint8"),
        ("float32", [["a", "b"]], "cannot be 2 x float32"),
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


@pytest.mark.parametrize(
    "schema",
    [np.dtype([("a", ">f4")]), np.dtype([("a", "U3")]), np.dtype([("a", "f4", 3)]), np.dtype("f4"), np.dtype([])],
    ids=str,
)
def test_what_is_no_schema(schema):
    with pytest.raises(ConfigurationError, match="allowed are columns of"):
        FeatureCache(10, schema=schema)


def test_a_fill_that_does_not_fit_is_told():
    with pytest.raises(InputError, match="fill="):
        FeatureCache(10, 2).get_many([1], fill=[1, 2, 3])
