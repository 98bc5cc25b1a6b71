"""One side of a measurement, in a process of its own: reads jobs from stdin, a line of JSON each, and answers so."""

from __future__ import annotations

import gc
import importlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .adapters import Unable


class Job:
    """A model prepared and a table at hand, to be timed a round at a time."""

    def __init__(
        self, adapter: str, folder: str, framework: str, threads: int,
        table: str, batch: int | None, hand: str = "float32", measure: str = "row",
    ):  # fmt: skip
        self._module = importlib.import_module(f"benchmarks.adapters.{adapter}")
        self._model = (Path(folder), framework, threads)
        self._ready = ready = self._module.prepare(*self._model)
        X = np.load(table)[: getattr(self._module, "ROWS", None)]
        self._rows = len(X)
        self._repeats = 1
        if batch == 1 and ready.one:
            self._call, self._join, parts = ready.one, np.stack, list(X)
        else:
            step = batch or len(X)
            self._call, self._join = ready.many, np.concatenate
            parts = [ready.hand(X[i : i + step]) for i in range(0, len(X), step)]
        self._parts = [_frame(part) for part in parts] if hand == "frame" else parts
        self.once, self._per = (self._load, 1) if measure == "load" else (self._answer_all, len(X))

    def answer(self, path: str, least: float) -> dict:
        """All answers, to a file; and so many repeats that a round lasts for ``least`` seconds."""
        begin = perf_counter()
        answers = [np.asarray(self._call(part)) for part in self._parts]
        seconds = perf_counter() - begin
        np.save(path, self._join(answers))
        if self.once != self._answer_all or seconds < least:
            seconds = self.once()
        self._repeats = max(1, math.ceil(least / seconds))
        ready = self._ready
        told = {"version": ready.version, "call": ready.call, "compile_s": ready.compile_s, "seconds": seconds}
        return told | {"rows": self._rows}

    def round(self) -> dict:
        """Nanoseconds a row (or a load), the mean of the repeats."""
        gc.disable()
        seconds = sum(self.once() for _ in range(self._repeats)) / self._repeats
        gc.enable()
        return {"ns": seconds * 1e9 / self._per}

    def _answer_all(self) -> float:
        call, parts = self._call, self._parts
        begin = perf_counter()
        for part in parts:
            call(part)
        return perf_counter() - begin

    def _load(self) -> float:
        """From the file to the first answer, and what compiling took when it was done."""
        begin = perf_counter()
        ready = self._module.prepare(*self._model)
        ready.many(self._parts[0])
        return perf_counter() - begin + ready.compile_s


def _frame(X: np.ndarray):
    """Columns side by side in memory, as frames that were read from files have them."""
    import pandas

    return pandas.DataFrame({f"Column_{i}": X[:, i] for i in range(X.shape[1])})


def main(make: Callable[..., Any] = Job) -> None:
    # Whatever a framework prints goes to stderr; stdout is the line to the runner.
    told, sys.stdout = sys.stdout, sys.stderr
    job = None
    for line in sys.stdin:
        order = json.loads(line)
        name = order.pop("do")
        try:
            if name == "prepare":
                job = make(**order)
                reply = {}
            else:
                reply = getattr(job, name)(**order)
        except Unable as reason:
            reply = {"unable": str(reason)}
        except Exception as error:  # any failure of a framework is the runner's to report
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=told, flush=True)


if __name__ == "__main__":
    main()
