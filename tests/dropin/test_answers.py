"""Patched methods: the framework's own answers, errors, signatures and documentation."""

import inspect
import re

import numpy as np
import pytest
from dropin.conftest import counted, same

import perfcore


def fitted(table):
    """Models by name; a framework that is not installed has none."""
    X, y, z = table
    lightgbm, xgboost, catboost = (pytest.importorskip(name) for name in ("lightgbm", "xgboost", "catboost"))
    from sklearn import ensemble, linear_model, tree

    few = {"n_estimators": 6}
    return [
        lightgbm.LGBMClassifier(**few, verbose=-1).fit(X, y),
        lightgbm.LGBMRegressor(**few, verbose=-1).fit(X, z),
        lightgbm.LGBMClassifier(**few, verbose=-1).fit(X, y).booster_,
        xgboost.XGBClassifier(**few).fit(X, y),
        xgboost.XGBRegressor(**few).fit(X, z),
        xgboost.XGBRegressor(**few).fit(X, z).get_booster(),
        catboost.CatBoostClassifier(iterations=6, verbose=False, allow_writing_files=False).fit(X, y),
        catboost.CatBoostRegressor(iterations=6, verbose=False, allow_writing_files=False).fit(X, z),
        catboost.CatBoost({"iterations": 6, "verbose": False, "allow_writing_files": False}).fit(X, z),
        ensemble.RandomForestClassifier(**few).fit(X, y),
        ensemble.RandomForestRegressor(**few).fit(X, np.stack([z, z + 1], axis=1)),
        ensemble.GradientBoostingClassifier(**few).fit(X, y),
        ensemble.HistGradientBoostingRegressor(max_iter=6).fit(X, z),
        tree.DecisionTreeClassifier().fit(X, y),
        linear_model.LogisticRegression().fit(X, y),
        linear_model.LinearRegression().fit(X, z),
        ensemble.RandomForestClassifier(**few),  # not fitted
        lightgbm.LGBMRegressor(),
        xgboost.XGBRegressor(),
        catboost.CatBoostRegressor(),
    ]


METHODS = (
    "predict predict_proba predict_log_proba decision_function score_samples apply inplace_predict calc_leaf_indexes"
).split()
KEYWORDS = {
    "lightgbm": [
        {"raw_score": True},
        {"pred_leaf": True},
        {"num_iteration": 2},
        {"num_iteration": 2, "start_iteration": 1},
        {"start_iteration": 3},
        {"start_iteration": 99},
        {"num_iteration": -1},
        {"num_threads": 1},
        {"pred_contrib": True},
        {"raw_score": 1},
        {"nonsense": 1},
    ],
    "xgboost": [
        {"output_margin": True},
        {"iteration_range": (0, 3)},
        {"iteration_range": (1, 0)},
        {"iteration_range": (0, 99)},
        {"predict_type": "margin"},
        {"missing": 0.0},
        {"base_margin": None},
        {"strict_shape": True},
    ],
    "catboost": [
        {"prediction_type": "RawFormulaVal"},
        {"prediction_type": "Probability"},
        {"prediction_type": "LogProbability"},
        {"prediction_type": "nonsense"},
        {"ntree_end": 3},
        {"ntree_start": 2},
        {"ntree_start": 2, "ntree_end": 99},
        {"thread_count": 1},
        {"thread_count": "two"},
    ],
    "sklearn": [{"check_input": True}],
}


def tables(X):
    import pandas

    infinite = X.copy()
    infinite[3, 2] = np.inf
    missing = X.copy()
    missing[5, 1] = np.nan
    yield from (X, X.astype(np.float32), np.asfortranarray(X), X[:1], X[:0], X[:, :3], X[0], X.tolist(), None)
    yield from ("nonsense", infinite, missing, X.astype(object))
    yield from (pandas.DataFrame(X), pandas.DataFrame(X, columns=list("abcde")))


def asked(model, name, X, keywords):
    """An answer, or the error's kind and text; without what XGBoost says of the time and place."""
    try:
        return getattr(model, name)(X, **keywords)
    except Exception as error:
        return type(error), re.sub(r"\[\d\d:\d\d:\d\d\].*", "", str(error)[:300])


def equal(a, b):
    return type(b) is tuple and a == b if type(a) is tuple else same(a, b)


