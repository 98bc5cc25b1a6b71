"""Whether a cache before a predictor saves time: what it takes against what the predictor alone would take."""

from __future__ import annotations

from typing import Any

ENOUGH = 8  # calls, before it is said whether the cache pays


class Benefit:
    """Adds up times, in nanoseconds, of calls of the cache and of the predictor."""

    def __init__(self) -> None:
        self.n_calls = self.n_rows = self.n_hits = self.n_computed = 0
        self.lookup = 0
        self._asked = self._ns = self._squares = self._products = 0  # of the predictor's calls
        self._fewest = self._most = 0  # rows of one of them

    def add(self, n_rows: int, n_hits: int, lookup: int) -> None:
        """A call that was answered, and its time but for the predictor's."""
        self.n_calls += 1
        self.n_rows += n_rows
        self.n_hits += n_hits
        self.lookup += lookup

    def add_computed(self, n_rows: int, ns: int) -> None:
        self._fewest = min(n_rows, self._fewest) if self._asked else n_rows
        self._most = max(n_rows, self._most)
        self._asked += 1
        self.n_computed += n_rows
        self._ns += ns
        self._squares += n_rows * n_rows
        self._products += n_rows * ns

    def without(self) -> tuple[float, float]:
        """What the predictor alone would have taken for all calls, at least and at most.

        One number twice where calls were of as many rows as the predictor was asked for, now more, now less: a time for
        each call and a time for each row are then told apart by least squares. Beyond, more rows take as long at least,
        and in proportion at most.
        """
        if not self._asked:
            return 0.0, float("inf")
        a_call, an_asking = self.n_rows / self.n_calls, self.n_computed / self._asked  # rows
        if not self._fewest <= a_call <= self._most:
            bounds = sorted((1.0, a_call / an_asking))
            return tuple(self.n_calls * self._ns / self._asked * bound for bound in bounds)  # type: ignore[return-value]
        spread = self._squares - self.n_computed * an_asking
        of_row = max(0.0, (self._products - self._ns * an_asking) / spread) if spread > 0 else 0.0
        of_call = self._ns / self._asked - of_row * an_asking
        if of_call < 0:
            of_row, of_call = self._products / self._squares, 0.0
        taken = of_call * self.n_calls + of_row * self.n_rows
        return taken, taken

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = dict.fromkeys(("hit_rate", "lookup_ns", "predict_ns", "speedup", "pays"))
        told |= {"hits": self.n_hits, "misses": self.n_rows - self.n_hits, "computed": self.n_computed}
        if not self.n_calls:
            return told
        told |= {"hit_rate": self.n_hits / self.n_rows, "lookup_ns": self.lookup / self.n_rows}
        (least, most), taken = self.without(), self.lookup + self._ns
        if least == most:
            told |= {"predict_ns": least / self.n_rows, "speedup": least / taken}
        if self.n_calls >= ENOUGH and (least > taken or most <= taken):
            told["pays"] = least > taken
        return told
