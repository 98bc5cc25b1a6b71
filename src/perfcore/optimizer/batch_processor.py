"""The guide's batch processor: requests that wait until somebody processes a batch of them."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..amounts import whole
from ..cache import forks
from ..errors import ConfigurationError, InputError
from ..runtime.cost_model import CostModel
from ..runtime.rows import number_of


@dataclass(frozen=True)
class _Request:
    number: int  # in the order in which they came
    id: str
    data: Any
    callback: Callable[[dict], Any] | None
    came: float


class PredictionBatchProcessor:
    """Gathers requests; `process_batch` hands at most ``batch_size`` of them to a predictor.

    Safe from many threads. For callers that wait for their answers see `perfcore.runtime.Batcher`.

    Parameters
    ----------
    batch_size : requests of a batch at most; may be set
    max_workers : batches that `drain` processes at once, each in a thread, of which the caller's is one; may be set
    """

    def __init__(self, batch_size: int = 100, max_workers: int = 4):
        self.batch_size, self.max_workers = batch_size, max_workers
        self._lock = forks.Lock()
        self._numbers = itertools.count()
        self._waiting: deque[_Request] = deque()
        self._unclaimed: list[dict[str, Any]] = []  # results of calls that raised
        self._n_processing = 0
        self.costs = CostModel()
        self.n_handled = self.n_batches = 0
        self.seconds_handled = 0.0  # of calls of predictors

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        self._batch_size = whole("batch_size", size)

    @property
    def max_workers(self) -> int:
        return self._max_workers

    @max_workers.setter
    def max_workers(self, count: int) -> None:
        self._max_workers = whole("max_workers", count)

    @property
    def pending_requests(self) -> list[str]:
        """Ids of those that wait, the oldest first."""
        with self._lock:
            return [request.id for request in self._waiting]

    @property
    def processing(self) -> bool:
        return self._n_processing > 0

    def add_prediction_request(self, id: str, data: Any, callback: Callable[[dict], Any] | None = None) -> None:
        """Have it wait.

        Parameters
        ----------
        data : what the predictor's ``predict_batch`` takes of one request; the guide's is a dict
        callback : called once with the request's result, in the thread that processes it
        """
        if callback is not None and not callable(callback):
            raise InputError(f"callback of {id!r}: expected a function, got {type(callback).__qualname__}")
        with self._lock:
            self._waiting.append(_Request(next(self._numbers), id, data, callback, time.perf_counter()))

    def process_batch(self, predictor: Any) -> list[dict[str, Any]]:
        """One batch of those that wait, in order.

        Parameters
        ----------
        predictor : has ``predict_batch(list) -> sequence`` of as many answers

        Returns
        -------
        list of dict
            For each request ``id``, ``prediction``, ``processing_time`` (seconds since it came) and, where its
            callback raised, ``callback_error``. Empty where none waits. Results that an earlier call could not return,
            for it raised, come first.

        Raises
        ------
        ConfigurationError
            Where the predictor answers another number than it was asked.
        Exception
            Whatever the predictor raises. In both cases the requests wait again, where they were.
        """
        return self._results(predictor, most=1)

    def drain(self, predictor: Any) -> list[dict[str, Any]]:
        """All that wait now, in order, ``max_workers`` batches at once; returns and raises as `process_batch` does.

        A batch that fails keeps no other back. The first one's error comes through, and the next call returns the
        results of the others. After Ctrl-C those that have not begun wait again.
        """
        return self._results(predictor)

    def _results(self, predictor: Any, most: int | None = None) -> list[dict[str, Any]]:
        batches = self._taken(most)
        places = iter(range(len(batches)))  # of those that have not begun: a worker takes the next one
        done: dict[int, list[dict[str, Any]]] = {}
        errors: dict[int, BaseException] = {}

        def work() -> None:
            for place in places:
                try:
                    done[place] = self._answered(batches[place], predictor)
                    _tell(batches[place], done[place])
                except Exception as error:
                    errors[place] = error
                except BaseException as interruption:
                    stop(interruption)

        def stop(interruption: BaseException) -> None:
            errors[-1] = interruption
            deque(places, maxlen=0)  # nothing more begins

        helpers = [threading.Thread(target=work, daemon=True) for _ in range(min(self._max_workers, len(batches)) - 1)]
        try:
            with contextlib.suppress(RuntimeError):  # no more threads: those that there are do it
                for helper in helpers:
                    helper.start()
            work()
            _join(helpers)
        except BaseException as interruption:
            stop(interruption)
            _join(helpers)
        finally:
            results = self._settled(batches, done, has_failed=bool(errors))
        if errors:
            raise errors[min(errors)]
        return results

    def _taken(self, most: int | None) -> list[list[_Request]]:
        """Batches of those that wait now, so many at most."""
        with self._lock:
            size = self._batch_size
            n = len(self._waiting) if most is None else min(most * size, len(self._waiting))
            requests = [self._waiting.popleft() for _ in range(n)]
            batches = [requests[i : i + size] for i in range(0, n, size)]
            self._n_processing += len(batches)
        return batches

    def _settled(self, batches: list[list[_Request]], done: dict[int, list], has_failed: bool) -> list[dict[str, Any]]:
        """The results, which the next call returns where this one raises; requests that have none wait again."""
        with self._lock:
            again = [request for place, batch in enumerate(batches) if place not in done for request in batch]
            if again:
                self._waiting = deque(sorted([*self._waiting, *again], key=lambda request: request.number))
            self._n_processing -= len(batches)
            results = [*self._unclaimed, *(each for place in sorted(done) for each in done[place])]
            self._unclaimed = results if has_failed else []
        return results

    def _answered(self, batch: list[_Request], predictor: Any) -> list[dict[str, Any]]:
        began = time.perf_counter()
        answers = predictor.predict_batch([request.data for request in batch])
        ended = time.perf_counter()
        n = number_of(answers)
        predictions = [] if n is None else list(answers)
        if not n == len(predictions) == len(batch):
            came = type(answers).__qualname__ if n in (None, len(batch)) else f"{n}"
            raise ConfigurationError(f"predict_batch must answer as many as it is asked, {len(batch)}; got {came}")
        with self._lock:
            self.costs.learn(len(batch), ended - began)
            self.n_handled += len(batch)
            self.n_batches += 1
            self.seconds_handled += ended - began
        return [
            {"id": request.id, "prediction": prediction, "processing_time": ended - request.came}
            for request, prediction in zip(batch, predictions, strict=True)
        ]

    def get_stats(self) -> dict[str, Any]:
        return {
            "pending_requests": len(self._waiting),
            "batch_size": self.batch_size,
            "max_workers": self.max_workers,
            "processing": self.processing,
            "unclaimed_results": len(self._unclaimed),
            "handled_requests": self.n_handled,
            "mean_batch_seconds_per_request": self.seconds_handled / self.n_handled if self.n_handled else None,
        }


def _tell(batch: list[_Request], results: list[dict[str, Any]]) -> None:
    """Call each one's callback; Ctrl-C in one comes through once all were called."""
    interruption: BaseException | None = None
    for request, result in zip(batch, results, strict=True):
        try:
            if request.callback is not None:
                request.callback(result)
        except Exception as error:
            result["callback_error"] = f"{type(error).__name__}: {error}"
        except BaseException as raised:
            interruption = interruption or raised
    if interruption is not None:
        raise interruption


def _join(helpers: list[threading.Thread]) -> None:
    for helper in helpers:
        if helper.ident is not None:  # it was started
            helper.join()
