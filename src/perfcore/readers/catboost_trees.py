"""CatBoost's trees -> canonical trees: a cell above a border sets a bit, or goes right.

A symmetric tree asks one question a level. The first sets the lowest bit of the leaf's number (evaluator_impl.cpp,
``index |= (code >= split) << depth``), so that the last is asked at the root here, and leaves come in their order::

    splits  a b c       root  c      c false: left
                        then  b b
                        then  a a a a
                        leaf  0 1 2 3 4 5 6 7

Other trees are steps that say how far on the next one lies; a distance of 0 ends the walk at that step's leaf.

Splits number the borders of the numeric features, then the one-hot values, then the borders of the counters.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from ..errors import ModelFormatError, UnsupportedModelError
from ..model.forest import NAN_LEFT, Tree
from .catboost_cbm import CbmModel

DEEPEST = 30


@dataclass(frozen=True, eq=False)
class Questions:
    """Every border and one-hot value, in the order in which splits number them."""

    feature: np.ndarray
    threshold: np.ndarray  # x > border is the other answer of x <= border
    flags: np.ndarray

    @classmethod
    def of(cls, model: CbmModel, cell_of_border: np.ndarray) -> Questions:
        floats = [feature.borders for feature in model.features]
        n_values = sum(len(one_hot.values) for one_hot in model.categories.one_hots)
        counters = [counter.borders for counter in model.categories.counters]
        border = np.concatenate([np.empty(0, np.float32), *floats, np.full(n_values, 0.5, np.float32), *counters])
        is_above = np.zeros(len(border), bool)
        n_floats = sum(map(len, floats))
        is_above[:n_floats] = np.repeat([f.nan_is_above for f in model.features], [len(each) for each in floats])
        return cls(
            feature=cell_of_border,
            threshold=border.astype(np.float64),
            # A NaN that counts as infinity is not above a border at infinity.
            flags=np.where(is_above & (border < np.inf), 0, NAN_LEFT).astype(np.uint8),
        )


def read_trees(model: CbmModel, cell_of_border: np.ndarray, begin: int, end: int) -> list[Tree]:
    """Trees [begin, end); the whole model is checked, whichever are read."""
    questions = Questions.of(model, cell_of_border)
    if not np.isfinite(model.leaves).all():
        raise UnsupportedModelError(f"{model.place}: leaf values that are infinite or no number")
    if len(model.starts) != len(model.sizes):
        raise ModelFormatError(f"{model.place}: {len(model.sizes)} trees, {len(model.starts)} beginnings of trees")
    read = _symmetric_trees if model.is_symmetric else _stepped_trees
    return read(model, questions, begin, end)


def _output(model: CbmModel) -> int:
    return 0 if model.dimension == 1 else -1


# -- symmetric trees --------------------------------------------------------------------------------------------


def _symmetric_trees(model: CbmModel, questions: Questions, begin: int, end: int) -> list[Tree]:
    depths = model.sizes.astype(np.int64)
    if ((depths < 0) | (depths > DEEPEST)).any():
        raise ModelFormatError(f"{model.place}: a tree whose depth is not 0..{DEEPEST}")
    first_split = np.concatenate([[0], np.cumsum(depths)])
    if (model.starts != first_split[:-1]).any() or len(model.splits) != first_split[-1]:
        raise ModelFormatError(f"{model.place}: trees do not lie end to end in {len(model.splits)} splits")
    first_leaf = np.concatenate([[0], np.cumsum(1 << depths)])
    if first_leaf[-1] * model.dimension != len(model.leaves):
        raise ModelFormatError(f"{model.place}: {len(model.leaves)} leaf values for {first_leaf[-1]} leaves")
    _check_splits(model, model.splits, questions)
    values = model.leaves.reshape(-1, model.dimension)
    return [
        _symmetric_tree(
            questions,
            model.splits[first_split[t] : first_split[t + 1]],
            values[first_leaf[t] : first_leaf[t + 1]],
            _output(model),
        )
        for t in range(begin, end)
    ]


def _symmetric_tree(questions: Questions, splits: np.ndarray, values: np.ndarray, output: int) -> Tree:
    level, left, right = _levels(len(splits))
    asked = splits[::-1][level]
    return Tree(
        feature=questions.feature[asked],
        threshold=questions.threshold[asked],
        left=left,
        right=right,
        flags=questions.flags[asked],
        value=values,
        output=output,
    )


@functools.lru_cache(maxsize=32)
def _levels(depth: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a whole tree, level by level: each node's level and children."""
    n = (1 << depth) - 1
    level = np.repeat(np.arange(depth), 1 << np.arange(depth))
    child = 2 * np.arange(n) + 1
    left, right = (np.where(c < n, c, ~(c - n)) for c in (child, child + 1))
    for array in (level, left, right):
        array.flags.writeable = False
    return level, left, right


