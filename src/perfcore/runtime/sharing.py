"""Tables in memory that worker processes map instead of being sent a copy."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

import numpy as np


class Shared:
    """A folder in memory, while the context lasts; `put` writes a table there, once, and what it returns is small."""

    def __enter__(self) -> Shared:
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a file system in memory, where there is one
        self.folder = tempfile.mkdtemp(prefix="perfcore-", dir=place)
        self._n = 0
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, table: Any) -> Any:
        """What `opened` makes a table of again; the table itself where it is not of numpy, pandas, polars or Arrow."""
        path = os.path.join(self.folder, str(self._n))
        self._n += 1
        if isinstance(table, np.ndarray) and not table.dtype.hasobject:
            np.save(path, table)
            return Mapped(path + ".npy", "numpy")
        library = type(table).__module__.partition(".")[0]
        if library not in ("pandas", "polars", "pyarrow") or not hasattr(table, "columns"):
            return table
        import pyarrow

        if library == "pandas":
            arrow = pyarrow.Table.from_pandas(table)
        else:
            arrow = table.to_arrow() if library == "polars" else pyarrow.table(table)
        with pyarrow.OSFile(path, "wb") as file, pyarrow.ipc.new_file(file, arrow.schema) as writer:
            writer.write_table(arrow)
        return Mapped(path, library)

    def drop(self, shared: Any) -> None:
        """Its memory is given back, once nobody maps it any more."""
        if isinstance(shared, Mapped):
            os.unlink(shared.path)


class Mapped:
    """A table in a file that is mapped where it is opened."""

    def __init__(self, path: str, library: str):
        self.path, self.library = path, library


def opened(shared: Any) -> Any:
    """The table, whose memory is the file's; of pandas a copy of those columns that pandas keeps otherwise."""
    if not isinstance(shared, Mapped):
        return shared
    if shared.library == "numpy":
        return np.load(shared.path, mmap_mode="r")
    import pyarrow

    table = pyarrow.ipc.open_file(pyarrow.memory_map(shared.path)).read_all()
    if shared.library == "pandas":
        return table.to_pandas()
    if shared.library == "polars":
        import polars

        return polars.from_arrow(table)
    return table
