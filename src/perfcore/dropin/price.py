"""When perfcore pays: what it takes to compile, or to look for changes, against what the framework's answers take.

A model that answers one row and is thrown away is not compiled; at worst twice the time of the better choice is spent.
"""

from __future__ import annotations

# Seconds, fitted by eye to six models of 50 to 500 trees on 2 virtual cores: reading and laying out takes 0.2 to 0.4 ms
# a tree and 2 to 3 µs a leaf, the frameworks 15 to 190 ns a tree and row. Only the order of magnitude matters.
COMPILING_A_MODEL = 2e-3
COMPILING_A_TREE = 2e-4
COMPILING_A_LEAF = 2.5e-6
A_TREE_AND_ROW = 50e-9
A_CALL = 2e-5  # no framework answers faster

at_once = False  # compile at the first call, for tests


def repays(spent: float, n_rows: int, n_trees: int, n_leaves: int) -> bool:
    """Whether to compile before a call of so many rows, after so many seconds of the framework's own answers."""
    expected = spent + n_rows * n_trees * A_TREE_AND_ROW
    compiling = COMPILING_A_MODEL + n_trees * COMPILING_A_TREE + n_leaves * COMPILING_A_LEAF
    return at_once or expected >= compiling


def outlasts(checking: float, fastest: tuple[float, int] | None, n_rows: int, n_trees: int) -> bool:
    """Whether the framework would be at a call of so many rows for as long as looking for changes takes.

    ``fastest``: seconds and rows of its fastest answer so far. Of fewer rows it is taken to need the less, until it has
    shown what it needs.
    """
    seconds, of_rows = fastest or (0.0, 1)
    expected = A_CALL + seconds * min(1.0, n_rows / max(of_rows, 1))
    return at_once or checking <= expected + max(0, n_rows - of_rows) * n_trees * A_TREE_AND_ROW
