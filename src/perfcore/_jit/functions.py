"""Python functions compiled to C functions, which any loop may call, without the GIL."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import extras
from ..errors import ConfigurationError
from .reasons import reason

# RAISED_BITS of _ext/include/perfcore/features/map.hpp.
RAISED = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000EEE))[0]

# Numba compiles no call of a number of arguments that is not written down.
_ROWS = """
def call(columns, n, out):
    {names} = {columns}
    for i in range(n):
        try:
            out[i] = function({cells})
        except Exception:
            out[i] = RAISED
"""


class CFunction(NamedTuple):
    """A C function; it is there as long as this object is."""

    address: int
    owner: Any


def rows_function(function: Callable, n_columns: int, cache: bool) -> CFunction:
    """``void (*)(const double *const *columns, int64_t n, double *out)`` of a function of numbers, a call a row."""
    numba = extras.require("numba", f"{function.__qualname__}, to be compiled,")
    float64, cells = numba.float64, numba.types.CPointer(numba.float64)
    inner = _compiled(numba, function, float64(*[float64] * n_columns), cache)
    names = [f"x{j}" for j in range(n_columns)]
    source = _ROWS.format(
        names=", ".join(names),
        columns=", ".join(f"columns[{j}]" for j in range(n_columns)),
        cells=", ".join(f"{name}[i]" for name in names),
    )
    space: dict[str, Any] = {"function": inner, "RAISED": RAISED}
    exec(source, space)
    with _one_row_as_many(numba):
        outer = numba.cfunc(numba.void(numba.types.CPointer(cells), numba.int64, cells))(space["call"])
    return CFunction(outer.address, outer)


@contextmanager
def _one_row_as_many(numba: Any) -> Iterator[None]:
    """No SIMD over rows where Numba has found Intel's SVML: of many rows it calls SVML's exp, of the last few libm's.

    The two differ in the last bit, of exp in 4 % of cells, of tanh in 44 %; so would a batch and its stream.
    """
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock:
        kept = numba.config.LOOP_VECTORIZE
        numba.config.LOOP_VECTORIZE = 0 if numba.config.USING_SVML else kept
        try:
            yield
        finally:
            numba.config.LOOP_VECTORIZE = kept


def windows_function(function: Callable) -> CFunction:
    """Of a function of an array, a call for each of n windows of cells:

    ``void (*)(const double *cells, const int64_t *begins, const int64_t *ends, int64_t n, double *out)``
    """
    numba = extras.require("numba", f"{function.__qualname__}, to be compiled,")
    float64, numbers = numba.types.CPointer(numba.float64), numba.types.CPointer(numba.int64)
    # Read-only: the cells are the table's own, and those of the next window.
    array = numba.types.Array(numba.float64, 1, "C", readonly=True)
    inner = _compiled(numba, function, numba.float64(array), False)
    carray = numba.carray

    def call(cells: Any, begins: Any, ends: Any, n: Any, out: Any) -> None:
        for i in range(n):
            try:
                out[i] = inner(carray(cells, (ends[i],))[begins[i] :])
            except Exception:
                out[i] = RAISED

    outer = numba.cfunc(numba.void(float64, numbers, numbers, numba.int64, float64))(call)
    return CFunction(outer.address, outer)


def _compiled(numba: Any, function: Callable, signature: Any, cache: bool) -> Any:
    try:
        # error_model: x / 0 is an infinity or NaN, as numpy's. boundscheck: beside a window lie rows that it must not
        # see, and beyond the series no memory of ours.
        return numba.njit(signature, nogil=True, error_model="numpy", boundscheck=True, cache=cache)(function)
    except Exception as error:  # Numba's own, or whatever looking up a name raised
        raise ConfigurationError(reason(function, error)) from error
