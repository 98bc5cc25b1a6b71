"""The guide's batch processor: requests that wait until somebody processes a batch of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..cache import forks
from ..errors import ConfigurationError, InputError
from ..runtime.cost_model import CostModel
from .entries import _positive


@dataclass(frozen=True)
class _Request:
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
    max_workers : batches that `drain` processes at once
    """

    def __init__(self, batch_size: int = 100, max_workers: int = 4):
        self.batch_size, self.max_workers = batch_size, max_workers
        self._lock = forks.Lock()
        self._waiting: deque[_Request] = deque()
        self._n_processing = 0
        self.costs = CostModel()
        self.n_handled = 0
        self.seconds_handled = 0.0  # of calls of predictors

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        self._batch_size = _positive("batch_size", size)

    @property
    def max_workers(self) -> int:
        return self._max_workers

    @max_workers.setter
    def max_workers(self, count: int) -> None:
        self._max_workers = _positive("max_workers", count)

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
            self._waiting.append(_Request(id, data, callback, time.perf_counter()))

    def process_batch(self, predictor: Any) -> list[dict[str, Any]]:
        """One batch of those that wait, in order.

        Parameters
        ----------
        predictor : has ``predict_batch(list) -> sequence`` of as many answers

        Returns
        -------
        list of dict
            For each request ``id``, ``prediction``, ``processing_time`` (seconds since it came) and, where its
            callback raised, ``callback_error``. Empty where none waits.

        Raises
        ------
        ConfigurationError
            Where the predictor answers another number than it was asked.
        Exception
            Whatever the predictor raises. In both cases the requests wait again, where they were.
        """
        batch = self._take()
        return self._process(batch, predictor) if batch else []

    def drain(self, predictor: Any) -> list[dict[str, Any]]:
        """All that wait now, in order, ``max_workers`` batches at once; the first error of one comes through."""
        with self._lock:
            n = -(-len(self._waiting) // self._batch_size)
        batches = [batch for _ in range(n) if (batch := self._take())]
        with ThreadPoolExecutor(self._max_workers) as pool:
            done = [pool.submit(self._process, batch, predictor) for batch in batches]
        return [result for each in done for result in each.result()]

    def _take(self) -> list[_Request]:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._batch_size, len(self._waiting)))]
            self._n_processing += bool(batch)
        return batch

    def _process(self, batch: list[_Request], predictor: Any) -> list[dict[str, Any]]:
        try:
            began = time.perf_counter()
            predictions = predictor.predict_batch([request.data for request in batch])
            n = len(predictions) if hasattr(predictions, "__len__") else -1
            if n != len(batch):
                came = type(predictions).__qualname__ if n < 0 else f"{n}"
                raise ConfigurationError(f"predict_batch must answer as many as it is asked, {len(batch)}; got {came}")
            ended = time.perf_counter()
        except BaseException:
            with self._lock:
                self._waiting.extendleft(reversed(batch))
                self._n_processing -= 1
            raise
        with self._lock:
            self.costs.learn(len(batch), ended - began)
            self.n_handled += len(batch)
            self.seconds_handled += ended - began
            self._n_processing -= 1
        return [_result(*each, ended) for each in zip(batch, predictions, strict=True)]

    def get_stats(self) -> dict[str, Any]:
        return {
            "pending_requests": len(self._waiting),
            "batch_size": self.batch_size,
            "max_workers": self.max_workers,
            "processing": self.processing,
            "handled_requests": self.n_handled,
            "mean_batch_seconds_per_request": self.seconds_handled / self.n_handled if self.n_handled else None,
        }


def _result(request: _Request, prediction: Any, ended: float) -> dict[str, Any]:
    result = {"id": request.id, "prediction": prediction, "processing_time": ended - request.came}
    if request.callback is not None:
        try:
            request.callback(result)
        except Exception as error:
            result["callback_error"] = f"{type(error).__name__}: {error}"
    return result
