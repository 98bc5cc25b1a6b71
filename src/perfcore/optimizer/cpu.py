"""The guide's CPU optimizer."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from .. import threads
from ..errors import ConfigurationError
from ..runtime.batch_size import tune_batch_size
from .optimizer import get_integrated_optimizer

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ROUNDS = 3


class CPUOptimizer:
    """Threads and batches for the CPUs that this process may use.

    Attributes
    ----------
    cpu_count : by affinity and the container's quota
    optimal_workers : half of them, two at least
    """

    def __init__(self) -> None:
        self.cpu_count = threads.available()
        self.optimal_workers = max(2, self.cpu_count // 2)
        self._limit: threads.limit | None = None
        self._environment: dict[str, str | None] = {}

    def optimize_numpy_threads(self) -> int:
        """Half of the CPUs for BLAS, OpenMP, Numba and Arrow: those that are loaded now, and by the environment those
        that processes started from now on load. How many threads that is; `restore_numpy_threads` undoes it.
        """
        count = max(1, self.cpu_count // 2)
        self.restore_numpy_threads()
        self._environment = {name: os.environ.get(name) for name in VARIABLES}
        self._limit = threads.limit(blas=count, openmp=count, numba=count, arrow=count).__enter__()
        os.environ.update(dict.fromkeys(VARIABLES, str(count)))
        return count

    def restore_numpy_threads(self) -> None:
        """Threads and environment as they were before; nothing, where they are."""
        held, self._limit = self._limit, None
        if held is None:
            return
        held.__exit__(None, None, None)
        for name, value in self._environment.items():
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
            ``thread_speedup``, ``process_speedup``; ``optimal_method``: "sequential", "thread" or "process";
            ``data_size``, ``workers``.
        """
        if isinstance(data_size, bool) or not isinstance(data_size, int) or data_size < 1:
            raise ConfigurationError(f"data_size={data_size!r}: allowed are whole numbers from 1")
        data = [np.random.default_rng(i).normal(size=data_size) for i in range(max(2, self.cpu_count))]
        workers = self.optimal_workers
        with (
            ThreadPoolExecutor(workers) as by_threads,
            ProcessPoolExecutor(workers, get_context("spawn")) as by_processes,
        ):
            ways: dict[str, Any] = {"sequential": map, "thread": by_threads.map, "process": by_processes.map}
            for way in ways.values():
                list(way(_work, data))
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    began = time.perf_counter()
                    list(way(_work, data))
                    taken[name].append(time.perf_counter() - began)
        seconds = {name: float(np.median(each)) for name, each in taken.items()}
        return {
            **{f"{name}_time": each for name, each in seconds.items()},
            "thread_speedup": seconds["sequential"] / seconds["thread"],
            "process_speedup": seconds["sequential"] / seconds["process"],
            "optimal_method": min(seconds, key=lambda name: seconds[name]),
            "data_size": data_size,
            "workers": workers,
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
