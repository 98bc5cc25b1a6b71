"""scikit-learn: models are Python objects that anyone may edit, so their state is their content."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from inspect import unwrap
from operator import is_
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ...predictor import Predictor, compile
from ...readers.sklearn import READERS
from ..call import Call, Passed, arguments
from . import Method

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "apply")

# Tables of other libraries may be answered in kind (array API dispatch).
TABLES = frozenset({"builtins", "numpy", "pandas", "polars", "pyarrow", "scipy"})


class ScikitLearn:
    name = "sklearn"
    inner = ""
    shared = ""
    makers: tuple[str, ...] = ()
    hands_out: tuple[str, ...] = ()
    modules = tuple(dict.fromkeys(name.rpartition(".")[0] for name in READERS))

    def methods(self, module: ModuleType) -> Iterator[Method]:
        for path in READERS:
            home, _, name = path.rpartition(".")
            kind = getattr(module, name, None) if home == module.__name__ else None
            if isinstance(kind, type):
                yield from self.methods_of(kind)

    def methods_of(self, kind: type) -> Iterator[Method]:
        for method in METHODS:
            owner = next((base for base in kind.__mro__ if method in vars(base)), None)
            if owner is not None and owner.__module__.startswith("sklearn."):
                yield Method(owner, method, _serving(owner, method))

    def changers(self, module: ModuleType) -> Iterator[tuple[type, str]]:
        return iter(())

    def changers_of(self, kind: type) -> tuple[str, ...]:
        return ()

    def mirrors(self, kind: type) -> bool:
        homes = (path.rpartition(".")[0] for path in READERS if path.endswith("." + kind.__name__))
        homes = (home for home in homes if kind.__module__.startswith(home))
        return any(getattr(import_module(home), kind.__name__, None) is kind for home in homes)

    def parts(self, model: Any) -> Any:
        return model

    def size(self, model: Any) -> tuple[int, int]:
        estimators = getattr(model, "estimators_", ())
        if isinstance(estimators, np.ndarray):
            estimators = estimators.ravel().tolist()
        if isinstance(estimators, list) and estimators:
            tree, count = getattr(estimators[0], "tree_", None), len(estimators)
            return count, count * (100 if tree is None else tree.node_count // 2 + 1)
        if hasattr(model, "_predictors"):
            count = len(model._predictors) * model.n_trees_per_iteration_
            return count, count * (model.max_leaf_nodes or 31)
        tree = getattr(model, "tree_", None)
        return 1, 0 if tree is None else tree.node_count // 2 + 1

    def compile(self, model: Any, variant: Any) -> Predictor:
        if not hasattr(model, "n_features_in_"):  # set up by hand, as LogisticRegressionCV does for its scores
            raise Passed("it has no n_features_in_")
        if type(model).__name__.startswith("Bagging") and model.n_jobs not in (None, 1):
            raise Passed("it adds up by jobs, of which there are several")
        return compile(model)


def memory(part: Any) -> tuple[np.ndarray, ...] | None:
    """Arrays over the memory of an extension object within a model, for a `Digester`: those of decision trees."""
    if type(part).__module__ != "sklearn.tree._tree" or type(part).__name__ != "Tree":
        return None
    state = part.__getstate__()  # views of the tree's own memory, _tree.pyx _get_node_ndarray
    return state["nodes"], state["values"]


def _steps(owner: type) -> dict[str, FunctionType]:
    """The functions of its module that the methods of a class name."""
    methods = (getattr(each, "fn", each) for each in vars(owner).values())
    names = {name for each in methods if isinstance(each, FunctionType) for name in _names(unwrap(each).__code__)}
    functions = vars(import_module(owner.__module__)).items()
    return {name: each for name, each in functions if name in names and isinstance(each, FunctionType)}


def _names(code: CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _serving(owner: type, method: str) -> Any:
    space, steps = vars(import_module(owner.__module__)), _steps(owner)
    names, functions = tuple(steps), tuple(steps.values())

    def serve(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
        if not all(map(is_, map(space.get, names), functions)):
            raise Passed(f"a function of {owner.__module__} has been replaced")
        if kwargs.get("check_input") is False:  # as forests ask their trees, in threads of their own
            raise Passed("the argument check_input", is_step=True)
        X = args[0] if len(args) == 1 and not kwargs else arguments(("X",), args, kwargs)["X"]
        kind = type(X)
        if kind is not np.ndarray and kind.__module__.partition(".")[0] not in TABLES:
            raise Passed(f"a table of {kind.__module__}.{kind.__qualname__}")
        if method == "apply" and hasattr(model, "init_"):  # gradient boosting asks its trees, which warn of names
            if hasattr(X, "columns") or hasattr(model, "feature_names_in_"):
                raise Passed("apply with feature names")
        return Call(X, method)

    return serve


FRAMEWORK = ScikitLearn()
