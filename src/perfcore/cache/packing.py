"""Answers as bytes, a row each: how a predictor's arrays are kept, and become what they were."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np


class Part(NamedTuple):
    """An array of an answer: what each row has of it."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


class Packing(NamedTuple):
    container: str  # "array", or of several arrays "list" or "tuple"
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, answer: Any, n_rows: int) -> Packing | None:
        """How a predictor's answer to so many rows is packed; None where it is no array, or list of arrays, of rows.

        A list of as many arrays as there are rows may have one a row.
        """
        container = type(answer).__name__ if type(answer) in (list, tuple) else "array"
        arrays = [answer] if container == "array" else answer
        if container != "array" and len(answer) in (0, n_rows):
            return None
        if not all(_has_rows(each, n_rows) for each in arrays):
            return None
        packing = cls(container, tuple(Part(each.dtype.str, each.shape[1:]) for each in arrays))
        return packing if packing.width else None

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return sum(part.nbytes for part in self.parts)

    def packed(self, answer: Any) -> np.ndarray:
        """(n_rows, width) of bytes."""
        arrays = [answer] if self.container == "array" else answer
        rows = [_bytes_of(each, part.nbytes) for each, part in zip(arrays, self.parts, strict=True)]
        return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)

    def unpacked(self, rows: np.ndarray) -> Any:
        """The answer of which these are the rows, in C order."""
        if self.container == "array":
            return _array_of(rows, self.parts[0])
        ends = np.cumsum([part.nbytes for part in self.parts])[:-1]
        pieces = (piece.copy() for piece in np.split(rows, ends, axis=1))  # a view of one row may lie anywhere
        arrays = map(_array_of, pieces, self.parts)
        return list(arrays) if self.container == "list" else tuple(arrays)


def _array_of(rows: np.ndarray, part: Part) -> np.ndarray:
    return np.ascontiguousarray(rows).view(part.dtype).reshape(len(rows), *part.shape)


def _has_rows(array: Any, n_rows: int) -> bool:
    is_plain = type(array) is np.ndarray and array.ndim > 0 and array.dtype.kind in "biufcUS"
    return is_plain and len(array) == n_rows


def _bytes_of(array: np.ndarray, width: int) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8).reshape(len(array), width)
