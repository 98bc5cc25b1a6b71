"""How long a call of n rows takes, learned from calls: a + b n seconds."""

from __future__ import annotations

import math

FORGETTING = 0.98  # what a call counts for when the next one is over: the last fifty make up most of it
FAR = 5.0  # times what was expected, or a fifth of it: a call that stands out
FORGETTING_AT_ONCE = 0.25  # instead, where a call that stands out is believed
FEW = 8  # rows of a call: with more, what a row adds is seen
LEARNED = 3  # calls before anything is said
TAIL = 0.95


class CostModel:
    """Least squares over the calls so far, the late ones counting most; not safe from several threads at once.

    It is the relative error that matters, as batches of one and of a thousand rows are both to be foreseen: a call
    weighs the inverse square of what it is expected to take, in calls of one row. The tail is a quantile of the ratio
    of what a call took to what was expected, moved by a step up at each ratio above it and by a smaller one down at
    each below.

    A call that takes far longer than expected, for a pause of the machine, counts as `FAR` times that, unless the one
    before did so, too. One that is far sooner is believed at once: those before it were slow, as first calls are, for a
    reason that is gone.
    """

    def __init__(self) -> None:
        self.n_calls = 0
        self._sums = (0.0, 0.0, 0.0, 0.0, 0.0)  # of the weights w, w n, w n², w t, w n t
        self.a = self.b = 0.0
        self.inflation = 1.5
        self._was_late = False
        self._n_most = 1.0  # rows of a call lately

    def learn(self, n_rows: int, seconds: float) -> None:
        """A call of so many rows took so long."""
        seconds, weight, inflation = max(seconds, 1e-9), 1.0, self.inflation
        forgetting, is_late = FORGETTING, False
        if self.n_calls:
            expected = self.a + self.b * n_rows
            is_late = seconds > FAR * expected
            if FAR * seconds < expected or (is_late and self._was_late):
                forgetting = FORGETTING_AT_ONCE  # and what was expected says nothing of what it weighs
            else:
                if is_late:
                    seconds = FAR * expected
                weight = ((self.a + self.b) / expected) ** 2
            if self.n_calls >= LEARNED:
                step = 0.05 * inflation
                inflation = max(1.0, inflation + step * (TAIL if seconds > inflation * expected else TAIL - 1))
        w, wn, wnn, wt, wnt = self._sums
        w = forgetting * w + weight
        wn = forgetting * wn + weight * n_rows
        wnn = forgetting * wnn + weight * n_rows * n_rows
        wt = forgetting * wt + weight * seconds
        wnt = forgetting * wnt + weight * n_rows * seconds
        a, b = _solved(w, wn, wnn, wt, wnt)
        # All at once: Ctrl-C between them would leave numbers that belong to different calls.
        self._sums, self.a, self.b, self.inflation = (w, wn, wnn, wt, wnt), a, b, inflation
        self._was_late, self._n_most = is_late, max(n_rows, FORGETTING * self._n_most)
        self.n_calls += 1

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
        """The most rows of a call whose `tail` is no longer; at least one, infinity where nothing is known yet.

        Where not even one row is in time, as many as take as long as the call itself: with fewer all would wait longer.
        Where it is not sure what a row adds, it is found out: no more than four times as many as calls had lately, and
        where these are few, twice as many.
        """
        if not self.is_learned:
            return math.inf
        most = (seconds / self.inflation - self.a) / self.b if self.b else math.inf
        if most < 1:
            most = max(1.0, self.a / self.b)
        if self._is_sure():
            return most
        return min(most, 4 * self._n_most) if most >= FEW else max(most, min(FEW, 2 * self._n_most))

    def _is_sure(self) -> bool:
        """Whether b is more than two of its standard errors; of a call's, the tail is a measure."""
        w, wn, wnn, *_ = self._sums
        noise = max(self.inflation - 1, 0.1) * self.expected(1)
        return self.b**2 * (w * wnn - wn**2) > 4 * noise**2 * w


def _solved(w: float, wn: float, wnn: float, wt: float, wnt: float) -> tuple[float, float]:
    """a and b of the least squares, neither below 0."""
    determinant = w * wnn - wn**2
    if determinant <= 1e-6 * w * wnn:  # of one size so far, or nearly: through the origin
        return 0.0, wnt / wnn
    b = (w * wnt - wn * wt) / determinant
    a = (wt - b * wn) / w
    if a < 0:
        return 0.0, wnt / wnn
    if b < 0:  # larger calls were sooner: by chance
        return wt / w, 0.0
    return a, b
