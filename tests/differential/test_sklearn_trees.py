"""Decision trees and forests of scikit-learn: every answer the same bits as the source's."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perfcore

pytest.importorskip("sklearn")
from sklearn.ensemble import (  # noqa: E402
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (  # noqa: E402
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

METHODS = ("predict", "predict_proba", "predict_log_proba", "apply")
RNG = np.random.default_rng(7)
N, F = 1500, 8
X = RNG.normal(size=(N, F)).astype(np.float32)
X_MISSING = np.where(RNG.random(X.shape) < 0.1, np.float32(np.nan), X)
SCORE = X[:, 0] * 2 + X[:, 1] * X[:, 2] + RNG.normal(size=N) * 0.3
CLASS3 = np.digitize(SCORE, [-1, 1])
Y = {
    "number": SCORE,
    "positive": np.exp(SCORE / 3),
    "two numbers": np.c_[SCORE, -(SCORE**2)],
    "classes": CLASS3,
    "strings": np.array(["alpha", "be", "c"])[CLASS3],
    "bools": SCORE > 0,
    "floats": np.array([-1.0, 0.0, 2.0])[CLASS3],
    "objects": np.array(["alpha", "be", "c"], object)[CLASS3],
    "one class": np.full(N, 4),
    "many classes": np.digitize(SCORE, np.linspace(-3, 3, 16)),
    "two outputs": np.c_[CLASS3, SCORE > 0],
    "two strings": np.c_[np.array(["alpha", "be", "c"])[CLASS3], np.where(SCORE > 0, "yes", "no")],
}
MODELS = {
    "tree": (DecisionTreeClassifier(random_state=0), "classes"),
    "tree of strings": (DecisionTreeClassifier(max_depth=6), "strings"),
    "tree of bools": (DecisionTreeClassifier(max_leaf_nodes=20), "bools"),
    "tree of floats": (DecisionTreeClassifier(class_weight="balanced"), "floats"),
    "tree of objects": (DecisionTreeClassifier(criterion="entropy"), "objects"),
    "tree of one class": (DecisionTreeClassifier(), "one class"),
    "tree of two outputs": (DecisionTreeClassifier(max_depth=7), "two outputs"),
    "pruned tree": (DecisionTreeClassifier(ccp_alpha=0.002), "many classes"),
    "monotonic tree": (DecisionTreeClassifier(max_depth=5, monotonic_cst=[1] + [0] * (F - 1)), "bools"),
    "regression tree": (DecisionTreeRegressor(), "number"),
    "poisson tree": (DecisionTreeRegressor(criterion="poisson", min_samples_leaf=5), "positive"),
    "median tree": (DecisionTreeRegressor(criterion="absolute_error", max_depth=4), "number"),
    "tree of two numbers": (DecisionTreeRegressor(max_depth=6), "two numbers"),
    "extra tree": (ExtraTreeClassifier(random_state=1), "classes"),
    "extra regression tree": (ExtraTreeRegressor(random_state=1), "number"),
    "forest": (RandomForestClassifier(23, random_state=0), "classes"),
    "forest of strings": (RandomForestClassifier(7, class_weight="balanced_subsample"), "strings"),
    "forest of bools": (RandomForestClassifier(50, max_depth=6), "bools"),
    "forest of one class": (RandomForestClassifier(3), "one class"),
    "forest of many classes": (RandomForestClassifier(13, max_depth=8), "many classes"),
    "forest of two outputs": (RandomForestClassifier(9, max_depth=5), "two outputs"),
    "forest of two strings": (RandomForestClassifier(9, max_depth=5), "two strings"),
    "regression forest": (RandomForestRegressor(31), "number"),
    "regression forest of two": (RandomForestRegressor(11, max_depth=7), "two numbers"),
    "one-tree forest": (RandomForestRegressor(1), "number"),
    "extra forest": (ExtraTreesClassifier(20, max_depth=9), "classes"),
    "extra regression forest": (ExtraTreesRegressor(20, bootstrap=True), "number"),
}


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def fit(name):
        if name not in made:
            model, y = MODELS[name]
            allows_nan = model.__sklearn_tags__().input_tags.allow_nan and "monotonic" not in name
            model.fit(X_MISSING if allows_nan else X, Y[y])
            made[name] = model, perfcore.compile(model), allows_nan
        return made[name]

    return fit


def neighbours(model):
    """Rows whose cells are thresholds of the model, and the floats beside them, in float32 and float64."""
    trees = getattr(model, "estimators_", [model])
    thresholds = np.concatenate([t.tree_.threshold[t.tree_.children_left >= 0] for t in trees])
    # A split of missing from present has the threshold inf, which no table may hold.
    thresholds = np.concatenate([thresholds[np.isfinite(thresholds)], [0.0, -0.0, 5e-324, -1e-45]])[-300:]
    narrow = thresholds.astype(np.float32)
    cells = np.concatenate(
        [thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)]
        + [np.nextafter(narrow, np.float32(s)).astype(float) for s in (np.inf, -np.inf)]
        # Halfway to the next float32: where rounding decides.
        + [(narrow.astype(float) + np.nextafter(narrow, np.float32(np.inf)).astype(float)) / 2]
    )
    return np.repeat(cells[:, None], F, axis=1)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_sources_bits(name, fitted, assert_same_bits):
    model, fast, allows_nan = fitted(name)
    table = X_MISSING if allows_nan else X
    wide = np.zeros((N, 2 * F))
    wide[:, ::2] = table
    tables = {
        "float32": table,
        "float64": table.astype(float) * 1.0000000123,
        "Fortran": np.asfortranarray(table.astype(float)),
        "strided": wide[:, ::2],
        "backwards": table[::-1],
        "float16": table.astype(np.float16),
        "big-endian": table.astype(">f8"),
        "int": (X * 3).astype(np.int64),
        "bool": X > 0,
        "object": table[:64].astype(object),
        "list": table[:7].tolist(),
        "thresholds": neighbours(model),
    }
    for method in METHODS:
        assert hasattr(model, method) == hasattr(fast, method)
        if hasattr(model, method):
            for label, each in tables.items():
                assert_same_bits(getattr(model, method)(each), getattr(fast, method)(each), name, method, label)
            for n in (1, 7, 64, 513):
                assert_same_bits(getattr(model, method)(table[:n]), getattr(fast, method)(table[:n]), name, method, n)


@pytest.mark.parametrize("name", ["tree", "tree of two outputs", "forest of strings", "regression forest"])
def test_one_row_answers_as_a_table_of_one(name, fitted, assert_same_bits):
    model, fast, allows_nan = fitted(name)
    for row in (X_MISSING if allows_nan else X)[:20]:
        for given_row in (row, row.astype(float), row.tolist(), tuple(row)):
            assert_same_bits(model.predict([row])[0], fast.predict_one(given_row), name)
            if hasattr(model, "predict_proba"):
                proba = model.predict_proba([row])
                proba = [each[0] for each in proba] if isinstance(proba, list) else proba[0]
                assert_same_bits(proba, fast.predict_proba_one(given_row), name)


@pytest.mark.parametrize("name", ["forest", "regression forest of two", "tree of objects"])
def test_threads_change_no_bit(name, fitted, assert_same_bits):
    model, fast, _ = fitted(name)
    for n_threads in (1, 2, 5):
        assert_same_bits(model.predict(X), fast.predict(X, n_threads=n_threads))


def test_raw_prediction_is_the_average_of_the_trees(fitted, assert_same_bits):
    model, fast, _ = fitted("forest")
    assert_same_bits(model.predict_proba(X), fast.predict_raw(X))
    model, fast, _ = fitted("regression forest")
    assert_same_bits(model.predict(X), fast.predict_raw(X))


def test_leaves_of_a_forest_lie_as_the_source_lays_them(fitted):
    model, fast, _ = fitted("forest")
    assert fast.apply(X).strides == model.apply(X).strides


def test_a_table_of_many_blocks_is_read_whole(fitted, assert_same_bits):
    model, fast, _ = fitted("regression tree")
    table = np.tile(X, (14, 1))  # 21,000 rows
    for each in (table, table.astype(np.float16), np.asfortranarray(table)):
        assert_same_bits(model.predict(each), fast.predict(each))
        assert_same_bits(model.apply(each), fast.apply(each))


def test_classes_are_the_sources(fitted):
    for name in ("tree of strings", "tree of bools", "tree of objects"):
        model, fast, _ = fitted(name)
        assert fast.classes_.dtype == model.classes_.dtype and (fast.classes_ == model.classes_).all()
    model, fast, _ = fitted("tree of two outputs")
    assert isinstance(fast.classes_, list)
    assert all((a == b).all() for a, b in zip(model.classes_, fast.classes_, strict=True))
    assert not hasattr(fitted("regression tree")[1], "classes_")


def test_zeros_keep_the_sign_that_the_source_gives_them(assert_same_bits):
    model = DecisionTreeRegressor().fit([[0.0], [1.0]], [-0.0, 1.0])
    assert_same_bits(model.predict([[0.0]]), perfcore.compile(model).predict([[0.0]]))
    forest = RandomForestRegressor(3, bootstrap=False).fit([[0.0], [1.0]], [-0.0, 1.0])
    assert_same_bits(forest.predict([[0.0]]), perfcore.compile(forest).predict([[0.0]]))


def test_negative_weights_make_no_difference(assert_same_bits):
    weight = RNG.normal(size=N) + 1
    model = DecisionTreeClassifier(max_depth=4).fit(X, CLASS3, sample_weight=weight)
    fast = perfcore.compile(model)
    assert_same_bits(model.predict_proba(X), fast.predict_proba(X))
    assert_same_bits(model.predict(X), fast.predict(X))


def edited(model, thresholds, values):
    """The tree with other thresholds and leaf values, as __setstate__ takes them."""
    state = model.tree_.__getstate__()
    nodes = state["nodes"].copy()
    inner = np.flatnonzero(nodes["left_child"] >= 0)
    nodes["threshold"][inner] = np.resize(thresholds, len(inner))
    nodes["missing_go_to_left"][inner] = np.arange(len(inner)) % 2
    new = state["values"].copy()
    new[:] = np.resize(values, new.shape)
    model.tree_.__setstate__({**state, "nodes": nodes, "values": new})
    return model


EDGES = [0.0, -0.0, 5e-324, -5e-324, 1e-45, -1e-45, 1.1754942e-38, 1e-35, -1e-35, 0.1, np.float32(0.1), 1.0, -1.0]
EDGES += [np.nextafter(1.0, 2), np.nextafter(1.0, 0), 3.4028234663852886e38, -3.4028234663852886e38, 1e300, -1e300]
EDGES += [np.inf, -np.inf, float(np.nextafter(np.float32(1), np.float32(2)))]
CELLS = [edge for edge in EDGES if abs(edge) < 3.4e38] + [float("nan"), 3.4028234663852886e38]


@given(data=st.data(), n_trees=st.integers(0, 5), depth=st.integers(1, 6))
def test_hypothesis_made_trees_route_as_the_source(assert_same_bits, data, n_trees, depth):
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    table, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    if n_trees == 0:
        model = DecisionTreeRegressor(max_depth=depth, random_state=seed)
    else:
        model = RandomForestRegressor(n_trees, max_depth=depth, random_state=seed)
    model.fit(table, y)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    thresholds = data.draw(st.lists(st.sampled_from(EDGES) | finite, min_size=1, max_size=30))
    values = data.draw(st.lists(st.sampled_from([0.0, -0.0, 5e-324, 0.1, 1e300, -1e300]) | finite, min_size=1))
    for tree in getattr(model, "estimators_", [model]):
        edited(tree, thresholds, values)
    narrow = st.floats(width=32, allow_nan=True, allow_infinity=False)
    with np.errstate(over="ignore"):
        beside = [np.nextafter(t, s) for t in thresholds for s in (np.inf, -np.inf)]
    cells = st.sampled_from(CELLS + [c for c in beside if abs(c) < 3.4e38] + [0.0]) | narrow
    rows = np.array(data.draw(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=20)))
    fast = perfcore.compile(model)
    for each in (rows, rows.astype(np.float32)):
        with np.errstate(over="ignore", invalid="ignore"):
            assert_same_bits(model.apply(each), fast.apply(each), thresholds, each)
            expected = model.predict(each)
        assert_same_bits(expected, fast.predict(each), thresholds, each)


def test_a_monotonic_tree_takes_nan_where_the_source_does(assert_same_bits):
    model = DecisionTreeClassifier(max_depth=5, monotonic_cst=[1] + [0] * (F - 1)).fit(X, Y["bools"])
    fast = perfcore.compile(model)
    try:
        expected = model.predict(X_MISSING)
    except ValueError:  # scikit-learn 1.6, whose tags say otherwise
        with pytest.raises(perfcore.InputError, match="NaN"):
            fast.predict(X_MISSING)
    else:
        assert_same_bits(expected, fast.predict(X_MISSING))


def test_the_source_model_is_not_kept_alive():
    model = RandomForestRegressor(3).fit(X, SCORE)
    fast = perfcore.compile(model)
    watched = [weakref.ref(model), weakref.ref(model.estimators_[0])]
    del model
    gc.collect()
    assert [each() for each in watched] == [None, None]
    fast.predict(X)


class Shouting(RandomForestClassifier):
    def predict(self, X):
        return np.char.upper(super().predict(X))


class Renamed(RandomForestClassifier):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight)

    def explain(self):
        return "its answers are its base's"


def test_a_subclass_with_answers_of_its_own_is_refused(assert_same_bits):
    with pytest.raises(perfcore.UnsupportedModelError, match="Shouting defines predict"):
        perfcore.compile(Shouting(2).fit(X, Y["strings"]))
    model = Renamed(2).fit(X, Y["strings"])
    assert_same_bits(model.predict(X), perfcore.compile(model).predict(X))
    model.predict_proba = lambda X: None
    with pytest.raises(perfcore.UnsupportedModelError, match="predict_proba replaced"):
        perfcore.compile(model)


def test_what_cannot_be_read_is_refused():
    from sklearn.ensemble import RandomTreesEmbedding
    from sklearn.neighbors import KNeighborsClassifier

    others = RandomTreesEmbedding(n_estimators=3), KNeighborsClassifier()
    for model in (each.fit(X, CLASS3) for each in others):
        with pytest.raises(perfcore.UnsupportedModelError, match=type(model).__name__):
            perfcore.compile(model)
    with pytest.raises(perfcore.ConfigurationError, match="not fitted"):
        perfcore.compile(RandomForestClassifier())
    with pytest.raises(perfcore.ConfigurationError, match="no boosting iterations"):
        perfcore.compile(DecisionTreeRegressor().fit(X, SCORE), iteration_range=(0, 1))
    mixed = RandomForestClassifier(2).fit(X, CLASS3)
    mixed.estimators_[1] = DecisionTreeClassifier(max_depth=1).fit(X[:, :3], CLASS3)
    with pytest.raises(perfcore.UnsupportedModelError, match="other features"):
        perfcore.compile(mixed)
