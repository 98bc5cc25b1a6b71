"""What the tests of meta-estimators share: members of several frameworks, tables, and the comparison."""

import pickle
import warnings

import numpy as np
import pytest

import perfcore

METHODS = ("predict", "predict_proba", "decision_function")
ROWS = (1, 2, 17, 300)

RNG = np.random.default_rng(11)
X = RNG.normal(size=(300, 6))
SCORE = X[:, 0] + X[:, 1] * X[:, 2]
TWO = np.array(["no", "yes"])[(SCORE > 0).astype(int)]
THREE = np.array(["low", "mid", "top"])[np.digitize(SCORE, [-0.7, 0.7])]
MANY = np.c_[SCORE > 0, X[:, 1] > X[:, 2], X[:, 3] > 0.5].astype(int)
TARGETS = np.c_[SCORE, X[:, 1] - X[:, 3], X[:, 2] ** 2]


def classifiers():
    """Small classifiers of sklearn, by name: trees, boosting and a BLAS product."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    return [
        ("forest", RandomForestClassifier(5, max_depth=4, random_state=0)),
        ("boosting", GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0)),
        ("linear", LogisticRegression()),
    ]


def regressors():
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    return [
        ("forest", RandomForestRegressor(5, max_depth=4, random_state=0)),
        ("boosting", GradientBoostingRegressor(n_estimators=5, random_state=0)),
        ("linear", LinearRegression()),
    ]


def other_frameworks(kind):
    """Classifiers or regressors of the other frameworks, those that are installed."""
    found = []
    with pytest.MonkeyPatch.context():
        for name, module, prefix, options in (
            ("lightgbm", "lightgbm", "LGBM", {"n_estimators": 4, "num_leaves": 6, "verbose": -1, "n_jobs": 1}),
            ("xgboost", "xgboost", "XGB", {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}),
            ("catboost", "catboost", "CatBoost", {"iterations": 4, "depth": 3, "verbose": 0, "thread_count": 1,
                                                   "allow_writing_files": False}),
        ):  # fmt: skip
            framework = pytest.importorskip(module)
            found.append((name, getattr(framework, prefix + kind)(**options)))
    return found


def tables(table=X):
    return {
        "float64": table,
        "float32": table.astype(np.float32),
        "Fortran": np.asfortranarray(table),
        "strided": np.repeat(table, 2, axis=1)[::-1, ::2],
    }


def check(model, assert_same_bits, *where, table=X, rows=ROWS):
    """The predictor of a fitted model answers as it does, on tables of several layouts and lengths and on rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = perfcore.compile(model)
        restored = pickle.loads(pickle.dumps(fast))
        assert restored.fingerprint == fast.fingerprint
        for method in METHODS:
            assert hasattr(fast, method) == hasattr(model, method), (method, *where)
            if not hasattr(model, method):
                continue
            for label, each in tables(table).items():
                for n in rows:
                    expected = getattr(model, method)(each[:n])
                    assert_same_bits(expected, getattr(fast, method)(each[:n]), method, label, n, *where)
            assert_same_bits(expected, getattr(restored, method)(each[:n]), method, "restored", *where)
        for row in table[:3]:
            assert_same_bits(model.predict(row[None])[0], fast.predict_one(row), "one", *where)
            assert_same_bits(model.predict([row.tolist()])[0], fast.predict_one(row.tolist()), "one, a list", *where)
            if hasattr(model, "predict_proba"):
                expected, got = model.predict_proba(row[None]), fast.predict_proba_one(row)
                expected = [each[0] for each in expected] if isinstance(expected, list) else expected[0]
                assert_same_bits(expected, got, "one", *where)
        perfcore.verify(fast, model, table)
    return fast
