"""Trained models and their tables, kept under .work/benchmarks by what they are made of."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np

from .scenarios import Recipe

ROOM = Path(".work/benchmarks")
FILES = {"lightgbm": "model.txt", "xgboost": "model.ubj", "sklearn": "model.joblib"}
DISTRIBUTIONS = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost", "xgboost-cpu"), "sklearn": ("scikit-learn",)}


def model_folder(recipe: Recipe) -> Path:
    """Where the recipe's model lies; it is trained where it does not lie there yet."""
    content = [recipe.framework, recipe.estimator, recipe.parameters, recipe.n_features, recipe.training_rows]
    key = json.dumps([*content, version(recipe.framework), np.__version__], sort_keys=True)
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
    raise SystemExit(f"{framework} is not installed: pip install --group test")


def table(n_rows: int, n_features: int, seed: int) -> np.ndarray:
    """float32, C order: standard normal, each column on a scale of its own."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    X *= np.exp(np.linspace(-3, 3, n_features, dtype=np.float32))
    return X


def target(X: np.ndarray) -> np.ndarray:
    """Two classes from sums, products and steps of the columns, with noise, so that trees keep finding splits."""
    Z = X / np.exp(np.linspace(-3, 3, X.shape[1], dtype=np.float32))
    k = Z.shape[1] // 4
    a, b, c, d = Z[:, :k], Z[:, k : 2 * k], Z[:, 2 * k : 3 * k], Z[:, 3 * k : 4 * k]
    score = (a * b).sum(axis=1) + np.sin(2 * c).sum(axis=1) + (d > 0.5).sum(axis=1) - (np.abs(d) > 1).sum(axis=1)
    noise = np.random.default_rng(7).standard_normal(len(X)) * np.sqrt(k) / 2
    return (score + noise > np.median(score)).astype(np.int64)


def _train(recipe: Recipe, folder: Path) -> None:
    X = table(recipe.training_rows, recipe.n_features, seed=1)
    y = target(X)
    folder.mkdir()
    path = str(folder / FILES[recipe.framework])
    parameters = dict(recipe.parameters)
    rounds = parameters.pop("num_boost_round", None)
    if recipe.framework == "lightgbm":
        import lightgbm

        data = lightgbm.Dataset(X, y)
        lightgbm.train(parameters | {"verbose": -1, "seed": 0}, data, num_boost_round=rounds).save_model(path)
    elif recipe.framework == "xgboost":
        import xgboost

        xgboost.train(parameters | {"seed": 0}, xgboost.DMatrix(X, y), num_boost_round=rounds).save_model(path)
    else:
        _train_sklearn(recipe, X, y, path)


def _train_sklearn(recipe: Recipe, X: np.ndarray, y: np.ndarray, path: str) -> None:
    import joblib
    from sklearn import ensemble, linear_model

    kind = getattr(ensemble, recipe.estimator, None) or getattr(linear_model, recipe.estimator)
    if kind is linear_model.LogisticRegression:
        X = X / X.std(axis=0)  # so that it converges; what it learned is only multiplied
    model = kind(**recipe.parameters)
    options = {"random_state": 0} | ({"n_jobs": -1} if recipe.estimator == "RandomForestClassifier" else {})
    joblib.dump(model.set_params(**options).fit(X, y), path)
