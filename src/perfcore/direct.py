"""The methods of a predictor that answer plain arrays in compiled code alone, and all else by the general method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._ext.direct import Direct, Predict, PredictProba
from ._ext.forest import ForestKernel
from .model import Model

KINDS: dict[str, type[Direct]] = {"predict": Predict, "predict_proba": PredictProba}


def methods(model: Model, kernel: ForestKernel, general: Any, most: float) -> dict[str, Callable]:
    """Those that ``general``, a predictor without them, has and that can do without it for plain arrays.

    They are bound to an object of their own, which refers to ``general`` and not to the predictor that bears them:
    a cycle would keep a large model until the collector finds it.

    Parameters
    ----------
    most : nanoseconds of work above which a table is left to ``general``, which may take several threads
    """
    plain = getattr(model.inputs, "plain", lambda: None)()
    if plain is None or not hasattr(model.answers, "steps"):
        return {}
    found: dict[str, Callable] = {}
    for name in KINDS.keys() & set(model.answers.methods):
        steps = model.answers.steps(name, model.body.n_outputs)
        if steps is None:
            continue
        names = (name, f"{name}_one")
        try:
            direct = KINDS[name](kernel, steps, plain, most, *(getattr(general, each) for each in names))
        except ValueError:  # a body that no reader makes, out of a file: the general method knows what to do with it
            continue
        found |= {each: getattr(direct, each) for each in names}
    return found
