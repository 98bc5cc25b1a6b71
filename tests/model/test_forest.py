"""A forest that is made at all is one that a kernel may walk without looking."""

import dataclasses

import numpy as np
import pytest

from perfcore import ModelFormatError
from perfcore._ext.forest import ForestKernel
from perfcore.model import Forest, LinearLeaves, Tree
from perfcore.model.forest import CATEGORICAL, NAN_LEFT, OTHER_LEFT, ZERO_MISSING


def stump(threshold=0.5, values=(1.0, 2.0), **rest):
    return Tree(
        feature=np.array([0]),
        threshold=np.array([threshold]),
        left=np.array([~0]),
        right=np.array([~1]),
        flags=np.array([NAN_LEFT]),
        value=np.array(values),
        **rest,
    )


def chain(n_nodes):
    """A tree as deep as it has nodes: right is the next node, left a leaf."""
    node = np.arange(n_nodes)
    right = np.append(node[1:], ~n_nodes)
    return Tree(
        feature=node % 2,
        threshold=node.astype(float),
        left=~node,
        right=right,
        flags=np.zeros(n_nodes),
        value=np.arange(n_nodes + 1.0),
    )


def constant(value=7.0):
    none = np.empty(0)
    return Tree(feature=none, threshold=none, left=none, right=none, flags=none, value=np.array([value]))


def categorical():
    tree = stump()
    tree.flags = np.array([CATEGORICAL | OTHER_LEFT])
    tree.sets = {0: np.array([0b101, 0b1], np.uint32)}
    return tree


def linear():
    return stump(linear=[(0.5, np.array([0, 1]), np.array([2.0, 3.0])), (0.25, np.array([1]), np.array([4.0]))])


def forest(*trees, dtype="float64", **rest):
    given = {"n_features": 2, "n_outputs": 1, "precision": "float64", "dtype": dtype} | rest
    return Forest.from_trees(trees or (stump(), chain(5), constant(), categorical(), linear()), **given)


def changed(whole, **fields):
    return dataclasses.replace(whole, **fields)


def with_cell(whole, name, at, cell):
    array = getattr(whole, name).copy()
    array[at] = cell
    return changed(whole, **{name: array})


@pytest.fixture
def whole():
    return forest()


def test_the_sound_forest_passes_and_answers(whole):
    answer = ForestKernel(whole).predict(np.array([[0.2, 1.0], [np.nan, 9.0]]))
    # stump 1, chain: leaf of the first cell <= its threshold, constant 7, code 0 in the set, linear leaf
    assert answer[0, 0] == 1.0 + 1.0 + 7.0 + 1.0 + (0.5 + 2.0 * 0.2 + 3.0 * 1.0)
    assert whole.depth == 5


ARRAYS = [f.name for f in dataclasses.fields(Forest) if f.name not in ("linear",)][3:-3]


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_held_contiguous_and_read_only_without_touching_the_givers(whole, name):
    mine = np.repeat(getattr(whole, name), 2, axis=0)[::2]
    assert mine.flags.writeable
    held = getattr(changed(whole, **{name: mine}), name)
    assert held.flags.c_contiguous and held.flags.aligned and not held.flags.writeable
    assert mine.flags.writeable
    assert (held == mine).all()


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_a_cell_short_or_long_or_of_another_shape_are_refused(whole, name):
    array = getattr(whole, name)
    long = np.concatenate([array, array[-1:] + (name == "set_start")])  # one more empty set would be sound
    for wrong in (array[:-1], long, array[..., None], np.array(1.0), array[None]):
        with pytest.raises(ModelFormatError):
            changed(whole, **{name: wrong})


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("odd", ["object", "U3", "complex128", "datetime64[s]"])
def test_arrays_of_another_kind_are_refused(whole, name, odd):
    with pytest.raises(ModelFormatError, match="must be an array|leaf dtype"):
        changed(whole, **{name: np.zeros(getattr(whole, name).shape, odd)})


def test_zero_as_missing_is_for_numeric_nodes_alone(whole):
    node = np.flatnonzero(whole.flags & CATEGORICAL)[0]
    with pytest.raises(ModelFormatError, match="zero as missing"):
        with_cell(whole, "flags", node, CATEGORICAL | ZERO_MISSING)


