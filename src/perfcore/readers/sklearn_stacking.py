"""scikit-learn's StackingClassifier, StackingRegressor and TransformedTargetRegressor -> an ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.stacking import StackingAnswers
from ..answers.target import UFUNCS, Function, Scaler, TransformedTargetAnswers
from ..errors import UnsupportedModelError
from ..model import Model
from .sklearn import class_labels, class_labels_as_in, installed
from .sklearn_members import Members, response
from .sklearn_voting import check_codes

FIRST_THAT_CASTS_SCALES = (1, 8)  # sklearn/preprocessing/_data.py, StandardScaler.inverse_transform


def read(source: Any, origin: str) -> Model:
    from sklearn.utils._set_output import _get_output_config

    if hasattr(source, "regressor_"):
        return _read_target(source, origin)
    if _get_output_config("transform", source)["dense"] != "default":
        raise UnsupportedModelError(f"{type(source).__name__} whose set_output() hands data frames to the last member")
    members = Members.named(source)
    inputs = members.passed_on()
    asks = tuple(
        response(estimator, model, name)
        for estimator, model, name in zip(source.estimators_, members.models, source.stack_method_, strict=True)
    )
    last = members.add(source.final_estimator_, "final_estimator_")
    classes = getattr(source, "classes_", None)
    several = isinstance(classes, list)
    if classes is not None and not several:
        class_labels_as_in(source, source._label_encoder.classes_, "its _label_encoder")
    labels = () if classes is None else tuple(map(class_labels, classes if several else [classes]))
    if labels and not several:
        check_codes(last, len(labels[0]), type(source).__name__)
    methods = [name for name in ("predict", "predict_proba", "decision_function") if name in last.answers.methods]
    answers = StackingAnswers(
        labels=labels,
        asks=asks,
        drops_first=classes is not None and len(classes) == 2,
        passthrough=bool(source.passthrough),
        methods=tuple(name for name in methods if hasattr(source, name)),
        several=several,
    )
    return members.model(inputs, answers, origin)


# -- TransformedTargetRegressor ------------------------------------------------------------------------------


def _read_target(source: Any, origin: str) -> Model:
    members = Members(source)
    model = members.add(source.regressor_, "regressor_")
    answers = TransformedTargetAnswers(_inverse(source.transformer_), source._training_dim == 1, model.n_targets)
    return members.model(members.passed_on(), answers, origin)


def _inverse(transformer: Any) -> Function | Scaler:
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

    if type(transformer) is FunctionTransformer:
        return Function(_function_name(transformer), bool(transformer.validate))
    if type(transformer) is StandardScaler:
        scale = transformer.scale_ if transformer.with_std else None
        mean = transformer.mean_ if transformer.with_mean else None
        return Scaler("standard", _copy(scale), _copy(mean), installed() >= FIRST_THAT_CASTS_SCALES)
    if type(transformer) is MinMaxScaler:
        return Scaler("min_max", _copy(transformer.scale_), _copy(transformer.min_))
    raise UnsupportedModelError(
        f"TransformedTargetRegressor over {type(transformer).__name__}; "
        "read are FunctionTransformer, StandardScaler and MinMaxScaler"
    )


def _copy(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else np.array(array)


def _function_name(transformer: Any) -> str | None:
    function = transformer.inverse_func
    if function is None:
        return None
    name = getattr(function, "__name__", "")
    if name not in UFUNCS or getattr(np, name) is not function or transformer.inv_kw_args:
        raise UnsupportedModelError(
            f"TransformedTargetRegressor with inverse_func={name or type(function).__name__}; "
            f"read are numpy's {', '.join(sorted(UFUNCS))}, without inv_kw_args"
        )
    return name
