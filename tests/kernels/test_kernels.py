"""Every kernel, on every instruction set that this machine has, against the plain walk: the same bits."""

import os
import re
import signal
import threading
import time
from dataclasses import replace

import hypothesis
import numpy as np
import pytest
from forests import Recipe, layouts, make_forest, make_table
from hypothesis import strategies as st

from perfcore._ext.forest import ForestKernel, instruction_sets
from perfcore.model import Forest, Tree
from perfcore.model.forest import CATEGORICAL

recipes = st.builds(
    Recipe,
    seed=st.integers(0, 2**32 - 1),
    n_features=st.integers(1, 40),
    n_trees=st.integers(1, 20),
    max_leaves=st.sampled_from([1, 2, 5, 16, 17, 31, 32, 33, 64, 65, 200]),
    n_thresholds=st.sampled_from([0, 1, 3, 20, 300, 3000]),
    n_outputs=st.sampled_from([1, 1, 3]),
    vector_leaves=st.booleans(),
    precision=st.sampled_from(["float32", "float64"]),
    dtype=st.sampled_from(["float32", "float64"]),
    grown=st.sampled_from(["anywhere", "chain", "level", "symmetric"]),
    categories=st.booleans(),
    zero_missing=st.booleans(),
    missing=st.sampled_from([float("nan"), 0.0, 1.0, -1.5, 0.1]),
    truncates_negative=st.booleans(),
)
row_counts = st.sampled_from([1, 7, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025, 1537])


def bits(array):
    return array.shape, array.dtype, array.tobytes()


@pytest.mark.parametrize("isa", instruction_sets())
@hypothesis.given(recipe=recipes, n_rows=row_counts)
def test_bit_sliced_forests_answer_as_the_plain_walk_does(isa, recipe, n_rows):
    forest, numbers = make_forest(recipe)
    kernel = ForestKernel(forest, "bitslice", isa)
    assert (kernel.kernel, kernel.isa) == ("bitslice", isa)
    oracle = ForestKernel(forest, "walk")
    for layout, X in layouts(make_table(recipe, numbers, n_rows)).items():
        assert bits(kernel.predict(X)) == bits(oracle.predict(X)), layout


@hypothesis.given(recipe=recipes, n_rows=row_counts)
def test_interleaved_walks_answer_as_the_plain_walk_does(recipe, n_rows):
    forest, numbers = make_forest(recipe)
    kernel = ForestKernel(forest, "interleave")
    assert kernel.kernel == "interleave"
    oracle = ForestKernel(forest, "walk")
    for layout, X in layouts(make_table(recipe, numbers, n_rows)).items():
        assert bits(kernel.predict(X)) == bits(oracle.predict(X)), layout


@hypothesis.given(
    recipe=st.builds(
        Recipe,
        seed=st.integers(0, 2**32 - 1),
        n_features=st.integers(200, 700),
        n_trees=st.integers(1, 3),
        max_leaves=st.just(250),
        n_outputs=st.sampled_from([1, 1, 3]),
        vector_leaves=st.booleans(),
        precision=st.sampled_from(["float32", "float64"]),
        dtype=st.sampled_from(["float32", "float64"]),
        grown=st.just("level"),
        missing=st.sampled_from([float("nan"), 0.0, -1.5]),
    ),
    n_rows=st.sampled_from([1, 3, 7, 8, 15, 16, 17, 33, 100]),
)
def test_walks_that_ask_for_few_of_many_columns_answer_as_the_plain_walk_does(recipe, n_rows):
    forest, numbers = make_forest(recipe)
    kernel, oracle = ForestKernel(forest, "interleave"), ForestKernel(forest, "walk")
    for layout, X in layouts(make_table(recipe, numbers, n_rows)).items():
        assert bits(kernel.predict(X)) == bits(oracle.predict(X)), layout
        assert leaves(kernel, forest, X) == leaves(oracle, forest, X), layout


def test_few_steps_over_many_columns_read_the_table_where_it_lies():
    recipe = Recipe(seed=1, n_features=512, n_trees=4, max_leaves=200, grown="level")
    copied = 1  # the place of copied cells in the work that is counted
    assert ForestKernel(make_forest(recipe)[0], "interleave").work(100)[copied] == 0
    deep = make_forest(replace(recipe, grown="anywhere", n_trees=16))[0]
    assert ForestKernel(deep, "interleave").work(100)[copied] > 0
    zeros = make_forest(replace(recipe, zero_missing=True))[0]
    assert ForestKernel(zeros, "interleave").work(100)[copied] > 0


