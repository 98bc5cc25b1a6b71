"""KBinsDiscretizer: sklearn.preprocessing._discretization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ModelFormatError
from . import Unread
from .block import Bins, Block, Coded, Column, Hot, Number


@dataclass(frozen=True, eq=False)
class KBinsDiscretizer:
    edges: tuple[np.ndarray, ...]  # between the bins of each column, ascending
    encode: str
    doubles: bool  # whether the answer is float64 whatever the table is

    def __post_init__(self) -> None:
        if self.encode not in ("ordinal", "onehot", "onehot-dense"):
            raise ModelFormatError(f"bins: encode {self.encode!r}")
        if not all(each.ndim == 1 and each.dtype == np.float64 and (np.diff(each) >= 0).all() for each in self.edges):
            raise ModelFormatError("bins: edges that do not ascend")

    @classmethod
    def of(cls, source: Any) -> KBinsDiscretizer:
        edges = tuple(np.array(each[1:-1], np.float64) for each in source.bin_edges_)
        if not all((np.diff(each) >= 0).all() for each in edges):
            raise Unread("bin edges that do not ascend")
        if source.dtype not in (None, np.float64):
            raise Unread(f"dtype={np.dtype(source.dtype)}")
        return cls(edges, source.encode, source.dtype is not None)

    def fuse(self, block: Block) -> Block:
        block = block.floats("finite", "KBinsDiscretizer", len(self.edges))
        if self.doubles:
            block = replace(block, dtype=np.dtype(np.float64))
        columns: list[Column] = []
        for j, (column, edges) in enumerate(zip(block.columns, self.edges, strict=True)):
            of, codes, bins = _bins(column, edges, j)
            if self.encode == "ordinal":
                columns.append(Coded(of, codes, bins.astype(np.float64)))
            else:
                columns += [Hot(of, codes, bins, at) for at in range(len(edges) + 1)]
        if self.encode == "ordinal":
            return replace(block, columns=tuple(columns))
        return replace(block, columns=tuple(columns), order="C", is_sparse=self.encode == "onehot")


def _bins(column: Column, edges: np.ndarray, place: int) -> tuple[Any, Any, np.ndarray]:
    """What is looked up, its codes, and the bin of each code: np.searchsorted(edges, cells, side="right")."""
    if isinstance(column, Number):
        return column, Bins(edges, place), np.arange(len(edges) + 1, dtype=np.int32)
    if isinstance(column, Hot):
        column = Coded(column.of, column.codes, np.where(column.places == column.at, column.on, column.off))
    if not isinstance(column, Coded):
        raise TypeError(f"{type(column).__name__} is no column of numbers")
    return column.of, column.codes, np.searchsorted(edges, column.values, side="right").astype(np.int32)
