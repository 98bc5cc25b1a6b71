"""GradientBoosting* and HistGradientBoosting* of scikit-learn: every answer the same bits as the source's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perfcore

pytest.importorskip("sklearn")
from scipy.special import expit as scipy_expit  # noqa: E402
from sklearn.dummy import DummyClassifier, DummyRegressor  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.utils.extmath import softmax as sklearn_softmax  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

from perfcore.answers.sklearn import expit, softmax  # noqa: E402

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "apply")
RNG = np.random.default_rng(11)
N, F = 1500, 7
X = RNG.normal(size=(N, F))
SCORE = X[:, 0] * 2 + X[:, 1] * X[:, 2] + RNG.normal(size=N) * 0.3
X_MISSING = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
Y = {
    "number": SCORE,
    "positive": np.exp(SCORE / 3),
    "two": SCORE > 0,
    "strings": np.array(["alpha", "be", "c"])[np.digitize(SCORE, [-1, 1])],
    "10": np.digitize(SCORE, np.linspace(-3, 3, 9)),
    "17": np.arange(N) % 17,
}
SMALL = {"n_estimators": 12, "random_state": 0}
QUICK = {"max_iter": 12, "random_state": 0}
EXACT = {
    "two classes": (GradientBoostingClassifier(**SMALL), "two"),
    "exponential": (GradientBoostingClassifier(loss="exponential", **SMALL), "two"),
    "three classes": (GradientBoostingClassifier(subsample=0.7, **SMALL), "strings"),
    "ten classes": (GradientBoostingClassifier(n_estimators=3), "10"),
    "seventeen classes": (GradientBoostingClassifier(n_estimators=2, max_depth=2), "17"),
    "zero init": (GradientBoostingClassifier(init="zero", **SMALL), "strings"),
    "zero init of two": (GradientBoostingClassifier(init="zero", **SMALL), "two"),
    "dummy init": (GradientBoostingClassifier(init=DummyClassifier(strategy="most_frequent"), **SMALL), "strings"),
    "early stopping": (GradientBoostingClassifier(n_estimators=60, n_iter_no_change=2, tol=0.05), "two"),
    "squared": (GradientBoostingRegressor(n_estimators=50, learning_rate=0.37), "number"),
    "absolute": (GradientBoostingRegressor(loss="absolute_error", **SMALL), "number"),
    "huber": (GradientBoostingRegressor(loss="huber", **SMALL), "number"),
    "quantile": (GradientBoostingRegressor(loss="quantile", alpha=0.8, **SMALL), "number"),
    "zero regression": (GradientBoostingRegressor(init="zero", max_leaf_nodes=9, **SMALL), "number"),
    "dummy regression": (GradientBoostingRegressor(init=DummyRegressor(strategy="median"), **SMALL), "number"),
}
HISTOGRAM = {
    "two classes, histogram": (HistGradientBoostingClassifier(**QUICK), "two"),
    "three classes, histogram": (HistGradientBoostingClassifier(**QUICK), "strings"),
    "ten classes, histogram": (HistGradientBoostingClassifier(max_iter=3), "10"),
    "seventeen classes, histogram": (HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=4), "17"),
    "early stopping, histogram": (HistGradientBoostingClassifier(max_iter=80, early_stopping=True, tol=0.1), "two"),
    "squared, histogram": (HistGradientBoostingRegressor(max_iter=40), "number"),
    "absolute, histogram": (HistGradientBoostingRegressor(loss="absolute_error", **QUICK), "number"),
    "gamma, histogram": (HistGradientBoostingRegressor(loss="gamma", **QUICK), "positive"),
    "poisson, histogram": (HistGradientBoostingRegressor(loss="poisson", **QUICK), "positive"),
    "quantile, histogram": (HistGradientBoostingRegressor(loss="quantile", quantile=0.3, **QUICK), "number"),
    "monotonic, histogram": (HistGradientBoostingRegressor(monotonic_cst=[1] + [0] * (F - 1), **QUICK), "number"),
    "few bins, histogram": (HistGradientBoostingRegressor(max_bins=4, max_depth=3, **QUICK), "number"),
}
MODELS = EXACT | HISTOGRAM


@pytest.fixture(scope="module", autouse=True)
def one_openmp_thread():
    """Histogram boosting's own threads wait for one another by spinning: on a busy machine, for minutes."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def fit(name):
        if name not in made:
            model, y = MODELS[name]
            model.fit(X_MISSING if name in HISTOGRAM else X, Y[y])
            made[name] = model, perfcore.compile(model)
        return made[name]

    return fit


