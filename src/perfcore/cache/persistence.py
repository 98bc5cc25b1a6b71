"""A cache's file: Arrow IPC, with a checksum and a protocol number in its schema; any Arrow library reads it.

Columns: ``key``, ``row`` (a fixed-size list of numbers, or of a schema's columns the bytes of a row), and where rows
have versions or ages ``version``, ``until`` and ``touched``, in nanoseconds since 1970 but for version.
"""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import CacheFormatError, ConfigurationError
from . import dates
from .dictionaries import Dictionaries
from .keys import Keys
from .row_type import RowType

if TYPE_CHECKING:
    import pyarrow as pa

PROTOCOL = 1
_KEY_TYPES = {"integers": "int64", "text": "large_string", "bytes": "large_binary"}


@dataclass(frozen=True)
class Contents:
    """What a file holds beside its rows."""

    kind: str
    layout: str  # of a row: `RowType.fingerprint`
    dictionaries: dict[str, str]  # `Dictionaries.told`
    capacity: int
    policy: str
    max_bytes: int | None
    max_pinned: float | int
    ttl: float | None
    idle_ttl: float | None
    ttl_jitter: float


SETTINGS = ("capacity", "policy", "max_bytes", "max_pinned", "ttl", "idle_ttl", "ttl_jitter")


def table_of(keys: Keys, rows: np.ndarray, row: RowType) -> pa.RecordBatch:
    """Keys and rows (bytes, one row after another) as Arrow has them, without a copy."""
    import pyarrow as pa

    return pa.record_batch([key_array(keys), row.to_file_column(rows, keys.n)], names=["key", "row"])


def key_array(keys: Keys) -> pa.Array:
    import pyarrow as pa

    if keys.kind == "integers":
        return pa.array(keys.native)
    offsets, data = (pa.py_buffer(part) for part in keys.native)
    return pa.Array.from_buffers(pa.type_for_alias(_KEY_TYPES[keys.kind]), keys.n, [None, offsets, data])


def message(batch: pa.RecordBatch, contents: Contents, its_dates: np.ndarray | None) -> pa.RecordBatch:
    """What is written: with dates on the wall clock, and a digest of all buffers in the schema."""
    import pyarrow as pa

    if its_dates is not None:
        for name, column in zip(dates.NAMES, its_dates.T, strict=True):
            batch = batch.append_column(name, pa.array(np.ascontiguousarray(column)))
    told = {"protocol": PROTOCOL, **asdict(contents), "digest": _digest(batch, contents)}
    return batch.replace_schema_metadata({"perfcore.cache": json.dumps(told)})


class _Pieces(io.RawIOBase):
    """Takes what is written as it lies."""

    def __init__(self) -> None:
        self.taken: list[memoryview] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, piece: Any) -> int:
        self.taken.append(memoryview(piece))
        self.size += len(piece)
        return len(piece)


def pieces(batch: pa.RecordBatch, compression: str | None) -> list[memoryview]:
    """The bytes of a file, with the buffers of the batch where they are."""
    import pyarrow as pa

    sink = _Pieces()
    with pa.ipc.new_file(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    return sink.taken


def _digest(batch: pa.RecordBatch, contents: Contents) -> str:
    digest = hashlib.blake2b(json.dumps(asdict(contents)).encode(), digest_size=16)
    digest.update(batch.num_rows.to_bytes(8, "little"))
    for column in batch.columns:
        for buffer in column.buffers():
            if buffer is not None:
                digest.update(buffer)
    return digest.hexdigest()


def read(file: BinaryIO) -> tuple[pa.RecordBatch, Contents, RowType, int | None]:
    """An open file's batch, over its mapped memory, once its digest was found right; and what its rows are.

    Last, where its rows begin in the file; None where they do not lie in it as they are, since it is compressed.

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
        row = _check(batch, contents)
        if _digest(batch, contents) != digest:
            raise CacheFormatError("damaged: its digest is not what it says")
    except CacheFormatError:
        raise
    except ConfigurationError as error:
        raise CacheFormatError(f"of rows that no cache has: {error}") from error
    except (
        *(pa.ArrowException, OSError, ValueError, TypeError, LookupError, AttributeError),
        *(ArithmeticError, RecursionError, MemoryError),  # what made-up numbers and texts bring about
    ) as error:
        raise CacheFormatError(f"not the file of a cache: {error!r}") from error
    return batch, contents, row, _place(batch, data, row.n_bytes)


def _place(batch: pa.RecordBatch, data: pa.Buffer, row_bytes: int) -> int | None:
    rows = batch.column("row").buffers()[-1]
    if rows is None:
        return None
    at, size = rows.address - data.address, batch.num_rows * row_bytes
    return at if 0 <= at <= data.size - size and at % 8 == 0 else None


def _check(batch: pa.RecordBatch, contents: Contents) -> RowType:
    names, types = batch.schema.names, batch.schema.types
    if names[:2] != ["key", "row"] or tuple(names[2:]) not in ((), dates.NAMES):
        raise CacheFormatError(f"columns {names}")
    if str(types[0]) != _KEY_TYPES.get(contents.kind):
        raise CacheFormatError(f"keys of {types[0]}, named {contents.kind}")
    its = RowType.of(**RowType.from_fingerprint(contents.layout))
    row = RowType(its.width, its.dtype, Dictionaries.read(contents.dictionaries, batch.num_rows > 0))
    if any(row.dtype[name].kind not in "iu" for name in row.dictionaries.names):
        raise CacheFormatError("dictionaries of columns that have no codes")
    if types[1] != row.arrow or any(str(each) != "int64" for each in types[2:]):
        raise CacheFormatError(f"columns of {types}, with rows of {row.arrow}")
    batch.validate(full=True)
    if any(column.null_count or column.offset for column in batch.columns):
        raise CacheFormatError("null or sliced columns")
    return row


def dates_of(batch: pa.RecordBatch) -> np.ndarray | None:
    if batch.num_columns == 2:
        return None
    return np.stack([batch.column(name).to_numpy() for name in dates.NAMES], axis=1)


def require_memory(n_bytes: int) -> None:
    """A file is believed no capacity that this machine cannot have."""
    if hasattr(os, "sysconf") and n_bytes > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        raise CacheFormatError(f"of a cache that takes {n_bytes:,} bytes, which are not here; capacity= allows less")
