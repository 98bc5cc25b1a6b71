"""Encoders of categories: sklearn.preprocessing._encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Unread
from .block import Block, Cell, Coded, Codes, Column, Hot, Number, Text, Unfused
from .fields import require, require_categories, require_dtype, require_numbers

EXACT = 2.0**53


@dataclass(frozen=True, eq=False)
class OneHotEncoder:
    categories: tuple[np.ndarray, ...]
    places: tuple[np.ndarray, ...]  # for each category which of the column's answers is on, -1: none; then the unknown
    widths: tuple[int, ...]
    refuses_unknown: bool
    is_sparse: bool
    dtype: str

    def __post_init__(self) -> None:
        name = "one-hot encoder"
        require_categories(name, self.categories)
        require_dtype(name, self.dtype)
        require(len(self.categories) == len(self.places) == len(self.widths), f"{name}: places of each column")
        for known, places, width in zip(self.categories, self.places, self.widths, strict=True):
            require_numbers(f"{name}: places", places, len(known) + 1, kinds="i")
            fits = -1 <= places.min() and places.max() < width <= len(known)
            require(fits, f"{name}: places beyond its columns, or more columns than categories")

    @classmethod
    def of(cls, source: Any) -> OneHotEncoder:
        return cls(
            categories=_categories(source),
            places=tuple(_places(source, i) for i in range(len(source.categories_))),
            widths=tuple(int(each) for each in source._n_features_outs),
            refuses_unknown=source.handle_unknown == "error",
            is_sparse=bool(source.sparse_output),
            dtype=_dtype(source),
        )

    @property
    def n_features(self) -> int:
        return len(self.categories)

    def fuse(self, block: Block) -> Block:
        block.require_width(self.n_features, "OneHotEncoder")
        columns: list[Column] = []
        for i, (column, known) in enumerate(zip(block.columns, self.categories, strict=True)):
            of, codes, at = _coded(block, column, known, i, self.refuses_unknown)
            places = self.places[i][at].astype(np.int32)
            columns += [Hot(of, codes, places, j) for j in range(self.widths[i])]
            if not self.widths[i]:
                block.trace.checked.append(Hot(of, codes, places, 0))
        return Block(block.trace, tuple(columns), np.dtype(self.dtype), "C", is_sparse=self.is_sparse)


@dataclass(frozen=True, eq=False)
class OrdinalEncoder:
    categories: tuple[np.ndarray, ...]
    values: tuple[np.ndarray, ...]  # for each category its number; then that of the unknown
    refuses_unknown: bool
    dtype: str

    def __post_init__(self) -> None:
        require_categories("ordinal encoder", self.categories)
        require_dtype("ordinal encoder", self.dtype)
        require(len(self.categories) == len(self.values), "ordinal encoder: numbers of each column")
        for known, values in zip(self.categories, self.values, strict=True):
            require_numbers("ordinal encoder: of each category, and of the unknown", values, len(known) + 1, "f")

    @classmethod
    def of(cls, source: Any) -> OrdinalEncoder:
        return cls(
            categories=_categories(source),
            values=tuple(_values(source, i) for i in range(len(source.categories_))),
            refuses_unknown=source.handle_unknown == "error",
            dtype=_dtype(source),
        )

    @property
    def n_features(self) -> int:
        return len(self.categories)

    def fuse(self, block: Block) -> Block:
        block.require_width(self.n_features, "OrdinalEncoder")
        columns: list[Column] = []
        for i, (column, known) in enumerate(zip(block.columns, self.categories, strict=True)):
            of, codes, at = _coded(block, column, known, i, self.refuses_unknown)
            columns.append(Coded(of, codes, self.values[i][at]))
        return Block(block.trace, tuple(columns), np.dtype(self.dtype), "C")


# -- what is fitted --------------------------------------------------------------------------------------------


def _categories(source: Any) -> tuple[np.ndarray, ...]:
    return tuple(_storable(np.array(each)) for each in source.categories_)


def _storable(known: np.ndarray) -> np.ndarray:
    if known.dtype.kind in "biuf":
        if known.dtype.itemsize > 8 or (np.abs(known[known == known].astype(float)) >= EXACT).any():
            raise Unread(f"categories of {known.dtype} that float64 cannot hold")
        return known
    known = known.astype(object)
    if not all(each is None or type(each) in (str, bool, int, float) for each in known.tolist()):
        kinds = sorted({type(each).__name__ for each in known.tolist()})
        raise Unread(f"categories of {', '.join(kinds)}")
    return known


def _dtype(source: Any) -> str:
    dtype = np.dtype(source.dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or dtype == np.float16:
        raise Unread(f"dtype={dtype}")
    return dtype.str


def _grouped(source: Any, i: int, ignored: int | None = None) -> np.ndarray:
    """_map_infrequent_categories, of each category."""
    codes = np.arange(len(source.categories_[i]))
    mappings = getattr(source, "_default_to_infrequent_mappings", None)
    if getattr(source, "_infrequent_enabled", False) and mappings is not None and mappings[i] is not None:
        rows = slice(None) if ignored is None else codes != ignored
        codes[rows] = np.take(mappings[i], codes[rows])
    return codes


def _places(source: Any, i: int) -> np.ndarray:
    """OneHotEncoder.transform, of each category and of an unknown one."""
    codes = np.append(_grouped(source, i), -1)
    infrequent = source._infrequent_indices[i] if source._infrequent_enabled else None
    if infrequent is not None and source.handle_unknown in ("infrequent_if_exist", "warn"):
        codes[-1] = codes[infrequent[0]]
    drop = source._drop_idx_after_grouping
    if drop is not None and drop[i] is not None:
        dropped = codes == drop[i]
        codes[codes > drop[i]] -= 1
        codes[dropped] = -1
    return codes


def _values(source: Any, i: int) -> np.ndarray:
    """OrdinalEncoder.transform, of each category and of an unknown one."""
    missing = source._missing_indices.get(i)
    codes = _grouped(source, i, missing)
    values = codes.astype(source.dtype)
    if missing is not None:
        values[codes == missing] = source.encoded_missing_value
    unknown = 0 if source.handle_unknown == "error" else source.unknown_value
    return np.append(values.astype(np.float64), float(np.array(unknown).astype(source.dtype)))


# -- how it is looked up ---------------------------------------------------------------------------------------


def _coded(block: Block, column: Column, known: np.ndarray, i: int, refuses: bool) -> tuple[Number | Text, Codes, Any]:
    """What is looked up, its codes, and for each code the category's number (the last: unknown)."""
    of_numbers = known.dtype.kind in "biuf"
    every = np.arange(len(known) + 1)
    if isinstance(column, Cell):  # of a row, in which a text is no number, whatever it reads
        codes = _codes(known, i, refuses)
        if of_numbers:
            codes.table |= {float("inf"): -1, float("-inf"): -1}
            codes.none = codes.nan
        return Text(column.source), codes, every
    if isinstance(column, Number) and not of_numbers and block.is_of_objects:
        column = Text(column.source)
    if isinstance(column, Text):
        return column, _codes(known, i, refuses), every
    if not of_numbers:
        raise Unfused(f"column {i} of an encoder: numbers, where it was fitted to text")
    if isinstance(column, Number):
        return column._replace(steps=(*column.steps, ("refuse_infinite", 0.0, 0.0))), _codes(known, i, refuses), every
    if isinstance(column, Coded):
        codes = _codes(known, i, False)
        at = [codes.nan if v != v else codes.table.get(v, codes.unknown) for v in column.values.tolist()]
        if refuses and len(known) in at:
            raise Unfused(f"column {i} of an encoder may hold categories that are unknown to it")
        return column.of, column.codes, np.array(at)
    raise Unfused(f"column {i} of an encoder: one of several that are on or off")


def _codes(known: np.ndarray, place: int, refuses: bool) -> Codes:
    values = known.tolist()
    unknown = -1 if refuses else len(values)
    table = {value: code for code, value in enumerate(values) if value is not None and value == value}
    nan = next((code for code, value in enumerate(values) if value != value), unknown)
    none = next((code for code, value in enumerate(values) if value is None), unknown)
    return Codes(table, nan, none, unknown, place)
