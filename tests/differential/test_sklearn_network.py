"""MLPClassifier and MLPRegressor: scikit-learn's products, layer by layer, and its activations."""

import numpy as np
import pytest
from linear_checks import check

import perfcore

sklearn = pytest.importorskip("sklearn")
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning", "ignore::DeprecationWarning"
)
RNG = np.random.default_rng(10)
X = RNG.normal(size=(600, 6))
SCORE = X @ RNG.normal(size=6)
CLASSES = {2: np.where(SCORE > 0, "yes", "no"), 5: np.digitize(SCORE, [-2, -1, 1, 2])}
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
OPTIONS = {"max_iter": 3, "random_state": 0}
SIZES = (1, 2, 7, 600)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_classifier_is_the_sources_bits(activation, dtype, assert_same_bits):
    for n_classes, y in CLASSES.items():
        model = MLPClassifier((8, 5), activation, **OPTIONS).fit(X.astype(dtype), y)
        check(model, X, assert_same_bits, n_classes, sizes=SIZES)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_regressor_is_the_sources_bits(activation, dtype, assert_same_bits):
    for targets in (SCORE, np.stack([SCORE, -SCORE, SCORE**2], axis=1)):
        model = MLPRegressor(hidden_layer_sizes=(8,), activation=activation, **OPTIONS).fit(
            X.astype(dtype), targets.astype(dtype)
        )
        check(model, X, assert_same_bits, targets.shape, sizes=SIZES)


@pytest.mark.parametrize("hidden", [(), (1,), (3, 100, 2)])
def test_layers_of_any_width(hidden, assert_same_bits):
    for solver in ("lbfgs", "sgd"):
        model = MLPClassifier(hidden, solver=solver, **OPTIONS).fit(X, CLASSES[5])
        check(model, X, assert_same_bits, hidden, solver, sizes=(1, 600))


def test_several_labels_at_once(assert_same_bits):
    model = MLPClassifier((8,), **OPTIONS).fit(X, (X[:, :3] > 0).astype(int))
    fast = check(model, X, assert_same_bits, sizes=SIZES)
    assert fast.predict(X).shape == (600, 3)


def test_a_poisson_regressor_answers_by_an_exponential(assert_same_bits):
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("MLPRegressor has no other loss than squared_error before scikit-learn 1.7")
    check(
        MLPRegressor(hidden_layer_sizes=(8,), loss="poisson", **OPTIONS).fit(X, SCORE**2),
        X,
        assert_same_bits,
        sizes=SIZES,
    )


def test_cells_so_large_that_activations_overflow(assert_same_bits):
    for activation in ACTIVATIONS:
        model = MLPClassifier((8, 5), activation, **OPTIONS).fit(X, CLASSES[5])
        fast = perfcore.compile(model)
        for scale in (1e3, 1e30):
            for dtype in (np.float64, np.float32):
                table = (X * scale).astype(dtype)
                assert_same_bits(model.predict_proba(table), fast.predict_proba(table), activation, scale, dtype)


def test_sparse_labels_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    model = MLPClassifier((8,), **OPTIONS).fit(X, sparse.csr_array((X[:, :3] > 0).astype(int)))
    with pytest.raises(perfcore.UnsupportedModelError, match="sparse labels"):
        perfcore.compile(model)


def test_sparse_rows(assert_same_bits):
    sparse = pytest.importorskip("scipy.sparse")
    model = MLPClassifier((8, 5), **OPTIONS).fit(X, CLASSES[5])
    fast, rows = perfcore.compile(model), sparse.csr_array(np.where(X > 0, X, 0))
    for table in (rows, rows.astype(np.float32), rows[:1]):
        assert_same_bits(model.predict_proba(table), fast.predict_proba(table))
