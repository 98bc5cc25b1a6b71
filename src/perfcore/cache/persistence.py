"""A cache's file: Arrow IPC, with a checksum and a protocol number in its schema; any Arrow library reads it.

Columns: ``key``, ``row`` (a fixed-size list of numbers, or of a schema's columns the bytes of a row), and where rows
have versions or ages ``version``, ``until`` and ``touched``, in nanoseconds since 1970 but for version.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import CacheFormatError
from .keys import Keys

if TYPE_CHECKING:
    import pyarrow as pa

PROTOCOL = 1
NEVER = np.iinfo(np.int64).max
_KEY_TYPES = {"integers": "int64", "text": "large_string", "bytes": "large_binary"}
_DATES = ("version", "until", "touched")


@dataclass(frozen=True)
class Contents:
    """What a file holds beside its rows."""

    kind: str
    layout: str  # of a row: `layout_of`
    capacity: int
    policy: str


def layout_of(width: int | None, dtype: np.dtype) -> str:
    """Tells one layout of rows from another: the schema's fingerprint."""
    fields = [[name, its[0].str, its[1]] for name, its in (dtype.fields or {}).items()] or dtype.str
    return json.dumps([width, fields, dtype.itemsize])


def settings_of(contents: Contents) -> dict[str, Any]:
    """Arguments of a cache such as the one that was saved."""
    width, fields, itemsize = json.loads(contents.layout)
    told: dict[str, Any] = {"capacity": contents.capacity, "policy": contents.policy}
    if width is not None:
        return told | {"width": width, "dtype": fields}
    names, formats, offsets = zip(*fields, strict=True)
    schema = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize})
    return told | {"schema": schema}


def row_type(width: int | None, dtype: np.dtype) -> pa.DataType:
    import pyarrow as pa

    if width is None or dtype.kind == "b":
        return pa.binary(dtype.itemsize * (width or 1))
    return pa.list_(pa.from_numpy_dtype(dtype), width)


def table_of(keys: Keys, rows: np.ndarray, width: int | None, dtype: np.dtype) -> pa.RecordBatch:
    """Keys and rows (bytes, one row after another) as Arrow has them, without a copy."""
    import pyarrow as pa

    kind = row_type(width, dtype)
    if pa.types.is_fixed_size_binary(kind):
        values = pa.Array.from_buffers(kind, keys.n, [None, pa.py_buffer(rows)])
    else:
        numbers = pa.Array.from_buffers(kind.value_type, keys.n * kind.list_size, [None, pa.py_buffer(rows)])
        values = pa.FixedSizeListArray.from_arrays(numbers, type=kind)
    return pa.record_batch([key_array(keys), values], names=["key", "row"])


def key_array(keys: Keys) -> pa.Array:
    import pyarrow as pa

    if keys.kind == "integers":
        return pa.array(keys.native)
    offsets, data = (pa.py_buffer(part) for part in keys.native)
    return pa.Array.from_buffers(pa.type_for_alias(_KEY_TYPES[keys.kind]), keys.n, [None, offsets, data])


def message(batch: pa.RecordBatch, contents: Contents, dates: np.ndarray | None) -> pa.RecordBatch:
    """What is written: with dates on the wall clock, and a digest of all buffers in the schema."""
    import pyarrow as pa

    if dates is not None:
        for name, column in zip(_DATES, dates.T, strict=True):
            batch = batch.append_column(name, pa.array(np.ascontiguousarray(column)))
    told = {"protocol": PROTOCOL, **asdict(contents), "digest": _digest(batch, contents)}
    return batch.replace_schema_metadata({"perfcore.cache": json.dumps(told)})


def pieces(batch: pa.RecordBatch) -> list[memoryview]:
    """The bytes of a file, with the buffers of the batch where they are."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return [memoryview(sink.getvalue())]


def _digest(batch: pa.RecordBatch, contents: Contents) -> str:
    digest = hashlib.blake2b(json.dumps(asdict(contents)).encode(), digest_size=16)
    digest.update(batch.num_rows.to_bytes(8, "little"))
    for column in batch.columns:
        for buffer in column.buffers():
            if buffer is not None:
                digest.update(buffer)
    return digest.hexdigest()


def read(file: BinaryIO) -> tuple[pa.RecordBatch, Contents, int]:
    """An open file's batch, over its mapped memory, once its digest was found right; and where its rows begin.

    Raises
    ------
    CacheFormatError
        For anything that is no such file, or is damaged or cut.
    """
    import pyarrow as pa

    try:
        data = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        with pa.ipc.open_file(data) as reader:
            told = json.loads((reader.schema.metadata or {}).get(b"perfcore.cache", b"null"))
            if not isinstance(told, dict):
                raise CacheFormatError("an Arrow file, but not of a cache")
            if told.pop("protocol", None) != PROTOCOL:
                raise CacheFormatError(f"of another protocol than {PROTOCOL}")
            digest, contents = told.pop("digest", None), Contents(**told)
            if reader.num_record_batches != 1:
                raise CacheFormatError(f"{reader.num_record_batches} batches, one belongs there")
            batch = reader.get_batch(0)
        _check(batch, contents)
        if _digest(batch, contents) != digest:
            raise CacheFormatError("damaged: its digest is not what it says")
    except CacheFormatError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise CacheFormatError(f"not the file of a cache: {error}") from error
    return batch, contents, batch.column("row").buffers()[-1].address - data.address


def _check(batch: pa.RecordBatch, contents: Contents) -> None:
    names, types = batch.schema.names, batch.schema.types
    if names[:2] != ["key", "row"] or tuple(names[2:]) not in ((), _DATES):
        raise CacheFormatError(f"columns {names}")
    if str(types[0]) != _KEY_TYPES.get(contents.kind):
        raise CacheFormatError(f"keys of {types[0]}, named {contents.kind}")
    settings = settings_of(contents)
    expected = row_type(settings.get("width"), np.dtype(settings.get("dtype") or settings["schema"]))
    if types[1] != expected or any(str(each) != "int64" for each in types[2:]):
        raise CacheFormatError(f"columns of {types}, with rows of {expected}")
    batch.validate(full=True)
    if any(column.null_count or column.offset for column in batch.columns):
        raise CacheFormatError("null or sliced columns")


def dates_of(batch: pa.RecordBatch) -> np.ndarray | None:
    if batch.num_columns == 2:
        return None
    return np.stack([batch.column(name).to_numpy() for name in _DATES], axis=1)


def shifted(dates: np.ndarray, by: int) -> np.ndarray:
    """``until`` and ``touched`` on another clock; what never ends stays so."""
    moved = dates.copy()
    ends = moved[:, 1] != NEVER
    moved[ends, 1] += by
    moved[:, 2] += by
    return moved


def to_wall_clock(now: int) -> int:
    """What is added to a time of the cache's clock, which shows ``now``, to tell it by the calendar."""
    return time.time_ns() - now
