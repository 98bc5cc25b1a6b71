"""Made-up forests and tables for the kernels: every flag, shape and awkward number, from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perfcore.model import Forest, Tree
from perfcore.model.forest import CATEGORICAL, NAN_LEFT, OTHER_LEFT, ZERO_MISSING

ZERO_BOUND = 1.0000000180025095e-35  # LightGBM's kZeroThreshold
AWKWARD = np.array(
    [0.0, -0.0, 5e-324, -5e-324, 1e-45, -1e-45, ZERO_BOUND, -ZERO_BOUND, 1.0, np.nextafter(1.0, 2.0)]
    + [float(np.nextafter(np.float32(1), np.float32(2))), 3.5e38, -3.5e38, 1e300, -1e300, np.inf, -np.inf]
)


@dataclass(frozen=True)
class Recipe:
    """What a made-up forest is like; the seed decides the rest."""

    seed: int
    n_features: int = 5
    n_trees: int = 10
    max_leaves: int = 31
    n_thresholds: int = 20  # distinct ones a feature, besides the awkward ones
    n_outputs: int = 1
    vector_leaves: bool = False
    precision: str = "float64"
    dtype: str = "float64"
    grown: str = "anywhere"  # or "chain", "level", "symmetric"
    categories: bool = False
    zero_missing: bool = False
    missing: float = float("nan")
    truncates_negative: bool = True


def make_forest(recipe: Recipe) -> tuple[Forest, list[np.ndarray]]:
    """A forest, and for each feature the numbers around which its tables should lie."""
    rng = np.random.default_rng(recipe.seed)
    never = [np.nan]
    numbers = [np.concatenate([rng.normal(size=recipe.n_thresholds), AWKWARD]) for _ in range(recipe.n_features)]
    vector = recipe.vector_leaves and recipe.n_outputs > 1
    trees = []
    for _ in range(recipe.n_trees):
        n_leaves = int(rng.integers(1, recipe.max_leaves + 1))
        if recipe.grown == "symmetric":
            n_leaves = 1 << n_leaves.bit_length() - 1
        left, right = grow(rng, n_leaves, recipe.grown)
        n_nodes = n_leaves - 1
        feature = rng.integers(0, recipe.n_features, n_nodes)
        threshold = np.array([rng.choice(np.append(numbers[f], never)) for f in feature])
        flags = rng.integers(0, 2, n_nodes).astype(np.uint8) * NAN_LEFT
        if recipe.zero_missing:
            flags |= rng.integers(0, 2, n_nodes).astype(np.uint8) * ZERO_MISSING
        sets = {}
        for node in np.flatnonzero(feature % 3 == 0) if recipe.categories else ():
            flags[node] = CATEGORICAL | (flags[node] & NAN_LEFT) | OTHER_LEFT * rng.integers(0, 2)
            dense = rng.integers(0, 2**32, rng.integers(0, 5), dtype=np.uint32)
            sets[int(node)] = dense & rng.integers(0, 2**32, dtype=np.uint32)
        if recipe.grown == "symmetric":  # a level's nodes all ask what its first asks
            first = np.array([(1 << (node + 1).bit_length() - 1) - 1 for node in range(n_nodes)], np.int64)
            feature, threshold, flags = feature[first], threshold[first], flags[first]
            sets = {node: sets[at] for node, at in enumerate(first.tolist()) if at in sets}
        trees.append(
            Tree(
                feature,
                threshold,
                left,
                right,
                flags,
                value=rng.normal(size=(n_leaves, recipe.n_outputs) if vector else n_leaves),
                label=rng.permutation(n_leaves),
                output=-1 if vector else int(rng.integers(recipe.n_outputs)),
                sets=sets,
            )
        )
    forest = Forest.from_trees(
        trees,
        n_features=recipe.n_features,
        n_outputs=recipe.n_outputs,
        precision=recipe.precision,
        dtype=recipe.dtype,
        base=rng.normal(size=recipe.n_outputs),
        zero_bound=ZERO_BOUND if recipe.zero_missing else 0.0,
        missing=recipe.missing,
        truncates_negative=recipe.truncates_negative,
    )
    return forest, numbers


def grow(rng: np.random.Generator, n_leaves: int, grown: str) -> tuple[np.ndarray, np.ndarray]:
    """Children of a random binary tree: node numbers, or ~leaf; parents come first."""
    children = np.zeros((2, n_leaves - 1), np.int64)
    loose: list[tuple[int, int]] = [(0, -1)]  # (side, parent) of what is not decided yet
    for node in range(n_leaves - 1):
        at = {"chain": len(loose) - 1, "level": 0, "symmetric": 0}.get(grown, int(rng.integers(len(loose))))
        side, parent = loose.pop(at)
        if parent >= 0:
            children[side, parent] = node
        loose += [(0, node), (1, node)]
    for leaf, at in enumerate(rng.permutation(len(loose))):
        side, parent = loose[at]
        if parent >= 0:
            children[side, parent] = ~leaf
    return children[0], children[1]


def make_table(recipe: Recipe, numbers: list[np.ndarray], n_rows: int) -> np.ndarray:
    """Rows at, just beside and between the thresholds; NaN, infinities, whole numbers, the missing value."""
    rng = np.random.default_rng([recipe.seed, n_rows])
    X = rng.normal(size=(n_rows, len(numbers)))
    for j, around in enumerate(numbers):
        kind = rng.integers(0, 8, n_rows)
        exact = rng.choice(around, n_rows)
        with np.errstate(all="ignore"):
            X[:, j] = np.select(
                [kind == 0, kind == 1, kind == 2, kind == 3, kind == 4, kind == 5],
                [
                    exact,
                    np.nextafter(exact, np.inf),
                    np.nextafter(exact, -np.inf),
                    rng.integers(-3, 170, n_rows) + rng.choice([0.0, 0.5], n_rows),
                    np.nan,
                    recipe.missing,
                ],
                X[:, j],
            )
    return X


def layouts(X: np.ndarray) -> dict[str, np.ndarray]:
    """The same cells (in float32: rounded) as arrays of other strides and dtypes."""
    with np.errstate(all="ignore"):
        single = X.astype(np.float32)
    return {
        "float64": X,
        "float32": single,
        "columns": np.asfortranarray(X),
        "float32 columns": np.asfortranarray(single),
        "every other row": np.repeat(X, 2, axis=0)[::2],
        "every other column": np.repeat(single, 2, axis=1)[:, ::2],
        "rows backwards": X[::-1].copy()[::-1],
        "columns backwards, from the second row": np.asfortranarray(np.vstack([X[:1], X])[:, ::-1])[1:, ::-1],
    }
