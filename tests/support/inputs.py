"""One table in every form that a user may hand in: the columns of docs/support.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .estimators import CELLS, NAMES


class Stream:
    """A table of a library that perfcore has never heard of: all it has is Arrow's C stream."""

    def __init__(self, table: Any):
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


def frame(dtype: Any = np.float64) -> Any:
    import pandas

    return pandas.DataFrame(CELLS.astype(dtype), columns=NAMES)


def arrow() -> Any:
    import pyarrow

    return pyarrow.table({name: CELLS[:, j] for j, name in enumerate(NAMES)})


def polars_frame() -> Any:
    import polars

    return polars.DataFrame({name: CELLS[:, j] for j, name in enumerate(NAMES)})


def sparse(kind: str) -> Any:
    import scipy.sparse

    return getattr(scipy.sparse, kind)(CELLS)


# Forms without names are handed to a model that was trained on an array, the others to one trained on a frame.
UNNAMED: dict[str, Callable[[], Any]] = {
    "numpy float64": lambda: CELLS,
    "numpy float32": lambda: CELLS.astype(np.float32),
    "numpy, Fortran order": lambda: np.asfortranarray(CELLS),
    "numpy int64": lambda: CELLS.astype(np.int64),
    "lists": lambda: CELLS.tolist(),
    "scipy CSR": lambda: sparse("csr_matrix"),
    "scipy CSC": lambda: sparse("csc_matrix"),
}
NAMED: dict[str, Callable[[], Any]] = {
    "pandas": frame,
    "pandas nullable": lambda: frame().astype("Float64"),
    "polars": polars_frame,
    "Arrow table": arrow,
    "Arrow batch": lambda: arrow().to_batches()[0],
    "Arrow C stream": lambda: Stream(arrow()),
}
