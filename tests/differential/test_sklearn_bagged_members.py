"""Bagging* and AdaBoost* over members that are no single trees."""

import numpy as np
import pytest
from ensembles import SCORE, TARGETS, THREE, TWO, X, check, classifiers, other_frameworks, regressors

import perfcore

pytest.importorskip("sklearn")
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402

SUBSETS = {
    "all": {},
    "some columns": {"max_features": 0.5, "bootstrap_features": True},
    "few rows": {"max_samples": 30},
}


@pytest.mark.parametrize("subset", SUBSETS)
def test_bagged_classifiers_are_the_sources_bits(subset, assert_same_bits):
    options = {"n_estimators": 4, "random_state": 3} | SUBSETS[subset]
    for member in (LogisticRegression(), LinearSVC(), classifiers()[0][1]):
        for y in (TWO, THREE):
            check(BaggingClassifier(member, **options).fit(X, y), assert_same_bits, type(member).__name__)


def test_members_that_know_only_some_of_the_classes(assert_same_bits):
    rare = np.where(np.arange(len(X)) < 4, "rare", TWO)
    model = BaggingClassifier(LinearDiscriminantAnalysis(), 6, max_samples=0.2, random_state=1).fit(X, rare)
    assert {len(each.classes_) for each in model.estimators_} == {2, 3}
    fast = perfcore.compile(model)
    for table in (X, X[:1], np.asfortranarray(X)):
        assert_same_bits(model.predict_proba(table), fast.predict_proba(table))
        assert_same_bits(model.predict(table), fast.predict(table))
    assert not hasattr(fast, "decision_function")  # the source's fails: margins of two and of three classes
    with pytest.raises(ValueError, match="broadcast"):
        model.decision_function(X)


@pytest.mark.parametrize("subset", SUBSETS)
def test_bagged_regressors_are_the_sources_bits(subset, assert_same_bits):
    options = {"n_estimators": 4, "random_state": 3} | SUBSETS[subset]
    for _, member in [*regressors(), other_frameworks("Regressor")[1]]:
        check(BaggingRegressor(member, **options).fit(X, SCORE), assert_same_bits)
    check(BaggingRegressor(LinearRegression(), **options).fit(X, TARGETS), assert_same_bits)


def test_boosted_members_are_the_sources_bits(assert_same_bits):
    for member in (LogisticRegression(), classifiers()[0][1]):
        for y in (TWO, THREE):
            model = AdaBoostClassifier(member, n_estimators=4, random_state=0).fit(X, y)
            fast = check(model, assert_same_bits)
            assert_same_bits(model.predict_log_proba(X), fast.predict_log_proba(X))
    for member in (Ridge(), regressors()[0][1], other_frameworks("Regressor")[0][1]):
        check(AdaBoostRegressor(member, n_estimators=5, random_state=0).fit(X, SCORE), assert_same_bits)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_data_frames_become_arrays_before_members_see_them(assert_same_bits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef")).astype({"a": np.float32}).assign(f=np.arange(len(X)) % 7)
    for model in (
        BaggingClassifier(LogisticRegression(), 3, max_features=4).fit(frame, THREE),
        AdaBoostClassifier(LogisticRegression(), n_estimators=3).fit(frame, THREE),
    ):
        fast = perfcore.compile(model)
        assert_same_bits(model.predict_proba(frame), fast.predict_proba(frame))
        for wrong in (frame[list("abcde")], frame[list("fedcba")], X[:, :3]):
            with pytest.raises(ValueError, match=r"."):
                model.predict(wrong)
            with pytest.raises(perfcore.InputError, match=r"."):
                fast.predict(wrong)
        with pytest.raises(perfcore.InputError, match="objects"):
            fast.predict(frame.astype(object))
