"""scikit-learn's decision trees and forests of them -> the canonical forest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.sklearn import TreeAnswers
from ..errors import UnsupportedModelError
from ..inputs.sklearn import FINITE, NAN, NumericInputs
from ..model import Forest, Model, Tree
from ..model.forest import NAN_LEFT
from .overrides import refuse_overrides
from .sklearn import class_labels, feature_names, known_class, sklearn_class

LEAF = -1  # sklearn/tree/_tree.pyx TREE_LEAF: a node without children


def read(source: Any, origin: str) -> Model:
    averaged = hasattr(source, "estimators_")
    estimators = list(source.estimators_) if averaged else [source]
    labels = _labels(source)
    for estimator in estimators:
        _check_member(estimator, source)
    counts = [len(classes) for classes in labels]
    columns = sum(counts) if labels else source.n_outputs_
    trees = []
    for estimator in estimators:
        tree, values = canonical_tree(estimator.tree_)
        tree.value = _leaf_values(values, counts)
        tree.output = 0 if columns == 1 else -1
        trees.append(tree)
    forest = Forest.from_trees(
        trees,
        n_features=source.n_features_in_,
        n_outputs=columns,
        precision="float32",
        dtype="float64",
        # A forest adds to np.zeros; a tree hands out its value itself, and only -0.0 + -0.0 is -0.0.
        base=0.0 if averaged else -0.0,
    )
    inputs = NumericInputs(
        n_features=source.n_features_in_,
        feature_names=feature_names(source),
        estimator=type(source).__name__,
        precision="float32",
        allows=NAN if takes_nan(estimators[0]) else FINITE,  # BaseForest._validate_X_predict asks its first tree
    )
    return Model(forest, inputs, TreeAnswers(labels, len(estimators) if averaged else None), origin)


def canonical_tree(tree: Any) -> tuple[Tree, np.ndarray]:
    """A ``sklearn.tree._tree.Tree`` with zeros for values, and its leaves' values (n_leaves, n_outputs, max_classes).

    Nodes are tested as in _tree.pyx, Tree._apply_dense: NaN by ``missing_go_to_left``, else the float32
    cell ``<=`` the float64 threshold.
    """
    state = tree.__getstate__()
    nodes, values = state["nodes"], state["values"]
    is_leaf = nodes["left_child"] == LEAF
    number = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    inner, leaves = nodes[~is_leaf], np.flatnonzero(is_leaf)
    return Tree(
        feature=inner["feature"],
        threshold=inner["threshold"],
        left=number[inner["left_child"]],
        right=number[inner["right_child"]],
        flags=np.where(inner["missing_go_to_left"] != 0, NAN_LEFT, 0),
        value=np.zeros(len(leaves)),
        label=leaves,
    ), values[leaves]


def takes_nan(tree: Any) -> bool:
    """Whether a decision tree takes a dense table with NaN; in scikit-learn 1.6 its tags do not tell."""
    return bool(tree._support_missing_values(np.empty((0, 0))))


def _leaf_values(values: np.ndarray, class_counts: list[int]) -> np.ndarray:
    """(n_leaves, columns): each output's classes side by side, without the padding up to the most classes."""
    if not class_counts:
        return values[:, :, 0]
    return np.concatenate([values[:, k, :count] for k, count in enumerate(class_counts)], axis=1)


def _labels(source: Any) -> tuple[np.ndarray, ...]:
    if not hasattr(source, "classes_"):
        return ()
    classes = source.classes_ if isinstance(source.classes_, list) else [source.classes_]
    return tuple(class_labels(each) for each in classes)


def _check_member(estimator: Any, source: Any) -> None:
    refuse_overrides(estimator, sklearn_class(known_class(estimator)))
    same = (
        estimator.tree_.n_features == source.n_features_in_
        and estimator.n_outputs_ == source.n_outputs_
        and np.array_equal(getattr(estimator, "n_classes_", 1), getattr(source, "n_classes_", 1))
    )
    if not same:
        raise UnsupportedModelError("a forest with a tree trained on other features, outputs or classes than its own")
