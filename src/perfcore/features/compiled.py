"""compiled(): a function of numbers that only the user knows, compiled by Numba."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np

from .. import _jit, threads
from .._ext.features import Plan
from ..errors import ConfigurationError, InputError
from .column import is_null_default, numbers
from .feature import Feature
from .series import like, same_index

RAISED_BITS = np.float64(_jit.RAISED).view(np.uint64)
MAX_INPUTS = 16  # of _ext/include/perfcore/features/feature.hpp
PIECE = 1 << 16  # rows that a thread takes at a time


@dataclass(frozen=True, eq=False, repr=False)
class CompiledFunction(Feature):
    """What `compiled` makes of a function: called like it, with columns instead of numbers; a feature of each row.

    Attributes
    ----------
    function : the Python function
    address : int
        The C function ``void (*)(const double *const *columns, int64_t n, double *out)``; asking for it compiles. It is
        there as long as this object is.
    """

    function: Callable = field(default=lambda: 0.0)
    arguments: tuple[str, ...] = ()
    cache: bool = False
    _made: dict[Any, Any] = field(default_factory=dict)  # the C function; a plan for each rule of what is missing

    @classmethod
    def of(cls, function: Any, cache: bool) -> CompiledFunction:
        function = python_function(function, "compiled")
        arguments = _arguments(function)
        n = len(arguments)
        label = function.__name__.strip("<>")
        made = cls("map", label, None, {"n_inputs": n}, {}, n, function=function, arguments=arguments, cache=cache)
        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            object.__setattr__(made, name, getattr(function, name))
        object.__setattr__(made, "__wrapped__", function)
        return made

    @property
    def address(self) -> int:
        if "c" not in self._made:  # of threads that ask at once the first's stays: an address may be out already
            self._made.setdefault("c", _jit.rows_function(self.function, self.n_inputs, self.cache))
        return self._made["c"].address

    def warmup(self) -> CompiledFunction:
        """Compile now, not when first called; returns itself."""
        _ = self.address
        return self

    def compiled(self, columns: tuple[int, ...]) -> tuple[str, tuple[int, ...], dict[str, int], dict[str, float]]:
        kind, columns, integers, more = super().compiled(columns)
        return kind, columns, {**integers, "function": self.address}, more

    def __call__(self, *columns: Any, n_threads: int | None = 1) -> Any:
        """The function of each row: numbers, arrays of any shape, series of pandas, polars or Arrow, broadcast.

        Cells are float64, and so is the answer, in the kind of the first that is no plain array or number. The null of
        Arrow and polars makes the answer null; NaN goes in as it is.

        A function of several columns takes one table of just these as well, an array or a data frame of pandas, as
        scikit-learn's FunctionTransformer hands it over: the answer is a table of one column.
        """
        if len(columns) == 1 < self.n_inputs and np.ndim(columns[0]) == 2:
            return self._of_table(columns[0], n_threads)
        if len(columns) != self.n_inputs:
            raise InputError(f"{self!r} takes {self.n_inputs} columns, got {len(columns)}")
        series = [x for x in columns if not isinstance(x, np.ndarray | list | tuple) and hasattr(x, "__len__")]
        if any(map(_is_frame, series)):
            return self._of_frames(columns, series, n_threads)
        cells = [_cells(x, name) for x, name in zip(columns, self.arguments, strict=True)]
        shape = _shape(cells, repr(self))
        flat = [each if each.shape == shape else np.ascontiguousarray(np.broadcast_to(each, shape)) for each in cells]
        flat = [each.reshape(-1) for each in flat]
        nan_is_missing = not series or is_null_default(series[0])
        out = self._rows(flat, nan_is_missing, threads.resolve(n_threads)).reshape(shape)
        if series:
            same_index(zip(self.arguments, columns, strict=True))
            return like(series[0], out)
        return out if any(isinstance(x, np.ndarray | list | tuple) for x in columns) else float(out)

    def _of_table(self, table: Any, n_threads: int | None) -> Any:
        cells = _matrix(table) if _is_frame(table) else np.asarray(table)
        if cells.shape[1] != self.n_inputs:
            raise InputError(f"{self!r} takes {self.n_inputs} columns, got a table of {cells.shape[1]}")
        out = self(*cells.T, n_threads=n_threads)[:, None]
        return _framed(table, out, [self.label]) if _is_frame(table) else out

    def _of_frames(self, columns: tuple[Any, ...], series: list[Any], n_threads: int | None) -> Any:
        first = series[0]
        if not all(_is_frame(x) and x.columns.equals(first.columns) for x in series):
            raise InputError(f"{self!r}: expected data frames of the same columns, arrays and numbers")
        same_index(zip(self.arguments, columns, strict=True))
        cells = self(*(_matrix(x) if _is_frame(x) else x for x in columns), n_threads=n_threads)
        return _framed(first, cells, first.columns)

    def _rows(self, columns: list[np.ndarray], nan_is_missing: bool, n_threads: int) -> np.ndarray:
        if nan_is_missing not in self._made:
            self._made[nan_is_missing] = Plan(self.n_inputs, [self.compiled((*range(self.n_inputs),))], nan_is_missing)
        n = len(columns[0])
        n_pieces = min(4 * n_threads, n // PIECE)
        bounds = np.linspace(0, n, n_pieces + 1).astype(np.int64) if n_pieces > 1 else None
        (out,) = self._made[nan_is_missing].run(columns, bounds=bounds, n_threads=n_threads)
        row = first_raised(out)
        if row is not None:
            raise self.error_of(row, [float(column[row]) for column in columns])
        return out

    def error_of(self, row: int, cells: list[float]) -> Exception:
        """What the function raised in a row: what it raises of the same cells as Python, with the place as its note."""
        place = f"in row {row}, of {', '.join(map(str, cells))}"
        try:
            self.function(*cells)
        except Exception as error:
            error.add_note(f"raised by {self!r} {place}")
            return error
        return InputError(f"{self!r} raised an error {place}; as Python, it raises none")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompiledFunction) and other.function is self.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return f"compiled {self.function.__qualname__}({', '.join(self.arguments)})"

    def __reduce__(self) -> Any:
        """By name, as functions are; one that has none (a lambda, a local function), by its function."""
        found: Any = sys.modules.get(self.function.__module__)
        for part in self.function.__qualname__.split("."):
            found = getattr(found, part, None)
        return self.function.__qualname__ if found is self else (CompiledFunction.of, (self.function, self.cache))


def compiled(function: Any = None, *, cache: bool = False) -> Any:
    """Decorator: a function of numbers that returns a number, compiled when it is first called.

    What is made is called with numbers, arrays or series, element by element, without the GIL; it is a feature for
    `RollingFeatures`, and a scikit-learn pipeline's FunctionTransformer takes it. ``x / 0`` is an infinity or NaN, as
    numpy's. Where the function raises an error the call does; in the features of a table, the cell is NaN.

    Parameters
    ----------
    function : a Python function of up to 16 numbers, of what Numba compiles
    cache : bool, default False
        Keep the machine code in the folder of the function's file (or ``NUMBA_CACHE_DIR``) for the next process.
        Numba's cache goes by the file's date, and is not made for many processes that write at once.

    Examples
    --------
    >>> @f.compiled
    ... def spread(high, low):
    ...     return (high - low) / low
    >>> spread(bars["high"], bars["low"])
    """
    if function is None:
        return functools.partial(compiled, cache=cache)
    return CompiledFunction.of(function, cache)


def first_raised(out: np.ndarray) -> int | None:
    """The first row where the function raised an error."""
    at = out.view(np.uint64) == RAISED_BITS
    return int(at.argmax()) if at.any() else None


def python_function(function: Any, name: str) -> Callable:
    function = getattr(function, "py_func", function)  # Numba's own
    if not isinstance(function, FunctionType):
        raise ConfigurationError(f"{name}: expected a Python function (def or lambda), got {function!r}")
    return function


def _arguments(function: Callable) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters
    for each in parameters.values():
        if each.kind not in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) or each.default is not each.empty:
            raise ConfigurationError(
                f"compiled: {function.__qualname__} takes {each}; allowed are columns, without defaults, * and **"
            )
    if not 1 <= len(parameters) <= MAX_INPUTS:
        raise ConfigurationError(
            f"compiled: {function.__qualname__} takes {len(parameters)} columns; allowed are 1 to {MAX_INPUTS}"
        )
    return tuple(parameters)


def _cells(x: Any, name: str) -> np.ndarray:
    """As contiguous float64, of any shape."""
    if type(x) is np.ndarray and x.dtype == np.float64 and x.flags.carray:
        return x
    if isinstance(x, np.ndarray | list | tuple) or not hasattr(x, "__len__"):
        array = x if isinstance(x, np.ndarray) else np.asarray(x)
        return numbers(array.reshape(-1), name).reshape(array.shape)
    return numbers(x, name)


def _shape(cells: list[np.ndarray], name: str) -> tuple[int, ...]:
    if len({each.shape for each in cells}) == 1:
        return cells[0].shape
    try:
        return np.broadcast_shapes(*(each.shape for each in cells))
    except ValueError as error:
        raise InputError(f"{name}: shapes {[each.shape for each in cells]} do not fit") from error


def _is_frame(x: Any) -> bool:
    return hasattr(x, "iloc") and hasattr(x, "columns")


def _framed(x: Any, cells: np.ndarray, columns: Any) -> Any:
    return type(x)(cells, index=x.index, columns=columns, copy=False)  # as the cells lie: pandas 3 would turn them


def _matrix(frame: Any) -> np.ndarray:
    cells = np.empty(frame.shape)
    for j, name in enumerate(frame.columns):
        cells[:, j] = numbers(frame.iloc[:, j], name)
    return cells
