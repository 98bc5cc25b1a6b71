"""What the demo trains: models of three frameworks, as their users write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import threads
from .data import Task

SEED = 0


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model to train on a task: which table and target it takes, and how it is made."""

    framework: str
    name: str
    table: Any
    target: np.ndarray
    make: Callable[[], Any]

    def train(self, rows: np.ndarray) -> Any:
        return self.make().fit(take(self.table, rows), self.target[rows])


def take(table: Any, rows: np.ndarray) -> Any:
    """Rows of an array or a pandas table."""
    return table.iloc[rows] if hasattr(table, "iloc") else table[rows]


@contextmanager
def threads_of(model: Any, count: int) -> Iterator[None]:
    """All of a framework's thread settings at ``count``: n_jobs where there is one, OpenMP and BLAS."""
    from threadpoolctl import threadpool_limits

    if "n_jobs" in model.get_params(deep=False):
        model.set_params(n_jobs=count)
    with threadpool_limits(count):
        yield


# Each kind of model on a bundled set that suits it.
BUNDLED = {
    "breast cancer": ("lightgbm", "xgboost", "hist_gradient_boosting", "logistic_regression"),
    "digits": ("lightgbm", "xgboost", "random_forest"),
    "diabetes": ("lightgbm", "xgboost", "hist_gradient_boosting", "random_forest"),
    "wine": ("gradient_boosting",),
}


def candidates(task: Task, trees: int) -> list[Candidate]:
    """The models for a task; ``trees`` is for one margin, shared out where there are several classes."""
    makers = {make.__name__: make for make in (lightgbm, xgboost, hist_gradient_boosting, random_forest)}
    if not task.has_missing:  # these of scikit-learn refuse missing values
        makers |= {make.__name__: make for make in (gradient_boosting, logistic_regression)}
    names = BUNDLED.get(task.name, tuple(makers)) if task.bundled else tuple(makers)
    return [makers[name](task, max(2, trees // task.n_margins)) for name in names]


def lightgbm(task: Task, rounds: int) -> Candidate:
    import lightgbm

    kind = lightgbm.LGBMClassifier if task.is_classification else lightgbm.LGBMRegressor
    options = {"n_estimators": rounds, "num_leaves": 31, "learning_rate": 0.03, "n_jobs": threads.available()}
    return Candidate(
        "LightGBM", f"{kind.__name__}, {rounds} rounds × 31 leaves", task.table, task.target,
        lambda: kind(**options, random_state=SEED, verbose=-1),
    )  # fmt: skip


def xgboost(task: Task, rounds: int) -> Candidate:
    import xgboost

    kind = xgboost.XGBClassifier if task.is_classification else xgboost.XGBRegressor
    options = {"n_estimators": rounds, "max_depth": 6, "learning_rate": 0.03, "n_jobs": threads.available()}
    return Candidate(
        "XGBoost", f"{kind.__name__}, {rounds} rounds, depth 6", task.table, task.codes,
        lambda: kind(**options, random_state=SEED, enable_categorical=True, tree_method="hist"),
    )  # fmt: skip


def hist_gradient_boosting(task: Task, rounds: int) -> Candidate:
    from sklearn import ensemble

    kind = ensemble.HistGradientBoostingClassifier if task.is_classification else ensemble.HistGradientBoostingRegressor
    rounds = max(2, rounds * 3 // 5)
    options = {"max_iter": rounds, "max_leaf_nodes": 31, "learning_rate": 0.05, "early_stopping": False}
    return Candidate(
        "scikit-learn", f"{kind.__name__}, {rounds} rounds × 31 leaves", task.table, task.target,
        lambda: kind(**options, categorical_features="from_dtype", random_state=SEED),
    )  # fmt: skip


def random_forest(task: Task, rounds: int) -> Candidate:
    from sklearn import ensemble

    kind = ensemble.RandomForestClassifier if task.is_classification else ensemble.RandomForestRegressor
    trees = min(100, rounds * task.n_margins)
    return Candidate(
        "scikit-learn", f"{kind.__name__}, {trees} trees", task.numbers, task.target,
        lambda: kind(n_estimators=trees, min_samples_leaf=2, n_jobs=threads.available(), random_state=SEED),
    )  # fmt: skip


def gradient_boosting(task: Task, rounds: int) -> Candidate:
    from sklearn import ensemble

    kind = ensemble.GradientBoostingClassifier if task.is_classification else ensemble.GradientBoostingRegressor
    rounds = max(2, rounds * 3 // 5)
    return Candidate(
        "scikit-learn", f"{kind.__name__}, {rounds} rounds, depth 3", task.numbers, task.target,
        lambda: kind(n_estimators=rounds, subsample=0.8, random_state=SEED),
    )  # fmt: skip


def logistic_regression(task: Task, rounds: int) -> Candidate:
    from sklearn import linear_model

    kind = linear_model.LogisticRegression if task.is_classification else linear_model.Ridge
    # Columns are as they came, unscaled, where the default solver takes thousands of steps; this one takes ten,
    # each of them costly where there are many classes.
    options: dict[str, Any] = {}
    if task.is_classification:
        options = {"solver": "newton-cholesky"} if task.n_margins == 1 else {"max_iter": 300}
    return Candidate("scikit-learn", kind.__name__, task.numbers, task.target, lambda: kind(**options))
