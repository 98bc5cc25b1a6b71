"""Tables in memory that worker processes map instead of being sent a copy."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import tempfile
from typing import Any

import numpy as np

from .processes import loky


class Shared:
    """A folder in memory, while the context lasts; `put` writes a table there, once, and what it returns is small.

    Where this process is killed meanwhile, loky's tracker, a process of its own, removes the folder.
    """

    def __enter__(self) -> Shared:
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a file system in memory, where there is one
        self._tracker = loky("backend.resource_tracker")
        self.folder = tempfile.mkdtemp(prefix=f"perfcore-{os.getpid()}-", dir=place)
        self._tracker.register(self.folder, "folder")
        self._n = 0
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._tracker.unregister(self.folder, "folder")

    def put(self, table: Any) -> Any:
        """What `opened` makes a table of again; the table itself where it is of another kind, or there is no room."""
        kind = _kind(table)
        if kind is None:
            return table
        shared = Mapped(os.path.join(self.folder, str(self._n)), kind)
        self._n += 1
        try:
            _write(table, shared)
        except Exception:  # a full file system (64 MB in many containers), cells that the format does not have
            self.drop(shared)
            return table
        return shared

    def drop(self, shared: Any) -> None:
        """Its memory is given back, once nobody maps it any more."""
        if isinstance(shared, Mapped):
            with contextlib.suppress(FileNotFoundError):  # the folder went before the last worker was through
                os.unlink(shared.path)


class Mapped:
    """A table in a file that is mapped where it is opened."""

    def __init__(self, path: str, kind: str):
        self.path, self.kind = path, kind


def _kind(table: Any) -> str | None:
    if type(table) in (np.ndarray, np.memmap) and not table.dtype.hasobject:  # others keep more than their cells
        return "numpy"
    library, name = type(table).__module__.partition(".")[0], type(table).__name__
    return {
        ("pandas", "DataFrame"): "pandas",
        ("polars", "DataFrame"): "polars",
        ("pyarrow", "Table"): "table",
        ("pyarrow", "RecordBatch"): "batch",
    }.get((library, name))


def _write(table: Any, shared: Mapped) -> None:
    with open(shared.path, "wb") as file:
        if shared.kind == "numpy":
            np.save(file, table)
        elif shared.kind == "pandas":  # its index, dtypes and objects are whatever they were only as a pickle
            pickle.dump(table, file, protocol=5)
        elif shared.kind == "polars":
            table.write_ipc(file, compression="uncompressed")
        else:
            import pyarrow.ipc

            with pyarrow.ipc.new_stream(file, table.schema) as writer:
                writer.write(table)


def opened(shared: Any) -> Any:
    """The table, whose memory is the file's, and its own where it is written to; of pandas a copy."""
    if not isinstance(shared, Mapped):
        return shared
    if shared.kind == "numpy":
        return np.asarray(np.load(shared.path, mmap_mode="c"))
    if shared.kind == "pandas":
        with open(shared.path, "rb") as file:
            return pickle.load(file)
    if shared.kind == "polars":
        import polars

        return polars.read_ipc(shared.path)
    import pyarrow.ipc

    reader = pyarrow.ipc.open_stream(pyarrow.memory_map(shared.path))
    return reader.read_next_batch() if shared.kind == "batch" else reader.read_all()
