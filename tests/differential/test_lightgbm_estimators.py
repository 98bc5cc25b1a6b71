"""LightGBM's scikit-learn estimators: labels, probabilities, margins and leaves, the same bits as their own."""

import pickle

import numpy as np
import pytest

import perfcore

lightgbm = pytest.importorskip("lightgbm")
pd = pytest.importorskip("pandas")
from lightgbm import LGBMClassifier, LGBMModel, LGBMRanker, LGBMRegressor  # noqa: E402

from perfcore.errors import ConfigurationError, UnsupportedModelError  # noqa: E402

RNG = np.random.default_rng(4)
N = 500
X = np.where(RNG.random((N, 5)) < 0.05, np.nan, RNG.normal(size=(N, 5)))
SCORE = np.nan_to_num(X) @ [1.0, -1.0, 0.5, 0.1, 0.0] + RNG.normal(size=N) * 0.2
CLASS3 = np.digitize(SCORE, [-0.7, 0.7])
SMALL = {"n_estimators": 8, "verbose": -1, "n_jobs": 1, "num_leaves": 9}
METHODS = ("predict", "predict_proba", "decision_function")


def squared_loss(y, margin):
    return margin - y, np.ones_like(y)


def logistic_loss(y, margin):
    p = 1 / (1 + np.exp(-margin))
    return p - y, p * (1 - p)


def softmax_loss(y, margins):
    p = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    return p - np.eye(margins.shape[1])[y.astype(int)], p * (1 - p)


