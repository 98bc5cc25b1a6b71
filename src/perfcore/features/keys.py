"""Groups: which rows of a table belong together, by one column of keys or several; found once, used by all features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._ext import features as _compiled
from ..errors import InputError
from .column import Keys, keys


class Groups:
    """Rows that belong together.

    A row that lacks a key belongs to no group: its code is -1, and ``order`` leaves it out.

    Attributes
    ----------
    firsts : numpy.ndarray of int64
        The first row of each group.
    """

    def __init__(self, firsts: np.ndarray, *, codes: np.ndarray | None = None, bounds: np.ndarray | None = None):
        """By the codes of rows, or by the bounds of groups that lie together."""
        self.firsts = firsts
        self._codes = codes
        self._arranged: tuple[np.ndarray | None, np.ndarray] | None = None if bounds is None else (None, bounds)

    def __len__(self) -> int:
        """Groups."""
        return len(self.firsts)

    @property
    def order(self) -> np.ndarray | None:
        """The rows (int64) group by group, as they come within each; None where they lie so."""
        return self._in_order()[0]

    @property
    def bounds(self) -> np.ndarray:
        """Where each group begins in the order (int64), and at last where all end."""
        return self._in_order()[1]

    @property
    def codes(self) -> np.ndarray:
        """The group of each row (int64), numbered as they appear."""
        if self._codes is None:
            self._codes = np.repeat(np.arange(len(self)), np.diff(self.bounds))
        return self._codes

    def rows_before(self, n: int) -> np.ndarray:
        """Of each row, the one n rows (from 1) before it in its group (int64); -1 where there is none."""
        if self._codes is None:
            return _compiled.rows_before_in_order(n, self.bounds)
        return _compiled.rows_before(n, self._codes, len(self))

    def _in_order(self) -> tuple[np.ndarray | None, np.ndarray]:
        if self._arranged is None:
            self._arranged = _compiled.arrange(self.codes, len(self))
        return self._arranged

    @classmethod
    def of(cls, columns: Sequence[Keys]) -> Groups:
        """By keys that were read; several columns are one key."""
        absent = [None if each.absent is None or not each.absent.any() else each.absent for each in columns]
        if len(columns) == 1 and absent[0] is None:
            bounds = _compiled.ascending(columns[0].cells)
            if bounds is not None:
                return cls(bounds[:-1], bounds=bounds)
        codes, firsts = _coded(columns[0], absent[0])
        for each, lacks in zip(columns[1:], absent[1:], strict=True):
            inner, inner_firsts = _coded(each, lacks)
            codes, firsts = _compiled.encode(codes * max(len(inner_firsts), 1) + inner, (codes < 0) | (inner < 0))
        return cls(firsts, codes=codes)


def _coded(column: Keys, absent: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    return _compiled.encode(column.cells, absent) if column.firsts is None else (column.cells, column.firsts)


def groups(by: Any, n_rows: int | None = None, name: str = "by") -> Groups:
    """The groups that a series of keys makes, or a list (a tuple, a dict) of several series of one length.

    Keys are whole numbers, floats, bool, text, categories, dates or timestamps, in any library's series.
    """
    return Groups.of(_columns(by, n_rows, name))


def arranged(by: Any, n_rows: int) -> tuple[np.ndarray | None, np.ndarray]:
    """The order and the bounds of `groups`; of keys in ascending order at once."""
    found = groups(by, n_rows)
    return found.order, found.bounds


def named_keys(by: Any, name: str = "by") -> list[tuple[str, Any]]:
    """The series of keys that a user gives, each with what errors call it."""
    several = _several(by)
    return [(f"{name}[{i!r}]", each) for i, each in several.items()] if several else [(name, by)]


def _columns(by: Any, n_rows: int | None, name: str) -> list[Keys]:
    columns = [keys(each, called) for called, each in named_keys(by, name)]
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
