"""Small trained models of every framework over one table of numbers, and whether perfcore answers a table alike."""

import importlib.util
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

import perfcore
from perfcore.errors import InputError

N, F = 400, 4
NAMES = [f"c{j}" for j in range(F)]
RNG = np.random.default_rng(11)
X = RNG.normal(size=(N, F)) * 3
Y = X[:, 0] + X[:, 1] * X[:, 2] + (X[:, 3] > 1)
QUIET = {"verbose": -1, "n_estimators": 12, "num_leaves": 15, "n_jobs": 1}


def _lightgbm(named):
    import lightgbm

    names = NAMES if named else "auto"
    return lightgbm.train(
        {"verbose": -1, "num_leaves": 15, "num_threads": 1}, lightgbm.Dataset(X, Y, feature_name=names), 12
    )


def _lgbm_classifier(named):
    import lightgbm

    return lightgbm.LGBMClassifier(**QUIET).fit(_table(named), (Y > 0).astype(int) + (Y > 4))


def _xgb(named):
    import xgboost

    return xgboost.XGBRegressor(n_estimators=12, max_depth=4, n_jobs=1).fit(_table(named), Y)


def _catboost(named):
    import catboost

    model = catboost.CatBoostRegressor(iterations=12, depth=4, verbose=0, thread_count=1, allow_writing_files=False)
    return model.fit(_table(named), Y)


def _sklearn(module, name, **parameters):
    def make(named):
        estimator = getattr(__import__(f"sklearn.{module}", fromlist=[name]), name)
        return estimator(**parameters).fit(_table(named), Y)

    return make


def _table(named):
    if not named:
        return X
    import pandas

    return pandas.DataFrame(X, columns=NAMES)


MAKERS = {
    "lightgbm Booster": ("lightgbm", _lightgbm),
    "LGBMClassifier": ("lightgbm", _lgbm_classifier),
    "XGBRegressor": ("xgboost", _xgb),
    "xgboost Booster": ("xgboost", lambda named: _xgb(named).get_booster()),
    "CatBoostRegressor": ("catboost", _catboost),
    "RandomForest": ("sklearn", _sklearn("ensemble", "RandomForestRegressor", n_estimators=6, random_state=0)),
    "GradientBoosting": ("sklearn", _sklearn("ensemble", "GradientBoostingRegressor", n_estimators=8)),
    "HistGradientBoosting": ("sklearn", _sklearn("ensemble", "HistGradientBoostingRegressor", max_iter=4)),
    "LinearRegression": ("sklearn", _sklearn("linear_model", "LinearRegression")),
}
INSTALLED = [name for name, (package, _) in MAKERS.items() if importlib.util.find_spec(package)]
_MADE: dict = {}


def model(name, named=True):
    """(the source, its predictor), trained once."""
    if (name, named) not in _MADE:
        with threadpool_limits(1):
            source = MAKERS[name][1](named)
        _MADE[name, named] = source, perfcore.compile(source)
    return _MADE[name, named]


def source_answer(source, table):
    if type(source).__module__.startswith("xgboost.core"):
        import xgboost

        return source.predict(xgboost.DMatrix(table, enable_categorical=True))
    return source.predict(table)


def answer(predict, *arguments):
    """What comes of it: an array or an exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return predict(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a table of rubbish brings up is the answer here
        return error


def agree(name, table, assert_same_bits, named=True):
    """Bits equal, or both refuse; returns perfcore's answer."""
    source, fast = model(name, named)
    expected, got = answer(source_answer, source, table), answer(fast.predict, table)
    if isinstance(expected, Exception):
        assert isinstance(got, InputError), (name, expected, got)
    else:
        assert not isinstance(got, Exception), (name, got)
        assert_same_bits(expected, got, name)
    return got
