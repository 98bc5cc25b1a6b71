"""LightGBM's text format, read without LightGBM: what is cut, forged or damaged is refused, with the place."""

import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightgbm_texts import Split, TreeText, grow, model_text

import perfcore
from perfcore.errors import ConfigurationError, ModelFormatError, UnsupportedModelError
from perfcore.readers.lightgbm import model_of
from perfcore.readers.lightgbm_text import parse

RNG = np.random.default_rng(5)
TREES = [grow(RNG, n, "random", 3, True, True) for n in (1, 2, 7)]
TEXT = model_text(TREES, 3).replace(
    "\npandas_categorical:null",
    '\nparameters:\n[categorical_feature: 1]\n\nend of parameters\n\npandas_categorical:[["a", "b"]]',
)
DATA = TEXT.encode()


def test_every_part_of_the_text_is_read():
    text = parse(DATA, "model.txt")
    assert (text.version, text.n_features, text.trees_per_iteration, text.n_iterations) == ("v4", 3, 1, 3)
    assert text.feature_names == ("Column_0", "Column_1", "Column_2")
    assert (text.objective, text.averages) == ("regression", False)
    assert text.pandas_categorical == (("a", "b"),)
    assert text.categorical_features == (1,)
    for source, tree in zip(TREES, text.trees, strict=True):
        assert tree.n_leaves == len(source.leaf_value)
        assert tree.threshold.tolist() == [s.threshold for s in source.splits]
        assert tree.leaf_value.tolist() == source.leaf_value
        assert tree.left.tolist() == [s.left for s in source.splits]
        assert tree.decision_type.tolist() == [s.decision for s in source.splits]
        assert [(c, f.tolist(), w.tolist()) for c, f, w in tree.linear] == source.linear


def test_every_cut_is_noticed_up_to_the_end_of_the_trees():
    for size in range(DATA.index(b"end of trees") + len(b"end of trees") - 1):
        with pytest.raises((ModelFormatError, UnsupportedModelError)):
            parse(DATA[:size], "model.txt")


@pytest.mark.parametrize("mark", [b"[categorical_feature", b"end of param", b"_categorical:", b'"a"', b'"b"]'])
def test_cuts_behind_the_trees_are_noticed(mark):
    with pytest.raises(ModelFormatError, match="model.txt"):
        parse(DATA[: DATA.index(mark) + 1], "model.txt")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_class", "2147483647"),
        ("num_class", "0"),
        ("max_feature_idx", "2000000000"),
        ("max_feature_idx", "99999999999999999999"),
        ("num_leaves", "2000000000"),
        ("num_leaves", "-3"),
        ("num_cat", "2000000000"),
        ("num_features", "2000000000 2000000000"),
        ("tree_sizes", "999999999999999"),
        ("tree_sizes", "1 2 3"),
        ("tree_sizes", "-5"),
        ("cat_boundaries", "0 2000000000"),
        ("cat_boundaries", "0 -1"),
        ("cat_threshold", "4294967296"),
        ("split_feature", "3"),
        ("split_feature", "-1"),
        ("split_feature", "4294967296"),
        ("threshold", "1_0"),
        ("threshold", "one"),
        ("threshold", "1 2"),
        ("threshold", ""),
        ("decision_type", "128"),
        ("decision_type", "-1"),
        ("left_child", "0"),
        ("left_child", "-9"),
        ("left_child", "1"),
        ("right_child", "-1"),
        ("leaf_value", "1"),
        ("leaf_value", "1 2 3"),
        ("is_linear", "maybe"),
    ],
)
def test_forged_values_are_refused_with_the_place_and_without_their_memory(key, value):
    tree = TreeText([Split(1, 0.0, 1, -1, -2)], [1.0, 2.0], [[1]], linear=[(0.0, [0], [1.0]), (0.0, [], [])])
    text = model_text([tree], 3)
    forged = re.sub(rf"^{key}=.*$", f"{key}={value}", text, flags=re.M)
    assert forged != text
    if key != "tree_sizes":
        size = len(forged[forged.index("Tree=0") : forged.index("end of trees")])
        forged = re.sub(r"^tree_sizes=.*$", f"tree_sizes={size}", forged, flags=re.M)
    tracemalloc.start()
    with pytest.raises((ModelFormatError, UnsupportedModelError), match="model.txt.*(line|tree|num_class)"):
        _read(forged)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def _read(text):
    return _model_of(parse(text.encode(), "model.txt"))


