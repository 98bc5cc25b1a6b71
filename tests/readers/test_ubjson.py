"""UBJSON: what the format allows is read, and broken bytes are refused with their place."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcore.errors import ModelFormatError
from perfcore.readers import ubjson


@pytest.mark.parametrize(
    "data, value",
    [
        (b"Z", None),
        (b"T", True),
        (b"F", False),
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\x01\x00", 256),
        (b"l\x00\x01\x00\x00", 65536),
        (b"L" + (2**40).to_bytes(8, "big"), 2**40),
        (b"d" + struct.pack(">f", 0.5), 0.5),
        (b"D" + struct.pack(">d", 0.1), 0.1),
        (b"Ca", "a"),
        (b"Si\x02\xc3\xa9", "é"),
        (b"NNT", True),
        (b"[i\x01Si\x01a]", [1, "a"]),
        (b"[#i\x02i\x01T", [1, True]),
        (b"[]", []),
        (b"{i\x01ai\x07i\x01b{}}", {"a": 7, "b": {}}),
        (b"{#i\x01i\x01aZ", {"a": None}),
        (b"{$i#i\x02i\x01a\x01i\x01b\x02", {"a": 1, "b": 2}),
        (b"[$S#i\x02i\x01ai\x01b", ["a", "b"]),
    ],
)
def test_values(data, value):
    assert ubjson.loads(data) == value


@pytest.mark.parametrize(
    "marker, code", [("i", "i1"), ("U", "u1"), ("I", "i2"), ("l", "i4"), ("L", "i8"), ("d", "f4"), ("D", "f8")]
)
def test_typed_arrays_become_native_numpy_arrays(marker, code):
    values = np.array([1, 2, 100], code)
    data = b"[$" + marker.encode() + b"#i\x03" + values.astype(">" + code).tobytes()
    array = ubjson.loads(data)
    assert array.dtype == np.dtype(code) and array.dtype.isnative and array.tolist() == values.tolist()


@pytest.mark.parametrize(
    "data, place",
    [
        (b"", "byte 0"),
        (b"?", "byte 0"),
        (b"TT", "byte 1"),
        (b"[", "byte 1"),
        (b"{i\x01a", "byte 4"),
        (b"l\x00", "byte 1"),
        (b"Si\x05ab", "a length of 5"),
        (b"Si\xff", "a length of -1"),
        (b"Sd\x00\x00\x00\x00", "byte 1"),
        (b"Si\x02\xff\xff", "UTF-8"),
        (b"[$d#L" + (2**62).to_bytes(8, "big"), "a length of"),
        (b"[#L" + (2**40).to_bytes(8, "big"), "a length of"),
        (b"[$d#i\x02\x00\x00\x00\x00", "bytes"),
        (b"[$Z#i\x00", "no bytes"),
        (b"{$T#i\x01i\x01a", "no bytes"),
        (b"[$d\x00", "count"),
        (b"[" * 100, "deep"),
        (b"{i\x01a" * 100, "deep"),
    ],
)
def test_broken_bytes_are_refused_with_their_place(data, place):
    with pytest.raises(ModelFormatError, match="UBJSON, byte") as error:
        ubjson.loads(data)
    assert place in str(error.value)


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"[", b"{", b"$", b"#", b"i", b"L", b"\x02", b"S", b"]"])).map(b"".join)
)
def test_any_bytes_are_read_or_refused(data):
    try:
        ubjson.loads(data)
    except ModelFormatError:
        pass
