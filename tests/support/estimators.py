"""One small fitted model of every kind that perfcore reads: the rows of docs/support.md."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

RNG = np.random.default_rng(11)
N_ROWS, N_FEATURES = 160, 5
CELLS = np.where(RNG.random((N_ROWS, N_FEATURES)) < 0.25, 0.0, RNG.integers(1, 80, (N_ROWS, N_FEATURES)) / 8)
NAMES = [f"c{j}" for j in range(N_FEATURES)]
SCORE = CELLS @ [1.0, -1.0, 0.5, -0.5, 0.0] + RNG.normal(size=N_ROWS)

TARGETS = {
    "number": SCORE,
    "positive": np.exp(SCORE / 8),
    "two numbers": np.column_stack([SCORE, -SCORE + CELLS[:, 2]]),
    "class": np.where(SCORE > 0, "win", "lose"),
    "code": (SCORE > 0).astype(int),
    "three classes": np.digitize(SCORE, [-1.0, 1.5]),
    "two labels": np.column_stack([SCORE > 0, CELLS[:, 1] > 3]).astype(int),
    "none": None,
}


class Kind(NamedTuple):
    """How the model of one row is made."""

    fit: Callable[[Any, Any], Any]  # of a table and a target
    target: str = "number"
    framework: str = ""  # where the rows of a table are of several

    def fitted(self, table: Any) -> Any:
        return self.fit(table, TARGETS[self.target])


@functools.cache
def kinds(framework: str) -> dict[str, Kind]:
    return {"lightgbm": _lightgbm, "xgboost": _xgboost, "catboost": _catboost, "sklearn": _sklearn}[framework]()


def _lightgbm() -> dict[str, Kind]:
    import lightgbm

    few = {"n_estimators": 4, "num_leaves": 7, "min_child_samples": 3, "verbose": -1, "n_jobs": 1}

    def train(X, y):
        params = {"objective": "regression", "num_leaves": 7, "min_data_in_leaf": 3, "verbose": -1, "num_threads": 1}
        return lightgbm.train(params, lightgbm.Dataset(X, y), 4)

    return {
        "Booster": Kind(train),
        "LGBMRegressor": Kind(lambda X, y: lightgbm.LGBMRegressor(**few).fit(X, y)),
        "LGBMClassifier": Kind(lambda X, y: lightgbm.LGBMClassifier(**few).fit(X, y), "class"),
        "LGBMClassifier, 3 classes": Kind(lambda X, y: lightgbm.LGBMClassifier(**few).fit(X, y), "three classes"),
        "LGBMRanker": Kind(lambda X, y: lightgbm.LGBMRanker(**few).fit(X, y, group=[N_ROWS]), "code"),
    }


def _xgboost() -> dict[str, Kind]:
    import xgboost

    few = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}

    def train(X, y, **params):
        return xgboost.train({"max_depth": 3, "nthread": 1} | params, xgboost.DMatrix(X, y), 4)

    def rank(X, y):
        return xgboost.XGBRanker(**few).fit(X, y, qid=np.zeros(N_ROWS, int))

    return {
        "Booster": Kind(train),
        "XGBRegressor": Kind(lambda X, y: xgboost.XGBRegressor(**few).fit(X, y)),
        "XGBRegressor, 2 targets": Kind(lambda X, y: xgboost.XGBRegressor(**few).fit(X, y), "two numbers"),
        "XGBClassifier": Kind(lambda X, y: xgboost.XGBClassifier(**few).fit(X, y), "code"),
        "XGBClassifier, 3 classes": Kind(lambda X, y: xgboost.XGBClassifier(**few).fit(X, y), "three classes"),
        "XGBRanker": Kind(rank, "code"),
        "XGBRFRegressor": Kind(lambda X, y: xgboost.XGBRFRegressor(**few).fit(X, y)),
        "XGBRFClassifier": Kind(lambda X, y: xgboost.XGBRFClassifier(**few).fit(X, y), "code"),
    }


def _catboost() -> dict[str, Kind]:
    import catboost

    few = {"iterations": 4, "depth": 3, "verbose": False, "allow_writing_files": False, "thread_count": 1}

    def rank(X, y):
        return catboost.CatBoostRanker(**few).fit(X, y, group_id=np.zeros(N_ROWS, int))

    return {
        "CatBoost": Kind(lambda X, y: catboost.CatBoost(few).fit(X, y)),
        "CatBoostRegressor": Kind(lambda X, y: catboost.CatBoostRegressor(**few).fit(X, y)),
        "CatBoostClassifier": Kind(lambda X, y: catboost.CatBoostClassifier(**few).fit(X, y), "class"),
        "CatBoostClassifier, 3 classes": Kind(
            lambda X, y: catboost.CatBoostClassifier(**few).fit(X, y), "three classes"
        ),
        "CatBoostRanker": Kind(rank, "code"),
    }


def _sklearn() -> dict[str, Kind]:
    from perfcore.readers.sklearn import READERS, STAND_INS, sklearn_class

    classes = {}
    for path in (*READERS, *STAND_INS):
        with contextlib.suppress(AttributeError):  # not every version has every class
            classes[path.rpartition(".")[2]] = sklearn_class(path)
    return {name: _small(name, classes[name]) for name in sorted(classes)}


# What an estimator of scikit-learn is made with, by the names of its parameters, so that it is small and repeatable.
SMALL: dict[str, Any] = {
    "n_estimators": 4,
    "max_depth": 3,
    "max_iter": 30,
    "hidden_layer_sizes": (6,),
    "random_state": 0,
    "cv": 2,
    "param_grid": {"max_depth": [2, 3]},
    "param_distributions": {"max_depth": [2, 3]},
    "n_iter": 2,
}
# ... and what it learns, where that is not a number or a class.
LEARNT = {
    "GammaRegressor": "positive",
    "PoissonRegressor": "positive",
    "MultiTaskElasticNet": "two numbers",
    "MultiTaskElasticNetCV": "two numbers",
    "MultiTaskLasso": "two numbers",
    "MultiTaskLassoCV": "two numbers",
    "MultiOutputRegressor": "two numbers",
    "RegressorChain": "two numbers",
    "CCA": "two numbers",
    "PLSCanonical": "two numbers",
    "MultiOutputClassifier": "two labels",
    "ClassifierChain": "two labels",
    "FrozenEstimator": "class",
    "IsolationForest": "none",
    "SGDOneClassSVM": "none",
}


def _small(name: str, cls: type) -> Kind:
    from sklearn.base import ClassifierMixin

    taken = inspect.signature(cls).parameters
    params = {each: value for each, value in SMALL.items() if each in taken and taken[each].default != "warn"}
    if name == "OrthogonalMatchingPursuitCV":
        del params["max_iter"]  # there, the columns that it may use
    is_classifier = issubclass(cls, ClassifierMixin) or name.startswith("MultiOutputC") or name == "ClassifierChain"
    target = LEARNT.get(name, "class" if is_classifier else "number")
    learns_classes = is_classifier or target == "class"
    if name != "RANSACRegressor":  # which is made of LinearRegression
        members = _members(learns_classes)
        params |= {each: members[each] for each in members if each in taken and taken[each].default != "deprecated"}

    def fit(X: Any, y: Any) -> Any:
        made = cls(**params)
        if name == "FrozenEstimator":
            made.estimator.fit(X, y)
        return made.fit(X) if y is None else made.fit(X, y)

    return Kind(fit, target)


def _members(learns_classes: bool) -> dict[str, Any]:
    """What a meta-estimator is made of, by the names of its parameters."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if learns_classes:
        tree, linear = DecisionTreeClassifier(max_depth=3, random_state=0), LogisticRegression()
        boosting: Any = GradientBoostingClassifier(n_estimators=4)
    else:
        tree, linear = DecisionTreeRegressor(max_depth=3, random_state=0), Ridge()
        boosting = GradientBoostingRegressor(n_estimators=4)
    members = [("tree", tree), ("linear", linear), ("boosting", boosting)]
    # base_estimator: a chain's in scikit-learn 1.6.
    return {"estimator": tree, "base_estimator": tree, "regressor": tree, "estimators": members}
