"""Trained models and their tables, kept under .work/benchmarks by what they are made of."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np

from .generator import scales
from .scenarios import Recipe

ROOM = Path(".work/benchmarks")
FILES = {
    "lightgbm": "model.txt", "xgboost": "model.ubj", "sklearn": "model.joblib", "catboost": "model.cbm"
}  # fmt: skip
DISTRIBUTIONS = {
    "lightgbm": ("lightgbm",), "xgboost": ("xgboost", "xgboost-cpu"), "sklearn": ("scikit-learn",),
    "catboost": ("catboost",),
}  # fmt: skip


def model_folder(recipe: Recipe) -> Path:
    """Where the recipe's model lies; it is trained where it does not lie there yet."""
    content = [*asdict(recipe).values(), version(recipe.framework), np.__version__]
    key = json.dumps(content, sort_keys=True)
    folder = ROOM / hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    if not folder.exists():
        ROOM.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ROOM) as aside:
            _train(recipe, Path(aside) / "new")
            os.replace(Path(aside) / "new", folder)
    return folder


def version(framework: str) -> str:
    for name in DISTRIBUTIONS[framework]:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    raise NotInstalled(f"{framework} is not installed: pip install --group test")


class NotInstalled(SystemExit):
    """A framework that models are to be trained with is not here."""


def table(recipe: Recipe, n_rows: int, seed: int, dtype: str = "float32") -> np.ndarray:
    """C order: standard normal, each column on a scale of its own; codes of categories; NaN where cells are missing."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, recipe.n_features), dtype=np.float32)
    X *= scales(recipe.n_features)
    for column, n_categories in enumerate(_cardinalities(recipe)):
        # Squared, so that some categories are rare.
        X[:, column] = np.floor(rng.random(n_rows) ** 2 * n_categories)
    if dtype == "float64":
        X = X * (1 + rng.random(X.shape) * 2.0**-25)  # between neighbouring floats
    if recipe.missing:
        X[rng.random(X.shape) < recipe.missing] = np.nan
    return X


def target(recipe: Recipe, X: np.ndarray) -> np.ndarray:
    """Sums, products and steps of the columns, with noise, so that trees keep finding splits; in classes if asked."""
    Z = np.nan_to_num(X / scales(recipe.n_features), nan=0.7)
    for column, n_categories in enumerate(_cardinalities(recipe)):
        effects = np.random.default_rng(column).standard_normal(n_categories)
        codes = np.nan_to_num(X[:, column], nan=0).astype(int)
        Z[:, column] = effects[codes]
    k = Z.shape[1] // 4
    a, b, c, d = Z[:, :k], Z[:, k : 2 * k], Z[:, 2 * k : 3 * k], Z[:, 3 * k : 4 * k]
    score = (a * b).sum(axis=1) + np.sin(2 * c).sum(axis=1) + (d > 0.5).sum(axis=1) - (np.abs(d) > 1).sum(axis=1)
    noise = np.random.default_rng(7).standard_normal(len(X)) * np.sqrt(k) / 2
    if recipe.task == "regression":
        return score + noise
    if recipe.task == "ten classes":
        return np.searchsorted(np.quantile(score, np.arange(1, 10) / 10), score + noise)
    return (score + noise > np.median(score)).astype(np.int64)


def _train(recipe: Recipe, folder: Path) -> None:
    X = table(recipe, recipe.training_rows, seed=1)
    y = target(recipe, X)
    folder.mkdir()
    path = str(folder / FILES[recipe.framework])
    {"lightgbm": _lightgbm, "xgboost": _xgboost, "sklearn": _sklearn, "catboost": _catboost}[recipe.framework](
        recipe, X, y, path
    )


def _cardinalities(recipe: Recipe) -> list[int]:
    return [int(n) for n in np.geomspace(3, 200, recipe.categories)]


def _lightgbm(recipe: Recipe, X: np.ndarray, y: np.ndarray, path: str) -> None:
    import lightgbm

    parameters = recipe.parameters | {"verbose": -1, "seed": 0}
    rounds = parameters.pop("num_boost_round")
    data = lightgbm.Dataset(X, y, categorical_feature=list(range(recipe.categories)))
    lightgbm.train(parameters, data, num_boost_round=rounds).save_model(path)


def _xgboost(recipe: Recipe, X: np.ndarray, y: np.ndarray, path: str) -> None:
    import xgboost

    parameters = recipe.parameters | {"seed": 0}
    rounds = parameters.pop("num_boost_round")
    xgboost.train(parameters, xgboost.DMatrix(X, y), num_boost_round=rounds).save_model(path)


def _sklearn(recipe: Recipe, X: np.ndarray, y: np.ndarray, path: str) -> None:
    import joblib
    from sklearn import ensemble, linear_model

    kind = getattr(ensemble, recipe.estimator, None) or getattr(linear_model, recipe.estimator)
    if kind is linear_model.LogisticRegression:
        X = X / X.std(axis=0)  # so that it converges; what it learned is only multiplied
    model = kind(**recipe.parameters)
    options = {"random_state": 0} | ({"n_jobs": -1} if recipe.estimator.startswith("RandomForest") else {})
    joblib.dump(model.set_params(**options).fit(X, y), path)


def _catboost(recipe: Recipe, X: np.ndarray, y: np.ndarray, path: str) -> None:
    import catboost

    parameters = recipe.parameters | {"random_seed": 0, "verbose": False, "allow_writing_files": False}
    getattr(catboost, recipe.estimator)(**parameters).fit(X, y).save_model(path)
