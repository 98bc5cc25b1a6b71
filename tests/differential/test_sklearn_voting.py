"""VotingClassifier and VotingRegressor over members of every framework; what holds a model and is read through."""

import warnings

import numpy as np
import pytest
from ensembles import SCORE, THREE, TWO, X, check, classifiers, other_frameworks, regressors
from hypothesis import given
from hypothesis import strategies as st

import perfcore
from perfcore.answers.voting import VotingAnswers

pytest.importorskip("sklearn")
from sklearn.ensemble import RandomForestClassifier, VotingClassifier, VotingRegressor  # noqa: E402
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

WEIGHTS = {"none": None, "whole": [1, 2, 1], "odd": [0.1, 0.7, 1e-3], "float32": np.float32([0.3, 0.2, 0.9])}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_a_vote_is_the_sources_bits(voting, weights, assert_same_bits):
    for y in (TWO, THREE):
        model = VotingClassifier(classifiers(), voting=voting, weights=WEIGHTS[weights])
        fast = check(model.fit(X, y), assert_same_bits)
        assert_same_bits(model.classes_, fast.classes_)


@given(
    votes=st.integers(1, 5).flatmap(lambda n: st.lists(st.tuples(*[st.integers(0, 3)] * n), min_size=1, max_size=20)),
    data=st.data(),
)
def test_votes_are_counted_as_bincount_counts_them(votes, data):
    votes = np.array(votes)
    weight = st.sampled_from([0.0, 0.1, 0.2, 0.3, 1 / 3, 1.0, 2.0, 1e300]) | st.floats(0, 1)
    for weights in (None, np.array([data.draw(weight) for _ in votes.T])):
        expected = [np.argmax(np.bincount(row, weights=weights)) for row in votes]
        answers = VotingAnswers(np.arange(4), votes.shape[1], weights, soft=False)
        assert answers.predict(lambda member, method: votes[:, member]).tolist() == expected


def test_votes_that_are_even_go_where_the_sources_go(assert_same_bits):
    members = [(str(i), RandomForestClassifier(2, max_depth=2, random_state=i)) for i in range(4)]
    for weights in (None, [1, 1, 2, 0], [0, 0, 0, 1e-9]):
        check(VotingClassifier(members, weights=weights).fit(X, THREE), assert_same_bits, weights)


def test_members_of_all_frameworks_vote(assert_same_bits):
    members = [*classifiers(), *other_frameworks("Classifier")]
    for y in (TWO, THREE):
        check(VotingClassifier(members, voting="soft").fit(X, y), assert_same_bits)
    check(VotingClassifier(members).fit(X, TWO), assert_same_bits)
    check(VotingClassifier(other_frameworks("Classifier")[1:2], voting="soft").fit(X, THREE), assert_same_bits)


def test_a_mean_of_regressors_is_the_sources_bits(assert_same_bits):
    for members in (regressors(), other_frameworks("Regressor"), [*regressors(), *other_frameworks("Regressor")]):
        for weights in (None, np.linspace(0.1, 2, len(members))):
            check(VotingRegressor(members, weights=weights).fit(X, SCORE), assert_same_bits)


def test_what_is_no_row_to_a_member_is_refused_as_input():
    fast = perfcore.compile(VotingRegressor([("a", LinearRegression())]).fit(X, SCORE))
    for wrong in ([1, 2, [3, 4], 4, 5, 6], (1, 2, [3, 4], 4, 5, 6), ["a"] * 6, [1] * 5, None):
        with pytest.raises(perfcore.InputError):
            fast.predict_one(wrong)


def test_dropped_members_have_no_vote(assert_same_bits):
    model = VotingClassifier(classifiers(), voting="soft", weights=[1, 2, 3])
    model.set_params(boosting="drop").fit(X, THREE)
    check(model, assert_same_bits)


def test_a_vote_within_a_vote(assert_same_bits):
    inner = VotingClassifier(classifiers()[:2], voting="soft")
    fast = check(
        VotingClassifier([("inner", inner), *classifiers()[1:]], voting="soft").fit(X, THREE), assert_same_bits
    )
    assert "VotingClassifier" in str(fast).partition("\n")[2]


def test_data_frames_are_checked_by_the_members(assert_same_bits):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = VotingClassifier([*classifiers(), *other_frameworks("Classifier")[:2]], voting="soft").fit(frame, THREE)
    fast = perfcore.compile(model)
    assert_same_bits(model.predict_proba(frame), fast.predict_proba(frame))
    assert list(fast.feature_names_in_) == list(model.feature_names_in_)
    row = {name: frame[name].iloc[7] for name in "fedcba"}
    assert_same_bits(model.predict_proba(frame.iloc[7:8])[0], fast.predict_proba_one(row))
    assert_same_bits(model.predict_proba(frame.iloc[7:8])[0], fast.predict_proba_one(frame.iloc[7]))
    for wrong in (frame[list("abcde")], frame.rename(columns={"a": "z"}), frame[list("fedcba")]):
        with pytest.raises(ValueError, match=r"."):
            model.predict_proba(wrong)
        with pytest.raises(perfcore.InputError, match=r"."):
            fast.predict_proba(wrong)
    with pytest.warns(UserWarning, match="feature names"):
        fast.predict_proba(X)


