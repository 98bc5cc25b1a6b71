"""How a user's table becomes the cells a kernel reads: one file a framework, over a common table.

``Inputs`` is what `Predictor` asks for; each framework's rules are a frozen dataclass of plain
fields (numbers, strings, tuples, numpy arrays), so that they travel in a ``.pcore`` file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np


class Plain(NamedTuple):
    """Which float32 and float64 arrays, native and aligned, are read as they are; and lists, as float64 of one row."""

    below: float = float("nan")  # |cells| are; NaN: any are, infinite ones too
    takes_nan: bool = True
    takes_tables: bool = True  # whether tables are, too, or rows alone


class Inputs(Protocol):
    @property
    def n_features(self) -> int: ...

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """As the source reports them; None where it has none."""

    def row(self, row: Any) -> np.ndarray:
        """Check one row (array, sequence or mapping by name); return it as 1-D float32 or float64."""

    # Inputs may have, beside these, ``plain() -> Plain | None``: the arrays of which ``row`` and ``blocks`` would only
    # hand on the cells. None: there are no such arrays. And ``n_cells``: how many columns a block has, where that
    # is another number than ``n_features``. And ``table_of_row(row)``: the table of that one row, where ``array`` or
    # ``table`` would make another than ``row(row)[None, :]``.


class Blocks(Inputs, Protocol):
    """Inputs of a `perfcore.model.Forest`.

    Those of a `perfcore.model.Linear` have ``array(X)``, the whole table, and those of a `perfcore.model.Ensemble`
    ``table(X)``, what its members get.
    """

    def blocks(self, X: Any) -> tuple[int, Iterator[np.ndarray]]:
        """Check a table; return its row count and its rows, in order, as float blocks.

        A block is a 2-D float32 or float64 array of any strides with ``n_features`` columns. A table
        that already is one comes as one block, uncopied; others are converted block by block. A block
        may be overwritten once the next is asked for. Raises `InputError`.
        """