FITTED = {
    "two classes": LGBMClassifier(**SMALL).fit(X, SCORE > 0),
    "two strings": LGBMClassifier(**SMALL).fit(X, np.where(SCORE > 0, "yes", "no")),
    "two objects": LGBMClassifier(**SMALL).fit(X, np.where(SCORE > 0, "yes", "no").astype(object)),
    "two floats": LGBMClassifier(**SMALL).fit(X, np.where(SCORE > 0, 3.0, -1.0)),
    "three classes": LGBMClassifier(**SMALL).fit(X, CLASS3 * 10),
    "three strings": LGBMClassifier(**SMALL).fit(X, np.array(["a", "bc", "d"])[CLASS3]),
    "a pandas target": LGBMClassifier(**SMALL).fit(X, pd.Series(np.array(["a", "bc", "d"])[CLASS3])),
    "one against all": LGBMClassifier(objective="multiclassova", **SMALL).fit(X, CLASS3),
    "two columns of multiclass": LGBMClassifier(objective="multiclass", num_class=2, **SMALL).fit(X, SCORE > 0),
    "ties": LGBMClassifier(**SMALL | {"min_child_samples": 400}).fit(X[:400], np.arange(400) % 2),
    "ties of three": LGBMClassifier(**SMALL | {"min_child_samples": 400}).fit(X[:300], np.arange(300) % 3),
    "sigmoid": LGBMClassifier(sigmoid=0.7123456789, **SMALL).fit(X, SCORE > 0),
    "cross entropy": LGBMClassifier(objective="cross_entropy", **SMALL).fit(X, SCORE > 0),
    "regression of classes": LGBMClassifier(objective="regression", **SMALL).fit(X, SCORE > 0),
    "own objective": LGBMClassifier(objective=logistic_loss, **SMALL).fit(X, SCORE > 0),
    "own objective, three classes": LGBMClassifier(objective=softmax_loss, **SMALL).fit(X, CLASS3),
    "dart": LGBMClassifier(boosting_type="dart", drop_rate=0.5, **SMALL).fit(X, CLASS3),
    "random forest": LGBMClassifier(boosting_type="rf", subsample=0.6, subsample_freq=1, **SMALL).fit(X, CLASS3),
    "class weights": LGBMClassifier(class_weight="balanced", **SMALL).fit(X, CLASS3),
    "regressor": LGBMRegressor(**SMALL).fit(X, SCORE),
    "regressor, own objective": LGBMRegressor(objective=squared_loss, **SMALL).fit(X, SCORE),
    "poisson regressor": LGBMRegressor(objective="poisson", **SMALL).fit(X, np.exp(SCORE)),
    "linear leaves": LGBMRegressor(linear_tree=True, **SMALL).fit(X, SCORE),
    "forest regressor": LGBMRegressor(boosting_type="rf", subsample=0.6, subsample_freq=1, **SMALL).fit(X, SCORE),
    "ranker": LGBMRanker(**SMALL).fit(X, CLASS3, group=[25] * (N // 25)),
    "bare model": LGBMModel(objective="binary", **SMALL).fit(X, SCORE > 0),
    "early stopping": LGBMRegressor(**SMALL | {"n_estimators": 60, "learning_rate": 0.6}).fit(
        X[:250], SCORE[:250], eval_set=[(X[250:], SCORE[250:])], callbacks=[lightgbm.early_stopping(2, verbose=False)]
    ),
}


@pytest.mark.parametrize("name", FITTED)
def test_every_method_answers_as_the_estimators_own(name, assert_same_bits, tmp_path):
    source = FITTED[name]
    fast = perfcore.compile(source)
    fast.save(tmp_path / "m.pcore")
    for predictor in (fast, perfcore.load(tmp_path / "m.pcore"), perfcore.compile(pickle.loads(pickle.dumps(source)))):
        for method in METHODS:
            assert hasattr(predictor, method) == hasattr(source, method), method
            if hasattr(source, method):
                for n in (1, 7, 64, N):
                    assert_same_bits(getattr(source, method)(X[:n]), getattr(predictor, method)(X[:n]), method)
        for n in (1, N):
            assert_same_bits(source.predict(X[:n], raw_score=True), predictor.predict_raw(X[:n]), "raw")
            assert_same_bits(source.predict(X[:n], pred_leaf=True), predictor.apply(X[:n]), "leaves")
        assert_same_bits(source.predict(X[:1])[0], predictor.predict_one(X[0]))
        if hasattr(source, "predict_proba"):
            assert_same_bits(source.predict_proba(X[:1])[0], predictor.predict_proba_one(X[0]))


@pytest.mark.parametrize("name", FITTED)
def test_attributes_are_the_estimators_own(name, assert_same_bits):
    source = FITTED[name]
    fast = perfcore.compile(source)
    assert fast.n_features_in_ == source.n_features_in_ == 5
    assert hasattr(fast, "classes_") == hasattr(source, "classes_")
    assert hasattr(fast, "feature_names_in_") == hasattr(source, "feature_names_in_")
    if hasattr(source, "classes_"):
        assert_same_bits(source.classes_, fast.classes_)


def test_feature_names_are_those_of_the_frame():
    for frame in (pd.DataFrame(X, columns=list("abcde")), pd.DataFrame(X)):
        source = LGBMRegressor(**SMALL).fit(frame, SCORE)
        fast = perfcore.compile(source)
        assert hasattr(fast, "feature_names_in_") == hasattr(source, "feature_names_in_")
        if hasattr(source, "feature_names_in_"):
            assert fast.feature_names_in_.tolist() == source.feature_names_in_.tolist()


def test_memory_layout_of_probabilities_is_the_estimators_own():
    for name in ("two classes", "three classes"):
        expected, got = FITTED[name].predict_proba(X), perfcore.compile(FITTED[name]).predict_proba(X)
        assert expected.strides == got.strides


def test_an_iteration_range_is_num_iteration_and_start_iteration(assert_same_bits):
    for name in ("two strings", "three classes", "random forest", "regressor"):
        source, fast = FITTED[name], perfcore.compile(FITTED[name], iteration_range=(2, 5))
        assert_same_bits(source.predict(X, start_iteration=2, num_iteration=3), fast.predict(X))
        assert_same_bits(source.predict(X, start_iteration=2, num_iteration=3, pred_leaf=True), fast.apply(X))


class Renamed(LGBMClassifier):
    pass


class Doubled(LGBMRegressor):
    def predict(self, X, **kwargs):
        return 2 * super().predict(X, **kwargs)


def test_a_subclass_answers_as_itself_or_not_at_all(assert_same_bits):
    source = Renamed(**SMALL).fit(X, CLASS3)
    assert_same_bits(source.predict(X), perfcore.compile(source).predict(X))
    with pytest.raises(UnsupportedModelError, match="Doubled defines predict"):
        perfcore.compile(Doubled(**SMALL).fit(X, SCORE))


def test_what_cannot_be_answered_exactly_is_refused():
    with pytest.raises(ConfigurationError, match="not fitted"):
        perfcore.compile(LGBMRegressor())
    with pytest.raises(UnsupportedModelError, match="pred_early_stop"):
        perfcore.compile(LGBMClassifier(pred_early_stop=True, **SMALL).fit(X, CLASS3))
    with pytest.raises(UnsupportedModelError, match="1 classes with 2 columns"):
        perfcore.compile(LGBMClassifier(**SMALL).fit(X, np.ones(N)))
    with pytest.raises(UnsupportedModelError, match="allowed: Booster"):
        perfcore.compile(lightgbm.Dataset(X))