@pytest.mark.filterwarnings("ignore")
def test_answers_and_errors_are_the_frameworks_for_every_keyword_and_table(table, at_once):
    X, *_ = table
    models = fitted(table)
    questions = [
        (model, name, given, keywords)
        for model in models
        for name in METHODS
        if hasattr(type(model), name)
        for given, keywords in [
            *((given, {}) for given in tables(X)),
            *((X, keywords) for keywords in KEYWORDS[type(model).__module__.partition(".")[0]]),
        ]
    ]
    expected = [asked(*question) for question in questions]
    before = counted()
    with perfcore.patched():
        got = [asked(*question) for question in questions]
    wrong = [
        (type(model).__name__, name, type(given), keywords, a, b)
        for (model, name, given, keywords), a, b in zip(questions, expected, got, strict=True)
        if not equal(a, b)
    ]
    assert wrong == [], "\n".join(str(each)[:600] for each in wrong)
    assert counted() - before > 200
    assert not [count for count in perfcore.patch_report() if "Error" in count.reason]


def test_signatures_and_documentation_stay(table):
    kinds = {type(model) for model in fitted(table)}
    names = [(kind, name) for kind in kinds for name in METHODS if hasattr(kind, name)]

    def described(function, is_plain):
        names = tuple(getattr(function, name) for name in ("__doc__", "__name__", "__qualname__", "__module__"))
        return str(inspect.signature(function)), inspect.getfullargspec(function) if is_plain else None, *names

    plain = [not hasattr(getattr(kind, name), "__wrapped__") for kind, name in names]

    def seen():
        return [described(getattr(kind, name), each) for (kind, name), each in zip(names, plain, strict=True)]

    before = seen()
    with perfcore.patched():
        assert seen() == before


def test_methods_that_are_there_under_conditions_stay_so(table):
    from sklearn.linear_model import SGDClassifier
    from sklearn.svm import LinearSVC

    with perfcore.patched("sklearn"):
        for model in (SGDClassifier(), SGDClassifier(loss="log_loss"), LinearSVC()):
            assert hasattr(model, "predict_proba") is (getattr(model, "loss", "") == "log_loss")


def test_what_perfcore_does_not_answer_goes_to_the_framework_and_is_counted(table, at_once):
    from catboost import CatBoostClassifier
    from sklearn.ensemble import BaggingClassifier

    X, y, _ = table
    bagging = BaggingClassifier(n_estimators=3, random_state=0).fit(X, y)
    boosting = CatBoostClassifier(iterations=4, verbose=False, allow_writing_files=False).fit(X, y)
    expected = [each.predict_log_proba(X) for each in (bagging, boosting)]
    with perfcore.patched():
        found = [each.predict_log_proba(X) for each in (bagging, boosting)]
    assert all(map(same, expected, found))
    answered = {each[:3] for each in perfcore.patch_report()}
    reason = "perfcore has no predict_log_proba of this model"
    assert ("sklearn.BaggingClassifier", "predict_log_proba", reason) in answered
    assert ("catboost.CatBoostClassifier", "predict_log_proba", "perfcore") in answered


def test_arguments_by_name_and_none_at_all(table, at_once):
    X, y, _ = table
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier().fit(X, y)
    expected = model.predict(X)
    with perfcore.patched("sklearn"):
        assert same(model.predict(X=X), expected)
        with pytest.raises(TypeError, match=r"predict\(\) missing 1 required positional argument: 'X'"):
            model.predict()
        assert same(DecisionTreeClassifier.predict(model, X), expected)


def test_warnings_are_the_frameworks(table, at_once):
    import warnings

    pandas, lightgbm = pytest.importorskip("pandas"), pytest.importorskip("lightgbm")
    import scipy.sparse
    from sklearn.ensemble import GradientBoostingRegressor

    X, y, z = table
    frame = pandas.DataFrame(X, columns=list("abcde"))
    cases = [
        (GradientBoostingRegressor(n_estimators=2).fit(frame, z), X),
        (GradientBoostingRegressor(n_estimators=2).fit(X, z), frame),
        (GradientBoostingRegressor(n_estimators=2).fit(frame, z), frame),
        (lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(frame, z), X),
        (lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(frame, z), frame),
        (lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(X, z), scipy.sparse.coo_array(X)),
        (lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(X, z).booster_, scipy.sparse.coo_matrix(X)),
    ]
    questions = [(model.predict, given) for model, given in cases]
    questions += [(model.apply, given) for model, given in cases[:3]]
    for ask, given in questions:
        seen = []
        for framework in ("xgboost", ask.__module__.partition(".")[0]):
            with warnings.catch_warnings(record=True) as record, perfcore.patched(framework):
                warnings.simplefilter("always")
                getattr(ask.__self__, ask.__name__)(given)
            seen.append([str(each.message) for each in record])
        assert seen[0] == seen[1]


