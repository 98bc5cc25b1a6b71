"""Keys of every form are the keys that they show."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perfcore
from perfcore import FeatureCache, InputError
from perfcore.cache.keys import as_keys

pa = pytest.importorskip("pyarrow")


@pytest.mark.parametrize(
    "keys",
    [
        [1, -2, 3],
        (1, -2, 3),
        np.array([1, -2, 3], np.int8),
        np.array([1, -2, 3], ">i4"),
        np.array([9, 1, 9, -2, 9, 3])[1::2],
        np.array([1, -2, 3], object),
        [np.int32(1), -2, np.int64(3)],
        pa.array([1, -2, 3]),
        pa.array([0, 1, -2, 3], pa.int16())[1:],
        pa.chunked_array([[1], [-2, 3]]),
        pa.array([1, -2, 3]).dictionary_encode(),
    ],
    ids=lambda keys: type(keys).__name__,
)
def test_integers(keys):
    found = as_keys(keys)
    assert (found.kind, found.listed(), found.n) == ("integers", [1, -2, 3], 3)


@pytest.mark.parametrize(
    "keys",
    [
        ["a", "", "äöü"],
        np.array(["a", "", "äöü"]),
        np.array(["a", "", "äöü"], object),
        pa.array(["a", "", "äöü"]),
        pa.array(["x", "a", "", "äöü"], pa.large_string())[1:],
        pa.array(["a", "", "äöü"], pa.string_view()),
        pa.chunked_array([["a"], ["", "äöü"]]),
    ],
    ids=lambda keys: type(keys).__name__,
)
def test_text(keys):
    found = as_keys(keys)
    assert (found.kind, found.listed(), found.n) == ("text", ["a", "", "äöü"], 3)


@pytest.mark.parametrize(
    "keys",
    [
        [b"ab", b"", b"\0c"],
        pa.array([b"ab", b"", b"\0c"]),
        pa.array([b"x", b"ab", b"", b"\0c"], pa.large_binary())[1:],
        pa.array([b"x", b"ab", b"", b"\0c"], pa.binary_view())[1:],
        pa.DictionaryArray.from_arrays([1, 2, 0], pa.array([b"\0c", b"ab", b""], pa.binary_view())),
        pa.chunked_array([[b"ab"], [b"", b"\0c"]]),
    ],
    ids=lambda keys: str(getattr(keys, "type", "list")),
)
def test_bytes(keys):
    found = as_keys(keys)
    assert (found.kind, found.listed(), found.n) == ("bytes", [b"ab", b"", b"\0c"], 3)


def test_bytes_of_one_size_in_arrow():
    found = as_keys(pa.array([b"xx", b"ab", b"\0c"], pa.binary(2))[1:])
    assert (found.kind, found.listed(), found.n) == ("bytes", [b"ab", b"\0c"], 2)


def test_rows_of_one_size():
    rows = np.array([[1, 0], [0, 0], [513, 7]], np.int16)
    for keys in (
        rows.view("V4")[:, 0],
        np.asfortranarray(rows).copy().view("V4")[:, 0],
        rows.repeat(2, 0).view("V4")[::2, 0],
    ):
        found = as_keys(keys)
        assert (found.kind, found.listed(), found.n) == ("bytes", [b"\1\0\0\0", b"\0\0\0\0", b"\1\2\7\0"], 3)
    assert as_keys(np.empty(0, "V4")).listed() == []


def test_ranges():
    assert as_keys(range(5, -3, -4)).listed() == [5, 1]
    assert as_keys(range(2**63 - 2, 2**63)).listed() == [2**63 - 2, 2**63 - 1]
    assert as_keys(range(3, 3)).n == 0


def test_of_other_libraries():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    assert as_keys(pd.Series([1, 2])).listed() == as_keys(pl.Series([1, 2])).listed() == [1, 2]
    assert as_keys(pl.Series([b"a", b"bb"])).listed() == as_keys(pd.Series([b"a", b"bb"])).listed() == [b"a", b"bb"]
    assert as_keys(pd.Series(["a", "b"])).listed() == as_keys(pl.Series(["a", "b"])).listed() == ["a", "b"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([1.0], "types float"),
        ([None], "types NoneType"),
        ([1, b"a"], "types bytes, int"),
        ({1: 2}, "keys come as dict"),
        (3, "keys come as int"),
        (np.array([True]), "dtype bool"),
        (np.zeros(2, [("a", "i4")]), "keys of dtype"),
        (np.zeros(2, "V0"), "keys of dtype"),
        (np.array([2**63], np.uint64), "is beyond"),
        (range(2**63 - 1, 2**63 + 1), "is beyond"),
        (pa.array([1, None]), "1 keys are null"),
        (pa.array([1.5]), "Arrow type double"),
    ],
)
def test_what_is_no_key(keys, message):
    with pytest.raises(InputError, match=message):
        as_keys(keys)


def test_keys_that_lie_anyhow():
    packed = np.frombuffer(b"x" + np.arange(5).tobytes(), np.int64, offset=1)
    assert not packed.flags.aligned
    found = as_keys(packed)
    assert found.native.flags.aligned and found.listed() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "keys", [np.arange(8)[::-1].copy(), pa.array([f"{i:03}" for i in range(8)])], ids=["ints", "text"]
)
def test_rows_may_be_written_where_the_keys_lie(keys):
    cache = FeatureCache(10, 1, "int64")
    cache.put_many(keys, np.arange(100, 108)[:, None])
    if isinstance(keys, pa.Array):
        buffer = np.frombuffer(bytearray(keys.cast(pa.large_string()).buffers()[1]), np.int64)
        keys = pa.Array.from_buffers(pa.large_string(), 8, [None, pa.py_buffer(buffer), keys.buffers()[2]])
        out = buffer[:8].reshape(8, 1)
    else:
        out = keys.reshape(8, 1)
    rows, hit = cache.get_many(keys, out=out)
    assert rows is out and hit.all() and rows[:, 0].tolist() == list(range(100, 108))


@given(st.lists(st.binary(max_size=40), unique=True, max_size=60))
def test_bytes_that_differ_are_different_keys(keys):
    cache = FeatureCache(100, 1, "int32")
    cache.put_many(keys, np.arange(len(keys), dtype=np.int32)[:, None])
    found, hit = cache.get_many(keys)
    assert hit.all() and found[:, 0].tolist() == list(range(len(keys)))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, max_size=60))
def test_integers_that_differ_are_different_keys(keys):
    cache = FeatureCache(100, 1, "int32")
    cache.put_many(keys, np.arange(len(keys), dtype=np.int32)[:, None])
    found, hit = cache.get_many(keys)
    assert hit.all() and found[:, 0].tolist() == list(range(len(keys)))


def test_plain_arrays_are_put_and_got_without_an_import():
    """The thread that imports has a lock, for which the child of a fork would wait in vain."""
    script = """if True:
        import sys, numpy, perfcore
        cache, keys, rows = perfcore.FeatureCache(9, 1), numpy.arange(3), numpy.ones((3, 1), "f4")
        n = len(sys.modules)
        cache.put_many(keys, rows), cache.get_many(keys)
        print(len(sys.modules) - n)"""
    path = os.pathsep.join([str(Path(perfcore.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command, env = [sys.executable, "-c", script], os.environ | {"PYTHONPATH": path}
    told = subprocess.run(command, capture_output=True, text=True, env=env)
    assert told.stdout == "0\n", told.stderr


def test_categories_are_the_texts_that_they_show():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    cache = FeatureCache(10, 1)
    cache.put_many(["a", "b"], [[1], [2]])
    views = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1]), pa.array(["a", "b"], pa.string_view()))
    for keys in (
        pl.Series(["b", "a", "b"], dtype=pl.Categorical),
        pl.Series(["b", "a", "b"], dtype=pl.Enum(["a", "b"])),
        views,
        pa.chunked_array([views[:1], views[1:]]),
        pa.array(["b", "a", "b"]).dictionary_encode(),
    ):
        assert cache.get_many(keys)[0].tolist() == [[2], [1], [2]]
    nulls = pa.DictionaryArray.from_arrays(pa.array([1, None]), views.dictionary)
    with pytest.raises(InputError, match="1 keys are null"):
        cache.get_many(nulls)
