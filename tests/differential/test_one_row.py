"""A row by its labels: a mapping or a labelled Series is read by name, whatever its order."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import perfcore

MODELS = {
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=2, verbose=-1, n_jobs=1),
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "hist": lambda: HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2),
    "logistic": lambda: LogisticRegression(),
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


@pytest.mark.parametrize("wrong", [5, "05", (0,), (0.0, 5.0), (None, None), (0, 1, 2)])
def test_an_iteration_range_that_is_no_pair_of_whole_numbers_is_refused(wrong, frame):
    X, y = frame
    with pytest.raises(perfcore.ConfigurationError, match="iteration_range"):
        perfcore.compile(MODELS["lightgbm"]().fit(X, y), iteration_range=wrong)