def neighbours(model):
    """Rows whose cells are thresholds of the model, and the floats beside them."""
    if hasattr(model, "_predictors"):
        trees = [tree.nodes for stage in model._predictors for tree in stage]
        nodes = [tree[tree["is_leaf"] == 0]["num_threshold"] for tree in trees]
    else:
        nodes = [tree.tree_.threshold[tree.tree_.feature >= 0] for tree in model.estimators_.ravel()]
    found = np.concatenate(nodes)
    found = np.concatenate([found[np.isfinite(found)], [0.0, -0.0, 5e-324]])[-300:]
    narrow = found.astype(np.float32)
    cells = [found, np.nextafter(found, np.inf), np.nextafter(found, -np.inf)]
    cells += [np.nextafter(narrow, np.float32(s)).astype(float) for s in (np.inf, -np.inf)]
    return np.repeat(np.concatenate(cells)[:, None], F, axis=1)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_sources_bits(name, fitted, assert_same_bits):
    model, fast = fitted(name)
    table = X_MISSING if name in HISTOGRAM else X
    wide = np.zeros((N, 2 * F))
    wide[:, ::2] = table
    tables = {
        "float64": table,
        "float32": table.astype(np.float32),
        "Fortran": np.asfortranarray(table),
        "strided": wide[::-3, ::2],
        "int": (X * 3).astype(np.int32),
        "bool": X > 0,
        "object": table[:64].astype(object),
        "list": table[:7].tolist(),
        "thresholds": neighbours(model),
    }
    if name in HISTOGRAM:
        tables["infinite"] = np.where(np.abs(X) > 1, X * np.inf, X)
    for method in METHODS:
        assert hasattr(model, method) == hasattr(fast, method)
        if hasattr(model, method):
            for label, each in tables.items():
                if method == "apply" and label == "list":
                    continue  # GradientBoostingRegressor.apply asks a list for its shape
                assert_same_bits(getattr(model, method)(each), getattr(fast, method)(each), name, method, label)
            for n in (1, 2, 7, 64, 513):
                assert_same_bits(getattr(model, method)(table[:n]), getattr(fast, method)(table[:n]), name, method, n)


@pytest.mark.parametrize("name", MODELS)
def test_one_row_answers_as_a_table_of_one(name, fitted, assert_same_bits):
    model, fast = fitted(name)
    for row in (X_MISSING if name in HISTOGRAM else X)[:10]:
        assert_same_bits(model.predict([row])[0], fast.predict_one(row), name)
        assert_same_bits(model.predict([row])[0], fast.predict_one(row.tolist()), name)
        if hasattr(model, "predict_proba"):
            assert_same_bits(model.predict_proba([row])[0], fast.predict_proba_one(row), name)


@pytest.mark.parametrize("name", ["three classes", "squared", "three classes, histogram", "poisson, histogram"])
def test_threads_change_no_bit(name, fitted, assert_same_bits):
    model, fast = fitted(name)
    for n_threads in (1, 2, 5):
        assert_same_bits(model.predict(X), fast.predict(X, n_threads=n_threads))


@pytest.mark.parametrize("name", ["two classes", "three classes", "two classes, histogram", "three classes, histogram"])
def test_raw_prediction_is_the_decision_function(name, fitted, assert_same_bits):
    model, fast = fitted(name)
    assert_same_bits(model.decision_function(X), fast.predict_raw(X))
    # Other code's sums depend on the layout, too.
    ours, theirs = fast.decision_function(X), model.decision_function(X)
    assert ours.flags.c_contiguous == theirs.flags.c_contiguous


