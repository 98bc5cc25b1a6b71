"""A model that was changed answers as it is now, whatever changed it."""

import copy
import gc
import pickle
import weakref
from unittest.mock import Mock

import numpy as np
import pytest
from dropin.conftest import counted, same

import perfcore


def holds(model, changes, ask, framework):
    """Before the first and after each change the patched model answers, by perfcore, as it does unpatched."""
    for change in [lambda m: None, *changes]:
        before = counted()
        with perfcore.patched(framework):
            ask(model)
            change(model)
            got = ask(model)
            assert counted() - before >= 2
            again = ask(model)
        assert same(got, ask(model)), change
        assert same(again, got)


def test_scikit_learns_models_may_be_edited_anywhere(table, at_once):
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeRegressor

    X, y, z = table

    def edit_coef(model):
        model.coef_ += 1

    def edit_cell(model):
        model.coef_[0, 2] = np.nextafter(model.coef_[0, 2], np.inf)

    def edit_intercept(model):
        model.intercept_[0] -= 2.0

    def edit_classes(model):
        model.classes_[1] = 7

    def assign_classes(model):
        model.classes_ = np.array(["no", "yes"])

    def refit(model):
        model.fit(X[:100], y[:100])

    linear = [edit_coef, edit_cell, edit_intercept, edit_classes, refit, assign_classes]
    holds(LogisticRegression().fit(X, y), linear, lambda m: m.predict(X), "sklearn")
    holds(LogisticRegression().fit(X, y), linear, lambda m: m.predict_proba(X), "sklearn")

    def edit_leaf(model):
        tree = model.estimators_[1].tree_
        tree.value[np.flatnonzero(tree.children_left == -1)[0], 0, 0] += 1

    def edit_threshold(model):
        model.estimators_[0].tree_.threshold[0] += 0.25

    def exchange(model):
        model.estimators_[0] = model.estimators_[2]

    def pop(model):
        model.estimators_.pop()

    def exchange_tree(model):
        model.estimators_[0].tree_ = DecisionTreeRegressor(max_depth=1).fit(X, z).tree_

    def warm_start(model):
        model.set_params(warm_start=True, n_estimators=9).fit(X, z)

    forest = [edit_leaf, edit_threshold, exchange, pop, exchange_tree, warm_start]
    holds(RandomForestRegressor(n_estimators=5).fit(X, z), forest, lambda m: m.predict(X), "sklearn")

    def slower(model):
        model.learning_rate /= 2

    def edit_stage(model):
        model.estimators_[1, 0].tree_.value[-1, 0, 0] += 1

    def set_start(model):
        model.init_.constant_ = model.init_.constant_ + 1

    boosting = [slower, edit_stage, set_start]
    holds(GradientBoostingRegressor(n_estimators=4).fit(X, z), boosting, lambda m: m.predict(X), "sklearn")

    def edit_node(model):
        model._predictors[0][0].nodes["value"] *= 2

    def edit_base(model):
        model._baseline_prediction += 1

    holds(
        HistGradientBoostingClassifier(max_iter=4).fit(X, y),
        [edit_node, edit_base],
        lambda m: m.predict_proba(X),
        "sklearn",
    )


def test_lightgbm(table, at_once):
    lightgbm = pytest.importorskip("lightgbm")
    X, y, _ = table
    params = {"objective": "binary", "verbose": -1, "num_leaves": 5}

    def assign(name, value):
        return lambda booster: setattr(booster, name, value)

    changes = [
        lambda b: b.update(),
        lambda b: b.rollback_one_iter(),
        lambda b: b.set_leaf_output(1, 0, 3.0),
        lambda b: b.shuffle_models(),
        assign("best_iteration", 2),
        assign("best_iteration", -1),
        lambda b: b.reset_parameter({"learning_rate": 0.5}),
        lambda b: b.update(),
    ]
    booster = lightgbm.train(params, lightgbm.Dataset(X, y), 5, keep_training_booster=True)
    holds(booster, changes, lambda b: b.predict(X), "lightgbm")
    text = lightgbm.train(params, lightgbm.Dataset(X[:90], y[:90]), 3).model_to_string()
    holds(booster, [lambda b: b.model_from_string(text)], lambda b: b.predict(X, raw_score=True), "lightgbm")

    def exchange_booster(model):
        model._Booster = lightgbm.Booster(model_str=text)

    def rename(model):
        model._le.classes_ = np.array([5, 6])
        model._classes = model._le.classes_

    of_estimator = [
        lambda m: m.booster_.set_leaf_output(0, 0, 9.0),
        lambda m: setattr(m.booster_, "best_iteration", 2),
        rename,
        lambda m: m.fit(X[:80], y[:80]),
        exchange_booster,
    ]
    model = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(X, y)
    holds(model, of_estimator, lambda m: m.predict(X), "lightgbm")


