"""A forest large enough that its file's pages can be counted, and rows for it."""

import numpy as np
import pytest

from perfcore.answers.sklearn import TreeAnswers
from perfcore.inputs.sklearn import NumericInputs
from perfcore.model import Forest, Model, Tree
from perfcore.model.file import write_model

DEPTH, N_TREES, N_FEATURES = 14, 8, 6


@pytest.fixture(scope="session")
def make_model():
    def make(seed):
        rng = np.random.default_rng(seed)
        n_nodes = 2**DEPTH - 1
        node = np.arange(n_nodes)
        left, right = (np.where(child < n_nodes, child, n_nodes - 1 - child) for child in (2 * node + 1, 2 * node + 2))
        trees = [
            Tree(
                feature=rng.integers(0, N_FEATURES, n_nodes),
                threshold=rng.normal(size=n_nodes),
                left=left,
                right=right,
                flags=np.zeros(n_nodes, np.uint8),
                value=rng.normal(size=n_nodes + 1),
            )
            for _ in range(N_TREES)
        ]
        forest = Forest.from_trees(
            trees, n_features=N_FEATURES, n_outputs=1, precision="float64", dtype="float64", base=0.1
        )
        inputs = NumericInputs(N_FEATURES, None, "RandomForestRegressor", "float64", "anything")
        return Model(forest, inputs, TreeAnswers((), None), "tests")

    return make


@pytest.fixture(scope="session")
def saved(make_model, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("saved") / "model.pcore")
    write_model(make_model(0), path)
    return path


@pytest.fixture(scope="session")
def X():
    return np.random.default_rng(1).normal(size=(3000, N_FEATURES))
