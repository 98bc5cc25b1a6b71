"""MultiOutput*, ClassifierChain, RegressorChain, OneVsRestClassifier and OneVsOneClassifier."""

import numpy as np
import pytest
from ensembles import MANY, TARGETS, THREE, TWO, X, check, classifiers, other_frameworks, regressors

import perfcore

pytest.importorskip("sklearn")
from scipy import sparse  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier  # noqa: E402
from sklearn.multioutput import (  # noqa: E402
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import GaussianNB  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

KINDS = np.array([["a", "b", "c"][i % 3] for i in range(len(X))])


def test_a_member_a_target_is_the_sources_bits(assert_same_bits):
    for _, member in [*regressors(), *other_frameworks("Regressor")]:
        check(MultiOutputRegressor(member).fit(X, TARGETS), assert_same_bits)
    for _, member in [*classifiers(), ("svc", LinearSVC()), *other_frameworks("Classifier")]:
        check(MultiOutputClassifier(member).fit(X, MANY), assert_same_bits)
    fast = check(MultiOutputClassifier(LogisticRegression()).fit(X, np.c_[KINDS, TWO]), assert_same_bits)
    assert [list(each) for each in fast.classes_] == [["a", "b", "c"], ["no", "yes"]]


@pytest.mark.parametrize("order", [None, [2, 0, 1], "random"])
def test_a_chain_of_regressors_is_the_sources_bits(order, assert_same_bits):
    for _, member in [*regressors(), ("ridge", Ridge())]:
        fast = check(RegressorChain(member, order=order, random_state=1).fit(X, TARGETS), assert_same_bits)
        assert fast.__sklearn_tags__().target_tags.multi_output


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_a_chain_of_classifiers_is_the_sources_bits(method, assert_same_bits):
    for _, member in classifiers()[1:]:  # a forest's logarithms of zero are no table to be trained on
        if hasattr(member, method):
            model = ClassifierChain(member, order=[1, 2, 0], chain_method=method, cv=2).fit(X, MANY)
            fast = check(model, assert_same_bits)
            with np.errstate(divide="ignore"):
                assert_same_bits(model.predict_log_proba(X), fast.predict_log_proba(X))


def test_a_chain_of_several_classes_has_no_probabilities(assert_same_bits):
    model = ClassifierChain(LogisticRegression()).fit(X, np.c_[np.digitize(X[:, 0], [-0.5, 0.5]), MANY[:, 0]])
    fast = perfcore.compile(model)
    assert_same_bits(model.predict(X), fast.predict(X))
    assert not hasattr(fast, "predict_proba")
    with pytest.raises(ValueError, match="broadcast|setting an array"):
        model.predict_proba(X)


MEMBERS = [*(name for name, _ in classifiers()), "svc", "regression"]


@pytest.fixture(params=MEMBERS)
def member(request):
    known = dict(classifiers()) | {"svc": LinearSVC(), "regression": LinearRegression()}
    return known[request.param]


def test_one_versus_the_rest_is_the_sources_bits(member, assert_same_bits):
    for y in (TWO, THREE, MANY):
        check(OneVsRestClassifier(member).fit(X, y), assert_same_bits, y.shape)


def test_ties_and_classes_that_all_have_no_share(assert_same_bits):
    ties = np.zeros_like(X)
    for each in (DecisionTreeClassifier(max_depth=1), LinearRegression(), LinearSVC(), GaussianNB()):
        check(OneVsRestClassifier(each).fit(ties, THREE), assert_same_bits, table=ties)
    noise = np.random.default_rng(0).integers(3, size=len(X))
    model = OneVsRestClassifier(DecisionTreeClassifier(random_state=0)).fit(X, noise)
    fast = check(model, assert_same_bits, table=X[::-1] * 0.7)
    with np.errstate(invalid="ignore"):
        shares = fast.predict_proba(X[::-1] * 0.7)
    assert (shares != shares).any() or (shares.sum(axis=1) == 0).any(), "no row that all members refuse"


def test_one_versus_one_is_the_sources_bits(member, assert_same_bits):
    if isinstance(member, LinearRegression):
        pytest.skip("OneVsOneClassifier asks for classes")
    for y in (TWO, THREE):
        check(OneVsOneClassifier(member).fit(X, y), assert_same_bits)


def test_boosters_of_other_frameworks_against_the_rest(assert_same_bits):
    for _, each in other_frameworks("Classifier"):
        for y in (THREE, MANY):
            check(OneVsRestClassifier(each).fit(X, y), assert_same_bits)
        check(OneVsOneClassifier(each).fit(X, THREE), assert_same_bits)


@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
def test_labels_that_all_or_none_of_the_rows_have(member, assert_same_bits):
    labels = np.c_[MANY[:, 0], np.ones(len(X), int), np.zeros(len(X), int), MANY[:, 1]]
    check(OneVsRestClassifier(member).fit(X, labels), assert_same_bits)
    # A constant that comes first has all methods, and sets another threshold; the source fails where others have not.
    model = OneVsRestClassifier(member).fit(X, labels[:, 1:])
    fast = perfcore.compile(model)
    for method in {"predict", "predict_proba", "decision_function"} & {*dir(fast)}:
        if hasattr(fast, method):
            assert_same_bits(getattr(model, method)(X), getattr(fast, method)(X), method)


@pytest.mark.filterwarnings("ignore:Label .* is present in all", "ignore:X does not have valid feature names")
def test_a_constant_insists_on_the_columns_of_training(assert_same_bits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    for _, each in other_frameworks("Classifier"):
        model = OneVsRestClassifier(each).fit(frame, np.c_[MANY[:, 0], np.ones(len(X), int)])
        fast = perfcore.compile(model)
        for taken in (frame, X):
            assert_same_bits(model.predict_proba(taken), fast.predict_proba(taken), each)
        assert_same_bits(model.predict(frame[:1])[0], fast.predict_one(frame.iloc[0]), each)
        for predict in (model.predict, fast.predict):
            with pytest.raises(ValueError, match="feature.names"):
                predict(frame[list("fedcba")])


def test_a_constant_without_names_warns_of_them_as_the_source_does():
    pd = pytest.importorskip("pandas")
    model = OneVsRestClassifier(LogisticRegression()).fit(X, np.c_[MANY[:, 0], np.ones(len(X), int)])
    for predict in (model.predict, perfcore.compile(model).predict):
        with pytest.warns(UserWarning, match="X has feature names, but _ConstantPredictor was fitted without"):
            predict(pd.DataFrame(X, columns=list("abcdef")))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_tables_are_checked_as_by_the_source(assert_same_bits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    for model in (
        OneVsOneClassifier(LogisticRegression()).fit(frame, THREE),
        RegressorChain(Ridge()).fit(frame, TARGETS),
    ):
        fast = perfcore.compile(model)
        assert_same_bits(model.predict(frame), fast.predict(frame))
        assert_same_bits(model.predict(frame.astype(np.float32)), fast.predict(frame.astype(np.float32)))
        assert_same_bits(model.predict(frame.iloc[4:5])[0], fast.predict_one(frame.iloc[4]))
        for wrong in (
            frame[list("abcde")],
            frame[list("fedcba")],
            frame.replace(frame.iloc[0, 0], np.nan),
            X[0],
            X[:, :2],
        ):
            with pytest.raises(ValueError, match=r"."):
                model.predict(wrong)
            with pytest.raises(perfcore.InputError, match=r"."):
                fast.predict(wrong)


@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
def test_what_cannot_be_answered_is_refused():
    for model, why in (
        (OneVsRestClassifier(LogisticRegression()).fit(X, sparse.csr_matrix(MANY)), "sparse labels"),
        (OneVsRestClassifier(LogisticRegression()).fit(X, np.ones((len(X), 2), int)), "constants alone"),
        (OutputCodeClassifier(LogisticRegression()).fit(X, THREE), "OutputCodeClassifier"),
    ):
        with pytest.raises(perfcore.UnsupportedModelError, match=why):
            perfcore.compile(model)