def test_xgboost(table, at_once):
    xgboost = pytest.importorskip("xgboost")
    X, y, z = table
    dtrain = xgboost.DMatrix(X, z)
    booster = xgboost.train({"max_depth": 2}, dtrain, 4)
    other = bytes(xgboost.train({"max_depth": 3}, dtrain, 2).save_raw("ubj"))
    changes = [
        lambda b: b.update(dtrain, 4),
        lambda b: b.boost(dtrain, iteration=5, grad=np.ones(200), hess=np.ones(200)),
        lambda b: b.set_param({"base_score": 0.25}),
        lambda b: b.load_model(bytearray(other)),
    ]
    holds(booster, changes, lambda b: b.inplace_predict(X), "xgboost")
    model = xgboost.XGBRegressor(n_estimators=5, max_depth=2).fit(X, z)
    of_estimator = [
        lambda m: m.get_booster().set_attr(best_iteration="1"),
        lambda m: m.set_params(missing=0.0),
        lambda m: m.load_model(bytearray(other)),
        lambda m: m.fit(X[:50], z[:50]),
        lambda m: m.fit(X, z, xgb_model=bytearray(other)),
    ]
    holds(model, of_estimator, lambda m: m.predict(X), "xgboost")
    sliced = booster[:1]
    holds(sliced, [], lambda b: b.inplace_predict(X), "xgboost")


def test_catboost(table, at_once):
    catboost = pytest.importorskip("catboost")
    X, y, z = table
    model = catboost.CatBoostClassifier(iterations=5, depth=3, verbose=False, allow_writing_files=False).fit(X, y)
    changes = [
        lambda m: m.set_probability_threshold(0.9),
        lambda m: m.shrink(3),
        lambda m: m.set_scale_and_bias(2.0, 0.5),
        lambda m: m.get_metadata().__setitem__("binclass_probability_threshold", "0.2"),
        lambda m: m.fit(X[:80], y[:80]),
    ]
    holds(model, changes, lambda m: m.predict(X), "catboost")
    holds(model, [lambda m: m.set_scale_and_bias(2.0, 0.5)], lambda m: m.predict_proba(X), "catboost")


def test_models_of_catboost_that_share_their_state_notice_what_is_changed_through_each_other(table, at_once):
    catboost = pytest.importorskip("catboost")
    X, y, z = table
    quiet = {"iterations": 5, "depth": 3, "verbose": False, "allow_writing_files": False}

    def changes(model):
        return [
            lambda _: model.set_scale_and_bias(2.0, 0.5),
            lambda _: model.shrink(3),
            lambda _: model.fit(X[:80], z[:80]),
        ]

    model = catboost.CatBoost(quiet).fit(X, z)
    regressor = catboost.to_regressor(model)
    holds(regressor, changes(model), lambda m: m.predict(X), "catboost")
    holds(model, changes(regressor), lambda m: m.predict(X), "catboost")
    model = catboost.CatBoost(quiet | {"loss_function": "Logloss"}).fit(X, y)
    classifier = catboost.to_classifier(model)
    holds(classifier, [lambda _: model.shrink(2)], lambda m: m.predict_proba(X), "catboost")


def test_what_is_written_to_catboosts_metadata_is_noticed_whenever_it_was_taken(table, at_once):
    catboost = pytest.importorskip("catboost")
    X, y, _ = table
    model = catboost.CatBoostClassifier(iterations=3, verbose=False, allow_writing_files=False)
    model.fit(X, y)
    metadata = model.get_metadata()

    def rename(_):
        metadata["class_params"] = metadata["class_params"].replace('"class_names":[0,1]', '"class_names":[0,7]')

    holds(model, [rename], lambda m: m.predict(X), "catboost")


