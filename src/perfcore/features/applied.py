"""A user's own function of windows or groups, compiled by Numba: ``rolling_apply(x, 20, function)``.

The function takes the window's cells, a 1-D array of float64 that it may not change, and returns a number. It is
compiled when it is first used; `warmup` does it before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import _jit
from ..errors import InputError
from .compiled import CompiledFunction, first_raised, python_function
from .compiled_as import compiled_as
from .feature import Feature, Window, describes
from .series import compute_cells, like


@dataclass(frozen=True, eq=False, repr=False)
class WindowFunction(Feature):
    """A function of the cells of a window or a group, as `apply` describes it."""

    function: Callable = field(default=len)

    @classmethod
    def of(cls, kind: str, function: Any, window: Window, skip_missing: bool = True) -> WindowFunction:
        python = python_function(function, kind)
        label = "_".join(filter(None, (python.__name__.strip("<>"), str(window))))
        return cls(kind, label, window, {"skips": int(skip_missing)}, function=python)

    def compiled(self, columns: tuple[int, ...]) -> tuple[str, tuple[int, ...], dict[str, int], dict[str, float]]:
        kind, columns, integers, more = super().compiled(columns)
        return kind, columns, {**integers, "function": _c_function(self.function).address}, more


_MADE: dict[Any, _jit.CFunction] = {}  # of functions that are written anew at each call, as a lambda is
_N_MADE = 128


def _c_function(function: Callable) -> _jit.CFunction:
    """Compiled once, and kept with the function itself, so that both go together."""
    owner, made = getattr(function, "_perfcore_windows", (None, None))
    if owner is not function or made is None:  # functools.wraps copies attributes to other functions
        made = _made(function)
        function._perfcore_windows = (function, made)  # type: ignore[attr-defined]
    return made


def _made(function: Callable) -> _jit.CFunction:
    try:
        key = compiled_as(function)
    except (TypeError, ValueError):  # ValueError: of a closure that is empty as yet
        return _jit.windows_function(function)
    if key not in _MADE:
        made = _jit.windows_function(function)
        if len(_MADE) >= _N_MADE:
            _MADE.clear()
        _MADE[key] = made
    return _MADE[key]


def warmup(*functions: Any) -> None:
    """Compile now what would be when first used: what `compiled` made, and functions of windows or groups."""
    for function in functions:
        if isinstance(function, CompiledFunction):
            function.warmup()
        else:
            _c_function(python_function(function, "warmup"))


@describes
def apply(
    function: Callable,
    window: Any = None,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    skip_missing: bool = True,
) -> WindowFunction:
    """What a function says of each window, for `RollingFeatures`; see `rolling_apply`."""
    return WindowFunction.of("apply", function, Window.of(window, min_periods, closed), skip_missing)


def rolling_apply(
    x: Any,
    window: Any,
    function: Callable,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    skip_missing: bool = True,
    by: Any = None,
    on: Any = None,
    n_threads: int | None = None,
) -> Any:
    """What a function says of the cells of each window.

    Parameters
    ----------
    x, window, min_periods, closed, by, on, n_threads
        As those of `rolling_mean`.
    function : a Python function of a 1-D array, of what Numba compiles
        It runs without the GIL. An error that it raises is an `InputError` with the row. It is compiled once; one that
        is written anew at each call, as a lambda is, too, where what it takes from outside are numbers, texts and
        tuples of these, numpy and math, or builtins.
    skip_missing : bool, default True
        Missing cells are left out of what the function sees; otherwise they are NaN in it. ``min_periods`` counts
        those that are there, and the function is never called with none.
    """
    feature = apply(function, window, min_periods=min_periods, closed=closed, skip_missing=skip_missing)
    return _applied(feature, x, by, on, n_threads)


def expanding_apply(
    x: Any,
    function: Callable,
    *,
    min_periods: int | None = None,
    closed: str | None = None,
    skip_missing: bool = True,
    by: Any = None,
    n_threads: int | None = None,
) -> Any:
    """What a function says of the cells of all rows so far; see `rolling_apply`."""
    feature = apply(function, None, min_periods=min_periods, closed=closed, skip_missing=skip_missing)
    return _applied(feature, x, by, None, n_threads)


def group_apply(x: Any, by: Any, function: Callable, *, min_periods: int = 1, n_threads: int | None = None) -> Any:
    """What a function says of a group's cells that are there, for each of its rows; see `rolling_apply`.

    ``by``: keys (a series, or a list of several); a row without a key gets none.
    """
    feature = WindowFunction.of("group_apply", function, Window.of(None, min_periods))
    return _applied(feature, x, by, None, n_threads)


def _applied(feature: WindowFunction, x: Any, by: Any, on: Any, n_threads: int | None) -> Any:
    (told,) = compute_cells([feature], [x], by=by, on=on, n_threads=n_threads)
    row = first_raised(told)
    if row is not None:
        name = feature.function.__qualname__
        raise InputError(f"{name} raised an error in row {row}, called with its window's cells")
    return like(x, told)
