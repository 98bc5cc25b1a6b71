"""A row of a table, as Python has its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._ext.transforms import Lookup
from ..errors import InputError
from .block import Cell, Column, Source


class RowTable:
    """Cells of one row: numbers and texts, of which nothing is known but what reads them."""

    n_rows = 1

    def __init__(self, cells: Sequence[Any], names: tuple[str, ...] | None):
        self.cells, self.names = cells, names

    @property
    def width(self) -> int:
        return len(self.cells)

    def signature(self) -> Any:
        return "row", self.names, len(self.cells)

    def column(self, source: Source) -> Column:
        return Cell(source)

    def dtype(self, places: Sequence[int] | None, checked: bool = True) -> np.dtype | None:
        return None if places is None else np.dtype(np.float64)

    def order(self, places: Sequence[int] | None) -> str:
        return "C"

    def numbers(self, place: int) -> np.ndarray:
        cell = self.cells[place]
        try:
            return np.array([np.nan if cell is None else float(cell)])
        except (TypeError, ValueError, OverflowError) as error:
            where = place if self.names is None else self.names[place]
            raise InputError(f"column {where!r}: {error}") from error

    def objects(self, place: int) -> np.ndarray:
        cells = np.empty(1, object)
        cells[0] = self.cells[place]
        return cells

    def codes(self, place: int, lookup: Lookup) -> np.ndarray:
        return lookup.of_objects(self.objects(place))

    def whole(self, places: Sequence[int] | None) -> np.ndarray | None:
        return None

    def may_hold_none(self, place: int) -> bool:
        return False  # one cell: if it is None, pandas sees no texts

    def part(self, places: Sequence[int]) -> Any:
        if self.names is None:
            return [[self.cells[j] for j in places]]
        import pandas

        return pandas.DataFrame([{self.names[j]: self.cells[j] for j in places}])
