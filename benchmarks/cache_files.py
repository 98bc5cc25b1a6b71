"""``python -m benchmarks.cache_files [FOLDER]``: what compression gains in the file of a `FeatureCache`, by its data.

Made-up rows, and the tables ``*.parquet`` below a folder (columns of numbers as float32, NaN for nulls). Times are the
best of three in one run: of saving to a disk, and of opening a file and reading all of its rows once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from perfcore import FeatureCache

N_ROWS, WIDTH = 200_000, 40
COMPRESSIONS = (None, "lz4", "zstd")


def tables(folder: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    """(what they are, rows)."""
    rng = np.random.default_rng(0)
    yield "random float64", rng.random((N_ROWS, WIDTH))
    yield "random float32", rng.random((N_ROWS, WIDTH), np.float32)
    yield "float32 of one decimal", np.round(rng.normal(size=(N_ROWS, WIDTH)), 1).astype(np.float32)
    yield "float32, 16 values a column", rng.integers(0, 16, (N_ROWS, WIDTH)).astype(np.float32)
    yield "int8, 16 values a column", rng.integers(0, 16, (N_ROWS, WIDTH)).astype(np.int8)
    yield (
        "float32, 95 % zeros",
        np.where(rng.random((N_ROWS, WIDTH)) < 0.95, 0, rng.random((N_ROWS, WIDTH))).astype("f4"),
    )
    yield "float32, constant", np.ones((N_ROWS, WIDTH), np.float32)
    for path in sorted(folder.rglob("*.parquet")) if folder else ():
        import pandas as pd

        numbers = pd.read_parquet(path).select_dtypes("number")
        yield f"{path.stem}, {numbers.shape[1]} columns, float32", np.ascontiguousarray(numbers, np.float32)


def measured(rows: np.ndarray, path: Path) -> list[tuple[int, float, float]]:
    """(bytes, seconds to save, seconds to open and read all) of each of `COMPRESSIONS`."""
    cache, keys = FeatureCache(len(rows), rows.shape[1], rows.dtype), np.arange(len(rows))
    cache.put_many(keys, rows)
    told = []
    for compression in COMPRESSIONS:
        saving = best(lambda compression=compression: cache.save(path, compression))
        reading = best(lambda: FeatureCache.open(path).get_many(keys))
        found, hit = FeatureCache.open(path).get_many(keys)
        if not hit.all() or found.tobytes() != rows.tobytes():
            raise AssertionError(f"{compression}: rows differ")
        told.append((path.stat().st_size, saving, reading))
    return told


def best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?", type=Path, help="of parquet files")
    folder = options.parse_args().folder
    print("| rows | size in %: lz4 | zstd | save in s: plain | lz4 | zstd | open and read in s: plain | lz4 | zstd |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, rows in tables(folder):
        with tempfile.TemporaryDirectory() as aside:
            told = measured(rows, Path(aside) / "rows")
        sizes = [f"{100 * size / told[0][0]:.0f}" for size, _, _ in told[1:]]
        times = [f"{each:.2f}" for column in (1, 2) for each in (its[column] for its in told)]
        print("|", " | ".join([name, *sizes, *times]), "|", flush=True)


if __name__ == "__main__":
    main()