def test_a_model_within_another_is_noticed_where_its_framework_is_patched_too(table, at_once):
    lightgbm = pytest.importorskip("lightgbm")
    from sklearn.ensemble import VotingRegressor
    from sklearn.linear_model import Ridge

    X, _, z = table
    model = VotingRegressor([("a", lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)), ("b", Ridge())]).fit(X, z)
    for frameworks, by_perfcore in ((["sklearn"], 0), (["sklearn", "lightgbm"], 1)):
        before = answered(model)
        with perfcore.patched(*frameworks):
            model.predict(X)
            model.estimators_[0].booster_.set_leaf_output(0, 0, 5.0 + by_perfcore)
            got = model.predict(X)
        assert same(got, model.predict(X))
        assert answered(model) - before == 2 * by_perfcore


def answered(model):
    label = "sklearn." + type(model).__name__
    return sum(count.calls for count in perfcore.patch_report() if count[0] == label and count.reason == "perfcore")


def test_what_was_changed_while_it_was_not_patched_is_noticed(table, at_once):
    lightgbm = pytest.importorskip("lightgbm")
    X, _, z = table
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, z), 3)
    with perfcore.patched("lightgbm"):
        booster.predict(X)
    booster.set_leaf_output(0, 0, 5.0)
    expected = booster.predict(X)
    with perfcore.patched("lightgbm"):
        assert same(booster.predict(X), expected)


def test_models_are_collected_as_ever_and_copies_are_models_of_their_own(table, at_once):
    lightgbm = pytest.importorskip("lightgbm")
    from sklearn.base import clone
    from sklearn.ensemble import RandomForestClassifier

    X, y, _ = table
    with perfcore.patched():
        for make in (RandomForestClassifier, lightgbm.LGBMClassifier):
            model = make(n_estimators=3).fit(X, y)
            expected = model.predict_proba(X)
            twins = [copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
            assert all(same(twin.predict_proba(X), expected) and type(twin) is type(model) for twin in twins)
            assert clone(model).get_params() == model.get_params()
            assert b"perfcore" not in pickle.dumps(model)
            references = [weakref.ref(each) for each in (model, *twins)]
            del model, twins, expected
            gc.collect()
            assert [reference() is None for reference in references] == [True] * 4


def test_each_of_several_members_with_their_state_in_c(table, at_once):
    from sklearn.ensemble import VotingRegressor

    lightgbm = pytest.importorskip("lightgbm")
    X, _, z = table
    members = [(f"m{i}", lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)) for i in range(3)]
    model = VotingRegressor(members).fit(X, z)
    changes = [lambda m, i=i: m.estimators_[i].booster_.set_leaf_output(0, 0, 9.0) for i in (2, 1, 0)]
    with perfcore.patched("lightgbm", "sklearn"):
        holds(model, changes, lambda m: m.predict(X), "sklearn")


class Kept(float):
    pass


def test_numbers_with_attributes_and_the_order_of_bytes(table, at_once):
    from sklearn.linear_model import LinearRegression

    X, _, z = table

    def exchange(model):
        model.intercept_ = Kept(5.0)

    def swap(model):
        model.coef_ = model.coef_.view(">f8")

    model = LinearRegression().fit(X, z)
    model.intercept_ = Kept(1.0)
    for change in (exchange, swap):
        with perfcore.patched("sklearn"):
            model.predict(X)
            change(model)
            patched = model.predict(X)
        assert same(patched, model.predict(X))


def test_functions_of_scikit_learn_that_are_replaced_are_called(table, at_once, monkeypatch):
    from sklearn.ensemble import IsolationForest, RandomForestClassifier, _forest, _iforest

    X, y, _ = table
    for model, module, name in (
        (IsolationForest(n_estimators=10, random_state=0), _iforest, "get_chunk_n_rows"),
        (RandomForestClassifier(4, random_state=0), _forest, "_accumulate_prediction"),  # named in a generator
    ):
        model.fit(X, y)
        stand_in = Mock(wraps=getattr(module, name))
        with perfcore.patched("sklearn"):
            for _ in range(2):
                model.predict(X)
            answered = counted()
            with monkeypatch.context() as replaced:
                replaced.setattr(module, name, stand_in)
                model.predict(X)
            assert stand_in.called and counted() == answered
            model.predict(X)
            assert counted() > answered


def test_threads_compile_a_large_model_once(table, at_once):
    from concurrent.futures import ThreadPoolExecutor

    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 4))  # trees of more memory than is digested with the GIL held
    model = RandomForestRegressor(8, random_state=0).fit(X, rng.normal(size=4000))
    expected = model.predict(X)
    with perfcore.patched("sklearn"):
        model.predict(X)
        before = counted()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(model.predict, [X] * 40))
        assert counted() - before == 40
    assert all(same(answer, expected) for answer in answers)
