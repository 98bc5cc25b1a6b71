"""Every cut and every changed byte of a format's small models: ``python every_byte.py FORMAT STEP``.

In a process of its own, with little memory: what is asked for in a file must not be granted before it is seen to be
there. Prints how many files were read and refused; the first that ends otherwise raises, and stays where it is.
"""

from __future__ import annotations

import resource
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import small_models
from questions import ask

from perfcore.errors import ModelFormatError, UnsupportedModelError
from perfcore.model import Model
from perfcore.model import file as pcore
from perfcore.readers import read

MEMORY, SECONDS, LONGEST = 512 << 20, 2.0, 1000

FLIPS: tuple[Callable[[int], int], ...] = (
    lambda byte: byte ^ 0x01,
    lambda byte: byte ^ 0x80,
    lambda byte: byte ^ 0xFF,
    lambda byte: 0,
    lambda byte: ord("9"),
    lambda byte: ord("-"),
)


def resealed(data: bytes) -> bytes:
    """A changed ``.pcore`` file with the length that it has, and the checksum of what it holds."""
    prefix = data[:16] + struct.pack("<Q", len(data)) + data[24:32]
    return prefix + pcore._checksum(prefix, [data[64:]]) + data[64:]


# By format: its files, what makes a changed one look whole, and its reader.
FORMATS: dict[str, tuple[Callable[[], dict[str, bytes]], Callable[[bytes], bytes], Callable[[Path], Model]]] = {
    "lightgbm": (small_models.lightgbm_texts, bytes, read),
    "json": (small_models.xgboost_json, bytes, read),
    "ubjson": (small_models.xgboost_ubjson, bytes, read),
    "catboost": (small_models.catboost_files, bytes, read),
    "pcore": (small_models.pcore_files, resealed, pcore.read_model),
}


def changes(data: bytes, step: int) -> Iterator[bytes]:
    """All of them at step 1; else one cut and one flip at every so many bytes, another flip at each."""
    for at in range(0, len(data), step):
        yield data[:at]
        for flip in FLIPS if step == 1 else (FLIPS[at // step % len(FLIPS)],):
            byte = flip(data[at])
            if byte != data[at]:
                yield data[:at] + bytes([byte]) + data[at + 1 :]


def outcome(path: Path, reader: Callable[[Path], Model], seed: int) -> str:
    try:
        model = reader(path)
    except (ModelFormatError, UnsupportedModelError) as error:
        message = str(error)
        if str(path) not in message or len(message) > LONGEST:
            raise RuntimeError(f"a message without the file, or without end: {message[:LONGEST]}") from error
        return "refused"
    ask(model, seed)
    return "read"


def main(name: str, step: int) -> None:
    files, whole, reader = FORMATS[name]
    warnings.simplefilter("ignore")
    path = Path(tempfile.mkdtemp(), "model")
    counts = {"read": 0, "refused": 0}
    begun = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with np.errstate(all="ignore"):
        found = files()
        resource.setrlimit(resource.RLIMIT_AS, (begun + MEMORY, resource.RLIM_INFINITY))
        for data in found.values():
            for seed, changed in enumerate(changes(data, step)):
                path.write_bytes(whole(changed) if len(changed) >= 64 else changed)
                begin = time.process_time()
                counts[outcome(path, reader, seed)] += 1
                if time.process_time() - begin > SECONDS:
                    raise RuntimeError(f"more than {SECONDS} s for {path}")
    path.unlink()
    path.parent.rmdir()
    print(counts["read"], counts["refused"])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
