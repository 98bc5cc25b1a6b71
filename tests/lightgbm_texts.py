"""LightGBM text models made up by hand: forests that no training would grow, but that LightGBM opens."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

BOUND = float(np.float32(1e-35))  # LightGBM's kZeroThreshold
DENORMAL = 5e-324
EDGES = [
    *(0.0, -0.0, DENORMAL, -DENORMAL, 2.2250738585072014e-308, -2.2250738585072014e-308),
    *(BOUND, -BOUND, 1e-35, -1e-35, 1e-36, -1e-36, 1e-34, -1e-34),
    *(np.nextafter(BOUND, 1), np.nextafter(BOUND, 0), np.nextafter(-BOUND, -1), np.nextafter(-BOUND, 0)),
    *(1.0, np.nextafter(1.0, 2), np.nextafter(1.0, 0), -1.0, 0.1, float(np.float32(0.1)), 1e300, -1e300),
    *(1.7976931348623157e308, -1.7976931348623157e308, np.inf, -np.inf, 3.4028234663852886e38, 16777217.0),
]
CODES = [0, 1, 2, 5, 31, 32, 33, 63, 64, 95, 200, 1000]
CODE_CELLS = [
    *(-0.0, -0.5, -0.9999999, -1.0, -1.5, -7.0, 0.5, 0.999, 1.5, 31.999, 32.0, 95.5, 96.0, 1e6),
    *(2.0**31 - 1, 2.0**31, -(2.0**31), -(2.0**31) - 1, 2.0**32, 2.0**32 + 1, 2.0**53, 2.0**63, 1e300, -1e300),
    *(np.inf, -np.inf, np.nan, 1e-40, -1e-40),
]


@dataclass
class Split:
    feature: int
    threshold: float  # of a categorical split: the number of its set
    decision: int  # 1 categorical, 2 default left, missing type << 2
    left: int = 0
    right: int = 0


@dataclass
class TreeText:
    splits: list[Split]
    leaf_value: list[float]
    sets: list[list[int]] = field(default_factory=list)
    linear: list[tuple[float, list[int], list[float]]] | None = None

    def lines(self) -> list[str]:
        s = self.splits
        words = [_words(codes) for codes in self.sets]
        lines = [
            f"num_leaves={len(self.leaf_value)}",
            f"num_cat={len(self.sets)}",
            "split_feature=" + _join(x.feature for x in s),
            "split_gain=" + _join(0 for x in s),
            "threshold=" + _join(x.threshold for x in s),
            "decision_type=" + _join(x.decision for x in s),
            "left_child=" + _join(x.left for x in s),
            "right_child=" + _join(x.right for x in s),
            "leaf_value=" + _join(self.leaf_value),
        ]
        if self.sets:
            lines.append("cat_boundaries=" + _join(np.cumsum([0, *map(len, words)])))
            lines.append("cat_threshold=" + _join(word for each in words for word in each))
        lines.append(f"is_linear={int(self.linear is not None)}")
        if self.linear is not None:
            lines.append("leaf_const=" + _join(c for c, _, _ in self.linear))
            lines.append("num_features=" + _join(len(f) for _, f, _ in self.linear))
            lines.append("leaf_features=" + " ".join(_join(f) + " " if f else "" for _, f, _ in self.linear))
            lines.append("leaf_coeff=" + " ".join(_join(w) + " " if w else "" for _, _, w in self.linear))
        return [*lines, "shrinkage=1"]


def model_text(
    trees: list[TreeText],
    n_features: int,
    objective: str = "regression",
    n_outputs: int = 1,
    averages: bool = False,
    version: str = "v4",
) -> str:
    parts = [f"Tree={i}\n" + "\n".join(tree.lines()) + "\n\n\n" for i, tree in enumerate(trees)]
    header = [
        "tree",
        f"version={version}",
        f"num_class={n_outputs}",
        f"num_tree_per_iteration={n_outputs}",
        "label_index=0",
        f"max_feature_idx={n_features - 1}",
        *([f"objective={objective}"] if objective else []),
        *(["average_output"] if averages else []),
        "feature_names=" + _join(f"Column_{i}" for i in range(n_features)),
        "feature_infos=" + _join("none" for _ in range(n_features)),
        "tree_sizes=" + _join(len(part) for part in parts),
    ]
    return (
        "\n".join(header)
        + "\n\n"
        + "".join(parts)
        + "end of trees\n\nfeature_importances:\n\npandas_categorical:null\n"
    )


def _join(items) -> str:
    return " ".join(f"{x:.17g}" if isinstance(x, float) else str(x) for x in items)


def _words(codes: list[int]) -> list[int]:
    words = [0] * (max(codes) // 32 + 1 if codes else 0)
    for code in codes:
        words[code // 32] |= 1 << code % 32
    return words


# -- strategies -----------------------------------------------------------------------------------------


def grow(rng: np.random.Generator, n_leaves: int, shape: str, n_features: int, categorical: bool, linear: bool):
    """A tree that splits leaves one by one, as LightGBM numbers them."""
    splits: list[Split] = []
    sets: list[list[int]] = []
    parent: dict[int, tuple[Split, str]] = {}
    for leaves in range(1, n_leaves):
        leaf = {"chain": leaves - 1, "left": 0, "level": (leaves - 1) % max(1, leaves // 2 + 1)}.get(shape)
        leaf = int(rng.integers(leaves)) if leaf is None else leaf
        split = Split(
            int(rng.integers(n_features)), _threshold(rng), int(rng.integers(4)) << 2 | int(rng.integers(2)) << 1
        )
        if categorical and split.feature % 2:
            split.threshold, split.decision = float(len(sets)), split.decision | 1
            sets.append(sorted(rng.choice(CODES, rng.integers(0, 6), replace=False).tolist()))
        if leaf in parent:
            setattr(*parent[leaf], len(splits))
        split.left, split.right = ~leaf, ~leaves
        splits.append(split)
        parent[leaf], parent[leaves] = (split, "left"), (split, "right")
    values = (rng.normal(size=n_leaves) * 10.0 ** rng.integers(-8, 8, n_leaves)).tolist()
    models = None
    if linear:
        models = []
        for _ in range(n_leaves):
            features = rng.choice(n_features, rng.integers(0, min(3, n_features) + 1), replace=False).tolist()
            models.append((float(rng.normal()), features, rng.normal(size=len(features)).tolist()))
    return TreeText(splits, values, sets, models)


def _threshold(rng: np.random.Generator) -> float:
    return float(rng.choice(EDGES)) if rng.random() < 0.6 else float(np.round(rng.normal(), rng.integers(0, 17)))


@st.composite
def forests(draw, sizes=(1, 2, 3, 4, 9, 31, 64, 65, 130), most_trees=12, may_be_linear=True):
    """(text, rows): rows in float64, on and around every threshold."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_features = draw(st.integers(1, 6))
    n_outputs = draw(st.sampled_from([1, 1, 1, 2, 3]))
    categorical, is_linear = draw(st.booleans()), may_be_linear and draw(st.booleans())
    trees = [
        grow(
            rng,
            draw(st.sampled_from(sizes)),
            draw(st.sampled_from(["chain", "left", "level", "random"])),
            n_features,
            categorical,
            is_linear and rng.random() < 0.7,
        )
        for _ in range(draw(st.integers(1, most_trees)) * n_outputs)
    ]
    objective = f"multiclass num_class:{n_outputs}" if n_outputs > 1 else draw(st.sampled_from(["", "regression"]))
    text = model_text(trees, n_features, objective, n_outputs, draw(st.booleans()), draw(st.sampled_from(["v3", "v4"])))
    return text, rows_around(rng, trees, n_features, draw(st.sampled_from([1, 7, 64, 513, 1500])))


def rows_around(rng: np.random.Generator, trees: list[TreeText], n_features: int, n: int) -> np.ndarray:
    thresholds = [[] for _ in range(n_features)]
    for tree in trees:
        for split in tree.splits:
            if not split.decision & 1:
                thresholds[split.feature].append(split.threshold)
    columns = []
    for own in thresholds:
        own = np.array(own[:300] or [0.0])
        with np.errstate(over="ignore"):
            pool = np.concatenate(
                [own, np.nextafter(own, np.inf), np.nextafter(own, -np.inf), EDGES, CODES, CODE_CELLS, [np.nan] * 20]
            )
        columns.append(np.where(rng.random(n) < 0.8, rng.choice(pool, n), rng.normal(size=n)))
    return np.stack(columns, axis=1)
