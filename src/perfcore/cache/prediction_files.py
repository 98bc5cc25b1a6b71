"""A folder of predictions: an Arrow file for each question, and beside them what they are, with a digest of it.

The file ``predictions.json`` is written last, and names those that belong to it; each ``save`` makes new ones, under
names that nobody else has. So the folder holds the old predictions or all of the new ones, whoever saves at once: the
last counts. A save removes the files whose ``predictions.json`` it replaces, and what others left ten minutes ago; who
is reading the old ones finds one gone and reads ``predictions.json`` again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import CacheFormatError
from ..files import replace_file
from .packing import Packing, Part

PROTOCOL = 1
CONTENTS = "predictions.json"
OLD = 10 * 60.0  # seconds; of a file that nothing names, as those of a save that is under way
_DTYPE = re.compile(r"[<>|][biufcUS][1-9][0-9]*")
_NAME = re.compile(r"[0-9a-f]{16}\.arrow")


def write(
    folder: str | os.PathLike, fingerprint: str, kept: Sequence[tuple[tuple, Packing, Callable[[str], None]]]
) -> None:
    """``kept``: of each question what it is, how its answers are packed, and what saves them."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    names = [f"{secrets.token_hex(8)}.arrow" for _ in kept]
    contents = [PROTOCOL, fingerprint, [[*each[:2], name] for each, name in zip(kept, names, strict=True)]]
    written = json.dumps(contents).encode()
    try:
        for (_, _, save), name in zip(kept, names, strict=True):
            save(os.path.join(folder, name))
        for name in names:
            os.utime(os.path.join(folder, name))  # raises where it was so long ago that another save removed it
        replaced = _named(folder)
        replace_file(os.path.join(folder, CONTENTS), [_digest(written), b"\n", written])
    except BaseException:
        _remove(folder, {*names} - _named(folder))
        raise
    _remove(folder, (replaced | _old(folder)) - _named(folder))


def _named(folder: str | os.PathLike) -> set[str]:
    """The files that belong to what is there now; none where that cannot be read."""
    try:
        with open(os.path.join(folder, CONTENTS), "rb") as file:
            _, _, told = json.loads(file.read().partition(b"\n")[2])
        return {name for _, _, name in told if _NAME.fullmatch(name)}
    except (OSError, ValueError, TypeError, RecursionError):
        return set()


def _old(folder: str | os.PathLike) -> set[str]:
    now, found = os.stat(os.path.join(folder, CONTENTS)).st_mtime, set()  # by the clock of the folder's own machine
    for name in filter(_NAME.fullmatch, os.listdir(folder)):
        with contextlib.suppress(FileNotFoundError):
            if now - os.stat(os.path.join(folder, name)).st_mtime > OLD:
                found.add(name)
    return found


def _remove(folder: str | os.PathLike, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):  # one that was never written; on Windows, one that is mapped
            os.unlink(os.path.join(folder, name))


def read(folder: str | os.PathLike, fingerprint: str) -> list[tuple[tuple, Packing, str]]:
    """Of each question what it is, how its answers are packed, and the path of their file.

    Raises
    ------
    CacheFormatError
        For what is damaged, cut, or of another predictor.
    """
    path = os.path.join(folder, CONTENTS)
    with open(path, "rb") as file:
        digest, _, contents = file.read().partition(b"\n")
    if digest != _digest(contents):
        raise CacheFormatError(f"{path}: damaged: its digest is not what it says")
    try:
        protocol, its_fingerprint, told = json.loads(contents)
        if protocol != PROTOCOL:
            raise CacheFormatError(f"{path}: of another protocol than {PROTOCOL}")
        if its_fingerprint != fingerprint:
            raise CacheFormatError(f"{path}: of another predictor, {its_fingerprint}; this one is {fingerprint}")
        return [(_question(*question), _packing(*packing), _path(folder, name)) for question, packing, name in told]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, CacheFormatError):
            raise
        raise CacheFormatError(f"{path}: {error}") from error


def _digest(contents: bytes) -> bytes:
    return hashlib.blake2b(contents, digest_size=16).hexdigest().encode()


def _question(*told: Any) -> tuple:
    method, arguments, columns, row_bytes = map(_tuples, told)
    if [type(each) for each in (method, arguments, columns, row_bytes)] != [str, str, tuple, int]:
        raise ValueError(f"a question of {told}")
    return method, arguments, columns, row_bytes


def _tuples(told: Any) -> Any:
    if type(told) is list:
        return tuple(map(_tuples, told))
    if type(told) not in (str, int):
        raise ValueError(f"a question with {told!r}")
    return told


def _packing(container: str, parts: list[Any]) -> Packing:
    packing = Packing(container, tuple(Part(dtype, tuple(shape)) for dtype, shape in parts))
    may_be = container in ("list", "tuple") or (container == "array" and len(parts) == 1)
    if not may_be or not parts or not all(map(_is_part, packing.parts)):
        raise ValueError(f"answers of {packing}")
    return packing


def _is_part(part: Part) -> bool:
    return (
        _DTYPE.fullmatch(part.dtype) is not None
        and np.dtype(part.dtype).str == part.dtype
        and all(type(n) is int and n > 0 for n in part.shape)
    )


def _path(folder: str | os.PathLike, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a file of the name {name!r}")
    return os.path.join(folder, name)
