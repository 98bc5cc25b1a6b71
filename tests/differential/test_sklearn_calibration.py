"""CalibratedClassifierCV, by every method that the installed scikit-learn has."""

import numpy as np
import pytest
from ensembles import THREE, TWO, X, check, classifiers, other_frameworks

import perfcore

sklearn = pytest.importorskip("sklearn")
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402

METHODS = ("sigmoid", "isotonic", "temperature")


@pytest.fixture(params=METHODS)
def method(request):
    if request.param == "temperature" and tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8):
        pytest.skip("scikit-learn has it since 1.8")
    return request.param


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibrated_probabilities_are_the_sources_bits(ensemble, method, assert_same_bits):
    by_probabilities, by_margins = RandomForestClassifier(4, max_depth=3, random_state=0), LinearSVC()
    for member in (by_probabilities, by_margins):
        for y in (TWO, THREE):
            model = CalibratedClassifierCV(member, method=method, ensemble=ensemble, cv=2)
            check(model.fit(X, y), assert_same_bits, type(member).__name__)


def test_boosters_are_calibrated_in_their_own_precision(method, assert_same_bits):
    for _, member in other_frameworks("Classifier"):
        for y in ((TWO == "yes").astype(int), np.digitize(X[:, 0], [-0.5, 0.5])):
            check(CalibratedClassifierCV(member, method=method, cv=2).fit(X, y), assert_same_bits)


def test_frozen_members_and_predictors(method, assert_same_bits):
    for _, source in classifiers():
        source.fit(X, THREE)
        for member in (source, perfcore.compile(source)):
            model = CalibratedClassifierCV(FrozenEstimator(member), method=method, cv=3, ensemble=True).fit(X, THREE)
            fast = check(model, assert_same_bits)
            assert len(fast._model.body.models) == 1 and "3 times" in str(fast)


def test_margins_far_outside_those_of_training(method, assert_same_bits):
    model = CalibratedClassifierCV(LinearSVC(), method=method, cv=2).fit(X, THREE)
    fast = perfcore.compile(model)
    for scale in (0, 1e-300, 1e3, 1e12):
        assert_same_bits(model.predict_proba(X * scale), fast.predict_proba(X * scale), scale)


def test_a_class_of_which_nobody_is_sure_is_uniform(assert_same_bits):
    model = CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=2).fit(X[:60], THREE[:60])
    for each in model.calibrated_classifiers_:
        for calibrator in each.calibrators:
            calibrator.y_thresholds_ = np.zeros_like(calibrator.y_thresholds_)
            calibrator._build_f(calibrator.X_thresholds_, calibrator.y_thresholds_)
    check(model, assert_same_bits)


def test_constant_calibrators(assert_same_bits):
    model = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2).fit(X, TWO)
    for each in model.calibrated_classifiers_:
        calibrator = each.calibrators[0]
        calibrator.X_thresholds_, calibrator.y_thresholds_ = np.array([0.25]), np.array([0.75])
        calibrator.X_min_ = calibrator.X_max_ = 0.25
        calibrator._build_f(calibrator.X_thresholds_, calibrator.y_thresholds_)
    check(model, assert_same_bits)


def test_what_is_no_calibrator_of_sklearns_is_refused():
    model = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, TWO)
    model.calibrated_classifiers_[1].calibrators[0] = LogisticRegression()
    with pytest.raises(perfcore.UnsupportedModelError, match="calibrator"):
        perfcore.compile(model)
