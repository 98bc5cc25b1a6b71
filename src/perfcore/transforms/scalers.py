"""Scalers, column by column: sklearn.preprocessing._data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .block import Block, Step, Unfused
from .fields import require_numbers

FIRST_THAT_CASTS = (1, 8)


def _copy(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else np.array(array, np.float64).reshape(-1)


def _as(array: np.ndarray | None, dtype: Any) -> np.ndarray | None:
    return None if array is None else array.astype(dtype)


def _require(name: str, n_features: int, *arrays: np.ndarray | None) -> None:
    for each in arrays:
        require_numbers(name, each, n_features)


def _scaled(block: Block, acts: tuple[tuple[str, np.ndarray | None], ...]) -> Block:
    """As numpy's in-place operators do: float32 cells are computed with in the numbers' own dtype, then rounded."""
    steps: list[list[Step]] = [[] for _ in range(block.width)]
    for act, numbers in acts:
        if numbers is not None:
            for own, number in zip(steps, numbers.tolist(), strict=True):
                own.append((act, float(number), 0.0))
    return block.each(steps)


@dataclass(frozen=True, eq=False)
class StandardScaler:
    n_features: int
    mean: np.ndarray | None
    scale: np.ndarray | None
    casts: bool  # whether the numbers are rounded to the table's dtype: scikit-learn 1.8 and later

    def __post_init__(self) -> None:
        _require("standard scaler", self.n_features, self.mean, self.scale)

    @classmethod
    def of(cls, source: Any) -> StandardScaler:
        import sklearn

        casts = tuple(map(int, sklearn.__version__.split(".")[:2])) >= FIRST_THAT_CASTS
        mean = _copy(source.mean_) if source.with_mean else None
        return cls(source.n_features_in_, mean, _copy(source.scale_) if source.with_std else None, casts)

    def fuse(self, block: Block) -> Block:
        block = block.floats("nan", "StandardScaler", self.n_features)
        if block.is_sparse:
            if self.mean is not None:
                raise InputError("Cannot center sparse matrices: pass `with_mean=False` instead.")
            return _scaled(block, (("multiply", None if self.scale is None else 1 / self.scale),))
        dtype = block.dtype if self.casts else np.dtype(np.float64)
        return _scaled(block, (("subtract", _as(self.mean, dtype)), ("divide", _as(self.scale, dtype))))


@dataclass(frozen=True, eq=False)
class MinMaxScaler:
    n_features: int
    scale: np.ndarray
    min: np.ndarray
    clip: tuple[float, float] | None

    def __post_init__(self) -> None:
        _require("min-max scaler", self.n_features, self.scale, self.min)

    @classmethod
    def of(cls, source: Any) -> MinMaxScaler:
        low, high = source.feature_range
        clip = (float(low), float(high)) if source.clip else None
        return cls(source.n_features_in_, np.array(source.scale_), np.array(source.min_), clip)

    def fuse(self, block: Block) -> Block:
        block = block.floats("nan", "MinMaxScaler", self.n_features)
        block = _scaled(block, (("multiply", self.scale), ("add", self.min)))
        if self.clip is None:
            return block
        low, high = np.array(self.clip, block.dtype).tolist()
        return block.each([[("clip", low, high)]] * block.width)


@dataclass(frozen=True, eq=False)
class MaxAbsScaler:
    n_features: int
    scale: np.ndarray
    clip: bool

    def __post_init__(self) -> None:
        _require("max-abs scaler", self.n_features, self.scale)

    @classmethod
    def of(cls, source: Any) -> MaxAbsScaler:
        return cls(source.n_features_in_, np.array(source.scale_), bool(getattr(source, "clip", False)))

    def fuse(self, block: Block) -> Block:
        block = block.floats("nan", "MaxAbsScaler", self.n_features)
        acts = ("multiply", 1.0 / self.scale) if block.is_sparse else ("divide", self.scale)
        block = _scaled(block, (acts,))
        return block.each([[("clip", -1.0, 1.0)]] * block.width) if self.clip else block


@dataclass(frozen=True, eq=False)
class RobustScaler:
    n_features: int
    center: np.ndarray | None
    scale: np.ndarray | None

    def __post_init__(self) -> None:
        _require("robust scaler", self.n_features, self.center, self.scale)

    @classmethod
    def of(cls, source: Any) -> RobustScaler:
        return cls(
            source.n_features_in_,
            _copy(source.center_) if source.with_centering else None,
            _copy(source.scale_) if source.with_scaling else None,
        )

    def fuse(self, block: Block) -> Block:
        block = block.floats("nan", "RobustScaler", self.n_features)
        if block.is_sparse:
            return _scaled(block, (("multiply", None if self.scale is None else 1.0 / self.scale),))
        return _scaled(block, (("subtract", self.center), ("divide", self.scale)))


@dataclass(frozen=True, eq=False)
class Binarizer:
    n_features: int
    threshold: float  # whose dtype has a part in numpy's comparison

    @classmethod
    def of(cls, source: Any) -> Binarizer:
        return cls(source.n_features_in_, source.threshold)

    def fuse(self, block: Block) -> Block:
        block = block.numbers("finite", "Binarizer", self.n_features)
        if block.is_sparse:
            raise Unfused("Binarizer of a sparse table is not supported")
        threshold = np.result_type(np.empty(0, block.dtype), self.threshold).type(self.threshold)
        return block.each([[("above", float(threshold), 0.0)]] * block.width)
