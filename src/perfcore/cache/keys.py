"""Keys of a cache: integers, text or bytes; one kind a cache, exactly as they are."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import InputError

Kind = Literal["integers", "text", "bytes"]
_INT64 = np.dtype(np.int64)
ALLOWED = "allowed are integers, text or bytes, in a numpy or Arrow array, a list or a Series"


class Keys(NamedTuple):
    """Of one kind, as `perfcore._ext.cache.RowCache` takes them."""

    kind: Kind
    native: Any  # int64 (n,), or int64 offsets (n + 1,) and bytes
    n: int

    def copy(self) -> Keys:
        """Of what the caller may change."""
        native = self.native.copy() if self.kind == "integers" else tuple(part.copy() for part in self.native)
        return self._replace(native=native)

    def listed(self) -> list:
        """As Python's own int, str or bytes."""
        if self.kind == "integers":
            return self.native.tolist()
        offsets, data = self.native[0].tolist(), self.native[1].tobytes()
        cut = [data[begin:end] for begin, end in zip(offsets, offsets[1:], strict=False)]
        return cut if self.kind == "bytes" else [key.decode() for key in cut]


def as_keys(keys: Any) -> Keys:
    """Read keys of any of the forms `ALLOWED`, in their order, with those that come twice.

    Raises
    ------
    InputError
        Where there is something else among them, or several kinds.
    """
    if isinstance(keys, np.ndarray):
        if type(keys) is not np.ndarray and isinstance(keys, np.ma.MaskedArray):  # the first to say np.ma imports it
            raise InputError(f"keys come as a masked array: {ALLOWED}; hand in keys.compressed()")
        return _of_array(keys)
    if hasattr(keys, "__arrow_c_array__") or hasattr(keys, "__arrow_c_stream__"):
        return _of_arrow(keys)
    if hasattr(keys, "to_numpy"):  # a pandas Series or Index
        return _of_array(keys.to_numpy())
    if isinstance(keys, range):
        return _of_range(keys)
    if not isinstance(keys, list | tuple):
        raise InputError(f"keys come as {type(keys).__qualname__}: {ALLOWED}")
    return _of_list(keys)


def one_key(key: Any) -> Keys:
    """A single key, as a batch of one."""
    if type(key) is int and -(2**63) <= key < 2**63:
        return Keys("integers", np.array((key,), np.int64), 1)
    return _of_list([key])


def _of_array(keys: np.ndarray) -> Keys:
    if keys.ndim != 1:
        raise InputError(f"keys of shape {keys.shape}: {ALLOWED}")
    kind = keys.dtype.kind
    if kind in "iu" or not len(keys):
        return _integers(keys)
    if kind == "V" and keys.dtype.names is None and keys.dtype.subdtype is None and keys.itemsize:
        return _of_one_size(np.ascontiguousarray(keys))
    if kind not in "OUS":
        raise InputError(f"keys of dtype {keys.dtype}: {ALLOWED}")
    # numpy cuts zero bytes off the ends of its own bytes
    return _cut(keys.tolist(), "bytes") if kind == "S" else _of_list(keys.tolist())


def _of_range(keys: range) -> Keys:
    try:
        return _integers(np.arange(keys.start, keys.stop, keys.step, dtype=np.int64))
    except OverflowError:  # its keys may lie within all the same
        return _of_list(list(keys))


def _of_list(keys: list | tuple) -> Keys:
    kinds = {type(key) for key in keys}
    if not kinds or all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
        try:
            return _integers(np.array(keys, np.int64) if kinds != {np.uint64} else np.array(keys))
        except OverflowError:
            raise InputError(f"integer keys lie in {-(2**63)}..{2**63 - 1}; one is beyond") from None
    if all(issubclass(kind, str) for kind in kinds):
        try:
            return _cut([key.encode() for key in keys], "text")
        except UnicodeEncodeError as error:
            raise InputError(f"the text key {error.object!r} has half a surrogate pair, which is no text") from None
    if all(issubclass(kind, bytes) for kind in kinds):
        return _cut(keys, "bytes")
    odd = sorted({kind.__qualname__ for kind in kinds})
    raise InputError(f"keys of the types {', '.join(odd)}: {ALLOWED}, one kind a cache")


def _integers(keys: np.ndarray) -> Keys:
    if keys.dtype.kind == "u" and keys.dtype.itemsize == 8 and len(keys) and keys.max() > np.iinfo(np.int64).max:
        raise InputError(f"integer keys lie in {-(2**63)}..{2**63 - 1}; {keys.max()} is beyond")
    flags = keys.flags
    if keys.dtype != _INT64 or not flags.c_contiguous or not flags.aligned:
        keys = np.require(keys, np.int64, ("C", "A"))  # slow to ask where there is nothing to do
    return Keys("integers", keys, len(keys))


def _cut(keys: Any, kind: Kind) -> Keys:
    offsets = np.zeros(len(keys) + 1, np.int64)
    np.cumsum([len(key) for key in keys], out=offsets[1:])
    return Keys(kind, (offsets, np.frombuffer(b"".join(keys), np.uint8)), len(keys))


def _of_one_size(keys: np.ndarray) -> Keys:
    size = keys.itemsize
    return Keys("bytes", (np.arange(0, size * len(keys) + 1, size, dtype=np.int64), keys.view(np.uint8)), len(keys))


def _of_arrow(keys: Any) -> Keys:
    import pyarrow as pa
    import pyarrow.compute as pc

    array = pa.chunked_array(keys) if hasattr(keys, "__arrow_c_stream__") else pa.array(keys)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type):
        values = array.dictionary
        if values.type == pa.string_view() or values.type == pa.binary_view():  # which cannot be taken from
            values = pc.cast(values, pa.large_string() if values.type == pa.string_view() else pa.large_binary())
        array = values.take(array.indices)
    if not len(array):
        return _integers(np.empty(0, np.int64))
    if array.null_count:
        raise InputError(f"{array.null_count} keys are null: {ALLOWED}")
    if pa.types.is_integer(array.type):
        return _integers(array.to_numpy(zero_copy_only=False))
    its = pa.types
    is_text = any(of(array.type) for of in (its.is_string, its.is_large_string, its.is_string_view))
    of_bytes = (its.is_binary, its.is_large_binary, its.is_binary_view, its.is_fixed_size_binary)
    if not is_text and not any(of(array.type) for of in of_bytes):
        raise InputError(f"keys of the Arrow type {array.type}: {ALLOWED}")
    array = pc.cast(array, pa.large_string() if is_text else pa.large_binary())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return Keys(
        "text" if is_text else "bytes",
        (ends, np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)),
        len(array),
    )
