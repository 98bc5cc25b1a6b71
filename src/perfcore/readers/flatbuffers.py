"""FlatBuffers, as much of them as a reader needs: tables, vectors and strings, every offset checked before it is used.

::

    table   ┌ int32: how far back its vtable begins ┬ fields, in an order that the vtable knows
    vtable  └ uint16: own bytes │ uint16: the table's bytes │ uint16 a field: where it lies in the table, 0: absent
    vector  ┌ uint32: length ┬ elements        string: a vector of bytes, UTF-8
    offset  uint32, from where itself lies forward to the table, vector or string

Nothing may be read twice: a writer stores each table and vector once, and a file whose offsets all lead to one large
vector would otherwise take memory and time out of all proportion to its size. Tables that several others share are read
at the first, and kept.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ModelFormatError

T = TypeVar("T")

MOST_FIELDS = 64  # tables may share a description, so that a long one could be read again and again


class Buffer:
    """The bytes of one FlatBuffers file; ``start`` is where they lie in ``place``, for messages."""

    def __init__(self, data: bytes, place: str, start: int = 0):
        self.data, self.place, self.start = data, place, start
        self._unread = len(data)

    def root(self) -> Table:
        return Table(self, self.offset(0))

    def fail(self, at: int, what: str) -> NoReturn:
        raise ModelFormatError(f"{self.place}: byte {self.start + at}: {what}")

    def number(self, form: str, at: int) -> Any:
        size = struct.calcsize(form)
        if not 0 <= at <= len(self.data) - size:
            self.fail(at, f"{size} bytes lie outside the {len(self.data)} of the model")
        return struct.unpack_from(form, self.data, at)[0]

    def size(self, at: int) -> tuple[int, int]:
        """A length between FlatBuffers, and where it ends: from 4 GB on in eight bytes (util/ysaveload.h, LoadSize)."""
        size: int = self.number("<I", at)
        return (size, at + 4) if size != 0xFFFFFFFF else (self.number("<Q", at + 4), at + 12)

    def offset(self, at: int) -> int:
        return at + self.number("<I", at)

    def take(self, at: int, size: int) -> None:
        """Note that these bytes are read, once."""
        if not 0 <= at <= len(self.data) - size:
            self.fail(at, f"{size} bytes lie outside the {len(self.data)} of the model")
        self._unread -= size
        if self._unread < 0:
            self.fail(at, "bytes that are part of two tables or vectors")

    def elements(self, at: int, dtype: DTypeLike) -> np.ndarray:
        """The vector at ``at``."""
        n, cell = self.number("<I", at), np.dtype(dtype)
        self.take(at + 4, n * cell.itemsize)
        return np.frombuffer(self.data, cell, n, at + 4)


class Table:
    """One table; a field is asked for by its place in the schema."""

    def __init__(self, buffer: Buffer, at: int):
        self.buffer, self.at = buffer, at
        vtable = at - buffer.number("<i", at)
        vtable_size, self.size = buffer.number("<H", vtable), buffer.number("<H", vtable + 2)
        if vtable_size < 4 or vtable_size % 2 or self.size < 4:
            buffer.fail(vtable, "no table's description")
        buffer.take(at, self.size)
        if not 0 <= vtable <= len(buffer.data) - vtable_size:
            buffer.fail(vtable, "a table's description is cut off")
        n_fields = min(vtable_size // 2 - 2, MOST_FIELDS)
        self._fields = struct.unpack_from(f"<{n_fields}H", buffer.data, vtable + 4)

    def _field(self, slot: int, size: int) -> int | None:
        """Where a field of so many bytes lies; None where it is absent."""
        place = self._fields[slot] if slot < len(self._fields) else 0
        if place == 0:
            return None
        if not 4 <= place <= self.size - size:
            self.buffer.fail(self.at, f"field {slot} lies outside its table")
        return self.at + place

    def number(self, slot: int, form: str, default: Any) -> Any:
        at = self._field(slot, struct.calcsize("<" + form))
        return default if at is None else self.buffer.number("<" + form, at)

    def _offset(self, slot: int) -> int | None:
        at = self._field(slot, 4)
        return None if at is None else self.buffer.offset(at)

    def vector(self, slot: int, dtype: DTypeLike) -> np.ndarray:
        """Empty where the field is absent."""
        at = self._offset(slot)
        return np.empty(0, dtype) if at is None else self.buffer.elements(at, dtype)

    def _text(self, at: int) -> str:
        try:
            return self.buffer.elements(at, np.uint8).tobytes().decode()
        except UnicodeDecodeError as error:
            self.buffer.fail(at, f"a text that is not UTF-8: {error}")

    def text(self, slot: int) -> str:
        at = self._offset(slot)
        return "" if at is None else self._text(at)

    def _offsets(self, slot: int) -> list[int]:
        at = self._offset(slot)
        if at is None:
            return []
        return [at + 4 + 4 * i + step for i, step in enumerate(self.buffer.elements(at, "<u4").tolist())]

    def texts(self, slot: int) -> list[str]:
        return [self._text(at) for at in self._offsets(slot)]

    def table(self, slot: int) -> Table | None:
        at = self._offset(slot)
        return None if at is None else Table(self.buffer, at)

    def shared(self, slot: int, read: Callable[[Table], T], seen: dict[int, Any]) -> T:
        """What ``read`` makes of a table that several others lead to, made once; ``seen`` keeps it by its place."""
        at = self._offset(slot)
        if at is None:
            self.buffer.fail(self.at, f"field {slot} is absent")
        if at not in seen:
            seen[at] = read(Table(self.buffer, at))
        return seen[at]

    def tables(self, slot: int) -> list[Table]:
        return [Table(self.buffer, at) for at in self._offsets(slot)]
