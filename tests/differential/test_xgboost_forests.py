"""Forests that no trainer grew, written as documents and opened by xgboost: any threshold, any shape."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xgboost_documents import document, tree

import perfcore

xgboost = pytest.importorskip("xgboost")
N_FEATURES = 4
EDGES = [0.0, -0.0, 1e-45, -1e-45, 1.1754944e-38, -1.1754942e-38, 1.0, 0.1, -2.5, 3.4028235e38, -3.4028235e38]
EDGES += [math.inf, -math.inf]
THRESHOLDS = st.sampled_from(EDGES) | st.floats(width=32, allow_nan=False)
LEAVES = st.sampled_from([0.0, -0.0, 1e-45, 0.1, -3.0, 1e30]) | st.floats(-1e3, 1e3, width=32)
CATEGORIES = st.lists(st.sampled_from([0, 1, 31, 32, 33, 63, 64, 100, 300]), min_size=1, unique=True).map(sorted)


@st.composite
def grown_trees(draw):
    """Splits a random leaf over and over; siblings' numbers are then dealt anew, pair by pair."""
    nodes = [("leaf", draw(LEAVES))]
    for _ in range(draw(st.integers(0, 12))):
        leaves = [i for i, node in enumerate(nodes) if node[0] == "leaf"]
        at = draw(st.sampled_from(leaves))
        feature = draw(st.integers(0, N_FEATURES - 1))
        condition = draw(CATEGORIES) if feature == 3 else draw(THRESHOLDS)
        nodes[at] = ("split", feature, condition, draw(st.booleans()), len(nodes), len(nodes) + 1)
        nodes += [("leaf", draw(LEAVES)), ("leaf", draw(LEAVES))]
    pairs = draw(st.permutations(range(1, len(nodes), 2)))
    order = [0, *(i for left in pairs for i in (left, left + 1))]
    place = {old: new for new, old in enumerate(order)}
    moved = [nodes[old] for old in order]
    return [n if n[0] == "leaf" else (*n[:4], place[n[4]], place[n[5]]) for n in moved]


def booster_of(record):
    booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
    booster.load_model(bytearray(json.dumps(record).encode()))
    return booster


def cells_of(record):
    numbers = [t["split_conditions"] for t in record["learner"]["gradient_booster"]["model"]["trees"]]
    t = np.unique(np.concatenate(numbers).astype(np.float32))
    t = t[np.isfinite(t)][:80]
    with np.errstate(all="ignore"):
        around = [np.nextafter(t, np.float32(side)) for side in (-np.inf, np.inf)]
    half = (t.astype(np.float64) + around[0]) / 2
    cells = [t, *around, half, np.nextafter(half, -np.inf), np.nextafter(half, np.inf), [0.0, -0.0, 1e-45, -1e-45]]
    cells = np.concatenate([*cells, [np.nan, 3.4e38, -3.4e38, 1e-60]]).astype(np.float64)
    return cells[np.abs(np.nan_to_num(cells)) < 3.4028235e38]


CODES = [0, -0.0, 1, 0.5, 1.9, 31, 32, 33, 63.99, 64, 100, 127, 128, 300, 301, 320, 1e6, 2**24 - 1, 2**24, 1e30]
CODES += [-1, -0.5, -1e-45, -1e30, math.nan]


def rows_of(record, infinities=False):
    cells = cells_of(record)
    if infinities:
        cells = np.concatenate([cells, [np.inf, -np.inf, 1e300]])
    n = max(len(cells), len(CODES))
    return np.column_stack([np.resize(np.roll(cells, 5 * j), n) for j in range(3)] + [np.resize(CODES, n)])


def check(record, path, assert_same_bits):
    booster = booster_of(record)
    path.write_text(json.dumps(record))
    rows = rows_of(record)
    matrix = xgboost.DMatrix(rows)
    fast = perfcore.compile(path)
    for table in (rows, rows.astype(np.float32)):
        assert_same_bits(booster.predict(matrix, pred_leaf=True), fast.apply(table))
        assert_same_bits(booster.predict(matrix, output_margin=True), fast.predict_raw(table))
        assert_same_bits(booster.predict(matrix), fast.predict(table))
    assert_same_bits(booster.predict(matrix), perfcore.compile(booster).predict(rows))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("documents") / "model.json"


@given(st.lists(grown_trees(), min_size=1, max_size=7))
def test_any_forest(path, assert_same_bits, trees):
    check(document([tree(nodes, N_FEATURES) for nodes in trees], N_FEATURES), path, assert_same_bits)


@given(st.lists(grown_trees(), min_size=1, max_size=3), st.sampled_from(["multi:softprob", "multi:softmax"]))
def test_any_forest_of_classes(path, assert_same_bits, trees, objective):
    trees = [tree(nodes, N_FEATURES) for nodes in trees for _ in range(3)]
    check(document(trees, N_FEATURES, objective=objective, n_classes=3, base_score="[1E-1,0E0,-2E0]"),
          path, assert_same_bits)  # fmt: skip


