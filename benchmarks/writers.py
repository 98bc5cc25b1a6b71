"""Generated trees in each framework's own format: what training would have saved, but for who chose the splits.

LightGBM gets its text. XGBoost and scikit-learn get a model that they trained on a handful of rows, with its trees
replaced: all that is not a tree is then the framework's own, whatever its version.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .generator import Tree


def lightgbm(trees: list[Tree], n_features: int, missing: bool, folder: Path) -> None:
    parts = [f"Tree={i}\n" + _lightgbm_tree(tree, missing) for i, tree in enumerate(trees)]
    header = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={n_features - 1}",
        "objective=binary sigmoid:1",
        "feature_names=" + " ".join(f"Column_{i}" for i in range(n_features)),
        "feature_infos=" + " ".join(["[-1e30:1e30]"] * n_features),
        "tree_sizes=" + " ".join(str(len(part)) for part in parts),
    ]
    text = "\n".join(header) + "\n\n" + "".join(parts) + "end of trees\n\nfeature_importances:\n\n"
    (folder / "model.txt").write_text(text + "pandas_categorical:null\n", encoding="ascii")


def _lightgbm_tree(tree: Tree, missing: bool) -> str:
    # decision_type: 2 default left, 8 missing values are NaN; without missing values training leaves 2.
    decision = np.where(tree.missing_left, 2, 0) | 8 if missing else np.full(len(tree.feature), 2)
    arrays = {
        "split_feature": tree.feature,
        "split_gain": np.ones(len(tree.feature), int),
        "threshold": tree.threshold,
        "decision_type": decision,
        "left_child": tree.left,
        "right_child": tree.right,
        "leaf_value": tree.value,
    }
    lines = [f"num_leaves={len(tree.value)}", "num_cat=0"]
    lines += [f"{name}={' '.join(map(repr, array.tolist()))}" for name, array in arrays.items()]
    return "\n".join([*lines, "is_linear=0", "shrinkage=1"]) + "\n\n\n"


def xgboost(trees: list[Tree], n_features: int, missing: bool, folder: Path) -> None:
    import xgboost as xgb

    X, y = _handful(n_features)
    trained = xgb.train({"objective": "binary:logistic", "max_depth": 1}, xgb.DMatrix(X, y), num_boost_round=1)
    document = json.loads(trained.save_raw("json"))
    model = document["learner"]["gradient_booster"]["model"]
    model["trees"] = [_xgboost_tree(tree, i, n_features, missing) for i, tree in enumerate(trees)]
    model["tree_info"] = [0] * len(trees)
    model["iteration_indptr"] = list(range(len(trees) + 1))
    model["gbtree_model_param"]["num_trees"] = str(len(trees))
    booster = xgb.Booster(model_file=bytearray(json.dumps(document).encode()))
    booster.save_model(str(folder / "model.ubj"))


def _xgboost_tree(tree: Tree, number: int, n_features: int, missing: bool) -> dict:
    n = len(tree.feature) + len(tree.value)
    place, leaf_place = _in_pairs(tree)
    left, right = np.full(n, -1), np.full(n, -1)
    parents, feature, condition = np.full(n, 2**31 - 1), np.zeros(n, int), np.zeros(n)
    left[place], right[place] = 1 + 2 * np.arange(len(place)), 2 + 2 * np.arange(len(place))
    parents[left[place]] = parents[right[place]] = place
    feature[place], condition[place] = tree.feature, tree.threshold
    condition[leaf_place] = tree.value
    default_left = np.zeros(n, int)
    default_left[place] = tree.missing_left if missing else 0
    none = [0.0] * n
    return {
        "base_weights": none,
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": default_left.tolist(),
        "id": number,
        "left_children": left.tolist(),
        "loss_changes": none,
        "parents": parents.tolist(),
        "right_children": right.tolist(),
        "split_conditions": condition.tolist(),
        "split_indices": feature.tolist(),
        "split_type": [0] * n,
        "sum_hessian": [1.0] * n,
        "tree_param": {
            "num_deleted": "0", "num_feature": str(n_features), "num_nodes": str(n), "size_leaf_vector": "1"
        },
    }  # fmt: skip


def forest(trees: list[Tree], n_features: int, missing: bool, folder: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(n_estimators=1, random_state=0).fit(*_handful(n_features))
    model.set_params(n_estimators=len(trees))
    first = model.estimators_[0]
    model.estimators_ = []
    for tree in trees:
        share = np.clip(0.5 + 2 * tree.value, 0.01, 0.99)
        values = np.stack([1 - share, share], axis=1)[:, None, :]
        model.estimators_.append(_with_tree(first, tree, values, n_features, [2], missing))
    _dump(model, folder)


def boosting(trees: list[Tree], n_features: int, missing: bool, folder: Path) -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(n_estimators=1, random_state=0).fit(*_handful(n_features))
    model.set_params(n_estimators=len(trees))
    first = model.estimators_[0, 0]
    model.estimators_ = np.array(
        [[_with_tree(first, tree, tree.value[:, None, None], n_features, [1], False)] for tree in trees], dtype=object
    )
    model.n_estimators_ = len(trees)
    _dump(model, folder)


def _with_tree(estimator, tree: Tree, values: np.ndarray, n_features: int, n_classes: list[int], missing: bool):
    """A copy of a fitted decision tree that holds another tree, numbered depth first as scikit-learn does."""
    from sklearn.tree._tree import Tree as Grown

    place, leaf_place, left, right, depth = _depth_first(tree)
    n = len(left)
    nodes = np.zeros(n, estimator.tree_.__getstate__()["nodes"].dtype)
    nodes["left_child"], nodes["right_child"] = left, right
    nodes["feature"], nodes["threshold"] = -2, -2.0
    nodes["feature"][place], nodes["threshold"][place] = tree.feature, tree.threshold
    nodes["n_node_samples"] = nodes["weighted_n_node_samples"] = 1
    if missing:
        nodes["missing_go_to_left"][place] = tree.missing_left
    all_values = np.zeros((n, *values.shape[1:]))
    all_values[leaf_place] = values
    grown = Grown(n_features, np.array(n_classes, np.intp), 1)
    grown.__setstate__({"max_depth": int(depth.max()), "node_count": n, "nodes": nodes, "values": all_values})
    estimator = copy.copy(estimator)
    estimator.tree_ = grown
    return estimator


def histogram_boosting(trees: list[Tree], n_features: int, missing: bool, folder: Path) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=1, early_stopping=False, min_samples_leaf=1)
    model.fit(*_handful(n_features))
    model.set_params(max_iter=len(trees))
    first = model._predictors[0][0]
    model._predictors = [[_predictor(first, tree, missing)] for tree in trees]
    _dump(model, folder)


def _predictor(first, tree: Tree, missing: bool):
    place, leaf_place, left, right, depth = _depth_first(tree)
    nodes = np.zeros(len(left), first.nodes.dtype)
    nodes["left"][place], nodes["right"][place] = left[place], right[place]
    nodes["feature_idx"][place], nodes["num_threshold"][place] = tree.feature, tree.threshold
    nodes["missing_go_to_left"][place] = tree.missing_left if missing else 0
    nodes["value"][leaf_place] = tree.value
    nodes["is_leaf"][leaf_place] = 1
    nodes["depth"] = depth
    predictor = copy.copy(first)
    predictor.nodes = nodes
    return predictor


WRITERS: dict[str, tuple[str, Callable[[list[Tree], int, bool, Path], None]]] = {
    "lgb": ("lightgbm", lightgbm),
    "xgb": ("xgboost", xgboost),
    "hgb": ("sklearn", histogram_boosting),
    "gb": ("sklearn", boosting),
    "rf": ("sklearn", forest),
}


def _handful(n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows enough to train on, of two classes."""
    y = np.arange(40) % 2
    return np.random.default_rng(0).normal(size=(40, n_features)).astype(np.float32) + y[:, None], y


