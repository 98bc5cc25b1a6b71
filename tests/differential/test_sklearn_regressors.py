"""scikit-learn's linear regressors: for the same call the same bits, by the same BLAS call."""

import numpy as np
import pytest
from linear_checks import check

import perfcore

pytest.importorskip("sklearn")
from sklearn import cross_decomposition, linear_model, svm  # noqa: E402
from sklearn.ensemble import StackingRegressor  # noqa: E402
from sklearn.multioutput import MultiOutputRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::FutureWarning", "ignore::RuntimeWarning"
)
RNG = np.random.default_rng(7)
X = RNG.normal(size=(600, 6))
Y = X @ RNG.normal(size=(6, 3)) + RNG.normal(size=(600, 3))
POSITIVE = np.abs(Y[:, 0]) + 0.1
SIZES = (1, 7, 600)

ONE_TARGET = {
    "ARDRegression": {},
    "BayesianRidge": {},
    "ElasticNet": {"alpha": 0.1},
    "ElasticNetCV": {"cv": 2},
    "HuberRegressor": {},
    "Lars": {},
    "LarsCV": {"cv": 2},
    "Lasso": {"alpha": 0.1},
    "LassoCV": {"cv": 2},
    "LassoLars": {"alpha": 0.01},
    "LassoLarsCV": {"cv": 2},
    "LassoLarsIC": {},
    "OrthogonalMatchingPursuit": {},
    "OrthogonalMatchingPursuitCV": {"cv": 2},
    "PassiveAggressiveRegressor": {},
    "QuantileRegressor": {"alpha": 0.1},
    "RANSACRegressor": {"random_state": 0},
    "RidgeCV": {},
    "SGDRegressor": {"average": True},
    "TheilSenRegressor": {"max_subpopulation": 50, "n_subsamples": 20, "random_state": 0},
}
MANY_TARGETS = {
    "ElasticNet": {"alpha": 0.1},
    "Lars": {},
    "Lasso": {"alpha": 0.1},
    "LassoLars": {"alpha": 0.01},
    "MultiTaskElasticNet": {"alpha": 0.1},
    "MultiTaskElasticNetCV": {"cv": 2},
    "MultiTaskLasso": {"alpha": 0.1},
    "MultiTaskLassoCV": {"cv": 2},
    "OrthogonalMatchingPursuit": {},
    "RANSACRegressor": {"random_state": 0},
    "RidgeCV": {},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ONE_TARGET)
def test_a_regressor_of_one_target(name, dtype, assert_same_bits):
    model = getattr(linear_model, name)(**ONE_TARGET[name])
    model.fit(X[:100].astype(dtype), Y[:100, 0].astype(dtype))
    check(model, X, assert_same_bits, sizes=SIZES)


@pytest.mark.parametrize("name", MANY_TARGETS)
def test_a_regressor_of_several_targets(name, assert_same_bits):
    model = getattr(linear_model, name)(**MANY_TARGETS[name]).fit(X[:100], Y[:100])
    check(model, X, assert_same_bits, sizes=SIZES)


def test_a_linear_support_vector_regressor(assert_same_bits):
    check(svm.LinearSVR().fit(X[:100], Y[:100, 0]), X, assert_same_bits, sizes=SIZES)
    check(svm.LinearSVR(fit_intercept=False).fit(X[:100], Y[:100, 0]), X, assert_same_bits, sizes=SIZES)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "model",
    [
        linear_model.PoissonRegressor(),
        linear_model.GammaRegressor(fit_intercept=False),
        linear_model.TweedieRegressor(power=1.5),
        linear_model.TweedieRegressor(power=0),
        linear_model.TweedieRegressor(power=0, link="log"),
    ],
    ids=repr,
)
def test_a_generalised_linear_model(model, dtype, assert_same_bits):
    model.fit(X[:100].astype(dtype), POSITIVE[:100].astype(dtype))
    check(model, X, assert_same_bits, sizes=SIZES)


@pytest.mark.parametrize("name", ["PLSRegression", "PLSCanonical", "CCA"])
def test_partial_least_squares_centre_a_copy_of_the_table(name, assert_same_bits):
    for targets in (Y[:100], Y[:100, :1], Y[:100, 0]):
        model = getattr(cross_decomposition, name)(n_components=1).fit(X[:100] + 3, targets)
        check(model, X, assert_same_bits, targets.shape, sizes=SIZES)


TABLES_WITHOUT_A_DTYPE = {
    "Arrow table": lambda cells: pytest.importorskip("pyarrow").table(cells),
    "Arrow batch": lambda cells: pytest.importorskip("pyarrow").table(cells).to_batches()[0],
    "polars": lambda cells: pytest.importorskip("polars").DataFrame(cells),
    "tuples": lambda cells: tuple(zip(*cells.values(), strict=True)),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("table", TABLES_WITHOUT_A_DTYPE)
def test_what_bears_no_dtype_is_cast_before_all_else(table, assert_same_bits):
    models = [
        linear_model.GammaRegressor().fit(X.astype(np.float32), POSITIVE.astype(np.float32)),
        cross_decomposition.PLSRegression(1).fit(X, Y[:, 0]),
        cross_decomposition.CCA(2).fit(X, Y),
        MultiOutputRegressor(linear_model.PoissonRegressor()).fit(X.astype(np.float32), np.abs(Y)),
        StackingRegressor([("a", cross_decomposition.PLSRegression(1))], cv=2).fit(X, Y[:, 0]),
    ]
    for model in models:
        fast = perfcore.compile(model)
        for dtype in (np.float32, np.float64, np.int64):
            cells = {f"x{j}": (column * 1e3).astype(dtype) for j, column in enumerate(X.T)}
            given = TABLES_WITHOUT_A_DTYPE[table](cells)
            with np.errstate(all="ignore"):
                assert_same_bits(model.predict(given), fast.predict(given), model, dtype)


def test_ransac_answers_by_its_own_feature_names(assert_same_bits):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=[*"abcdef"])
    model = linear_model.RANSACRegressor(random_state=0).fit(table[:100], Y[:100, 0])
    fast = perfcore.compile(model)
    assert_same_bits(model.predict(table), fast.predict(table))
    assert fast.feature_names_in_.tolist() == [*"abcdef"]
    with pytest.raises(perfcore.InputError, match="feature names"):
        fast.predict(table[[*"bacdef"]])


def test_ransac_of_trees_is_refused():
    from sklearn.tree import DecisionTreeRegressor

    model = linear_model.RANSACRegressor(DecisionTreeRegressor(max_depth=2), min_samples=10).fit(X[:100], Y[:100, 0])
    with pytest.raises(perfcore.UnsupportedModelError, match="compile its estimator_"):
        perfcore.compile(model)


def test_sparse_coefficients_are_refused_with_the_way_out(assert_same_bits):
    model = linear_model.Lasso(alpha=0.1).fit(X[:100], Y[:100, 0])
    sgd = linear_model.SGDClassifier().fit(X[:100], Y[:100, 0] > 0).sparsify()
    with pytest.raises(perfcore.UnsupportedModelError, match="densify"):
        perfcore.compile(sgd)
    check(sgd.densify(), X, assert_same_bits, sizes=(7,))
    check(model, X, assert_same_bits, sizes=(7,))


@pytest.mark.parametrize("average", [False, True])
def test_a_one_class_svm(average, assert_same_bits):
    model = linear_model.SGDOneClassSVM(nu=0.3, average=average, random_state=0).fit(X)
    assert len(set(model.predict(X))) == 2
    check(model, X, assert_same_bits, sizes=SIZES)
