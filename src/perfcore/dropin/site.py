"""A method of a framework's class with perfcore before it."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import time
import types
from collections.abc import Callable
from typing import Any

from ..errors import InputError, PerfcoreError
from . import report
from .call import Call, Passed, n_rows
from .frameworks import Framework, Method
from .record import Record, alone, record_of
from .stamp import renew


class Site:
    """Answers calls of one method: by perfcore where it can, by the framework's own function where it cannot."""

    def __init__(self, framework: Framework, method: Method, original: Callable):
        self.framework, self.owner, self.name, self.serve = framework, method.owner, method.name, method.serve
        self.original = original
        self.is_open = True  # a bound method may outlive the patch

    def answer(self, model: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        if not self.is_open or alone.depth or id(model) in alone.models or not isinstance(model, self.owner):
            return self.original(model, *args, **kwargs)
        record = record_of(model, self.framework)
        owner = record.owners.get(self.name)
        if owner is None:
            owner = record.owners[self.name] = next(kind for kind in type(model).__mro__ if self.name in vars(kind))
        if owner is not self.owner and owner.__module__.partition(".")[0] == self.framework.name:
            return self.original(model, *args, **kwargs)  # a step of another method of the framework
        call, level, within, is_step = None, logging.INFO, False, alone.within > 0
        try:
            if owner is not self.owner:
                raise Passed(f"{owner.__qualname__} defines {self.name}")
            call = self.serve(model, args, kwargs)
            predictor = record.predictor(model, call)
            method = getattr(predictor, call.method, None)
            if method is None:
                raise Passed(f"perfcore has no {call.method} of this model", within=True)
            if call.warn is not None:
                call.warn(predictor)
            answer = method(call.X) if call.n_threads is None else method(call.X, n_threads=call.n_threads)
        except Passed as passed:
            reason, within, is_step = str(passed), passed.within, is_step or passed.is_step
        except InputError as error:
            reason = f"a table that perfcore leaves to it ({type(call.X).__name__ if call else None})"
            report.logger.debug("%s: %s", self.name, error)
        except PerfcoreError as error:
            reason = str(error)
        except Exception as error:  # whatever goes wrong here must not go wrong in the user's program
            reason, level = f"perfcore failed: {type(error).__name__}: {error}", logging.WARNING
        else:
            if not is_step:
                report.count(record.label, self.name, report.PERFCORE, n_rows(call.X))
            return answer
        if not is_step or level == logging.WARNING:
            rows = n_rows(call.X if call else next(iter((*args, *kwargs.values())), None))
            report.count(record.label, self.name, reason, rows, level)
        return self._by_framework(record, call, within, model, args, kwargs)

    def _by_framework(
        self, record: Record, call: Call | None, within: bool, model: Any, args: tuple, kwargs: dict[str, Any]
    ) -> Any:
        steps = set() if within else {id(model), id(vars(model).get(self.framework.inner))} - alone.models
        alone.models |= steps
        alone.within += 1
        start = time.perf_counter()
        try:
            answer = self.original(model, *args, **kwargs)
        finally:
            alone.models -= steps
            alone.within -= 1
        if call is not None and not within:
            record.spend(call, time.perf_counter() - start)
        return answer


def in_place_of(current: Any, answer: Callable[[Any, tuple, dict[str, Any]], Any]) -> Any:
    """A function with the signature and the documentation of another, or a conditional one for a conditional one."""
    if isinstance(current, types.FunctionType):

        @functools.wraps(current)
        def method(self, /, *args, **kwargs):
            return answer(self, args, kwargs)

        if not hasattr(current, "__wrapped__"):  # for inspect.getfullargspec, which does not look behind wrappers
            method.__signature__ = inspect.signature(current)  # type: ignore[attr-defined]
        return method
    conditional = copy.copy(current)  # sklearn/utils/_available_if.py, _AvailableIfDescriptor
    conditional.fn = in_place_of(current.fn, answer)
    return conditional


def function_of(current: Any) -> Callable | None:
    """The plain function behind a class attribute; None where there is none to put anything before."""
    if isinstance(current, types.FunctionType):
        return current
    inner = getattr(current, "fn", None)
    return inner if hasattr(current, "check") and isinstance(inner, types.FunctionType) else None


def changing(original: Callable, framework: Framework) -> Callable[[Any, tuple, dict[str, Any]], Any]:
    """A method that changes its model, which renews the model's stamp: before, for who looks meanwhile, and after."""

    def answer(model: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        renew(model, vars(model).get(framework.shared))
        try:
            return original(model, *args, **kwargs)
        finally:
            renew(model, vars(model).get(framework.shared))

    return answer
