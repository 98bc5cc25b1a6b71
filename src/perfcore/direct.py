"""The methods of a predictor that answer plain arrays in compiled code, and all else by the general method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._ext.calls import Calls
from ._ext.direct import Direct, Predict, PredictProba
from ._ext.forest import ForestKernel
from .model import Model

KINDS: dict[str, type[Direct]] = {"predict": Predict, "predict_proba": PredictProba}


def methods(model: Model, kernel: ForestKernel, general: Any, most: float, calls: Calls) -> dict[str, Callable]:
    """Those that ``general``, a predictor without them, has and that can do without it for plain arrays.

    They are bound to an object of their own, which refers to ``general`` and not to the predictor that bears them:
    a cycle would keep a large model until the collector finds it.

    Parameters
    ----------
    most : nanoseconds of work above which a table is left to ``general``, which may take several threads
    calls : counts what they answer; ``general`` counts what it answers
    """
    plain = getattr(model.inputs, "plain", lambda: None)()
    if plain is None:
        return {}
    found: dict[str, Callable] = {}
    for name in KINDS.keys() & set(model.answers.methods):
        names = (name, f"{name}_one")
        rest = (plain, most, *(getattr(general, each) for each in names), calls)
        in_python = getattr(model.answers, name)
        steps = model.answers.steps(name, model.body.n_outputs) if hasattr(model.answers, "steps") else None
        try:
            direct = KINDS[name](kernel, steps or in_python, *rest)
        except ValueError:  # a body that no reader makes, out of a file
            direct = KINDS[name](kernel, in_python, *rest)
        found |= {each: getattr(direct, each) for each in names}
    return found
