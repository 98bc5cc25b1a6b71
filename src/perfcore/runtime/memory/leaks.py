"""check_leak(): whether calling a function again and again takes more and more memory, and what that is.

::

    warm up ─▶ rounds of m calls ─▶ slopes of heap, Python's blocks, resident set, files, threads
                     │                     │ none grows: no leak
                     └─ twice as many calls a round: does the growth stay? ─▶ what grows, and who holds it
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

from ...errors import ConfigurationError
from . import holders
from .slope import Slope, slope
from .usage import arrow, heap, resident

ROUND_SECONDS = 0.02
MOST_CALLS = 2000  # of a round
FEW = 8  # descriptors and threads
LEAST_BYTES = 8.0  # a call
LEAST_BLOCKS = 0.05  # a call
CYCLE_BYTES = 1024  # a call, in cycles that only the collector frees
_QUANTITIES = ("heap", "blocks", "resident", "arrow", "descriptors", "threads")


@dataclass(frozen=True)
class LeakReport:
    """What `check_leak` found.

    Attributes
    ----------
    kind : None where nothing leaks; "python": objects that somebody holds, or cycles; "native": memory that no Python
        object has, of C, C++ or Rust; "fragmentation": the resident set grows though nothing more is in use;
        "descriptors": files or sockets; "threads"
    slope, low, high : growth in bytes (of "descriptors" and "threads" in numbers) a call, and its interval of 95 %
    slopes : of everything that was watched, by name
    growing : containers that grow, with how they are reached by name, and entries a call
    cycles : cycles of objects that the function leaves to the collector, by name, and how many a call
    allocations : where Python allocates what is kept, and bytes a call
    n_calls : how often the function was called
    """

    kind: str | None
    slope: float
    low: float
    high: float
    slopes: dict[str, Slope]
    growing: dict[str, float] = field(default_factory=dict)
    cycles: dict[str, float] = field(default_factory=dict)
    allocations: dict[str, float] = field(default_factory=dict)
    n_calls: int = 0

    @property
    def is_leak(self) -> bool:
        return self.kind is not None

    def __str__(self) -> str:
        if self.kind is None:
            return f"no leak in {self.n_calls:,} calls"
        unit = {"descriptors": "descriptors", "threads": "threads"}.get(self.kind, "bytes")
        lines = [f"leak ({self.kind}): {self.slope:,.4g} {unit} a call ({self.low:,.4g} to {self.high:,.4g})"]
        lines += [f"  grows: {name}, {each:.3g} entries a call" for name, each in self.growing.items()]
        lines += [f"  cycle: {name}, {each:.3g} a call" for name, each in self.cycles.items()]
        lines += [f"  kept from: {place}, {each:,.4g} bytes a call" for place, each in self.allocations.items()]
        if self.kind == "native":
            lines.append("  no Python object has it; python -m memray run --native names the C function")
        if self.kind == "fragmentation":
            lines.append("  nothing more is in use: perfcore.runtime.memory.trim(), or MALLOC_ARENA_MAX=2")
        return "\n".join(lines)


def check_leak(function: Callable[[], Any], *, rounds: int = 20, warm_up: int = 10) -> LeakReport:
    """Call a function some hundreds to thousands of times and see what grows.

    Growth counts where the lower end of its slope's 95 % interval is above zero, and where it stays with twice as many
    calls a round; caches that fill up to a bound do not. Nothing else should work in the process meanwhile.

    Parameters
    ----------
    function : called without arguments
    rounds : measurements of a series, from 8
    warm_up : calls before the first

    Raises
    ------
    ConfigurationError
        For fewer rounds, and what cannot be called.
    Exception
        Whatever the function raises.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 8:
        raise ConfigurationError(f"rounds={rounds!r}: allowed are whole numbers from 8")
    if not callable(function):
        raise ConfigurationError(f"expected a function, got {type(function).__qualname__}")
    with _collector_of_our_own():
        calls = _Calls(function)
        calls.make(max(1, warm_up))
        n = _calls_a_round(calls)
        calls.make(n * 3)
        slopes = _series(calls, n, rounds)
        if _kind(slopes) is not None:
            slopes = _series(calls, 2 * n, rounds)
        kind = _kind(slopes)
        cycles, bytes_in_cycles = _cycles(calls, n)
        if kind is None and bytes_in_cycles >= CYCLE_BYTES:
            made = Slope(bytes_in_cycles, bytes_in_cycles, bytes_in_cycles)
            return LeakReport("python", *_numbers(made), slopes, {}, cycles, {}, calls.n)
        if kind is None:
            return LeakReport(None, *_numbers(slopes["heap"]), slopes, n_calls=calls.n)
        growing, allocations = _what_grows(calls, n)
        if kind in ("native", "python"):
            kind, found = _told_apart(slopes, growing, allocations)
        else:
            found = slopes["resident" if kind == "fragmentation" else kind]
        cycles = cycles if bytes_in_cycles >= CYCLE_BYTES else {}
        return LeakReport(kind, *_numbers(found), slopes, growing, cycles, allocations, calls.n)


class _collector_of_our_own:
    """Python's collector runs when we say so, and is then as it was."""

    def __enter__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()
        gc.collect()

    def __exit__(self, *_: object) -> None:
        if self.was_on:
            gc.enable()


class _Calls:
    def __init__(self, function: Callable[[], Any]):
        self.function, self.n = function, 0

    def make(self, n: int) -> None:
        function = self.function
        for _ in range(n):
            function()
        self.n += n


