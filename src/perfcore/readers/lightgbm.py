"""LightGBM models -> the canonical model: text files without LightGBM, live objects through their own text."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..answers.lightgbm import LightGBMAnswers
from ..errors import ConfigurationError, ModelFormatError, UnsupportedModelError
from ..inputs.lightgbm import LightGBMInputs
from ..model import Forest, Model, Tree
from ..model.forest import CATEGORICAL, NAN_LEFT, ZERO_MISSING
from .lightgbm_text import EMPTY, TextModel, TextTree, parse
from .overrides import framework_class, refuse_overrides
from .sklearn import class_labels

# meta.h kZeroThreshold, a float: cells no larger are read as 0 (c_api.cpp RowPairFunctionFromDenseMatric).
ZERO_BOUND = float(np.float32(1e-35))
BELOW_ZERO = float(np.nextafter(-ZERO_BOUND, -np.inf))
# predictor.hpp kFeatureThreshold: above it, rows with few cells take a path with rules of its own.
MOST_FEATURES = 100_000

# GetDecisionType bits of tree.h
IS_CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
MISSING_ZERO, MISSING_NAN = 1, 2


def read_file(path: str | os.PathLike, iteration_range: tuple[int, int] | None = None) -> Model:
    """A text model as ``lightgbm.Booster(model_file=path)`` answers; LightGBM need not be installed."""
    with open(path, "rb") as file:
        text = parse(file.read(), os.fspath(path))
    return model_of(text, _slice(text, -1, iteration_range), "LightGBM text " + text.version)


def read_object(source: Any, iteration_range: tuple[int, int] | None = None) -> Model:
    """A live Booster, LGBMModel, LGBMClassifier, LGBMRegressor, LGBMRanker, or a subclass of theirs."""
    import lightgbm

    if any(cls.__module__ == "lightgbm.dask" for cls in type(source).__mro__):
        raise UnsupportedModelError(f"{type(source).__qualname__} answers dask collections; compile its to_local()")
    refuse_overrides(source, framework_class(source, "lightgbm"))
    origin = f"{type(source).__module__.partition('.')[0]}.{type(source).__qualname__} ({lightgbm.__version__})"
    if isinstance(source, lightgbm.Booster):
        return _booster(source, iteration_range, origin).model()
    if not isinstance(source, lightgbm.LGBMModel):
        raise UnsupportedModelError(f"{origin}: allowed: Booster, LGBMModel, LGBMClassifier, LGBMRegressor, LGBMRanker")
    if not source.__sklearn_is_fitted__():
        raise ConfigurationError(f"{origin} is not fitted")
    if str(source.get_params().get("pred_early_stop", False)).lower() not in ("false", "0"):
        raise UnsupportedModelError(f"{origin}: pred_early_stop leaves trees out, row by row; set it to False")
    refuse_overrides(source.booster_, lightgbm.Booster)
    return _estimator(source, _booster(source.booster_, iteration_range, origin), lightgbm).model()


@dataclass(frozen=True)
class _Parts:
    """A `Model` in the making, its parts of known types."""

    body: Forest
    inputs: LightGBMInputs
    answers: LightGBMAnswers
    origin: str

    def model(self) -> Model:
        return Model(self.body, self.inputs, self.answers, self.origin)


# -- Booster and estimators -----------------------------------------------------------------------------


def _booster(booster: Any, iteration_range: tuple[int, int] | None, origin: str) -> _Parts:
    # %.17g in both directions: thresholds, leaves and coefficients of the text are the live model's bits.
    text = parse(booster.model_to_string(num_iteration=-1, start_iteration=0).encode(), origin)
    text = replace(text, pandas_categorical=_plain(booster.pandas_categorical, origin))
    iterations = _slice(text, booster.best_iteration, iteration_range)
    parts = _parts(text, iterations, origin)
    return replace(parts, answers=_live_link(booster, parts.answers, text.n_features, iterations))


def _plain(categories: list[list[Any]] | None, origin: str) -> tuple[tuple[Any, ...], ...] | None:
    """``Booster.pandas_categorical`` in Python's own types."""
    if categories is None:
        return None
    plain = tuple(tuple(c.item() if isinstance(c, np.generic) else c for c in column) for column in categories)
    odd = {type(c).__qualname__ for column in plain for c in column} - {"str", "int", "float", "bool", "NoneType"}
    if odd:
        raise UnsupportedModelError(f"{origin}: pandas categories of type {', '.join(sorted(odd))}")
    return plain