def _check_splits(model: CbmModel, splits: np.ndarray, questions: Questions) -> None:
    if ((splits < 0) | (splits >= len(questions.feature))).any():
        raise ModelFormatError(f"{model.place}: a split by a border outside 0..{len(questions.feature) - 1}")


# -- trees of steps -----------------------------------------------------------------------------------------------


def _stepped_trees(model: CbmModel, questions: Questions, begin: int, end: int) -> list[Tree]:
    n_steps = len(model.steps)
    if len(model.leaf_of_step) != n_steps or len(model.splits) != n_steps:
        raise ModelFormatError(
            f"{model.place}: {n_steps} steps, {len(model.splits)} splits and {len(model.leaf_of_step)} leaves of steps"
        )
    sizes = model.sizes.astype(np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)])
    if (sizes < 1).any() or (model.starts != first[:-1]).any() or first[-1] != n_steps:
        raise ModelFormatError(f"{model.place}: trees do not lie end to end in {n_steps} steps")
    return [_stepped_tree(model, questions, int(first[t]), int(first[t + 1]), t) for t in range(begin, end)]


def _stepped_tree(model: CbmModel, questions: Questions, begin: int, end: int, t: int) -> Tree:
    """evaluator_impl.cpp, CalcIndexesNonSymmetric."""
    place = f"{model.place}: tree {t}"
    n, width = end - begin, model.dimension
    steps = model.steps[begin:end]
    distance = np.stack([steps["left"], steps["right"]]).astype(np.int64)
    goes_on = distance > 0
    is_inner, ends = goes_on.any(axis=0), ~goes_on.all(axis=0)
    reached = np.arange(n) + distance
    found = np.sort(reached[goes_on])
    if len(found) != n - 1 or (found != np.arange(1, n)).any():
        raise ModelFormatError(f"{place}: a step is reached never, twice, or outside the tree")
    leaf_at = model.leaf_of_step[begin:end][ends].astype(np.int64)
    if len(leaf_at) and ((leaf_at % width != 0) | (leaf_at + width > len(model.leaves))).any():
        raise ModelFormatError(f"{place}: a leaf outside the {len(model.leaves)} leaf values, or across two")

    inner, leaf = np.cumsum(is_inner) - 1, ~(np.cumsum(ends) - 1)
    # A step that both answers go on from has no leaf; one that neither does is a leaf alone.
    target = np.where(is_inner, inner, leaf)
    left, right = np.where(goes_on, target[np.where(goes_on, reached, 0)], leaf)[:, is_inner]
    asked = model.splits[begin:end][is_inner]
    _check_splits(model, asked, questions)
    return Tree(
        feature=questions.feature[asked],
        threshold=questions.threshold[asked],
        left=left,
        right=right,
        flags=questions.flags[asked],
        value=model.leaves[leaf_at[:, None] + np.arange(width)],
        label=(leaf_at - leaf_at.min()) // width,
        output=_output(model),
    )