def _calls_a_round(calls: _Calls) -> int:
    """So many that a round takes a while, and few where each leaves a file or a thread: these run out."""
    n, before = 1, _open_things()
    while n < MOST_CALLS:
        began = time.perf_counter()
        calls.make(n)
        if time.perf_counter() - began >= ROUND_SECONDS or any(_open_things() - before >= FEW):
            break
        n *= 2
    return n


def _open_things() -> np.ndarray:
    """Descriptors and threads."""
    process = psutil.Process()
    return np.array([process.num_fds() if hasattr(process, "num_fds") else 0, threading.active_count()])


def _series(calls: _Calls, n: int, rounds: int) -> dict[str, Slope]:
    """Slopes a call; what is watched is put into an array made beforehand, so that watching takes no memory."""
    seen = np.zeros((rounds, len(_QUANTITIES)))
    for row in seen:
        calls.make(n)
        gc.collect()
        row[:] = (
            heap() or 0,
            sys.getallocatedblocks(),
            resident(),
            arrow() or 0,
            *_open_things(),
        )
    x = n * np.arange(rounds, dtype=float)
    return {name: slope(x, seen[:, i]) for i, name in enumerate(_QUANTITIES)}


def _kind(slopes: dict[str, Slope]) -> str | None:
    """What grows, the surest first; whether that is Python's or native is found out later."""
    for name in ("descriptors", "threads"):
        if slopes[name].low > LEAST_BLOCKS / 5:
            return name
    if slopes["blocks"].low > LEAST_BLOCKS:
        return "python"
    if slopes["heap"].low > LEAST_BYTES or slopes["arrow"].low > LEAST_BYTES:
        return "native"
    if slopes["resident"].low > 16 * LEAST_BYTES:
        return "fragmentation"
    return None


def _told_apart(
    slopes: dict[str, Slope], growing: dict[str, float], allocations: dict[str, float]
) -> tuple[str, Slope]:
    """Python's, where its own account of allocations explains at least half of what grows."""
    kept, native = sum(allocations.values()), max(slopes["heap"], slopes["arrow"], key=lambda each: each.value)
    if kept < LEAST_BYTES and not growing:
        return "native", native
    if native.low > LEAST_BYTES and native.value > 2 * kept + 1024:
        return "native", native
    return "python", Slope(kept, kept, kept) if native.value < kept / 2 else native


def _what_grows(calls: _Calls, n: int) -> tuple[dict[str, float], dict[str, float]]:
    """Containers by name, and places in the code by bytes kept a call."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start(1)
    try:
        calls.make(n)  # so that what is replaced by each call is traced, too
        gc.collect()
        before, lengths = tracemalloc.take_snapshot(), _lengths()
        calls.make(n)
        gc.collect()
        after, later = tracemalloc.take_snapshot(), _lengths()
    finally:
        if not was_tracing:
            tracemalloc.stop()
    ours = [tracemalloc.Filter(False, path) for path in (__file__, tracemalloc.__file__, threading.__file__)]
    changes = after.filter_traces(ours).compare_to(before.filter_traces(ours), "lineno")
    kept = {str(each.traceback): each.size_diff / n for each in changes[:5] if each.size_diff / n >= LEAST_BYTES / 2}
    grown = {key: (count - lengths[key]) / n for key, count in later.items() if key in lengths}
    grown = {key: each for key, each in grown.items() if each >= 0.2}
    del before, after, changes
    return _named(grown, (lengths, later, grown)), kept


def _containers() -> Iterator[dict | list | set]:
    """All that the collector knows, and dicts of plain values, which it does not follow: who refers to them, is."""
    for each in gc.get_objects():
        if isinstance(each, dict | list | set):
            yield each
        for referent in gc.get_referents(each):
            if type(referent) is dict and not gc.is_tracked(referent):
                yield referent


def _lengths() -> dict[int, int]:
    return {id(each): len(each) for each in _containers()}


def _named(grown: dict[int, float], ours: tuple) -> dict[str, float]:
    largest = sorted(grown, key=lambda key: -grown[key])[:5]
    found = {id(each): each for each in _containers() if id(each) in largest}
    named: dict[str, float] = {}
    for key in largest:
        if key in found:
            name = f"{type(found[key]).__name__} {holders.way_to(found[key], (found, *ours))}"
            named[name] = named.get(name, 0.0) + grown[key]
    return named


def _cycles(calls: _Calls, n: int) -> tuple[dict[str, float], float]:
    """Cycles left to the collector, by name, and bytes a call that they hold."""
    gc.collect()
    kept, debug = list(gc.garbage), gc.get_debug()
    gc.garbage.clear()
    n = min(n, 100)
    calls.make(n)
    in_use = heap()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
    finally:
        gc.set_debug(debug)
    garbage = gc.garbage[:]
    gc.garbage[:] = kept
    among = {id(each): each for each in garbage}
    size = sum(sys.getsizeof(each) for each in garbage)
    named: dict[str, float] = {}
    for each in garbage:
        if len(named) >= 5:
            break
        if not isinstance(each, dict | list | tuple | type(calls.make)):
            name = holders.cycle_of(each, among)
            if name is not None and name not in named:
                named[name] = sum(type(other) is type(each) for other in garbage) / n
    among.clear()
    del garbage
    gc.collect()
    freed = (in_use or 0) - (heap() or 0)
    return named, max(size, freed) / n


def _numbers(found: Slope) -> tuple[float, float, float]:
    return found.value, found.low, found.high
