"""One contender in a process of its own; asked as `benchmarks.worker` is, a line of JSON at a time."""

from __future__ import annotations

import gc
import math
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import worker
from .contenders import RIVALS, Contender
from .scenarios import OWN


def kind(side: str) -> type[Contender]:
    """Who answers by that name."""
    if side != OWN:
        return RIVALS[side]
    from .own import Perfcore

    return Perfcore


class Job:
    """A task at hand, to be timed a round at a time."""

    def __init__(self, side: str, does: str, folder: str, settings: dict[str, Any]):
        contender = kind(side)(Path(folder), settings)
        self._task = getattr(contender, does)()
        self._version, self._repeats = contender.version, 1

    def answer(self, path: str, least: float) -> dict:
        """All answers, to a file; and so many repeats that a round lasts for ``least`` seconds."""
        np.savez(path, **{f"_{name}": each for name, each in self._task.answers().items()})
        self._once()  # to warm up
        seconds = self._once()
        self._repeats = max(1, math.ceil(least / max(seconds, 1e-9)))
        return {"version": self._version, "call": self._task.call, "seconds": seconds * self._repeats}

    def round(self) -> dict:
        """Seconds of one run, the mean of the repeats."""
        gc.collect()
        gc.disable()
        seconds = sum(self._once() for _ in range(self._repeats)) / self._repeats
        gc.enable()
        return {"seconds": seconds}

    def _once(self) -> float:
        run = self._task.run
        begin = perf_counter()
        kept = run()
        seconds = perf_counter() - begin
        del kept
        return seconds


if __name__ == "__main__":
    worker.main(Job)
