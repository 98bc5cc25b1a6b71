"""XGBoost model documents put together by hand, for tests: any trees, any numbers."""

import struct

import numpy as np


def tree(nodes, n_features):
    """A tree of ``nodes``: ("leaf", value) or ("split", feature, threshold, default_left, left, right), or with a
    list of categories for the threshold; children are indices.
    """
    n = len(nodes)
    record = {
        "base_weights": [0.0] * n,
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": [0] * n,
        "id": 0,
        "left_children": [-1] * n,
        "loss_changes": [0.0] * n,
        "parents": [2147483647] * n,
        "right_children": [-1] * n,
        "split_conditions": [0.0] * n,
        "split_indices": [0] * n,
        "split_type": [0] * n,
        "sum_hessian": [1.0] * n,
        "tree_param": {
            "num_deleted": "0", "num_feature": str(n_features), "num_nodes": str(n), "size_leaf_vector": "1"
        },
    }  # fmt: skip
    for i, node in enumerate(nodes):
        if node[0] == "leaf":
            record["split_conditions"][i] = float(node[1])
            continue
        _, feature, threshold, default_left, left, right = node
        record["split_indices"][i] = feature
        record["default_left"][i] = int(default_left)
        record["left_children"][i], record["right_children"][i] = left, right
        record["parents"][left] = record["parents"][right] = i
        if isinstance(threshold, list):
            record["split_type"][i] = 1
            record["categories_nodes"].append(i)
            record["categories_segments"].append(len(record["categories"]))
            record["categories_sizes"].append(len(threshold))
            record["categories"] += threshold
        else:
            record["split_conditions"][i] = float(threshold)
    return record


def document(trees, n_features, *, objective="reg:squarederror", base_score="[5E-1]", n_classes=0, groups=None):
    """A whole document, in the layout of 3.2, as a dictionary."""
    k = max(1, n_classes)
    groups = [i % k for i in range(len(trees))] if groups is None else groups
    return {
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": {
                "model": {
                    "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
                    "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
                    "iteration_indptr": list(range(0, len(trees) + 1, k)),
                    "tree_info": groups,
                    "trees": [{**t, "id": i} for i, t in enumerate(trees)],
                },
                "name": "gbtree",
            },
            "learner_model_param": {
                "base_score": base_score,
                "boost_from_average": "1",
                "num_class": str(n_classes),
                "num_feature": str(n_features),
                "num_target": "1",
            },
            "objective": {
                "name": objective,
                **PARAMETERS.get(objective, {"reg_loss_param": {"scale_pos_weight": "1"}}),
            },
        },
        "version": [3, 2, 0],
    }


PARAMETERS = {
    "multi:softprob": {"softmax_multiclass_param": {"num_class": "3"}},
    "multi:softmax": {"softmax_multiclass_param": {"num_class": "3"}},
    "reg:tweedie": {"tweedie_regression_param": {"tweedie_variance_power": "1.5"}},
    "count:poisson": {"poisson_regression_param": {"max_delta_step": "0.7"}},
    "reg:pseudohubererror": {"pseudo_huber_param": {"huber_slope": "1"}},
    "survival:aft": {"aft_loss_param": {"aft_loss_distribution": "normal", "aft_loss_distribution_scale": "1"}},
}


# Arrays of one type, by the field that holds them (tree_model.cc SaveModelImpl); others say each item's.
TYPED = {
    **dict.fromkeys(["base_weights", "leaf_weights", "loss_changes", "split_conditions", "sum_hessian"], (b"d", ">f4")),
    **dict.fromkeys(["categories", "categories_nodes", "left_children", "right_children"], (b"l", ">i4")),
    **dict.fromkeys(["parents", "split_indices", "offsets"], (b"l", ">i4")),
    **dict.fromkeys(["categories_segments", "categories_sizes"], (b"L", ">i8")),
    **dict.fromkeys(["default_left", "split_type"], (b"U", ">u1")),
    "values": (b"i", ">i1"),
}


def as_ubjson(value, name=""):
    """A document as xgboost's own writer has it: every length and whole number in eight bytes."""
    if isinstance(value, dict):
        return b"{" + b"".join(_text(key) + as_ubjson(each, key) for key, each in value.items()) + b"}"
    if isinstance(value, list):
        if name in TYPED:
            code, form = TYPED[name]
            return b"[$" + code + b"#L" + struct.pack(">q", len(value)) + np.array(value, form).tobytes()
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(as_ubjson, value))
    if isinstance(value, str):
        return b"S" + _text(value)
    if value is None or isinstance(value, bool):
        return b"Z" if value is None else b"T" if value else b"F"
    return b"d" + struct.pack(">f", value) if isinstance(value, float) else b"L" + struct.pack(">q", value)


def _text(text):
    return b"L" + struct.pack(">q", len(text.encode())) + text.encode()
