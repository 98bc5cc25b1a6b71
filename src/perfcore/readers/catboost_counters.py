"""What a ``.cbm`` file says of categories -> the cells that its trees ask for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NoReturn, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ModelFormatError, UnsupportedModelError
from ..inputs.catboost_counters import CatBoostCounters
from .catboost_cbm import CbmModel, FloatFeature
from .catboost_ctr import BORDERS, BUCKETS, MATCHES, SPLITS, Base, Counts, numbers_of

Key = TypeVar("Key", bound=Hashable)

# Of one table, a class: CatBoost has one counter a prior. A file could else name a large table very often.
MOST_COUNTERS = 256


class Counters:
    """The counters of one model: those of one table side by side, and tables of one projection.

    Parameters
    ----------
    floats : the numeric features whose cells come first
    """

    def __init__(self, model: CbmModel, floats: list[FloatFeature]):
        self.place, self.categories, self.floats = model.place, model.categories, floats
        self._float = {feature.index: j for j, feature in enumerate(floats)}
        self._borders = {(feature.index, border) for feature in floats for border in feature.borders.tolist()}
        one_hots = model.categories.one_hots
        self._values = {(one_hot.category, value) for one_hot in one_hots for value in one_hot.values.tolist()}
        used = [feature.index for feature in model.categories.features if feature.is_used]
        self._category = {index: j for j, index in enumerate(used)}
        counters = model.categories.counters
        self.projections = _numbered(counter.base.projection for counter in counters)
        bases = {counter.base for counter in counters}
        self.bases = _numbered(sorted(bases, key=lambda base: (self.projections[base.projection], base)))
        self.order = sorted(range(len(counters)), key=lambda k: self.bases[counters[k].base])

    def fail(self, what: str) -> NoReturn:
        raise ModelFormatError(f"{self.place}: {what}")

    def cell_of_border(self) -> np.ndarray:
        """For each border and one-hot value, in the order in which splits number them, the cell that it is asked of."""
        n_values = sum(len(one_hot.values) for one_hot in self.categories.one_hots)
        rank = np.empty(len(self.order), np.int64)
        rank[self.order] = np.arange(len(self.order))
        n_floats = len(self.floats)
        return np.concatenate(
            [
                np.repeat(np.arange(n_floats), [len(feature.borders) for feature in self.floats]),
                n_floats + np.arange(n_values),
                np.repeat(n_floats + n_values + rank, [len(c.borders) for c in self.categories.counters]),
            ]
        ).astype(np.int64)

    def tables(self) -> CatBoostCounters:
        one_hots = self.categories.one_hots
        values = np.repeat(
            [self._of_category(one_hot.category) for one_hot in one_hots], [len(o.values) for o in one_hots]
        )
        splits = [np.frombuffer(projection.splits, SPLITS) for projection in self.projections]
        matches = [np.frombuffer(projection.matches, MATCHES) for projection in self.projections]
        categories = [np.frombuffer(projection.categories, "<i4") for projection in self.projections]
        asked = [self._split(*split) for each in splits for split in each.tolist()]
        tables_of = np.bincount([self.projections[base.projection] for base in self.bases], minlength=len(splits))
        ordered = [self.categories.counters[k] for k in self.order]
        n_counters = np.bincount([self.bases[counter.base] for counter in ordered], minlength=len(self.bases))
        counts = [self._counts(base, n) for base, n in zip(self.bases, n_counters.tolist(), strict=True)]
        numbers = [numbers_of(c, counts[self.bases[c.base]], self.fail) for c in ordered]
        return CatBoostCounters(
            n_categories=len(self._category),
            n_floats=len(self.floats),
            value_category=values.astype(np.int32),
            value_hash=_joined([one_hot.values for one_hot in one_hots], "<i4").view(np.uint32),
            category_start=_starts(categories),
            category=np.array([self._of_category(i) for each in categories for i in each.tolist()], np.int32),
            float_start=_starts(splits),
            float_column=np.array([column for column, _, _ in asked], np.int32),
            float_border=np.array([border for _, border, _ in asked], np.float32),
            float_nan=np.array([answer for _, _, answer in asked], np.uint8),
            match_start=_starts(matches),
            match_category=np.array([self._match(*m) for each in matches for m in each.tolist()], np.int32),
            match_hash=_joined(matches, MATCHES)["value"].astype(np.int32).view(np.uint32),
            table_start=_cumulated(tables_of),
            bucket_start=_starts([each.keys for each in counts]),
            bucket_key=_joined([each.keys for each in counts], np.uint64),
            bucket_place=_joined([each.places for each in counts], np.uint32),
            counter_start=_cumulated(n_counters),
            place_start=_starts(numbers),
            number=_joined(numbers, np.float32),
        )

    def _of_category(self, index: int) -> int:
        if index not in self._category:
            self.fail(f"categorical feature {index} is asked for, but is not there or said not to be used")
        return self._category[index]

    def _split(self, index: int, border: float) -> tuple[int, float, bool]:
        """A question of a number: its cell, its border, and its answer for a NaN."""
        if (index, border) not in self._borders:
            self.fail(f"a counter asks numeric feature {index} whether it is above {border}, which no tree can ask")
        return self._float[index], border, self.floats[self._float[index]].nan_is_above and border < np.inf

    def _match(self, index: int, value: int) -> int:
        """A question of a category; static_ctr_provider.cpp, SetupBinFeatureIndexes."""
        if (index, value) not in self._values:
            self.fail(f"a counter asks categorical feature {index} whether it is {value}, which no tree can ask")
        return self._of_category(index)

    def _counts(self, base: Base, n_counters: int) -> Counts:
        counts = self.categories.tables.get(base)
        if counts is None:
            self.fail("a counter without its table")
        if n_counters > MOST_COUNTERS * (max(counts.n_classes, 1) if base.kind in (BORDERS, BUCKETS) else 1):
            raise UnsupportedModelError(f"{self.place}: {n_counters} counters of one table, allowed: {MOST_COUNTERS}")
        return counts


def _numbered(keys: Iterable[Key]) -> dict[Key, int]:
    return {key: number for number, key in enumerate(dict.fromkeys(keys))}


def _cumulated(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _starts(arrays: list[np.ndarray]) -> np.ndarray:
    return _cumulated([len(array) for array in arrays])


def _joined(arrays: list[np.ndarray], dtype: DTypeLike) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *arrays]).astype(dtype, copy=False)
