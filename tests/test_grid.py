"""The grid: generated forests are what they are said to be, every framework opens them, and a loss is never missed."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perfcore

for framework in ("lightgbm", "xgboost", "sklearn", "joblib"):
    pytest.importorskip(framework)


@pytest.fixture(scope="module", autouse=True)
def benchmarks(benchmarks_in, tmp_path_factory):
    """The package, and a working folder that its cache may lie in."""
    benchmarks_in(tmp_path_factory.mktemp("grid"))
    import benchmarks.cells
    import benchmarks.fit
    import benchmarks.generator
    import benchmarks.grid
    import benchmarks.interval
    import benchmarks.kernels

    return benchmarks


def leaf_depths(tree):
    """By leaf; fails where a node comes before its parent or is reached twice."""
    node_depth, leaf_depth = {0: 0}, {}
    for node in range(len(tree.feature)):
        for child in (int(tree.left[node]), int(tree.right[node])):
            assert child < 0 or child > node
            into, key = (node_depth, child) if child >= 0 else (leaf_depth, ~child)
            assert key not in into
            into[key] = node_depth[node] + 1
    assert len(node_depth) == len(tree.feature) and sorted(leaf_depth) == list(range(len(tree.value)))
    return list(leaf_depth.values())


def walk(tree, X):
    """The leaf of each row without NaN."""
    at = np.zeros(len(X), int)
    while (at >= 0).any():
        rows = np.flatnonzero(at >= 0)
        node = at[rows]
        left = X[rows, tree.feature[node]] <= tree.threshold[node]
        at[rows] = np.where(left, tree.left[node], tree.right[node])
    return ~at


@given(
    depth=st.integers(2, 32), more=st.integers(0, 300), n_features=st.sampled_from([1, 2, 8, 40]),
    n_trees=st.integers(1, 5), thresholds=st.sampled_from([1, 4, 255, 20_000]), seed=st.integers(0, 99),
)  # fmt: skip
def test_trees_have_the_leaves_and_the_depth_of_their_shape(
    benchmarks, depth, more, n_features, n_trees, thresholds, seed
):
    n_leaves = min(2**depth, depth + 1 + more)
    shape = benchmarks.generator.Shape(n_features, depth, n_leaves, n_trees, thresholds, seed)
    trees, again = list(benchmarks.generator.grow(shape)), list(benchmarks.generator.grow(shape))
    assert len(trees) == n_trees
    for tree, same in zip(trees, again, strict=True):
        depths = leaf_depths(tree)
        assert (len(depths), max(depths)) == (n_leaves, depth)
        assert all(getattr(tree, f.name).tobytes() == getattr(same, f.name).tobytes() for f in dataclasses.fields(tree))
        assert tree.feature.min() >= 0 and tree.feature.max() < n_features
        assert (tree.threshold.astype(np.float32) == tree.threshold).all()
        assert (tree.value.astype(np.float32) == tree.value).all()


def test_rows_reach_most_leaves_of_a_generated_tree(benchmarks):
    shape = benchmarks.generator.Shape(n_features=28, depth=10, n_leaves=31, n_trees=50, thresholds=255)
    X = benchmarks.generator.table(5_000, 28, seed=1, missing=0.0)
    for tree in benchmarks.generator.grow(shape):
        reached = np.bincount(walk(tree, X), minlength=31) > 0
        assert reached.mean() > 0.8


def test_a_shape_that_no_tree_has_is_refused(benchmarks):
    for depth, n_leaves in [(3, 9), (5, 5)]:
        with pytest.raises(ValueError, match="do not make"):
            next(benchmarks.generator.grow(benchmarks.generator.Shape(4, depth, n_leaves, 1, 255)))


@pytest.mark.parametrize("kind", ["lgb", "xgb", "hgb", "rf", "gb"])
@pytest.mark.parametrize("missing", [False, True])
def test_each_framework_opens_the_very_trees_that_were_generated(benchmarks, kind, missing):
    if kind == "gb" and missing:
        pytest.skip("GradientBoosting takes no NaN")
    cell = benchmarks.cells.Cell(kind, n_features=9, depth=7, n_leaves=30, n_trees=5, rows=400, missing=missing)
    trees = list(benchmarks.generator.grow(cell.shape()))
    forest = benchmarks.kernels.forest_of(cell)
    shape = benchmarks.kernels.shape_of(forest)
    assert (shape["trees"], shape["leaves"], shape["leaves_max"], shape["depth_max"]) == (5, 150, 30, 7)
    X = np.nan_to_num(cell.table())
    found = np.empty((len(X), 5), np.int64)
    path = cell.path()
    if kind == "lgb":
        import lightgbm

        found = lightgbm.Booster(model_file=path).predict(X, pred_leaf=True)
    elif kind == "xgb":
        import xgboost

        found = xgboost.Booster(model_file=path).predict(xgboost.DMatrix(X), pred_leaf=True).astype(int)
    else:
        import joblib

        model = joblib.load(path)
        estimators = [*model.estimators_.ravel()] if kind == "gb" else getattr(model, "estimators_", [])
        found = np.stack([each.apply(X) for each in estimators], axis=1) if len(estimators) else None
        if found is None:  # HistGradientBoosting has no apply: its margin adds the values in tree order
            margin = np.full(len(X), float(model._baseline_prediction.ravel()[0]))
            for tree in trees:
                margin += tree.value[walk(tree, X)]
            assert model.decision_function(X).tobytes() == margin.tobytes()
            return
    for i, tree in enumerate(trees):  # leaves are numbered otherwise, but one to one
        pairs = set(zip(walk(tree, X).tolist(), found[:, i].tolist(), strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) > 1


def test_the_cells_are_those_that_were_agreed_on(benchmarks):
    cells = benchmarks.cells.CELLS.values()
    assert 55 <= len(cells) <= 70 and {cell.kind for cell in cells} >= {"lgb", "xgb", "hgb", "rf", "gb"}
    for name, few, many in [("n_features", 8, 512), ("depth", 2, 32), ("n_trees", 1, 1024), ("rows", 1, 1_000_000)]:
        values = [getattr(cell, name) for cell in cells]
        assert (min(values), max(values)) == (few, many), name
    assert max(cell.rows * cell.n_trees for cell in cells) <= 1e8
    assert 10 <= sum(cell.missing for cell in cells) <= 40
    assert {"lgb-f28-d10-l31-t500-r100000", "xgb-f28-d6-l60-t500-nan-r1", "rf-f28-d32-l5000-t100-r1"} <= {
        cell.name for cell in cells
    }


@pytest.fixture(scope="module")
def few(benchmarks):
    kinds = {cell.kind: cell.tiny() for cell in benchmarks.cells.CELLS.values()}
    return list(kinds.values())


def test_a_check_compares_the_bits_of_every_kind_of_forest(benchmarks, few, capsys):
    results = benchmarks.grid.run(few, perfcore.isa.chosen(), rounds=0)
    assert results == {cell.name: {} for cell in few} and benchmarks.grid.verdict(results) == 0
    assert capsys.readouterr().out.count("same bits") == len(few)


def test_a_wrong_answer_is_an_error_and_no_time(benchmarks, few, monkeypatch):
    monkeypatch.setattr(benchmarks.kernels.Kernels, "unequal", lambda self, X: ["bitslice"])
    results = benchmarks.grid.run(few[:1], perfcore.isa.chosen(), rounds=0)
    assert "bitslice: other bits" in results[few[0].name]["error"] and benchmarks.grid.verdict(results) == 1


def test_a_cell_is_timed_on_both_sides_and_every_kernel(benchmarks, few):
    results = benchmarks.grid.run(few[:1], "portable", rounds=6)
    result = results[few[0].name]
    assert 0 < result["ratio"]["low"] <= result["ratio"]["median"] <= result["ratio"]["high"]
    choice = result["choice"]
    assert choice["chosen"] in choice["ns"] and "interleave" in choice["ns"] and choice["regret"] >= 1


def result(ratio, chosen="bitslice", **ns):
    side = {"median": 1.0, "low": 1.0, "high": 1.0}
    low, median, high = ratio
    ns = ns or {"bitslice": 1.0}
    choice = {"chosen": chosen, "best": min(ns, key=ns.get), "regret": ns[chosen] / min(ns.values()), "ns": ns}
    return {
        "source": side, "perfcore": side, "ratio": {"low": low, "median": median, "high": high}, "choice": choice
    }  # fmt: skip


@pytest.mark.parametrize(
    "results, status, said",
    [
        ({"a": result((2, 3, 4)), "b": result((0.8, 0.95, 1.01))}, 0, "worst cell: b, 0.95 × the source"),
        ({"a": result((2, 3, 4)), "b": result((0.8, 0.9, 0.99))}, 1, "the source is faster in 1: b"),
        ({"a": result((2, 3, 4), bitslice=1.09, lanes=1.0)}, 0, "above 1.10: none"),
        (
            {"a": result((2, 3, 4), bitslice=1.3, lanes=1.0), "b": result((2, 3, 4))},
            1,
            "worst choice: a, bitslice at 1.30 × the time of lanes; above 1.10: a",
        ),
        ({"a": {"error": "WrongAnswer"}, "b": result((2, 3, 4))}, 1, "1 wrong: a"),
    ],
)
def test_the_verdict_names_the_worst_cells(benchmarks, capsys, results, status, said):
    assert benchmarks.grid.verdict(results) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "n, low, high", [(1, 0, 0), (2, 0, 1), (5, 0, 4), (6, 0, 5), (8, 0, 7), (9, 1, 7), (12, 2, 9), (20, 5, 14)]
)
def test_the_interval_of_a_median_is_of_order_statistics(benchmarks, n, low, high):
    # The ranks that Conover's tables give for the sign test at 5 %.
    values = [float(v) for v in range(n)]
    found = benchmarks.interval.of_median(values[::-1])
    assert (found.low, found.median, found.high) == (low, (n - 1) / 2, high)


def test_the_interval_of_a_median_covers_it_as_often_as_it_says(benchmarks):
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(2_000):
        found = benchmarks.interval.of_median(rng.exponential(size=11))
        inside += found.low <= np.log(2) <= found.high
    assert inside / 2_000 > 0.94


def test_costs_tell_the_shape_and_every_kernel(benchmarks, few):
    measured = benchmarks.grid.costs(few[:1], "portable")
    assert {each["kernel"] for each in measured} >= {"interleave", "bitslice"}
    for each in measured:
        assert each["shape"]["trees"] == few[0].n_trees and each["shape"]["masks"] >= each["shape"]["thresholds"] > 0
        assert all(ns > 0 for ns in each["ns"].values()) and 1 in each["ns"]
        assert each["work"].keys() == each["ns"].keys()


def test_fitted_prices_are_those_that_the_times_were_made_of_and_stand_in_the_header(benchmarks, repository):
    rng = np.random.default_rng(3)
    true = {
        ("interleave", "portable"): np.r_[100.0, 2.5, np.zeros(17)],
        ("lanes", "avx2"): np.r_[50.0, 0.75, np.zeros(17)],
    }
    calls = {}
    for rows in (1, 10, 100, 1_000):
        for model in "abcdef":
            work = np.r_[1.0, rows * rng.integers(5, 50), np.zeros(17)]
            calls["avx2", model, rows] = {
                kernel: (isa, work @ prices * rng.uniform(0.97, 1.03), work) for (kernel, isa), prices in true.items()
            }
    calls["avx2", "a", 1]["lanes"] = ("avx2", 1e6, calls["avx2", "a", 1]["lanes"][2])  # the machine was away
    fitted = benchmarks.fit.fit(calls)
    for of, prices in true.items():
        np.testing.assert_allclose(fitted[of], prices, rtol=0.05, atol=1e-9)
    header = (repository / benchmarks.fit.HEADER).read_text()
    written = benchmarks.fit.written(header, fitted)
    assert written != header and written.count("Prices") == header.count("Prices")
    assert f"LANES_AVX2 = {{{fitted['lanes', 'avx2'][0]:.4g}, " in written
