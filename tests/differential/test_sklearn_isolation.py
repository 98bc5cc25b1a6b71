"""IsolationForest: every answer the same bits as the source's."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perfcore

pytest.importorskip("sklearn")
from sklearn.base import is_classifier, is_outlier_detector, is_regressor  # noqa: E402
from sklearn.ensemble import IsolationForest  # noqa: E402
from sklearn.utils import get_tags  # noqa: E402

METHODS = ("predict", "decision_function", "score_samples")
RNG = np.random.default_rng(5)
X = RNG.normal(size=(300, 6)) ** 3
X_MISSING = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
MODELS = {
    "plain": (IsolationForest(n_estimators=20), X),
    "trained with NaN": (IsolationForest(n_estimators=20), X_MISSING),
    "contaminated": (IsolationForest(n_estimators=20, contamination=0.1), X),
    "fewer features": (IsolationForest(n_estimators=20, max_features=0.5), X),
    "one feature a tree": (IsolationForest(n_estimators=9, max_features=1, bootstrap=True), X_MISSING),
    "few samples a tree": (IsolationForest(n_estimators=9, max_samples=3), X),
    "one sample a tree": (IsolationForest(n_estimators=3, max_samples=1), X),
    "one tree": (IsolationForest(n_estimators=1), X),
    "one column": (IsolationForest(n_estimators=5), X[:, :1]),
    "equal rows": (IsolationForest(n_estimators=5), np.ones((40, 3))),
    "many samples a tree": (IsolationForest(n_estimators=5, max_samples=1.0), np.round(X)),
}


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def fit(name):
        if name not in made:
            model, table = MODELS[name]
            model.set_params(random_state=0).fit(table)
            made[name] = model, perfcore.compile(model), table
        return made[name]

    return fit


def cells_beside_thresholds(model, n_features):
    """A table of which each row is one number: a threshold, the floats beside it, or an odd one."""
    trees = [tree.tree_ for tree in model.estimators_]
    thresholds = np.concatenate([tree.threshold[tree.children_left >= 0] for tree in trees])[:200]
    narrow = thresholds.astype(np.float32)
    beside = [np.nextafter(narrow, np.float32(to)).astype(float) for to in (np.inf, -np.inf)]
    odd = [np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, -0.0]
    return np.repeat(np.concatenate([thresholds, *beside, odd])[:, None], n_features, axis=1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_answers_are_the_sources_bits(name, fitted, assert_same_bits):
    model, fast, table = fitted(name)
    odd = cells_beside_thresholds(model, table.shape[1])
    tables = [table[:n] for n in (1, 2, 9, 33)]
    tables += [table, table.astype(np.float32), np.asfortranarray(table), table[::-1, :].tolist(), odd]
    for each in tables:
        for method in METHODS:
            assert_same_bits(getattr(model, method)(each), getattr(fast, method)(each), name, method)
        with warnings.catch_warnings(action="error"):
            perfcore.verify(fast, model, np.asarray(each)[:1])
    assert not hasattr(fast, "apply") and not hasattr(fast, "predict_proba")


@pytest.mark.parametrize("name", ["plain", "contaminated", "one feature a tree"])
def test_one_row_answers_as_a_table_of_one(name, fitted, assert_same_bits):
    model, fast, table = fitted(name)
    for row in table[:4]:
        for given_row in (row, row.astype(np.float32), row.tolist()):
            assert_same_bits(model.predict([row])[0], fast.predict_one(given_row))


def test_scores_are_zero_of_a_forest_trained_on_one_sample(fitted):
    _, fast, table = fitted("one sample a tree")
    assert (fast.score_samples(table) == -0.5).all()


def test_trees_trained_later_count(assert_same_bits):
    model = IsolationForest(n_estimators=4, warm_start=True, random_state=0).fit(X)
    model.set_params(n_estimators=9).fit(X)
    assert_same_bits(model.score_samples(X), perfcore.compile(model).score_samples(X))


def test_it_is_saved_and_sent(fitted, tmp_path, assert_same_bits):
    model, fast, table = fitted("contaminated")
    fast.save(tmp_path / "model.pcore")
    for other in (perfcore.load(tmp_path / "model.pcore"), pickle.loads(pickle.dumps(fast))):
        assert other.fingerprint == fast.fingerprint
        for method in METHODS:
            assert_same_bits(getattr(model, method)(table), getattr(other, method)(table))


def test_it_is_an_outlier_detector_to_scikit_learn(fitted):
    model, fast, _ = fitted("plain")
    assert is_outlier_detector(fast) and not is_classifier(fast) and not is_regressor(fast)
    ours, theirs = get_tags(fast), get_tags(model)
    assert ours.input_tags.allow_nan and ours.target_tags.required == theirs.target_tags.required
    assert not hasattr(fast, "score") and not hasattr(fast, "classes_")


def test_feature_names_are_the_sources(assert_same_bits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = IsolationForest(n_estimators=5, max_features=3, random_state=0).fit(frame)
    fast = perfcore.compile(model)
    assert fast.feature_names_in_.tolist() == list("abcdef")
    assert_same_bits(model.score_samples(frame), fast.score_samples(frame))
    with pytest.raises(perfcore.InputError, match="same order"):
        fast.score_samples(frame[list("fedcba")])


def test_an_own_way_of_scoring_is_refused():
    class Own(IsolationForest):
        def _compute_score_samples(self, X, subsample_features):
            return np.zeros(len(X))

    with pytest.raises(perfcore.UnsupportedModelError, match="_compute_score_samples"):
        perfcore.compile(Own(n_estimators=3).fit(X))


@settings(max_examples=settings.default.max_examples // 3)  # each trains its models
@given(data=st.data(), n=st.integers(1, 30), n_features=st.integers(1, 4), n_trees=st.integers(1, 6))
def test_hypothesis_made_forests_score_as_the_source(assert_same_bits, data, n, n_features, n_trees):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    table = np.round(rng.normal(size=(n, n_features)), 1)
    table[rng.random(table.shape) < data.draw(st.sampled_from([0, 0.2]))] = np.nan
    model = IsolationForest(
        n_estimators=n_trees,
        max_samples=data.draw(st.integers(1, n)),
        max_features=data.draw(st.integers(1, n_features)),
        contamination=data.draw(st.sampled_from(["auto", 0.2])),
        random_state=0,
    ).fit(table)
    fast = perfcore.compile(model)
    for method in METHODS:
        assert_same_bits(getattr(model, method)(table), getattr(fast, method)(table))
