"""What a model must answer, from whatever bytes it came: all kernels alike, all methods, and the same once saved."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from perfcore import PerfcoreError, isa
from perfcore._ext.forest import ForestKernel
from perfcore.inputs.sklearn import CategoryInputs
from perfcore.model import Forest, Model
from perfcore.model import file as pcore
from perfcore.predictor import Predictor

MOST_COLUMNS = 1_000_000
KERNELS = ("interleave", "bitslice", "deep", "lanes")
METHODS = ("predict", "predict_raw", "predict_proba", "decision_function", "apply", "predict_one", "predict_proba_one")
CELLS = np.array([0.0, -0.0, 0.25, 1.0, 3.0, 40.0, -7.0, 5e-324, 1e-35, 1e300, np.inf, -np.inf, np.nan])
VALUES = ["e", "a", "unknown", "", 3, 2.5, True, None]


def ask(model: Model, seed: int) -> None:
    """Raises what no file may lead to; `PerfcoreError` of a method is an answer (a table that its source refuses)."""
    fast = Predictor(model)
    str(fast)
    again = pcore.from_bytes(pcore.to_bytes(model))
    if pcore.fingerprint(again) != fast.fingerprint:
        raise RuntimeError("another fingerprint after saving and loading")
    if fast.n_features_in_ > MOST_COLUMNS:
        return
    rng = np.random.default_rng(seed)
    X = table(model, model.inputs.n_features, rng)
    X = (X, X.astype(np.float32), np.nan_to_num(X, posinf=2.0, neginf=-2.0))[seed % 3]
    if isinstance(model.body, Forest):
        compare_kernels(model.body, table(model, model.body.n_features, rng), KERNELS[seed // 3 % len(KERNELS)])
    if (is_category := category_columns(model.inputs)).any():
        X = X.astype(object)
        X[:, is_category] = rng.choice(np.array(VALUES, object), (len(X), int(is_category.sum())))
    for method in METHODS:
        with contextlib.suppress(PerfcoreError):
            if hasattr(fast, method):
                getattr(fast, method)(X[0] if method.endswith("one") else X)


def category_columns(inputs: Any) -> np.ndarray:
    """Which columns of arrays hold values as they are, to be recoded."""
    known = getattr(inputs, "categories", None) if isinstance(inputs, CategoryInputs) else None
    return np.asarray(getattr(inputs, "is_category", [each is not None for each in known or ()]), bool)


def table(model: Model, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows at and beside thresholds, and of awkward cells; more than a block of lanes where there is room."""
    thresholds = model.body.threshold[:200] if isinstance(model.body, Forest) else CELLS
    pool = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), CELLS])
    n_outputs = getattr(model.body, "n_outputs", 1)
    return rng.choice(pool, (70 if max(n, n_outputs) < 1000 else 2, n))


def compare_kernels(forest: Forest, X: np.ndarray, name: str) -> None:
    """The plain walk against the kernel that the cost model chooses, and one more, where it takes the forest."""
    expected = ForestKernel(forest, "walk", "portable").predict(X)
    for kernel in ("auto", name):
        found = ForestKernel(forest, kernel, isa.chosen()).predict(X)
        differ = (found != expected) & ~(np.isnan(found) & np.isnan(expected))
        if differ.any() or (np.signbit(found) != np.signbit(expected))[found == 0].any():
            raise RuntimeError(f"kernel {kernel} answers otherwise than the plain walk")
