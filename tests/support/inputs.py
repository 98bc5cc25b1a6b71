"""One table in every form that a user may hand in: the columns of docs/support.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .estimators import CELLS, NAMES


class Stream:
    """A table of a library that perfcore has never heard of: all it has is Arrow's C stream."""

    def __init__(self, table: Any):
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


def frame() -> Any:
    import pandas

    return pandas.DataFrame(CELLS, columns=NAMES)


def arrow() -> Any:
    import pyarrow

    return pyarrow.table({name: CELLS[:, j] for j, name in enumerate(NAMES)})


def polars_frame() -> Any:
    import polars

    return polars.DataFrame({name: CELLS[:, j] for j, name in enumerate(NAMES)})


def sparse(kind: str) -> Any:
    import scipy.sparse

    return getattr(scipy.sparse, kind)(CELLS)


class Form(NamedTuple):
    """A way to hand a table in."""

    make: Callable[[], Any]
    needs: str = "numpy"  # the library whose table it is
    has_names: bool = False  # of columns; else the model, too, is trained without
    ends: str = ""  # the framework that now and then ends the process upon it, and is not asked


FORMS: dict[str, Form] = {
    "numpy float64": Form(lambda: CELLS),
    "numpy float32": Form(lambda: CELLS.astype(np.float32)),
    "numpy, Fortran order": Form(lambda: np.asfortranarray(CELLS)),
    "numpy int64": Form(lambda: CELLS.astype(np.int64)),
    "lists": Form(lambda: CELLS.tolist()),
    "scipy CSR": Form(lambda: sparse("csr_matrix"), "scipy"),
    "scipy CSC": Form(lambda: sparse("csc_matrix"), "scipy"),
    "pandas": Form(frame, "pandas", True),
    "pandas nullable": Form(lambda: frame().astype("Float64"), "pandas", True),
    "polars": Form(polars_frame, "polars", True),
    "Arrow table": Form(arrow, "pyarrow", True),
    "Arrow batch": Form(lambda: arrow().to_batches()[0], "pyarrow", True),
    "Arrow C stream": Form(lambda: Stream(arrow()), "pyarrow", True),
}
