"""Feature: what is to be known of each row, described; compiled code makes it of series, batch or stream."""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from ..errors import ConfigurationError

CLOSED = {"left": 1, "right": 2, "both": 3, "neither": 0}
_DAY = 86_400 * 10**9
_UNITS = {
    "W": 7 * _DAY, "w": 7 * _DAY, "D": _DAY, "d": _DAY, "H": 3_600 * 10**9, "h": 3_600 * 10**9, "min": 60 * 10**9,
    "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1,
}  # fmt: skip
_PART = re.compile(r"\s*(\d+)\s*([A-Za-z]+)\s*", re.ASCII)


@dataclass(frozen=True)
class Window:
    """Which rows a feature looks at: the last so many, those of so much time, or, with neither, all so far."""

    rows: int | None = None
    nanoseconds: int | None = None
    closed: str = "right"
    min_periods: int = 1

    @classmethod
    def of(cls, window: Any, min_periods: int | None = None, closed: str | None = None) -> Window:
        """From what a user writes: rows (5), time ("30D", a timedelta), or None for all rows so far.

        ``min_periods`` is, unless given, all rows of a window of rows, and otherwise 1.
        """
        closed = "right" if closed is None else closed
        if not isinstance(closed, str) or closed not in CLOSED:
            raise ConfigurationError(f"closed={closed!r}: allowed are {', '.join(map(repr, CLOSED))}")
        rows = nanoseconds = None
        if window is not None:
            rows = _rows(window)
            nanoseconds = _nanoseconds(window) if rows is None else None
        return cls(rows, nanoseconds, closed, _min_periods(min_periods, rows))

    def __str__(self) -> str:
        """As names of columns have it: 20, 30D; nothing for all rows so far."""
        if self.rows is not None:
            return str(self.rows)
        if self.nanoseconds is None:
            return ""
        unit = next(each for each in ("D", "h", "min", "s", "ms", "us", "ns") if self.nanoseconds % _UNITS[each] == 0)
        return f"{self.nanoseconds // _UNITS[unit]}{unit}"

    def integers(self) -> dict[str, int]:
        """What compiled code is told of it."""
        told = {"closed": CLOSED[self.closed], "min_periods": self.min_periods}
        if self.rows is not None:
            told["rows"] = self.rows
        if self.nanoseconds is not None:
            told["time"] = self.nanoseconds
        return told


def _rows(window: Any) -> int | None:
    if isinstance(window, (bool, np.bool_, np.timedelta64)):
        if isinstance(window, np.timedelta64):
            return None
        raise _no_window(window)
    try:
        rows = operator.index(window)
    except TypeError:
        return None
    if not 1 <= rows < 2**40:
        raise _no_window(window)
    return rows


def _nanoseconds(window: Any) -> int:
    nanoseconds = 0
    if isinstance(window, timedelta):
        nanoseconds = ((window.days * 86_400 + window.seconds) * 10**6 + window.microseconds) * 1_000
        nanoseconds += getattr(window, "nanoseconds", 0)  # pandas' Timedelta has them
    elif isinstance(window, np.timedelta64):
        with suppress(OverflowError):  # beyond its range, from NumPy 2.5 on; before, it wraps around
            exact = window.astype("m8[ns]")
            if exact.astype(window.dtype) == window:  # nor cut off
                nanoseconds = int(exact.astype(np.int64))
    elif isinstance(window, str):
        nanoseconds = _written_out(window)
    elif hasattr(window, "freqstr") and hasattr(window, "n"):  # pandas' offsets; one of 1 is written without its number
        nanoseconds = _written_out(window.freqstr if window.n != 1 else f"1{window.freqstr}")
    if not 1 <= nanoseconds < 2**63:
        raise _no_window(window)
    return nanoseconds


def _written_out(window: str) -> int:
    """Nanoseconds of "30D", "1D12h", "500ms", each unit once; 0 for what is no time."""
    parts = _PART.findall(window)
    units = [unit for _, unit in parts]
    if _PART.sub("", window) or not {*units} <= {*_UNITS} or len({_UNITS[unit] for unit in units}) < len(units):
        return 0
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _no_window(window: Any) -> ConfigurationError:
    told = f"a {type(window).__qualname__}" if is_series(window) else repr(window)
    return ConfigurationError(
        f"window={told}: allowed are a number of rows from 1, a time (a timedelta, or numbers and units, "
        f"of {', '.join(_UNITS)}: '30D', '1D12h'), and None for all rows so far"
    )


