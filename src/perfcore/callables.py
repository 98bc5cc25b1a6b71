"""Functions that a user gives to be called for their work: not those that only begin it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .errors import ConfigurationError

_LATER: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (inspect.iscoroutinefunction, "coroutine"),
    (inspect.isgeneratorfunction, "generator"),
    (inspect.isasyncgenfunction, "asynchronous generator"),
)


def begins_later(function: Any) -> str | None:
    """The kind of a function whose call only makes an object, and does none of its work; None for others."""
    runs = run_by(function)
    return next((kind for test, kind in _LATER if test(runs)), None)


def run_by(called: Any) -> Any:
    """The function or method that a call of an object runs: of a partial one, or of an object with ``__call__``."""
    while isinstance(called, functools.partial):
        called = called.func
    return called if inspect.isroutine(called) else getattr(type(called), "__call__", None)  # noqa: B004


def check(function: Any, name: str = "function", instead: str | None = None) -> None:
    """Refuse, as the argument of that name, what cannot be called, or does not do its work when it is.

    Parameters
    ----------
    instead : what to do for such a function; by default a function to give in its place is named

    Raises
    ------
    ConfigurationError
        For what is no function, and for coroutine and generator functions.
    """
    if not callable(function):
        raise ConfigurationError(f"{name}: expected a function, got {type(function).__qualname__}")
    kind = begins_later(function)
    if kind is not None:
        work = "list(...)" if kind == "generator" else "asyncio.run(...)"
        raise ConfigurationError(
            f"{name}: {name_of(function)} is a {kind} function, which only begins when it is called; "
            + (instead or f"give one that does the work, such as lambda: {work}")
        )


def name_of(function: Any) -> str:
    """Of a function or method, or of the class of another object that is called."""
    return getattr(function, "__qualname__", type(function).__qualname__)
