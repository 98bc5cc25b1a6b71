"""Files made to mislead: refused with the place, in memory and time that their length allows."""

import copy
import gzip
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
import small_models
from cbm_files import cbm
from lightgbm_texts import Split, TreeText, model_text
from questions import ask
from xgboost_documents import as_ubjson, document, tree

import perfcore
from perfcore import ModelFormatError, UnsupportedModelError
from perfcore.__main__ import main
from perfcore.model import Forest, Linear, Tree
from perfcore.model import file as pcore
from perfcore.readers import lightgbm_text, ubjson
from perfcore.readers.catboost_cbm import CbmModel

TEXTS = small_models.lightgbm_texts()
DOCUMENTS = small_models.xgboost_documents()


@pytest.fixture
def compiled(tmp_path):
    def compiled(data):
        (tmp_path / "model").write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        return perfcore.compile(tmp_path / "model")

    return compiled


@pytest.fixture
def little_memory():
    """Python's and numpy's own allocations stay below 20 MB, whatever a file of a few kilobytes asks for."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def text(name, sizes=True, **lines):
    """A LightGBM text with other lines, and tree sizes that fit."""
    changed = TEXTS[name].decode()
    for key, value in lines.items():
        changed, n = re.subn(rf"^{key}=.*$", f"{key}={value}", changed, flags=re.M)
        assert n
    if not sizes:
        return changed.encode()
    parts = re.findall(r"Tree=.*?(?=Tree=|end of trees)", changed, flags=re.S)
    return re.sub(
        r"^tree_sizes=.*$", "tree_sizes=" + " ".join(str(len(part)) for part in parts), changed, flags=re.M
    ).encode()


def parameters(name, **changed):
    record = copy.deepcopy(DOCUMENTS[name])
    record["learner"]["learner_model_param"] |= changed
    return record


def model_part(name, **changed):
    record = copy.deepcopy(DOCUMENTS[name])
    record["learner"]["gradient_booster"]["model"] |= changed
    return record


def first_tree(name, **changed):
    record = copy.deepcopy(DOCUMENTS[name])
    record["learner"]["gradient_booster"]["model"]["trees"][0] |= changed
    return record


HUGE = 2**31 - 2
LIGHTGBM = {
    "as many classes as an int": (text("forest", num_class=HUGE, num_tree_per_iteration=HUGE), "line 3: num_class"),
    "leaves without their values": (text("plain", num_leaves=HUGE), "tree 0: leaf_value has"),
    "a count with an underscore": (text("plain", num_leaves="0_3"), "tree 0: num_leaves"),
    "a count in other digits": (text("plain", num_class="\u0661"), "line 3: num_class"),
    "a count of endless digits": (text("plain", num_class="1" * 100_000), "line 3: num_class=b'1111"),
    "features of endless digits": (text("plain", max_feature_idx="9" * 5000), "max_feature_idx"),
    "children that point back": (text("classes", left_child="0 0"), "tree 0: left_child and right_child"),
    "a child of two parents": (text("plain", left_child="1 1"), "tree 0"),
    "categories of categories": (TEXTS["categories"].replace(b'"a", ', b'["a"], '), "pandas_categorical.*list"),
    "a category of endless digits": (TEXTS["categories"].replace(b"2.5", b"9" * 4000), "pandas_categorical.*64 bits"),
    "a zero byte": (TEXTS["plain"].replace(b"threshold", b"thres\0old"), "byte .*a zero byte"),
    "latin-1": (TEXTS["plain"].replace(b"Column_0", b"Gr\xf6\xdfe"), "line .*not UTF-8"),
    "no label_index": (TEXTS["plain"].replace(b"label_index=0\n", b""), "label_index"),
}  # fmt: skip
XGBOOST = {
    "as many outputs as an int holds": (parameters("plain", num_class=str(HUGE)), "outputs"),
    "a target of 2**63": (parameters("plain", num_target=str(2**63)), "outputs"),
    "features beyond an int": (parameters("plain", num_feature=str(2**40)), "n_features"),
    "features with an underscore": (parameters("plain", num_feature="0_2"), "num_feature: '0_2'"),
    "a score with an underscore": (parameters("plain", base_score="1_0"), "score: '1_0'"),
    "nodes without themselves": (first_tree("plain", tree_param={"num_nodes": str(HUGE)}), r"trees\[0\].left_children"),
    "a text among numbers": (first_tree("plain", left_children=["a" * 50_000] + [0] * 5000), "left_children: expected"),
    "a list among numbers": (first_tree("plain", left_children=[[1], 2, 3, 4, 5]), "left_children: expected"),
    "children that point back": (first_tree("plain", left_children=[1, -1, 0, -1, -1], right_children=[2, 0, 1, 0, 0]),
                                 r"trees\[0\]: a node with two parents"),
    "one child twice": (first_tree("plain", left_children=[1, -1, 1, -1, -1], right_children=[2, -1, 2, -1, -1]),
                        r"trees\[0\]: a node with two parents"),
    "rounds of 2**62 trees": (model_part("plain", iteration_indptr=[0, 2**62]), "iteration_indptr"),
    "a category beyond all": (first_tree("categories", categories=[1, 3, 2**40]), r"trees\[0\].categories"),
    "categories of two nodes": (
        document([tree([("split", 0, [1], False, 1, 2), ("leaf", 1), ("split", 0, [2], False, 3, 4), ("leaf", 1),
                        ("leaf", 2)], 2) | {"categories_segments": [0, 0], "categories_sizes": [2, 2]}], 2),
        "belong to two nodes"),
}  # fmt: skip
NOT_MODELS = {
    "nothing": (b"", "begins with b''"),
    "gzip": (gzip.compress(TEXTS["plain"]), "gzip"),
    "a pickle": (pickle.dumps([1]), "a pickle"),
    "UTF-16": (TEXTS["plain"].decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (TEXTS["plain"].decode().encode("utf-16-le"), "UTF-16"),
    "UTF-16, JSON": (json.dumps(DOCUMENTS["plain"]).encode("utf-16-le"), "UTF-16"),
    "a byte order mark": (b"\xef\xbb\xbf" + TEXTS["plain"], "byte order mark"),
    "perfcore's own": (small_models.pcore_files()["lightgbm plain"], "perfcore.load"),
}


@pytest.mark.parametrize("what", LIGHTGBM)
def test_forged_lightgbm_texts_are_refused(what, compiled, little_memory):
    data, message = LIGHTGBM[what]
    with pytest.raises(ModelFormatError, match=message) as error:
        compiled(data)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("write", [lambda each: json.dumps(each).encode(), as_ubjson], ids=["json", "ubjson"])
@pytest.mark.parametrize("what", XGBOOST)
def test_forged_xgboost_documents_are_refused(what, write, compiled, little_memory):
    record, message = XGBOOST[what]
    try:
        data = write(record)
    except (ValueError, TypeError, OverflowError, struct.error):
        pytest.skip("not to be written in UBJSON")
    with pytest.raises(ModelFormatError, match=message):
        compiled(data)


@pytest.mark.parametrize("what", NOT_MODELS)
def test_what_is_no_model_is_named(what, compiled):
    data, message = NOT_MODELS[what]
    with pytest.raises(ModelFormatError, match=f"model.*{message}"):
        compiled(data)


# -- memory and time out of proportion ----------------------------------------------------------------------------


def test_a_set_that_many_nodes_name_is_refused(compiled, little_memory):
    splits = [Split(0, 0.0, 1, ~i, i + 1) for i in range(300)]
    splits[-1].right = ~300
    with pytest.raises(ModelFormatError, match="tree 0: a category set of two nodes"):
        compiled(model_text([TreeText(splits, [1.0] * 301, [[32 * 2000]])], 1).encode())


def test_a_large_category_in_every_node_is_refused_before_its_memory_is_taken(compiled):
    nodes = []
    for i in range(400):
        nodes += [("split", 0, [2**24 - 1], False, 2 * i + 1, 2 * i + 2), ("leaf", 1.0)]
    tracemalloc.start()
    with pytest.raises(UnsupportedModelError, match=r"trees\[0\]: category sets of more than 256 MB"):
        compiled(document([tree([*nodes, ("leaf", 2.0)], 1)], 1))
    assert tracemalloc.get_traced_memory()[1] < 600 << 20
    tracemalloc.stop()


def test_catboost_outputs_without_leaves_are_refused(compiled, little_memory):
    empty = {name: np.empty(0, np.int32) for name in ("splits", "sizes", "starts", "steps", "leaf_of_step")}
    rest = {"leaves": np.empty(0), "scale": 1.0, "bias": np.empty(0), "info": {}}
    with pytest.raises(ModelFormatError, match=r"model: byte \d+: 2147483647 outputs"):
        compiled(cbm(CbmModel("", 2**31 - 1, [], small_models.NO_CATEGORIES, **empty, **rest), {}))


@pytest.mark.parametrize(
    "coef, gap", [(np.empty((0, 2**45)), 0), (np.empty((2**45, 0)), 0), (np.zeros((10**5, 1)), 2**19)], ids=str
)
def test_linear_models_of_more_than_their_file_are_refused(coef, gap):
    with pytest.raises(ModelFormatError, match="linear: "):
        Linear(coef, np.zeros(1), gap)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_texts_without_tree_sizes_are_read_in_time_of_their_length(newline, compiled):
    """Each tree's end was once looked for up to the end of the file."""
    data = TEXTS["oldest"]
    begin, second, end = (data.index(mark) for mark in (b"Tree=0", b"Tree=1", b"end of trees"))

    def seconds(n):
        made = (data[:begin] + data[begin:second] * n + data[end:]).replace(b"\n", newline)
        start = time.process_time()
        lightgbm_text._parts_by_line(made, made.index(b"Tree=0"), "model")
        return time.process_time() - start

    assert seconds(16_000) < 40 * max(seconds(1_000), 1e-3)


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"a":' * 100_000, b'{"learner":[' + b"[" * 100_000], ids=["list", "dict", "both"]
)
def test_deep_nesting_is_refused(data, compiled):
    with pytest.raises(ModelFormatError):
        compiled(data if data[:1] == b"{" else b'{"learner":' + data)
    with pytest.raises(ModelFormatError, match="deep|UBJSON"):
        ubjson.loads(data)


def test_a_chain_of_many_nodes_is_walked_and_planned_without_recursion():
    n = 300_000
    left, right = ~np.arange(n), np.arange(1, n + 1)
    right[-1] = ~n
    chain = Tree(
        np.zeros(n, np.int32),
        np.arange(n, dtype=float),
        left,
        right,
        np.zeros(n, np.uint8),
        np.arange(n + 1, dtype=float),
    )
    forest = Forest.from_trees([chain], n_features=1, n_outputs=1, precision="float64", dtype="float64")
    answer = perfcore.kernels.make(forest, None, "portable").predict(np.array([[0.5], [n * 2.0]]))
    assert answer.ravel().tolist() == [1.0, n]


# -- numbers that no training writes, but that are numbers --------------------------------------------------------


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "-0", "007", "+1", "1e-400", "0x10", "1_0", ""])
def test_odd_numbers_of_a_text_are_read_as_lightgbm_reads_them_or_refused(number, tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    path = tmp_path / "model.txt"
    path.write_bytes(text("plain", threshold=f"{number} 1") if number else text("plain", leaf_value="1  2"))
    try:
        fast = perfcore.compile(path)
    except ModelFormatError as error:
        assert "tree 0" in str(error) or "tree 1" in str(error)
        return
    perfcore.verify(fast, lightgbm.Booster(model_file=str(path)), np.array([[0.0, 0.0], [np.nan, 1.0], [7.0, -3.0]]))


def test_line_ends_of_windows_are_read(compiled):
    data = TEXTS["oldest"]
    assert compiled(data.replace(b"\n", b"\r\n")).fingerprint == compiled(data).fingerprint


def test_of_a_key_twice_the_last_counts_as_in_xgboost(compiled):
    once = json.dumps(DOCUMENTS["plain"])
    twice = once.replace('"base_score": "[5E-1]"', '"base_score": "[9E0]", "base_score": "[5E-1]"')
    assert twice != once
    assert compiled(twice.encode()).fingerprint == compiled(once.encode()).fingerprint


# -- what is no file ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes")
def test_folders_and_pipes_are_refused_at_once(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        for opened in (perfcore.compile, perfcore.load):
            with pytest.raises(ModelFormatError, match="not a regular file"):
                opened(path)
        assert main(["inspect", str(path)]) == 2
        assert "not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["plain", "classes"])
def test_inspect_says_what_is_wrong_and_where(name, tmp_path):
    path = tmp_path / "model.txt"
    path.write_bytes(TEXTS[name][:-300])
    ran = subprocess.run([sys.executable, "-m", "perfcore", "inspect", str(path)], capture_output=True, text=True)
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    assert ran.stderr.startswith(f"error: {path}")


# -- .pcore fields that no reader makes ---------------------------------------------------------------------------

ODD = [2**100, 2**63, -1, 0, 3, True, None, float("nan"), -1.0, "", "x", "softmax", (), ("a", "b"), (None, None)]
ODD += [
    2**40,
    np.array([]),
    np.empty((0, 2**45)),
    np.empty((2**45, 0)),
    np.array(3),
    np.array([[1, 2], [3, 4]]),
    np.array(["a", None], object),
    (np.array(3), None),
]


MODELS = small_models.pcore_models()
FEW = {
    "sklearn network",
    "sklearn stacking",
    "lightgbm linear",
    "xgboost categories",
    "catboost categories",
    "sklearn forest",
    "sklearn linear",
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.long) for name in MODELS]
)
def test_a_field_with_another_value_is_refused_or_leaves_a_model_to_be_asked(name):
    model = MODELS[name]
    for part in ("body", "inputs", "answers"):
        for field in vars(getattr(model, part)):
            for number, value in enumerate(ODD):
                changed = _with(model, part, _with(getattr(model, part), field, value))
                try:
                    loaded = pcore.from_bytes(pcore.to_bytes(changed))
                except (TypeError, ModelFormatError, UnsupportedModelError):  # TypeError: not to be saved
                    continue
                with np.errstate(all="ignore"):
                    ask(loaded, number)


