"""The canonical forest: whatever framework trained it, the same questions and the same sum.

One node asks one question of one cell ``x`` of a row::

    numeric       x <= threshold             (threshold NaN: never)
    categorical   trunc(x) in set            set: the codes that go left

and a flag byte says where the cells go that the question does not cover::

    NAN_LEFT      x is NaN: go left, else right
    ZERO_MISSING  |x| <= zero_bound counts as NaN           (LightGBM's zero_as_missing; numeric questions only)
    CATEGORICAL   the question is about a category set
    OTHER_LEFT    a category outside the set's range goes left (negative or too large)

Every framework's rules are turned into these by its reader, exactly: ``x < t`` in float32 becomes
``x <= the float before t``. Before it is compared, a cell is rounded to ``precision``.

Layout (N nodes, L leaves, T trees, S category sets; trees lie end to end)::

    node      feature[N] threshold[N] left[N] right[N] flags[N] category[N]
                                       |        |                  `-> set_start[S+1] -> set_words[...]
                                       `--------`-> >= 0: a node of the same tree, further down
                                                    <  0: ~leaf
    tree      root[T] (a node or ~leaf)   leaf_start[T+1]   output[T]
    leaf      value[L, D]  label[L]                         D = 1, or n_outputs where leaves are vectors

The answer of a row is ``base + value(tree 0) + value(tree 1) + ...``, added in tree order in the
dtype of ``value``; tree t adds to column ``output[t]``, or to all columns where it is -1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from ..errors import ModelFormatError

NAN_LEFT, ZERO_MISSING, CATEGORICAL, OTHER_LEFT = 1, 2, 4, 8

NO_FEATURES = np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class LinearLeaves:
    """LightGBM's linear leaves: ``constant + sum(coefficient * cell)``, added in order in double.

    Leaf l uses the entries ``start[l]:start[l + 1]``; where one of its cells is NaN (infinite counts
    as a number) the leaf's plain ``value`` is the answer.
    """

    constant: np.ndarray  # float64[L]
    start: np.ndarray  # int32[L + 1]
    feature: np.ndarray  # int32[...]
    coefficient: np.ndarray  # float64[...]
    applies: np.ndarray  # uint8[L]: 0 for leaves of trees that are not linear

    def __post_init__(self) -> None:
        _hold(self, _LINEAR_DTYPES)


@dataclass(eq=False)
class Tree:
    """One tree as a reader hands it over; nodes and leaves are numbered from 0.

    ``left``/``right``: a node number, or ``~leaf``. A tree without nodes has one leaf.
    ``sets``: for node i, ``sets[i]`` is a uint32 bitset (bit c of word c // 32) of the codes that go left.
    ``linear``: for leaf l, ``linear[l]`` is ``(constant, features, coefficients)``.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    flags: np.ndarray
    value: np.ndarray  # (n_leaves,) or (n_leaves, n_outputs)
    label: np.ndarray | None = None  # default: 0..n_leaves-1
    output: int = 0
    sets: dict[int, np.ndarray] = field(default_factory=dict)
    linear: list[tuple[float, np.ndarray, np.ndarray]] | None = None


@dataclass(frozen=True, eq=False)
class Forest:
    """A sum of decision trees; see the module's drawing for the arrays."""

    n_features: int
    n_outputs: int
    precision: str  # "float32" or "float64": what a cell is rounded to before it is compared
    feature: np.ndarray  # int32[N]
    threshold: np.ndarray  # float64[N]
    left: np.ndarray  # int32[N]
    right: np.ndarray  # int32[N]
    flags: np.ndarray  # uint8[N]
    category: np.ndarray  # int32[N], -1 where the node is numeric
    set_start: np.ndarray  # int64[S + 1], in words
    set_words: np.ndarray  # uint32[...]
    root: np.ndarray  # int32[T]
    leaf_start: np.ndarray  # int32[T + 1]
    output: np.ndarray  # int32[T]
    value: np.ndarray  # float32 or float64 [L, D]
    label: np.ndarray  # int32[L]
    base: np.ndarray  # [n_outputs], dtype of value
    linear: LinearLeaves | None = None
    zero_bound: float = 0.0
    missing: float = float("nan")  # a further value that counts as NaN (XGBoost's ``missing=``)
    truncates_negative: bool = True  # whether a category in (-1, 0) is code 0 (LightGBM) or "other" (XGBoost)

    def __post_init__(self) -> None:
        _hold(self, _DTYPES)
        dtype = np.asarray(self.value).dtype
        _require(dtype in (np.float32, np.float64), f"leaf dtype {dtype}, allowed: float32, float64")
        _hold(self, {"value": dtype, "base": dtype})
        _check(self)

    @property
    def n_trees(self) -> int:
        return len(self.root)

    @property
    def n_leaves(self) -> int:
        return len(self.value)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        arrays = [*vars(self).values(), *(vars(self.linear).values() if self.linear else ())]
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

    @property
    def depth(self) -> int:
        """Edges on the longest way from a root to a leaf."""
        depth, level = 0, self.root[self.root >= 0]
        while len(level):
            depth += 1
            level = np.concatenate([self.left[level], self.right[level]])
            level = level[level >= 0]
        return depth

    @classmethod
    def from_trees(
        cls,
        trees: Sequence[Tree],
        *,
        n_features: int,
        n_outputs: int,
        precision: str,
        dtype: str,
        base: np.ndarray | float = 0.0,
        **rest,
    ) -> Forest:
        """Lay trees end to end.

        Parameters
        ----------
        trees : the trees in the order in which the source adds them
        dtype : "float32" or "float64", in which the source adds
        base : what the sum starts from, one number or ``n_outputs`` of them
        """
        node_count = np.array([len(t.feature) for t in trees], np.int64)
        leaf_count = np.array([len(t.value) for t in trees], np.int64)
        node_start = np.concatenate([[0], np.cumsum(node_count)])
        leaf_start = np.concatenate([[0], np.cumsum(leaf_count)])
        set_of_node: list[np.ndarray] = []
        sets: list[np.ndarray] = []
        for t in trees:
            category = np.full(len(t.feature), -1, np.int32)
            for node, words in t.sets.items():
                category[node] = len(sets)
                sets.append(np.asarray(words, np.uint32))
            set_of_node.append(category)

        def joined(parts, dtype):
            parts = list(parts)
            return np.concatenate(parts).astype(dtype, copy=False) if parts else np.empty(0, dtype)

        def moved(child, t):
            child = np.asarray(child, np.int64)
            return np.where(child >= 0, child + node_start[t], child - leaf_start[t])

        values = [np.asarray(t.value, dtype).reshape(len(t.value), -1) for t in trees]
        return cls(
            n_features=n_features,
            n_outputs=n_outputs,
            precision=precision,
            feature=joined((t.feature for t in trees), np.int32),
            threshold=joined((t.threshold for t in trees), np.float64),
            left=joined((moved(t.left, i) for i, t in enumerate(trees)), np.int32),
            right=joined((moved(t.right, i) for i, t in enumerate(trees)), np.int32),
            flags=joined((t.flags for t in trees), np.uint8),
            category=joined(set_of_node, np.int32),
            set_start=np.concatenate([[0], np.cumsum([len(s) for s in sets])]).astype(np.int64),
            set_words=joined(sets, np.uint32),
            root=np.where(node_count > 0, node_start[:-1], ~leaf_start[:-1]).astype(np.int32),
            leaf_start=leaf_start.astype(np.int32),
            output=np.array([t.output for t in trees], np.int32),
            value=np.concatenate(values) if values else np.empty((0, 1), dtype),
            label=joined((np.arange(len(t.value)) if t.label is None else t.label for t in trees), np.int32),
            base=np.broadcast_to(np.asarray(base, dtype), (n_outputs,)),
            linear=_linear_leaves(trees),
            **rest,
        )


_DTYPES = {
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
    "flags": np.uint8,
    "category": np.int32,
    "set_start": np.int64,
    "set_words": np.uint32,
    "root": np.int32,
    "leaf_start": np.int32,
    "output": np.int32,
    "label": np.int32,
}


_LINEAR_DTYPES = {
    "constant": np.float64,
    "start": np.int32,
    "feature": np.int32,
    "coefficient": np.float64,
    "applies": np.uint8,
}


def _require(condition: object, what: str) -> None:
    if not condition:
        raise ModelFormatError(f"forest: {what}")


def _hold(owner: Forest | LinearLeaves, dtypes: Mapping[str, DTypeLike]) -> None:
    """Make arrays what a kernel reads through a pointer: of this dtype, C-contiguous, aligned, read-only."""
    for name, dtype in dtypes.items():
        given = np.asarray(getattr(owner, name))
        _require(
            given.dtype.kind in "biuf" and given.ndim,
            f"{name} must be an array of {np.dtype(dtype)}, got {given.dtype}",
        )
        with np.errstate(all="ignore"):
            held = np.require(given, dtype, ["C_CONTIGUOUS", "ALIGNED"])
        if held.dtype != given.dtype:
            same = (held == given) | ((held != held) & (given != given))
            _require(same.all(), f"{name} holds {given.dtype} cells that {np.dtype(dtype)} cannot")
        held = held.view(np.ndarray)
        held.flags.writeable = False
        object.__setattr__(owner, name, held)


def _linear_leaves(trees: Sequence[Tree]) -> LinearLeaves | None:
    if not any(t.linear is not None for t in trees):
        return None
    constant, length, applies = [], [], []
    feature, coefficient = [NO_FEATURES], [np.empty(0)]
    for t in trees:
        for leaf in range(len(t.value)):
            c, f, w = t.linear[leaf] if t.linear is not None else (0.0, NO_FEATURES, np.empty(0))
            constant.append(c)
            length.append(len(f))
            feature.append(np.asarray(f))
            coefficient.append(np.asarray(w))
            applies.append(t.linear is not None)
    return LinearLeaves(
        constant=np.array(constant, np.float64),
        start=np.concatenate([[0], np.cumsum(length)]).astype(np.int32),
        feature=np.concatenate(feature).astype(np.int32),
        coefficient=np.concatenate(coefficient).astype(np.float64),
        applies=np.array(applies, np.uint8),
    )


def _check(f: Forest) -> None:
    """Refuse arrays that would lead a kernel astray, whatever file they came from."""
    n, n_leaves, n_trees, n_sets = len(f.feature), len(f.value), len(f.root), len(f.set_start) - 1
    _check_scalars(f)
    for name in ("feature", "set_start", "set_words", "root"):
        _require(getattr(f, name).ndim == 1, f"{name} must have one dimension")
    _require(f.value.ndim == 2 and f.value.shape[1] in (1, f.n_outputs), "leaf values of the wrong shape")
    _require(f.base.shape == (f.n_outputs,), "base needs one number an output")
    for name in ("threshold", "left", "right", "flags", "category"):
        _require(getattr(f, name).shape == (n,), f"{name} needs one entry a node ({n})")
    _require(f.label.shape == (n_leaves,), f"label needs one entry a leaf ({n_leaves})")
    _require(f.output.shape == (n_trees,), f"output needs one entry a tree ({n_trees})")
    _require(f.leaf_start.shape == (n_trees + 1,), "leaf_start needs one entry a tree and one more")
    _require_offsets("set_start", f.set_start, len(f.set_words))
    _require_offsets("leaf_start", f.leaf_start, n_leaves)
    _require((f.leaf_start[1:] > f.leaf_start[:-1]).all(), "a tree without a leaf")
    _require(((f.feature >= 0) & (f.feature < f.n_features)).all(), "a node asks for a feature out of range")
    categorical = (f.flags & CATEGORICAL) != 0
    _require((f.flags < 16).all(), "unknown flag bits")
    _require(((f.category >= 0) == categorical).all(), "category sets and flags disagree")
    _require(not (categorical & ((f.flags & ZERO_MISSING) != 0)).any(), "a category node with zero as missing")
    _require((f.category < n_sets).all(), "a category set out of range")
    if f.value.shape[1] == 1:
        _require(((f.output >= 0) & (f.output < f.n_outputs)).all(), "a tree's output column out of range")
    else:
        _require((f.output == -1).all(), "vector leaves answer all columns: output must be -1")
    _check_links(f)
    if f.linear is not None:
        _check_linear(f, f.linear)


def _check_scalars(f: Forest) -> None:
    for name, least in (("n_features", 0), ("n_outputs", 1)):
        number = getattr(f, name)
        _require(
            isinstance(number, int | np.integer) and least <= number < 2**31,
            f"{name} must be a whole number from {least} below 2**31, got {number!r}",
        )
    for name in ("zero_bound", "missing"):
        number = getattr(f, name)
        _require(isinstance(number, int | float | np.integer | np.floating), f"{name} must be a number, got {number!r}")
    _require(
        isinstance(f.truncates_negative, bool | np.bool_),
        f"truncates_negative must be True or False, got {f.truncates_negative!r}",
    )
    _require(f.precision in ("float32", "float64"), f"precision {f.precision!r}, allowed: float32, float64")
    _require(f.linear is None or isinstance(f.linear, LinearLeaves), "linear must be LinearLeaves or None")


def _require_offsets(name: str, offsets: np.ndarray, end: int) -> None:
    """Offsets run from 0 to ``end`` and never back; compared, not subtracted: a difference could wrap."""
    _require(offsets.ndim == 1 and len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == end, f"{name} out of range")
    _require((offsets[1:] >= offsets[:-1]).all(), f"{name} descends")


def _check_links(f: Forest) -> None:
    """Each node and leaf is reached exactly once, parents first: no cycles, no sharing."""
    n, n_leaves = len(f.feature), len(f.value)
    children = np.concatenate([f.left, f.right, f.root]).astype(np.int64)
    nodes, leaves = children[children >= 0], ~children[children < 0]
    _require(_each_once(nodes, n), "a node is reached never, or twice")
    _require(_each_once(leaves, n_leaves), "a leaf is reached never, or twice")
    own = np.arange(n)
    for side in (f.left, f.right):
        _require(((side < 0) | (side > own)).all(), "a child comes before its parent")
    # Nodes of tree t lie between its root and the next tree's; leaves inside leaf_start.
    tree_of_leaf = np.repeat(np.arange(len(f.root)), np.diff(f.leaf_start))
    rooted = f.root >= 0
    starts = f.root[rooted].astype(np.int64)
    _require((starts[1:] > starts[:-1]).all() and (n == 0 or (len(starts) and starts[0] == 0)), "roots out of order")
    if n:
        tree_of_node = np.flatnonzero(rooted)[np.searchsorted(starts, own, side="right") - 1]
        for side in (f.left.astype(np.int64), f.right.astype(np.int64)):
            tree = np.where(side >= 0, tree_of_node[np.maximum(side, 0)], tree_of_leaf[np.maximum(~side, 0)])
            _require((tree == tree_of_node).all(), "a child in another tree")
    alone = ~f.root[~rooted].astype(np.int64)
    _require((tree_of_leaf[alone] == np.flatnonzero(~rooted)).all(), "a root in another tree")


def _each_once(numbers: np.ndarray, count: int) -> bool:
    return len(numbers) == count and bool((np.sort(numbers) == np.arange(count)).all())


def _check_linear(f: Forest, linear: LinearLeaves) -> None:
    n_leaves = len(f.value)
    _require(f.value.dtype == np.float64 and f.value.shape[1] == 1, "linear leaves need scalar float64 values")
    _require(linear.constant.shape == linear.applies.shape == (n_leaves,), "linear: one entry a leaf")
    _require(linear.feature.shape == linear.coefficient.shape == (len(linear.feature),), "linear: lengths disagree")
    _require(linear.start.shape == (n_leaves + 1,), "linear: start needs one entry a leaf and one more")
    _require_offsets("linear: start", linear.start, len(linear.feature))
    _require(((linear.feature >= 0) & (linear.feature < f.n_features)).all(), "linear: a feature out of range")