def test_infinite_cells_where_an_estimator_takes_them(tmp_path, assert_same_bits):
    trees = [
        tree([("split", 0, t, True, 1, 2), ("leaf", i + 1), ("leaf", -i)], N_FEATURES) for i, t in enumerate(EDGES)
    ]
    record = document(trees, N_FEATURES)
    booster = booster_of(record)
    estimator = xgboost.XGBRegressor()
    estimator.load_model(bytearray(json.dumps(record).encode()))
    rows = rows_of(record, infinities=True)
    rows[:, 3] = 0
    with np.errstate(over="ignore"):
        narrow = rows.astype(np.float32)
    fast = perfcore.compile(estimator)
    assert_same_bits(booster.inplace_predict(rows), fast.predict(rows))
    assert_same_bits(estimator.predict(narrow), fast.predict(narrow))


@pytest.mark.parametrize("depth", [1, 7, 40, 600])
def test_chains(depth, tmp_path, assert_same_bits):
    for leaf_is_left in (True, False):
        nodes, at = [None] * (2 * depth + 1), 0
        for i in range(depth):
            children = (2 * i + 1, 2 * i + 2)
            nodes[at] = ("split", i % 3, (i - depth / 2) / 7, i % 2, *children)
            leaf, at = children if leaf_is_left else children[::-1]
            nodes[leaf] = ("leaf", i / 3)
        nodes[at] = ("leaf", -1.0)
        record = document([tree(nodes, N_FEATURES)], N_FEATURES)
        check(record, tmp_path / "model.json", assert_same_bits)


def test_thousands_of_leaves(tmp_path, assert_same_bits):
    depth = 12
    rng = np.random.default_rng(0)
    inner = 2**depth - 1
    nodes = [("split", int(rng.integers(3)), rng.normal(), bool(i % 3), 2 * i + 1, 2 * i + 2) for i in range(inner)]
    nodes += [("leaf", value) for value in rng.normal(size=2**depth).astype(np.float32)]
    record = document([tree(nodes, N_FEATURES)] * 2, N_FEATURES)
    check(record, tmp_path / "model.json", assert_same_bits)


@pytest.mark.parametrize("score", ["0.3", "5E-1", "0", "1", "1e-7", "2.5", "[-1E0]", "0.30000001192092896", "7.0E-45"])
@pytest.mark.parametrize(
    "objective",
    ["reg:squarederror", "reg:logistic", "binary:logistic", "binary:logitraw", "binary:hinge", "reg:gamma",
     "reg:tweedie", "count:poisson", "survival:cox", "survival:aft", "reg:linear", "reg:absoluteerror",
     "reg:squaredlogerror", "reg:pseudohubererror"],
)  # fmt: skip
def test_base_score_and_link_of_every_objective(objective, score, tmp_path, assert_same_bits):
    values = [0.0, 0.3, -0.3, 20.0, -20.0, 88.0, -88.0, 104.0, -104.0, 1e-8]
    nodes = [("split", 0, 0.0, True, 1, 2)]
    for i, value in enumerate(values):
        nodes += [("leaf", value), ("split", 0, float(i + 1), True, 2 * i + 3, 2 * i + 4)]
    nodes[-1] = ("leaf", 1.0)
    record = document([tree(nodes, N_FEATURES)], N_FEATURES, objective=objective, base_score=score)
    (tmp_path / "model.json").write_text(json.dumps(record))
    rows = np.zeros((len(values) + 1, N_FEATURES), np.float32)
    rows[:, 0] = np.arange(len(values) + 1) - 0.5
    try:
        booster = booster_of(record)
        expected = booster.predict(xgboost.DMatrix(rows)), booster.predict(xgboost.DMatrix(rows), output_margin=True)
    except xgboost.core.XGBoostError as error:
        assert "base_score" in str(error)
        with pytest.raises(perfcore.errors.UnsupportedModelError, match="base_score"):
            perfcore.compile(tmp_path / "model.json")
        return
    fast = perfcore.compile(tmp_path / "model.json")
    assert_same_bits(expected[0], fast.predict(rows))
    assert_same_bits(expected[1], fast.predict_raw(rows))


@pytest.mark.parametrize(
    "numeral",
    ["0.1", "1.00000005960464478", "1.00000005960464477539", "1.0000000596046447754", "1e-46", "7.0064923e-46"],
)
def test_long_numerals_are_rounded_once(numeral, tmp_path, assert_same_bits):
    record = document([tree([("split", 0, 0.5, True, 1, 2), ("leaf", 777.25), ("leaf", 0)], N_FEATURES)], N_FEATURES)
    text = json.dumps(record).replace("777.25", numeral).replace("[5E-1]", "[0E0]")
    (tmp_path / "model.json").write_text(text)
    booster = xgboost.Booster(model_file=bytearray(text.encode()))
    rows = np.zeros((1, N_FEATURES), np.float32)
    assert_same_bits(booster.predict(xgboost.DMatrix(rows)), perfcore.compile(tmp_path / "model.json").predict(rows))
