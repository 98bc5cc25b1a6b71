"""Made-up LightGBM forests: the same bits as LightGBM gives for the same text."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings

import perfcore

lightgbm = pytest.importorskip("lightgbm")
from lightgbm_texts import (  # noqa: E402
    BOUND,
    CODE_CELLS,
    EDGES,
    Split,
    TreeText,
    forests,
    grow,
    model_text,
    rows_around,
)


@pytest.fixture(scope="module")
def check(assert_same_bits, tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "model.txt"

    def check(text, rows, predictor=None):
        booster = lightgbm.Booster(model_str=text)
        path.write_text(text)
        for fast in [predictor] if predictor else [perfcore.compile(path), perfcore.compile(booster)]:
            for X in (rows, rows.astype(np.float32), np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[::-1, ::2]):
                assert_same_bits(booster.predict(X, num_threads=1), fast.predict(X), "predict", X.dtype)
                assert_same_bits(booster.predict(X, raw_score=True, num_threads=1), fast.predict_raw(X), "raw", X.dtype)
                assert_same_bits(booster.predict(X, pred_leaf=True, num_threads=1), fast.apply(X), "leaves", X.dtype)

    with np.errstate(over="ignore"):
        yield check


@given(forests())
def test_made_up_forests(check, forest):
    check(*forest)


@settings(max_examples=4)
@given(forests(sizes=(1000, 4000), most_trees=2, may_be_linear=False))
def test_forests_of_thousands_of_leaves_and_deep_chains(check, forest):
    check(*forest)


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
@pytest.mark.parametrize("default_left", [0, 1])
def test_every_edge_threshold_against_every_edge_cell(check, missing, default_left):
    thresholds = [*EDGES, *np.nextafter(EDGES, np.inf), *np.nextafter(EDGES, -np.inf), np.nan]
    decision = missing << 2 | default_left << 1
    trees = [TreeText([Split(0, float(t), decision, -1, -2)], [1.0, 2.0]) for t in thresholds]
    check(model_text(trees, 1), np.array([*thresholds, np.nan])[:, None])


@pytest.mark.parametrize("decision", [1, 3, 5, 7, 9, 11])
def test_every_category_set_against_every_odd_cell(check, decision):
    sets = [[], [0], [0, 31], [32], [1, 33, 95], [1000]]
    trees = [TreeText([Split(0, 0.0, decision, -1, -2)], [1.0, 2.0], [codes]) for codes in sets]
    check(model_text(trees, 1), np.array([*CODE_CELLS, *range(100), 999, 1000, 1001, 1024])[:, None])


def test_nodes_in_any_order_and_leaves_numbered_at_will(check):
    rng = np.random.default_rng(3)
    trees = [grow(rng, n, "random", 3, True, True) for n in (2, 9, 40)]
    for tree in trees:
        n = len(tree.splits)
        place = np.concatenate([[0], 1 + rng.permutation(n - 1)]).tolist()  # node 0 stays the root
        leaf = rng.permutation(n + 1).tolist()
        for split in tree.splits:
            split.left, split.right = (place[c] if c >= 0 else ~leaf[~c] for c in (split.left, split.right))
        tree.splits = [tree.splits[i] for i in np.argsort(place)]
    check(model_text(trees, 3), rows_around(rng, trees, 3, 300))


def test_linear_leaves_with_zero_missing_and_infinite_cells(check):
    cells = [0.0, -0.0, BOUND, -BOUND, np.nextafter(BOUND, 1), 1e-40, np.inf, -np.inf, np.nan, 1.0, -3.0, 1e308]
    rows = np.array(np.meshgrid(cells, cells)).reshape(2, -1).T
    trees = [
        TreeText([], [7.0], linear=[(0.5, [], [])]),
        TreeText([], [7.0], linear=[(0.5, [0], [-2.0])]),
        TreeText([], [-0.0], linear=[(-0.0, [1, 0], [3.0, 1e-300])]),
        TreeText([Split(0, 0.0, 8, -1, -2)], [1.0, 2.0], linear=[(0.1, [0, 1], [0.1, 0.7]), (0.2, [], [])]),
        TreeText([Split(1, 0.0, 2, -1, -2)], [1.0, 2.0]),
    ]
    check(model_text(trees, 2), rows)


@pytest.mark.parametrize(
    "objective",
    [
        *("", "regression", "regression sqrt", "regression_l1", "regression_l1 sqrt", "huber", "huber sqrt", "fair"),
        *("fair sqrt", "quantile", "quantile sqrt", "mape", "mape sqrt", "poisson", "poisson sqrt", "gamma", "tweedie"),
        *("lambdarank", "rank_xendcg", "cross_entropy", "cross_entropy_lambda", "binary sigmoid:1", "l2", "xentropy"),
        *("binary sigmoid:0.712346", "binary sigmoid:2.3", "binary sigmoid:1e-3", "binary sigmoid:123.456"),
        *("regression_l2", "l1", "mean_absolute_percentage_error", "xentlambda", "none", "custom"),
    ],
)
@pytest.mark.parametrize("averages", [False, True])
def test_links_over_the_whole_range_of_margins(check, objective, averages):
    values = [*np.linspace(-40, 40, 300).tolist(), -800.0, 800.0, 1e-320, -1e-20, 1e300, np.inf, -np.inf]
    tree = TreeText([Split(0, i + 0.5, 0, -1, -2) for i in range(len(values) - 1)], values)
    for i, split in enumerate(tree.splits):
        split.left, split.right = ~i, i + 1
    tree.splits[-1].right = ~len(tree.splits)
    text = model_text([tree, TreeText([], [0.1]), TreeText([], [-0.0])], 1, objective, averages=averages)
    check(text, np.arange(len(values), dtype=float)[:, None])


@pytest.mark.parametrize("objective", ["multiclass num_class:4", "multiclassova num_class:4 sigmoid:0.3", "custom"])
def test_links_of_several_outputs(check, objective):
    rng = np.random.default_rng(0)
    trees = [grow(rng, 20, "random", 2, False, False) for _ in range(12)]
    check(model_text(trees, 2, objective, 4), rows_around(rng, trees, 2, 600))


def test_a_model_without_trees(check, assert_same_bits, tmp_path):
    path = tmp_path / "empty.txt"
    path.write_text(model_text([], 2))
    booster, fast, X = lightgbm.Booster(model_file=path), perfcore.compile(path), np.ones((3, 2))
    assert_same_bits(booster.predict(X), fast.predict(X))


def test_predictors_of_text_models_pickle_and_save(check, tmp_path):
    rng = np.random.default_rng(1)
    trees = [grow(rng, 30, "random", 4, True, True) for _ in range(9)]
    text, rows = model_text(trees, 4, "multiclass num_class:3", 3), rows_around(rng, trees, 4, 64)
    (tmp_path / "m.txt").write_text(text)
    fast = perfcore.compile(tmp_path / "m.txt")
    fast.save(tmp_path / "m.pcore")
    for again in (pickle.loads(pickle.dumps(fast)), perfcore.load(tmp_path / "m.pcore")):
        check(text, rows, again)
