"""Fuzzing one reader: ``python targets.py FORMAT FOLDER SECONDS``, which ``tests/fuzz`` starts; needs atheris.

Whatever bytes come, either an error of perfcore's own or a model that stands to be asked (`questions.ask`). Anything
else is a finding: kept once by the place where it arose, as FOLDER/findings/FORMAT-*.txt beside the input, and the run
goes on. What ends the process (a crash, memory beyond RSS_MB, a standstill) libFuzzer keeps itself, as
FOLDER/findings/FORMAT-{crash,oom,timeout}-*.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import struct
import sys
import time
import traceback
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["perfcore"]):
    import perfcore.__main__
    import perfcore.answers.catboost
    import perfcore.answers.sklearn
    import perfcore.inputs.catboost
    import perfcore.inputs.sklearn
    import perfcore.readers.catboost
    import perfcore.readers.lightgbm
    import perfcore.readers.xgboost
    import perfcore.testing
    from perfcore.model import Model
    from perfcore.model import file as pcore
    from perfcore.readers import read

import mutators
import numpy as np
import small_models
from questions import ask

RSS_MB, SECONDS, MOST_BYTES = 1500, 3, 16_384


# -- one reader each ------------------------------------------------------------------------------------------------


def read_any(data: bytes, path: Path) -> Model:
    path.write_bytes(data)
    return read(path)


def read_pcore(data: bytes, path: Path) -> Model:
    """Of a payload, a header and arrays with a zero byte between, sealed with the right checksum."""
    header, _, arrays = data.partition(b"\0")
    header += b" " * (-len(header) % 64)
    prefix = struct.pack("<6sHQQQ", pcore.MAGIC, pcore.PROTOCOL, len(header), 64 + len(header) + len(arrays), 0)
    return pcore.from_bytes(prefix + pcore._checksum(prefix, [header, arrays]) + header + arrays)


def payload(data: bytes) -> bytes:
    (length,) = struct.unpack_from("<Q", data, 8)
    return data[64 : 64 + length].rstrip() + b"\0" + data[64 + length :]


def seeds(name: str) -> dict[str, bytes]:
    if name == "lightgbm":
        return small_models.lightgbm_texts()
    if name == "catboost":
        return small_models.catboost_files()
    if name == "json":
        return small_models.xgboost_json() | small_models.trained_documents(".json")
    if name == "ubjson":
        return small_models.xgboost_ubjson() | small_models.trained_documents(".ubj")
    return {kind: payload(data) for kind, data in small_models.pcore_files().items()}


TARGETS: dict[str, tuple[Callable[[bytes, Path], Model], mutators.Mutator]] = {
    "lightgbm": (read_any, mutators.lightgbm_text),
    "json": (read_any, mutators.json_document),
    "ubjson": (read_any, mutators.ubjson_document),
    "catboost": (read_any, mutators.any_bytes),
    "pcore": (read_pcore, mutators.pcore_payload),
}


# -- the run --------------------------------------------------------------------------------------------------------


def main(name: str, folder: Path, seconds: int) -> None:
    reader, mutator = TARGETS[name]
    corpus, findings = folder / f"corpus-{name}", folder / "findings"
    for made in (corpus, findings):
        made.mkdir(parents=True, exist_ok=True)
    for kind, data in seeds(name).items():
        (corpus / f"seed-{kind.replace(' ', '-')}").write_bytes(data)
    scratch = folder / f"scratch-{name}"
    # numpy would be granted far more than the machine has: what asks for it is told so, and found.
    resource.setrlimit(resource.RLIMIT_AS, (2 * RSS_MB << 20, resource.RLIM_INFINITY))
    warnings.simplefilter("ignore")

    def one_input(data: bytes) -> None:
        begin = time.process_time()
        try:
            with (
                contextlib.suppress(perfcore.UnsupportedModelError, perfcore.ModelFormatError),
                np.errstate(all="ignore"),
            ):
                ask(reader(data, scratch), zlib.crc32(data))
            if time.process_time() - begin > SECONDS:
                raise RuntimeError(f"more than {SECONDS} s for {len(data)} bytes")
        except Exception as error:
            keep(error, data, findings, name)

    options = {
        "max_total_time": seconds, "max_len": MOST_BYTES, "timeout": 20 * SECONDS, "rss_limit_mb": RSS_MB,
        "artifact_prefix": f"{findings}{os.sep}{name}-", "print_final_stats": 1, "verbosity": 1,
    }  # fmt: skip
    atheris.Setup(
        [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)],
        one_input,
        custom_mutator=mutator,
    )
    atheris.Fuzz()


def keep(error: Exception, data: bytes, folder: Path, name: str) -> None:
    frames = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    digest = hashlib.sha256(f"{type(error)} {frames}".encode()).hexdigest()[:12]
    note = folder / f"{name}-{digest}.txt"
    if not note.exists():
        (folder / f"{name}-{digest}.input").write_bytes(data)
        note.write_text("".join(traceback.format_exception(error)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