def _dump(model, folder: Path) -> None:
    import joblib

    joblib.dump(model, folder / "model.joblib")


def _in_pairs(tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    """Places of nodes and of leaves where each node, level by level, puts its children side by side: XGBoost's."""
    place, leaf_place = np.zeros(len(tree.feature), int), np.zeros(len(tree.value), int)
    for side, child in enumerate((tree.left, tree.right)):
        at = 1 + side + 2 * np.arange(len(child))
        place[child[child >= 0]] = at[child >= 0]
        leaf_place[~child[child < 0]] = at[child < 0]
    return place, leaf_place


def _depth_first(tree: Tree) -> tuple[np.ndarray, ...]:
    """Places of nodes and of leaves in depth-first order, left before right; and by place the children and depth."""
    left, right = tree.left.tolist(), tree.right.tolist()
    size = [0] * len(left)  # of the subtree, leaves included
    for node in range(len(left) - 1, -1, -1):
        size[node] = 1 + sum(size[child] if child >= 0 else 1 for child in (left[node], right[node]))
    place, leaf_place = [0] * len(left), [0] * len(tree.value)
    children = np.full((2, 2 * len(left) + 1), -1)
    depth = np.zeros(2 * len(left) + 1, int)
    for node, at in enumerate(place):
        next_to = at + 1 + (size[left[node]] if left[node] >= 0 else 1)
        for side, child, to in ((0, left[node], at + 1), (1, right[node], next_to)):
            children[side, at], depth[to] = to, depth[at] + 1
            if child >= 0:
                place[child] = to
            else:
                leaf_place[~child] = to
    return np.array(place), np.array(leaf_place), children[0], children[1], depth
