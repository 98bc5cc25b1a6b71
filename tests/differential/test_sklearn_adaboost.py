"""AdaBoostClassifier and AdaBoostRegressor over trees: every answer the same bits as the source's."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perfcore

pytest.importorskip("sklearn")
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor  # noqa: E402
from sklearn.tree import (  # noqa: E402
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils import get_tags  # noqa: E402

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
RNG = np.random.default_rng(13)
X = RNG.normal(size=(300, 6))
SCORE = X[:, 0] * 2 + X[:, 1] * X[:, 2] + RNG.normal(size=300) * 0.3
CODE = np.digitize(SCORE, [-1, 1])
MANY = np.digitize(SCORE, np.linspace(-3, 3, 19))
YES = np.where(SCORE > 0, "yes", "no")
TREE = DecisionTreeClassifier(max_depth=3)
MODELS = {
    "two classes": (AdaBoostClassifier(n_estimators=20), YES),
    "bools": (AdaBoostClassifier(TREE, n_estimators=30, learning_rate=0.3), SCORE > 0),
    "one stump": (AdaBoostClassifier(n_estimators=1), YES),
    "perfect at once": (AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=9), YES),
    "three classes": (AdaBoostClassifier(n_estimators=20), np.array(["alpha", "be", "c"])[CODE]),
    "objects": (AdaBoostClassifier(TREE, n_estimators=9), np.array(["alpha", "be", "c"], object)[CODE]),
    "many classes": (AdaBoostClassifier(TREE, n_estimators=25), MANY),
    "extra trees": (AdaBoostClassifier(ExtraTreeClassifier(max_depth=4), n_estimators=20), CODE),
    "numbers": (AdaBoostRegressor(n_estimators=20), SCORE),
    "squares": (AdaBoostRegressor(DecisionTreeRegressor(max_depth=5), n_estimators=30, loss="square"), SCORE),
    "many ties": (AdaBoostRegressor(n_estimators=60, learning_rate=0.5), np.round(SCORE)),
    "three numbers": (AdaBoostRegressor(ExtraTreeRegressor(max_depth=3), n_estimators=40), CODE),
    "one regression tree": (AdaBoostRegressor(n_estimators=1), SCORE),
    "exact at once": (AdaBoostRegressor(DecisionTreeRegressor(), n_estimators=9), np.round(X[:, 0] > 0)),
}


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def fit(name):
        if name not in made:
            model, y = MODELS[name]
            model.set_params(random_state=0).fit(X, y)
            made[name] = model, perfcore.compile(model)
        return made[name]

    return fit


def check(model, fast, tables, assert_same_bits, *where):
    for table in tables:
        for method in METHODS:
            assert hasattr(model, method) == hasattr(fast, method)
            if hasattr(model, method):
                assert_same_bits(getattr(model, method)(table), getattr(fast, method)(table), method, *where)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_sources_bits(name, fitted, assert_same_bits):
    model, fast = fitted(name)
    tables = [X[:n] for n in (1, 2, 9, 33)]
    tables += [X, X.astype(np.float32), np.asfortranarray(X), X[:5].tolist(), (X * 3).astype(int), np.tile(X, (5, 1))]
    check(model, fast, tables, assert_same_bits, name)
    perfcore.verify(fast, model, X)
    assert not hasattr(fast, "apply")


@pytest.mark.parametrize("name", ["two classes", "many classes", "objects", "many ties"])
def test_one_row_answers_as_a_table_of_one(name, fitted, assert_same_bits):
    model, fast = fitted(name)
    for row in X[:4]:
        for given_row in (row, row.astype(np.float32).astype(float), row.tolist()):
            assert_same_bits(model.predict([given_row])[0], fast.predict_one(given_row))
            if hasattr(model, "predict_proba"):
                assert_same_bits(model.predict_proba([given_row])[0], fast.predict_proba_one(given_row))


@pytest.mark.parametrize("name", ["bools", "many classes", "many ties"])
@pytest.mark.parametrize("kernel", ["walk", "interleave", "bitslice", "lanes"])
def test_kernels_change_no_bit(name, kernel, fitted, assert_same_bits):
    model, _ = fitted(name)
    check(model, perfcore.compile(model, kernel=kernel), [X, X[:1]], assert_same_bits)


def test_votes_that_cancel_answer_as_the_source(assert_same_bits):
    for name in ("two classes", "three classes"):
        model = pickle.loads(pickle.dumps(MODELS[name][0].fit(X, MODELS[name][1])))
        for weights in (np.ones(20), np.tile([1.0, 0.0, 2.0, 1e-300, 5e-324], 4), np.tile([0.1, 0.2, 0.3, 0.6], 5)):
            model.estimator_weights_ = weights
            check(model, perfcore.compile(model), [X, X[:1]], assert_same_bits)


def test_equal_answers_of_different_weights_are_ordered_as_the_source_does(fitted, assert_same_bits):
    """Their order decides which weights are added first, and so where half of the sum falls."""
    model = pickle.loads(pickle.dumps(fitted("many ties")[0]))
    model.estimator_weights_ = RNG.choice([0.1, 0.2, 0.3, 0.7], len(model.estimators_))
    check(model, perfcore.compile(model), [X, np.round(X), X[:1]], assert_same_bits)


@pytest.mark.parametrize("kernel", [None, "walk", "interleave", "bitslice", "lanes"])
def test_zeros_keep_the_sign_that_the_source_gives_them(kernel, assert_same_bits):
    model = AdaBoostRegressor(n_estimators=5, random_state=0).fit(X, SCORE)
    for member in model.estimators_:
        state = member.tree_.__getstate__()
        member.tree_.__setstate__({**state, "values": np.where(state["values"] > 0, 0.0, -0.0)})
    assert 0 < np.signbit(model.predict(X)).sum() < len(X)
    check(model, perfcore.compile(model, kernel=kernel), [X, X[:1]], assert_same_bits)


def test_it_is_saved_and_sent(fitted, tmp_path, assert_same_bits):
    for name in ("two classes", "many classes", "many ties"):
        model, fast = fitted(name)
        fast.save(tmp_path / "model.pcore")
        for other in (perfcore.load(tmp_path / "model.pcore"), pickle.loads(pickle.dumps(fast))):
            assert other.fingerprint == fast.fingerprint
            check(model, other, [X, X[:1]], assert_same_bits)


def test_a_regressor_of_many_columns_has_one_target(fitted):
    model, fast = fitted("numbers")
    ours, theirs = get_tags(fast), get_tags(model)
    assert (ours.estimator_type, ours.target_tags) == (theirs.estimator_type, theirs.target_tags)
    assert ours.input_tags.allow_nan == theirs.input_tags.allow_nan is False
    assert fast.score(X, SCORE) == model.score(X, SCORE)


def test_names_are_checked_as_the_source_does():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = AdaBoostClassifier(n_estimators=3).fit(frame, YES)
    fast = perfcore.compile(model)
    assert (fast.predict(frame) == model.predict(frame)).all()
    with pytest.raises(perfcore.InputError, match="unseen at fit time: g"):
        fast.predict(frame.rename(columns={"a": "g"}))


def test_a_classifier_of_one_class_is_refused():
    with pytest.raises(perfcore.UnsupportedModelError, match="of one class"):
        perfcore.compile(AdaBoostClassifier().fit(X, np.zeros(300)))


def test_classifiers_in_the_place_of_regressors_are_asked_one_by_one(assert_same_bits):
    model = AdaBoostRegressor(TREE, n_estimators=2).fit(X, CODE.astype(float))
    assert_same_bits(model.predict(X), perfcore.compile(model).predict(X))


def test_weights_that_do_not_sum_to_a_number_are_refused(fitted):
    model = pickle.loads(pickle.dumps(fitted("two classes")[0]))
    for weights in (np.zeros(20), -np.ones(20), np.full(20, np.nan)):
        model.estimator_weights_ = weights
        with pytest.raises(perfcore.UnsupportedModelError, match="estimator_weights_"):
            perfcore.compile(model)


@settings(max_examples=settings.default.max_examples // 3)  # each trains its models
@given(data=st.data(), n=st.integers(4, 60), n_classes=st.integers(2, 12), n_trees=st.integers(1, 12))
def test_hypothesis_made_ensembles_answer_as_the_source(assert_same_bits, data, n, n_classes, n_trees):
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    table = np.round(rng.normal(size=(n, 3)), 1)
    options = {
        "n_estimators": n_trees,
        "learning_rate": data.draw(st.sampled_from([0.1, 1.0])),
        "random_state": seed,
    }
    depth = data.draw(st.integers(1, 4))
    classes = np.arange(n) % n_classes
    for model, y in (
        (AdaBoostClassifier(DecisionTreeClassifier(max_depth=depth, splitter="random"), **options), classes),
        (AdaBoostRegressor(DecisionTreeRegressor(max_depth=depth), **options), classes + rng.integers(0, 2, n)),
    ):
        try:
            model.fit(table, y)
        except ValueError as error:
            assert "worse than random" in str(error)
            continue
        weights = data.draw(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7, 1.0]), min_size=12, max_size=12))
        model.estimator_weights_ = np.array(weights[:n_trees])
        check(model, perfcore.compile(model), [table, table[:1]], assert_same_bits)
