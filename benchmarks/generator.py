"""Forests from a seed, of a given shape, as training leaves them: every leaf is reached, thresholds repeat.

A tree is grown level by level, all trees of a group together. A node owns a box of the feature space, in ranks of
the features' thresholds, and so many leaves; it is cut somewhere inside of its box, and its leaves go to its
children by the share of rows that each gets. One path of each tree is as deep as the shape says.

    feature[i], threshold[i]   x[feature] <= threshold: left
    left[i], right[i]          >= 0: a node further down, < 0: ~leaf; parents first, level by level
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

GROUP_CELLS = 4_000_000  # entries of the boxes that are held at a time


@dataclass(frozen=True)
class Shape:
    n_features: int
    depth: int
    n_leaves: int  # of each tree; more than depth, at most 2 ** depth
    n_trees: int
    thresholds: int  # distinct ones that a feature offers
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Tree:
    feature: np.ndarray
    threshold: np.ndarray  # float64 that float32 holds too, so that every framework may write it
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray  # bool
    value: np.ndarray  # float64 that float32 holds too


def scales(n_features: int) -> np.ndarray:
    """Standard deviations of the columns."""
    return np.exp(np.linspace(-3, 3, n_features, dtype=np.float32))


def table(n_rows: int, n_features: int, seed: int, missing: float) -> np.ndarray:
    """float32, C order: normal, each column on a scale of its own; a share of the cells is NaN."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    X *= scales(n_features)
    if missing:
        X[rng.random(X.shape, dtype=np.float32) < missing] = np.nan
    return X


def grow(shape: Shape) -> Iterator[Tree]:
    """The trees, one after the other; the same for the same shape."""
    if not shape.depth < shape.n_leaves <= 2**shape.depth:
        raise ValueError(f"{shape.n_leaves} leaves do not make a tree of depth {shape.depth}")
    rng = np.random.default_rng(shape.seed)
    offered = np.sort(rng.standard_normal((shape.n_features, shape.thresholds), dtype=np.float32), axis=1)
    offered *= scales(shape.n_features)[:, None]
    group = max(1, GROUP_CELLS // (shape.n_leaves * shape.n_features))
    for first in range(0, shape.n_trees, group):
        yield from _group(shape, min(group, shape.n_trees - first), offered, rng)


def _group(shape: Shape, n_trees: int, offered: np.ndarray, rng: np.random.Generator) -> list[Tree]:
    inner = shape.n_leaves - 1
    feature, rank = np.zeros((n_trees, inner), np.int32), np.zeros((n_trees, inner), np.int32)
    child = np.zeros((2, n_trees, inner), np.int32)
    nodes, leaves = np.ones(n_trees, np.int64), np.zeros(n_trees, np.int64)  # numbered so far
    tree, number = np.arange(n_trees), np.zeros(n_trees, np.int64)  # of the nodes of this level
    budget, longest = np.full(n_trees, shape.n_leaves), np.ones(n_trees, bool)
    low = np.zeros((n_trees, shape.n_features), np.int32)
    high = np.full((n_trees, shape.n_features), shape.thresholds, np.int32)
    for below in range(shape.depth - 1, -1, -1):  # levels that may follow
        cut = _widest_of_three(low, high, rng)
        at = np.arange(len(tree)), cut
        width = np.maximum(high[at] - low[at], 1)
        threshold = low[at] + (width * rng.beta(2, 2, len(tree))).astype(np.int32)
        threshold = np.minimum(threshold, shape.thresholds - 1)
        feature[tree, number], rank[tree, number] = cut, threshold
        shares = _shares(budget, (threshold + 1 - low[at]) / (width + 1), longest, below, rng)
        heir = longest & (shares[0] > below), longest & ~(shares[0] > below)  # which child goes on to full depth
        level = []
        for side in (0, 1):
            split = shares[side] > 1
            child[side, tree[~split], number[~split]] = ~_next(leaves, tree[~split])
            child[side, tree[split], number[split]] = numbers = _next(nodes, tree[split])
            box = low[split], high[split]
            rows, columns = np.arange(split.sum()), cut[split]
            edge = box[0] if side else box[1]
            edge[rows, columns] = threshold[split] + side
            level.append((tree[split], numbers, shares[side][split], heir[side][split], *box))
        tree, number, budget, longest, low, high = (np.concatenate(parts) for parts in zip(*level, strict=True))
    value = (rng.standard_normal((n_trees, shape.n_leaves), dtype=np.float32) / 20).astype(np.float64)
    missing_left = rng.random((n_trees, inner)) < 0.5
    threshold = offered[feature, rank].astype(np.float64)
    return [Tree(feature[t], threshold[t], child[0, t], child[1, t], missing_left[t], value[t]) for t in range(n_trees)]


def _widest_of_three(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A feature for each box: the one of three with most thresholds left."""
    n, n_features = low.shape
    drawn = rng.integers(0, n_features, (n, 3))
    rows = np.arange(n)[:, None]
    return drawn[np.arange(n), np.argmax((high - low)[rows, drawn], axis=1)].astype(np.int32)


def _shares(
    budget: np.ndarray, left_rows: np.ndarray, longest: np.ndarray, below: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Leaves of either child: by rows, yet no more than fit under it, and enough on the path of full depth."""
    least, most = np.ones_like(budget), np.minimum(budget - 1, 2**below)
    least = np.maximum(least, budget - most)
    on_left = longest & (rng.random(len(budget)) < 0.5)
    # Where a path of full depth goes on, the child it goes to needs a leaf more than there are levels below it.
    least = np.where(on_left, np.maximum(least, below + 1), least)
    most = np.where(longest & ~on_left, np.minimum(most, budget - (below + 1)), most)
    left = np.clip(np.rint(budget * left_rows).astype(np.int64), least, most)
    return left, budget - left


def _next(count: np.ndarray, tree: np.ndarray) -> np.ndarray:
    """The next free number of each tree named, counted on; a tree may be named several times."""
    order = np.argsort(tree, kind="stable")
    by_tree = tree[order]
    starts = np.flatnonzero(np.concatenate([[True], by_tree[1:] != by_tree[:-1]])) if len(tree) else np.zeros(0, int)
    nth = np.empty(len(tree), np.int64)
    nth[order] = np.arange(len(tree)) - np.repeat(starts, np.diff(np.append(starts, len(tree))))
    numbers = count[tree] + nth
    np.add.at(count, tree, 1)
    return numbers
