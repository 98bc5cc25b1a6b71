"""A predictor among scikit-learn's own tools: frozen, calibrated, stacked, cross-validated, in a pipeline."""

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import perfcore

sklearn = pytest.importorskip("sklearn")
from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402
from sklearn.model_selection import cross_val_predict, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils import get_tags  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

RNG = np.random.default_rng(2)
X = RNG.normal(size=(600, 5))
SCORE = X[:, 0] + X[:, 1] * X[:, 2]
CLASS = np.array(["low", "mid", "top"])[np.digitize(SCORE, [-0.7, 0.7])]


@pytest.fixture(scope="module")
def classifier():
    model = RandomForestClassifier(10, max_depth=6, random_state=0).fit(X, CLASS)
    return model, perfcore.compile(model)


@pytest.fixture(scope="module")
def regressor():
    model = GradientBoostingRegressor(n_estimators=20).fit(X, SCORE)
    return model, perfcore.compile(model)


def test_frozen(classifier, assert_same_bits):
    model, fast = classifier
    frozen = FrozenEstimator(fast).fit(X, CLASS)
    assert_same_bits(model.predict_proba(X), frozen.predict_proba(X))
    assert frozen.estimator is fast and clone(frozen).estimator is fast


def test_calibrated(classifier, assert_same_bits):
    model, fast = classifier
    for method in ("sigmoid", "isotonic"):
        ours, theirs = (
            CalibratedClassifierCV(FrozenEstimator(each), method=method).fit(X, CLASS) for each in (fast, model)
        )
        assert_same_bits(theirs.predict_proba(X), ours.predict_proba(X))


def test_calibrated_by_margins(assert_same_bits):
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, SCORE > 0)
    ours, theirs = (
        CalibratedClassifierCV(FrozenEstimator(each)).fit(X, SCORE > 0) for each in (perfcore.compile(model), model)
    )
    assert_same_bits(theirs.predict_proba(X), ours.predict_proba(X))


def test_stacked_and_voting(classifier, assert_same_bits):
    model, fast = classifier
    other = LogisticRegression().fit(X, CLASS)
    ours, theirs = (
        StackingClassifier([("a", each), ("b", linear)], cv="prefit").fit(X, CLASS)
        for each, linear in ((fast, perfcore.compile(other)), (model, other))
    )
    assert_same_bits(theirs.predict_proba(X), ours.predict_proba(X))
    voting = VotingClassifier([("a", FrozenEstimator(fast)), ("b", FrozenEstimator(fast))], voting="soft").fit(X, CLASS)
    assert (voting.predict(X) == model.predict(X)).mean() > 0.99


def test_cross_validated(classifier, regressor, assert_same_bits):
    model, fast = classifier
    expected = cross_val_predict(FrozenEstimator(model), X, CLASS, method="predict_proba")
    assert_same_bits(expected, cross_val_predict(fast, X, CLASS, method="predict_proba"))
    for source, ours, y in ((model, fast, CLASS), (*regressor, SCORE)):
        assert_same_bits(cross_val_score(FrozenEstimator(source), X, y), cross_val_score(ours, X, y))


def test_in_a_pipeline(regressor, assert_same_bits):
    scaler = StandardScaler().fit(X)
    model = GradientBoostingRegressor(n_estimators=20).fit(scaler.transform(X), SCORE)
    pipe = make_pipeline(scaler, perfcore.compile(model))
    assert_same_bits(model.predict(scaler.transform(X)), pipe.predict(X))
    assert_same_bits(model.predict(scaler.transform(X)), pipe.fit(X, SCORE).predict(X))
    assert isinstance(repr(pipe), str) and pipe.score(X, SCORE) == model.score(scaler.transform(X), SCORE)


