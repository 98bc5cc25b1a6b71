"""Categorical features of a ``.cbm`` file: one-hot values, counters (CTR), and the tables that hold what was counted.

::

    core        CatFeatures, OneHotFeatures; CtrFeatures: each a counter, its prior, shift and scale, and its borders
    after it    "static_provider_v1": how many tables, and each table, a length and a FlatBuffer of ctr_data.fbs

A table's blob has a record for each place: counts of each target class, a sum and a count, or a count alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import UnsupportedModelError
from .flatbuffers import Buffer, Table

PART = "static_provider_v1"
BORDERS, BUCKETS, BINARIZED_MEAN, FLOAT_MEAN, COUNTER, FREQUENCY = range(6)

SPLITS = np.dtype([("index", "<i4"), ("border", "<f4")])
MATCHES = np.dtype([("index", "<i4"), ("value", "<i4")])
BUCKET = np.dtype([("key", "<u8"), ("place", "<u4")])
MEANS = np.dtype([("sum", "<f4"), ("count", "<i4")])


class CategoryFeature(NamedTuple):
    index: int  # among the categorical features
    column: int
    name: str  # "" where the training table had none
    is_used: bool


class OneHot(NamedTuple):
    category: int  # its index
    values: np.ndarray  # int32: hashes


class Projection(NamedTuple):
    """What a key is made of: indices are those of features, not columns; bytes, so that tables can be looked up."""

    categories: bytes  # int32
    splits: bytes  # SPLITS
    matches: bytes  # MATCHES


class Base(NamedTuple):
    """What a table is looked up by."""

    projection: Projection
    kind: int
    classifier: int


class Counter(NamedTuple):
    base: Base
    target_border: int
    prior: tuple[float, float]  # added to the count and to what it is divided by
    shift: float
    scale: float
    borders: np.ndarray  # float32, ascending


class Counts(NamedTuple):
    """A table."""

    keys: np.ndarray  # uint64, a bucket; all bits set: free
    places: np.ndarray  # uint32, a bucket
    blob: np.ndarray  # uint8
    denominator: int
    n_classes: int


@dataclass(frozen=True, eq=False)
class Categories:
    """All that a file says of categories, its parts not yet held against one another (catboost_counters.py does)."""

    features: list[CategoryFeature]
    one_hots: list[OneHot]
    counters: list[Counter]
    tables: dict[Base, Counts]


def read_categories(trees: Table, parts: list[str], rest: Buffer) -> Categories:
    """``rest`` is what comes after the core."""
    if parts not in ([], [PART]):
        raise UnsupportedModelError(f"{rest.place}: holds {' and '.join(parts)}; perfcore reads {PART} alone")
    features = [_feature(table) for table in trees.tables(4)]
    for numbers in ([f.index for f in features], [f.column for f in features]):
        if len(set(numbers)) != len(numbers):
            trees.buffer.fail(trees.at, "two categorical features of one column")
    one_hots = [OneHot(table.number(0, "i", -1), table.vector(1, "<i4")) for table in trees.tables(6)]
    if any(len(np.unique(one_hot.values)) != len(one_hot.values) for one_hot in one_hots):
        trees.buffer.fail(trees.at, "a one-hot feature with a value twice")
    bases = _Bases()
    counters = [_counter(table, bases) for table in trees.tables(7)]
    return Categories(features, one_hots, counters, _tables(rest) if parts else {})


def _feature(table: Table) -> CategoryFeature:
    index, column = table.number(0, "i", -1), table.number(1, "i", -1)
    if index < 0 or column < 0:
        table.buffer.fail(table.at, f"categorical feature {index} of column {column}")
    return CategoryFeature(index, column, table.text(2), bool(table.number(3, "B", 1)))


# -- counters -----------------------------------------------------------------------------------------------------


def _counter(table: Table, bases: _Bases) -> Counter:
    ctr, borders = table.table(0), table.vector(1, "<f4")
    if ctr is None:
        table.buffer.fail(table.at, "a counter feature without its counter")
    if not (borders[1:] >= borders[:-1]).all() or np.isnan(borders).any():
        table.buffer.fail(table.at, "borders that do not ascend")
    return Counter(
        base=bases.of(ctr),
        target_border=ctr.number(1, "i", 0),
        prior=(ctr.number(2, "f", 0.0), ctr.number(3, "f", 1.0)),
        shift=ctr.number(4, "f", 0.0),
        scale=ctr.number(5, "f", 1.0),
        borders=borders,
    )


class _Bases:
    """Counters share their bases, and bases their projections; each is read once."""

    def __init__(self) -> None:
        self._bases: dict[int, Base] = {}
        self._projections: dict[int, Projection] = {}

    def of(self, owner: Table) -> Base:
        return owner.shared(0, self._base, self._bases)

    def _base(self, table: Table) -> Base:
        kind = table.number(1, "b", BORDERS)
        if not 0 <= kind <= FREQUENCY:
            table.buffer.fail(table.at, f"a counter of kind {kind}, known: 0..{FREQUENCY}")
        return Base(table.shared(0, _projection, self._projections), kind, table.number(2, "i", 0))


def _projection(table: Table) -> Projection:
    return Projection(
        table.vector(0, "<i4").tobytes(), table.vector(1, SPLITS).tobytes(), table.vector(2, MATCHES).tobytes()
    )


# -- tables -------------------------------------------------------------------------------------------------------


def _tables(rest: Buffer) -> dict[Base, Counts]:
    """ctr_data.cpp, TCtrData::Load: of several tables of one base, the last counts."""
    n_tables, at = rest.size(0)
    tables = {}
    for _ in range(n_tables):
        n_bytes, at = rest.size(at)
        rest.take(at, n_bytes)
        table = Buffer(rest.data[at : at + n_bytes], rest.place, rest.start + at).root()
        tables[_Bases().of(table)] = _counts(table)
        at += n_bytes
    return tables


def _counts(table: Table) -> Counts:
    raw, blob = table.vector(1, np.uint8), table.vector(2, np.uint8)
    if len(raw) % BUCKET.itemsize:
        table.buffer.fail(table.at, f"{len(raw)} bytes of buckets, {BUCKET.itemsize} a bucket")
    buckets = raw.view(BUCKET)
    return Counts(buckets["key"], buckets["place"], blob, table.number(3, "i", 0), table.number(4, "i", 0))


def numbers_of(counter: Counter, counts: Counts, fail: Callable[[str], Any]) -> np.ndarray:
    """A counter's number at each place, and the last for unknown keys; static_ctr_provider.cpp, CalcCtrs."""
    kind, border = counter.base.kind, counter.target_border
    if kind in (BINARIZED_MEAN, FLOAT_MEAN):
        means = _records(counts.blob, MEANS, fail)
        return _calc(counter, means["sum"], means["count"], (0, 0))
    cells = _records(counts.blob, np.dtype("<i4"), fail)
    if kind in (COUNTER, FREQUENCY):
        return _calc(counter, cells, counts.denominator, (0, counts.denominator))
    # Borders: two classes' counts wherever there are no more, and the first border whichever is named.
    n_classes = counts.n_classes if kind == BUCKETS else max(counts.n_classes, 2)
    if n_classes < 1 or len(cells) % n_classes:
        fail(f"{len(cells)} counts of {n_classes} classes")
    if kind == BORDERS and n_classes == 2:
        border = 0
    if not 0 <= border < (n_classes if kind == BUCKETS else n_classes - 1):
        fail(f"a counter of target border {border} over {n_classes} classes")
    of_class = cells.reshape(-1, n_classes)
    good = of_class[:, border] if kind == BUCKETS else of_class[:, border + 1 :].sum(axis=1, dtype=np.int32)
    return _calc(counter, good, of_class.sum(axis=1, dtype=np.int32), (0, 0))


def _records(blob: np.ndarray, dtype: np.dtype, fail: Callable[[str], Any]) -> np.ndarray:
    if len(blob) % dtype.itemsize:
        fail(f"a blob of {len(blob)} bytes, {dtype.itemsize} a record")
    return blob.view(dtype)


def _calc(counter: Counter, good: np.ndarray, total: Any, unknown: tuple[int, int]) -> np.ndarray:
    """online_ctr.h, TModelCtr::Calc, in float32."""
    counted = np.empty((2, len(good) + 1), np.float32)
    counted[0, :-1], counted[1, :-1], counted[:, -1] = good, total, unknown
    numerator, denominator, shift, scale = np.array([*counter.prior, counter.shift, counter.scale], np.float32)
    with np.errstate(all="ignore"):
        ctr: np.ndarray = (counted[0] + numerator) / (counted[1] + denominator)
        return (ctr + shift) * scale
