"""Traces of requested keys: one file each, plain or packed with gzip, xz or bzip2.

text     a key a line; ``*`` marks a place and is no key
blocks   text of four numbers a line, "first block, how many blocks, ignored, ignored" (the ARC authors' traces)
jsonl    an object a line, whose ``hash_ids`` are the keys of one request (Mooncake's traces)
npy      an array of integers
binary   big-endian integers of 4 or 8 bytes, as `BINARY` or the caller says for the name: it cannot be seen
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

PACKED = {".gz": gzip.decompress, ".xz": lzma.decompress, ".bz2": bz2.decompress}
# Of public traces, as Caffeine's simulator has them.
BINARY = {
    "web12.trace*": ">u4",
    "web07.trace*": ">u4",
    "orm-*.trace*": ">u4",
    "scarab-*.trace*": ">u8",
    "trace_vaultservice*": ">u8",
}
NO_TRACES = {".md", ".py", ".pyc", ".json", ".html"}


class NoTrace(Exception):
    """A file that holds no trace, or none that can be read without being told more."""


def files(folder: Path) -> list[Path]:
    """Those below the folder that may be traces."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [path for path in found if path.suffix not in NO_TRACES and not path.name.lower().startswith("license")]


def read(path: Path, binary: dict[str, str] | None = None) -> np.ndarray:
    """The keys that are asked for, in order, as numbers from 0 on, in the order of their first request."""
    data = PACKED.get(path.suffix, bytes)(path.read_bytes())
    keys = _keys(path, data, BINARY | (binary or {}))
    if not len(keys):
        raise NoTrace(f"{path}: no keys")
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[number.reshape(-1)]


def _keys(path: Path, data: bytes, binary: dict[str, str]) -> np.ndarray:
    if data[:6] == b"\x93NUMPY":
        keys = np.load(io.BytesIO(data), allow_pickle=False)
        if keys.ndim != 1 or keys.dtype.kind not in "iu":
            raise NoTrace(f"{path}: {keys.dtype} {keys.shape}, keys are integers in one dimension")
        return keys
    if any(byte < 9 for byte in data[:4096]):
        return _numbers(path, data, binary)
    if data.lstrip()[:1] == b"{":
        lines = (json.loads(line) for line in data.splitlines() if line.strip())
        return np.concatenate([np.asarray(line["hash_ids"], np.uint64) for line in lines])
    return _words(path, data)


def _numbers(path: Path, data: bytes, binary: dict[str, str]) -> np.ndarray:
    dtype = next((np.dtype(name) for pattern, name in binary.items() if fnmatch(path.name, pattern)), None)
    if dtype is None:
        raise NoTrace(f"{path}: binary; say of which numbers, as in --binary '{path.name}=>u8'")
    return np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)


def _words(path: Path, data: bytes) -> np.ndarray:
    lines = [line.split() for line in data.splitlines()]
    lengths = {len(words) for words in lines} - {0}
    if lengths <= {1}:
        return np.array([words[0] for words in lines if words and words != [b"*"]])
    if lengths != {4}:
        raise NoTrace(f"{path}: lines of {' and '.join(map(str, sorted(lengths)))} words, allowed are 1 or 4")
    rows = np.array([words for words in lines if words], np.int64)
    first, count = rows[:, 0], rows[:, 1]
    return np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
