"""StackingClassifier, StackingRegressor and TransformedTargetRegressor."""

from functools import partial

import numpy as np
import pytest
from ensembles import MANY, SCORE, TARGETS, THREE, TWO, X, check, classifiers, other_frameworks, regressors

import perfcore

pytest.importorskip("sklearn")
from scipy import sparse  # noqa: E402
from sklearn.compose import TransformedTargetRegressor  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    GradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import LinearSVC  # noqa: E402


@pytest.mark.parametrize("passthrough", [False, True])
def test_a_stack_of_classifiers_is_the_sources_bits(passthrough, assert_same_bits):
    members = [*classifiers(), ("svc", LinearSVC()), *other_frameworks("Classifier")]
    for y in (TWO, THREE):
        check(StackingClassifier(members, cv=2, passthrough=passthrough).fit(X, y), assert_same_bits)


@pytest.mark.parametrize("passthrough", [False, True])
def test_a_stack_of_regressors_is_the_sources_bits(passthrough, assert_same_bits):
    members = [*regressors(), *other_frameworks("Regressor")]
    check(StackingRegressor(members, cv=2, passthrough=passthrough).fit(X, SCORE), assert_same_bits)
    of_float32 = StackingRegressor(members[4:5], LinearRegression(), cv=2, passthrough=passthrough)
    check(of_float32.fit(X.astype(np.float32), SCORE), assert_same_bits)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_members_are_asked_by_the_method_that_was_chosen(method, assert_same_bits):
    members = classifiers()[1:]
    for y in (TWO, THREE):
        check(StackingClassifier(members, stack_method=method, cv=2).fit(X, y), assert_same_bits)


@pytest.mark.parametrize("kind", [RandomForestClassifier, GradientBoostingClassifier])
def test_any_classifier_may_be_the_last(kind, assert_same_bits):
    last = kind(n_estimators=5, max_depth=3, random_state=0)
    check(StackingClassifier(classifiers(), last, cv=2).fit(X, THREE), assert_same_bits)


def test_members_that_were_trained_before(assert_same_bits):
    codes = (SCORE > 0).astype(int)
    members = [(name, each.fit(X, codes)) for name, each in [*classifiers(), *other_frameworks("Classifier")]]
    check(StackingClassifier(members, cv="prefit").fit(X, TWO), assert_same_bits)
    ours = [(name, perfcore.compile(each)) for name, each in members]
    check(StackingClassifier(ours, cv="prefit").fit(X, TWO), assert_same_bits)
    check(StackingClassifier([*members[:2], ("gone", "drop")], cv="prefit").fit(X, TWO), assert_same_bits)


def test_members_answers_lie_in_memory_as_the_sources():
    """The layout of a stack's table, and so the bits of a product with it, follows from theirs."""
    for y in ((SCORE > 0).astype(int), np.digitize(SCORE, [-0.7, 0.7])):
        for name, model in [*classifiers(), *other_frameworks("Classifier")]:
            fast = perfcore.compile(model.fit(X, y))
            for table in (X, X[:2], X.astype(np.float32), np.repeat(X, 40, axis=0)):
                for method in ("predict", "predict_proba"):
                    source, ours = (getattr(each, method)(table) for each in (model, fast))
                    source, ours = ((each.flags.c_contiguous, each.flags.f_contiguous) for each in (source, ours))
                    assert source == ours, (name, method, table.shape)


def test_several_labels(assert_same_bits):
    members = [("forest", RandomForestClassifier(5, max_depth=4, random_state=0))]
    last = RandomForestClassifier(5, max_depth=4, random_state=1)
    for y in (MANY, MANY[:, :2]):
        fast = check(StackingClassifier(members, last, cv=2).fit(X, y), assert_same_bits)
        assert [list(each) for each in fast.classes_] == [[0, 1]] * y.shape[1]


