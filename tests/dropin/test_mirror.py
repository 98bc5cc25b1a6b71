"""``from perfcore.dropin import ...``: the framework's module, its classes with perfcore before their predictions."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from dropin.conftest import counted, same

import perfcore


def test_a_mirror_has_all_that_the_module_has():
    import perfcore.dropin.sklearn.linear_model
    import sklearn
    import sklearn.ensemble
    from perfcore.dropin.sklearn.ensemble import BaseEnsemble, RandomForestClassifier
    from perfcore.dropin.sklearn.ensemble._forest import RandomForestClassifier as same_class

    from perfcore.dropin import sklearn as mirror

    assert {*dir(sklearn)} == {*dir(mirror)} and mirror.__version__ == sklearn.__version__
    assert mirror.__doc__ == sklearn.__doc__ and mirror.ensemble.__all__ == sklearn.ensemble.__all__
    assert RandomForestClassifier is same_class is mirror.ensemble.RandomForestClassifier
    assert RandomForestClassifier is not sklearn.ensemble.RandomForestClassifier
    assert BaseEnsemble is sklearn.ensemble.BaseEnsemble
    assert mirror.ensemble is sys.modules["perfcore.dropin.sklearn.ensemble"]
    with pytest.raises(ImportError, match="nonsense"):
        from perfcore.dropin.sklearn import nonsense  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="nonsense"):
        import perfcore.dropin.sklearn.nonsense  # noqa: F401
    names = {}
    exec("from perfcore.dropin.sklearn.ensemble import *", names)
    assert names["RandomForestClassifier"] is RandomForestClassifier


def cases(table):
    """(class of the mirror, class of the framework, parameters, target) of each framework."""
    X, y, z = table
    for name in ("lightgbm", "xgboost", "catboost"):
        pytest.importorskip(name)
    import catboost
    import lightgbm
    import sklearn.ensemble
    import xgboost

    from perfcore.dropin import catboost as c
    from perfcore.dropin import lightgbm as g
    from perfcore.dropin import xgboost as x
    from perfcore.dropin.sklearn import ensemble as e

    quiet = {"verbose": False, "allow_writing_files": False, "iterations": 4}
    yield g.LGBMClassifier, lightgbm.LGBMClassifier, {"n_estimators": 4, "verbose": -1}, y
    yield x.XGBClassifier, xgboost.XGBClassifier, {"n_estimators": 4, "max_depth": 3}, y
    yield c.CatBoostClassifier, catboost.CatBoostClassifier, quiet, y
    yield e.RandomForestClassifier, sklearn.ensemble.RandomForestClassifier, {"n_estimators": 4, "random_state": 0}, y
    yield e.GradientBoostingRegressor, sklearn.ensemble.GradientBoostingRegressor, {"random_state": 0}, z


def test_classes_train_and_answer_as_the_frameworks_and_pass_for_them(table, at_once):
    from sklearn.base import clone

    X, *_ = table
    for ours, theirs, params, target in cases(table):
        model, twin = ours(**params).fit(X, target), theirs(**params).fit(X, target)
        before = counted()
        assert same(model.predict(X), twin.predict(X))
        if hasattr(twin, "predict_proba"):
            assert same(model.predict_proba(X), twin.predict_proba(X))
        assert counted() - before >= 1
        assert isinstance(model, theirs) and isinstance(twin, ours) and issubclass(theirs, ours)
        assert ours.__name__ == theirs.__name__ and ours.__module__ == theirs.__module__
        assert ours.__doc__ == theirs.__doc__ and not isinstance(object(), ours)
        assert repr(clone(model)) == repr(clone(twin)) and type(clone(model)) is ours
        before = counted()
        for copied in (copy.copy(model), copy.deepcopy(model)):
            assert type(copied) is ours and same(copied.predict(X), twin.predict(X))
        assert counted() - before == 2
        before = counted()
        twin.predict(X)
        assert counted() == before  # the framework's own class is as it was


def test_pickles_load_without_perfcore(table, at_once, tmp_path):
    X, *_ = table
    for number, (ours, theirs, params, target) in enumerate(cases(table)):
        model = ours(**params).fit(X, target)
        model.predict(X)
        data = pickle.dumps((model, ours))
        assert b"perfcore" not in data
        loaded, kind = pickle.loads(data)
        assert type(loaded) is kind is theirs
        assert same(loaded.predict(X), model.predict(X))
        (tmp_path / f"{number}.pickle").write_bytes(data)
    code = (
        f"import pickle, sys; sys.modules['perfcore'] = None; pickle.load(open({str(tmp_path / '3.pickle')!r}, 'rb'))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


def test_a_users_subclass_trains_answers_and_pickles_as_itself(table, at_once):
    X, _, z = table
    model = Own(n_estimators=3).fit(X, z)
    before = counted()
    expected = model.predict(X)
    assert counted() == before + 1
    assert not isinstance(Own.__bases__[0](), Own) and issubclass(Own, Own.__bases__[0])
    loaded = pickle.loads(pickle.dumps(model))
    assert type(loaded) is Own and same(loaded.predict(X), expected)


def test_what_refers_to_itself_or_says_how_it_is_made_is_copied_as_the_framework_copies_it(table, at_once):
    import sklearn.ensemble

    X, _, z = table
    model = own_class()(n_estimators=3).fit(X, z)
    model.itself = model
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.itself is twin is not model
    assert copy.copy(model).itself is model
    for kind in (Made, Told):
        model = kind(n_estimators=3).fit(X, z)
        before = counted()
        for twin in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert type(twin) is kind and twin.told and same(twin.predict(X), model.predict(X))
        assert counted() - before == 6
    assert issubclass(Made, sklearn.ensemble.RandomForestRegressor)


def test_functions_that_make_models_are_pickled_by_their_place():
    pytest.importorskip("lightgbm"), pytest.importorskip("catboost")
    from perfcore.dropin import catboost, lightgbm

    for function in (lightgbm.train, catboost.to_regressor):
        assert pickle.loads(pickle.dumps(function)) is function
    assert lightgbm.train is lightgbm.train and lightgbm.train.__name__ == "train"


def own_class():
    from perfcore.dropin.sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor


class Own(own_class()):
    pass


def remade(kind, state):
    model = kind()
    vars(model).update(state, told=True)
    return model


class Made(Own):
    def __reduce__(self):
        return remade, (type(self), vars(self))


class Told(Own):
    def __getstate__(self):
        return {**super().__getstate__(), "told": True}


def test_boosters_notice_changes(table, at_once):
    pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    import lightgbm as theirs

    from perfcore.dropin import lightgbm, xgboost

    X, y, z = table
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, z), 3)
    twin = theirs.train({"verbose": -1}, theirs.Dataset(X, z), 3)
    assert type(booster) is lightgbm.Booster and isinstance(twin, lightgbm.Booster)
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, y)
    before = counted()
    bound = model._Booster.set_leaf_output  # before the first answer
    model.predict(X)
    bound(2, 0, 7.0)
    assert same(model.predict_proba(X), pickle.loads(pickle.dumps(model)).predict_proba(X))
    for each in (booster, model.booster_):
        each.predict(X)
        each.set_leaf_output(0, 0, 4.0)
    lightgbm.Booster.set_leaf_output(model._Booster, 1, 0, 5.0)
    twin.set_leaf_output(0, 0, 4.0)
    assert same(booster.predict(X), twin.predict(X))
    assert same(model.predict_proba(X), pickle.loads(pickle.dumps(model)).predict_proba(X))
    assert counted() - before == 6
    dtrain = xgboost.DMatrix(X, z)
    booster = xgboost.train({"max_depth": 2}, dtrain, 3)
    before = counted()
    booster.inplace_predict(X)
    booster.update(dtrain, 3)
    expected = pickle.loads(pickle.dumps(booster)).inplace_predict(X)
    assert same(booster.inplace_predict(X), expected)
    assert same(booster[:4].inplace_predict(X), expected)
    assert counted() - before == 3


def test_mirrors_and_patches_do_not_meet(table, at_once):
    import sklearn.tree
    from perfcore.dropin.sklearn.tree import DecisionTreeRegressor

    X, _, z = table
    model, twin = DecisionTreeRegressor().fit(X, z), sklearn.tree.DecisionTreeRegressor().fit(X, z)
    expected = twin.predict(X)
    before = counted()
    with perfcore.patched("sklearn"):
        assert same(model.predict(X), twin.predict(X))
    assert same(model.predict(X), expected)
    assert counted() - before == 3
    assert np.array_equal(expected, twin.predict(X))
