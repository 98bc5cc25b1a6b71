"""Universal Binary JSON (draft 12), as XGBoost writes it: typed arrays become numpy arrays.

A decoder of untrusted bytes: every count is held against the bytes left before memory is taken, and
nesting is bounded. https://ubjson.org/type-reference/
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ModelFormatError

DEEPEST = 64

_NUMBERS = {
    marker: np.dtype(code)
    for marker, code in {
        b"i": ">i1",
        b"U": ">u1",
        b"I": ">i2",
        b"l": ">i4",
        b"L": ">i8",
        b"d": ">f4",
        b"D": ">f8",
    }.items()
}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}
_NO_OP = b"N"


def loads(data: bytes) -> Any:
    """Decode one document; `ModelFormatError` names the byte where it is broken.

    Returns
    -------
    dict, list, str, int, float, bool or None; arrays of one numeric type as numpy arrays, native byte order
    """
    reader = _Reader(data)
    value = reader.value(reader.marker(), 0)
    if reader.at != len(data):
        raise reader.broken(f"{len(data) - reader.at} bytes after the end of the document")
    return value


class _Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def broken(self, what: str) -> ModelFormatError:
        return ModelFormatError(f"UBJSON, byte {self.at}: {what}")

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise self.broken(f"{count} bytes expected, {len(self.data) - self.at} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def peek(self) -> bytes:
        return self.data[self.at : self.at + 1]

    def marker(self) -> bytes:
        marker = self.take(1)
        while marker == _NO_OP:
            marker = self.take(1)
        return marker

    def value(self, marker: bytes, depth: int) -> Any:
        if marker in _NUMBERS:
            dtype = _NUMBERS[marker]
            return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == b"S":
            return self.text(self.count())
        if marker == b"C":
            return self.text(1)
        if marker in (b"[", b"{"):
            if depth >= DEEPEST:
                raise self.broken(f"nested more than {DEEPEST} deep")
            return self.array(depth + 1) if marker == b"[" else self.object(depth + 1)
        self.at -= 1
        raise self.broken(f"unknown type marker {marker!r}")

    def count(self) -> int:
        marker = self.take(1)
        if marker not in (b"i", b"U", b"I", b"l", b"L"):
            self.at -= 1
            raise self.broken(f"a length must be an integer, its marker is {marker!r}")
        count = self.value(marker, 0)
        if count < 0 or count > len(self.data) - self.at:
            raise self.broken(f"a length of {count} with {len(self.data) - self.at} bytes left")
        return count

    def text(self, count: int) -> str:
        start = self.at
        try:
            return self.take(count).decode()
        except UnicodeDecodeError as error:
            self.at = start + error.start
            raise self.broken("text that is not UTF-8") from error

    def header(self) -> tuple[bytes | None, int | None]:
        """The optional type and count of a container."""
        kind, count = None, None
        if self.peek() == b"$":
            self.take(1)
            kind = self.take(1)
            if self.peek() != b"#":
                raise self.broken("a typed container must state its count")
        if self.peek() == b"#":
            self.take(1)
            count = self.count()
        return kind, count

    def array(self, depth: int) -> Any:
        kind, count = self.header()
        if kind in _NUMBERS and count is not None:
            dtype = _NUMBERS[kind]
            return np.frombuffer(self.take(count * dtype.itemsize), dtype).astype(dtype.newbyteorder("="))
        self.require_sized(kind)
        items: list[Any] = []
        while count is None or len(items) < count:
            marker = kind or self.marker()
            if count is None and marker == b"]":
                break
            items.append(self.value(marker, depth))
        return items

    def object(self, depth: int) -> dict[str, Any]:
        kind, count = self.header()
        self.require_sized(kind)
        items: dict[str, Any] = {}
        left = count
        while left is None or left > 0:
            if left is None and self.peek() == _NO_OP:
                self.take(1)
                continue
            if left is None and self.peek() == b"}":
                self.take(1)
                break
            key = self.text(self.count())
            items[key] = self.value(kind or self.marker(), depth)
            left = None if left is None else left - 1
        return items

    def require_sized(self, kind: bytes | None) -> None:
        # Values without bytes of their own would let a few bytes claim any amount of memory.
        if kind in _CONSTANTS or kind == _NO_OP:
            raise self.broken(f"a container of {kind!r} takes no bytes an item")