def _live_link(booster: Any, answers: LightGBMAnswers, n_features: int, iterations: tuple[int, int]) -> LightGBMAnswers:
    """The link the live object uses: its text prints the sigmoid's scale to six digits only.

    `lightgbm.train` passes models through their text, so the two differ only for boosters that still train.
    """
    candidates = [answers]
    scale = booster.params.get("sigmoid")
    if answers.link == "logistic" and scale is not None:
        candidates.append(replace(answers, scale=_atof(str(scale))))
    rows = np.random.default_rng(0).normal(size=(256, n_features)) * 10.0 ** np.arange(-2, 6).repeat(32)[:, None]
    begin, end = iterations
    part = {"start_iteration": begin, "num_iteration": end - begin, "num_threads": 1}
    raw, answer = booster.predict(rows, raw_score=True, **part), booster.predict(rows, **part)
    for each in candidates:
        if np.array_equal(each.linked(raw.reshape(len(rows), -1).copy()), answer, equal_nan=True):
            return each
    raise UnsupportedModelError(
        "the live booster's link is not the one that its own text names; save the model and compile the file"
    )


def _estimator(source: Any, booster: _Parts, lightgbm: Any) -> _Parts:
    kind = "regressor" if isinstance(source, lightgbm.LGBMRegressor) else None
    answers = replace(booster.answers, kind=kind)
    if isinstance(source, lightgbm.LGBMClassifier):
        if not np.array_equal(source._le.classes_, source.classes_):  # predict asks the one, classes_ shows the other
            raise UnsupportedModelError(f"{booster.origin}: its label encoder's classes are not its classes_")
        answers = replace(
            answers,
            kind="classifier",
            classes=class_labels(source.classes_),
            methods=(*(m for m in ("predict", "predict_proba", "decision_function") if hasattr(source, m)), "apply"),
            proba=_proba(source, answers.n_outputs, lightgbm),
        )
    names = tuple(map(str, source.feature_names_in_)) if hasattr(source, "feature_names_in_") else None
    inputs = replace(booster.inputs, estimator=type(source).__qualname__, feature_names=names)
    return replace(booster, inputs=inputs, answers=answers)


def _proba(source: Any, n_outputs: int, lightgbm: Any) -> str:
    """How LGBMClassifier.predict_proba shapes the booster's answer."""
    objective, n_classes = source.objective_, source.n_classes_
    if callable(objective):
        return "raw"
    is_multiclass = n_classes > 2 or objective in lightgbm.sklearn._MULTICLASS_OBJECTIVES
    n_columns = n_outputs if is_multiclass else 2
    if n_columns == 1 or n_columns > n_classes:
        raise UnsupportedModelError(
            f"a classifier of {n_classes} classes with {n_columns} columns of probabilities (objective {objective}): "
            "its own predict fails on some or all rows"
        )
    return "columns" if is_multiclass else "two"


# -- text -> model --------------------------------------------------------------------------------------


def _slice(text: TextModel, best_iteration: int, iteration_range: tuple[int, int] | None) -> tuple[int, int]:
    """Iterations [begin, end) as Booster.predict chooses them (GBDT::InitPredict)."""
    if iteration_range is None:
        return 0, min(best_iteration, text.n_iterations) if best_iteration > 0 else text.n_iterations
    begin, end = iteration_range
    if not 0 <= begin < end <= text.n_iterations:
        raise ConfigurationError(
            f"iteration_range=({begin}, {end}), allowed: 0 <= begin < end <= {text.n_iterations} iterations"
        )
    return begin, end


def model_of(text: TextModel, iterations: tuple[int, int], origin: str) -> Model:
    """A Booster's model of the iterations [begin, end) of a text."""
    return _parts(text, iterations, origin).model()


def _parts(text: TextModel, iterations: tuple[int, int], origin: str) -> _Parts:
    if text.n_features > MOST_FEATURES:
        raise UnsupportedModelError(f"{text.place}: {text.n_features} features, allowed: {MOST_FEATURES}")
    n_outputs = text.trees_per_iteration
    begin, end = iterations
    trees = [
        canonical_tree(text.trees[i], i % n_outputs, f"{text.place}: tree {i}")
        for i in range(begin * n_outputs, end * n_outputs)
    ]
    forest = Forest.from_trees(
        trees,
        n_features=text.n_features,
        n_outputs=n_outputs,
        precision="float64",
        dtype="float64",
        zero_bound=ZERO_BOUND,
        truncates_negative=True,
    )
    link, scale = parse_objective(text.objective, n_outputs, text.place)
    answers = LightGBMAnswers(n_outputs=n_outputs, link=link, scale=scale, divisor=end - begin if text.averages else 0)
    defaults = tuple(f"Column_{i}" for i in range(text.n_features))
    inputs = LightGBMInputs(
        n_features=text.n_features,
        feature_names=text.feature_names if text.feature_names != defaults else None,
        pandas_categorical=text.pandas_categorical,
        category_columns=_category_columns(text),
        reads_tiny=any(_reads_tiny(text.trees[i]) for i in range(begin * n_outputs, end * n_outputs)),
    )
    return _Parts(forest, inputs, answers, f"{origin}, objective {text.objective or 'custom'}")


