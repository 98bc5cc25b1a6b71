"""What a framework's method was asked, in a predictor's terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Call(NamedTuple):
    """``predictor.method(X)``, of the predictor that a model makes for a variant."""

    X: Any
    method: str
    variant: Any = None  # None: the model as it is; else what the framework's ``compile`` understands
    n_threads: int | None = None
    warn: Callable[[Any], None] | None = None  # warnings of the framework's that the predictor does not give


class Passed(Exception):
    """A call that goes to the framework's own method; the message is the reason."""

    def __init__(self, reason: str, *, within: bool = False, is_step: bool = False):
        super().__init__(reason)
        self.within = within  # whether what the framework's method calls in turn may be answered by perfcore
        self.is_step = is_step  # whether it is the framework that calls, so that nobody need know


def arguments(names: tuple[str, ...], args: tuple, kwargs: dict[str, Any], by_place: int = 1) -> dict[str, Any]:
    """Arguments by name, the table first, ``by_place`` of them by place; `Passed` for what only the framework knows."""
    if len(args) > by_place:
        raise Passed("more arguments by place than the method has")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names or name in given:
            raise Passed(f"the argument {name}")
        given[name] = value
    if names[0] not in given:
        raise Passed("no table")
    return given


def refuse(given: dict[str, Any], **neutral: Any) -> None:
    """`Passed` for an argument that is not the one value with which it changes nothing."""
    for name, value in neutral.items():
        if name in given and given[name] is not value:
            raise Passed(f"the argument {name}")


def flag(given: dict[str, Any], name: str) -> bool:
    """Whether an argument is there and true; `Passed` where it is neither True nor False."""
    value = given.get(name, False)
    if value is not True and value is not False:
        raise Passed(f"the argument {name}")
    return value


def whole_number(given: dict[str, Any], name: str) -> int:
    """An argument, 0 where it is not there; `Passed` where it is no whole number."""
    value = given.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise Passed(f"the argument {name}")
    return int(value)


def n_threads(count: Any) -> int | None:
    """How many threads a framework was told to take, where it was."""
    return count if type(count) is int and count > 0 else None


def n_rows(X: Any) -> int:
    """The rows of whatever a user hands in; 1 where it does not say."""
    shape = getattr(X, "shape", None)
    if type(X).__name__ == "DMatrix":
        return X.num_row()
    try:
        return int(shape[0] if shape is not None else len(X))
    except (TypeError, ValueError, IndexError):
        return 1
