"""CatBoost: models are extension objects; every change goes through methods of the estimators."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from ...predictor import Predictor, compile
from ..call import Call, Passed, arguments, n_threads, refuse, whole_number
from ..stamp import stamp
from . import Method, nearest

CHANGERS = (
    "_train",
    "_tune_hyperparams",
    "_load_model",
    "_load_from_string",
    "_load_from_stream",
    "_deserialize_model",
    "_base_shrink",
    "_base_drop_unused_features",
    "_convert_to_asymmetric_representation",
    "_sum_models",
    "set_leaf_values",
    "set_feature_names",
    "set_scale_and_bias",
    "select_features",
    "__setstate__",
)
OF_METADATA = ("class_params", "params", "loss_function")  # those that decide answers
FURTHER = ("prediction_type", "ntree_start", "ntree_end", "thread_count", "verbose", "task_type")
PROBABILITIES = {"Probability": "predict_proba", "LogProbability": "predict_log_proba"}
ASKED: dict[str, dict[Any, str]] = {  # prediction_type -> the predictor's method, by class
    "CatBoost": {"RawFormulaVal": "predict", **PROBABILITIES},
    "CatBoostClassifier": {"Class": "predict", "RawFormulaVal": "predict_raw", **PROBABILITIES},
    "CatBoostRegressor": {None: "predict", "RawFormulaVal": "predict_raw"},
    "CatBoostRanker": {None: "predict"},
}
DEFAULTS = {"CatBoost": "RawFormulaVal", "CatBoostClassifier": "Class"}


class CatBoost:
    name = "catboost"
    inner = ""
    shared = "_object"  # by to_regressor() and its like
    makers: tuple[str, ...] = ("train", "sum_models", "to_regressor", "to_classifier", "to_ranker")
    hands_out: tuple[str, ...] = ("copy",)
    modules = ("catboost",)

    def methods(self, module: ModuleType) -> Iterator[Method]:
        for name in ASKED:
            kind = getattr(module, name)
            if "predict" in vars(kind):
                yield Method(kind, "predict", _predicting(name))
        yield Method(module.CatBoostClassifier, "predict_proba", _serving("X", "predict_proba"))
        yield Method(module.CatBoostClassifier, "predict_log_proba", _serving("data", "predict_log_proba"))
        yield Method(module.CatBoost, "calc_leaf_indexes", _serve_leaves)

    def methods_of(self, kind: type) -> Iterator[Method]:
        return nearest(self.methods(import_module(self.name)), kind)

    def changers_of(self, kind: type) -> list[str]:
        return [name for owner, name in self.changers(import_module(self.name)) if issubclass(kind, owner)]

    def mirrors(self, kind: type) -> bool:
        return getattr(import_module(self.name), kind.__name__, None) is kind and any(self.methods_of(kind))

    def changers(self, module: ModuleType) -> Iterator[tuple[type, str]]:
        for kind in module.CatBoost.__mro__[:-1]:
            yield from ((kind, name) for name in CHANGERS if name in vars(kind))
        yield module.CatBoostClassifier, "set_probability_threshold"

    def parts(self, model: Any) -> Any:
        inner = model._object
        if not model.is_fitted():
            return inner, model._init_params
        metadata = inner._get_metadata_wrapper()  # which get_metadata() hands out, to be written to
        records = [metadata.get(name) for name in OF_METADATA]
        threshold = inner._get_binclass_probability_threshold()
        return stamp(model, inner), inner, threshold, records, model.get_scale_and_bias(), model._init_params

    def size(self, model: Any) -> tuple[int, int]:
        trees = model.tree_count_ or 0
        return trees, 64 * trees

    def compile(self, model: Any, variant: Any) -> Predictor:
        return compile(model, iteration_range=variant)


def _predicting(name: str) -> Any:
    has_types = name != "CatBoostRanker"
    names = ("data", *FURTHER) if has_types else ("X", *FURTHER[1:-1])

    def serve(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
        given = arguments(names, args, kwargs, len(names))
        wanted = given.get("prediction_type", DEFAULTS.get(name))
        if wanted is not None and not isinstance(wanted, str) or wanted not in ASKED[name]:
            raise Passed("the argument prediction_type")
        return _call(model, given, names[0], ASKED[name][wanted])

    return serve


def _serving(table: str, method: str) -> Any:
    names = (table, *FURTHER[1:])

    def serve(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
        return _call(model, arguments(names, args, kwargs, len(names)), table, method)

    return serve


def _serve_leaves(model: Any, args: tuple, kwargs: dict[str, Any]) -> Call:
    names = ("data", *FURTHER[1:-1])
    return _call(model, arguments(names, args, kwargs, len(names)), "data", "apply")


def _call(model: Any, given: dict[str, Any], table: str, method: str) -> Call:
    if not model.is_fitted():
        raise Passed("it is not fitted")
    if given.get("verbose") is not None:
        refuse(given, verbose=False)
    if given.get("task_type", "CPU") != "CPU":
        raise Passed("the argument task_type")
    count = given.get("thread_count", -1)
    if count != -1 and n_threads(count) is None:
        raise Passed("the argument thread_count")
    begin, end = whole_number(given, "ntree_start"), whole_number(given, "ntree_end")
    if begin and not end:  # which CatBoost refuses in some versions and takes for all further trees in others
        raise Passed("the argument ntree_start without ntree_end")
    variant = (begin, end) if end else None
    return Call(given[table], method, variant, n_threads(count))


FRAMEWORK = CatBoost()
