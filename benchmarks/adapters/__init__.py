"""Who is measured: one file each, with ``prepare(folder, framework, threads)``, which returns a `Ready`.

A rival's file also has ``REQUIREMENTS`` for its environment, ``FRAMEWORKS`` whose models it reads, and where it
must convert or compile a model first, ``convert(folder, framework, path)``; where it is very slow, ``ROWS``, as
many as it takes of a larger table. Such a file runs in an environment of
its own: nothing here may import perfcore, except the adapter of that name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any


@dataclass
class Ready:
    """A model at hand: how it is asked, and with what it was made."""

    version: str  # name and version, as in "lightgbm 4.7.0"
    call: str  # what is timed, in words
    many: Callable[[Any], Any]  # answers for a table
    one: Callable[[Any], Any] | None = None  # for a single row; None: a table of one row is the best there is
    hand: Callable[[Any], Any] = lambda X: X  # a table in the layout that it likes best, outside of the timing
    compile_s: float = 0.0  # seconds that converting or compiling the model took, once


class Unable(Exception):
    """A rival that does not take this model."""


def converted(adapter: str, folder: Path, framework: str, name: str, limit_s: int) -> tuple[Path, float]:
    """The model as the rival wants it, beside the model, and the seconds that making it took; made only once.

    In a process of its own, so that it can be ended after ``limit_s`` seconds, its compilers with it.
    """
    path, told = folder / name, folder / f"{name}.json"
    if not told.exists():
        new = folder / f"new-{name}"
        told.write_text(json.dumps(_convert(adapter, folder, framework, new, limit_s)), encoding="utf-8")
        if new.exists():
            os.replace(new, path)
    outcome = json.loads(told.read_text(encoding="utf-8"))
    if "unable" in outcome:
        raise Unable(outcome["unable"])
    return path, outcome["seconds"]


def _convert(adapter: str, folder: Path, framework: str, path: Path, limit_s: int) -> dict:
    begin = perf_counter()
    arguments = [sys.executable, "-m", "benchmarks.adapters", adapter, str(folder), framework, str(path)]
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            complaint = process.communicate(timeout=limit_s)[1].strip()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return {"unable": f"converting takes more than {limit_s} s"}
    if process.returncode:
        return {"unable": f"cannot convert it: {complaint.splitlines()[-1][:120] if complaint else 'no reason given'}"}
    return {"seconds": perf_counter() - begin}
