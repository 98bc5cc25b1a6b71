"""Dictionaries: what the codes in a cache's columns stand for, as far as Arrow tables have told."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from . import forks

if TYPE_CHECKING:
    import pyarrow as pa


class Dictionaries:
    """Of columns by name: values in the order of their codes. They grow at their ends, so codes stay what they are."""

    def __init__(self, names: Iterable[str], told: Mapping[str, str | None] | None = None):
        told = told or {}
        self.names = {*names, *told}
        self._values: dict[str, pa.Array] = {name: _read(text) for name, text in told.items() if text is not None}
        self._lock = forks.Lock()

    def codes(self, name: str, column: pa.DictionaryArray, dtype: np.dtype) -> np.ndarray:
        """Codes of this cache for a column, which may have another dictionary; new values are added to it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if name not in self.names:
            raise InputError(f"column {name!r} has a dictionary, the schema of the cache says {dtype}")
        with self._lock:
            values = self._values.get(name)
            theirs = column.dictionary if values is None else column.dictionary.cast(values.type)
            if values is None:
                values = theirs[:0]
            new = pc.unique(theirs.filter(pc.is_null(pc.index_in(theirs, value_set=values))))
            if len(values) + len(new) > int(np.iinfo(dtype).max) + 1:
                n = len(values) + len(new)
                raise InputError(f"column {name!r}: {n} values are more than codes of {dtype} tell apart")
            values = self._values[name] = pa.concat_arrays([values, new]) if len(new) else values
        ours = pc.index_in(theirs, value_set=values).to_numpy(zero_copy_only=False).astype(dtype)
        return ours[column.indices.to_numpy(zero_copy_only=False)]

    def check(self, name: str, codes: np.ndarray) -> None:
        """Refuse codes that stand for nothing, where that is known."""
        values = self._values.get(name)
        if values is not None and codes.size and not 0 <= codes.min() <= codes.max() < len(values):
            raise InputError(
                f"column {name!r}: codes {codes.min()}..{codes.max()}, of which 0..{len(values) - 1} are known"
            )

    def decoded(self, name: str, codes: np.ndarray, hit: np.ndarray) -> pa.Array:
        """A column of a table, null where there was no row; of plain codes where nothing is known of them."""
        import pyarrow as pa

        values = self._values.get(name)
        if values is None:
            return pa.array(codes)
        self.check(name, codes[hit])
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=~hit), values)

    def told(self) -> dict[str, str | None]:
        """For a file."""
        import pyarrow as pa

        texts: dict[str, str | None] = dict.fromkeys(sorted(self.names))
        for name, values in list(self._values.items()):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, pa.schema([(name, values.type)])) as writer:
                writer.write_batch(pa.record_batch([values], [name]))
            texts[name] = base64.b64encode(sink.getvalue()).decode()
        return texts


def _read(text: str) -> pa.Array:
    import pyarrow as pa

    with pa.ipc.open_stream(base64.b64decode(text)) as reader:
        values = reader.read_all().column(0).combine_chunks()
    values.validate(full=True)
    return values