def leaves(kernel, forest, X):
    out = np.empty((len(X), len(forest.root)), np.int32)
    kernel.leaves_into(X, out)
    return out.tobytes()


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("max_leaves", [600, 4000])
@pytest.mark.parametrize("grown", ["anywhere", "chain"])
def test_large_trees_answer_as_the_plain_walk_does(isa, max_leaves, grown):
    recipe = Recipe(seed=max_leaves, n_trees=3, max_leaves=max_leaves, n_thresholds=200, n_features=20, grown=grown)
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, 1100)
    kernel = ForestKernel(forest, "bitslice", isa)
    assert kernel.kernel == "bitslice"
    assert bits(kernel.predict(X)) == bits(ForestKernel(forest, "walk").predict(X))


def ladder(*leaf_counts, dtype="float64", first_threshold=0.0, step=1.0):
    """Chains over one feature: right is the next node, and every node has a threshold of its own."""
    trees, first = [], 0
    for n_leaves in leaf_counts:
        node = np.arange(n_leaves - 1)
        right = np.append(node[1:], ~(n_leaves - 1)) if n_leaves > 1 else node
        flags = node % 2  # NAN_LEFT
        threshold = first_threshold + step * (first + node)
        trees.append(Tree(0 * node, threshold, ~node, right, flags, value=np.arange(n_leaves) / 7))
        first += n_leaves - 1
    return Forest.from_trees(trees, n_features=1, n_outputs=1, precision="float64", dtype=dtype)


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "leaf_counts",
    [[1], [2], [3], [4], [5], [8], [9], [16], [17], [18], [32], [33], [64], [65], [128], [129], [256], [257], [258]]
    + [[512], [513], [1025], [2048], [4096], [2049, 2048], [3, 40, 9]],
)
def test_every_leaf_and_threshold_counts_up_to_the_most_that_is_sliced(isa, dtype, leaf_counts):
    forest = ladder(*leaf_counts, dtype=dtype)
    places = np.arange(-1.0, sum(leaf_counts) + 1)
    X = np.concatenate([places, np.nextafter(places, np.inf), np.nextafter(places, -np.inf), [np.nan]])[:, None]
    kernel = ForestKernel(forest, "bitslice", isa)
    assert kernel.kernel == "bitslice"
    for table in (X, X.astype(np.float32)):
        assert bits(kernel.predict(table)) == bits(ForestKernel(forest, "walk").predict(table))


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("n_thresholds", [1, 15, 16, 17, 31, 255, 256, 257, 4095])
def test_doubles_in_the_gap_between_two_floats_are_told_apart(isa, n_thresholds):
    steps = 1 + np.arange(-20, n_thresholds - 20) * 2.0**-30  # some twenty of them round to the same float
    awkward = [-np.inf, -3.5e38, -1e-46, -0.0, 0.0, 5e-324, 1e-45, np.inf]
    thresholds = np.sort(np.append(steps, awkward)[-n_thresholds:])
    cells = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)])
    X = np.concatenate([cells, [np.nan, -np.nan, 0.0, -0.0, np.inf, -np.inf, 1e-300, -1e-300]])[:, None]
    node = np.arange(n_thresholds)
    right = np.append(node[1:], ~n_thresholds)
    tree = Tree(0 * node, thresholds, ~node, right, node % 2, value=np.arange(n_thresholds + 1) / 7)
    for precision in ("float64", "float32"):
        forest = Forest.from_trees([tree], n_features=1, n_outputs=1, precision=precision, dtype="float64")
        kernel = ForestKernel(forest, "bitslice", isa)
        assert kernel.kernel == "bitslice"
        with np.errstate(over="ignore"):
            tables = X, X.astype(np.float32)
        for table in tables:
            assert bits(kernel.predict(table)) == bits(ForestKernel(forest, "walk").predict(table))


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("recipe", [Recipe(seed=5), Recipe(seed=6, dtype="float32", max_leaves=300, n_thresholds=300)])
def test_blocks_of_every_number_of_rows_answer_alike(isa, recipe):
    """Few rows take only the first bytes of each plane; what others left in the rest must not matter."""
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, 1100)
    kernel = ForestKernel(forest, "bitslice", isa)
    expected = ForestKernel(forest, "walk").predict(X)
    for n_rows in [*range(1100, 0, -7), *range(1, 1100, 9)]:
        assert bits(kernel.predict(X[:n_rows])) == bits(expected[:n_rows])


