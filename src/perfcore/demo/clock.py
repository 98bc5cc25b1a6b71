"""Timing of several calls against one another, in turn."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

Calls = Mapping[str, Callable[[], Any]]


def interleaved(calls: Calls, *, rounds: tuple[int, int], seconds: float, least: float = 0.0) -> dict[str, np.ndarray]:
    """Seconds a call takes: for each name one number a round.

    The calls take turns (A B, B A, A B, ...), so that what else the machine does meets all of them alike.

    Parameters
    ----------
    calls : name -> what to time; each is called once beforehand, to warm up and to see how long it takes
    rounds : the least and the most numbers for each name
    seconds : how long all rounds are to last together; it decides between the least and the most
    least : seconds a round is to last for each name; a short call is repeated and the mean taken
    """
    first = {name: max(_mean(call, 1), 1e-9) for name, call in calls.items()}
    repeats = {name: max(1, math.ceil(least / once)) for name, once in first.items()}
    a_round = sum(repeats[name] * once for name, once in first.items())
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(int(np.clip(seconds / a_round, *rounds))):
            for name in order:
                taken[name].append(_mean(calls[name], repeats[name]))
            order.reverse()
    finally:
        if was_enabled:
            gc.enable()
    return {name: np.array(each) for name, each in taken.items()}


def _mean(call: Callable[[], Any], repeats: int) -> float:
    turns = range(repeats)
    begin = perf_counter()
    for _ in turns:
        call()
    return (perf_counter() - begin) / repeats


class Ratio(NamedTuple):
    """How many times as long one side takes as the other: the median of the rounds, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, slow: np.ndarray, fast: np.ndarray) -> Ratio:
        """Both by round: what was measured side by side is divided."""
        quotients = slow / fast
        low, median, high = np.quantile(quotients, [0.25, 0.5, 0.75])
        return cls(float(median), float(low), float(high))
