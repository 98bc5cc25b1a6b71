"""Files that are replaced at once and whole."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import stat
from collections.abc import Iterable
from typing import Any


def replace_file(path: str | os.PathLike, pieces: Iterable[Any]) -> None:
    """Write a file aside, flush it to the disk and rename it: the path holds the old file or the whole new one.

    Raises `OSError`, for a folder that is not there among others; the old file stays as it was then.
    """
    given, path = path, os.path.realpath(path)
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "no such folder to save into", os.fspath(given))
    replaced = os.stat(path) if os.path.exists(path) else None
    if replaced is not None and not stat.S_ISREG(replaced.st_mode):
        raise OSError(errno.EINVAL, "not a regular file, so it is not replaced", os.fspath(given))
    mode = 0o666 if replaced is None else stat.S_IMODE(replaced.st_mode)
    aside = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(aside, "xb", opener=functools.partial(os.open, mode=mode)) as file:  # read by no others meanwhile
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if replaced is not None:
            os.chmod(aside, mode)  # with what the umask took
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)  # makes the rename itself last
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
