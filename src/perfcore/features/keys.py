"""Groups: which rows of a table belong together, by one column of keys or several; found once, used by all features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._ext import features as _compiled
from ..errors import InputError
from .column import Keys, keys


class Groups(NamedTuple):
    """Rows that belong together.

    A row that lacks a key belongs to no group: its code is -1, and ``order`` leaves it out.

    Attributes
    ----------
    codes : numpy.ndarray of int64
        The group of each row, numbered as they appear.
    order : numpy.ndarray of int64, or None
        The rows group by group, as they come within each; None where they lie so.
    bounds : numpy.ndarray of int64
        Where each group begins in the order, and at last where all end.
    firsts : numpy.ndarray of int64
        The first row of each group.
    """

    codes: np.ndarray
    order: np.ndarray | None
    bounds: np.ndarray
    firsts: np.ndarray

    def __len__(self) -> int:
        """Groups."""
        return len(self.firsts)

    @classmethod
    def of(cls, columns: Sequence[Keys]) -> Groups:
        """By keys that were read; several columns are one key."""
        codes, firsts = _compiled.encode(columns[0].cells, columns[0].absent)
        for each in columns[1:]:
            inner, inner_firsts = _compiled.encode(each.cells, each.absent)
            absent = (codes < 0) | (inner < 0)
            codes, firsts = _compiled.encode(codes * max(len(inner_firsts), 1) + inner, absent)
        return cls(codes, *_compiled.arrange(codes, len(firsts)), firsts)


def groups(by: Any, n_rows: int | None = None, name: str = "by") -> Groups:
    """The groups that a series of keys makes, or a list (a tuple, a dict) of several series of one length.

    Keys are whole numbers, floats, bool, text, categories, dates or timestamps, in any library's series.
    """
    return Groups.of(_columns(by, n_rows, name))


def arranged(by: Any, n_rows: int) -> tuple[np.ndarray | None, np.ndarray]:
    """The order and the bounds of `groups`; of keys in ascending order at once."""
    columns = _columns(by, n_rows, "by")
    if len(columns) == 1 and columns[0].absent is None:
        bounds = _compiled.ascending(columns[0].cells)
        if bounds is not None:
            return None, bounds
    found = Groups.of(columns)
    return found.order, found.bounds


def _columns(by: Any, n_rows: int | None, name: str) -> list[Keys]:
    several = _several(by)
    columns = [keys(each, f"{name}[{i!r}]" if several else name) for i, each in (several or {0: by}).items()]
    lengths = {len(each.cells) for each in columns}
    if n_rows is not None:
        lengths.add(n_rows)
    if len(lengths) != 1:
        raise InputError(
            f"{name}: expected {n_rows or 'equally many'} keys, got {[len(each.cells) for each in columns]}"
        )
    return columns


def _several(by: Any) -> dict[Any, Any]:
    if isinstance(by, dict):
        return by
    series = isinstance(by, list | tuple) and len(by) > 0 and all(hasattr(each, "__len__") for each in by)
    return dict(enumerate(by)) if series and not any(isinstance(each, str | bytes) for each in by) else {}