def test_it_is_an_estimator_that_is_never_trained_again(classifier):
    model, fast = classifier
    check_is_fitted(fast)
    assert fast.fit(X, CLASS) is fast and clone(fast) is fast and copy.deepcopy(fast) is fast
    assert fast.get_params() == {} and fast.set_params() is fast
    with pytest.raises(perfcore.ConfigurationError, match="max_depth"):
        fast.set_params(max_depth=3)
    assert fast.score(X, CLASS) == model.score(X, CLASS)
    weight = RNG.random(len(X))
    assert fast.score(X, CLASS, weight) == model.score(X, CLASS, weight)


def test_tags_are_the_sources():
    two = np.c_[SCORE, -SCORE]
    for model, y in (
        (RandomForestClassifier(2), CLASS),
        (RandomForestRegressor(2), SCORE),
        (RandomForestRegressor(2), two),
        (RandomForestClassifier(2), two > 0),
        (HistGradientBoostingClassifier(max_iter=2), SCORE > 0),
        (GradientBoostingRegressor(n_estimators=2), SCORE),
        (Ridge(), SCORE),
        (LogisticRegression(), CLASS),
    ):
        fast = perfcore.compile(model.fit(X, y))
        assert is_classifier(fast) == is_classifier(model) and is_regressor(fast) == is_regressor(model)
        ours, theirs = get_tags(fast), get_tags(model)
        assert ours.input_tags.allow_nan == theirs.input_tags.allow_nan
        assert ours.target_tags.required and ours.target_tags.multi_output == (np.ndim(y) == 2)
        assert ours.estimator_type == theirs.estimator_type == fast._estimator_type


def test_it_has_the_sources_attributes_and_methods(classifier, regressor):
    model, fast = classifier
    assert (fast.classes_ == model.classes_).all() and fast.n_features_in_ == 5
    assert not hasattr(fast, "feature_names_in_") and not hasattr(fast, "decision_function")
    fast = regressor[1]
    assert not any(hasattr(fast, name) for name in ("classes_", "predict_proba", "predict_proba_one"))


def test_it_is_immutable(classifier):
    fast = classifier[1]
    with pytest.raises(AttributeError, match="immutable"):
        fast.classes_ = CLASS
    with pytest.raises(ValueError, match="read-only"):
        fast.classes_[0] = "other"
    with pytest.raises(ValueError, match="read-only"):
        fast._model.body.value[0] = 1


def test_it_keeps_no_reference_to_its_source():
    makers = (
        lambda: RandomForestClassifier(2).fit(X, CLASS),
        lambda: GradientBoostingRegressor(n_estimators=2).fit(X, SCORE),
        lambda: HistGradientBoostingClassifier(max_iter=2).fit(X, CLASS),
        lambda: LogisticRegression().fit(X, CLASS),
    )
    for make in makers:
        model = make()
        fast = perfcore.compile(model)
        fast.predict(X)
        watched = weakref.ref(model)
        del model
        gc.collect()
        assert watched() is None
        fast.predict(X)


def test_training_the_source_again_changes_nothing(assert_same_bits):
    model = LogisticRegression().fit(X, CLASS)
    expected, fast = model.predict_proba(X), perfcore.compile(model)
    model.fit(-X, CLASS)
    assert_same_bits(expected, fast.predict_proba(X))


def test_many_threads_get_the_same_bits(classifier, regressor):
    table = np.tile(X, (10, 1))
    for (model, fast), method in ((classifier, "predict_proba"), (regressor, "predict")):
        expected, wrong = getattr(model, method)(table).tobytes(), []

        def ask(fast=fast, method=method, expected=expected, wrong=wrong):
            for n_threads in (1, 2, 3):
                if getattr(fast, method)(table, n_threads=n_threads).tobytes() != expected:
                    wrong.append(n_threads)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_pickles_answer_the_same(classifier, regressor, assert_same_bits):
    for _, fast in (classifier, regressor):
        again = pickle.loads(pickle.dumps(fast))
        assert_same_bits(fast.predict(X), again.predict(X))
        assert again.fingerprint == fast.fingerprint
