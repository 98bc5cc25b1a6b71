"""Mutations that keep a file's outer form, so that a fuzzer gets past it; bytes at random are libFuzzer's own part."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import atheris
from xgboost_documents import as_ubjson

from perfcore.readers import ubjson

NUMBERS = [
    -(2**63),
    -(2**31) - 1,
    -(2**31),
    -2,
    -1,
    0,
    1,
    2,
    3,
    31,
    32,
    255,
    2**16,
    2**24,
    2**31 - 1,
    2**31,
    2**32,
    2**62,
]
VALUES = [
    None,
    True,
    False,
    "",
    "0",
    "x",
    "[1E0,2E0]",
    0.5,
    -0.0,
    1e39,
    float("inf"),
    float("nan"),
    [],
    {},
    [[]],
    2**200,
]

Mutator = Callable[[bytes, int, int], bytes]


def lightgbm_text(data: bytes, most: int, seed: int) -> bytes:
    """Another number, or bytes at random; then tree sizes that fit, mostly."""
    rng = random.Random(seed)
    numbers = list(re.finditer(rb"(?<=[= ])-?[0-9][0-9.e+-]*", data))
    if numbers and rng.random() < 0.5:
        at = rng.choice(numbers)
        data = data[: at.start()] + str(_number(rng, at[0].decode())).encode() + data[at.end() :]
    else:
        data = atheris.Mutate(data, most)
    if rng.random() < 0.8:
        starts = [at.start() for at in re.finditer(rb"Tree=", data)]
        end = data.find(b"end of trees")
        stops = [*starts[1:], end if end >= 0 else len(data)]
        sizes = b" ".join(str(b - a).encode() for a, b in zip(starts, stops, strict=False))
        data = re.sub(rb"tree_sizes=[^\n]*", b"tree_sizes=" + sizes, data, count=1)
    return data[:most]


def json_document(data: bytes, most: int, seed: int) -> bytes:
    return _document(data, most, seed, json.loads, _printed)


def ubjson_document(data: bytes, most: int, seed: int) -> bytes:
    return _document(data, most, seed, lambda each: _plain(ubjson.loads(each)), as_ubjson)


def pcore_payload(data: bytes, most: int, seed: int) -> bytes:
    """A header and arrays, which `targets` seals; each changed on its own."""
    header, _, arrays = data.partition(b"\0")
    if random.Random(~seed).random() < 0.6:
        return json_document(header, most, seed) + b"\0" + arrays
    return header + b"\0" + atheris.Mutate(arrays, max(1, most - len(header)))


def any_bytes(data: bytes, most: int, seed: int) -> bytes:
    return atheris.Mutate(data, most)


def _printed(tree: Any) -> bytes:
    return json.dumps(tree, separators=(",", ":")).encode()


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _plain(each) for key, each in tree.items()}
    return [_plain(each) for each in tree] if isinstance(tree, list) else getattr(tree, "tolist", lambda: tree)()


def _document(data: bytes, most: int, seed: int, loads: Callable, dumps: Callable) -> bytes:
    rng = random.Random(seed)
    if rng.random() < 0.3:
        return atheris.Mutate(data, most)
    try:
        tree = loads(data)
        spots = _spots(tree)
        for _ in range(rng.choice([1, 1, 2, 4])):
            _change(rng, *rng.choice(spots), spots)
        changed = dumps(tree)
    except Exception:  # a file that other mutations broke, or a value that has no form here
        return atheris.Mutate(data, most)
    return changed if len(changed) <= most else atheris.Mutate(data, most)


def _spots(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a document, as its container and its key there."""
    found, todo = [], [tree]
    while todo and len(found) < 5000:
        at = todo.pop()
        keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()
        for key in keys:
            found.append((at, key))
            todo.append(at[key])
    return found


def _change(rng: random.Random, at: Any, key: Any, spots: list) -> None:
    old, kind = at[key], rng.randrange(6)
    if kind == 0:
        at[key] = rng.choice(VALUES)
    elif kind == 1:
        other, place = rng.choice(spots)
        at[key] = other[place]
    elif kind == 2:
        del at[key]
    elif isinstance(old, list):
        at[key] = (
            old * 2 if kind == 3 else old[: rng.randrange(len(old) + 1)] if kind == 4 else [*old, rng.choice(NUMBERS)]
        )
    elif isinstance(old, str):
        at[key] = str(_number(rng, old))
    else:
        at[key] = _number(rng, old)


def _number(rng: random.Random, old: Any) -> Any:
    try:
        near = int(old)
    except (TypeError, ValueError, OverflowError):
        near = 0
    return rng.choice(
        [*NUMBERS, near + 1, near - 1, near + 1, near - 1, ~near, rng.random() * 4 - 2, float("nan"), 1e300]
    )
