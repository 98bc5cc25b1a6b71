"""An interval for a median, from the order of the values alone: no distribution is assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb


@dataclass(frozen=True)
class Interval:
    low: float
    median: float
    high: float

    def json(self) -> dict[str, float]:
        return asdict(self)


def of_median(values: Sequence[float], level: float = 0.95) -> Interval:
    """The innermost pair of order statistics that holds the median with probability ``level``.

    Of fewer than six values none does so with 95 %; then these are the extremes.
    """
    ordered = sorted(values)
    n, cut = len(ordered), 0
    while 2 * (cut + 1) < n and _outside(n, cut + 1) <= 1 - level:
        cut += 1
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Interval(ordered[cut], median, ordered[n - 1 - cut])


def _outside(n: int, cut: int) -> float:
    """How likely the median lies outside of what is left of n values, ``cut`` taken off either end."""
    return 2 * sum(comb(n, k) for k in range(cut + 1)) / 2**n
