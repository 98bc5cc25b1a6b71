"""Figures as Python's own numbers, texts, lists and dicts: what JSON has, and what is neither numpy's nor anybody's."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np


def plain(figure: Any) -> Any:
    """The same in Python's own types.

    Numbers are an int or a float of the same value; an integer beyond what a float holds is told by its length, in
    words, as no reader of metrics has it. What is no number, list, dict or None is its text.
    """
    if figure is None:
        return None
    if isinstance(figure, bool | np.bool_):
        return bool(figure)
    if isinstance(figure, numbers.Integral):
        whole = int(figure)
        return whole if abs(whole) < 2**1023 else f"an integer of {whole.bit_length()} bits"
    if isinstance(figure, numbers.Real):
        return float(figure)
    if isinstance(figure, dict):
        return {str(name): plain(each) for name, each in figure.items()}
    if isinstance(figure, np.ndarray):
        return plain(figure.tolist())
    if isinstance(figure, list | tuple | set | frozenset):
        return [plain(each) for each in figure]
    return str(figure)
