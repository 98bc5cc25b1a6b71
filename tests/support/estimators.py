"""One small fitted model of every kind that perfcore reads: the rows of docs/support.md."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

RNG = np.random.default_rng(11)
N_ROWS, N_FEATURES = 160, 5
CELLS = np.where(RNG.random((N_ROWS, N_FEATURES)) < 0.25, 0.0, RNG.integers(-40, 40, (N_ROWS, N_FEATURES)) / 8)
NAMES = [f"c{j}" for j in range(N_FEATURES)]
SCORE = CELLS @ [1.0, -1.0, 0.5, 0.25, 0.0] + RNG.normal(size=N_ROWS)

TARGETS = {
    "number": SCORE,
    "positive": np.exp(SCORE / 8),
    "two numbers": np.column_stack([SCORE, -SCORE + CELLS[:, 2]]),
    "class": np.where(SCORE > 0, "win", "lose"),
    "code": (SCORE > 0).astype(int),
    "three classes": np.digitize(SCORE, [-1.0, 1.5]),
    "two labels": np.column_stack([SCORE > 0, CELLS[:, 1] > 0]).astype(int),
    "none": None,
}


class Kind(NamedTuple):
    """How the model of one row is made."""

    fit: Callable[[Any, Any], Any]  # of a table and a target
    target: str = "number"

    def fitted(self, table: Any) -> Any:
        return self.fit(table, TARGETS[self.target])


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


# What an estimator of scikit-learn is made with, by the names of its parameters, so that it is small and repeatable.
SMALL = {
    "n_estimators": 4,
    "max_depth": 3,
    "max_iter": 30,
    "hidden_layer_sizes": (6,),
    "random_state": 0,
    "verbose": 0,
}


def _sklearn() -> dict[str, Kind]:
    from perfcore.readers.sklearn import READERS, sklearn_class

    special: dict[str, Kind] = {}
    found: dict[str, Kind] = {}
    for path in sorted(READERS, key=lambda path: path.rpartition(".")[2]):
        name = path.rpartition(".")[2]
        found[name] = special[name] if name in special else _small(sklearn_class(path))
    return found


def _small(cls: type, target: str | None = None) -> Kind:
    from sklearn.base import is_classifier

    taken = inspect.signature(cls).parameters
    params = {name: value for name, value in SMALL.items() if name in taken}
    made = cls(**params)
    if target is None:
        target = "class" if is_classifier(made) else "number"
    return Kind(lambda X, y: cls(**params).fit(X, y), target)