@pytest.mark.parametrize("body", ["lightgbm plain", "xgboost linear", "sklearn linear", "sklearn voting"])
@pytest.mark.parametrize("inputs", ["lightgbm plain", "sklearn linear", "sklearn voting"])
def test_inputs_that_read_tables_for_another_kind_of_body_are_refused(body, inputs):
    own, other = MODELS[body].inputs, MODELS[inputs].inputs
    changed = pcore.to_bytes(_with(MODELS[body], "inputs", other))
    if any(hasattr(own, way) and hasattr(other, way) for way in ("blocks", "array", "table")):
        pcore.from_bytes(changed)
        return
    with pytest.raises(ModelFormatError, match=f"model: {type(other).__name__} of "):
        pcore.from_bytes(changed)


@pytest.mark.parametrize(
    ("model", "part", "changed", "message"),
    [
        ("sklearn rest", "answers", {"members": (), "target": "-1"}, "predict of three rows answers 0"),
        ("sklearn categories", "inputs", {"categories": (None, np.array([["a"], ["b"]], object))}, "list of values"),
    ],
)
def test_what_the_fuzzer_found(model, part, changed, message):
    forged = MODELS[model]
    for field, value in changed.items():
        forged = _with(forged, part, _with(getattr(forged, part), field, value))
    with pytest.raises(ModelFormatError, match=message):
        pcore.from_bytes(pcore.to_bytes(forged))


def _with(owner, field, value):
    """A frozen dataclass with another field, whatever it would say to that."""
    changed = object.__new__(type(owner))
    vars(changed).update(vars(owner) | {field: value})
    return changed
