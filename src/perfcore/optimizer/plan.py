"""The names of the optimization plan, over the parts of `perfcore.runtime`."""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import time
import tomllib
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..amounts import whole
from ..callables import check
from ..errors import ConfigurationError
from ..runtime import parallel, profiling
from ..runtime.fetching import Fetched, Fetcher
from ..runtime.memory import measure, trim
from ..runtime.memory.usage import resident
from ..threads import resolve
from ..threads.counts import asked

TOP = 20  # functions that a profile names


class ParallelDataProcessor:
    """Applies a function to pieces of data by several workers, by the way that is soonest (`runtime.parallel.map`).

    Parameters
    ----------
    max_workers : workers at once; by default what ``PERFCORE_NUM_THREADS`` says, or ``settings``, or as many as there
        are CPUs to use
    process : of a piece
    settings : path of a TOML or JSON file, whose ``max_workers`` counts where nothing else says how many

    Raises
    ------
    ConfigurationError
        For numbers of workers that are not whole numbers from 1, wherever they come from; for what is no function, or a
        coroutine or generator function.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        process: Callable[[Any], Any] | None = None,
        settings: str | os.PathLike | None = None,
    ):
        if process is not None:
            check(process, "process")
        if max_workers is None and asked() is None and settings is not None:
            max_workers = _max_workers(Path(settings))
        self.max_workers = resolve(max_workers, "max_workers")
        self._process = process

    def process_data_parallel(self, data_chunks: Iterable[Any]) -> list[Any]:
        """What the function makes of each piece, in their order; the first error of one comes through."""
        if self._process is None:
            raise ConfigurationError("there is no function to apply: give process= where this is made")
        return list(parallel.map(self._process, data_chunks, workers=self.max_workers))


def _max_workers(path: Path) -> int | None:
    """What a file of settings says; None where that is empty."""
    content = path.read_text(encoding="utf-8")
    try:
        found = tomllib.loads(content) if path.suffix == ".toml" else json.loads(content)
    except ValueError as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise ConfigurationError(f"{path}: not a file of settings in {kind}: {error}") from error
    if found and (not isinstance(found, dict) or "max_workers" not in found):
        has = ", ".join(found) if isinstance(found, dict) else f"a {type(found).__name__}"
        raise ConfigurationError(f"{path}: expected max_workers among the settings; there is {has}")
    count = found["max_workers"] if found else None
    return None if count is None else whole(f"{path}: max_workers", count)


class AsyncDataFetcher(Fetcher):
    """`perfcore.runtime.Fetcher` by the plan's name."""

    async def fetch_data_async(self, urls: Iterable[str]) -> list[Fetched]:
        """All URLs, in their order; nothing is raised for one that fails."""
        return await self.get_many(urls)


class PerformanceProfiler:
    """What a call costs: time by function, or memory.

    Attributes
    ----------
    profiler : the `cProfile.Profile` of the last call
    """

    def __init__(self) -> None:
        self.profiler = cProfile.Profile()

    def profile_function(
        self, func: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> tuple[Any, list[tuple[str, int, float]]]:
        """Call a function; its result, and the functions that took longest: place, calls, seconds with what they call.

        The profiler is off afterwards, after an exception, too, which comes through.
        """
        check(func, "func")
        self.profiler = cProfile.Profile()
        result = self.profiler.runcall(func, *args, **kwargs)
        found = vars(pstats.Stats(self.profiler))["stats"]  # (file, line, name): (.., calls, own seconds, seconds, ..)
        top = sorted(found.items(), key=lambda each: -each[1][3])[:TOP]
        return result, [(_place(*place), calls, seconds) for place, (_, calls, _, seconds, _) in top]

    def memory_profile(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[Any, int]:
        """Call a function; its result, and the most bytes that Python and numpy held beyond what they held before.

        An exception comes through, and memory is traced afterwards only if it was before.
        """
        found = profiling.memory(partial(func, *args, **kwargs))
        return found.result, int(found.peak or 0)


def _place(file: str, line: int, name: str) -> str:
    return name if file == "~" else f"{name} ({Path(file).name}:{line})"


class MemoryMonitor:
    """The plan's record of memory, in bytes; `perfcore.runtime.memory.MemoryMonitor` watches in the background.

    Attributes
    ----------
    memory_history : ``time``, ``stage``, ``rss``, ``tracemalloc`` (None while nothing is traced) of each look
    peak_memory : the most that was resident at a look, or within a stage
    stages : ``name``, ``rss_before``, ``rss_peak`` (None where the system does not tell), ``rss_after`` of each stage
    """

    def __init__(self) -> None:
        self.peak_memory = 0
        self.memory_history: list[dict[str, Any]] = []
        self.stages: list[dict[str, Any]] = []

    def track_memory(self, stage: str = "") -> dict[str, Any]:
        """Look now."""
        traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else None
        rss = resident()
        seen = {"time": time.time(), "stage": stage, "rss": rss, "tracemalloc": traced}
        self.memory_history.append(seen)
        self.peak_memory = max(self.peak_memory, rss)
        return seen

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """``with monitor.stage("load"): ...`` adds to ``stages`` what the block took, after an error, too."""
        cost = measure(name)
        found = cost.__enter__()
        try:
            yield
        finally:
            cost.__exit__(None, None, None)
            self.track_memory(name)
            self.peak_memory = max(self.peak_memory, found.resident_peak or 0)
            self.stages.append(
                {
                    "name": name,
                    "rss_before": found.resident_before,
                    "rss_peak": found.resident_peak,
                    "rss_after": found.resident_after,
                }
            )

    def optimize_memory(self) -> int:
        """Collect garbage and have malloc give back what is free; bytes that became free, as measured."""
        freed = trim().freed
        self.track_memory("optimize_memory")
        return freed
