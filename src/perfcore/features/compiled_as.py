"""What a function's machine code depends on: functions that are told alike are compiled once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from types import BuiltinFunctionType, CodeType, ModuleType
from typing import Any

import numpy as np

_MODULES = ("cmath", "math", "numpy")  # whose functions nobody changes


def compiled_as(function: Callable) -> Hashable:
    """Its code and all that it takes from outside, which Numba takes as it is when it compiles.

    `TypeError` where something of it might change and look the same: an array, another module, a function.
    """
    code, known = function.__code__, function.__globals__
    outside = [cell.cell_contents for cell in function.__closure__ or ()]
    names = sorted({name for each in _codes(code) for name in each.co_names if name in known})
    defaults = function.__defaults__, tuple(sorted((function.__kwdefaults__ or {}).items()))
    return code, _told(tuple(outside)), _told(defaults), tuple((name, _told(known[name])) for name in names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _told(thing: Any) -> Hashable:
    """Told from all others: 1, 1.0, True and -0.0 from 0.0."""
    if thing is None or type(thing) in (bool, int, float, complex, str, bytes):
        return type(thing), repr(thing)
    if type(thing) is tuple:
        return tuple(map(_told, thing))
    if isinstance(thing, ModuleType) and thing.__name__ in _MODULES:
        return thing
    if isinstance(thing, BuiltinFunctionType | np.ufunc):
        return thing
    raise TypeError(f"what a {type(thing).__qualname__} is may change")