def _category_columns(text: TextModel) -> tuple[int, ...] | None:
    """Which columns ``pandas_categorical`` is about, in order; None where the text does not say.

    It lists the categories of a frame's category columns without the columns' names. The parameters
    list the categorical features, which are the same columns unless a category is ordered, or the user
    named others: so the counts must agree, and no code met in training may lie beyond its categories.
    """
    columns, categories = text.categorical_features, text.pandas_categorical or ()
    if len(columns) != len(categories):
        return None
    for column, values in zip(columns, categories, strict=True):
        if not 0 <= column < text.n_features:
            return None
        info = text.feature_infos[column]
        if info != "none" and not re.fullmatch(r"-?[0-9]{1,20}(:-?[0-9]{1,20})*", info):
            return None
        if info != "none" and max(map(int, info.split(":"))) >= len(values):
            return None
    return columns


def parse_objective(objective: str, n_outputs: int, place: str) -> tuple[str, float]:
    """An objective's text -> its link and that link's scale (ObjectiveFunction::CreateObjectiveFunction)."""
    name, *options = objective.split() or ["custom"]
    name = ALIASES.get(name, name)
    if name not in LINKS:
        raise UnsupportedModelError(f"{place}: objective {name[:40]!r}, allowed: {', '.join(sorted(LINKS))}")
    link, scale = LINKS[name], 1.0
    values = dict(option.split(":", 1) for option in options if ":" in option)
    if name in SQUARED and "sqrt" in options:
        link = "signed_square"
    if name in ("binary", "multiclassova"):
        scale = _atof(values.get("sigmoid", "-1"))
        if not scale > 0.0:
            raise ModelFormatError(f"{place}: objective={objective[:80]}: sigmoid must be greater than 0")
    if name.startswith("multiclass") and values.get("num_class") != str(n_outputs):
        raise ModelFormatError(f"{place}: objective={objective[:80]} for {n_outputs} trees an iteration")
    return link, scale


# ConvertOutput of src/objective/*.hpp
LINKS = {
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), "identity"),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "exp"),
    **dict.fromkeys(("lambdarank", "rank_xendcg", "custom"), "identity"),
    **dict.fromkeys(("binary", "multiclassova"), "logistic"),
    "multiclass": "softmax",
    "cross_entropy": "expit",
    "cross_entropy_lambda": "log1p_exp",
}

# RegressionL2loss and its heirs that neither refuse reg_sqrt nor have a ConvertOutput of their own
SQUARED = ("regression", "regression_l1", "fair", "quantile", "mape")

# ParseObjectiveAlias of config.h, for the names that older versions wrote
ALIASES = {
    "regression_l2": "regression",
    "l2": "regression",
    "l1": "regression_l1",
    "mean_absolute_percentage_error": "mape",
    "xentropy": "cross_entropy",
    "xentlambda": "cross_entropy_lambda",
    "multiclass_ova": "multiclassova",
    "ova": "multiclassova",
    "ovr": "multiclassova",
    "none": "custom",
    "null": "custom",
    "na": "custom",
}


def _atof(text: str) -> float:
    """Common::Atof, by which LightGBM reads the sigmoid's scale: digit by digit, so not always correctly rounded."""
    match = re.fullmatch(r"\s*([-+]?)(\d*)(?:\.(\d{0,22}))?(?:[eE]([-+]?)(\d{1,2}))?\s*", text)
    if match is None or int(match[5] or 0) > 22:  # beyond 1e22 powers of ten are no doubles
        return math.nan
    value = fraction = 0.0
    for digit in match[2]:
        value = value * 10.0 + int(digit)
    for digit in match[3] or "":
        fraction = int(digit) + fraction * 10.0
    value += fraction / 10.0 ** len(match[3] or "")
    power = 10.0 ** int(match[5] or 0)
    value = value / power if match[4] == "-" else value * power
    return -value if match[1] == "-" else value


