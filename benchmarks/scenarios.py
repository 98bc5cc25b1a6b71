"""What is measured. An id is permanent: a scenario that must change gets a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """A model to train on made-up data; the same recipe gives the same model with the same versions."""

    framework: str  # lightgbm, xgboost, sklearn, catboost
    estimator: str
    parameters: dict
    n_features: int = 28
    training_rows: int = 50_000
    task: str = "two classes"  # or "ten classes", "regression"
    missing: float = 0.0  # so large a share of the cells is NaN
    categories: int = 0  # so many of the columns, the first ones, hold category codes

    def tiny(self) -> Recipe:
        """As small as shows a wrong answer; for check-only runs."""
        few = {name: min(value, 6) for name, value in self.parameters.items() if name in ROUNDS}
        return replace(self, parameters=self.parameters | few, training_rows=1_500)


ROUNDS = ("num_boost_round", "max_iter", "n_estimators", "iterations")


@dataclass(frozen=True)
class Scenario:
    """Rows handed to a model, so many a call, by so many threads; or a model loaded until its first answer."""

    model: str
    what: str
    batch: int | None = None  # rows a call; None: all at once; 1: perfcore's predict_one
    threads: int = 1
    rows: int = 100_000
    hand: str = "float32"  # or "float64", "frame": what both sides are handed
    measure: str = "row"  # or "load": from the file to the first answer, compilation included

    def tiny(self) -> Scenario:
        return replace(self, rows=400 if self.batch is None else 4 * self.batch)


def _lightgbm(num_leaves: int, rounds: int = 500, parameters: dict | None = None, **more) -> Recipe:
    chosen = {"objective": "binary", "num_leaves": num_leaves, "learning_rate": 0.05, "num_boost_round": rounds}
    return Recipe("lightgbm", "train", chosen | (parameters or {}), **more)


def _xgboost(max_depth: int, **more) -> Recipe:
    parameters = {"objective": "binary:logistic", "max_depth": max_depth, "learning_rate": 0.05, "num_boost_round": 500}
    return Recipe("xgboost", "train", parameters, **more)


_HGB31 = {"max_iter": 300, "max_leaf_nodes": 31, "early_stopping": False}
_TEN = {"objective": "multiclass", "num_class": 10}

RECIPES = {
    "lgb31": _lightgbm(31),
    "lgb255": _lightgbm(255),
    "lgb31-300f": _lightgbm(31, n_features=300, training_rows=20_000),
    "lgb31-nan": _lightgbm(31, missing=0.1),
    "lgb31-cat": _lightgbm(31, categories=8),
    "lgb31-10class": _lightgbm(31, rounds=50, parameters=_TEN, task="ten classes"),
    "xgb6": _xgboost(6),
    "xgb8": _xgboost(8),
    "xgb6-nan": _xgboost(6, missing=0.1),
    "hgb31": Recipe("sklearn", "HistGradientBoostingClassifier", _HGB31),
    "hgb31-nan": Recipe("sklearn", "HistGradientBoostingClassifier", _HGB31, missing=0.1),
    "gb": Recipe("sklearn", "GradientBoostingClassifier", {"n_estimators": 100, "max_depth": 3}, training_rows=10_000),
    "rf10": Recipe("sklearn", "RandomForestClassifier", {"n_estimators": 100, "max_depth": 10}),
    "rf": Recipe("sklearn", "RandomForestClassifier", {"n_estimators": 100}),
    # A classifier's leaves of unlimited depth are pure; these hold means of five noisy targets and more.
    "rf-reg": Recipe(
        "sklearn", "RandomForestRegressor", {"n_estimators": 100, "min_samples_leaf": 5}, task="regression"
    ),
    "cat6": Recipe("catboost", "CatBoostClassifier", {"iterations": 500, "depth": 6, "learning_rate": 0.05}),
    "logistic": Recipe("sklearn", "LogisticRegression", {"max_iter": 1000}),
}

SCENARIOS = {
    "lgb31": Scenario("lgb31", "LightGBM, 500 trees × 31 leaves"),
    "lgb255": Scenario("lgb255", "LightGBM, 500 trees × 255 leaves"),
    "lgb31-300f": Scenario("lgb31-300f", "LightGBM, 500 trees × 31 leaves, 300 features"),
    "lgb31-nan": Scenario("lgb31-nan", "LightGBM, 500 × 31 leaves, a tenth of the cells missing"),
    "lgb31-cat": Scenario("lgb31-cat", "LightGBM, 500 × 31 leaves, 8 of 28 columns categories"),
    "lgb31-10class": Scenario("lgb31-10class", "LightGBM, 10 classes, 50 × 10 trees × 31 leaves"),
    "lgb31-f64": Scenario("lgb31", "LightGBM, 500 × 31 leaves, float64 table", hand="float64"),
    "lgb31-df": Scenario("lgb31", "LightGBM, 500 × 31 leaves, DataFrame", hand="frame"),
    "xgb6": Scenario("xgb6", "XGBoost, 500 trees, depth 6"),
    "xgb8": Scenario("xgb8", "XGBoost, 500 trees, depth 8"),
    "xgb6-nan": Scenario("xgb6-nan", "XGBoost, 500 trees, depth 6, a tenth of the cells missing"),
    "xgb6-df": Scenario("xgb6", "XGBoost, 500 trees, depth 6, DataFrame", hand="frame"),
    "hgb31": Scenario("hgb31", "HistGradientBoosting, 300 trees × 31 leaves"),
    "hgb31-nan": Scenario("hgb31-nan", "HistGradientBoosting, 300 × 31 leaves, a tenth of the cells missing"),
    "gb": Scenario("gb", "GradientBoosting, 100 trees, depth 3"),
    "rf10": Scenario("rf10", "RandomForest, 100 trees, depth 10"),
    "rf": Scenario("rf", "RandomForest, 100 trees, unlimited depth"),
    "rf-reg": Scenario("rf-reg", "RandomForestRegressor, 100 deep trees, 5 samples a leaf"),
    "cat6": Scenario("cat6", "CatBoost, 500 symmetric trees, depth 6"),
    "lgb31-2t": Scenario("lgb31", "LightGBM, 500 trees × 31 leaves, 2 threads", threads=2),
    "xgb6-2t": Scenario("xgb6", "XGBoost, 500 trees, depth 6, 2 threads", threads=2),
    "lgb31-100rows": Scenario("lgb31", "LightGBM, 500 × 31 leaves, 100 rows a call", batch=100, rows=5_000),
    "lgb31-10rows": Scenario("lgb31", "LightGBM, 500 × 31 leaves, 10 rows a call", batch=10, rows=1_000),
    "lgb31-1row": Scenario("lgb31", "LightGBM, 500 × 31 leaves, one row", batch=1, rows=100),
    "xgb6-1row": Scenario("xgb6", "XGBoost, 500 trees, depth 6, one row", batch=1, rows=100),
    "hgb31-1row": Scenario("hgb31", "HistGradientBoosting, 300 × 31 leaves, one row", batch=1, rows=100),
    "rf-1row": Scenario("rf", "RandomForest, 100 trees, unlimited depth, one row", batch=1, rows=100),
    "rf-reg-1row": Scenario("rf-reg", "RandomForestRegressor, 100 deep trees, one row", batch=1, rows=100),
    "cat6-1row": Scenario("cat6", "CatBoost, 500 symmetric trees, depth 6, one row", batch=1, rows=100),
    "logistic-1row": Scenario("logistic", "LogisticRegression, one row", batch=1, rows=100),
    "lgb255-load": Scenario("lgb255", "LightGBM, 500 × 255 leaves, from file to first answer", rows=10, measure="load"),
}
