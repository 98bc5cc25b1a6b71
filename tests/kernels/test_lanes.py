"""The kernel for few rows, in every form, against the plain walk: the same bits."""

import hypothesis
import numpy as np
import pytest
from forests import Recipe, layouts, make_forest, make_table
from hypothesis import strategies as st

from perfcore._ext.forest import ForestKernel, instruction_sets
from perfcore.model import Forest, Tree
from perfcore.model.forest import NAN_LEFT, ZERO_MISSING

pytestmark = pytest.mark.parametrize("isa", instruction_sets())

recipes = st.builds(
    Recipe,
    seed=st.integers(0, 2**32 - 1),
    n_features=st.sampled_from([1, 2, 5, 16, 17, 33, 65, 130, 300]),
    n_trees=st.sampled_from([1, 2, 9, 31, 64, 65, 130]),
    max_leaves=st.sampled_from([1, 2, 5, 8, 9, 16, 31, 32, 33, 63, 64, 65, 256, 257]),
    n_thresholds=st.sampled_from([0, 1, 3, 20, 300, 3000]),
    n_outputs=st.sampled_from([1, 1, 3]),
    vector_leaves=st.booleans(),
    precision=st.sampled_from(["float32", "float64"]),
    dtype=st.sampled_from(["float32", "float64"]),
    grown=st.sampled_from(["anywhere", "chain", "level"]),
    zero_missing=st.booleans(),
    missing=st.sampled_from([float("nan"), 0.0, 1.0, -1.5, 0.1]),
)


def same(forest, isa, X):
    kernel = ForestKernel(forest, "lanes", isa)
    assert (kernel.kernel, kernel.why_not("lanes")) == ("lanes", "")
    got, expected = kernel.predict(X), ForestKernel(forest, "walk").predict(X)
    return (got.shape, got.dtype, got.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())


@hypothesis.given(recipe=recipes, n_rows=st.sampled_from([1, 2, 3, 4, 5, 7, 10, 63, 130]))
def test_few_rows_answer_as_the_plain_walk_does(isa, recipe, n_rows):
    forest, numbers = make_forest(recipe)
    for layout, X in layouts(make_table(recipe, numbers, n_rows)).items():
        assert same(forest, isa, X), layout


@pytest.mark.parametrize("n_leaves", [1, 2, 8, 9, 31, 32, 33, 63, 64, 65, 256, 257, 2000])
@pytest.mark.parametrize("grown", ["chain", "level"])
def test_every_leaf_of_a_tree_is_reached(isa, n_leaves, grown):
    """One feature and a threshold a node: every cell between two of them has a leaf of its own."""
    node, threshold = np.arange(n_leaves - 1), np.arange(n_leaves - 1) + 0.5
    if grown == "chain":
        left, right = ~node, np.append(node[1:], ~(n_leaves - 1)) if n_leaves > 1 else node
    else:
        left, right, threshold = balanced(n_leaves)
    tree = Tree(0 * node, threshold, left, right, 0 * node, value=np.arange(n_leaves) / 7)
    forest = Forest.from_trees([tree] * 3, n_features=1, n_outputs=1, precision="float64", dtype="float64")
    X = np.arange(float(n_leaves))[:, None]
    assert len(np.unique(ForestKernel(forest, "walk").predict(X))) == n_leaves
    assert same(forest, isa, X) and same(forest, isa, X.astype(np.float32))


def balanced(n_leaves):
    """Children and thresholds of a balanced search tree over 0.5, 1.5, ..."""
    left, right, threshold = [], [], []

    def grow(first, last):
        if first == last:
            return ~first
        node, middle = len(left), (first + last) // 2
        for column, what in ((left, 0), (right, 0), (threshold, middle + 0.5)):
            column.append(what)
        left[node], right[node] = grow(first, middle), grow(middle + 1, last)
        return node

    grow(0, n_leaves - 1)
    return np.array(left, int), np.array(right, int), np.array(threshold)


