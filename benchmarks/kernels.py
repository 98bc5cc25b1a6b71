"""perfcore's kernels against each other on one forest, in one process, in turn: whether the cost model chose well."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from math import ceil
from statistics import median
from time import perf_counter_ns

import numpy as np

from .cells import Cell

MOST_PAIRS = 3_000_000  # rows x trees of a timed call; more change nothing but the time it takes
LEAST_ROWS = 2_048


@dataclass(frozen=True)
class Choice:
    """What the cost model chose, and what each kernel costs: nanoseconds a call, medians."""

    chosen: str
    rows: int
    ns: dict[str, float]

    @property
    def best(self) -> str:
        return min(self.ns, key=self.ns.__getitem__)

    @property
    def regret(self) -> float:
        """Time of the kernel that was chosen over that of the best one."""
        return self.ns[self.chosen] / self.ns[self.best]


class Kernels:
    """Every kernel that takes a cell's forest, forced, and the one that "auto" is."""

    def __init__(self, cell: Cell, isa: str):
        from perfcore._ext.forest import KERNELS, ForestKernel

        self.forest = forest_of(cell)
        self.auto = ForestKernel(self.forest, "auto", isa)
        self.seconds: dict[str, float] = {}  # that each took to be made ready
        self.forced = {}
        for name in KERNELS:
            if name in ("auto", "walk"):
                continue
            begin = perf_counter_ns()
            kernel = ForestKernel(self.forest, name, isa)
            if kernel.kernel == name:
                self.forced[name] = kernel
                self.seconds[name] = (perf_counter_ns() - begin) / 1e9

    def choose(self, X: np.ndarray, rows: int, rounds: int = 5, summary=median) -> Choice:
        """Calls of ``rows`` rows; where these are very many, of as many as show what a row costs."""
        timed = min(rows, max(LEAST_ROWS, MOST_PAIRS // self.forest.n_trees), len(X))
        n_calls = max(1, min(100, 1_000 // timed, len(X) // timed))
        parts = [X[i * timed : (i + 1) * timed] for i in range(n_calls)]
        return Choice(self.auto.kernel_for(rows), timed, in_turn(self.forced, parts, rounds, summary))

    def unequal(self, X: np.ndarray) -> list[str]:
        """Kernels that do not give the bits that the chosen one gives."""
        expected = self.auto.predict(X).tobytes()
        return [name for name, kernel in self.forced.items() if kernel.predict(X).tobytes() != expected]


def in_turn(kernels: dict, parts: list[np.ndarray], rounds: int, summary=median) -> dict[str, float]:
    """Nanoseconds a call by kernel: a summary of the rounds, each of 5 ms at least."""
    repeats = {}
    for name, kernel in kernels.items():
        once = min(_once(kernel, parts) for _ in range(2))
        repeats[name] = ceil(5e6 / max(1, once))
    ns: dict[str, list[float]] = {name: [] for name in kernels}
    order = list(kernels)
    gc.disable()
    for _ in range(rounds):
        for name in order:
            spent = sum(_once(kernels[name], parts) for _ in range(repeats[name]))
            ns[name].append(spent / repeats[name] / len(parts))
        order.reverse()
    gc.enable()
    return {name: summary(each) for name, each in ns.items()}


def _once(kernel, parts: list[np.ndarray]) -> int:
    predict = kernel.predict
    begin = perf_counter_ns()
    for part in parts:
        predict(part)
    return perf_counter_ns() - begin


def forest_of(cell: Cell):
    """The canonical forest that perfcore reads from the cell's model."""
    import perfcore

    path = cell.path()
    if cell.framework == "sklearn":
        import joblib

        return perfcore.compile(joblib.load(path))._model.body
    return perfcore.compile(path)._model.body


def shape_of(forest) -> dict[str, float]:
    """What a cost model may ask of a forest."""
    depth = np.zeros(len(forest.feature), int)
    leaf_depth = np.zeros(forest.n_leaves, int)
    level, at = forest.root[forest.root >= 0], 0
    while len(level):
        depth[level] = at
        at += 1
        below = np.concatenate([forest.left[level], forest.right[level]])
        leaf_depth[~below[below < 0]] = at
        level = below[below >= 0]
    questions = np.unique(np.stack([forest.feature, forest.threshold, forest.flags]), axis=1)
    thresholds = np.unique(questions[:2], axis=1)[0].astype(int)  # the feature of each
    return {
        "trees": forest.n_trees,
        "features": forest.n_features,
        "outputs": forest.n_outputs,
        "leaf_width": forest.value.shape[1],
        "leaf_bytes": forest.value.dtype.itemsize,
        "rounds_to_float": int(forest.precision == "float32"),
        "nodes": len(forest.feature),
        "leaves": forest.n_leaves,
        "leaves_max": int(np.diff(forest.leaf_start).max()),
        "depth_mean": float(leaf_depth.mean()),
        "depth_max": int(leaf_depth.max()),
        "thresholds": len(thresholds),
        "thresholds_max": int(np.bincount(thresholds).max()),
        "used_features": len(np.unique(forest.feature)),
        "masks": questions.shape[1],
    }
