"""Trained LightGBM models of all kinds: live, from file and pickled, the same bits as LightGBM's own answers."""

import pickle

import numpy as np
import pytest

import perfcore

lightgbm = pytest.importorskip("lightgbm")
from lightgbm_texts import BOUND, CODE_CELLS  # noqa: E402

from perfcore.errors import UnsupportedModelError  # noqa: E402

RNG = np.random.default_rng(11)
N, CATEGORICAL = 600, [4, 5]
X = np.column_stack(
    [
        RNG.normal(size=N),
        np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)),
        RNG.choice([0.0, 1e-35, -1e-35, 1.0, 2.0, -1.0, np.nan], N),
        np.where(RNG.random(N) < 0.5, 0.0, RNG.gamma(2.0, size=N)),
        RNG.integers(0, 70, N),
        np.where(RNG.random(N) < 0.1, np.nan, RNG.integers(0, 9, N)),
    ]
)
SCORE = X[:, 0] + np.nan_to_num(X[:, 1]) * 2 + np.nan_to_num(X[:, 2]) + X[:, 3] % 1 + X[:, 4] % 3
SCORE = SCORE + RNG.normal(size=N) * 0.1
CLASS3 = np.digitize(SCORE, np.quantile(SCORE, [0.3, 0.7]))
LABELS = {
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape", None), SCORE),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), SCORE - SCORE.min() + 0.1),
    **dict.fromkeys(("binary",), (SCORE > 2).astype(int)),
    **dict.fromkeys(("cross_entropy", "cross_entropy_lambda"), 1 / (1 + np.exp(-SCORE))),
    **dict.fromkeys(("multiclass", "multiclassova", "lambdarank", "rank_xendcg"), CLASS3),
}
BASE = {"verbose": -1, "num_leaves": 15, "min_data_in_leaf": 4, "num_threads": 1, "seed": 3}
RF = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}


