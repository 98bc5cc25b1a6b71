"""The deep forest, on every instruction set that this machine has, against the plain walk: the same bits."""

import hypothesis
import numpy as np
import pytest
from forests import Recipe, layouts, make_forest, make_table
from hypothesis import strategies as st

from perfcore._ext.forest import ForestKernel, instruction_sets
from perfcore.model import Forest, Tree
from perfcore.model.forest import NAN_LEFT, ZERO_MISSING

every_isa = pytest.mark.parametrize("isa", instruction_sets())

recipes = st.builds(
    Recipe,
    seed=st.integers(0, 2**32 - 1),
    n_features=st.sampled_from([1, 2, 5, 16, 31, 32, 33, 60, 64, 65, 130]),
    n_trees=st.integers(1, 12),
    max_leaves=st.sampled_from([1, 2, 5, 16, 17, 60, 300, 1500]),
    n_thresholds=st.sampled_from([0, 1, 3, 20, 300, 3000]),
    n_outputs=st.sampled_from([1, 1, 2, 3, 7]),
    vector_leaves=st.booleans(),
    precision=st.sampled_from(["float32", "float64"]),
    dtype=st.sampled_from(["float32", "float64"]),
    grown=st.sampled_from(["anywhere", "chain", "level"]),
    zero_missing=st.booleans(),
    missing=st.sampled_from([float("nan"), 0.0, 1.0, -1.5, 0.1]),
)
row_counts = st.sampled_from([1, 15, 16, 17, 31, 33, 255, 256, 257, 700])


def bits(array):
    return array.shape, array.dtype, array.tobytes()


def deep(forest, isa):
    kernel = ForestKernel(forest, "deep", isa)
    assert kernel.kernel == "deep", kernel.why_not("deep")
    return kernel


def assert_walks(forest, isa, *tables):
    kernel, oracle = deep(forest, isa), ForestKernel(forest, "walk")
    for X in tables:
        assert bits(kernel.predict(X)) == bits(oracle.predict(X)), (X.dtype, X.strides)


@every_isa
@hypothesis.given(recipe=recipes, n_rows=row_counts)
def test_answers_as_the_plain_walk_does(isa, recipe, n_rows):
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, n_rows)
    assert_walks(forest, isa, *layouts(X).values(), np.nan_to_num(X, posinf=np.inf, neginf=-np.inf))


@every_isa
@pytest.mark.parametrize("n_features", [5, 40, 300])
@pytest.mark.parametrize("n_rows", [1023, 1024, 1025, 4096, 4097, 8191, 8192, 8193])
def test_rows_around_the_edges_of_blocks(isa, n_features, n_rows):
    recipe = Recipe(seed=n_rows, n_features=n_features, n_trees=3, max_leaves=100, zero_missing=True)
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, n_rows)
    assert_walks(forest, isa, X, X.astype(np.float32))


@every_isa
@pytest.mark.parametrize("n_features", [4, 20, 50, 100, 300])
def test_nan_in_some_blocks_and_not_in_others(isa, n_features):
    recipe = Recipe(seed=n_features, n_features=n_features, n_trees=5, max_leaves=200)
    forest, numbers = make_forest(recipe)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, n_features))
    X[10_000, rng.integers(n_features)] = np.nan
    X[17_000:] = make_table(recipe, numbers, 3000)
    assert_walks(forest, isa, X, X.astype(np.float32))


@every_isa
@pytest.mark.parametrize("max_leaves", [600, 5000, 20_000])
@pytest.mark.parametrize("grown", ["anywhere", "chain", "level"])
def test_large_trees(isa, max_leaves, grown):
    recipe = Recipe(seed=max_leaves, n_trees=2, max_leaves=max_leaves, n_thresholds=5000, n_features=20, grown=grown)
    if grown == "chain" and max_leaves > 5000:
        pytest.skip("the plain walk takes too long")
    forest, numbers = make_forest(recipe)
    assert_walks(forest, isa, make_table(recipe, numbers, 600))


