"""scikit-learn's linear classifiers: scores by the same BLAS call, probabilities by the class's own formula."""

import numpy as np
import pytest
from linear_checks import check

import perfcore

sklearn = pytest.importorskip("sklearn")
from sklearn import linear_model, svm  # noqa: E402
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::FutureWarning", "ignore::RuntimeWarning"
)
RNG = np.random.default_rng(8)
X = RNG.normal(size=(600, 6))
SCORE = X @ RNG.normal(size=6) + RNG.normal(size=600)
TARGETS = {
    2: np.where(SCORE > 0, "yes", "no"),
    3: np.digitize(SCORE, [-1, 1]),
    11: np.argsort(np.argsort(SCORE)) * 11 // 600,
}
SIZES = (1, 7, 600)
HAS_MULTI_CLASS = "multi_class" in linear_model.LogisticRegression().get_params()

MODELS = {
    "LinearSVC": svm.LinearSVC(),
    "LinearSVC of Crammer and Singer": svm.LinearSVC(multi_class="crammer_singer"),
    "PassiveAggressiveClassifier": linear_model.PassiveAggressiveClassifier(),
    "Perceptron": linear_model.Perceptron(),
    "RidgeClassifier": linear_model.RidgeClassifier(),
    "RidgeClassifierCV": linear_model.RidgeClassifierCV(),
    "SGDClassifier": linear_model.SGDClassifier(),
    "SGDClassifier, log_loss": linear_model.SGDClassifier("log_loss", average=True),
    "SGDClassifier, modified_huber": linear_model.SGDClassifier("modified_huber"),
    "LDA": LinearDiscriminantAnalysis(),
    "LDA, lsqr": LinearDiscriminantAnalysis("lsqr", shrinkage=0.1),
    "LDA, eigen": LinearDiscriminantAnalysis("eigen", priors=None),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", TARGETS)
@pytest.mark.parametrize("name", MODELS)
def test_a_classifier_is_the_sources_bits(name, n_classes, dtype, assert_same_bits):
    model = sklearn.clone(MODELS[name]).fit(X[:300].astype(dtype), TARGETS[n_classes][:300])
    check(model, X, assert_same_bits, sizes=SIZES)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_chosen_by_cross_validation(n_classes, assert_same_bits):
    model = linear_model.LogisticRegressionCV(Cs=2, cv=2).fit(X[:300], TARGETS[n_classes][:300])
    check(model, X, assert_same_bits, sizes=SIZES)


@pytest.mark.skipif(not HAS_MULTI_CLASS, reason="since scikit-learn 1.8 LogisticRegression has no multi_class")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("options", [{"multi_class": "ovr"}, {"multi_class": "multinomial"}, {"solver": "liblinear"}])
def test_logistic_regression_one_against_the_rest_or_of_a_pair(options, n_classes, assert_same_bits):
    model = linear_model.LogisticRegression(**options).fit(X[:300], TARGETS[n_classes][:300])
    check(model, X, assert_same_bits, sizes=SIZES)


@pytest.mark.parametrize("name", ["RidgeClassifier", "RidgeClassifierCV"])
def test_a_ridge_classifier_of_several_labels_at_once(name, assert_same_bits):
    for n_labels in (2, 4):
        labels = (X[:300, :n_labels] > 0).astype(int)
        model = getattr(linear_model, name)().fit(X[:300], labels)
        check(model, X, assert_same_bits, n_labels, sizes=SIZES)


def test_sparse_labels_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    labels = sparse.csr_array((X[:300, :3] > 0).astype(int))
    model = linear_model.RidgeClassifier().fit(X[:300], labels)
    with pytest.raises(perfcore.UnsupportedModelError, match="sparse labels"):
        perfcore.compile(model)


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_scores_far_below_zero_make_no_probability_of_any_class(loss, assert_same_bits):
    """Both losses share out zeros among three classes, log_loss only since scikit-learn 1.9."""
    model = linear_model.SGDClassifier(loss).fit(X[:300], TARGETS[3][:300])
    model.intercept_ -= 1e5
    fast = perfcore.compile(model)
    for table in (X, X.astype(np.float32)):
        for method in ("predict", "predict_proba", "predict_log_proba"):
            assert_same_bits(getattr(model, method)(table), getattr(fast, method)(table), method)


def test_probabilities_of_zero_have_a_finite_logarithm_in_discriminant_analysis(assert_same_bits):
    for n_classes in TARGETS:
        for dtype in (np.float64, np.float32):
            model = LinearDiscriminantAnalysis().fit(X[:300].astype(dtype), TARGETS[n_classes][:300])
            fast, far = perfcore.compile(model), (X * 1e4).astype(dtype)
            assert np.isfinite(fast.predict_log_proba(far)).all()
            assert_same_bits(model.predict_log_proba(far), fast.predict_log_proba(far), n_classes, dtype)


def test_a_loss_without_probabilities_has_no_such_method():
    fast = perfcore.compile(linear_model.SGDClassifier("hinge").fit(X[:300], TARGETS[3][:300]))
    assert not hasattr(fast, "predict_proba") and not hasattr(fast, "predict_log_proba")
    assert hasattr(fast, "decision_function")
