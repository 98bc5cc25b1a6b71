"""When compiling pays: once the framework's answers have taken as long as compiling would.

A model that answers one row and is thrown away is not compiled; at worst twice the time of the better choice is spent.
"""

from __future__ import annotations

# Measured on models of 50 to 500 trees: reading and laying out a leaf, and what a framework takes a row and tree.
COMPILING_A_MODEL = 2e-3  # seconds
COMPILING_A_LEAF = 5e-6
A_TREE_AND_ROW = 40e-9

at_once = False  # compile at the first call, for tests


def repays(spent: float, n_rows: int, n_trees: int, n_leaves: int) -> bool:
    """Whether to compile before a call of so many rows, after so many seconds of the framework's own answers."""
    expected = spent + n_rows * n_trees * A_TREE_AND_ROW
    return at_once or expected >= COMPILING_A_MODEL + n_leaves * COMPILING_A_LEAF
