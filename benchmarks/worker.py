"""One side of a measurement, in a process of its own: reads jobs from stdin, a line of JSON each, and answers so."""

from __future__ import annotations

import gc
import importlib
import json
import math
import sys
from pathlib import Path
from time import perf_counter

import numpy as np


class Job:
    """A model prepared and a table at hand, to be timed a round at a time."""

    def __init__(self, adapter: str, folder: str, framework: str, threads: int, table: str, batch: int | None):
        module = importlib.import_module(f"benchmarks.adapters.{adapter}")
        X = np.load(table)
        self.X = np.ascontiguousarray(X, dtype=getattr(module, "TAKES", X.dtype))
        many, one, self.made_with = module.prepare(Path(folder), framework, threads)
        if batch == 1:
            self.call, self.parts = one, list(self.X)
        else:
            step = batch or len(X)
            self.call, self.parts = many, [self.X[i : i + step] for i in range(0, len(X), step)]
        self.single = batch == 1
        self.repeats = 1

    def answer(self, path: str, least: float) -> dict:
        """All answers, to a file; and so many repeats that a round lasts for ``least`` seconds."""
        answers = [np.asarray(self.call(part)) for part in self.parts]
        np.save(path, np.stack(answers) if self.single else np.concatenate(answers))
        self.repeats = max(1, math.ceil(least / self._once()))
        return {"made_with": self.made_with}

    def round(self) -> dict:
        """Nanoseconds a row, the mean of the repeats."""
        gc.disable()
        seconds = sum(self._once() for _ in range(self.repeats)) / self.repeats
        gc.enable()
        return {"ns": seconds * 1e9 / len(self.X)}

    def _once(self) -> float:
        call, parts = self.call, self.parts
        begin = perf_counter()
        for part in parts:
            call(part)
        return perf_counter() - begin


def main() -> None:
    # Whatever a framework prints goes to stderr; stdout is the line to the runner.
    told, sys.stdout = sys.stdout, sys.stderr
    job = None
    for line in sys.stdin:
        order = json.loads(line)
        name = order.pop("do")
        try:
            if name == "prepare":
                job = Job(**order)
                reply = {}
            else:
                reply = getattr(job, name)(**order)
        except Exception as error:  # any failure of a framework is the runner's to report
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=told, flush=True)


if __name__ == "__main__":
    main()
