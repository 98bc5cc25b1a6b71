"""Dictionaries: what the codes in a cache's columns stand for, as far as Arrow tables have told."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CacheFormatError, InputError
from . import forks

if TYPE_CHECKING:
    import pyarrow as pa


class Dictionaries:
    """Of columns by name: values in the order of their codes. They grow at their ends, so codes stay what they are."""

    def __init__(self, types: Mapping[str, pa.DataType]):
        self._values = {name: _none(its) for name, its in types.items()}  # empty: nothing was told yet
        self._bare: set[str] = set()  # whose codes came before anything was told
        self._lock = forks.Lock()

    @property
    def names(self) -> list[str]:
        return list(self._values)

    def add(self, others: Dictionaries) -> None:
        """Columns that had no dictionary so far; types of the others must be theirs."""
        for name, values in others._values.items():
            its = self._values.setdefault(name, values)
            if its.type != values.type:
                raise CacheFormatError(f"column {name!r} with values of {its.type}, asked for {values.type}")

    def codes(self, name: str, column: pa.DictionaryArray, dtype: np.dtype) -> np.ndarray:
        """Codes of this cache for a column, which may have another dictionary; new values are added to it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if name not in self._values:
            raise InputError(f"column {name!r} has a dictionary, the schema of the cache says {dtype}")
        with self._lock:
            values = self._values[name]
            theirs = column.dictionary
            if _is_text(theirs.type) and _is_text(values.type):
                theirs = theirs.cast(values.type)
            if theirs.type != values.type:
                raise InputError(f"column {name!r} has values of {theirs.type}, the cache those of {values.type}")
            if name in self._bare:
                raise InputError(f"column {name!r}: codes were put before any table told what they stand for")
            new = pc.unique(theirs.filter(pc.is_null(pc.index_in(theirs, value_set=values))))
            n = len(values) + len(new)
            if n > int(np.iinfo(dtype).max) + 1:
                raise InputError(f"column {name!r}: {n} values are more than codes of {dtype} tell apart")
            if len(new):
                values = self._values[name] = pa.concat_arrays([values, new])
        ours = pc.index_in(theirs, value_set=values).to_numpy(zero_copy_only=False).astype(dtype)
        return ours[column.indices.to_numpy(zero_copy_only=False)]

    def check(self, name: str, codes: np.ndarray) -> None:
        """Refuse codes that stand for nothing, where that is known; where it is not, they stay bare."""
        values = self._values[name]
        if not len(values) and codes.size and name not in self._bare:
            with self._lock:
                values = self._values[name]
                if not len(values):
                    self._bare.add(name)
        if len(values) and codes.size and not 0 <= codes.min() <= codes.max() < len(values):
            raise InputError(
                f"column {name!r}: codes {codes.min()}..{codes.max()}, of which 0..{len(values) - 1} are known"
            )

    def decoded(self, name: str, codes: np.ndarray, hit: np.ndarray) -> pa.Array:
        """A column of a table, null where there was no row; of plain codes where nothing is known of them."""
        import pyarrow as pa

        values = self._values.get(name)
        if values is None or not len(values):
            return pa.array(codes)
        self.check(name, codes[hit])
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=~hit), values)

    def told(self) -> dict[str, str]:
        """For a file."""
        import pyarrow as pa

        texts = {}
        for name, values in sorted(self._values.items()):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, pa.schema([(name, values.type)])) as writer:
                writer.write_batch(pa.record_batch([values], [name]))
            texts[name] = base64.b64encode(sink.getvalue()).decode()
        return texts

    @classmethod
    def read(cls, told: Mapping[str, str], has_rows: bool) -> Dictionaries:
        """What `told` told, of a file with rows or without."""
        its = cls({})
        its._values = {name: _read(text) for name, text in told.items()}
        its._bare = {name for name, values in its._values.items() if has_rows and not len(values)}
        return its


def _read(text: str) -> pa.Array:
    import pyarrow as pa

    with pa.ipc.open_stream(base64.b64decode(text)) as reader:
        values = reader.read_all().column(0).combine_chunks()
    values.validate(full=True)
    return values


def _none(its: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.array([], its)


def _is_text(its: pa.DataType) -> bool:
    return str(its) in ("string", "large_string", "string_view")
