"""LinearRegression, Ridge and LogisticRegression: for the same call the same bits, by the same BLAS call."""

import pickle

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
from sklearn.linear_model import LinearRegression, LogisticRegression, LogisticRegressionCV, Ridge  # noqa: E402

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
RNG = np.random.default_rng(5)
N, F = 1500, 9
X = RNG.normal(size=(N, F))
TARGETS = {"one": X @ RNG.normal(size=F), "column": RNG.normal(size=(N, 1)), "seven": RNG.normal(size=(N, 7))}


def tables(n_features):
    table = np.ascontiguousarray(X[:, :n_features])
    wide = np.zeros((N, 2 * n_features))
    wide[:, ::2] = table
    return {
        "float64": table,
        "float32": table.astype(np.float32),
        "Fortran": np.asfortranarray(table),
        "strided": wide[::-2, ::2],
        "float16": table.astype(np.float16),
        "int": (table * 10).astype(np.int64),
        "bool": table > 0,
        "big-endian": table.astype(">f8"),
        "object": table[:64].astype(object),
        "list": table[:64].tolist(),
    }


def check(model, assert_same_bits, *where):
    fast = perfcore.compile(model)
    again = pickle.loads(pickle.dumps(fast))
    for method in METHODS:
        assert hasattr(model, method) == hasattr(fast, method)
        if hasattr(model, method):
            source, ours, restored = (getattr(each, method) for each in (model, fast, again))
            for label, table in tables(model.n_features_in_).items():
                for n in (1, 2, 7, 64, 513, 1500):
                    expected = source(table[:n])
                    assert_same_bits(expected, ours(table[:n]), method, label, n, *where)
                    assert_same_bits(expected, restored(table[:n]), method, label, n, "restored", *where)
    for row in X[:5, : model.n_features_in_]:
        for given in (row, row.astype(np.float32), row.tolist()):
            table = given[None, :] if isinstance(given, np.ndarray) else [given]
            assert_same_bits(model.predict(table)[0], fast.predict_one(given), *where)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_features", [1, 2, 9])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", [LinearRegression, Ridge])
def test_regression_is_the_sources_bits(kind, target, n_features, dtype, assert_same_bits):
    for fit_intercept in (True, False):
        model = kind(fit_intercept=fit_intercept)
        model.fit(X[:, :n_features].astype(dtype), TARGETS[target].astype(dtype))
        check(model, assert_same_bits, fit_intercept)


@pytest.mark.parametrize("n_rows", [3, 10, 30, 73, 700])
def test_the_gap_between_rows_of_coef_counts(n_rows, assert_same_bits):
    for n_features in (1, 2, 3, 8):
        for dtype in (np.float64, np.float32):
            table = X[:n_rows, :n_features].astype(dtype)
            model = LinearRegression(fit_intercept=False).fit(table, TARGETS["seven"][:n_rows].astype(dtype))
            fast = perfcore.compile(model)
            for each in (X[:, :n_features], X[:, :n_features].astype(np.float32)):
                for n in (1, 2, 3, 8, 100):
                    assert_same_bits(model.predict(each[:n]), fast.predict(each[:n]), n_features, dtype, n)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky", "saga"])
@pytest.mark.parametrize("n_classes", [2, 3, 10, 17])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classification_is_the_sources_bits(n_classes, solver, dtype, assert_same_bits):
    codes = np.argsort(np.argsort(X[:, 0] + X[:, 1])) * n_classes // N
    y = np.array([f"class {code}" for code in codes]) if n_classes == 3 else codes
    check(LogisticRegression(solver=solver, max_iter=10).fit(X.astype(dtype), y), assert_same_bits)


def test_other_ways_to_train_a_linear_model(assert_same_bits):
    y = X[:, 0] > 0
    check(LogisticRegression(solver="liblinear").fit(X, y), assert_same_bits)
    check(LogisticRegression(fit_intercept=False).fit(X, y), assert_same_bits)
    check(LinearRegression(positive=True).fit(X, TARGETS["seven"]), assert_same_bits)
    check(Ridge(solver="svd").fit(X, TARGETS["seven"]), assert_same_bits)


def test_large_margins_saturate_as_the_source(assert_same_bits):
    model = LogisticRegression(C=1e6).fit(X, X[:, 0] > 0)
    fast = perfcore.compile(model)
    for scale in (1, 30, 1e3, 1e300):
        for dtype in (np.float64, np.float32) if scale < 1e30 else (np.float64,):
            table = (X * scale).astype(dtype)
            assert_same_bits(model.predict_proba(table), fast.predict_proba(table), scale)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_subclass_that_only_trains_otherwise_is_read(assert_same_bits):
    model = LogisticRegressionCV(Cs=2, cv=2, l1_ratios=(0,), use_legacy_attributes=False).fit(X, X[:, 0] > 0)
    fast = perfcore.compile(model)
    assert_same_bits(model.predict_proba(X), fast.predict_proba(X))


def test_other_linear_models_are_refused():
    from sklearn.linear_model import Lasso, RidgeClassifier, SGDClassifier

    for model in (Lasso(), RidgeClassifier(), SGDClassifier()):
        with pytest.raises(perfcore.UnsupportedModelError, match=type(model).__name__):
            perfcore.compile(model.fit(X, np.asarray(X[:, 0] > 0, int)))
    model = Ridge().fit(X, TARGETS["one"])
    model.coef_ = model.coef_.tolist()
    with pytest.raises(perfcore.UnsupportedModelError, match="coef_"):
        perfcore.compile(model)


def test_what_holds_a_model_that_is_read_says_where():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    steps = make_pipeline(Ridge()).fit(X, TARGETS["one"])
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2).fit(X, TARGETS["one"])
    for model, advice in ((steps, "Pipeline: .*compile its last step"), (search, "compile its best_estimator_")):
        with pytest.raises(perfcore.UnsupportedModelError, match=advice):
            perfcore.compile(model)


@pytest.mark.parametrize("cell", [np.nan, np.inf])
def test_cells_of_half_precision_must_be_finite_too(cell):
    model = Ridge().fit(X, TARGETS["one"])
    table = X[:5].astype(np.float16)
    table[3, 1] = cell
    fast = perfcore.compile(model)
    for predict in (model.predict, fast.predict):
        with pytest.raises(ValueError, match="NaN|infinity"):
            predict(table)
    with pytest.raises(perfcore.InputError, match="NaN|infinity"):
        fast.predict_one(table[3])


def test_the_model_keeps_a_copy(assert_same_bits):
    model = Ridge().fit(X, TARGETS["seven"])
    expected, fast = model.predict(X), perfcore.compile(model)
    model.coef_ *= 2
    model.intercept_ *= 2
    assert_same_bits(expected, fast.predict(X))


def test_a_linear_model_has_no_leaves_and_no_kernel():
    fast = perfcore.compile(Ridge().fit(X, TARGETS["one"]))
    assert not hasattr(fast, "apply") and not hasattr(fast, "predict_proba")
    assert "BLAS" in str(fast)
    with pytest.raises(perfcore.ConfigurationError):
        fast.predict(X, n_threads=0)
