"""Which small type keeps every one of some numbers, and which of new numbers a type would not keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@dataclass(frozen=True)
class Numbers:
    """A column's numbers: integers or floats of any width, anything where a cell is missing."""

    values: np.ndarray
    missing: np.ndarray | None = None  # None where no cell is
    spare: int = 0  # bytes a cell that an integer type for these takes beside its value: a mask's

    @classmethod
    def none(cls, n_rows: int) -> Numbers:
        """Of a column whose cells are all missing."""
        return cls(np.zeros(n_rows), np.ones(n_rows, bool))

    @property
    def present(self) -> np.ndarray:
        return self.values if self.missing is None else self.values[~self.missing]


def titled(name: str) -> str:
    """numpy's name of a type as pandas' nullable types and polars write it."""
    return name.replace("ui", "UI").replace("i", "I").replace("f", "F")


def integer(low: int, high: int) -> str | None:
    """The smallest integer type from ``low`` to ``high``, signed where two are equally small."""
    for name in INTEGERS:
        bounds = np.iinfo(name)
        if bounds.min <= low and high <= bounds.max:
            return name
    return None


def smallest(numbers: Numbers, tolerance: float) -> str | None:
    """The name of the smallest numpy type that keeps all; None where there are no values to judge by."""
    present = numbers.present
    if not len(present):
        return None
    if present.dtype.kind in "iu":
        name = integer(int(present.min()), int(present.max()))
        return name if name and np.dtype(name).itemsize < present.dtype.itemsize else present.dtype.name
    best = f"float{8 * present.dtype.itemsize}"
    for name in ("float32", "float64"):
        if np.dtype(name).itemsize < present.dtype.itemsize and not not_floats(present, name, tolerance).any():
            best = name
            break
    whole = _integer_of_floats(present)
    spare = numbers.spare if numbers.missing is not None else 0
    return whole if whole and np.dtype(whole).itemsize + spare < np.dtype(best).itemsize else best


def _integer_of_floats(present: np.ndarray) -> str | None:
    low, high = present.min(), present.max()
    if not (-(2.0**63) <= low and high < 2.0**64):  # nor is NaN
        return None
    name = integer(int(low), int(high))
    return name if name and not not_integers(present, name).any() else None


def not_integers(values: np.ndarray, name: str) -> np.ndarray:
    """Which of the values the integer type does not keep; it has no -0.0."""
    bounds = np.iinfo(name)
    if values.dtype.kind in "iu":
        return (values < int(bounds.min)) | (values > int(bounds.max))
    inside = (values >= float(bounds.min)) & (values < float(bounds.max + 1))  # both are powers of two, or 0
    return ~(inside & (np.trunc(values) == values)) | ((values == 0) & np.signbit(values))


def not_floats(values: np.ndarray, name: str, tolerance: float) -> np.ndarray:
    """Which of the values the float type does not keep within the relative tolerance."""
    too_long = np.zeros(len(values), bool)
    if values.dtype.kind in "iu":
        floats = values.astype(np.float64)
        inside = floats < float(np.iinfo(values.dtype).max + 1)  # a power of two
        too_long = np.where(inside, floats, 0.0).astype(values.dtype) != values
        values = floats
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kept = values.astype(name).astype(values.dtype)
        same = (kept == values) | (np.isnan(kept) & np.isnan(values))
        if tolerance:
            same |= np.isfinite(kept) & (np.abs(kept - values) <= tolerance * np.abs(values))
    return ~same | too_long


def refusal(numbers: Numbers, name: str, holds_missing: bool, tolerance: float) -> str | None:
    """What the type allows, and which cell comes that it does not keep; None where it keeps all."""
    missing = numbers.missing
    if missing is not None and missing.any() and not holds_missing:
        return f"{name} holds no missing cells; one came, in row {int(missing.argmax())}"
    is_integer = np.dtype(name).kind in "iu"
    wrong = not_integers(numbers.values, name) if is_integer else not_floats(numbers.values, name, tolerance)
    if missing is not None:
        wrong &= ~missing
    if not wrong.any():
        return None
    row = int(wrong.argmax())
    value = numbers.values[row].item()
    if is_integer:
        bounds = np.iinfo(name)
        return f"{name} holds the integers from {bounds.min} to {bounds.max}; {value!r} came, in row {row}"
    within = f" within a relative {tolerance:g}" if tolerance else " exactly"
    return f"{name} holds what it keeps{within}; {value!r} came, in row {row}"
