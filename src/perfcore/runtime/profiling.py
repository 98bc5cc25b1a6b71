"""Where time and memory go: by function, by line, by allocation, and from outside of a process."""

from __future__ import annotations

import cProfile
import inspect
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ..amounts import amount, whole
from ..callables import check, name_of, run_by
from ..errors import ConfigurationError
from ..extras import missing, require
from .flame_graph import flame_graph

FRAMES = 25  # of each allocation's stack
LONGEST = 86_400  # seconds of a sample


@dataclass(frozen=True)
class Profile:
    """What a profiler saw.

    Attributes
    ----------
    by : the tool
    result : what the function returned; None where the profile is of another process
    rows : (where, how much, times) the most first; seconds or bytes
    unit : "seconds" or "bytes" or "samples"
    peak : bytes at most, of memory
    """

    by: str
    result: Any
    rows: list[tuple[str, float, int]]
    unit: str
    peak: float | None = None
    drawings: dict[str, str] = field(default_factory=dict, repr=False)  # by suffix
    report: str = field(default="", repr=False)  # of a tool that writes its own

    def table(self, most: int = 20) -> list[dict[str, Any]]:
        """The rows as dicts: ``where``, ``seconds`` (or ``bytes``, ``samples``), ``times``."""
        return [{"where": where, self.unit: amount, "times": times} for where, amount, times in self.rows[:most]]

    def text(self, most: int = 20) -> str:
        if self.report:
            return self.report
        head = [] if self.peak is None else [f"peak {self.peak:,.0f} bytes"]
        return "\n".join(
            [
                *head,
                *(f"{amount:14,.6g} {self.unit}  {times:8,} ×  {where}" for where, amount, times in self.rows[:most]),
            ]
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write a flame graph, ``.svg`` or ``.html``, or the text, ``.txt``.

        Raises
        ------
        ConfigurationError
            For what this tool does not draw; the message says what it does, and which one would.
        """
        suffix = Path(path).suffix
        if suffix == ".txt":
            Path(path).write_text(self.text(1000) + "\n", encoding="utf-8", errors="backslashreplace")
        elif suffix in self.drawings:
            Path(path).write_text(self.drawings[suffix], encoding="utf-8")
        else:
            drawn = ", ".join([*self.drawings, ".txt"])
            other = "; time(..., by='pyinstrument') draws a flame graph" if self.by == "cProfile" else ""
            raise ConfigurationError(
                f"{suffix or os.fspath(path)!r}: a profile by {self.by} is saved as {drawn}{other}"
            )

    def __str__(self) -> str:
        return self.text()


def time(function: Callable[..., Any], /, *arguments: Any, by: str = "cProfile", **named: Any) -> Profile:
    """Call a function and see in which functions the time goes.

    Parameters
    ----------
    by : "cProfile", which counts every call and slows down those of many small functions; or "pyinstrument", which
        looks a thousand times a second and draws a flame graph (``.html``)

    Raises
    ------
    ConfigurationError
        For coroutine and generator functions, which do nothing yet when they are called.
    MissingExtraError
        Where pyinstrument is asked for and not installed.
    Exception
        Whatever the function raises; the profiler is off again.
    """
    check(function)
    if by == "pyinstrument":
        return _by_pyinstrument(function, arguments, named)
    _require_one_of(by, "cProfile", "pyinstrument")
    profiler = cProfile.Profile()
    result = profiler.runcall(function, *arguments, **named)
    stats: Any = pstats.Stats(profiler)
    rows = [
        (f"{os.path.basename(file)}:{line} {name}", own, calls)
        for (file, line, name), (_, calls, own, _, _) in stats.stats.items()
    ]
    return Profile(by, result, sorted(rows, key=lambda row: -row[1]), "seconds")


def _by_pyinstrument(function: Callable, arguments: tuple, named: dict) -> Profile:
    pyinstrument = require("pyinstrument", "time(by='pyinstrument')")
    with pyinstrument.Profiler(interval=0.001) as profiler:
        result = function(*arguments, **named)
    session = profiler.last_session
    root = None if session is None else session.root_frame()
    rows: dict[str, tuple[float, int]] = {}
    frames = [] if root is None else [root]
    while frames:
        frame = frames.pop()
        where = f"{os.path.basename(frame.file_path or '')}:{frame.line_no or 0} {frame.function}"
        own, times = rows.get(where, (0.0, 0))
        rows[where] = own + frame.total_self_time, times + 1
        frames += frame.children
    ordered = sorted(((where, *each) for where, each in rows.items()), key=lambda row: -row[1])
    drawings = {".html": profiler.output_html()} if root is not None else {}
    return Profile("pyinstrument", result, ordered, "seconds", drawings=drawings)


def lines(
    function: Callable[..., Any], /, *arguments: Any, of: Sequence[Callable[..., Any]] = (), **named: Any
) -> Profile:
    """Call a function and see which of its lines take the time, by line_profiler.

    Parameters
    ----------
    of : other functions whose lines are of interest

    Raises
    ------
    MissingExtraError
        Where line_profiler is not installed.
    ConfigurationError
        For what is not written in Python, and so has no lines; for coroutine and generator functions.
    """
    check(function)
    line_profiler = require("line_profiler", "lines()")
    profiler = line_profiler.LineProfiler(*map(_with_lines, (function, *of)))
    result = profiler.runcall(function, *arguments, **named)
    stats = profiler.get_stats()
    rows = [
        (f"{os.path.basename(file)}:{line} {name}", ticks * stats.unit, hits)
        for (file, _, name), timed in stats.timings.items()
        for line, hits, ticks in timed
    ]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        profiler.print_stats(stream=out, stripzeros=True)
        out.seek(0)
        report = out.read()
    return Profile("line_profiler", result, sorted(rows, key=lambda row: -row[1]), "seconds", report=report)


def _with_lines(function: Any) -> Any:
    """The Python function that is run, whatever is around it."""
    runs = inspect.unwrap(run_by(function))
    if not inspect.isfunction(getattr(runs, "__func__", runs)):
        raise ConfigurationError(
            f"{name_of(runs)}: expected a function that is written in Python; this has no lines, time() times it whole"
        )
    return runs


def memory(function: Callable[..., Any], /, *arguments: Any, by: str = "tracemalloc", **named: Any) -> Profile:
    """Call a function and see which lines allocate what it still holds at its end, and its peak.

    Parameters
    ----------
    by : "tracemalloc", which sees Python's and numpy's allocations; or "memray", which sees native ones, too, at the
        moment of the peak. Both draw a flame graph (``.svg``, memray ``.html``, too).

    Raises
    ------
    ConfigurationError
        For coroutine and generator functions, which do nothing yet when they are called.
    MissingExtraError
        Where memray is asked for and not installed.
    """
    check(function)
    if by == "memray":
        return _by_memray(function, arguments, named)
    _require_one_of(by, "tracemalloc", "memray")
    was_on = tracemalloc.is_tracing()
    if not was_on:
        tracemalloc.start(FRAMES)
    try:
        before, began = tracemalloc.take_snapshot(), tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        result = function(*arguments, **named)
        peak = tracemalloc.get_traced_memory()[1] - began
        after = tracemalloc.take_snapshot()
    finally:
        if not was_on:
            tracemalloc.stop()
    own = [tracemalloc.Filter(False, tracemalloc.__file__)]
    changes = after.filter_traces(own).compare_to(before.filter_traces(own), "traceback")
    rows: dict[str, tuple[float, int]] = {}
    stacks: dict[tuple[str, ...], float] = {}
    for each in changes:
        if each.size_diff > 0:
            frames = tuple(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in each.traceback)
            held, times = rows.get(frames[-1], (0.0, 0))
            rows[frames[-1]] = held + each.size_diff, times + each.count_diff
            stacks[frames] = stacks.get(frames, 0.0) + each.size_diff
    ordered = sorted(((where, *each) for where, each in rows.items()), key=lambda row: -row[1])
    drawing = flame_graph(stacks, "bytes", f"allocated and kept by {name_of(function)}")
    return Profile(by, result, ordered, "bytes", float(max(0, peak)), {".svg": drawing})


def _by_memray(function: Callable, arguments: tuple, named: dict) -> Profile:
    memray = require("memray", "memory(by='memray')")
    with tempfile.TemporaryDirectory() as folder:
        file, page = os.path.join(folder, "memray.bin"), os.path.join(folder, "flame.html")
        with memray.Tracker(file, native_traces=False):
            result = function(*arguments, **named)
        with memray.FileReader(file) as reader:
            rows: dict[str, tuple[float, int]] = {}
            stacks: dict[tuple[str, ...], float] = {}
            for each in reader.get_high_watermark_allocation_records(merge_threads=True):
                names = tuple(f"{os.path.basename(f)}:{line} {name}" for name, f, line in reversed(each.stack_trace()))
                where = names[-1] if names else "native"
                held, times = rows.get(where, (0.0, 0))
                rows[where] = held + each.size, times + each.n_allocations
                stacks[names or ("native",)] = stacks.get(names or ("native",), 0.0) + each.size
            peak = float(reader.metadata.peak_memory)
        subprocess.run(
            [sys.executable, "-m", "memray", "flamegraph", "-f", "-o", page, file], check=True, capture_output=True
        )
        drawings = {".html": Path(page).read_text(encoding="utf-8")}
    ordered = sorted(((where, *each) for where, each in rows.items()), key=lambda row: -row[1])
    drawings[".svg"] = flame_graph(stacks, "bytes", f"at the peak of {name_of(function)}")
    return Profile("memray", result, ordered, "bytes", peak, drawings)


def sample(pid: int, seconds: float = 2.0, *, native: bool = False) -> Profile:
    """Look at a running process from outside, a hundred times a second, by py-spy.

    Parameters
    ----------
    pid : of a Python process of this user; py-spy may need the right to trace it
    seconds : how long; py-spy takes whole ones, from 1
    native : whether C and C++ functions are shown, too

    Raises
    ------
    MissingExtraError
        Where py-spy is not installed.
    ConfigurationError
        Where there is no such process, or py-spy cannot look at it; it says why.
    """
    pid, seconds = whole("pid", pid), max(1, round(amount("seconds", seconds, "seconds", LONGEST)))
    beside = Path(sys.executable).with_name("py-spy")
    tool = str(beside) if beside.exists() else shutil.which("py-spy")
    if tool is None:
        raise missing("py-spy", "profile", "sample()")
    with tempfile.TemporaryDirectory() as folder:
        raw = os.path.join(folder, "stacks")
        command = [tool, "record", "-p", str(pid), "-d", str(seconds), "-f", "raw", "-o", raw, "--idle"]
        done = subprocess.run([*command, *(["--native"] if native else [])], capture_output=True, text=True)
        if done.returncode and not psutil.pid_exists(pid):
            raise ConfigurationError(f"pid={pid}: there is no such process")
        if done.returncode:  # it says why in a line, and below that shows its own stack
            told = next(iter((done.stderr or done.stdout).strip().splitlines()), f"it ended with {done.returncode}")
            raise ConfigurationError(f"py-spy cannot look at process {pid}: {told.removeprefix('Error: ')}")
        folded = Path(raw).read_text(encoding="utf-8").splitlines()
    stacks: dict[tuple[str, ...], float] = {}
    rows: dict[str, tuple[float, int]] = {}
    for line in folded:
        names, _, count = line.rpartition(" ")
        stack = tuple(names.split(";"))
        stacks[stack] = stacks.get(stack, 0.0) + int(count)
        seen, times = rows.get(stack[-1], (0.0, 0))
        rows[stack[-1]] = seen + int(count), times + 1
    ordered = sorted(((where, *each) for where, each in rows.items()), key=lambda row: -row[1])
    drawing = flame_graph(stacks, "samples", f"process {pid}, {seconds} s")
    return Profile("py-spy", None, ordered, "samples", drawings={".svg": drawing})


def _require_one_of(by: str, *known: str) -> None:
    if by not in known:
        raise ConfigurationError(f"by={by!r}: allowed are {', '.join(known)}")
