"""XGBoost documents that are damaged, too new or of another kind; none of this needs xgboost."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xgboost_documents import document, tree

import perfcore
from perfcore.errors import ModelFormatError, UnsupportedModelError
from perfcore.readers.xgboost_document import nearest_float32, parse
from perfcore.readers.xgboost_trees import below

STUMP = tree([("split", 1, 0.5, True, 1, 2), ("leaf", 1.0), ("leaf", 2.0)], 2)
GOOD = document([STUMP, STUMP], 2)


def compiled(tmp_path, record):
    (tmp_path / "model.json").write_text(record if isinstance(record, str) else json.dumps(record))
    return perfcore.compile(tmp_path / "model.json")


def changed(path, value):
    """GOOD with one entry replaced, or taken out where the value is ``...``."""
    record = copy.deepcopy(GOOD)
    *steps, last = path.split(".")
    at = record
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return record


MODEL = "learner.gradient_booster.model"
TREE = f"{MODEL}.trees.1"


def test_a_stump(tmp_path):
    fast = compiled(tmp_path, GOOD)
    assert fast.predict([[0, 0.25], [0, 0.5], [0, np.nan]]).tolist() == [2.5, 4.5, 2.5]
    assert fast.apply([[0, 0.25], [0, 0.5]]).tolist() == [[1, 1], [2, 2]]
    assert fast.n_features_in_ == 2 and not hasattr(fast, "predict_proba")


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("learner", ..., "no XGBoost model: no key 'learner'"),
        ("version", [3, 5, 0], "3.5.0; this perfcore reads up to 3.4"),
        ("version", ["a"], "document.version"),
        ("learner.learner_model_param.num_feature", "x", "num_feature: 'x'"),
        ("learner.learner_model_param.base_score", "[1,2]", "2 numbers for 1 outputs"),
        ("learner.learner_model_param.base_score", "half", "'half'"),
        ("learner.feature_names", ["a"], "expected 2 names"),
        (f"{MODEL}.trees", {}, "model.trees: unexpected dict"),
        (f"{MODEL}.tree_info", [0], "tree_info: 1 entries, expected 2"),
        (f"{MODEL}.tree_info", [0, 1], "outside 0..0"),
        (f"{MODEL}.iteration_indptr", [0, 1], "0 to the 2 trees"),
        (f"{MODEL}.iteration_indptr", [0, 2, 1, 2], "0 to the 2 trees"),
        (f"{TREE}.left_children", [1, -1], r"trees\[1\].left_children: 2 entries, expected 3"),
        (f"{TREE}.left_children", [3, -1, -1], r"trees\[1\]"),
        (f"{TREE}.left_children", [0, -1, -1], r"trees\[1\]"),
        (f"{TREE}.left_children", [1, 1, -1], r"trees\[1\]"),
        (f"{TREE}.right_children", [1, -1, -1], "does not follow"),
        (f"{TREE}.split_indices", [2, 0, 0], "a feature outside 0..1"),
        (f"{TREE}.default_left", [2, 0, 0], "default_left: allowed are 0 and 1, got 2"),
        (f"{TREE}.split_type", [2, 0, 0], "split_type: allowed are 0 and 1, got 2"),
        (f"{TREE}.split_type", [1, 0, 0], "node 0 splits by category but is not listed"),
        (f"{TREE}.split_conditions", ["a", 0, 0], "expected a list of numbers"),
        (f"{TREE}.split_conditions", [[1], 0, 0], "expected a list of numbers"),
        (f"{TREE}.default_left", [0.5, 0, 0], "expected a list of numbers"),
        (f"{TREE}.tree_param.num_nodes", "0", "left_children"),
        (f"{TREE}.tree_param.size_leaf_vector", "2", "leaves of"),
        (f"{TREE}.split_type", [1, 0], "split_type: 2 entries"),
        (f"{TREE}.categories", [-1], "categories: outside"),
        (f"{TREE}.categories", [2**24], "categories: outside"),
    ],
)
def test_damaged_documents_are_refused_with_the_place(path, value, message, tmp_path):
    with pytest.raises(ModelFormatError, match=message) as error:
        compiled(tmp_path, changed(path, value))
    assert "model.json" in str(error.value)


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("learner.gradient_booster.name", "forest", "'forest'"),
        ("learner.objective.name", "reg:mine", "reg:mine"),
    ],
)
def test_models_of_another_kind_are_refused(path, value, message, tmp_path):
    with pytest.raises(UnsupportedModelError, match=message):
        compiled(tmp_path, changed(path, value))


@pytest.mark.parametrize("end", [1, 2, 40, 500, -1])
def test_cut_files_are_refused(end, tmp_path):
    with pytest.raises(ModelFormatError, match=r"model\.json"):
        compiled(tmp_path, json.dumps(GOOD)[:end])


def test_json_of_other_frameworks_is_told_apart(tmp_path):
    path, X = tmp_path / "model.json", np.eye(8)
    catboost, lightgbm = pytest.importorskip("catboost"), pytest.importorskip("lightgbm")
    catboost.CatBoostRegressor(iterations=2, verbose=False, allow_writing_files=False).fit(
        X, list(range(8))
    ).save_model(str(path), format="json")
    with pytest.raises(ModelFormatError, match=r"this is CatBoost's JSON: write it by save_model\('model.cbm'\)"):
        perfcore.compile(path)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 1}, lightgbm.Dataset(X, list(range(8))), 2)
    path.write_text(json.dumps(booster.dump_model()))
    with pytest.raises(ModelFormatError, match=r"this is LightGBM's dump_model\(\).* save_model\('model.txt'\)"):
        perfcore.compile(path)
    path.write_text('{"a": 1}')
    with pytest.raises(ModelFormatError, match="JSON or UBJSON, but no XGBoost model"):
        perfcore.compile(path)


def test_a_booster_that_was_never_trained_is_said_to_be_none():
    xgboost = pytest.importorskip("xgboost")
    with pytest.raises(perfcore.ConfigurationError, match="^xgboost.Booster is not trained$"):
        perfcore.compile(xgboost.Booster())


def test_json_nested_too_deep_is_refused(tmp_path):
    with pytest.raises(ModelFormatError, match="deep"):
        compiled(tmp_path, '{"a":' * 200_000)


def test_a_number_of_endless_digits_is_refused(tmp_path):
    with pytest.raises(ModelFormatError, match="JSON"):
        compiled(tmp_path, '{"version": ' + "9" * 10_000 + "}")


@settings(max_examples=300)
@given(st.data())
def test_any_entry_exchanged_is_answered_or_refused(data):
    record = copy.deepcopy(GOOD)
    at, key = record, None
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(st.sampled_from([None, -1, 0, 1, 7, 2**40, 0.5, float("nan"), "", "7", "x", [], [1], {}, [[]]]))
    from perfcore.readers.xgboost import _booster_model

    try:
        _booster_model(parse(json.dumps(record).encode(), "model"), (3, 2), None)
    except (ModelFormatError, UnsupportedModelError):
        pass


def test_deleted_nodes_are_left_out_and_leaves_keep_their_numbers(tmp_path):
    nodes = [("split", 0, 0.0, False, 3, 4), ("leaf", 9.0), ("leaf", 9.0), ("leaf", 1.0), ("leaf", 2.0)]
    fast = compiled(tmp_path, document([tree(nodes, 2)], 2, base_score="0"))
    assert fast.predict([[-1, 0], [1, 0]]).tolist() == [1.0, 2.0]
    assert fast.apply([[-1, 0], [1, 0]]).tolist() == [3.0, 4.0]


def test_the_float_below_a_threshold():
    tiny = np.float32(1e-45)
    cases = [(0.0, -tiny), (-0.0, -tiny), (tiny, 0.0), (-np.inf, np.nan), (np.nan, np.nan)]
    cases += [(np.inf, np.finfo(np.float32).max), (np.finfo(np.float32).min, -np.inf)]
    for threshold, expected in cases:
        found = below(np.array([threshold], np.float32))[0]
        assert found == expected or (np.isnan(found) and np.isnan(expected))


def test_decimals_between_two_floats_are_rounded_once():
    assert nearest_float32("1.00000005960464478") == np.float32(1.0000001)
    assert nearest_float32("1.000000059604644775") == 1.0
    assert nearest_float32("1.0000000596046447754") == np.float32(1.0000001)  # as a double it lies halfway
    assert nearest_float32("1.00000005960464477539") == 1.0
    assert nearest_float32("1e39") == np.inf
    assert nearest_float32("-1E-45") == np.float32(-1e-45)


def test_reading_needs_no_xgboost(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(GOOD))
    code = (
        "import sys; sys.modules['xgboost'] = None; import perfcore;"
        f"print(perfcore.compile({str(tmp_path / 'model.json')!r}).predict([[0, 1]]).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[4.5]", done.stderr


def test_legacy_binary_needs_an_old_xgboost(tmp_path):
    path = tmp_path / "old.model"
    path.write_bytes(b"binf" + bytes(200))
    with pytest.raises(UnsupportedModelError, match="legacy binary format|does not open"):
        perfcore.compile(path)