def _model_of(parsed):
    return model_of(parsed, (0, parsed.n_iterations), "model.txt")


@pytest.mark.parametrize("key", ["num_leaves", "num_cat", "split_feature", "threshold", "left_child", "leaf_value"])
def test_a_missing_line_is_named(key):
    text = model_text([TreeText([Split(0, 0.0, 0, -1, -2)], [1.0, 2.0])], 1)
    cut = re.sub(rf"^{key}=.*\n", "", text, flags=re.M)
    cut = re.sub(
        r"^tree_sizes=.*$", "tree_sizes=" + str(cut.index("end of trees") - cut.index("Tree=")), cut, flags=re.M
    )
    with pytest.raises(ModelFormatError, match=f"tree 0: {key}= is missing"):
        _read(cut)


def test_nodes_in_a_circle_are_refused():
    splits = [Split(0, 0.0, 0, -1, -2), Split(0, 0.0, 0, 2, -3), Split(0, 0.0, 0, 1, -4)]
    with pytest.raises(ModelFormatError, match="tree 0: 2 nodes cannot be reached"):
        _read(model_text([TreeText(splits, [0.0] * 4)], 1))


@pytest.mark.parametrize("number", ["1", "-1", "nan"])
def test_a_category_set_out_of_range_is_refused(number):
    tree = TreeText([Split(0, float(number), 1, -1, -2)], [1.0, 2.0], [[1]])
    with pytest.raises(ModelFormatError, match="tree 0, node 0: category set"):
        _read(model_text([tree], 1))


@pytest.mark.parametrize("version", ["v1", "v5", ""])
def test_other_versions_are_refused(version):
    with pytest.raises(UnsupportedModelError, match="v2, v3, v4"):
        parse(model_text(TREES, 3, version=version).encode(), "model.txt")


@pytest.mark.parametrize(
    "objective", ["my_own", "binary", "binary sigmoid:0", "binary sigmoid:x", "multiclass num_class:2"]
)
def test_objectives_that_lightgbm_does_not_open_are_refused(objective):
    with pytest.raises((UnsupportedModelError, ModelFormatError), match="model.txt"):
        _read(model_text(TREES, 3, objective))


def test_iteration_ranges_out_of_the_model_are_refused(tmp_path):
    path = tmp_path / "m.txt"
    path.write_text(TEXT)
    assert perfcore.compile(path, iteration_range=(1, 3)).apply(np.zeros((1, 3))).shape == (1, 2)
    for wrong in ((0, 0), (2, 1), (-1, 2), (0, 4)):
        with pytest.raises(ConfigurationError, match="allowed: 0 <= begin < end <= 3"):
            perfcore.compile(path, iteration_range=wrong)


@given(st.integers(0, len(DATA) - 1), st.binary(min_size=0, max_size=4), st.integers(0, 4))
def test_damage_anywhere_is_read_as_it_stands_or_refused_on_purpose(at, inserted, dropped):
    damaged = DATA[:at] + inserted + DATA[at + dropped :]
    try:
        _model_of(parse(damaged, "model.txt"))
    except (ModelFormatError, UnsupportedModelError):
        pass


def test_no_framework_is_imported_to_read_a_file(tmp_path):
    path = tmp_path / "m.txt"
    path.write_text(TEXT)
    code = (
        "import sys, perfcore; p = perfcore.compile(sys.argv[1]); p.predict([[0.0, 1.0, 2.0]]);"
        "p.predict_one([0, 1, 2]); p.save(sys.argv[1] + '.pcore'); perfcore.load(sys.argv[1] + '.pcore');"
        "assert not {'lightgbm', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