def test_data_frames_reach_the_members_and_the_last(assert_same_bits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef")).astype({"b": np.float32})
    for passthrough in (False, True):
        model = StackingClassifier(classifiers(), cv=2, passthrough=passthrough).fit(frame, THREE)
        fast = perfcore.compile(model)
        assert_same_bits(model.predict_proba(frame), fast.predict_proba(frame))
        row = frame.iloc[5].to_dict()
        assert_same_bits(model.predict_proba(pd.DataFrame([row]))[0], fast.predict_proba_one(row))
    with pytest.raises(perfcore.InputError, match="a"):
        fast.predict(frame[list("bcdef")])


def test_sparse_tables_reach_the_members(assert_same_bits):
    table = sparse.csr_matrix(np.where(np.abs(X) > 0.5, X, 0))
    members = [("forest", RandomForestClassifier(5, max_depth=4, random_state=0)), *other_frameworks("Classifier")]
    model = StackingClassifier(members, cv=2).fit(table, THREE)
    assert_same_bits(model.predict_proba(table), perfcore.compile(model).predict_proba(table))
    model = StackingClassifier(members[:1], cv=2, passthrough=True).fit(table, THREE)
    with pytest.raises(perfcore.InputError, match="passthrough"):
        perfcore.compile(model).predict(table)


def test_stacks_that_answer_otherwise_are_refused():
    model = StackingRegressor(regressors(), cv=2).fit(X, SCORE).set_output(transform="pandas")
    with pytest.raises(perfcore.UnsupportedModelError, match="set_output"):
        perfcore.compile(model)
    last = FrozenEstimator(LogisticRegression().fit(X[:, :1], TWO))
    model = StackingClassifier([("a", LogisticRegression())], last, cv=2).fit(X, TWO)
    with pytest.raises(perfcore.UnsupportedModelError, match="other classes"):
        perfcore.compile(model)


TRANSFORMS = {
    "none": {},
    "exp": {"func": np.log1p, "inverse_func": np.expm1},
    "square": {"func": np.sqrt, "inverse_func": np.square},
    "standard": {"transformer": StandardScaler()},
    "not centred": {"transformer": StandardScaler(with_mean=False)},
    "not scaled": {"transformer": StandardScaler(with_std=False)},
    "min max": {"transformer": MinMaxScaler((-1, 3))},
    "function": {"transformer": FunctionTransformer(np.log, np.exp)},
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_target_is_transformed_back_to_the_sources_bits(transform, assert_same_bits):
    options = TRANSFORMS[transform]
    for y in (np.abs(SCORE) + 1e-3, np.abs(TARGETS) + 1e-3):
        check(TransformedTargetRegressor(Ridge(), **options).fit(X, y), assert_same_bits, y.ndim)
    booster = other_frameworks("Regressor")[1][1]
    check(TransformedTargetRegressor(booster, **options).fit(X, np.abs(SCORE) + 1e-3), assert_same_bits, "float32")


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_float32_target_is_transformed_back_in_the_sources_dtype(transform, assert_same_bits):
    targets = (np.abs(TARGETS) + 1e-3).astype(np.float32)
    for y in (targets[:, 0], targets):
        model = TransformedTargetRegressor(Ridge(), **TRANSFORMS[transform]).fit(X.astype(np.float32), y)
        check(model, assert_same_bits, y.ndim)


def test_targets_that_come_out_infinite_are_refused_as_by_the_source():
    model = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp).fit(X, np.abs(SCORE) + 1)
    model.regressor_.coef_ *= 1e10
    fast, table = perfcore.compile(model), np.full((1, 6), 1e305)
    with np.errstate(all="ignore"):
        for predict in (model.predict, fast.predict):
            with pytest.raises(ValueError, match="infinity|NaN"):
                predict(table)


def test_other_transformers_are_refused():
    for options in (
        {"transformer": QuantileTransformer(n_quantiles=10)},
        {"func": np.log1p, "inverse_func": lambda x: np.expm1(x)},
        {"func": np.log1p, "inverse_func": partial(np.expm1)},
    ):
        model = TransformedTargetRegressor(LinearRegression(), **options).fit(X, np.abs(SCORE))
        with pytest.raises(perfcore.UnsupportedModelError, match="read are") as refused:
            perfcore.compile(model)
        assert " at 0x" not in str(refused.value)
