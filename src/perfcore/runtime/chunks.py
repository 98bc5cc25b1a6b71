"""chunks(): pieces of a table or file that are no larger than a number of bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError


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
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int | np.integer) or max_bytes < 1:
        raise ConfigurationError(f"max_bytes={max_bytes!r}: allowed are whole numbers from 1")
    if isinstance(data, str | os.PathLike):
        return _of_file(os.fspath(data), int(max_bytes))
    n_bytes = bytes_of(data)
    if n_bytes is None:
        raise InputError(
            "expected a table (numpy, pandas, polars, Arrow) or the path of a Parquet or Arrow file, got "
            f"{type(data).__qualname__}"
        )
    n = len(data)
    rows = n if n_bytes <= max_bytes else max(1, int(n * max_bytes // n_bytes))
    return (_rows(data, at, min(at + rows, n)) for at in range(0, n, max(rows, 1)))


def bytes_of(table: Any) -> int | None:
    """What a table takes in memory; None for what is none."""
    if isinstance(table, np.ndarray):
        return table.nbytes
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
    import pyarrow.dataset

    with open(path, "rb") as file:
        kind = "parquet" if file.read(4) == b"PAR1" else "ipc"
    try:
        scanner = pyarrow.dataset.dataset(path, format=kind).scanner(
            batch_size=_first_rows(path, kind, max_bytes), batch_readahead=1, fragment_readahead=1, use_threads=False
        )
    except pyarrow.ArrowInvalid as error:
        raise InputError(f"{path}: neither a Parquet nor an Arrow file: {error}") from error
    for batch in scanner.to_batches():
        if batch.num_rows:
            yield from chunks(batch, max_bytes)


def _first_rows(path: str, kind: str, max_bytes: int) -> int:
    """How many rows of the file fit, by the first thousand."""
    import pyarrow.dataset

    head = pyarrow.dataset.dataset(path, format=kind).head(1000, batch_size=1000)
    each = head.nbytes / max(head.num_rows, 1)
    return int(min(1 << 20, max(1, max_bytes / max(each, 1))))
