"""chunks(): pieces of a table or file that are no larger than a number of bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from ..amounts import whole
from ..errors import InputError


def chunks(data: Any, max_bytes: int) -> Iterator[Any]:
    """Consecutive rows of a table, no more of them at once than fit.

    Parameters
    ----------
    data : a numpy array, pandas or polars frame, Arrow table or batch, whose rows are cut without a copy where its
        library can; or the path of a Parquet or Arrow file, which is read piece by piece
    max_bytes : of a piece, as its library counts them; a single row may be larger

    Yields
    ------
    Pieces of the same kind; Arrow record batches of a file

    Raises
    ------
    ConfigurationError
        For sizes that are not whole numbers from 1.
    InputError
        For what is no table.
    """
    max_bytes = whole("max_bytes", max_bytes)
    if isinstance(data, str | os.PathLike):
        return _of_file(os.fspath(data), max_bytes)
    n_bytes = bytes_of(data)
    if n_bytes is None:
        raise InputError(
            "expected a table (numpy, pandas, polars, Arrow) or the path of a Parquet or Arrow file, got "
            f"{type(data).__qualname__}"
        )
    return _cut(data, n_bytes, max_bytes)


def _cut(table: Any, n_bytes: int, max_bytes: int) -> Iterator[Any]:
    n = len(table)
    rows = n if n_bytes <= max_bytes else max(1, int(n * max_bytes // n_bytes))
    for at in range(0, n, max(rows, 1)):
        yield from _halved(_rows(table, at, min(at + rows, n)), max_bytes)


def _halved(piece: Any, max_bytes: int) -> Iterator[Any]:
    """The piece, or its halves where its rows are larger than most; not those of a table whose pieces share the most
    of it, as a dictionary of texts."""
    n, n_bytes = len(piece), bytes_of(piece) or 0
    if n > 1 and n_bytes > max_bytes:
        halves = [_rows(piece, 0, n // 2), _rows(piece, n // 2, n)]
        if sum(bytes_of(each) or 0 for each in halves) < 1.5 * n_bytes:
            for each in halves:
                yield from _halved(each, max_bytes)
            return
    yield piece


def bytes_of(table: Any) -> int | None:
    """What a table takes in memory; None for what is none."""
    if isinstance(table, np.ndarray):
        return table.nbytes if table.ndim else None
    if hasattr(table, "memory_usage"):  # pandas
        found = table.memory_usage(deep=True)
        return int(found if np.ndim(found) == 0 else found.sum())
    if hasattr(table, "estimated_size"):  # polars
        return int(table.estimated_size())
    if hasattr(table, "nbytes") and hasattr(table, "slice"):  # Arrow
        return int(table.nbytes)
    return None


def _rows(table: Any, begin: int, end: int) -> Any:
    if hasattr(table, "iloc"):
        return table.iloc[begin:end]
    if hasattr(table, "slice") and not isinstance(table, np.ndarray):
        return table.slice(begin, end - begin)
    return table[begin:end]


def _of_file(path: str, max_bytes: int) -> Iterator[Any]:
    import pyarrow

    with open(path, "rb") as file:
        read = _of_parquet if file.read(4) == b"PAR1" else _of_arrow
    try:
        for batch in read(path, max_bytes):
            if batch.num_rows:
                yield from chunks(batch, max_bytes)
    except pyarrow.ArrowInvalid as error:
        raise InputError(f"{path}: neither a Parquet nor an Arrow file: {error}") from error


def _of_parquet(path: str, max_bytes: int) -> Iterator[Any]:
    """Through a buffer: neither all of the file is fetched beforehand nor a row group at once.

    Batches are of so many rows that the largest fit: those of the row group whose rows are so on average, as the file
    says, or, where texts are kept once each, those of the first thousand.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path, buffer_size=1 << 16, pre_buffer=False) as file:
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        means = [group.total_byte_size / max(group.num_rows, 1) for group in groups]
        means += [head.nbytes / head.num_rows for head in islice(file.iter_batches(1000, use_threads=False), 1)]
        rows = int(min(1 << 20, max(1, max_bytes / max(1, *means))))
        yield from file.iter_batches(batch_size=rows, use_threads=False)


def _of_arrow(path: str, _: int) -> Iterator[Any]:
    import pyarrow.ipc

    with pyarrow.memory_map(path) as mapped, pyarrow.ipc.open_file(mapped) as file:
        for i in range(file.num_record_batches):
            yield file.get_batch(i)
