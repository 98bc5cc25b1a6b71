"""Snapshots: a stream's states as bytes.

::

    magic  protocol u32  length of the header u32  digest 16  header (JSON)  states
                                                   of all the others

The header has a hash of the features, so that states are never read as those of other features, and the entities' keys.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from typing import Any

from ..errors import InputError
from .schema import Schema

MAGIC = b"\x93PCSTATE"
PROTOCOL = 1
_FRONT = struct.Struct("<8sII16s")
_CELLS = (int, float, str)


def write(schema: Schema, keys: list[Any], states: bytes) -> bytes:
    header = {
        "schema": schema.digest(),
        "byteorder": sys.byteorder,
        "names": schema.names,
        "is_named": schema.is_named,
        "kinds": schema.kinds,
        "on_kind": schema.on_kind,
        "nan_is_missing": schema.nan_is_missing,
        "keys": keys if schema.by else [],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return _FRONT.pack(MAGIC, PROTOCOL, len(text), _digest(text, states)) + text + states


def read(blob: Any, told: Any) -> tuple[Schema, list[Any], bytes]:
    """(schema, keys, states) of a snapshot for the features of a `RollingFeatures`."""
    try:
        blob = bytes(memoryview(blob))
    except TypeError as error:
        raise InputError(f"expected a snapshot's bytes, got a {type(blob).__qualname__}") from error
    if len(blob) < _FRONT.size or blob[:8] != MAGIC:
        raise InputError(f"these {len(blob)} bytes are no snapshot of a stream")
    _, protocol, length, digest = _FRONT.unpack_from(blob)
    if protocol != PROTOCOL:
        raise InputError(f"a snapshot of protocol {protocol}: this version reads {PROTOCOL}")
    text, states = blob[_FRONT.size : _FRONT.size + length], blob[_FRONT.size + length :]
    if len(text) != length or _digest(text, states) != digest:
        raise InputError("a snapshot that is cut or damaged: its digest is not that of its bytes")
    try:
        header = json.loads(text)
        schema = _schema(header, told)
        keys = [_key(key, len(schema.by)) for key in header["keys"]] if schema.by else [None]
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"a snapshot whose header is not as it should be: {error!r}") from error
    if header["schema"] != schema.digest() or header["byteorder"] != sys.byteorder:
        raise InputError("a snapshot of other features, or of another version or kind of machine")
    return schema, keys, states


def _schema(header: Any, told: Any) -> Schema:
    names, kinds = header["names"], header["kinds"]
    if not all(isinstance(name, str) for name in (*names, *kinds, header["on_kind"])):
        raise ValueError("names must be text")
    over = Schema.over(told, tuple(names), header["is_named"] is True, header["nan_is_missing"] is True)
    schema = over.with_kinds(tuple(kinds), header["on_kind"])
    if len(kinds) != len(schema.by) or {*kinds, schema.on_kind} - {"number", "text", "time", "zoned time"}:
        raise ValueError(f"kinds {kinds}, {schema.on_kind}")
    return schema


def _key(key: Any, n_columns: int) -> Any:
    parts = key if isinstance(key, list) else [key]
    is_whole = isinstance(key, list) == (n_columns > 1) and len(parts) == n_columns
    if not is_whole or not all(isinstance(part, _CELLS) for part in parts):
        raise ValueError(f"{key!r} is no key")
    return tuple(parts) if n_columns > 1 else parts[0]


def _digest(text: bytes, states: bytes) -> bytes:
    front = _FRONT.pack(MAGIC, PROTOCOL, len(text), bytes(16))
    whole = hashlib.blake2b(front, digest_size=16)
    whole.update(text)
    whole.update(states)
    return whole.digest()
