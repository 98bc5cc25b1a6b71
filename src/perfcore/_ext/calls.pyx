# Counters of a predictor's calls; include/perfcore/calls.hpp has them.
from functools import wraps

N_BUCKETS = 120


cdef class Calls:
    """How often a predictor was called, for how many rows, and how long the timed calls, one in 64, took."""

    def begin(self):
        """To be handed to `count` when the call is over."""
        return self.counted.begin()

    def count(self, int64_t began, int64_t n_rows):
        """A call that was answered, of so many rows."""
        self.counted.count_table(began, n_rows)

    def count_row(self, int64_t began):
        """A call for one row that was answered."""
        self.counted.count_row(began)

    def count_failed(self):
        """A call that raised."""
        self.counted.count_failed()

    def clear(self):
        """As if it had never been called."""
        self.counted.clear()

    @property
    def calls(self):
        return self.counted.calls()

    @property
    def rows(self):
        return self.counted.rows()

    @property
    def failed(self):
        return self.counted.failed()

    @property
    def seconds(self):
        """Of the timed calls together."""
        return self.counted.nanoseconds() * 1e-9

    @property
    def buckets(self):
        """Of the timed calls, how many took less than each of `ENDS`, and no less than the one before."""
        return [self.counted.bucket(i) for i in range(N_BUCKETS)]


# Seconds at which the buckets end; the last one has no end.
ENDS = tuple(CCalls.end_of(i) * 1e-9 for i in range(N_BUCKETS - 1)) + (float("inf"),)


def counted(function):
    """A predictor's method over a table or, where its name ends so, over one row, that counts its calls.

    Compiled code has no frame of its own: a warning still points at the line that called the predictor.
    """
    @wraps(function)
    def over_table(predictor, X, **options):
        cdef Calls calls = predictor._calls
        cdef int64_t began = calls.counted.begin()
        try:
            answer = function(predictor, X, **options)
        except BaseException:
            calls.counted.count_failed()
            raise
        calls.counted.count_table(began, len(answer[0] if isinstance(answer, list) else answer))
        return answer

    @wraps(function)
    def over_row(predictor, row):
        cdef Calls calls = predictor._calls
        cdef int64_t began = calls.counted.begin()
        try:
            answer = function(predictor, row)
        except BaseException:
            calls.counted.count_failed()
            raise
        calls.counted.count_row(began)
        return answer

    return over_row if function.__name__.endswith("_one") else over_table