@pytest.mark.parametrize("isa", instruction_sets())
def test_rows_may_begin_and_end_anywhere_in_memory(isa):
    recipe = Recipe(seed=7, n_features=9)
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, 130)
    expected = ForestKernel(forest, "walk").predict(X)
    for dtype in (np.float64, np.float32):
        for shift in range(5):
            with np.errstate(over="ignore"):
                table = np.full((len(X), 9 + shift), np.nan).astype(dtype)
                table[:, shift:] = X
            if dtype == np.float32:
                expected = ForestKernel(forest, "walk").predict(table[:, shift:].copy())
            assert bits(ForestKernel(forest, "bitslice", isa).predict(table[:, shift:])) == bits(expected)


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("first_threshold", [1.0, -1.0, 0.0, np.float64(np.finfo(np.float32).max)])
@pytest.mark.parametrize("n_leaves", [2, 4, 8, 16, 31, 64, 200, 512, 1024])
def test_doubles_between_floats_of_every_sign_and_size_are_told_apart(isa, first_threshold, n_leaves):
    step = np.spacing(first_threshold) if first_threshold else 1e-50
    forest = ladder(n_leaves, first_threshold=first_threshold, step=step)
    places = first_threshold + step * np.arange(-3.0, n_leaves + 3)
    X = np.concatenate([places, places.astype(np.float32), -places])[:, None]
    kernel = ForestKernel(forest, "bitslice", isa)
    assert bits(kernel.predict(X)) == bits(ForestKernel(forest, "walk").predict(X))


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("leaf_counts", [[4097], [2049, 2049]])
def test_forests_too_large_to_slice_are_walked(isa, leaf_counts):
    forest = ladder(*leaf_counts)
    kernel = ForestKernel(forest, "bitslice", isa)
    X = np.arange(-1.0, 5000.0)[:, None]
    assert (kernel.kernel, kernel.isa) == ("interleave", "portable")
    assert bits(kernel.predict(X)) == bits(ForestKernel(forest, "walk").predict(X))


def seconds_to_plan(forest):
    begin = time.process_time()
    assert ForestKernel(forest, "bitslice").kernel == "bitslice"
    return time.process_time() - begin


def test_chains_take_no_longer_to_plan_than_their_length():
    """Looking at every subtree whole would take longer by the square."""
    short, long = ladder(*[400] * 10), ladder(4000)
    assert min(seconds_to_plan(long) for _ in range(3)) < 5 * min(seconds_to_plan(short) for _ in range(3))


def test_a_large_category_set_that_many_nodes_share_is_read_once():
    n_nodes, tree = 50_000, np.arange(50_001)

    def forest(words):
        stump = Tree([0], [0.0], [~0], [~1], [CATEGORICAL], value=[1.0, 2.0], sets={0: words})
        one = vars(Forest.from_trees([stump], n_features=1, n_outputs=1, precision="float64", dtype="float64"))
        many = {name: np.repeat(one[name], n_nodes) for name in ("feature", "threshold", "flags", "category", "output")}
        many |= {"root": tree[1:] - 1, "leaf_start": 2 * tree, "left": ~(2 * tree[:-1]), "right": ~(2 * tree[:-1] + 1)}
        return Forest(**one | many | {name: np.concatenate([one[name]] * n_nodes) for name in ("value", "label")})

    large, small = np.zeros(1 << 17, np.uint32), np.array([5], np.uint32)
    large[-1] = 5
    assert seconds_to_plan(forest(large)) < 8 * seconds_to_plan(forest(small))


def symmetric(second_half):
    """A tree of depth 3, whose last level asks 0.5 in its first half."""
    feature, threshold = [0, 1, 1, 2, 2, 2, 2], [0.1, 0.2, 0.2, 0.5, 0.5, second_half, second_half]
    children = np.array([[1, 3, 5, ~0, ~2, ~4, ~6], [2, 4, 6, ~1, ~3, ~5, ~7]])
    return Tree(np.array(feature), np.array(threshold), *children, np.zeros(7), value=np.arange(8) / 7)