@pytest.mark.parametrize("name", ["feature", "left", "right", "category", "root", "leaf_start", "output", "label"])
def test_numbers_that_would_wrap_are_refused(whole, name):
    wide = getattr(whole, name).astype(np.int64) + 2**32
    with pytest.raises(ModelFormatError, match="cannot"):
        changed(whole, **{name: wide})


def test_a_base_that_float32_cannot_hold_is_refused():
    with pytest.raises(ModelFormatError, match="base"):
        changed(forest(stump(), dtype="float32"), base=np.array([0.1]))


@pytest.mark.parametrize("name", ["feature", "left", "right", "flags", "category", "root", "output"])
@pytest.mark.parametrize("cell", [-(2**31), -1000, -2, 2, 1000, 2**31 - 1])
def test_every_link_out_of_range_is_refused(whole, name, cell):
    array = getattr(whole, name)
    refused = 0
    for at in range(len(array)):
        if name == "flags":
            cell = 16 + abs(cell) % 200
        if array[at] == cell or (name == "category" and cell < 0 and array[at] < 0):
            continue
        if name in ("left", "right", "root") and -whole.n_leaves <= cell < len(whole.feature):
            continue  # in range: a matter of the next tests
        with pytest.raises(ModelFormatError):
            with_cell(whole, name, at, cell)
        refused += 1
    assert refused or abs(cell) <= 2


def test_every_link_pointed_elsewhere_is_refused(whole):
    """One changed link always leaves a node or leaf reached twice and another never."""
    for name in ("left", "right", "root"):
        for at in range(len(getattr(whole, name))):
            for target in range(-whole.n_leaves, len(whole.feature)):
                if target != getattr(whole, name)[at]:
                    with pytest.raises(ModelFormatError):
                        with_cell(whole, name, at, target)


def test_exchanged_links_pass_only_where_the_walk_still_ends_in_its_own_tree(whole):
    """Two exchanged links keep the counts; what is let through must be walkable and stay in its tree."""
    names = [(name, at) for name in ("left", "right", "root") for at in range(len(getattr(whole, name)))]
    passed = 0
    for i, (name, at) in enumerate(names):
        for other, there in names[i + 1 :]:
            arrays = {n: getattr(whole, n).copy() for n in ("left", "right", "root")}
            arrays[name][at], arrays[other][there] = arrays[other][there], arrays[name][at]
            try:
                swapped = changed(whole, **arrays)
            except ModelFormatError:
                continue
            passed += 1
            for tree, root in enumerate(swapped.root):
                assert leaves_below(swapped, root) == set(range(swapped.leaf_start[tree], swapped.leaf_start[tree + 1]))
    assert passed


def leaves_below(whole, node):
    if node < 0:
        return {~int(node)}
    return leaves_below(whole, whole.left[node]) | leaves_below(whole, whole.right[node])


def test_a_cycle_is_refused():
    looped = forest(chain(3))
    with pytest.raises(ModelFormatError, match="before its parent"):
        # 0 -> 1 -> 2 -> 1 with the leaves shared out so that every count fits
        changed(looped, left=np.array([~0, ~1, 1]), right=np.array([2, ~3, ~2]))


def test_a_child_of_itself_is_refused():
    with pytest.raises(ModelFormatError):
        with_cell(forest(stump()), "left", 0, 0)


def test_offsets_whose_differences_wrap_are_refused():
    words = np.zeros(3, np.uint32)
    two = forest(categorical(), categorical())
    wrapping = np.array([0, 2**63 - 1, -(2**63), 3], np.int64)
    with pytest.raises(ModelFormatError, match="set_start"):
        changed(two, set_start=wrapping, set_words=words)
    with pytest.raises(ModelFormatError, match="leaf_start"):
        changed(forest(stump(), stump(), stump()), leaf_start=np.array([0, 2**31 - 1, -(2**31), 6], np.int32))
    one = forest(linear())
    start = np.array([0, 2**31 - 1, 3], np.int32)
    with pytest.raises(ModelFormatError, match="start"):
        changed(one, linear=changed(one.linear, start=start))


@pytest.mark.parametrize("name", ["set_start", "leaf_start"])
@pytest.mark.parametrize("cell", [-1, -(2**31), 2**31 - 1, 1000])
def test_every_offset_out_of_range_is_refused(whole, name, cell):
    for at in range(len(getattr(whole, name))):
        with pytest.raises(ModelFormatError):
            with_cell(whole, name, at, cell)


