"""Naive Bayes and quadratic discriminant analysis: scikit-learn's numpy calls, in its order and layout."""

import numpy as np
import pytest
from linear_checks import check

import perfcore

pytest.importorskip("sklearn")
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis  # noqa: E402
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
RNG = np.random.default_rng(9)
SIZES = (1, 2, 7, 600)


def data(n_features, n_classes):
    table = RNG.normal(size=(600, n_features)) * np.arange(1, n_features + 1)
    codes = np.digitize(table.sum(axis=1) / n_features, np.linspace(-1, 1, n_classes + 1)[1:-1])
    return table, np.array([f"class {code}" for code in codes]) if n_classes == 3 else codes


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n_features", "n_classes"), [(1, 2), (6, 2), (6, 3), (20, 11)])
def test_gaussian_naive_bayes(n_features, n_classes, dtype, assert_same_bits):
    table, y = data(n_features, n_classes)
    check(GaussianNB().fit(table.astype(dtype), y), table, assert_same_bits, sizes=SIZES)
    check(GaussianNB(priors=np.full(n_classes, 1 / n_classes)).fit(table, y), table, assert_same_bits, sizes=(3,))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [BernoulliNB, ComplementNB, MultinomialNB])
def test_discrete_naive_bayes(kind, n_classes, assert_same_bits):
    table, y = data(6, n_classes)
    check(kind().fit(np.abs(table).round(), y), table, assert_same_bits, sizes=SIZES)


def test_naive_bayes_of_one_class(assert_same_bits):
    table, _ = data(6, 2)
    for kind in (BernoulliNB, ComplementNB, GaussianNB, MultinomialNB):
        check(kind().fit(np.abs(table), np.zeros(600, int)), table, assert_same_bits, kind, sizes=(1, 7))


def test_bernoulli_naive_bayes_by_its_threshold(assert_same_bits):
    table, y = data(6, 3)
    for threshold in (None, 0.5, 3):
        check(BernoulliNB(binarize=threshold).fit(table > 0, y), table, assert_same_bits, threshold, sizes=(1, 600))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n_features", "n_classes"), [(1, 2), (6, 2), (6, 3), (20, 3)])
def test_quadratic_discriminant_analysis(n_features, n_classes, dtype, assert_same_bits):
    table, y = data(n_features, n_classes)
    model = QuadraticDiscriminantAnalysis(reg_param=0.01).fit(table.astype(dtype), y)
    check(model, table, assert_same_bits, sizes=SIZES)


def test_rows_far_from_every_class(assert_same_bits):
    """Densities that vanish: sums of logarithms down to minus infinity."""
    table, y = data(6, 3)
    for model in (GaussianNB().fit(table, y), QuadraticDiscriminantAnalysis(reg_param=0.01).fit(table, y)):
        fast = perfcore.compile(model)
        for scale in (1e3, 1e100, 1e200):
            for method in ("predict", "predict_proba", "predict_log_proba"):
                expected, got = (getattr(each, method)(table * scale) for each in (model, fast))
                assert_same_bits(expected, got, method, scale)


def test_sparse_rows_where_the_source_takes_them_but_for_a_threshold(assert_same_bits):
    sparse = pytest.importorskip("scipy.sparse")
    table, y = data(6, 3)
    counts = np.abs(table).round()
    rows = sparse.csr_array(counts)
    for model in (MultinomialNB(), ComplementNB(), BernoulliNB(binarize=None)):
        fast = perfcore.compile(model.fit(counts > 0, y))
        for method in ("predict", "predict_proba"):
            assert_same_bits(getattr(model, method)(rows), getattr(fast, method)(rows), model, method)
    for model in (BernoulliNB(), GaussianNB(), QuadraticDiscriminantAnalysis(reg_param=0.01)):
        with pytest.raises(perfcore.InputError, match="sparse"):
            perfcore.compile(model.fit(counts, y)).predict(rows)
