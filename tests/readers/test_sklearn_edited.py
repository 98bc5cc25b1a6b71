"""Estimators that were edited after training until their attributes contradict one another: refused, never answered."""

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    IsolationForest,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

X = np.random.default_rng(0).normal(size=(120, 4))
Y = (X[:, 0] > 0).astype(int)
NAMES = np.array(["no", "yes"])
BOTH = [("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=2))]


@pytest.mark.parametrize(
    ("model", "edited"),
    [
        (AdaBoostClassifier(n_estimators=3), {"classes_": NAMES}),
        (AdaBoostClassifier(LogisticRegression(), n_estimators=3), {"classes_": NAMES}),
        (MLPClassifier((3,), max_iter=2), {"classes_": NAMES}),
        (OneVsRestClassifier(LogisticRegression()), {"classes_": NAMES}),
        (StackingClassifier(BOTH, cv=2), {"classes_": NAMES}),
        (CalibratedClassifierCV(GaussianNB(), cv=2), {"classes_": np.array([5, 6])}),
        (BaggingRegressor(Ridge(), 4), {"n_estimators": 5}),
        (BaggingClassifier(GaussianNB(), 4), {"n_estimators": 5}),
        (BaggingClassifier(n_estimators=4), {"estimators_": lambda model: model.estimators_[:3]}),
        (IsolationForest(n_estimators=4), {"estimators_": lambda model: model.estimators_[:3]}),
        (VotingClassifier(BOTH, voting="soft"), {"weights": 3}),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_contradicts_itself_is_refused(model, edited):
    model.fit(X, Y)
    perfcore.compile(model)
    for name, value in edited.items():
        setattr(model, name, value(model) if callable(value) else value)
    with pytest.raises(perfcore.UnsupportedModelError, match="edited|n_estimators|do not fit one another"):
        perfcore.compile(model)


def test_labels_that_no_file_holds_are_refused_when_compiled():
    lightgbm = pytest.importorskip("lightgbm")
    dates = np.array(["2020", "2021"], "M8[D]")[Y]
    with pytest.raises(perfcore.UnsupportedModelError, match="class labels of dtype datetime64"):
        perfcore.compile(lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, dates))
