"""The ``.pcore`` file and the bytes of a pickle; docs/file_format.md draws them.

::

    byte 0   magic  93 50 43 4F 52 45  ("\\x93PCORE")
         6   protocol            uint16, little-endian, as all numbers here
         8   length of header    uint64, with its padding
        16   length of file      uint64
        24   zero                uint64
        32   BLAKE2b-256 of bytes 0..31 and 64..end
        64   header: JSON, padded with spaces to a multiple of 64
        ..   arrays, each at a multiple of 64
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import ModelFormatError, NotPortableError
from ..files import replace_file
from . import Model
from .codec import ALIGNMENT, Decoder, Encoder

MAGIC = b"\x93PCORE"
PROTOCOL = 1

_PREFIX = struct.Struct("<6sHQQQ")
_HEADER_AT = 64


def write_model(model: Model, path: str | os.PathLike) -> None:
    """Put a file in the place of the one that may be there, at once and whole."""
    encoder = Encoder()
    pieces = _pieces(model, encoder)
    if encoder.held:
        names = "; ".join(name for name, _ in encoder.held if name)
        what = "a file holds no steps that are run as they are, and no compiled functions"
        raise NotPortableError(f"{model.origin}: {what}: {names}; pickle it")
    replace_file(_path(path), pieces)


def read_model(path: str | os.PathLike) -> Model:
    """Map a file into memory and read the model in it; its arrays are views of the map and keep it alive."""
    path = _path(path)
    _require_regular(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    try:
        return _decode(memoryview(data))
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {error}") from error.__cause__


def _path(path: Any) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"expected the path of a .pcore file, a string or os.PathLike, got {type(path).__qualname__}")
    return os.fsdecode(path)


def head(path: str, size: int) -> bytes:
    """The first bytes of a model file of any format."""
    _require_regular(path)
    with open(path, "rb") as file:
        return file.read(size)


def _require_regular(path: str | bytes) -> None:
    """Refuse folders, and what can be read but once, or waits for a writer."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFormatError(f"{os.fsdecode(path)}: not a regular file")


def to_bytes(model: Model, held: list[Any] | None = None) -> bytes:
    """The same bytes as the file's, for pickles; objects that no file could hold go to ``held``."""
    encoder = Encoder()
    pieces = _pieces(model, encoder)
    if held is not None:
        held += [each for _, each in encoder.held]
    return b"".join(pieces)


def from_bytes(data: bytes, held: Sequence[Any] = ()) -> Model:
    """The model in the bytes of `to_bytes`, over an aligned copy of them."""
    room = np.empty(len(data) + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    copy = room[start : start + len(data)]
    copy[:] = np.frombuffer(data, np.uint8)
    copy.flags.writeable = False
    return _decode(copy.data, held)


def fingerprint(model: Model) -> str:
    """A digest of what decides the answers: body, inputs and answers; not the origins, the path or the time."""
    encoder = Encoder(origins=False)
    tree = [encoder.encode(part) for part in (model.body, model.inputs, model.answers)]
    digest = hashlib.blake2b(_json(tree), digest_size=16)
    for _, array in encoder.arrays:
        digest.update(array.data)
    return digest.hexdigest()


# -- writing -------------------------------------------------------------------------------------------


def _json(tree: Any) -> bytes:
    return json.dumps(tree, separators=(",", ":"), allow_nan=False).encode("ascii")


def _pieces(model: Model, encoder: Encoder) -> list[bytes | memoryview]:
    header = _json(encoder.encode(model))
    header += b" " * (-len(header) % ALIGNMENT)
    body = [header, *_laid_out(encoder)]
    prefix = _PREFIX.pack(MAGIC, PROTOCOL, len(header), _HEADER_AT + sum(map(len, body)), 0)
    return [prefix, _checksum(prefix, body), *body]


def _laid_out(encoder: Encoder) -> Iterator[bytes | memoryview]:
    end = 0
    for at, array in encoder.arrays:
        yield b"\0" * (at - end)
        yield array.data
        end = at + array.nbytes


def _checksum(prefix: bytes | memoryview, body: list[bytes | memoryview]) -> bytes:
    digest = hashlib.blake2b(prefix, digest_size=32)
    for piece in body:
        digest.update(piece)
    return digest.digest()


# -- reading -------------------------------------------------------------------------------------------


def _decode(data: memoryview, held: Sequence[Any] = ()) -> Model:
    header_end = _check_frame(data)
    try:
        tree = json.loads(str(data[_HEADER_AT:header_end], "ascii"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"byte {_HEADER_AT}: the header cannot be read: {error}") from error
    decoder = Decoder(data[header_end:], header_end, held)
    try:
        model = decoder.decode(tree)
        decoder.check_spans()
    except ModelFormatError as error:
        raise ModelFormatError(f"header at byte {_HEADER_AT}: {error}") from error
    if not isinstance(model, Model):
        raise ModelFormatError(f"byte {_HEADER_AT}: the header holds a {type(model).__name__}, not a model")
    return model


def _check_frame(data: memoryview) -> int:
    """Check everything before the header's meaning; return where the header ends."""
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise ModelFormatError(
            f"byte 0: no perfcore file, it begins with {bytes(data[:8])!r} and not {MAGIC!r}; "
            "a model file of LightGBM, XGBoost or CatBoost goes to perfcore.compile"
        )
    if len(data) < _HEADER_AT:
        raise ModelFormatError(f"byte {len(data)}: the file is cut inside its first {_HEADER_AT} bytes")
    _, protocol, header_length, file_length, zero = _PREFIX.unpack(data[: _PREFIX.size])
    if protocol != PROTOCOL:
        age = "newer: update perfcore" if protocol > PROTOCOL else "unknown"
        raise ModelFormatError(f"byte 6: protocol {protocol}, this version reads protocol {PROTOCOL}; {age}")
    if len(data) < file_length:
        raise ModelFormatError(f"byte {len(data)}: the file is cut, {file_length} bytes were written")
    if len(data) > file_length:
        raise ModelFormatError(f"byte {file_length}: the file goes on past its end, to {len(data)} bytes")
    stored = bytes(data[_PREFIX.size : _HEADER_AT])
    if _checksum(data[: _PREFIX.size], [data[_HEADER_AT:]]) != stored:
        raise ModelFormatError(
            f"byte {_PREFIX.size}: the checksum does not fit bytes 0..{_PREFIX.size - 1} and "
            f"{_HEADER_AT}..{file_length - 1}: the file was changed after it was written"
        )
    if zero or header_length % ALIGNMENT or header_length > len(data) - _HEADER_AT:
        raise ModelFormatError(f"byte 8: a header of {header_length} bytes in a file of {len(data)}")
    return _HEADER_AT + header_length


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")