@pytest.mark.parametrize("isa", instruction_sets())
def test_symmetric_trees_take_no_instructions(isa):
    def kernel(*trees):
        forest = Forest.from_trees(trees, n_features=3, n_outputs=1, precision="float64", dtype="float64")
        return ForestKernel(forest, "bitslice", isa)

    many, few = [symmetric(0.5)] * 400, [symmetric(0.5)] * 8
    odd = [symmetric(0.6)] * 400  # one question more, and levels that do not ask one question each
    assert kernel(*many).nbytes - kernel(*few).nbytes < kernel(*odd).nbytes - kernel(*few).nbytes - 400 * 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_in_the_midst_of_an_answer_answers():
    forest, numbers = make_forest(Recipe(seed=3, n_trees=1, max_leaves=4, n_features=2))
    X = np.zeros((200_000, 2))
    kernel = ForestKernel(forest)
    expected = bits(kernel.predict(X[:1]))
    done = threading.Event()

    def ask():
        while not done.is_set():
            kernel.predict(X, n_threads=4)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # a child that hangs ends here, not well
                os._exit(0 if bits(kernel.predict(X[:1])) == expected else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        done.set()
        asking.join()


@pytest.mark.parametrize("isa", instruction_sets())
@hypothesis.given(recipe=recipes)
@hypothesis.settings(max_examples=15)
def test_a_row_answers_alone_as_it_does_among_others_and_on_any_number_of_threads(isa, recipe):
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, 2500)
    kernel = ForestKernel(forest, "auto", isa)
    together = kernel.predict(X)
    assert bits(kernel.predict(X, n_threads=3)) == bits(together)
    for row in (0, 1234, 2499):
        assert bits(kernel.predict(X[row : row + 1])) == bits(together[row : row + 1])
    assert bits(kernel.predict(X[100:131])) == bits(together[100:131])


@pytest.mark.parametrize("isa", instruction_sets())
def test_one_kernel_answers_many_threads_at_once(isa):
    recipe = Recipe(seed=8, n_trees=40, categories=True)
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, 3000)
    kernel = ForestKernel(forest, "auto", isa)
    expected = bits(kernel.predict(X))
    wrong = []

    def ask():
        wrong.extend(i for i in range(20) if bits(kernel.predict(X, n_threads=2)) != expected)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@hypothesis.given(recipe=recipes)
@hypothesis.settings(max_examples=20)
def test_leaves_are_those_whose_values_the_answer_adds(recipe):
    forest, numbers = make_forest(recipe)
    X = make_table(recipe, numbers, 70)
    kernel = ForestKernel(forest, "auto", instruction_sets()[0])
    labels = np.empty((len(X), forest.n_trees), np.int32)
    kernel.leaves_into(X, labels, 2)
    sums = np.repeat(forest.base[None, :], len(X), axis=0)
    for t in range(forest.n_trees):
        place = np.empty(forest.leaf_start[t + 1] - forest.leaf_start[t], np.int64)
        place[forest.label[forest.leaf_start[t] : forest.leaf_start[t + 1]]] = np.arange(
            forest.leaf_start[t], forest.leaf_start[t + 1]
        )
        value = forest.value[place[labels[:, t]]]
        if forest.output[t] < 0:
            sums += value
        else:
            sums[:, forest.output[t]] += value[:, 0]
    assert bits(sums) == bits(kernel.predict(X))


def test_tables_a_kernel_cannot_read_are_refused():
    kernel = ForestKernel(make_forest(Recipe(seed=1))[0])
    with pytest.raises(ValueError, match="expected"):
        kernel.predict(np.zeros((3, 4)))
    with pytest.raises(TypeError, match="float32 or float64"):
        kernel.predict(np.zeros((3, 5), np.int64))
    with pytest.raises(TypeError, match="float32 or float64"):
        kernel.predict(np.zeros((3, 5), ">f8"))
    for out, came in [
        (np.zeros((2, 1)), "got C-contiguous float64 (2, 1)"),
        (np.zeros((6, 1))[::2], "got not C-contig"),
    ]:
        with pytest.raises(ValueError, match=re.escape(came)):
            kernel.predict_into(np.zeros((3, 5)), out)
        with pytest.raises(ValueError, match=r"int32 \(3, \d+\), " + re.escape(came)):
            kernel.leaves_into(np.zeros((3, 5)), out)
    with pytest.raises(ValueError, match="isa"):
        ForestKernel(make_forest(Recipe(seed=1))[0], "auto", "mmx")


def test_no_rows_give_no_answers():
    for isa in instruction_sets():
        assert ForestKernel(make_forest(Recipe(seed=1))[0], "bitslice", isa).predict(np.zeros((0, 5))).shape == (0, 1)
