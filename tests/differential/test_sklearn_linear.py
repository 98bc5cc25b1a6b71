"""LinearRegression, Ridge and LogisticRegression: for the same call the same bits, by the same BLAS call."""

import linear_checks
import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402

RNG = np.random.default_rng(5)
N, F = 1500, 9
X = RNG.normal(size=(N, F))
TARGETS = {"one": X @ RNG.normal(size=F), "column": RNG.normal(size=(N, 1)), "seven": RNG.normal(size=(N, 7))}


def check(model, assert_same_bits, *where):
    linear_checks.check(model, X[:, : model.n_features_in_], assert_same_bits, *where, sizes=(1, 2, 7, 1500))


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


def test_a_subclass_that_only_trains_otherwise_is_read(assert_same_bits):
    class Stronger(LogisticRegression):
        def fit(self, X, y):
            return super().fit(10 * X, y)

    model = Stronger().fit(X, X[:, 0] > 0)
    assert_same_bits(model.predict_proba(X), perfcore.compile(model).predict_proba(X))


def test_coefficients_that_are_no_array_are_refused():
    model = Ridge().fit(X, TARGETS["one"])
    model.coef_ = model.coef_.tolist()
    with pytest.raises(perfcore.UnsupportedModelError, match="coef_"):
        perfcore.compile(model)


def test_a_predictor_stands_in_a_pipeline_and_a_pipeline_in_a_predictor():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipe = make_pipeline(StandardScaler(), Ridge()).fit(X, TARGETS["one"])
    expected = pipe.predict(X)
    assert perfcore.compile(pipe).predict(X).tobytes() == expected.tobytes()
    pipe.steps[-1] = ("model", perfcore.compile(pipe[-1]))
    assert pipe.predict(X).tobytes() == expected.tobytes()


def test_a_class_that_is_not_read_is_named_in_few_words():
    from sklearn.svm import SVC

    with pytest.raises(perfcore.UnsupportedModelError, match="SVC is not read. Of .*docs/support.md") as refused:
        perfcore.compile(SVC())
    assert len(str(refused.value)) < 250


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


@pytest.mark.parametrize("cell", [2**63, 2**70, -(2**64), 10**400])
def test_whole_numbers_beyond_64_bits_are_floats_or_refused(cell, assert_same_bits):
    model = Ridge().fit(X, TARGETS["one"])
    fast = perfcore.compile(model)
    table = X[:3].astype(object)
    table[1, 2] = cell
    if cell < 1e308:
        assert_same_bits(model.predict(table), fast.predict(table))
        assert_same_bits(model.predict(table[1:2])[0], fast.predict_one(table[1]))
    else:
        with pytest.raises(perfcore.InputError):
            fast.predict(table)
    if not -(2**63) <= cell < 2**64:  # the source answers lists of them with objects
        for ask, cells in ((fast.predict, table.tolist()), (fast.predict_one, table[1].tolist())):
            with pytest.raises(perfcore.InputError, match="object"):
                ask(cells)


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