# -- one tree -------------------------------------------------------------------------------------------


def _reads_tiny(tree: TextTree) -> bool:
    """Whether it may tell |x| <= ZERO_BOUND from 0, as it does for cells that are not set to 0 before."""
    numeric = (tree.decision_type & IS_CATEGORICAL) == 0
    is_moved = (tree.threshold >= -ZERO_BOUND) & (tree.threshold < ZERO_BOUND)
    return tree.linear is not None or bool((numeric & is_moved).any())


def canonical_tree(tree: TextTree, output: int, place: str) -> Tree:
    """LightGBM's questions as the canonical forest's, to the bit.

    Cells with |x| <= ZERO_BOUND are 0 to LightGBM. That goes into the threshold t: where 0 <= t, all of
    them go left, where t < 0, none; so t moves to the end of that interval on its own side of it.
    """
    if tree.n_leaves == 1:
        return Tree(EMPTY, np.empty(0), EMPTY, EMPTY, EMPTY, tree.leaf_value, output=output, linear=tree.linear)
    t = tree.threshold
    missing = tree.decision_type >> MISSING_SHIFT
    default_left = (tree.decision_type & DEFAULT_LEFT) != 0
    categorical = (tree.decision_type & IS_CATEGORICAL) != 0
    # NumericalDecision: unless missing_type is NaN, NaN is 0 before anything else.
    nan_left = np.where((missing == MISSING_NAN) | (missing == MISSING_ZERO), default_left, t >= 0.0)
    flags = nan_left * NAN_LEFT + (missing == MISSING_ZERO) * ZERO_MISSING
    threshold = np.where(
        (t >= -ZERO_BOUND) & (t < 0.0), BELOW_ZERO, np.where((t >= 0.0) & (t < ZERO_BOUND), ZERO_BOUND, t)
    )
    # CategoricalDecision: NaN, negative and unknown codes go right, whatever missing_type and default say.
    numbers = np.trunc(tree.threshold[categorical])
    if len(np.unique(numbers)) != len(numbers):  # a large set that many nodes name would be held as often
        raise ModelFormatError(f"{place}: a category set of two nodes")
    order = _parents_first(tree, place)
    moved = np.empty_like(order)
    moved[order] = np.arange(len(order), dtype=order.dtype)
    return Tree(
        feature=tree.feature[order],
        threshold=np.where(categorical, 0.0, threshold)[order],
        left=_renumbered(tree.left, moved)[order],
        right=_renumbered(tree.right, moved)[order],
        flags=np.where(categorical, CATEGORICAL, flags).astype(np.uint8)[order],
        value=tree.leaf_value,
        output=output,
        sets={int(moved[node]): _set(tree, node, place) for node in np.flatnonzero(categorical)},
        linear=tree.linear,
    )


def _set(tree: TextTree, node: int, place: str) -> np.ndarray:
    number = tree.threshold[node]
    if not 0.0 <= number < len(tree.cat_boundaries) - 1:
        raise ModelFormatError(f"{place}, node {node}: category set {number}, of {len(tree.cat_boundaries) - 1}")
    return tree.cat_threshold[tree.cat_boundaries[int(number)] : tree.cat_boundaries[int(number) + 1]]


def _renumbered(child: np.ndarray, moved: np.ndarray) -> np.ndarray:
    return np.where(child >= 0, moved[np.maximum(child, 0)], child)


def _parents_first(tree: TextTree, place: str) -> np.ndarray:
    """Node numbers, each parent before its children: 0, 1, 2... in every tree that LightGBM itself wrote."""
    n = len(tree.feature)
    children = np.sort(np.concatenate([tree.left, tree.right]))
    if (children != np.concatenate([np.arange(-n - 1, 0), np.arange(1, n)])).any():
        raise ModelFormatError(f"{place}: left_child and right_child must name each node but 0 and each leaf once")
    own = np.arange(n)
    if all(((side < 0) | (side > own)).all() for side in (tree.left, tree.right)):
        return own
    level = np.zeros(1, np.int64)
    levels = [level]
    while len(level):
        level = np.stack([tree.left[level], tree.right[level]], axis=1).ravel()
        level = level[level >= 0]
        levels.append(level)
    found = np.concatenate(levels)  # at most n: node 0 is nobody's child, the others are one parent's each
    if len(found) != n:
        raise ModelFormatError(f"{place}: {n - len(found)} nodes cannot be reached from node 0")
    return found