def test_empty_offsets_are_refused(whole):
    with pytest.raises(ModelFormatError, match="set_start"):
        changed(forest(stump()), set_start=np.empty(0, np.int64))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n_features", [-1, 2**31, 1.5, "2", None]),
        ("n_outputs", [0, -1, 2**31, 2, "1"]),
        ("precision", ["float16", None, 64]),
        ("zero_bound", ["0", None, 1j]),
        ("missing", ["nan", None]),
        ("truncates_negative", [1, "yes", None]),
        ("linear", [{}, "linear", 3]),
    ],
)
def test_scalars_out_of_range_are_refused(whole, name, values):
    for value in values:
        with pytest.raises(ModelFormatError):
            changed(whole, **{name: value})


def test_leaves_in_another_dtype_or_byte_order_are_refused(whole):
    for dtype in ("float16", "int64", ">f8", "longdouble"):
        with pytest.raises(ModelFormatError):
            changed(whole, value=whole.value.astype(dtype))


def test_vector_leaves_and_output_columns_must_agree():
    vector = stump(values=[[1.0, 2.0], [3.0, 4.0]], output=-1)
    assert forest(vector, n_outputs=2).value.shape == (2, 2)
    with pytest.raises(ModelFormatError, match="output"):
        forest(stump(values=[[1.0, 2.0], [3.0, 4.0]], output=0), n_outputs=2)
    with pytest.raises(ModelFormatError, match="shape"):
        forest(vector, n_outputs=3)
    with pytest.raises(ModelFormatError, match="output"):
        forest(stump(output=-1), n_outputs=1)


@pytest.mark.parametrize("field", ["constant", "start", "feature", "coefficient", "applies"])
def test_linear_leaves_short_strided_or_out_of_range_are_refused_or_held_plainly(field):
    whole = forest(linear(), linear())
    array = getattr(whole.linear, field)
    strided = changed(whole, linear=changed(whole.linear, **{field: np.repeat(array, 2)[::2]}))
    assert getattr(strided.linear, field).flags.c_contiguous
    for wrong in (array[:-1], array[:, None], np.append(array, array[-1:]), array.astype(object)):
        with pytest.raises(ModelFormatError):
            changed(whole, linear=changed(whole.linear, **{field: wrong}))


def test_linear_leaves_in_narrow_dtypes_are_widened():
    narrow = LinearLeaves(
        constant=np.array([0.5, 0.25], np.float32),
        start=np.array([0, 2, 3], np.int64),
        feature=np.array([0, 1, 1], np.int64),
        coefficient=np.array([2.0, 3.0, 4.0], np.float32),
        applies=np.array([True, True]),
    )
    x = np.array([[0.2, 1.0]])
    wide = forest(linear())
    assert ForestKernel(changed(wide, linear=narrow)).predict(x) == ForestKernel(wide).predict(x)


@pytest.mark.parametrize("feature", [-1, 2, 2**31 - 1])
def test_a_linear_leaf_of_a_feature_out_of_range_is_refused(feature):
    whole = forest(linear())
    with pytest.raises(ModelFormatError, match="feature"):
        changed(whole, linear=changed(whole.linear, feature=np.array([0, feature, 1])))


def test_linear_leaves_need_scalar_doubles():
    with pytest.raises(ModelFormatError, match="linear"):
        forest(linear(), dtype="float32")


@pytest.mark.parametrize("n_nodes", [1, 300, 20_000])
def test_a_chain_is_walked_to_its_end_however_deep(n_nodes):
    deep = forest(chain(n_nodes))
    assert deep.depth == n_nodes
    x = np.array([[1e9, 1e9], [-1.0, 5.0], [n_nodes / 2, n_nodes / 2]])
    assert ForestKernel(deep).predict(x).ravel().tolist() == [n_nodes, 0.0, np.ceil(n_nodes / 2)]


def test_a_forest_without_trees_answers_its_base():
    empty = Forest.from_trees([], n_features=3, n_outputs=2, precision="float32", dtype="float32", base=[1.5, 2.5])
    assert empty.depth == 0 and empty.n_leaves == 0
    assert ForestKernel(empty).predict(np.zeros((2, 3))).tolist() == [[1.5, 2.5], [1.5, 2.5]]
