"""The guide's CPU optimizer."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import threads
from ..amounts import whole
from ..cache import forks
from ..runtime.batch_size import tune_batch_size
from ..runtime.parallel import compare
from .optimizer import get_integrated_optimizer

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_NAMES = {"serial": "sequential", "threads": "thread", "processes": "process"}


@dataclass(frozen=True)
class _Held:
    """What `CPUOptimizer.optimize_numpy_threads` set for this process, and what was before."""

    limit: threads.limit
    environment: dict[str, str | None]
    cpus: int


_lock = forks.Lock()
_held: _Held | None = None


class CPUOptimizer:
    """Threads and batches for the CPUs that this process may use.

    Attributes
    ----------
    cpu_count : by affinity, the container's quota and the environment
    optimal_workers : half of them, two at least
    """

    def __init__(self) -> None:
        with _lock:  # what one of these set in the environment is no bound to the next one
            self.cpu_count = threads.available() if _held is None else _held.cpus
        self.optimal_workers = max(2, self.cpu_count // 2)

    def optimize_numpy_threads(self) -> int:
        """Half of the CPUs for BLAS, OpenMP, Numba and Arrow: those that are loaded now, and by the environment those
        that processes started from now on load. How many threads that is; `restore_numpy_threads` undoes it.

        OpenMP and Numba keep a number for each thread: theirs changes for the one that asks (see `threads.limit`).
        """
        global _held
        count = max(1, self.cpu_count // 2)
        with _lock:
            self.restore_numpy_threads()
            environment = {name: os.environ.get(name) for name in VARIABLES}
            limit = threads.limit(blas=count, openmp=count, numba=count, arrow=count).__enter__()
            _held = _Held(limit, environment, self.cpu_count)
            os.environ.update(dict.fromkeys(VARIABLES, str(count)))
        return count

    def restore_numpy_threads(self) -> None:
        """Threads and environment of this process as they were before any of these set them."""
        global _held
        with _lock:
            held, _held = _held, None
            if held is None:
                return
            held.limit.__exit__(None, None, None)
            for name, value in held.environment.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def benchmark_threading_vs_multiprocessing(self, data_size: int = 10000) -> dict[str, Any]:
        """Sines and cosines of ``cpu_count`` arrays one after another, by threads, by processes: medians of rounds.

        Returns
        -------
        dict
            ``sequential_time``, ``thread_time``, ``process_time`` in seconds, starting the workers not included;
            ``thread_speedup``, ``process_speedup``; ``optimal_method``: "sequential", "thread" or "process", of those
            within 5 % of the soonest the first; ``data_size``, ``workers``.

        Raises
        ------
        MissingExtraError
            Where joblib is not installed.
        """
        data_size = whole("data_size", data_size)
        data = [np.random.default_rng(i).normal(size=data_size) for i in range(max(2, self.cpu_count))]
        found = compare(_work, data, workers=self.optimal_workers)
        seconds = {name: found.seconds[way] for way, name in _NAMES.items()}
        return {
            **{f"{name}_time": each for name, each in seconds.items()},
            "thread_speedup": seconds["sequential"] / seconds["thread"],
            "process_speedup": seconds["sequential"] / seconds["process"],
            "optimal_method": _NAMES[found.best],
            "data_size": data_size,
            "workers": self.optimal_workers,
        }

    def optimize_batch_processing(
        self, batch_sizes: Sequence[int] = (10, 50, 100, 200), predictor: Any = None
    ) -> tuple[dict[int, dict[str, Any]], int]:
        """Measure batch sizes, set the optimizer's batch processor to the best, and hand back (results, best).

        Parameters
        ----------
        predictor : with ``predict_batch(list)``; where none is given one that takes a millisecond a request and two a
            batch, which only shows how this is measured

        Returns
        -------
        results : ``processing_time`` (seconds a batch), ``throughput`` (handled requests a second) and
            ``batch_results`` (requests that were handled) for each size
        best : the smallest size within 5 % of the highest throughput
        """
        predictor = predictor or _Example()
        found = tune_batch_size(predictor.predict_batch, lambda: {"features": np.zeros(10)}, list(batch_sizes))
        get_integrated_optimizer().batch_processor.batch_size = found.best
        results = {
            size: {"processing_time": size / each, "throughput": each, "batch_results": found.handled[size]}
            for size, each in found.throughput.items()
        }
        return results, found.best


class _Example:
    def predict_batch(self, batch: list) -> list:
        time.sleep(0.002 + 0.001 * len(batch))
        return batch


def _work(data: np.ndarray) -> float:
    return float(np.sum(np.sin(data) ** 2 + np.cos(data) ** 2))
