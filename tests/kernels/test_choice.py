"""The cost model chooses a kernel; an argument or PERFCORE_KERNEL forces one; explain() says what and why."""

import pickle

import numpy as np
import pytest
from forests import Recipe, make_forest, make_table

import perfcore
from perfcore import ConfigurationError, kernels
from perfcore._ext.forest import KERNELS, ForestKernel, instruction_sets
from perfcore.model import Forest, Tree

BEST = instruction_sets()[0]
CALL_SIZES = (1, 2, 10, 33, 100, 1_000, 30_000, 1_000_000)


RECIPE = Recipe(seed=5, n_trees=60, max_leaves=31, n_thresholds=100)


@pytest.fixture(scope="module")
def forest():
    return make_forest(RECIPE)[0]


def test_the_choice_is_the_least_of_the_expected_costs(forest):
    made = ForestKernel(forest, isa=BEST)
    for n_rows in CALL_SIZES:
        costs = made.costs(n_rows)
        assert made.kernel_for(n_rows) == min(costs, key=costs.get)
        assert made.cost(n_rows) == min(costs.values())


def test_expected_costs_rise_with_rows(forest):
    for name in ForestKernel(forest, isa=BEST).costs(1):
        costs = [ForestKernel(forest, isa=BEST).costs(n)[name] for n in CALL_SIZES]
        assert costs == sorted(costs) and costs[0] > 0


@pytest.mark.parametrize("name", [name for name in KERNELS if name != "auto"])
def test_a_forced_kernel_answers_calls_of_every_size_with_the_same_bits(forest, name):
    forced = kernels.make(forest, name, BEST)
    X = make_table(RECIPE, make_forest(RECIPE)[1], 700)
    assert {forced.kernel_for(n_rows) for n_rows in CALL_SIZES} == {name}
    for n_rows in (1, 7, 700):
        expected = ForestKernel(forest, "walk").predict(X[:n_rows])
        assert forced.predict(X[:n_rows]).tobytes() == expected.tobytes()


def test_a_kernel_is_forced_by_the_environment_too_and_the_argument_comes_first(forest, monkeypatch):
    monkeypatch.setenv("PERFCORE_KERNEL", "walk")
    assert kernels.make(forest, None, BEST).kernel == "walk"
    assert kernels.make(forest, "interleave", BEST).kernel == "interleave"
    assert kernels.make(forest, "auto", BEST).asked == "auto"


def test_unknown_kernels_are_refused_by_name(forest, monkeypatch):
    with pytest.raises(ConfigurationError, match="kernel='fast': allowed are auto, walk"):
        kernels.make(forest, "fast", BEST)
    with pytest.raises(ConfigurationError, match="kernel='': allowed are auto, walk"):
        kernels.make(forest, "", BEST)
    monkeypatch.setenv("PERFCORE_KERNEL", "quick")
    with pytest.raises(ConfigurationError, match="PERFCORE_KERNEL='quick': allowed are auto, walk"):
        kernels.make(forest, None, BEST)


def test_a_forest_that_the_forced_kernel_cannot_take_is_refused_with_the_reason_and_walked_if_forced_for_all(
    monkeypatch,
):
    node = np.arange(5000)
    chain = Tree(0 * node, node * 1.0, ~node, np.append(node[1:], ~5000), 0 * node, value=np.arange(5001) / 7)
    forest = Forest.from_trees([chain], n_features=1, n_outputs=1, precision="float64", dtype="float64")
    with pytest.raises(ConfigurationError, match=r"kernel='bitslice' cannot take this forest: .*4,09[56]"):
        kernels.make(forest, "bitslice", BEST)
    monkeypatch.setenv("PERFCORE_KERNEL", "bitslice")
    made = kernels.make(forest, None, BEST)
    assert made.kernel == "interleave"
    assert "bitslice: not taken: " in kernels.explain(made)


def test_ranges_cover_all_call_sizes_once_and_agree_with_the_choice(forest):
    for isa in instruction_sets():
        made = ForestKernel(forest, isa=isa)
        runs = kernels.ranges(made)
        assert runs[0][0] == 1 and runs[-1][1] is None
        assert all(last + 1 == first for (_, last, _), (first, _, _) in zip(runs, runs[1:], strict=False))
        for first, last, name in runs:
            assert made.kernel_for(first) == made.kernel_for(last or kernels.MOST_ROWS) == name


def test_the_explanation_marks_the_choice_for_each_call_size(forest):
    made = ForestKernel(forest, isa=BEST)
    lines = [line.split() for line in kernels.explain(made).splitlines()]
    header = next(words for words in lines if words[:3] == ["rows", "a", "call"])[3:]
    for n_rows in (1, 10, 100, 1_000, 100_000):
        cells = next(words for words in lines if words[0] == f"{n_rows:,}")[1:]
        times = [cells[i : i + 2] for i in range(0, len(cells), 2)]
        marked = [name for name, (_, unit) in zip(header, times, strict=True) if unit.endswith("*")]
        assert marked == [made.kernel_for(n_rows)]


def test_a_pickled_predictor_keeps_the_forced_kernel(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    X = np.random.default_rng(1).normal(size=(200, 3))
    booster = lightgbm.train({"verbosity": -1, "num_leaves": 4}, lightgbm.Dataset(X, X[:, 0]), 3)
    fast = perfcore.compile(booster, kernel="walk")
    again = pickle.loads(pickle.dumps(fast))
    assert "walk was asked for" in fast.explain() and "walk was asked for" in again.explain()
    assert again.predict(X).tobytes() == booster.predict(X).tobytes()
    fast.save(tmp_path / "m.pcore")
    assert "kernel           interleave" in str(perfcore.load(tmp_path / "m.pcore", kernel="interleave"))


def test_a_linear_model_has_no_kernels_to_force():
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    assert "BLAS" in perfcore.compile(model, kernel="auto").explain()
    with pytest.raises(ConfigurationError, match="only a forest has kernels"):
        perfcore.compile(model, kernel="bitslice")


@pytest.mark.parametrize("name", ["PERFCORE_KERNEL", "PERFCORE_ISA"])
def test_a_linear_model_refuses_unknown_names_in_the_environment_too(name, monkeypatch):
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    monkeypatch.setenv(name, "foo")
    with pytest.raises(ConfigurationError, match=f"{name}='foo': allowed"):
        perfcore.compile(model)