def ladder(n_leaves, nan_left=lambda node: node < 0, width=2**31):
    """A balanced tree whose leaf i answers cells (i // width, i % width), a threshold for every step."""
    feature, threshold, left, right = [], [], [], []
    todo = [(0, n_leaves)]  # the leaves below a node, nodes in the order in which they are met
    for first, last in todo:
        middle = (first + last) // 2
        if first // width != (last - 1) // width:
            middle = max(middle // width, first // width + 1) * width
            feature.append(0)
            threshold.append(middle // width - 0.5)
        else:
            feature.append(1)
            threshold.append(middle % width - 0.5)
        for side, (a, b) in ((left, (first, middle)), (right, (middle, last))):
            if b - a == 1:
                side.append(~a)
            else:
                side.append(len(todo))
                todo.append((a, b))
    flags = nan_left(np.arange(n_leaves - 1)).astype(np.uint8) * NAN_LEFT
    value = np.arange(n_leaves) / 7
    tree = Tree(*(np.array(each) for each in (feature, threshold, left, right)), flags, value=value)
    return Forest.from_trees([tree], n_features=2, n_outputs=1, precision="float64", dtype="float64")


@every_isa
@pytest.mark.parametrize("nan_left", [lambda n: n < 0, lambda n: n >= 0, lambda n: n % 2 == 0])
def test_as_many_thresholds_as_codes_tell_apart(isa, nan_left):
    forest = ladder(65534, nan_left)
    places = np.append(np.arange(-2.0, 65536.0) - 0.5, [np.inf, -np.inf])
    cells = np.concatenate([places, np.nextafter(places, np.inf), np.nextafter(places, -np.inf), [np.nan]])
    X = np.stack([np.zeros(len(cells)), cells], axis=1)
    assert_walks(forest, isa, X, X.astype(np.float32), X[:-1])


def test_more_thresholds_are_walked():
    kernel = ForestKernel(ladder(65535), "deep")
    assert kernel.kernel == "interleave"
    assert "65,533 thresholds" in kernel.why_not("deep")


@every_isa
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-44, 1e-40, 1e-30, 1.0, 1e37])
def test_thresholds_that_crowd(isa, precision, scale):
    """Most lie within a billionth of one number, in the gap between two floats; some are floats themselves."""
    rng = np.random.default_rng(1)
    crowd = scale * (1 + np.arange(3000) * 1e-10)
    crowd[::3] = rng.normal(size=1000) * scale
    crowd[::11] = np.float32(crowd[::11])
    node = np.arange(60)
    trees = [
        Tree(0 * node, rng.choice(crowd, 60), ~node, np.append(node[1:], ~60), node % 2, value=rng.normal(size=61))
        for _ in range(50)
    ]
    forest = Forest.from_trees(trees, n_features=1, n_outputs=1, precision=precision, dtype="float64")
    X = np.concatenate([crowd, np.nextafter(crowd, np.inf), np.nextafter(crowd, -np.inf), -crowd, [0.0, -0.0]])[:, None]
    assert_walks(forest, isa, X, X.astype(np.float32))


@every_isa
@pytest.mark.parametrize("width", [1, 2, 3, 10])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_leaves_that_are_vectors_or_repeat(isa, width, dtype):
    rng = np.random.default_rng(width)
    recipe = Recipe(seed=4, n_trees=8, max_leaves=500, n_outputs=width, vector_leaves=True, dtype=dtype)
    forest, numbers = make_forest(recipe)
    value = np.array(forest.value)
    value[rng.random(len(value)) < 0.5] = value[0]
    value[rng.random(len(value)) < 0.1] = -0.0
    forest = Forest(**{**vars(forest), "value": value})
    assert_walks(forest, isa, make_table(recipe, numbers, 900))


@every_isa
def test_more_leaves_a_tree_than_16_bits_number(isa):
    forest = ladder(90_000, width=300)
    assert_walks(forest, isa, np.random.default_rng(0).integers(-3, 305, (5000, 2)) + 0.25)


def test_features_that_no_node_asks_for_take_no_memory():
    forest = ladder(300)
    wide = Forest(**{**vars(forest), "n_features": 2**31 - 1})
    assert deep(wide, "portable").nbytes == deep(forest, "portable").nbytes


@pytest.mark.parametrize("isa", instruction_sets()[:1])
def test_category_sets_linear_leaves_and_huge_trees_are_walked(isa):
    forest, _ = make_forest(Recipe(seed=1, categories=True))
    kernel = ForestKernel(forest, "deep", isa)
    assert (kernel.kernel, kernel.why_not("deep")) == ("interleave", "category sets")
    kernel = ForestKernel(ladder(1_200_000, width=1100), "deep", isa)
    assert (kernel.kernel, kernel.why_not("deep")) == ("interleave", "tree 0 takes more than 65,536 lines")


@every_isa
def test_zeros_that_are_missing_where_nodes_disagree(isa):
    """One feature, asked with zeros missing and not, NaN left and right."""
    node = np.arange(40)
    flags = np.array([0, NAN_LEFT, ZERO_MISSING, NAN_LEFT | ZERO_MISSING])[node % 4]
    tree = Tree(0 * node, (node - 20) / 7, ~node, np.append(node[1:], ~40), flags, value=np.arange(41) / 3)
    for kept in (node >= 0, node % 2 == 0, node % 4 < 2, node % 4 >= 2):
        forest = Forest.from_trees(
            [tree], n_features=1, n_outputs=1, precision="float64", dtype="float64", zero_bound=1e-35
        )
        forest = Forest(**{**vars(forest), "flags": np.where(kept, flags, 0)})
        X = np.concatenate([(node - 20) / 7, [0.0, -0.0, 1e-35, -1e-35, 1.1e-35, np.nan], (node - 20.5) / 7])[:, None]
        assert_walks(forest, isa, X, X.astype(np.float32), X[:10])
