"""A side in a process of its own; asked as `benchmarks.worker` is, a line of JSON at a time."""

from __future__ import annotations

import gc
import math
from importlib import import_module
from time import perf_counter, process_time
from typing import Any

import numpy as np

from .. import worker

WARM = 1.0  # seconds that answering took: nothing needs to be warmed up any more


class Job:
    """A task at hand, to be run a round at a time."""

    def __init__(self, side: str, does: str, settings: dict[str, Any]):
        module, _, name = does.partition(".")
        self._task = getattr(import_module(f"benchmarks.runtime.{module}"), name)(side, settings)
        self._repeats = 1

    def answer(self, path: str, least: float) -> dict:
        """All answers, to a file; and so many repeats that a round lasts for ``least`` seconds, if any is asked for."""
        began = perf_counter()
        np.savez(path, **{f"_{name}": each for name, each in self._task.answers().items()})
        seconds = perf_counter() - began
        if least and seconds < WARM:
            self._task.run()
            began = perf_counter()
            self._task.run()
            seconds = perf_counter() - began
            self._repeats = max(1, math.ceil(least / max(seconds, 1e-9)))
        return {"call": self._task.call, "seconds": seconds * self._repeats}

    def round(self) -> dict:
        """Figures, medians of the repeats; ``cpu``, the seconds of all cores a second."""
        gc.collect()
        gc.disable()
        began, cpu = perf_counter(), process_time()
        found = [self._task.run() for _ in range(self._repeats)]
        busy = (process_time() - cpu) / (perf_counter() - began)
        gc.enable()
        return {"cpu": busy} | {name: float(np.median([each[name] for each in found])) for name in found[0]}

    def close(self) -> dict:
        self._task.close()
        return {}


if __name__ == "__main__":
    worker.main(Job)
