"""One row: answered as a table of it; by its labels, where it has some, whatever their order."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn import ensemble, tree
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression

import perfcore

MODELS = {
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=2, verbose=-1, n_jobs=1),
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "hist": lambda: HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2),
    "logistic": lambda: LogisticRegression(),
    "vote": lambda: VotingClassifier([("a", MODELS["forest"]()), ("b", MODELS["hist"]())], voting="soft"),
}


@pytest.fixture(scope="module")
def frame():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(80, 4)), columns=["net price", "b", "c", "d"])
    return X, (X["b"] * X["c"] + X["net price"] > 0).astype(int)


@pytest.mark.parametrize("name", MODELS)
def test_labels_decide_not_their_order(name, frame):
    X, y = frame
    fast = perfcore.compile(MODELS[name]().fit(X, y))
    for i in range(5):
        row = X.iloc[i]
        expected = fast.predict_proba_one(row.to_numpy(copy=True)).tobytes()
        if name != "logistic":  # a linear model's last bits depend on the strides of the call
            assert fast.predict_proba(X.iloc[i : i + 1])[0].tobytes() == expected
        for given in (row, row[::-1], dict(row), dict(row[::-1])):
            assert fast.predict_proba_one(given).tobytes() == expected


@pytest.mark.parametrize("name", MODELS)
def test_labels_that_the_model_does_not_know_are_refused(name, frame):
    X, y = frame
    fast = perfcore.compile(MODELS[name]().fit(X, y))
    row = X.iloc[0]
    for wrong in (row.rename({"b": "e"}), row.drop("b"), pd.concat([row, row[:1]]), row.to_frame()):
        with pytest.raises(perfcore.InputError):
            fast.predict_one(wrong)


def test_a_series_without_labels_of_its_own_is_read_by_position(frame):
    X, y = frame
    fast = perfcore.compile(MODELS["forest"]().fit(X.to_numpy(), y))
    row = pd.Series(X.to_numpy()[3])
    assert fast.predict_proba_one(row).tobytes() == fast.predict_proba(X.to_numpy()[3:4])[0].tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_what_is_no_row_is_refused_as_input(name, frame):
    X, y = frame
    fast = perfcore.compile(MODELS[name]().fit(X, y))
    for wrong in (None, 3.0, "abc", [[1.0, 2.0, 3.0, 4.0]], {name: [1.0] for name in X}, [1, 2, [3], 4]):
        with pytest.raises(perfcore.InputError):
            fast.predict_one(wrong)


def lightgbm_of(objective, target, **more):
    options = {"objective": objective, "verbose": -1, "min_data_in_leaf": 2, "num_threads": 1, **more}
    return lambda X, y: lightgbm.train(options, lightgbm.Dataset(X, target(y)), 5)


def xgboost_of(objective, target, **more):
    options = {"objective": objective, "nthread": 1, "max_depth": 3, **more}
    return lambda X, y: xgboost.train(options, xgboost.DMatrix(X, target(y)), 5)


def fitted(estimator, target):
    return lambda X, y: estimator.fit(X, target(y))


def two(y):
    return (y > 0).astype(int)


def three(y):
    return np.digitize(y, [-0.5, 0.5])


def words(y):
    return np.array(["low", "middle", "high"])[three(y)]


def number(y):
    return y


def positive(y):
    return np.abs(y) + 0.5


def both(y):
    return np.column_stack([y, -y])


TRAINED = (
    {
        f"lightgbm {objective} {more}": lightgbm_of(objective, target, **more)
        for objective, target, more in [
            ("regression", number, {}),
            ("regression", number, {"linear_tree": True}),
            ("regression", positive, {"reg_sqrt": True}),
            ("poisson", positive, {}),
            ("binary", two, {}),
            ("cross_entropy", two, {}),
            ("cross_entropy_lambda", two, {}),
            ("multiclass", three, {"num_class": 3}),
            ("multiclassova", three, {"num_class": 3}),
            ("binary", two, {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
        ]
    }
    | {
        f"xgboost {objective} {target.__name__}": xgboost_of(objective, target, **more)
        for objective, target, more in [
            ("reg:squarederror", number, {}),
            ("reg:squarederror", both, {}),
            ("reg:quantileerror", number, {"quantile_alpha": [0.1, 0.5, 0.9]}),
            ("reg:gamma", positive, {}),
            ("binary:logistic", two, {}),
            ("binary:hinge", two, {}),
            ("multi:softprob", three, {"num_class": 3}),
            ("multi:softmax", three, {"num_class": 3}),
        ]
    }
    | {
        f"{type(estimator).__name__} of {target.__name__}": fitted(estimator, target)
        for estimator, target in [
            (lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), two),
            (lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1), words),
            (lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1), number),
            (xgboost.XGBClassifier(n_estimators=5, n_jobs=1), two),
            (xgboost.XGBClassifier(n_estimators=5, n_jobs=1), three),
            (xgboost.XGBClassifier(n_estimators=5, n_jobs=1, objective="multi:softmax"), three),
            (xgboost.XGBRegressor(n_estimators=5, n_jobs=1), number),
            (ensemble.RandomForestClassifier(5, random_state=0), two),
            (ensemble.RandomForestClassifier(5, random_state=0), words),
            (ensemble.ExtraTreesRegressor(5, random_state=0), number),
            (ensemble.ExtraTreesRegressor(5, random_state=0), both),
            (tree.DecisionTreeClassifier(max_depth=4), words),
            (ensemble.GradientBoostingClassifier(n_estimators=5), two),
            (ensemble.GradientBoostingClassifier(n_estimators=5), words),
            (ensemble.GradientBoostingRegressor(n_estimators=5), number),
            (HistGradientBoostingClassifier(max_iter=5), two),
            (HistGradientBoostingClassifier(max_iter=5), words),
            (ensemble.HistGradientBoostingRegressor(max_iter=5), number),
            (ensemble.HistGradientBoostingRegressor(max_iter=5, loss="poisson"), positive),
        ]
    }
)


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_answers_as_the_source_answers_a_table_of_it(name, dtype, assert_same_bits):
    X = np.random.default_rng(2).normal(size=(150, 4)).astype(dtype)
    source = TRAINED[name](X, X[:, 0] * X[:, 1] + X[:, 2])
    fast = perfcore.compile(source)
    for method in ("predict", "predict_proba"):
        if not hasattr(source, method):
            continue
        for row in X[:20]:
            table = xgboost.DMatrix(row[None]) if isinstance(source, xgboost.Booster) else row[None]
            expected, got = getattr(source, method)(table)[0], getattr(fast, method + "_one")(row)
            assert type(got) is type(expected)
            assert_same_bits(expected, got, name, method)
            assert_same_bits(expected, getattr(fast, method)(row[None])[0], name, method)


@pytest.mark.parametrize("wrong", [5, "05", (0,), (0.0, 5.0), (None, None), (0, 1, 2)])
def test_an_iteration_range_that_is_no_pair_of_whole_numbers_is_refused(wrong, frame):
    X, y = frame
    with pytest.raises(perfcore.ConfigurationError, match="iteration_range"):
        perfcore.compile(MODELS["lightgbm"]().fit(X, y), iteration_range=wrong)


TOWNS = {
    "lightgbm": lambda: lightgbm.LGBMRegressor(n_estimators=2, min_child_samples=1, verbose=-1),
    "xgboost": lambda: xgboost.XGBRegressor(n_estimators=2, enable_categorical=True),
}


@pytest.mark.parametrize("name", TOWNS)
def test_text_by_position_is_sent_to_the_names(name):
    if name == "xgboost" and tuple(map(int, xgboost.__version__.split(".")[:2])) < (3, 1):
        pytest.skip("its models remember no categories before 3.1")
    frame = pd.DataFrame({"n": np.arange(40.0), "town": pd.Categorical(["Oslo", "Rome"] * 20)})
    model = TOWNS[name]().fit(frame, frame["n"] * (frame["town"] == "Oslo"))
    fast = perfcore.compile(model)
    assert fast.predict_one({"n": 3.0, "town": "Oslo"}) == model.predict(frame.assign(n=3.0)[:1])[0]
    for row in ([3.0, "Oslo"], (3.0, "Oslo"), np.array([3.0, "Oslo"], object), np.array([3.0, "Oslo"])):
        with pytest.raises(perfcore.InputError, match="; text goes by name, in a dict$"):
            fast.predict_one(row)


def test_columns_that_bear_numbers_for_names(frame):
    X, y = frame
    X = X.set_axis([7, 3, 5, 0], axis=1)
    row = X.iloc[2]
    catboost = pytest.importorskip("catboost")
    for model in (
        *(MODELS[name]() for name in ("lightgbm", "xgboost")),
        catboost.CatBoostClassifier(iterations=3, verbose=False, allow_writing_files=False),
    ):
        fast, expected = perfcore.compile(model.fit(X, y)), model.predict_proba(X)[2].tobytes()
        for given in (row, row.to_dict(), row[::-1].to_dict(), {str(name): row[name] for name in row.index}):
            assert fast.predict_proba_one(given).tobytes() == expected, model
        with pytest.raises(perfcore.InputError, match=r"two names .*\[7, 3, 5, 0, '7'\]"):
            fast.predict_one(row.to_dict() | {"7": 1.0})
    with pytest.raises(
        perfcore.InputError, match="trained without .names that are no text do not count.: pass its cel"
    ):
        perfcore.compile(MODELS["forest"]().fit(X, y)).predict_one(row)


@pytest.mark.parametrize("given", ["abc", None, 3.0, {1.0}, [[1.0] * 4]])
def test_what_is_no_row_is_named(given, frame):
    for name in MODELS:
        with pytest.raises(perfcore.InputError, match=f"got a {type(given).__name__}|cannot read the row|no cells of"):
            perfcore.compile(MODELS[name]().fit(*frame)).predict_one(given)
