"""LightGBM: models are handles of C; every change goes through methods of Booster, and a few attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from ...predictor import Predictor, compile
from ..call import Call, Passed, arguments, flag, n_threads, refuse, whole_number
from ..stamp import stamp
from . import Method, nearest

CHANGERS = (
    "update",
    "_Booster__boost",
    "rollback_one_iter",
    "reset_parameter",
    "shuffle_models",
    "model_from_string",
    "set_leaf_output",
    "__setstate__",
)
NO_PART = frozenset({"_Booster", "_evals_result", "_best_score", "_class_map"})  # an estimator's, not for answers
OF_BOOSTER = (
    "data start_iteration num_iteration raw_score pred_leaf pred_contrib data_has_header validate_features num_threads"
)
OF_ESTIMATOR = "X raw_score start_iteration num_iteration pred_leaf pred_contrib validate_features num_threads"
OF_DECISION_FUNCTION = "X start_iteration num_iteration validate_features num_threads"
BY_PLACE = {OF_BOOSTER: 8, OF_ESTIMATOR: 7, OF_DECISION_FUNCTION: 1}


class LightGBM:
    name = "lightgbm"
    inner = "_Booster"
    shared = ""
    makers: tuple[str, ...] = ("train",)
    hands_out: tuple[str, ...] = ("refit",)
    modules = ("lightgbm",)

    def methods(self, module: ModuleType) -> Iterator[Method]:
        yield Method(module.Booster, "predict", _serving("predict", OF_BOOSTER))
        for kind, names in (
            ("LGBMModel", ("predict",)),
            ("LGBMClassifier", ("predict", "predict_proba", "decision_function")),
        ):
            for name in names:
                owner = getattr(module, kind, None)
                if owner is not None and name in vars(owner):
                    taken = OF_DECISION_FUNCTION if name == "decision_function" else OF_ESTIMATOR
                    yield Method(owner, name, _serving(name, taken))

    def methods_of(self, kind: type) -> Iterator[Method]:
        return nearest(self.methods(import_module(self.name)), kind)

    def changers_of(self, kind: type) -> list[str]:
        return [name for owner, name in self.changers(import_module(self.name)) if issubclass(kind, owner)]

    def mirrors(self, kind: type) -> bool:
        return getattr(import_module(self.name), kind.__name__, None) is kind and any(self.methods_of(kind))

    def changers(self, module: ModuleType) -> Iterator[tuple[type, str]]:
        return ((module.Booster, name) for name in CHANGERS)

    def parts(self, model: Any) -> Any:
        booster, own = model, None
        if _is_estimator(model):
            booster, own = model._Booster, [each for name, each in vars(model).items() if name not in NO_PART]
        if booster is None:
            return own
        state = stamp(booster), booster._handle.value
        return state, own, booster.best_iteration, booster.params, booster.pandas_categorical

    def size(self, model: Any) -> tuple[int, int]:
        booster = _booster(model)
        leaves = booster.params.get("num_leaves", 31)
        n_trees = booster.num_trees()
        return n_trees, n_trees * (leaves if isinstance(leaves, int) else 31)

    def compile(self, model: Any, variant: Any) -> Predictor:
        return compile(model, iteration_range=variant)


def _is_estimator(model: Any) -> bool:
    return hasattr(model, "_other_params")


def _booster(model: Any) -> Any:
    booster = model._Booster if _is_estimator(model) else model
    if booster is None:
        raise Passed("it is not fitted")
    return booster


def _serving(method: str, signature: str) -> Any:
    names = tuple(signature.split())
    by_place = BY_PLACE[signature]
    on_estimator = names[0] == "X"

    def serve(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
        booster = _booster(model)
        threads = n_threads(model.n_jobs) if on_estimator else None
        if len(args) == 1 and not kwargs:
            return _call(model, args[0], method, None, threads)
        given = arguments(names, args, kwargs, by_place)
        refuse(given, pred_contrib=False, data_has_header=False, validate_features=False)
        asked = method
        if flag(given, "pred_leaf"):
            asked = "apply"
        elif flag(given, "raw_score"):
            asked = "predict_raw"
        if "num_threads" in given:
            threads = n_threads(given["num_threads"])
        return _call(model, given[names[0]], asked, _iterations(booster, given), threads)

    return serve


def _call(model: Any, X: Any, method: str, iterations: tuple[int, int] | None, threads: int | None) -> Call:
    if type(X).__module__.startswith("scipy.sparse") and getattr(X, "format", None) not in ("csr", "csc"):
        raise Passed(f"a {type(X).__name__}, of which it warns")
    return Call(X, method, iterations, threads, _warning(model, X) if _is_estimator(model) else None)


def _warning(model: Any, X: Any) -> Callable[[Predictor], None] | None:
    """scikit-learn's own warning of a table without names, which LGBMModel.predict gives by validate_data()."""
    if hasattr(X, "columns") or hasattr(X, "column_names"):
        return None

    def warn(predictor: Predictor) -> None:
        if hasattr(predictor, "feature_names_in_"):
            from sklearn.utils.validation import _check_feature_names

            _check_feature_names(model, X, reset=False)

    return warn


def _iterations(booster: Any, given: dict[str, Any]) -> tuple[int, int] | None:
    """[begin, end) as Booster.predict and GBDT::InitPredict choose it; None for the model's own."""
    start = whole_number(given, "start_iteration")
    if given.get("num_iteration") is None:
        if start <= 0:
            return None
        count = -1
    else:
        count = whole_number(given, "num_iteration")
    begin, total = max(start, 0), booster.current_iteration()
    end = min(begin + count, total) if count > 0 else total
    if begin >= end:
        raise Passed("the argument start_iteration")
    return begin, end


FRAMEWORK = LightGBM()