@pytest.mark.parametrize("n_thresholds", [16, 17, 254, 255, 256, 257, 510, 511, 4096, 4097, 70_000])
@pytest.mark.parametrize("trees_of", [2, 500])
def test_any_number_of_thresholds_a_feature_is_told_apart(isa, n_thresholds, trees_of):
    """Trees that share a feature's thresholds out among them, with missing cells to either side."""
    rng = np.random.default_rng(n_thresholds)
    thresholds = np.sort(rng.normal(size=n_thresholds))
    trees = []
    for own in np.array_split(rng.permutation(thresholds), max(1, n_thresholds // trees_of)):
        left, right, place = balanced(len(own) + 1)
        flags = NAN_LEFT * (np.arange(len(own)) % 3 == 0)
        value = rng.normal(size=len(own) + 1)
        trees.append(Tree(0 * left, np.sort(own)[place.astype(int)], left, right, flags, value=value))
    forest = Forest.from_trees(trees, n_features=1, n_outputs=1, precision="float64", dtype="float64")
    some = rng.choice(thresholds, 40)
    X = np.concatenate([some, np.nextafter(some, np.inf), np.nextafter(some, -np.inf), [np.nan, np.inf, -np.inf]])
    assert same(forest, isa, X[:, None]) and same(forest, isa, X[:, None].astype(np.float32))


@pytest.mark.long
def test_more_thresholds_than_six_levels_of_sixteen_hold(isa):
    left, right, threshold = balanced(2**16)
    trees = [
        Tree(0 * left, threshold + tree * 2**16, left, right, 0 * left, value=np.arange(2**16) / 7)
        for tree in range(2**8 + 1)
    ]
    forest = Forest.from_trees(trees, n_features=1, n_outputs=1, precision="float64", dtype="float64")
    places = np.random.default_rng(0).integers(-1, 2**24 + 2**16, 50)
    assert same(forest, isa, np.append(places, [0, 2**24, 2**24 + 2**16 - 1]).astype(float)[:, None])


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_doubles_in_the_gap_between_floats_are_compared_as_the_forest_compares(isa, precision):
    around = np.float64(np.float32(0.1))
    thresholds = around + np.array([-3, -1, 0, 1, 3]) * 2.0**-40
    stumps = [Tree([0], [t], [~0], [~1], [0], value=[1.0, 2.0 ** (i + 1)]) for i, t in enumerate(thresholds)]
    forest = Forest.from_trees(stumps, n_features=1, n_outputs=1, precision=precision, dtype="float64")
    X = np.concatenate([thresholds, np.nextafter(thresholds, 1), np.nextafter(thresholds, -1)])[:, None]
    assert same(forest, isa, X)


@pytest.mark.parametrize("n_features", [31, 32, 33, 64, 65, 128, 129, 256, 257, 1000])
def test_any_number_of_columns_is_asked(isa, n_features):
    """Each feature is asked by nodes that send missing cells left, right, and zeros either way."""
    rng = np.random.default_rng(n_features)
    kinds = [0, NAN_LEFT, ZERO_MISSING, NAN_LEFT | ZERO_MISSING]
    stumps = [
        Tree([f], [rng.normal()], [~0], [~1], [kind], value=rng.normal(size=2))
        for f in range(n_features)
        for kind in (kinds if n_features < 100 else rng.choice(kinds, 2, replace=False))
        for _ in range(2)
    ]
    forest = Forest.from_trees(
        stumps, n_features=n_features, n_outputs=1, precision="float64", dtype="float64", zero_bound=1e-35
    )
    X = rng.choice([np.nan, 0.0, -0.0, 1e-36, 1e-34, -1.0, 1.0, 0.1], (9, n_features))
    assert same(forest, isa, X) and same(forest, isa, X.astype(np.float32))


@pytest.mark.parametrize("n_rows", range(1, 10))
def test_rows_that_share_tables_do_not_mix(isa, n_rows):
    recipe = Recipe(seed=n_rows, n_trees=130, n_outputs=3, n_features=20)
    forest, numbers = make_forest(recipe)
    assert same(forest, isa, make_table(recipe, numbers, n_rows))


@pytest.mark.parametrize("seed", range(5))
def test_what_other_kernels_leave_in_the_scratch_space_does_not_matter(isa, seed):
    recipe = Recipe(seed=seed, n_features=1, n_trees=100, max_leaves=200, n_thresholds=3000, grown="level")
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, 2500)
    expected, kernel = ForestKernel(forest, "walk").predict(X), ForestKernel(forest, "auto", isa)
    kernel.predict(X)
    assert kernel.kernel_for(1) == "lanes" != kernel.kernel_for(2500)
    assert all(kernel.predict(X[i : i + 1]).tobytes() == expected[i].tobytes() for i in range(200))


def test_categories_and_linear_leaves_are_left_to_other_kernels(isa):
    forest, _ = make_forest(Recipe(seed=1, categories=True))
    kernel = ForestKernel(forest, "lanes", isa)
    assert kernel.kernel == "interleave" and "categories" in kernel.why_not("lanes")
