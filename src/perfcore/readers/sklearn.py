"""scikit-learn estimators -> the canonical model: who reads which class, and what is refused."""

from __future__ import annotations

import re
import types
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import ConfigurationError, UnsupportedModelError
from ..model import Model

OLDEST = (1, 6)

# class -> the module of this package that reads it
READERS = {
    "sklearn.tree.DecisionTreeClassifier": "sklearn_trees",
    "sklearn.tree.DecisionTreeRegressor": "sklearn_trees",
    "sklearn.tree.ExtraTreeClassifier": "sklearn_trees",
    "sklearn.tree.ExtraTreeRegressor": "sklearn_trees",
    "sklearn.ensemble.RandomForestClassifier": "sklearn_trees",
    "sklearn.ensemble.RandomForestRegressor": "sklearn_trees",
    "sklearn.ensemble.ExtraTreesClassifier": "sklearn_trees",
    "sklearn.ensemble.ExtraTreesRegressor": "sklearn_trees",
    "sklearn.ensemble.GradientBoostingClassifier": "sklearn_boosting",
    "sklearn.ensemble.GradientBoostingRegressor": "sklearn_boosting",
    "sklearn.ensemble.HistGradientBoostingClassifier": "sklearn_boosting",
    "sklearn.ensemble.HistGradientBoostingRegressor": "sklearn_boosting",
    "sklearn.linear_model.LinearRegression": "sklearn_linear",
    "sklearn.linear_model.Ridge": "sklearn_linear",
    "sklearn.linear_model.LogisticRegression": "sklearn_linear",
}

# What a subclass may define for itself: nothing here has a part in an answer. The pattern is for what
# Python and scikit-learn put into every class: __doc__, _abc_impl, set_fit_request.
HARMLESS = re.compile(
    r"fit|score|get_params|set_params|_parameter_constraints|_get_param_names|_get_metadata_request|"
    r"get_metadata_routing|_abc_\w+|set_\w+_request|__(?!getattribute__)\w+__"
)


def read_object(source: Any, iteration_range: tuple[int, int] | None) -> Model:
    """Read a fitted estimator of one of the classes above, or of a subclass that answers as it does."""
    import sklearn

    if tuple(int(part) for part in sklearn.__version__.split(".")[:2]) < OLDEST:
        raise UnsupportedModelError(f"scikit-learn {sklearn.__version__} is installed; 1.6 or later is needed")
    name = known_class(source)
    _refuse_overrides(source, name)
    _refuse_unfitted(source)
    reader = import_module(f"{__package__}.{READERS[name]}")
    origin = f"{name} (scikit-learn {sklearn.__version__})"
    if READERS[name] == "sklearn_boosting":
        return reader.read(source, origin, iteration_range)
    if iteration_range is not None:
        raise ConfigurationError(f"iteration_range={iteration_range}: {name} has no boosting iterations")
    return reader.read(source, origin)


def _class(name: str) -> type:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def known_class(source: Any) -> str:
    """The name in `READERS` of the class that an estimator is of, or derives from."""
    for base in type(source).__mro__:
        if base.__module__.partition(".")[0] == "sklearn":
            for name in READERS:
                if name.endswith("." + base.__name__) and _class(name) is base:
                    return name
    raise UnsupportedModelError(
        f"{type(source).__module__}.{type(source).__qualname__}: of scikit-learn, perfcore reads "
        + ", ".join(name.rpartition(".")[2] for name in READERS)
    )


def _refuse_overrides(source: Any, name: str) -> None:
    """A subclass, or an instance, that puts something in the way of its base's answers is not read as the base."""
    base = _class(name)
    own = [cls for cls in type(source).__mro__ if cls not in base.__mro__]
    for cls in own:
        for attribute in vars(cls):
            if hasattr(base, attribute) and not HARMLESS.fullmatch(attribute):
                raise UnsupportedModelError(
                    f"{cls.__module__}.{cls.__qualname__} defines {attribute}, so it may answer otherwise than {name}"
                )
    for attribute in vars(source):
        if isinstance(getattr(type(source), attribute, None), types.FunctionType | property):
            raise UnsupportedModelError(f"this {name} has its {attribute} replaced, so it may answer otherwise")


def _refuse_unfitted(source: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(source)
    except NotFittedError as error:
        raise UnsupportedModelError(str(error)) from None


def feature_names(source: Any) -> tuple[str, ...] | None:
    names = getattr(source, "feature_names_in_", None)
    return None if names is None else tuple(str(name) for name in names)


def class_labels(classes: np.ndarray) -> np.ndarray:
    """The classes, in an array of our own; `UnsupportedModelError` for labels that no file could hold."""
    classes = np.array(classes)
    plain = classes.dtype.kind in "biuU" or (classes.dtype.kind == "f" and classes.dtype.itemsize <= 8)
    if not plain and not (
        classes.dtype.kind == "O" and all(isinstance(each, str | int | float | None) for each in classes.tolist())
    ):
        raise UnsupportedModelError(f"class labels of dtype {classes.dtype}, allowed: numbers, bool, strings")
    if classes.dtype.kind == "O":
        classes[:] = [str(each) if isinstance(each, str) else each for each in classes.tolist()]
    classes.flags.writeable = False
    return classes
