"""BaggingClassifier and BaggingRegressor over single trees: every answer the same bits as the source's."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perfcore

sklearn = pytest.importorskip("sklearn")
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, RandomForestClassifier  # noqa: E402
from sklearn.neighbors import KNeighborsRegressor  # noqa: E402
from sklearn.tree import (  # noqa: E402
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

METHODS = ("predict", "predict_proba")
RNG = np.random.default_rng(11)
X = RNG.normal(size=(300, 6))
X_MISSING = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
SCORE = X[:, 0] * 2 + X[:, 1] * X[:, 2] + RNG.normal(size=300) * 0.3
CODE = np.digitize(SCORE, [-1, 1])
MANY = np.digitize(SCORE, np.linspace(-3, 3, 11))
TEXT = np.array(["alpha", "be", "c"])[CODE]
WEIGHT = RNG.random(300)
SUBSETS = {"max_features": 0.5, "bootstrap_features": True}
MODELS = {
    "classes": (BaggingClassifier(n_estimators=12), X, CODE),
    "trained with NaN": (BaggingClassifier(n_estimators=12), X_MISSING, TEXT),
    "two classes": (BaggingClassifier(n_estimators=7, max_samples=0.3), X, SCORE > 0),
    "one class": (BaggingClassifier(n_estimators=3), X, np.full(300, 4)),
    "objects": (BaggingClassifier(n_estimators=3), X, TEXT.astype(object)),
    "subsets of features": (BaggingClassifier(DecisionTreeClassifier(max_depth=4), n_estimators=9, **SUBSETS), X, MANY),
    "few samples": (BaggingClassifier(ExtraTreeClassifier(), n_estimators=12, max_samples=5, **SUBSETS), X, MANY),
    "without replacement": (BaggingClassifier(n_estimators=5, bootstrap=False, max_features=2), X, CODE),
    "numbers": (BaggingRegressor(n_estimators=12), X_MISSING, SCORE),
    "numbers of subsets": (BaggingRegressor(ExtraTreeRegressor(), n_estimators=12, **SUBSETS), X, SCORE),
    "stumps": (BaggingRegressor(DecisionTreeRegressor(max_depth=1), n_estimators=50), X, SCORE),
    "several numbers": (BaggingRegressor(n_estimators=5, max_features=3), X, np.c_[SCORE, -SCORE, SCORE**2]),
    "a column of one": (BaggingRegressor(n_estimators=5), X, SCORE),
    "one tree": (BaggingRegressor(n_estimators=1), X, SCORE),
}


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def fit(name):
        if name not in made:
            model, table, y = MODELS[name]
            model.set_params(random_state=0).fit(table, y)
            made[name] = model, perfcore.compile(model), table
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
    model, fast, table = fitted(name)
    tables = [table[:n] for n in (1, 2, 9, 33)]
    tables += [table, table.astype(np.float32), np.asfortranarray(table), table[:5].tolist(), table.astype(object)]
    check(model, fast, tables, assert_same_bits, name)
    perfcore.verify(fast, model, table)
    # predict_log_proba of a BaggingClassifier adds up the trees' logarithms: no sum of one forest.
    assert not any(hasattr(fast, each) for each in ("apply", "decision_function", "predict_log_proba"))
    if hasattr(model, "predict_log_proba"):
        with pytest.raises(
            AttributeError, match="perfcore answers no predict_log_proba of sklearn.ensemble.Bagging.*; it"
        ):
            fast.predict_log_proba(table)


@pytest.mark.parametrize("name", ["classes", "objects", "one class", "few samples", "several numbers", "numbers"])
def test_one_row_answers_as_a_table_of_one(name, fitted, assert_same_bits):
    model, fast, table = fitted(name)
    for row in table[:4]:
        for given_row in (row, row.astype(np.float32).astype(float), row.tolist()):
            assert_same_bits(model.predict([given_row])[0], fast.predict_one(given_row))
            if hasattr(model, "predict_proba"):
                assert_same_bits(model.predict_proba([given_row])[0], fast.predict_proba_one(given_row))


def test_classes_that_a_member_never_saw_have_no_share_in_it(assert_same_bits):
    with sklearn.config_context(enable_metadata_routing=True):  # then rows are drawn, not weighted
        model = BaggingClassifier(n_estimators=15, max_samples=6, random_state=0).fit(X, MANY.astype(str))
        assert any(len(member.classes_) < len(model.classes_) for member in model.estimators_)
        check(model, perfcore.compile(model), [X, X[:1]], assert_same_bits)


@pytest.mark.parametrize("n_used", [3, 10, 25])
def test_as_many_trees_are_used_and_divided_by_as_the_source_does(n_used, assert_same_bits):
    for model, y in ((BaggingClassifier(random_state=0), CODE), (BaggingRegressor(random_state=0), SCORE)):
        model.fit(X, y).set_params(n_estimators=n_used)
        check(model, perfcore.compile(model), [X], assert_same_bits)


def test_trees_trained_later_count(assert_same_bits):
    model = BaggingRegressor(n_estimators=4, warm_start=True, random_state=0).fit(X, SCORE)
    model.set_params(n_estimators=9).fit(X, SCORE)
    check(model, perfcore.compile(model), [X], assert_same_bits)


def test_weighted_samples(assert_same_bits):
    with warnings.catch_warnings(action="ignore"):
        model = BaggingClassifier(n_estimators=5, random_state=0).fit(X, CODE, sample_weight=WEIGHT)
    check(model, perfcore.compile(model), [X], assert_same_bits)


def test_jobs_answer_as_one(fitted, assert_same_bits):
    one, _, _ = fitted("stumps")
    many = pickle.loads(pickle.dumps(one)).set_params(n_jobs=2)
    fast = perfcore.compile(many)
    assert_same_bits(one.predict(X), fast.predict(X))
    perfcore.verify(fast, many, X)


def test_zeros_keep_the_sign_that_the_source_gives_them(assert_same_bits):
    model = BaggingRegressor(n_estimators=3, random_state=0).fit(X, SCORE)
    for member in model.estimators_:
        state = member.tree_.__getstate__()
        member.tree_.__setstate__({**state, "values": np.full_like(state["values"], -0.0)})
    check(model, perfcore.compile(model), [X, X[:1]], assert_same_bits)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("member", [DecisionTreeRegressor(), ExtraTreeRegressor(splitter="best")])
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_cells_of_columns_that_no_tree_is_given_may_hold_anything(value, member, assert_same_bits):
    model = BaggingRegressor(member, n_estimators=2, max_features=2, random_state=0).fit(X, SCORE)
    fast = perfcore.compile(model)
    read = np.unique(np.concatenate(model.estimators_features_))
    assert len(read) < 6
    for column in range(6):
        table = X.copy()
        table[3, column] = value
        for each in (table, table.astype(object), table[3:4]):
            try:
                expected = model.predict(each)
            except ValueError:
                assert column in read
                with pytest.raises(perfcore.InputError, match=rf"column {column}:"):
                    fast.predict(each)
            else:
                assert_same_bits(expected, fast.predict(each))


def test_a_frame_keeps_the_numbers_that_its_common_type_gives(assert_same_bits):
    pd = pytest.importorskip("pandas")
    whole = np.arange(300) * (2**40 + 2**16 + 1)  # rounds otherwise by way of float64
    frame = pd.DataFrame({"whole": whole, "half": SCORE})
    model = BaggingRegressor(n_estimators=5, random_state=0).fit(frame, SCORE)
    fast = perfcore.compile(model)
    tables = [frame, frame.convert_dtypes(), pd.concat([frame] * 30, ignore_index=True)]
    check(model, fast, tables, assert_same_bits)
    assert fast.feature_names_in_.tolist() == ["whole", "half"]


def test_it_is_saved_and_sent(fitted, tmp_path, assert_same_bits):
    for name in ("trained with NaN", "several numbers"):
        model, fast, table = fitted(name)
        fast.save(tmp_path / "model.pcore")
        for other in (perfcore.load(tmp_path / "model.pcore"), pickle.loads(pickle.dumps(fast))):
            assert other.fingerprint == fast.fingerprint
            check(model, other, [table, table[:1]], assert_same_bits)


@pytest.mark.parametrize(
    "model",
    [
        BaggingClassifier(RandomForestClassifier(3), n_estimators=2),
        BaggingRegressor(DecisionTreeClassifier(), n_estimators=2),
    ],
    ids=["forests", "classifiers that are summed"],
)
def test_members_that_are_no_trees_of_its_kind_are_asked_one_by_one(model, assert_same_bits):
    assert_same_bits(model.fit(X, CODE).predict(X), perfcore.compile(model).predict(X))


def test_members_that_cannot_be_read_are_refused():
    with pytest.raises(perfcore.UnsupportedModelError, match=r"BaggingRegressor's member 0 \(KNeighborsRegressor\)"):
        perfcore.compile(BaggingRegressor(KNeighborsRegressor(), n_estimators=2).fit(X, CODE))


def test_a_member_of_its_own_way_is_refused():
    class Own(DecisionTreeRegressor):
        def predict(self, X, check_input=True):
            return np.zeros(len(X))

    with pytest.raises(perfcore.UnsupportedModelError, match="defines predict"):
        perfcore.compile(BaggingRegressor(Own(), n_estimators=2).fit(X, SCORE))


@settings(max_examples=settings.default.max_examples // 3)  # each trains its models
@given(data=st.data(), n=st.integers(2, 40), n_features=st.integers(1, 5), n_trees=st.integers(1, 6))
def test_hypothesis_made_ensembles_answer_as_the_source(assert_same_bits, data, n, n_features, n_trees):
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    table = np.round(rng.normal(size=(n, n_features)), 1)
    options = {
        "n_estimators": n_trees,
        "max_samples": data.draw(st.integers(1, n)),
        "max_features": data.draw(st.integers(1, n_features)),
        "bootstrap": data.draw(st.booleans()),
        "bootstrap_features": data.draw(st.booleans()),
        "random_state": seed,
    }
    classes = rng.integers(0, data.draw(st.integers(1, 12)), n)
    for model, y in ((BaggingClassifier(**options), classes), (BaggingRegressor(**options), rng.normal(size=n))):
        model.fit(table, y)
        check(model, perfcore.compile(model), [table, table[:1]], assert_same_bits)
