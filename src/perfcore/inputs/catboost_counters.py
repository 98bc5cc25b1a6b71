"""CatBoost's one-hot and counter (CTR) features: cells that take the place of a row's categories.

A counter answers, for the categories that its projection combines (and the answers to some yes-or-no questions about
other cells), with a number that was counted in training; ``_ext/include/perfcore/counters.hpp`` draws how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._ext.categories import CounterKernel
from ..errors import ModelFormatError

FREE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)  # the key of a bucket in which nothing lies


@dataclass(frozen=True, eq=False)
class CatBoostCounters:
    """Cells: ``n_floats`` numbers, then one column a one-hot value, then one a counter; arrays are `_DTYPES`."""

    n_categories: int
    n_floats: int
    value_category: np.ndarray  # one-hot values: of which category
    value_hash: np.ndarray
    category_start: np.ndarray  # projections: their categories, questions of floats and of values
    category: np.ndarray
    float_start: np.ndarray
    float_column: np.ndarray
    float_border: np.ndarray
    float_nan: np.ndarray  # the answer for a NaN
    match_start: np.ndarray
    match_category: np.ndarray
    match_hash: np.ndarray
    table_start: np.ndarray  # projection -> tables
    bucket_start: np.ndarray  # table -> buckets: an open-addressed hash table, a power of two of them
    bucket_key: np.ndarray
    bucket_place: np.ndarray
    counter_start: np.ndarray  # table -> counters
    place_start: np.ndarray  # counter -> its numbers, one a place of the table, and the last for keys that it has not
    number: np.ndarray

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            array = getattr(self, name)
            _require(array.ndim == 1 and array.dtype == dtype, f"{name}: {array.dtype}, {array.ndim} dimensions")
            object.__setattr__(self, name, np.require(array, requirements=["C", "A"]))
        _check(self)
        arrays = {name: getattr(self, name) for name in _DTYPES}
        try:
            kernel = CounterKernel(arrays, self.n_categories, self.n_floats)
        except ValueError as error:
            raise ModelFormatError(f"counters: {error}") from error
        object.__setattr__(self, "_kernel", kernel)

    @property
    def n_cells(self) -> int:
        return self.n_floats + len(self.value_hash) + len(self.place_start) - 1

    def fill(self, hashes: np.ndarray, cells: np.ndarray, n_rows: int) -> None:
        """Write the cells after the floats, of the first rows; a column a row of the arrays."""
        self._kernel.fill(hashes, cells, n_rows)  # type: ignore[attr-defined]


_DTYPES: dict[str, Any] = {
    "value_category": np.int32,
    "value_hash": np.uint32,
    "category_start": np.int64,
    "category": np.int32,
    "float_start": np.int64,
    "float_column": np.int32,
    "float_border": np.float32,
    "float_nan": np.uint8,
    "match_start": np.int64,
    "match_category": np.int32,
    "match_hash": np.uint32,
    "table_start": np.int64,
    "bucket_start": np.int64,
    "bucket_key": np.uint64,
    "bucket_place": np.uint32,
    "counter_start": np.int64,
    "place_start": np.int64,
    "number": np.float32,
}


def _require(condition: object, what: str) -> None:
    if not condition:
        raise ModelFormatError(f"counters: {what}")


def _check(c: CatBoostCounters) -> None:
    """Refuse arrays that would lead the kernel astray, whatever file they came from."""
    _require(0 <= c.n_categories < 2**31 and 0 <= c.n_floats < 2**31, "too many columns")
    n_projections = len(c.category_start) - 1
    for name, count, end in (
        ("category_start", n_projections, len(c.category)),
        ("float_start", n_projections, len(c.float_column)),
        ("match_start", n_projections, len(c.match_category)),
        ("table_start", n_projections, len(c.bucket_start) - 1),
        ("bucket_start", len(c.bucket_start) - 1, len(c.bucket_key)),
        ("counter_start", len(c.bucket_start) - 1, len(c.place_start) - 1),
        ("place_start", len(c.place_start) - 1, len(c.number)),
    ):
        starts = getattr(c, name)
        _require(len(starts) == count + 1 > 0 and starts[0] == 0 and starts[-1] == end, f"{name} out of range")
        _require((starts[1:] >= starts[:-1]).all(), f"{name} descends")
    for name, others in (
        ("float_column", ("float_border", "float_nan")),
        ("match_category", ("match_hash",)),
        ("value_category", ("value_hash",)),
        ("bucket_key", ("bucket_place",)),
    ):
        _require(all(len(getattr(c, other)) == len(getattr(c, name)) for other in others), f"{name}: lengths disagree")
    for name in ("category", "match_category", "value_category"):
        column = getattr(c, name)
        _require(((column >= 0) & (column < c.n_categories)).all(), f"{name}: a category out of range")
    _require(((c.float_column >= 0) & (c.float_column < c.n_floats)).all(), "a float out of range")
    for table in range(len(c.bucket_start) - 1):
        _check_table(c, table)


def _check_table(c: CatBoostCounters, table: int) -> None:
    begin, end = c.bucket_start[table : table + 2].tolist()
    n_buckets = end - begin
    _require(n_buckets > 0 and n_buckets & (n_buckets - 1) == 0, f"{n_buckets} buckets, which is no power of two")
    taken = c.bucket_key[begin:end] != FREE
    _require(not taken.all(), "a table without a free bucket, in which no search would end")
    places = c.bucket_place[begin:end][taken]
    first, last = c.counter_start[table : table + 2].tolist()
    sizes = np.diff(c.place_start[first : last + 1])
    _require((sizes == (sizes[0] if len(sizes) else 0)).all(), "counters of one table with places of their own")
    if len(sizes):
        _require(1 <= sizes[0] <= 2**32 and (places < sizes[0] - 1).all(), "a bucket's place is out of range")
