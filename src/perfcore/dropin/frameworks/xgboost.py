"""XGBoost: models are handles of C; every change goes through methods of Booster, and attributes of estimators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ...predictor import Predictor, compile
from ..call import Call, Passed, arguments, flag, refuse
from ..stamp import stamp
from . import Method, nearest

CHANGERS = (
    "update",
    "boost",
    "set_attr",
    "set_param",
    "load_model",
    "load_config",
    "reset",
    "_set_feature_info",
    "__setstate__",
)
NO_PART = frozenset({"_Booster", "evals_result_", "callbacks"})  # attributes of an estimator with no part in answers
PREDICT = ("X", "output_margin", "validate_features", "base_margin", "iteration_range")
PREDICT_PROBA = ("X", "validate_features", "base_margin", "iteration_range")
OF_DMATRIX = ("data", "output_margin", "pred_leaf", "validate_features", "iteration_range", "strict_shape")
INPLACE = ("data", "iteration_range", "predict_type", "missing", "validate_features", "base_margin", "strict_shape")


class XGBoost:
    name = "xgboost"
    inner = "_Booster"
    shared = ""
    makers: tuple[str, ...] = ("train",)
    hands_out: tuple[str, ...] = ("__getitem__", "copy")
    modules = ("xgboost",)

    def methods(self, module: ModuleType) -> Iterator[Method]:
        yield Method(module.Booster, "predict", _of_dmatrix)
        yield Method(module.Booster, "inplace_predict", _inplace)
        if hasattr(module, "XGBModel"):  # where scikit-learn is installed
            yield Method(module.XGBModel, "predict", _predict)
            yield Method(module.XGBModel, "apply", _apply)
            yield Method(module.XGBClassifier, "predict", _predict)
            yield Method(module.XGBClassifier, "predict_proba", _predict_proba)

    def methods_of(self, kind: type) -> Iterator[Method]:
        return nearest(self.methods(import_module(self.name)), kind)

    def changers_of(self, kind: type) -> list[str]:
        return [name for owner, name in self.changers(import_module(self.name)) if issubclass(kind, owner)]

    def mirrors(self, kind: type) -> bool:
        return getattr(import_module(self.name), kind.__name__, None) is kind and any(self.methods_of(kind))

    def changers(self, module: ModuleType) -> Iterator[tuple[type, str]]:
        return ((module.Booster, name) for name in CHANGERS)

    def parts(self, model: Any) -> Any:
        if not hasattr(model, "get_booster"):
            return stamp(model), model.handle.value
        booster = getattr(model, "_Booster", None)
        own = [each for name, each in vars(model).items() if name not in NO_PART]
        return own if booster is None else (own, stamp(booster), booster.handle.value)

    def size(self, model: Any) -> tuple[int, int]:
        rounds = _booster(model).num_boosted_rounds()
        return rounds, 64 * rounds

    def compile(self, model: Any, variant: Any) -> Predictor:
        booster = _booster(model)
        learner = json.loads(booster.save_config())["learner"]
        device = learner["generic_param"].get("device", "cpu")
        if not device.startswith("cpu"):
            raise Passed(f"device {device}")
        if booster is not model:
            return compile(model, iteration_range=variant)
        in_place, iterations = variant
        if in_place:
            return _compiled_in_place(booster, iterations, learner["gradient_booster"].get("name"))
        begin, end = iterations
        return compile(booster, iteration_range=None if (begin, end) == (0, 0) else (begin, end or _rounds(booster)))


def _compiled_in_place(booster: Any, iterations: tuple[int, int], name: str) -> Predictor:
    """As Booster.inplace_predict, which is what an estimator asks: so an estimator stands in for the Booster."""
    import xgboost

    if name == "gblinear":
        raise Passed("inplace_predict of a linear booster")
    begin, end = iterations
    standing_in = xgboost.XGBModel()
    standing_in._Booster = booster
    return compile(standing_in, iteration_range=(begin, end or _rounds(booster)))


def _rounds(booster: Any) -> int:
    return booster.num_boosted_rounds()


def _booster(model: Any) -> Any:
    booster = getattr(model, "_Booster", None) if hasattr(model, "get_booster") else model
    if booster is None:
        raise Passed("it is not fitted")
    return booster


def _of_dmatrix(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
    given = {"data": args[0]} if len(args) == 1 and not kwargs else arguments(OF_DMATRIX, args, kwargs)
    if type(given["data"]).__name__ != "DMatrix":
        raise Passed(f"a {type(given['data']).__name__}, which does not hand its table out")
    refuse(given, validate_features=True, strict_shape=False)
    margin, leaf = flag(given, "output_margin"), flag(given, "pred_leaf")
    method = "apply" if leaf else "predict_raw" if margin else "predict"
    return Call(given["data"], method, (False, _range(given) or (0, 0)))


def _inplace(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
    if len(args) == 1 and not kwargs:
        return Call(args[0], "predict", (True, (0, 0)))
    given = arguments(INPLACE, args, kwargs)
    refuse(given, validate_features=True, base_margin=None, strict_shape=False)
    kind, missing = given.get("predict_type", "value"), given.get("missing", np.nan)
    if kind not in ("value", "margin"):
        raise Passed("the argument predict_type")
    if not isinstance(missing, float) or missing == missing:
        raise Passed("the argument missing")
    return Call(given["data"], "predict_raw" if kind == "margin" else "predict", (True, _range(given) or (0, 0)))


def _predict(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
    if len(args) == 1 and not kwargs:
        return Call(args[0], "predict")
    given = arguments(PREDICT, args, kwargs)
    refuse(given, validate_features=True, base_margin=None)
    return Call(given["X"], "predict_raw" if flag(given, "output_margin") else "predict", _estimator_range(given))


def _predict_proba(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
    if len(args) == 1 and not kwargs:
        return Call(args[0], "predict_proba")
    given = arguments(PREDICT_PROBA, args, kwargs, by_place=4)
    refuse(given, validate_features=True, base_margin=None)
    return Call(given["X"], "predict_proba", _estimator_range(given))


def _apply(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
    """XGBModel.apply goes through a DMatrix, which refuses more tables than predict does; `Passed` for those."""
    given = arguments(("X", "iteration_range"), args, kwargs, by_place=2)
    X = given["X"]
    if type(X) is not np.ndarray or X.dtype not in (np.float32, np.float64) or X.ndim != 2 or np.isinf(X).any():
        raise Passed("a table that apply checks otherwise than predict")
    if _booster(model).feature_names is not None:
        raise Passed("apply of a model with feature names")
    return Call(X, "apply", _estimator_range(given))


def _estimator_range(given: dict[str, Any]) -> tuple[int, int] | None:
    """XGBModel._get_iteration_range: without an end, the model's own."""
    found = _range(given)
    return None if found is None or found[1] == 0 else found


def _range(given: dict[str, Any]) -> tuple[int, int] | None:
    found = given.get("iteration_range")
    if found is None:
        return None
    if not isinstance(found, tuple | list) or [type(each) for each in found] != [int, int]:
        raise Passed("the argument iteration_range")
    return found[0], found[1]


FRAMEWORK = XGBoost()