def _min_periods(min_periods: Any, rows: int | None) -> int:
    if min_periods is None:
        return 1 if rows is None else rows
    try:
        count = -1 if isinstance(min_periods, bool) else operator.index(min_periods)
    except TypeError:
        count = -1
    if not 0 <= count < 2**40 or (rows is not None and count > rows):
        most = " to 2**40 - 1" if rows is None else f" to the window's {rows}"
        raise ConfigurationError(f"min_periods={min_periods!r}: allowed are whole numbers from 0{most}")
    return count


@dataclass(frozen=True, repr=False)
class Feature:
    """One feature of one or more columns, as compiled code knows it by its kind.

    Made by the functions of `perfcore.features` (``mean(20)``, ``rsi(14)``), given to `RollingFeatures`.

    Attributes
    ----------
    kind : str
        Its name in ``_ext/include/perfcore/features/make.hpp``.
    label : str
        What follows the name of its column in the name of the column it makes: ``mean_20``.
    window : Window or None
        The rows it looks at; None where its kind has no window.
    integers, numbers : mappings
        Its other options, as compiled code reads them.
    n_inputs : int
        How many columns it takes.
    outputs : tuple of str
        What is added to the label for each column that it makes; one empty text for one column.
    written : str
        The call that made it, as its `repr` is.
    """

    kind: str
    label: str
    window: Window | None = None
    integers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    n_inputs: int = 1
    outputs: tuple[str, ...] = ("",)
    written: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return self.written or f"{type(self).__name__}({self.label!r})"

    def compiled(self, columns: tuple[int, ...]) -> tuple[str, tuple[int, ...], dict[str, int], dict[str, float]]:
        """As `perfcore._ext.features.Plan` takes it, of these columns of a table."""
        window = {} if self.window is None else self.window.integers()
        return self.kind, columns, {**window, **self.integers}, dict(self.numbers)

    def __getstate__(self) -> dict[str, Any]:
        """For pickles, which take no read-only mappings."""
        return {name: dict(cell) if isinstance(cell, MappingProxyType) else cell for name, cell in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __deepcopy__(self, memo: Any) -> Feature:
        return self


Describing = TypeVar("Describing", bound=Callable[..., Any])


def describes(function: Describing) -> Describing:
    """Decorator of what makes features: a feature is shown as the call that made it, ``f.mean(20)``."""
    signature = inspect.signature(function)
    name = function.__name__
    takes_series = "by" in signature.parameters  # and answers with one where it gets one
    room = function.__module__.rpartition(".")[2]
    instead = {"indicators": f"; of a series, f.ta.{name}", "group_features": ""}.get(
        room, f"; of a series, f.rolling_{name}"
    )

    @functools.wraps(function)
    def made(*args: Any, **options: Any) -> Any:
        if args and is_series(args[0]) and not takes_series:
            raise ConfigurationError(
                f"f.{name} describes a feature for RollingFeatures or GroupFeatures, and takes no series, got a "
                f"{type(args[0]).__qualname__}{instead}"
            )
        feature = function(*args, **options)
        if isinstance(feature, Feature):
            object.__setattr__(feature, "written", _written(name, signature.bind(*args, **options)))
        return feature

    return made  # type: ignore[return-value]


def _written(name: str, call: inspect.BoundArguments) -> str:
    parameters = call.signature.parameters
    parts: list[str] = []
    for each, given in call.arguments.items():
        parameter = parameters[each]
        if parameter.kind is not parameter.KEYWORD_ONLY:
            parts.append(_shown(given) if len(parts) == list(parameters).index(each) else f"{each}={_shown(given)}")
        elif type(given) is not type(parameter.default) or given != parameter.default:
            parts.append(f"{each}={_shown(given)}")
    return f"f.{name}({', '.join(parts)})"


def _shown(given: Any) -> str:
    return given.__qualname__ if inspect.isfunction(given) else repr(given)


def is_series(told: Any) -> bool:
    return hasattr(told, "__len__") and not isinstance(told, str | bytes)