def test_a_model_that_comes_twice_is_held_and_asked_once(assert_same_bits):
    frozen = FrozenEstimator(RandomForestClassifier(5, random_state=0).fit(X, (SCORE > 0).astype(int)))
    model = VotingClassifier([("a", frozen), ("b", frozen), ("c", LogisticRegression())], voting="soft").fit(X, TWO)
    model.estimators_[1] = model.estimators_[0]
    fast = check(model, assert_same_bits)
    assert len(fast._model.body.models) == 2 and "2 times" in str(fast)


def test_a_predictor_is_a_member_as_its_source(assert_same_bits):
    source = RandomForestClassifier(5, random_state=0).fit(X, (SCORE > 0).astype(int))
    members = [("a", FrozenEstimator(perfcore.compile(source))), ("b", LogisticRegression())]
    model = VotingClassifier(members, voting="soft").fit(X, TWO)
    check(model, assert_same_bits)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_a_search_answers_as_its_best_estimator(search, assert_same_bits):
    options = {"n_iter": 2} if search is RandomizedSearchCV else {}
    model = search(RandomForestClassifier(3, random_state=0), {"max_depth": [2, 3]}, cv=2, **options)
    check(model.fit(X, THREE), assert_same_bits)
    with pytest.raises(perfcore.UnsupportedModelError, match="refit=False"):
        perfcore.compile(search(LogisticRegression(), {"C": [1, 2]}, cv=2, refit=False, **options).fit(X, TWO))


def test_a_halving_search_answers_as_its_best_estimator(assert_same_bits):
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    check(HalvingGridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(X, THREE), assert_same_bits)


def test_a_frozen_estimator_answers_as_what_it_holds(assert_same_bits):
    for _, model in [*classifiers()[2:], *other_frameworks("Classifier")]:
        fast = perfcore.compile(FrozenEstimator(model.fit(X, (SCORE > 0).astype(int))))
        assert_same_bits(model.predict_proba(X), fast.predict_proba(X))
    assert_same_bits(model.predict_proba(X), perfcore.compile(FrozenEstimator(fast)).predict_proba(X))


def test_a_member_that_cannot_be_read_is_named():
    model = VotingClassifier([*classifiers(), ("near", KNeighborsClassifier())]).fit(X, TWO)
    with pytest.raises(perfcore.UnsupportedModelError, match=r"Classifier's member 'near' \(KNeighborsClassifier\)"):
        perfcore.compile(model)
    piped = VotingRegressor([("a", LinearRegression()), ("b", make_pipeline(StandardScaler(), KNeighborsRegressor()))])
    with pytest.raises(perfcore.UnsupportedModelError, match=r"member 'b' \(Pipeline\)"):
        perfcore.compile(piped.fit(X, SCORE))


def test_what_a_hard_vote_cannot_count_is_refused():
    members = [("a", FrozenEstimator(LogisticRegression().fit(X, TWO))), ("b", LogisticRegression())]
    with pytest.raises(perfcore.UnsupportedModelError, match="other classes than 0 to 1"):
        perfcore.compile(VotingClassifier(members).fit(X, TWO))
    with pytest.raises(perfcore.UnsupportedModelError, match="allowed: from 0"):
        perfcore.compile(VotingClassifier(classifiers(), weights=[1, -1, 1]).fit(X, TWO))


def test_kernels_are_forced_upon_the_forests_among_the_members(assert_same_bits):
    model = VotingClassifier(classifiers(), voting="soft").fit(X, THREE)
    for kernel in ("walk", "interleave"):
        fast = perfcore.compile(model, kernel=kernel, n_threads=2)
        assert str(fast).count(f"; {kernel};") == 2 and fast.n_threads == 2
        assert_same_bits(model.predict_proba(X), fast.predict_proba(X, n_threads=2))
    with pytest.raises(perfcore.ConfigurationError, match="no forest"):
        perfcore.compile(VotingClassifier([("a", LogisticRegression())]).fit(X, TWO), kernel="walk")
    with pytest.raises(perfcore.ConfigurationError, match="n_threads"):
        fast.predict(X, n_threads=0)


def test_it_has_neither_margins_nor_leaves():
    fast = perfcore.compile(VotingRegressor(regressors()).fit(X, SCORE))
    assert not any(hasattr(fast, name) for name in ("predict_raw", "apply", "predict_proba"))
    assert "LinearRegression" in str(fast) and "interleave" in fast.explain() and "BLAS" in fast.explain()


def test_the_fingerprint_is_of_what_decides_answers(tmp_path):
    model = VotingClassifier(classifiers(), voting="soft").fit(X, THREE)
    fast = perfcore.compile(model)
    fast.save(tmp_path / "vote.pcore")
    assert perfcore.load(tmp_path / "vote.pcore").fingerprint == fast.fingerprint == perfcore.compile(model).fingerprint
    model.weights = [1, 2, 3]
    assert perfcore.compile(model).fingerprint != fast.fingerprint


def test_members_over_several_jobs_answer_as_over_one():
    members = [("a", RandomForestClassifier(20, n_jobs=2, random_state=0)), ("b", LogisticRegression())]
    model = VotingClassifier(members, voting="soft").fit(X, THREE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        perfcore.verify(perfcore.compile(model), model, X)
