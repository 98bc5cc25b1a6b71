"""Whether a cache before a predictor saves time: what it takes against what the predictor alone would take."""

from __future__ import annotations

from typing import Any

ENOUGH = 8  # calls, before it is said whether the cache pays


class Benefit:
    """Adds up times, in nanoseconds, of calls of the cache and of the predictor.

    A call of the predictor takes a time for itself and a time a row, which are told apart by least squares over the
    calls that were made: those that compute a few missing rows say what the whole table would have taken. As long as
    all were of one size, a call is taken to be as long for more rows, so that too little is promised, never too much.
    """

    def __init__(self) -> None:
        self.n_calls = self.n_rows = self.n_hits = self.n_computed = 0
        self.lookup = 0
        self._asked = self._ns = self._squares = self._products = 0  # of the predictor's calls

    def add(self, n_rows: int, n_hits: int, lookup: int) -> None:
        """A call that was answered, and its time but for the predictor's."""
        self.n_calls += 1
        self.n_rows += n_rows
        self.n_hits += n_hits
        self.lookup += lookup

    def add_computed(self, n_rows: int, ns: int) -> None:
        self._asked += 1
        self.n_computed += n_rows
        self._ns += ns
        self._squares += n_rows * n_rows
        self._products += n_rows * ns

    def without(self) -> float | None:
        """What the predictor alone would have taken for all calls; None where it was never asked."""
        if not self._asked:
            return None
        spread = self._squares - self.n_computed**2 / self._asked
        of_row = (self._products - self.n_computed * self._ns / self._asked) / spread if spread > 0 else 0.0
        of_row = max(0.0, of_row)
        of_call = (self._ns - of_row * self.n_computed) / self._asked
        if of_call < 0:
            of_row, of_call = self._products / self._squares, 0.0
        return of_call * self.n_calls + of_row * self.n_rows

    def told(self) -> dict[str, Any]:
        without, taken = self.without(), self.lookup + self._ns
        is_known = without is not None and self.n_calls >= ENOUGH
        return {
            "hits": self.n_hits,
            "misses": self.n_rows - self.n_hits,
            "hit_rate": self.n_hits / self.n_rows if self.n_rows else None,
            "computed": self.n_computed,
            "lookup_ns": self.lookup / self.n_rows if self.n_rows else None,
            "predict_ns": None if without is None else without / self.n_rows,
            "speedup": without / taken if without is not None else None,
            "pays": without > taken if is_known else None,  # type: ignore[operator]
        }
