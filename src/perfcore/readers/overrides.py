"""What a user's subclass or instance puts in the way of a framework's answers."""

from __future__ import annotations

import re
import types
from typing import Any

from ..errors import UnsupportedModelError

ANSWERS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "apply")

# What a subclass may define for itself: nothing here has a part in an answer. The last two lines are for what
# Python and scikit-learn put into every class: __doc__, _abc_impl, set_fit_request.
HARMLESS = re.compile(
    r"fit|score|get_params|set_params|get_xgb_params|_estimator_type|_more_tags|_parameter_constraints|"
    r"_get_param_names|_get_metadata_request|get_metadata_routing|_abc_\w+|set_\w+_request|"
    r"__(?!getattribute__)\w+__"
)


DROP_IN = "_perfcore_drop_in"  # in classes of perfcore.dropin, whose methods are perfcore's own


def refuse_overrides(source: Any, base: type) -> None:
    """A subclass of ``base``, or an instance, with something of its own in the way of ``base``'s answers."""
    name = f"{base.__module__.partition('.')[0]}'s {base.__qualname__}"
    for cls in type(source).__mro__:
        if cls in base.__mro__ or DROP_IN in vars(cls):
            continue
        for attribute in vars(cls):
            if (hasattr(base, attribute) or attribute in ANSWERS) and not HARMLESS.fullmatch(attribute):
                raise UnsupportedModelError(
                    f"{cls.__module__}.{cls.__qualname__} defines {attribute}, so it may answer otherwise than {name}"
                )
    for attribute in vars(source):
        if isinstance(getattr(type(source), attribute, None), types.FunctionType | property):
            raise UnsupportedModelError(f"this object of {name} has its {attribute} replaced: it may answer otherwise")


def framework_class(source: Any, framework: str) -> type:
    """The class of the framework's own that an object is of, or derives from."""
    return next(cls for cls in type(source).__mro__ if cls.__module__.partition(".")[0] == framework)
