"""What the fields of a transformer must be, whoever wrote the file that they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import ModelFormatError


def require(holds: bool, what: str) -> None:
    if not holds:
        raise ModelFormatError(what)


def require_numbers(name: str, array: np.ndarray | None, length: int, kinds: str = "iuf") -> None:
    """None, or a number of each."""
    if array is not None:
        fits = array.shape == (length,) and array.dtype.kind in kinds
        require(fits, f"{name}: {array.dtype} {array.shape}, allowed: {length} numbers")


def require_places(name: str, places: Iterable[int], n: int) -> None:
    places = tuple(places)
    require(all(0 <= j < n for j in places), f"{name}: columns {places} of {n}")


def require_categories(name: str, categories: Iterable[np.ndarray]) -> None:
    for known in categories:
        fits = known.ndim == 1 and known.dtype.kind in "biufO"
        require(fits, f"{name}: categories of {known.dtype} {known.shape}, allowed: 1-D, of numbers or plain objects")
        if known.dtype.kind == "O":
            plain = all(each is None or type(each) in (str, bool, int, float) for each in known.tolist())
            require(plain, f"{name}: categories that are no numbers, texts or None")


def require_dtype(name: str, dtype: Any) -> None:
    try:
        fits = np.dtype(dtype).kind in "biuf" and np.dtype(dtype).itemsize <= 8 and np.dtype(dtype) != np.float16
    except (TypeError, ValueError, SyntaxError):
        fits = False
    require(fits, f"{name}: dtype {dtype!r}")
