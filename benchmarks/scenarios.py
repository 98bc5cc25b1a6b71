"""What is measured. An id is permanent: a scenario that must change gets a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """A model to train on made-up data; the same recipe gives the same model with the same versions."""

    framework: str  # lightgbm, xgboost, sklearn
    estimator: str
    parameters: dict
    n_features: int = 28
    training_rows: int = 50_000

    def tiny(self) -> Recipe:
        """As small as shows a wrong answer; for check-only runs."""
        few = {name: min(value, 6) for name, value in self.parameters.items() if name in ROUNDS}
        return replace(self, parameters=self.parameters | few, training_rows=1_500)


ROUNDS = ("num_boost_round", "max_iter", "n_estimators")


@dataclass(frozen=True)
class Scenario:
    """Rows handed to a model, so many a call, by so many threads."""

    model: str
    what: str
    batch: int | None = None  # rows a call; None: all at once; 1: perfcore's predict_one
    threads: int = 1
    rows: int = 100_000

    def tiny(self) -> Scenario:
        return replace(self, rows=400 if self.batch is None else 4 * self.batch)


def _lightgbm(num_leaves: int, **more) -> Recipe:
    parameters = {"objective": "binary", "num_leaves": num_leaves, "learning_rate": 0.05, "num_boost_round": 500}
    return Recipe("lightgbm", "train", parameters, **more)


def _xgboost(max_depth: int) -> Recipe:
    parameters = {"objective": "binary:logistic", "max_depth": max_depth, "learning_rate": 0.05, "num_boost_round": 500}
    return Recipe("xgboost", "train", parameters)


RECIPES = {
    "lgb31": _lightgbm(31),
    "lgb255": _lightgbm(255),
    "lgb31-300f": _lightgbm(31, n_features=300, training_rows=20_000),
    "xgb6": _xgboost(6),
    "xgb8": _xgboost(8),
    "hgb31": Recipe(
        "sklearn",
        "HistGradientBoostingClassifier",
        {"max_iter": 300, "max_leaf_nodes": 31, "early_stopping": False},
    ),
    "gb": Recipe("sklearn", "GradientBoostingClassifier", {"n_estimators": 100, "max_depth": 3}, training_rows=10_000),
    "rf10": Recipe("sklearn", "RandomForestClassifier", {"n_estimators": 100, "max_depth": 10}),
    "rf": Recipe("sklearn", "RandomForestClassifier", {"n_estimators": 100}),
    "logistic": Recipe("sklearn", "LogisticRegression", {"max_iter": 1000}),
}

SCENARIOS = {
    "lgb31": Scenario("lgb31", "LightGBM, 500 trees × 31 leaves"),
    "lgb255": Scenario("lgb255", "LightGBM, 500 trees × 255 leaves"),
    "lgb31-300f": Scenario("lgb31-300f", "LightGBM, 500 trees × 31 leaves, 300 features"),
    "xgb6": Scenario("xgb6", "XGBoost, 500 trees, depth 6"),
    "xgb8": Scenario("xgb8", "XGBoost, 500 trees, depth 8"),
    "hgb31": Scenario("hgb31", "HistGradientBoosting, 300 trees × 31 leaves"),
    "gb": Scenario("gb", "GradientBoosting, 100 trees, depth 3"),
    "rf10": Scenario("rf10", "RandomForest, 100 trees, depth 10"),
    "rf": Scenario("rf", "RandomForest, 100 trees, unlimited depth"),
    "lgb31-2t": Scenario("lgb31", "LightGBM, 500 trees × 31 leaves, 2 threads", threads=2),
    "xgb6-2t": Scenario("xgb6", "XGBoost, 500 trees, depth 6, 2 threads", threads=2),
    "lgb31-100rows": Scenario("lgb31", "LightGBM, 500 × 31 leaves, 100 rows a call", batch=100, rows=5_000),
    "lgb31-10rows": Scenario("lgb31", "LightGBM, 500 × 31 leaves, 10 rows a call", batch=10, rows=1_000),
    "lgb31-1row": Scenario("lgb31", "LightGBM, 500 × 31 leaves, one row", batch=1, rows=100),
    "xgb6-1row": Scenario("xgb6", "XGBoost, 500 trees, depth 6, one row", batch=1, rows=100),
    "hgb31-1row": Scenario("hgb31", "HistGradientBoosting, 300 × 31 leaves, one row", batch=1, rows=100),
    "rf-1row": Scenario("rf", "RandomForest, 100 trees, unlimited depth, one row", batch=1, rows=100),
    "logistic-1row": Scenario("logistic", "LogisticRegression, one row", batch=1, rows=100),
}
