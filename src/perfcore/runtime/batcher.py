"""Batcher: many callers, one row or a few each, one call of the predictor.

::

    predict ───────┐ idle: in the caller's own thread, at once
    predict_async ─┤
                   └ busy ──▶ queue, in order ──▶ worker: as many rows as half the objective has time for
                                                     │
    each caller ◀── its part of the answer ──────────┘

A request waits for the call that is under way and then for its own, so each may take half of what the objective
allows. How long a call of n rows takes is learned from the calls (`cost_model.CostModel`).
"""

from __future__ import annotations

import asyncio
import time
import weakref
from typing import Any

from ..amounts import amount, whole
from ..callables import name_of
from ..errors import ConfigurationError
from .dispatcher import Dispatcher, closed
from .requests import Request, late
from .rows import Rows


class Batcher:
    """Answers rows of many callers by few calls of a predictor.

    Safe from many threads and from any number of event loops. A process that forks begins with an empty queue.

    Parameters
    ----------
    predictor : an object with ``method``, or a function from a table to its answer, a row each
        A tuple of arrays is of several answers, a row each.
        It is called by at most ``workers`` threads at once.
    method : str
        What is asked of an object; a function has none.
    max_rows : int
        Rows of a call at most, whatever there is time for. A single request may hold more.
    max_queue : int
        Rows that may wait; who comes then gets `OverloadedError` at once.
    objective : float
        Seconds within which 95 % of the requests should be answered, where the predictor is fast enough at all.
    workers : int
        Calls at once, each in a thread of its own.

    Raises
    ------
    ConfigurationError
        For a predictor without the method, and numbers outside what is allowed.
    """

    def __init__(
        self,
        predictor: Any,
        *,
        method: str = "predict",
        max_rows: int = 4096,
        max_queue: int = 65536,
        objective: float = 0.010,
        workers: int = 1,
    ):
        function = getattr(predictor, method, predictor if method == "predict" else None)
        if not callable(function):
            nor = " and is no function" if method == "predict" else ""
            raise ConfigurationError(f"{type(predictor).__qualname__} has no method {method!r}{nor}")
        max_rows, max_queue = whole("max_rows", max_rows), whole("max_queue", max_queue)
        workers, objective = whole("workers", workers), amount("objective", objective, "seconds")
        of_row = getattr(predictor, f"{method}_one", None)
        self._of = name_of(function)
        self._dispatcher = Dispatcher(function, of_row, max_rows, max_queue, objective, workers)
        weakref.finalize(self, self._dispatcher.stop_soon).atexit = False

    def predict(self, rows: Any, *, timeout: float | None = None) -> Any:
        """The predictor's answer for a row, or for a table of a few.

        Parameters
        ----------
        rows : a mapping, list, tuple, 1-D array or pandas Series of cells, which gets one answer; or a table of any
            kind, which gets the answers of its rows
        timeout : seconds, optional
            How long the caller has. One who has only so long never calls the predictor itself, unless that is as soon
            done as handed over.

        Raises
        ------
        OverloadedError
            At once, where too many rows wait, or where the answer is not to be expected in time behind the others.
        TimeoutError
            Where it did not come in time.
        Exception
            Whatever the predictor raised for these rows; SystemExit and its like, where it was called in another
            thread than the caller's, as RuntimeError.
        """
        request = Request(Rows(rows), timeout)
        if not self._dispatcher.enter(request, time.perf_counter()):
            request.wait(self._dispatcher.take_back)
        return request.outcome()

    async def predict_async(self, rows: Any, *, timeout: float | None = None) -> Any:
        """`predict`, for callers in an event loop; one that is cancelled takes its rows back."""
        request = Request(Rows(rows), timeout)
        loop = asyncio.get_running_loop()
        if self._dispatcher.enter(request, time.perf_counter(), loop):
            return request.outcome()
        try:
            if timeout is None:
                await request.future
            else:
                await asyncio.wait_for(request.future, timeout)
        except TimeoutError:
            if self._dispatcher.take_back(request, "expired"):
                raise late(timeout) from None
        except BaseException:  # it is cancelled, or closed with its loop
            self._dispatcher.take_back(request, "cancelled")
            raise
        return request.outcome()

    def stats(self) -> dict[str, Any]:
        """Counts since it was made, what waits, seconds that requests waited and took, and the learned a and b."""
        return self._dispatcher.stats()

    def close(self, *, drain: bool = True) -> None:
        """Take no more requests, and return when all calls are over; those that wait are answered, or refused.

        Not from a signal's handler, which may have interrupted a caller that has half entered the queue.
        """
        self._dispatcher.stop(drain)
        self._dispatcher.join()

    def __repr__(self) -> str:
        told = self.stats()
        state = "closed" if self._dispatcher.is_closed else f"{told['queued rows']} rows waiting"
        return f"<perfcore.runtime.Batcher of {self._of}, objective {told['objective']:g} s, {state}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Batcher is not pickled: its queue and threads belong to their process; make one in each")

    def __enter__(self) -> Batcher:
        if self._dispatcher.is_closed:
            raise closed()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Batcher:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.close)