def train(objective, rounds=12, **params):
    params = BASE | {"objective": objective} | params
    if str(objective).startswith("multi"):
        params["num_class"] = 3
    if objective is None:
        del params["objective"]
        y = LABELS[None]
        params["objective"] = lambda p, data: (p - y, np.ones_like(p))
    group = [20] * (N // 20) if objective in ("lambdarank", "rank_xendcg") else None
    categories = [] if params.pop("no_categories", False) else CATEGORICAL
    data = lightgbm.Dataset(X, LABELS[objective], group=group, categorical_feature=categories, params=params)
    keep = params.pop("keep_training_booster", False)
    return lightgbm.train(params, data, rounds, keep_training_booster=keep)


def rows_for(booster, rng, n=1500):
    """Cells in, at and next to every threshold; unseen, negative and huge categories; what else a double can be."""
    odd = [0.0, -0.0, BOUND, -BOUND, *np.nextafter([BOUND, BOUND, -BOUND, -BOUND], [1, 0, -1, 0]), 5e-324, -5e-324]
    odd += [np.inf, -np.inf, np.nan, np.nan, 1e300, -1e300, *CODE_CELLS]
    thresholds = [[] for _ in range(X.shape[1])]
    for tree in booster.dump_model()["tree_info"]:
        stack = [tree["tree_structure"]]
        while stack:
            node = stack.pop()
            if "split_feature" in node:
                stack += [node["left_child"], node["right_child"]]
                if node["decision_type"] == "<=":
                    thresholds[node["split_feature"]].append(node["threshold"])
    columns = []
    for j, own in enumerate(thresholds):
        own = np.array(own or [0.0])
        near = np.concatenate([own, np.nextafter(own, np.inf), np.nextafter(own, -np.inf)])
        column = np.where(rng.random(n) < 0.5, rng.choice(near, n), rng.choice(X[:, j], n))
        columns.append(np.where(rng.random(n) < 0.25, rng.choice(odd, n), column))
    return np.stack(columns, axis=1)


@pytest.fixture
def check(assert_same_bits, tmp_path):
    def check(booster):
        booster.save_model(tmp_path / "m.txt", num_iteration=-1)
        predictors = [perfcore.compile(source) for source in (booster, tmp_path / "m.txt")]
        rows = rows_for(booster, np.random.default_rng(0))
        for Z in layouts(rows):
            expected = booster.predict(Z, num_threads=1)
            for fast in predictors:
                assert_same_bits(expected, fast.predict(Z), Z.shape, Z.dtype, Z.strides)
        raw = booster.predict(rows, raw_score=True, num_threads=1)
        leaves = booster.predict(rows, pred_leaf=True, num_threads=1)
        for fast in predictors:
            assert_same_bits(raw, fast.predict_raw(rows))
            assert_same_bits(leaves, fast.apply(rows))
            assert_same_bits(leaves[:1], fast.apply(rows[:1]))
        for row in rows[:5]:
            assert_same_bits(booster.predict([row])[0], predictors[0].predict_one(row))

    return check


def layouts(rows):
    with np.errstate(over="ignore"):
        for each in (rows, rows.astype(np.float32)):
            for n in (1, 7, 64, 513):
                yield each[:n]
            yield from (each, np.asfortranarray(each), each[::-2], np.repeat(each, 2, axis=1)[:, ::2])


OBJECTIVES = list(LABELS)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective(check, objective):
    check(train(objective))


@pytest.mark.parametrize("boosting", [{"boosting": "dart", "drop_rate": 0.5}, RF, {"data_sample_strategy": "goss"}])
@pytest.mark.parametrize("objective", ["regression", "binary", "multiclass", "multiclassova", "poisson"])
def test_every_boosting(check, boosting, objective):
    if objective == "poisson" and boosting is RF:
        boosting = RF | {"lambda_l2": 1.0}
    check(train(objective, **boosting))


@pytest.mark.parametrize(
    "params",
    [
        {"use_missing": False},
        {"zero_as_missing": True},
        {"zero_as_missing": True, "no_categories": True, "linear_tree": False, "max_bin": 15},
        {"linear_tree": True},
        {"linear_tree": True, "no_categories": True, "boosting": "dart", "drop_rate": 0.5},
        {"linear_tree": True} | RF,
        {"max_cat_to_onehot": 1, "cat_smooth": 1, "min_data_per_group": 1},
        {"max_cat_to_onehot": 100},
        {"extra_trees": True, "max_depth": 3},
        {"num_leaves": 2},
        {"num_leaves": 200, "min_data_in_leaf": 1},
        {"min_data_in_leaf": 10_000},
        {"boost_from_average": False},
        {"monotone_constraints": [1, 0, 0, -1, 0, 0]},
    ],
    ids=str,
)
def test_every_way_to_split(check, params):
    check(train("regression", rounds=25, **params))


@pytest.mark.parametrize("objective", ["regression", "regression_l1", "fair", "quantile", "mape", "huber", "poisson"])
def test_reg_sqrt(check, objective):
    check(train(objective, reg_sqrt=True))


def test_reg_sqrt_of_linear_leaves_that_add_up_to_nan(check):
    check(train("regression", reg_sqrt=True, linear_tree=True, no_categories=True))


@pytest.mark.parametrize("sigmoid", [0.5, 1.1, 2.3, 0.712345678912, 1 / 3, 17.123456789012345])
@pytest.mark.parametrize("objective", ["binary", "multiclassova"])
def test_the_sigmoid_of_a_booster_still_in_training_has_more_digits_than_its_text(objective, sigmoid, assert_same_bits):
    booster = train(objective, sigmoid=sigmoid, keep_training_booster=True)
    assert_same_bits(booster.predict(X), perfcore.compile(booster).predict(X))
    loaded = lightgbm.Booster(model_str=booster.model_to_string())
    assert_same_bits(loaded.predict(X), perfcore.compile(loaded).predict(X))


def test_a_live_link_that_the_text_does_not_name_is_refused():
    booster = train("binary", sigmoid=0.712345678912, keep_training_booster=True)
    booster.params = {}
    with pytest.raises(UnsupportedModelError, match="link"):
        perfcore.compile(booster)


@pytest.mark.parametrize("params", [{}, {"boosting": "dart", "drop_rate": 0.5}, RF, {"linear_tree": True}], ids=str)
def test_a_booster_still_in_training(params, assert_same_bits):
    booster = lightgbm.Booster(BASE | {"objective": "regression"} | params, lightgbm.Dataset(X, SCORE, params=params))
    for _ in range(7):
        booster.update()
    rows = rows_for(booster, np.random.default_rng(0))
    assert_same_bits(booster.predict(rows), perfcore.compile(booster).predict(rows))
    booster.set_leaf_output(0, 1, 0.1234567890123456789)
    booster.rollback_one_iter()
    assert_same_bits(booster.predict(rows), perfcore.compile(booster).predict(rows))


@pytest.mark.parametrize("params", [{}, RF, {"objective": "multiclass", "num_class": 3}], ids=str)
def test_iterations_are_chosen_as_predict_chooses_them(params, assert_same_bits, tmp_path):
    params = BASE | {"objective": "binary"} | params
    y = LABELS[params["objective"]]
    booster = lightgbm.train(params, lightgbm.Dataset(X, y), 12, keep_training_booster=True)
    booster.best_iteration = 5
    path = tmp_path / "m.txt"
    booster.save_model(path, num_iteration=-1)
    file = lightgbm.Booster(model_file=path)
    for source, given in ((booster, booster), (file, path)):
        fast = perfcore.compile(given)
        assert_same_bits(source.predict(X), fast.predict(X))
        assert_same_bits(source.predict(X, raw_score=True), fast.predict_raw(X))
        assert_same_bits(source.predict(X, pred_leaf=True), fast.apply(X))
        for begin, end in ((0, 1), (0, 12), (3, 9), (11, 12)):
            fast = perfcore.compile(given, iteration_range=(begin, end))
            part = {"start_iteration": begin, "num_iteration": end - begin}
            assert_same_bits(source.predict(X, **part), fast.predict(X))
            assert_same_bits(source.predict(X, raw_score=True, **part), fast.predict_raw(X))
            assert_same_bits(source.predict(X, pred_leaf=True, **part), fast.apply(X))


def test_boosters_that_went_through_pickle(assert_same_bits):
    for params in ({}, RF, {"linear_tree": True}):
        booster = pickle.loads(pickle.dumps(train("regression", **params)))
        assert_same_bits(booster.predict(X), perfcore.compile(booster).predict(X))


def test_early_stopping_and_continued_training(assert_same_bits, tmp_path):
    params = BASE | {"objective": "regression", "learning_rate": 0.5}
    data = lightgbm.Dataset(X[:300], SCORE[:300], free_raw_data=False)
    valid = lightgbm.Dataset(X[300:], SCORE[300:], reference=data)
    stop = [lightgbm.early_stopping(2, verbose=False)]
    first = lightgbm.train(params, data, 60, valid_sets=[valid], callbacks=stop)
    assert 0 < first.best_iteration < 60
    again = lightgbm.train(params, lightgbm.Dataset(X, SCORE), 5, init_model=first)
    for booster in (first, again):
        assert_same_bits(booster.predict(X), perfcore.compile(booster).predict(X))


def test_files_without_tree_sizes_and_with_other_line_ends(assert_same_bits, tmp_path):
    booster = train("binary")
    text = booster.model_to_string().replace("version=v4", "version=v2")
    lines = [line for line in text.split("\n") if not line.startswith("tree_sizes=")]
    for end in ("\n", "\r\n"):
        path = tmp_path / "m.txt"
        path.write_bytes(end.join(lines).encode())
        source = lightgbm.Booster(model_file=path)
        assert_same_bits(source.predict(X), perfcore.compile(path).predict(X))


def test_the_compiled_model_forgets_its_source():
    import gc
    import weakref

    booster = train("binary")
    fast, gone = perfcore.compile(booster), weakref.ref(booster)
    del booster
    gc.collect()
    assert gone() is None and fast.predict(X).shape == (N,)