@pytest.mark.parametrize("name", ["three classes", "squared", "two classes, histogram", "poisson, histogram"])
def test_iterations_from_the_first_are_the_sources_stages(name, fitted, assert_same_bits):
    model, _ = fitted(name)
    for end, staged in enumerate(model.staged_predict(X), 1):
        if end in (1, 5, 12):
            assert_same_bits(staged, perfcore.compile(model, iteration_range=(0, end)).predict(X), end)
    for wrong in ((1, 3), (0, 0), (0, 1000)):
        with pytest.raises(perfcore.ConfigurationError, match="iteration_range"):
            perfcore.compile(model, iteration_range=wrong)


def test_a_single_class_is_refused():
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, np.zeros(len(X)))
    with pytest.raises(perfcore.UnsupportedModelError, match="single class"):
        perfcore.compile(model)


def test_initial_predictions_that_differ_by_row_are_refused():
    for init in (LinearRegression(), DummyClassifier(strategy="stratified")):
        is_regressor = isinstance(init, LinearRegression)
        model = (GradientBoostingRegressor if is_regressor else GradientBoostingClassifier)(n_estimators=2, init=init)
        model.fit(X, Y["number" if is_regressor else "two"])
        with pytest.raises(perfcore.UnsupportedModelError, match="from row to row"):
            perfcore.compile(model)


def test_a_learning_rate_changed_after_training_counts(assert_same_bits):
    model = GradientBoostingRegressor(n_estimators=5).fit(X, SCORE)
    model.set_params(learning_rate=0.7)
    assert_same_bits(model.predict(X), perfcore.compile(model).predict(X))


FLOATS = [0.0, -0.0, 5e-324, 1e-35, -1e-35, 1.0, np.nextafter(1, 2), 1e300, -1e300, np.inf, -np.inf, np.nan]


@given(data=st.data())
def test_hypothesis_made_histogram_trees_route_as_the_source(assert_same_bits, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    model = HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=6, min_samples_leaf=1)
    model.fit(rng.normal(size=(40, 3)), rng.normal(size=40))
    thresholds = data.draw(st.lists(st.sampled_from(FLOATS[:-1]) | st.floats(allow_nan=False), min_size=1))
    for (tree,) in model._predictors:
        inner = np.flatnonzero(tree.nodes["is_leaf"] == 0)
        tree.nodes["num_threshold"][inner] = np.resize(thresholds, len(inner))
        tree.nodes["missing_go_to_left"][inner] = rng.integers(0, 2, len(inner))
    with np.errstate(over="ignore"):
        cells = st.sampled_from(FLOATS + thresholds + [np.nextafter(t, np.inf) for t in thresholds]) | st.floats()
    rows = np.array(data.draw(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=20)))
    fast = perfcore.compile(model)
    with np.errstate(over="ignore"):
        tables = rows, rows.astype(np.float32)
    for each in tables:
        assert_same_bits(model.predict(each), fast.predict(each), thresholds, each)


def test_expit_is_scipys():
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 709.8, -709.8, 745.2, -745.2, 1e308, -1e308, 5e-324, 88.7, -104.0]
    values = np.concatenate([RNG.normal(size=100_000) * scale for scale in (1e-3, 1, 10, 300)] + [special])
    for dtype in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            x = values.astype(dtype)
        assert scipy_expit(x).tobytes() == expit(x.copy()).tobytes()


@pytest.mark.parametrize("n_classes", [2, 3, 7, 8, 9, 10, 16, 17, 33, 200])
def test_softmax_is_scikit_learns_in_both_layouts(n_classes):
    for n_rows in (1, 2, 3, 7, 8, 64, 513):
        x = RNG.normal(size=(n_rows, n_classes)) * 10
        for order in "CF":
            for dtype in (np.float64, np.float32):
                table = np.array(x, dtype, order=order)
                assert sklearn_softmax(table).tobytes() == softmax(table.copy("K")).tobytes()