def test_a_users_subclass_answers_as_it_is_written(table, at_once):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    X, y, z = table

    class Twice(RandomForestRegressor):
        def predict(self, X):
            return 2 * super().predict(X)

    class Sure(RandomForestClassifier):
        def predict_proba(self, X):
            return np.round(super().predict_proba(X))

    models = [Twice(n_estimators=4).fit(X, z), Sure(n_estimators=4).fit(X, y)]
    expected = [model.predict(X) for model in models]
    with perfcore.patched("sklearn"):
        assert all(map(same, [model.predict(X) for model in models], expected))


def test_meta_estimators_ask_their_members_through_perfcore(table, at_once):
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.model_selection import GridSearchCV, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y, _ = table
    model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=3, random_state=0)).fit(X, y)
    search = GridSearchCV(GradientBoostingClassifier(random_state=0), {"n_estimators": [2, 3]}, cv=2).fit(X, y)
    expected = model.predict_proba(X), search.predict(X), cross_val_predict(model, X, y, cv=2)
    before = counted()
    with perfcore.patched("sklearn"):
        got = model.predict_proba(X), search.predict(X), cross_val_predict(model, X, y, cv=2)
    assert all(map(same, got, expected))
    assert counted() - before >= 4


def test_verify_asks_the_framework_even_where_it_is_patched(table, at_once):
    from sklearn.tree import DecisionTreeRegressor

    X, _, z = table
    model, other = DecisionTreeRegressor(max_depth=3).fit(X, z), DecisionTreeRegressor(max_depth=2).fit(X, z)
    before = perfcore.patch_report()
    with perfcore.patched("sklearn"):
        perfcore.verify(perfcore.compile(model), model, X)
        with pytest.raises(perfcore.MismatchError):
            perfcore.verify(perfcore.compile(other), model, X)
    assert perfcore.patch_report() == before


@pytest.mark.parametrize("objective", ["reg:squarederror", "multi:softprob", "binary:logistic"])
@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
def test_a_booster_asked_about_a_dmatrix(objective, booster, table, at_once):
    xgboost = pytest.importorskip("xgboost")
    X, y, _ = table
    X = np.where(X > 1.5, np.nan, X)
    params = {"objective": objective, "booster": booster, "max_depth": 3}
    if objective == "multi:softprob":
        params["num_class"] = 3
    dtrain = xgboost.DMatrix(X, (y == y[0]).astype(int))
    model = xgboost.train(params, dtrain, 4)
    options = [{}, {"output_margin": True}, {"validate_features": True}, {"strict_shape": True}, {"training": True}]
    if booster != "gblinear":
        options += [
            {"pred_leaf": True},
            {"iteration_range": (1, 3)},
            {"iteration_range": (0, 2), "output_margin": True},
        ]
    expected = [model.predict(xgboost.DMatrix(X), **each) for each in options]
    before = counted()
    with perfcore.patched("xgboost"):
        got = [model.predict(xgboost.DMatrix(X), **each) for each in options]
        of_training = model.predict(dtrain)
    assert all(map(same, expected, got))
    assert same(expected[0], of_training)
    assert counted() - before == len(options) - 2 + 1  # strict_shape and training are XGBoost's own


def test_matrices_that_hold_more_than_a_table_are_xgboosts(table, at_once):
    xgboost = pytest.importorskip("xgboost")
    X, _, z = table
    model = xgboost.train({"max_depth": 3}, xgboost.DMatrix(X, z), 4)
    before = counted()
    for matrix in (xgboost.DMatrix(X, base_margin=z), xgboost.QuantileDMatrix(X)):
        expected = model.predict(matrix)
        with perfcore.patched("xgboost"):
            assert same(expected, model.predict(matrix))
    names = [f"name{j}" for j in range(X.shape[1])]
    model = xgboost.train({"max_depth": 3}, xgboost.DMatrix(X, z, feature_names=names), 4)
    with perfcore.patched("xgboost"), pytest.raises(ValueError, match="feature_names mismatch"):
        model.predict(xgboost.DMatrix(X, feature_names=names[::-1]))
    assert counted() == before


def test_odd_calls_end_as_without_a_patch(table, at_once):
    from sklearn.ensemble import BaggingRegressor
    from sklearn.linear_model import LinearRegression

    pd = pytest.importorskip("pandas")
    X, _, z = table
    frame = pd.DataFrame(X).set_axis(["num_row", *(f"c{j}" for j in range(1, X.shape[1]))], axis=1)
    model = LinearRegression().fit(frame, z)
    bagging = BaggingRegressor(n_estimators=6, n_jobs=2, random_state=0).fit(X, z)
    expected = model.predict(frame), bagging.predict(X)
    with perfcore.patched("sklearn"):
        assert same(model.predict(frame), expected[0])
        assert same(bagging.predict(X), expected[1])
        with pytest.raises((AttributeError, TypeError)):  # TypeError where it asks super()
            LinearRegression.predict(None, X)
