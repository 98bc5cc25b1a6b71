"""How long a call of n rows takes, learned from calls: a + b n seconds."""

from __future__ import annotations

import math

FORGETTING = 0.98  # what a call counts for when the next one is over: the last fifty make up most of it
LEARNED = 3  # calls before anything is said
TAIL = 0.95


class CostModel:
    """Least squares over the calls so far, the late ones counting most; not safe from several threads at once.

    It is the relative error that matters, as batches of one and of a thousand rows are both to be foreseen: a call
    weighs the inverse square of what it is expected to take, in calls of one row. The tail is a quantile of the ratio
    of what a call took to what was expected, moved by a step up at each ratio above it and by a smaller one down at
    each below.
    """

    def __init__(self) -> None:
        self.n_calls = 0
        self._w = self._wn = self._wnn = self._wt = self._wnt = 0.0
        self.a = self.b = 0.0
        self.inflation = 1.5

    def learn(self, n_rows: int, seconds: float) -> None:
        """A call of so many rows took so long."""
        seconds = max(seconds, 1e-9)
        if self.n_calls >= LEARNED:
            step = 0.05 * self.inflation
            exceeds = seconds > self.inflation * self.expected(n_rows)
            self.inflation = max(1.0, self.inflation + step * (TAIL if exceeds else TAIL - 1))
        weight = (self.expected(1) / self.expected(n_rows)) ** 2 if self.n_calls else 1.0
        self._w = FORGETTING * self._w + weight
        self._wn = FORGETTING * self._wn + weight * n_rows
        self._wnn = FORGETTING * self._wnn + weight * n_rows * n_rows
        self._wt = FORGETTING * self._wt + weight * seconds
        self._wnt = FORGETTING * self._wnt + weight * n_rows * seconds
        self.n_calls += 1
        self._solve()

    def _solve(self) -> None:
        determinant = self._w * self._wnn - self._wn**2
        if determinant > 1e-6 * self._w * self._wnn:
            self.b = (self._w * self._wnt - self._wn * self._wt) / determinant
            self.a = (self._wt - self.b * self._wn) / self._w
        if determinant <= 1e-6 * self._w * self._wnn or self.a < 0:  # of one size so far, or nearly: through the origin
            self.a, self.b = 0.0, self._wnt / self._wnn
        if self.b < 0:  # larger calls were sooner: by chance
            self.a, self.b = self._wt / self._w, 0.0

    @property
    def is_learned(self) -> bool:
        return self.n_calls >= LEARNED

    def expected(self, n_rows: int) -> float:
        """Seconds that a call of so many rows takes."""
        return self.a + self.b * n_rows

    def tail(self, n_rows: int) -> float:
        """Seconds that 95 % of such calls do not exceed."""
        return self.inflation * self.expected(n_rows)

    def rows_within(self, seconds: float) -> float:
        """The most rows of a call whose `tail` is no longer; at least one, infinity where nothing is known yet."""
        if not self.is_learned or self.b == 0:
            return math.inf
        return max(1.0, (seconds / self.inflation - self.a) / self.b)
