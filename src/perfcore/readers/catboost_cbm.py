"""CatBoost's own file, ``.cbm``: four letters, a length, and the FlatBuffers of its model.fbs and features.fbs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFormatError, UnsupportedModelError
from .catboost_ctr import Categories, read_categories
from .flatbuffers import Buffer, Table

MAGIC = b"CBM1"
FORMAT = "FlabuffersModel_v1"  # as CatBoost spells it
MOST_OUTPUTS = 1_000_000

# What a NaN is taken for where a feature had any in training: compared as it is, as -inf or as +inf.
AS_IS, AS_FALSE, AS_TRUE = 0, 1, 2

STEPS = np.dtype([("left", "<u2"), ("right", "<u2")])


@dataclass(frozen=True, eq=False)
class FloatFeature:
    column: int
    name: str  # "" where the training table had none
    borders: np.ndarray  # float32, ascending; empty where no tree asks
    nan_is_above: bool
    index: int = 0  # among the numeric features, by which counters name it


@dataclass(frozen=True, eq=False)
class CbmModel:
    """The arrays of a file, lengths and ranges not yet held against one another (catboost_trees.py does)."""

    place: str
    dimension: int
    features: list[FloatFeature]
    categories: Categories
    splits: np.ndarray  # int32: numbers of borders and one-hot values, those of all features end to end
    sizes: np.ndarray  # int32, a tree: its depth, or its steps where trees are not symmetric
    starts: np.ndarray  # int32, a tree: its first split
    steps: np.ndarray  # left, right: how far on the next step lies, 0: here is the leaf; empty of symmetric trees
    leaf_of_step: np.ndarray  # uint32, into leaves
    leaves: np.ndarray  # float64
    scale: float
    bias: np.ndarray  # float64, one an output
    info: dict[str, str]

    @property
    def is_symmetric(self) -> bool:
        return len(self.steps) == 0 == len(self.leaf_of_step)

    def json(self, key: str) -> dict[str, Any]:
        """A JSON object of the file's notes; empty where there is none."""
        try:
            found = json.loads(self.info.get(key, "{}"))
        except (ValueError, RecursionError) as error:
            raise ModelFormatError(f"{self.place}: {key}: {error}") from error
        if not isinstance(found, dict):
            raise ModelFormatError(f"{self.place}: {key} is no JSON object")
        return found

    @property
    def loss(self) -> str:
        """model.cpp, GetLossFunctionName; "" where the file does not tell."""
        for record in (self.json("params").get("loss_function"), self.json("loss_function")):
            if isinstance(record, dict) and isinstance(record.get("type"), str):
                return record["type"]
        return ""

    @property
    def version(self) -> str:
        """The CatBoost that wrote it, "unknown version" where the file does not tell."""
        _, found, rest = self.info.get("catboost_version_info", "").partition("tags/v")
        return rest.split()[0] if found and rest.split() else "unknown version"


def parse(data: bytes, place: str) -> CbmModel:
    core, rest = _parts(data, place)
    if core.text(0) != FORMAT:
        core.buffer.fail(core.at, f"format {core.text(0)!r}, known: {FORMAT!r}")
    trees = core.table(1)
    if trees is None:
        core.buffer.fail(core.at, "a model without trees")
    parts = core.texts(3)
    _refuse_texts_and_embeddings(trees, place)
    dimension, scale = trees.number(0, "i", 0), trees.number(14, "d", 1.0)
    if not 1 <= dimension <= MOST_OUTPUTS or not math.isfinite(scale):
        trees.buffer.fail(trees.at, f"{dimension} outputs, scaled by {scale}")
    return CbmModel(
        place=place,
        dimension=dimension,
        features=_features(trees, place),
        categories=read_categories(trees, parts, rest),
        splits=trees.vector(1, "<i4"),
        sizes=trees.vector(2, "<i4"),
        starts=trees.vector(3, "<i4"),
        steps=trees.vector(10, STEPS),
        leaf_of_step=trees.vector(11, "<u4"),
        leaves=trees.vector(8, "<f8"),
        scale=scale,
        bias=_bias(trees, dimension),
        info={pair.text(0): pair.text(1) for pair in core.tables(2)},
    )


def _parts(data: bytes, place: str) -> tuple[Table, Buffer]:
    """The model, and what comes after it."""
    if not data.startswith(MAGIC):
        raise ModelFormatError(f"{place}: byte 0: {data[:4]!r}, a CatBoost model begins with {MAGIC!r}")
    size, at = Buffer(data[:16], place).size(4)
    if size > len(data) - at:
        raise ModelFormatError(f"{place}: byte 4: {size} bytes of a model, of which {len(data) - at} are there")
    end = at + size
    return Buffer(data[at:end], place, at).root(), Buffer(data[end:], place, end)


def _refuse_texts_and_embeddings(trees: Table, place: str) -> None:
    kinds = {12: "text", 13: "estimated", 18: "embedding"}
    found = [kind for slot, kind in kinds.items() if trees.vector(slot, "<u4").size]
    if found:
        raise UnsupportedModelError(
            f"{place}: {' and '.join(found)} features; of CatBoost models, perfcore reads those of numeric and "
            "categorical features"
        )


def _features(trees: Table, place: str) -> list[FloatFeature]:
    features = []
    for table in trees.tables(5):
        borders, column, index = table.vector(3, "<f4"), table.number(2, "i", -1), table.number(1, "i", -1)
        treatment = table.number(5, "b", AS_IS)
        if column < 0 or treatment not in (AS_IS, AS_FALSE, AS_TRUE):
            table.buffer.fail(table.at, f"a feature of column {column}, which takes a NaN for {treatment}")
        # Codes count the borders below a cell, so that a border is one of them only among sorted ones.
        if not (borders[1:] >= borders[:-1]).all() or np.isnan(borders).any():
            table.buffer.fail(table.at, "borders that do not ascend")
        nan_is_above = treatment == AS_TRUE and bool(table.number(0, "B", 0))
        features.append(FloatFeature(column, table.text(4), borders, nan_is_above, index))
    for numbers in ([f.column for f in features], [f.index for f in features]):
        if len(set(numbers)) != len(numbers):
            raise ModelFormatError(f"{place}: two features of one column")
    return features


def _bias(trees: Table, dimension: int) -> np.ndarray:
    several = trees.vector(16, "<f8")
    if several.size:
        bias = several
    elif dimension == 1:
        bias = np.array([trees.number(15, "d", 0.0)])
    else:
        bias = np.zeros(0 if trees.number(15, "d", 0.0) else dimension)
    if bias.shape != (dimension,) or not np.isfinite(bias).all():
        trees.buffer.fail(trees.at, f"a bias of {bias.size} numbers for {dimension} outputs, or not finite")
    return bias
