"""tune_batch_size(): which batches give the most answers a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..amounts import whole
from ..errors import ConfigurationError
from .rows import number_of

ROUNDS = 5
SECONDS = 0.05  # a size is called at least so long in a round


@dataclass(frozen=True)
class BatchSizes:
    """What `tune_batch_size` found.

    Attributes
    ----------
    throughput : handled requests a second, by batch size; the median of the rounds
    handled : requests that were answered, by batch size
    best : the smallest size within 5 % of the highest throughput
    """

    throughput: dict[int, float]
    handled: dict[int, int]
    best: int

    def __str__(self) -> str:
        lines = [f"{size:>8,} a batch  {each:>12,.0f} a second" for size, each in self.throughput.items()]
        return "\n".join([*lines, f"best: {self.best:,}"])


def tune_batch_size(
    function: Callable[[list], Sequence], make_request: Callable[[], Any], sizes: Sequence[int] = (1, 10, 100, 1000)
) -> BatchSizes:
    """Measure a function over batches of several sizes, in turn.

    Parameters
    ----------
    function : from a list of requests to their answers
        What counts is what it answers: requests that it leaves unanswered are not handled. More answers than requests
        are an error.
    make_request : makes a request; all are made before any is timed
    sizes : whole numbers from 1

    Raises
    ------
    ConfigurationError
        For sizes outside what is allowed, and where not one request is answered, or more than there are.
    Exception
        Whatever the function raises.
    """
    if not isinstance(sizes, Iterable):
        raise ConfigurationError(f"sizes={sizes!r}: allowed are lists of whole numbers from 1")
    sizes = list(dict.fromkeys(whole("sizes", size) for size in sizes))
    if not sizes:
        raise ConfigurationError("sizes is empty: give whole numbers from 1")
    batches = {size: [make_request() for _ in range(size)] for size in sizes}
    rates: dict[int, list[float]] = {size: [] for size in sizes}
    handled = dict.fromkeys(sizes, 0)
    for number in range(ROUNDS):
        for size in sizes if number % 2 == 0 else sizes[::-1]:
            n, seconds = _handled(function, batches[size])
            handled[size] += n
            rates[size].append(n / seconds)
    throughput = {size: median(each) for size, each in rates.items()}
    most = max(throughput.values())
    if most == 0:
        raise ConfigurationError("the function answered none of the requests")
    return BatchSizes(throughput, handled, min(size for size, each in throughput.items() if each >= 0.95 * most))


def _handled(function: Callable[[list], Sequence], batch: list) -> tuple[int, float]:
    n, began = 0, time.perf_counter()
    while True:
        answered = function(batch)
        if (n_answered := number_of(answered)) is None:
            raise ConfigurationError(
                f"the function must return a sequence of answers, got {type(answered).__qualname__}"
            )
        if n_answered > len(batch):
            raise ConfigurationError(f"the function returned {n_answered} answers to {len(batch)} requests")
        n += n_answered
        seconds = time.perf_counter() - began
        if seconds >= SECONDS:
            return n, seconds
