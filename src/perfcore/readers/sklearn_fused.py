"""scikit-learn's ensembles of single trees -> one canonical forest: IsolationForest, Bagging*, AdaBoost*."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.sklearn import TreeAnswers
from ..answers.sklearn_ensembles import IsolationAnswers, MedianAnswers, VoteAnswers
from ..errors import UnsupportedModelError
from ..inputs.sklearn import ANYTHING, FINITE, NAN, NumericInputs
from ..model import Forest, Model, Tree
from . import sklearn_bagging
from .overrides import refuse_overrides
from .sklearn import class_labels, feature_names, known_class, sklearn_class
from .sklearn_trees import canonical_tree, takes_nan


def can_fuse(source: Any) -> bool:
    """Whether an ensemble's members are single trees of its own kind, so that one forest can answer for them."""
    from sklearn.base import is_classifier
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if is_classifier(source) else DecisionTreeRegressor
    return all(isinstance(member, kind) for member in source.estimators_)


def read(source: Any, origin: str) -> Model:
    from sklearn.base import is_classifier
    from sklearn.ensemble import BaggingClassifier, BaggingRegressor, IsolationForest

    if not can_fuse(source):
        return sklearn_bagging.read(source, origin)
    for member in source.estimators_:
        refuse_overrides(member, sklearn_class(known_class(member)))
    if isinstance(source, IsolationForest):
        return _isolation(source, origin)
    if isinstance(source, BaggingClassifier | BaggingRegressor):
        return _bagging(source, origin)
    return _boosted_votes(source, origin) if is_classifier(source) else _boosted_median(source, origin)


def _forest(source: Any, trees: list[Tree], base: float = 0.0) -> Forest:
    columns = max(tree.value.shape[1] if tree.value.ndim == 2 else tree.output + 1 for tree in trees)
    return Forest.from_trees(
        trees, n_features=source.n_features_in_, n_outputs=columns, precision="float32", dtype="float64", base=base
    )


def _member_tree(member: Any, features: np.ndarray) -> tuple[Tree, np.ndarray]:
    """A member's tree, asking for columns of the ensemble's table, and its leaves' values."""
    if member.tree_.n_features != len(features):
        raise UnsupportedModelError(f"a tree of {member.tree_.n_features} features that is given {len(features)}")
    tree, values = canonical_tree(member.tree_)
    tree.feature = features[tree.feature]
    return tree, values


# -- IsolationForest ---------------------------------------------------------------------------------------


def _isolation(source: Any, origin: str) -> Model:
    """_iforest.py, _compute_score_samples and _parallel_compute_tree_depths."""
    from sklearn.ensemble._iforest import _average_path_length

    every = np.arange(source.n_features_in_)
    trees = []
    for member, features, depths, averages in zip(
        source.estimators_,
        source.estimators_features_,
        source._decision_path_lengths,
        source._average_path_length_per_tree,
        strict=True,
    ):
        tree, _ = _member_tree(member, every if source._max_features == source.n_features_in_ else features)
        tree.value = (depths + averages - 1.0)[tree.label]
        trees.append(tree)
    denominator = len(trees) * _average_path_length([source._max_samples])
    answers = IsolationAnswers(float(denominator[0]), float(source.offset_))
    inputs = NumericInputs(source.n_features_in_, feature_names(source), type(source).__name__, "float32", ANYTHING)
    return Model(_forest(source, trees), inputs, answers, origin)


# -- Bagging* ----------------------------------------------------------------------------------------------


def _bagging(source: Any, origin: str) -> Model:
    """_bagging.py, _parallel_predict_proba and _parallel_predict_regression, of one job."""
    members = list(source.estimators_[: source.n_estimators])
    subsets = list(source.estimators_features_[: source.n_estimators])
    labels = (class_labels(source.classes_),) if hasattr(source, "classes_") else ()
    trees = []
    for member, features in zip(members, subsets, strict=True):
        tree, values = _member_tree(member, features)
        tree.value = _class_shares(values, member.classes_, len(labels[0])) if labels else values[:, :, 0]
        tree.output = 0 if tree.value.shape[1] == 1 else -1
        trees.append(tree)
    if len({tree.value.shape[1] for tree in trees}) > 1:
        raise UnsupportedModelError("trees of different numbers of outputs")
    # The ensemble looks at no cell; each tree refuses, among those of its columns, what it cannot take.
    allows_nan = {takes_nan(member) for member in members}
    if len(allows_nan) > 1:
        raise UnsupportedModelError("trees of which some take NaN and some do not")
    inputs = NumericInputs(
        n_features=source.n_features_in_,
        feature_names=feature_names(source),
        estimator=type(source).__name__,
        precision="float32",
        allows=NAN if allows_nan.pop() else FINITE,
        of_members=True,
        unread=tuple(sorted(set(range(source.n_features_in_)).difference(*map(np.ndarray.tolist, subsets)))),
    )
    answers = TreeAnswers(labels, source.n_estimators, is_bagging=True)
    return Model(_forest(source, trees), inputs, answers, origin)


def _class_shares(values: np.ndarray, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """A member's (n_leaves, n_classes), zero for classes that were not among its samples: x + 0.0 is x, as x >= 0."""
    shares = np.zeros((len(values), n_classes))
    shares[:, codes] = values[:, 0, : len(codes)]
    return shares


# -- AdaBoost* ---------------------------------------------------------------------------------------------


def _boosted_votes(source: Any, origin: str) -> Model:
    """_weight_boosting.py, AdaBoostClassifier.decision_function."""
    labels = sklearn_bagging.boosted_labels(source)
    weights, total = source.estimator_weights_, float(source.estimator_weights_.sum())
    if not (np.isfinite(weights).all() and np.isfinite(total) and total > 0):
        raise UnsupportedModelError(f"estimator_weights_ whose sum is {total}, allowed: a finite number above 0")
    trees = []
    for member, weight in zip(source.estimators_, weights, strict=False):
        tree, values = _member_tree(member, np.arange(source.n_features_in_))
        answers = member.classes_.take(np.argmax(values[:, 0], axis=1))
        votes = np.where(answers[:, np.newaxis] == source.classes_, weight, -1 / (len(labels) - 1) * weight)
        tree.value = votes if len(labels) > 2 else votes[:, 1:]
        tree.output = -1 if len(labels) > 2 else 0
        trees.append(tree)
    return Model(_forest(source, trees), _boosted_inputs(source), VoteAnswers(labels, total), origin)


def _boosted_median(source: Any, origin: str) -> Model:
    """AdaBoostRegressor: a column a tree, -0.0 + x, which is x."""
    trees = []
    for column, member in enumerate(source.estimators_):
        tree, values = _member_tree(member, np.arange(source.n_features_in_))
        tree.value, tree.output = values[:, 0, 0], column
        trees.append(tree)
    answers = MedianAnswers(np.array(source.estimator_weights_[: len(trees)]))
    return Model(_forest(source, trees, base=-0.0), _boosted_inputs(source), answers, origin)


def _boosted_inputs(source: Any) -> NumericInputs:
    return NumericInputs(
        n_features=source.n_features_in_,
        feature_names=feature_names(source),
        estimator=type(source).__name__,
        precision="float32",
        allows=FINITE,
        of_members=True,
    )
