"""Answers of a stream of tables, one at a time: no more than one table and its answer is held."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .errors import InputError

Answer = Any  # an array, or a list of them where there are many outputs


def tables_of(source: Any) -> Iterator[Any]:
    """The tables of a reader, a data set, a Parquet file, whatever streams Arrow, or any iterable of tables."""
    is_lazy = hasattr(source, "collect") and hasattr(source, "collect_schema")
    is_one = is_lazy or hasattr(source, "iloc") or hasattr(source, "tocsr")
    if is_one or isinstance(source, np.ndarray | memoryview | str | bytes | os.PathLike | Mapping):
        raise InputError(
            f"expected a reader or an iterable of tables, got a {type(source).__qualname__}; one table goes to "
            "predict (a lazy one once it is collected), a path to what reads it, as pyarrow.parquet.ParquetFile does"
        )
    for method in ("iter_batches", "to_batches"):  # pyarrow's ParquetFile; its Dataset, Scanner and Table
        if hasattr(source, method):
            return iter(getattr(source, method)())
    if hasattr(source, "__arrow_c_stream__") and not hasattr(source, "read_next_batch"):
        import pyarrow

        try:
            return iter(pyarrow.RecordBatchReader.from_stream(source))
        except pyarrow.ArrowException as error:
            raise InputError(f"cannot read a {type(source).__qualname__} as a stream of tables: {error}") from error
    try:
        return iter(source)
    except TypeError as error:
        raise InputError(f"expected a reader or an iterable of tables, got a {type(source).__qualname__}") from error


def answers(tables: Iterator[Any], answer: Callable[[Any], Answer]) -> Iterator[Answer]:
    """``answer`` of each table, in order; an `InputError` names the table's number, from 0.

    A table of no rows, as filtered streams have many, is answered by none, even where the source takes no such table.
    Those before the first with rows wait for it, which says what an answer is like.
    """
    number, names, n_waiting, first_empty, none = 0, None, 0, None, None
    for table in tables:
        with _naming(number):
            names = _same_names(names, _names(table))
            found = None if _is_empty(table) else answer(table)
        number += 1
        if found is None and none is None:
            n_waiting, first_empty = n_waiting + 1, first_empty if n_waiting else table
            continue
        del table  # before the next one is made
        if none is None and found is not None:
            none = [each[:0] for each in found] if isinstance(found, list) else found[:0]
            yield from [none] * n_waiting
        yield none if found is None else found
        del found
    if none is None and n_waiting:
        with _naming(0):
            none = answer(first_empty)
        yield from [none] * n_waiting


@contextmanager
def _naming(number: int) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"batch {number}: {error}") from error


def _is_empty(table: Any) -> bool:
    """Whether a table says that it has no rows; of what says nothing, its answer tells."""
    if getattr(table, "shape", ()):
        return table.shape[0] == 0
    return hasattr(table, "__len__") and not isinstance(table, np.ndarray) and len(table) == 0


def _names(table: Any) -> list | None:
    if hasattr(table, "schema") and isinstance(getattr(table.schema, "names", None), list):
        return table.schema.names
    return None if isinstance(table, np.ndarray) or not hasattr(table, "columns") else list(table.columns)


def _same_names(names: list | None, found: list | None) -> list | None:
    if names is not None and found is not None and names != found:
        raise InputError(f"its columns are {found}, those of the batches before it {names}")
    return found if names is None else names
