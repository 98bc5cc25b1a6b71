"""scikit-learn's GradientBoosting* and HistGradientBoosting* -> the canonical forest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.sklearn import BoostingAnswers
from ..errors import ConfigurationError, UnsupportedModelError
from ..inputs.sklearn import ANYTHING, FINITE, CategoryInputs, NumericInputs
from ..model import Forest, Model, Tree
from ..model.forest import CATEGORICAL, NAN_LEFT, OTHER_LEFT
from .sklearn import class_labels, feature_names
from .sklearn_trees import canonical_tree

LINKS = {
    "IdentityLink": "identity",
    "LogLink": "log",
    "LogitLink": "logit",
    "HalfLogitLink": "half_logit",
    "MultinomialLogit": "multinomial_logit",
}


def read(source: Any, origin: str, iteration_range: tuple[int, int] | None) -> Model:
    is_histogram = hasattr(source, "_predictors")
    read_forest = _histogram_forest if is_histogram else _exact_forest
    labels = class_labels(source.classes_) if hasattr(source, "classes_") else None
    if labels is not None and len(labels) < 2:  # of the two classes that the source then answers with, one has no name
        raise UnsupportedModelError(f"{type(source).__name__} of a single class")
    answers = BoostingAnswers(labels, _link(source), is_histogram, source.n_trees_per_iteration_)
    return Model(read_forest(source, iteration_range), _inputs(source, is_histogram), answers, origin)


def _link(source: Any) -> str:
    name = type(source._loss.link).__name__
    if name not in LINKS:
        raise UnsupportedModelError(f"loss {type(source._loss).__name__} with link {name}, known: {', '.join(LINKS)}")
    return LINKS[name]


def _iterations(iteration_range: tuple[int, int] | None, n_iterations: int) -> int:
    """How many iterations to use; scikit-learn's staged_predict knows no other ranges than those from the first."""
    if iteration_range is None:
        return n_iterations
    begin, end = iteration_range
    if begin != 0 or not 1 <= end <= n_iterations:
        raise ConfigurationError(
            f"iteration_range={iteration_range}: of this model, (0, end) with end in 1..{n_iterations} is allowed"
        )
    return end


# -- GradientBoosting: exact trees in float32 -------------------------------------------------------------


def _exact_forest(source: Any, iteration_range: tuple[int, int] | None) -> Forest:
    scale = float(source.learning_rate)
    trees = []
    for stage in source.estimators_[: _iterations(iteration_range, len(source.estimators_))]:
        for output, estimator in enumerate(stage):
            tree, values = canonical_tree(estimator.tree_)
            if values.shape[1:] != (1, 1):
                raise UnsupportedModelError(f"a stage with leaves of shape {values.shape[1:]}, allowed: one number")
            # _gradient_boosting.pyx compares without asking for NaN, and adds scale * value in double.
            tree.flags = np.zeros_like(tree.flags)
            tree.value = scale * values[:, 0, 0]
            tree.output = output
            trees.append(tree)
    return Forest.from_trees(
        trees,
        n_features=source.n_features_in_,
        n_outputs=source.n_trees_per_iteration_,
        precision="float32",
        dtype="float64",
        base=_initial(source),
    )


def _initial(source: Any) -> np.ndarray:
    """The raw prediction before the first tree, where it is the same for every row."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    init = source.init_
    constant = type(init) is DummyRegressor or (type(init) is DummyClassifier and init.strategy != "stratified")
    if not constant and not (isinstance(init, str) and init == "zero"):
        raise UnsupportedModelError(
            f"init={init!r}: its predictions differ from row to row; allowed: None, 'zero' and Dummy estimators"
        )
    raw = source._raw_predict_init(np.zeros((3, source.n_features_in_), np.float32))
    if not (raw == raw[0]).all():
        raise UnsupportedModelError(f"init={init!r}: its predictions differ from row to row")
    return raw[0]


# -- HistGradientBoosting: histogram trees in float64, with categories -------------------------------------


def _histogram_forest(source: Any, iteration_range: tuple[int, int] | None) -> Forest:
    order = _column_order(source)
    trees = []
    for stage in source._predictors[: _iterations(iteration_range, len(source._predictors))]:
        for output, predictor in enumerate(stage):
            trees.append(_histogram_tree(predictor, order, output))
    baseline = source._baseline_prediction
    if baseline.dtype != np.float64:
        raise UnsupportedModelError(f"a baseline prediction in {baseline.dtype}, known: float64")
    return Forest.from_trees(
        trees,
        n_features=source.n_features_in_,
        n_outputs=source.n_trees_per_iteration_,
        precision="float64",
        dtype="float64",
        base=np.zeros(source.n_trees_per_iteration_) + baseline.ravel(),  # as _raw_predict: -0.0 becomes 0.0
    )


def _column_order(source: Any) -> np.ndarray:
    """For each column that the trees know its place in the user's table: the preprocessor puts categories first."""
    categorical = source.is_categorical_
    if source._preprocessor is None:
        return np.arange(source.n_features_in_)
    return np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])


def _histogram_tree(predictor: Any, order: np.ndarray, output: int) -> Tree:
    """_predictor.pyx, _predict_one_from_raw_data. The encoder hands over known codes and NaN, nothing else."""
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"] != 0
    number = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    inner, leaves = nodes[~is_leaf], np.flatnonzero(is_leaf)
    categorical = inner["is_categorical"] != 0
    missing_left = inner["missing_go_to_left"] != 0
    return Tree(
        feature=order[inner["feature_idx"]],
        threshold=np.where(categorical, 0.0, inner["num_threshold"]),
        left=number[inner["left"]],
        right=number[inner["right"]],
        flags=np.where(missing_left, NAN_LEFT, 0)
        | np.where(categorical, CATEGORICAL, 0)
        | np.where(categorical & missing_left, OTHER_LEFT, 0),
        value=nodes["value"][leaves],
        label=leaves,
        output=output,
        sets={
            int(node): predictor.raw_left_cat_bitsets[inner["bitset_idx"][node]] for node in np.flatnonzero(categorical)
        },
    )


def _inputs(source: Any, is_histogram: bool) -> NumericInputs | CategoryInputs:
    if is_histogram and source._preprocessor is not None:
        return CategoryInputs(source.n_features_in_, feature_names(source), _categories(source))
    return NumericInputs(
        n_features=source.n_features_in_,
        feature_names=feature_names(source),
        estimator=type(source).__name__,
        precision="float64" if is_histogram else "float32",
        allows=ANYTHING if is_histogram else FINITE,
    )


def _categories(source: Any) -> tuple[np.ndarray | None, ...]:
    encoder = source._preprocessor.named_transformers_["encoder"]
    categories: list[np.ndarray | None] = [None] * source.n_features_in_
    for column, known in zip(np.flatnonzero(source.is_categorical_), encoder.categories_, strict=True):
        categories[column] = _category_values(known, column)
    return tuple(categories)


def _category_values(known: np.ndarray, column: int) -> np.ndarray:
    known = np.array(known)
    if known.dtype.kind == "O":
        values = [each.item() if isinstance(each, np.generic) else each for each in known.tolist()]
        if not all(isinstance(each, str | int | float | None) for each in values):
            raise UnsupportedModelError(f"column {column}: categories that are neither strings nor numbers")
        known[:] = [str(each) if isinstance(each, str) else each for each in values]
    elif known.dtype.kind not in "biufU" or known.dtype.itemsize > 8 and known.dtype.kind == "f":
        raise UnsupportedModelError(f"column {column}: categories of {known.dtype}, allowed: numbers, bool, strings")
    known.flags.writeable = False
    return known
