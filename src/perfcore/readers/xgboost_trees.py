"""XGBoost's trees -> canonical trees: ``x < t`` goes left, a category in the set goes right."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ModelFormatError, UnsupportedModelError
from ..model.forest import CATEGORICAL, NAN_LEFT, OTHER_LEFT, Tree
from .xgboost_document import Document, field, floats, integers, whole_number

LEAF = -1
CATEGORIES_END = 1 << 24  # common/categorical.h kOutOfRangeCat
MOST_SET_WORDS = 1 << 26  # of a model: 256 MB, which one large category a node would take of a short file


def read_trees(document: Document, begin: int, end: int) -> list[Tree]:
    """Trees [begin, end)."""
    trees, words = [], 0
    for i in range(begin, end):
        place, record = f"{document.place}: trees[{i}]", document.trees[i]
        tree = _read_tree(record, place, document.leaf_width, int(document.output[i]), document.n_features, words)
        words += sum(map(len, tree.sets.values()))
        trees.append(tree)
    return trees


def _read_tree(
    record: dict[str, Any], place: str, leaf_width: int, output: int, n_features: int, words_before: int
) -> Tree:
    """One tree; nodes that nothing leads to (deleted ones) are left out, parents come first."""
    n = whole_number(field(record, "tree_param", dict, place), "num_nodes", f"{place}.tree_param")
    left = integers(record, "left_children", place, n)
    right = integers(record, "right_children", place, n)
    ids = _reached(left, right, place)
    is_leaf = left[ids] == LEAF
    nodes, leaves = ids[~is_leaf], ids[is_leaf]

    # Numbers by the old id: 0, 1, ... for nodes, ~0, ~1, ... for leaves.
    number = np.zeros(n, np.int64)
    number[nodes] = np.arange(len(nodes))
    number[leaves] = ~np.arange(len(leaves))
    feature = integers(record, "split_indices", place, n)[nodes]
    if ((feature < 0) | (feature >= n_features)).any():
        raise ModelFormatError(f"{place}.split_indices: a feature outside 0..{n_features - 1}")
    conditions = floats(record, "split_conditions", place, n)
    flags = np.where(_booleans(record, "default_left", place, n)[nodes], NAN_LEFT, 0)
    sets = _left_sets(record, place, n, nodes, words_before)
    flags[list(sets)] |= CATEGORICAL | OTHER_LEFT
    return Tree(
        feature=feature,
        threshold=below(conditions[nodes]),
        left=number[left[nodes]],
        right=number[right[nodes]],
        flags=flags,
        value=conditions[leaves] if leaf_width == 1 else _vectors(record, place, n, leaf_width, right, leaves),
        label=leaves,
        output=output if leaf_width == 1 else -1,
        sets=sets,
    )


def _booleans(record: dict[str, Any], name: str, place: str, n: int) -> np.ndarray:
    numbers = integers(record, name, place, n)
    others = numbers[(numbers != 0) & (numbers != 1)]
    if len(others):
        raise ModelFormatError(f"{place}.{name}: allowed are 0 and 1, got {others[0]}")
    return numbers == 1


def below(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 below each threshold, so that ``x < t`` is ``x <= below(t)``; NaN where none is."""
    # numpy's nextafter steps through -0 and the denormals as the C library's does.
    with np.errstate(over="ignore", under="ignore"):
        before = np.nextafter(threshold, np.float32(-np.inf))
    return np.where(threshold == -np.inf, np.nan, before).astype(np.float64)


def _reached(left: np.ndarray, right: np.ndarray, place: str) -> np.ndarray:
    """Ids that the root leads to, level by level; each must be reached once."""
    n = len(left)
    if n < 1:
        raise ModelFormatError(f"{place}: a tree without nodes")
    seen = np.zeros(n, bool)
    seen[0] = True
    levels = [np.zeros(1, np.int64)]
    while True:
        inner = levels[-1][left[levels[-1]] != LEAF]
        if not len(inner):
            return np.concatenate(levels)
        if (right[inner] != left[inner] + 1).any():
            # predict_fn.h GetNextNode steps to left + 1, whatever the document says.
            raise ModelFormatError(f"{place}.right_children: a right child that does not follow the left one")
        children = np.column_stack([left[inner], right[inner]]).ravel()
        if ((children < 0) | (children >= n)).any():
            raise ModelFormatError(f"{place}: a child outside 0..{n - 1}")
        if seen[children].any() or len(np.unique(children)) != len(children):
            raise ModelFormatError(f"{place}: a node with two parents")
        seen[children] = True
        levels.append(children)


def _vectors(
    record: dict[str, Any], place: str, n: int, width: int, right: np.ndarray, leaves: np.ndarray
) -> np.ndarray:
    """Leaf vectors: since 3.1 apart, and a leaf's right child is its place there; before, one for each node."""
    if "leaf_weights" not in record:
        return floats(record, "base_weights", place, n * width).reshape(n, width)[leaves]
    values = floats(record, "leaf_weights", place)
    at = right[leaves]
    if len(values) % width or ((at < 0) | (at >= len(values) // width)).any():
        raise ModelFormatError(f"{place}.leaf_weights: {len(values)} numbers do not hold every leaf")
    return values.reshape(-1, width)[at]


def _left_sets(record: dict[str, Any], place: str, n: int, nodes: np.ndarray, words: int) -> dict[int, np.ndarray]:
    """Bitsets of the categories that go left: all within the words but those of the set, which go right."""
    if "split_type" not in record:  # before 1.3
        return {}
    is_category = _booleans(record, "split_type", place, n)[nodes]
    start = {}
    if is_category.any():
        owner = integers(record, "categories_nodes", place)
        first = integers(record, "categories_segments", place, len(owner))
        size = integers(record, "categories_sizes", place, len(owner))
        start = {node: (a, a + k) for node, a, k in zip(owner.tolist(), first.tolist(), size.tolist(), strict=True)}
    categories = integers(record, "categories", place)
    if len(categories) and not (0 <= categories.min() and categories.max() < CATEGORIES_END):
        raise ModelFormatError(f"{place}.categories: outside 0..{CATEGORIES_END - 1}")
    sets, read = {}, 0
    for node in np.flatnonzero(is_category).tolist():
        if int(nodes[node]) not in start:
            raise ModelFormatError(f"{place}.categories_nodes: node {nodes[node]} splits by category but is not listed")
        a, b = start[int(nodes[node])]
        if not 0 <= a <= b <= len(categories):
            raise ModelFormatError(f"{place}.categories_segments: outside the {len(categories)} categories")
        read += b - a
        if read > len(categories):
            raise ModelFormatError(f"{place}.categories_segments: categories that belong to two nodes")
        codes = categories[a:b]
        words += int(codes.max()) // 32 + 1 if len(codes) else 0
        if words > MOST_SET_WORDS:
            raise UnsupportedModelError(f"{place}: category sets of more than {MOST_SET_WORDS >> 18} MB altogether")
        sets[node] = ~_bitset(codes)
    return sets


def _bitset(codes: np.ndarray) -> np.ndarray:
    bits = np.zeros((int(codes.max()) // 32 + 1) * 32 if len(codes) else 0, np.uint8)
    bits[codes] = 1
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)
