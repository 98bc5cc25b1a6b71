"""check_leak(): whether calling a function again and again takes more and more memory, and what that is.

::

    warm up ─▶ rounds of m calls ─▶ slopes of heap, Python's blocks, resident set, files, threads
                     │                     │ none grows: do containers become longer? ─▶ if not, no leak
                     └─ twice and four times as many calls a round: does it go on? ─▶ what grows, and who holds it
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import numpy as np
import psutil

from ...amounts import whole
from ...callables import check
from . import holders, lengths
from .slope import Slope, slope
from .usage import arrow, heap, resident

ROUND_SECONDS = 0.02
PATIENCE = 3  # times as long: then a round is over
MOST_CALLS = 2000  # of a round
FEW = 8  # descriptors and threads
LEAST_BYTES = 4.0  # a call: half a reference
LEAST_OBJECTS = 0.2  # in cycles, a call
# What is watched, the surest first, and how much a call counts as growth.
LEAST = {
    "descriptors": 0.01, "threads": 0.01, "blocks": 0.05, "heap": LEAST_BYTES, "arrow": LEAST_BYTES,
    "resident": 16 * LEAST_BYTES,
}  # fmt: skip
# In cycles that only the collector frees, for each object of theirs. It runs once there are 700 objects more (2,000 in
# later Pythons), however large: less than that is a megabyte or two, which comes and goes.
CYCLE_BYTES = 1024
LOOKED_AT = 1000  # objects of the garbage
SERIES = (2, 4)  # times as many calls a round, to see whether growth goes on
GOES_ON = 0.75  # of the growth of the series before: what fills up grows less and less
# Whether what grows in blocks or in the heap is Python's or native is found out later.
_KINDS = {"blocks": "python", "heap": "native", "arrow": "native", "resident": "fragmentation"}


@dataclass(frozen=True)
class LeakReport:
    """What `check_leak` found.

    Attributes
    ----------
    kind : None where nothing leaks; "python": objects that somebody holds, or cycles; "native": memory that no Python
        object has, of C, C++ or Rust; "fragmentation": the resident set grows though neither malloc nor Python has
        given out more (or a library maps memory itself); "descriptors": files or sockets; "threads"
    slope, low, high : growth in bytes (of "descriptors" and "threads" in numbers) a call, and its interval of 95 %
    slopes : of everything that was watched, by name
    growing : containers that grow, with how they are reached by name, and entries a call
    cycles : cycles of objects that the function leaves to the collector, by name, and how many a call; a leak where
        they hold so much that the collector, which counts objects and not bytes, runs too seldom
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
        unit = self.kind if self.kind in ("descriptors", "threads") else "bytes"
        lines = [f"leak ({self.kind}): {self.slope:,.4g} {unit} a call ({self.low:,.4g} to {self.high:,.4g})"]
        if self.kind is None:
            lines = [f"no leak in {self.n_calls:,} calls"]
        lines += [f"  grows: {name}, {each:.3g} entries a call" for name, each in self.growing.items()]
        lines += [f"  cycle: {name}, {each:.3g} a call" for name, each in self.cycles.items()]
        lines += [f"  kept from: {place}, {each:,.4g} bytes a call" for place, each in self.allocations.items()]
        if self.kind == "native":
            lines.append("  no Python object has it; python -m memray run --native names the C function")
        if self.kind == "fragmentation":
            lines.append("  malloc has given out no more: perfcore.runtime.memory.trim(), or MALLOC_ARENA_MAX=2")
        return "\n".join(lines)


def check_leak(function: Callable[[], Any], *, rounds: int = 20, warm_up: int = 10) -> LeakReport:
    """Call a function some hundreds to thousands of times and see what grows.

    Growth counts where the lower end of its slope's 95 % interval is above zero, and where it goes on as fast with
    twice or four times as many calls a round: what fills up to a bound grows less and less. Where neither memory nor
    files nor threads grow, containers that become longer by each call count in the same way. Where calls become slower,
    a round has fewer. Nothing else should work in the process meanwhile.

    Parameters
    ----------
    function : called without arguments
    rounds : measurements of a series, from 8
    warm_up : calls before the first, from 0

    Raises
    ------
    ConfigurationError
        For fewer rounds, what cannot be called, and coroutine and generator functions, which only begin when they are.
    Exception
        Whatever the function raises.
    """
    check(function)
    rounds, warm_up = whole("rounds", rounds, 8), whole("warm_up", warm_up, 0)
    with _collector_of_our_own():
        calls = _Calls(function)
        calls.make(max(1, warm_up))
        calls.choose()
        calls.round(3)
        names, slopes = _growth(calls, rounds, _watched, LEAST)
        cycles, size, is_much = _cycles(calls)
        if not names:
            growing, longer = _longer(calls, rounds)
            found = longer if growing else Slope(size, size, size) if is_much else slopes["heap"]
            kind = "python" if growing or is_much else None
            return LeakReport(kind, *_numbers(found), slopes, growing, cycles, {}, calls.n)
        growing, allocations = _what_grows(calls)
        kind = _KINDS.get(names[0], names[0])
        if kind in ("native", "python"):
            kind, found = _told_apart(slopes, growing, allocations)
        else:
            found = slopes["resident" if kind == "fragmentation" else kind]
        return LeakReport(kind, *_numbers(found), slopes, growing, cycles, allocations, calls.n)


class _collector_of_our_own:
    """Python's collector runs when we say so, and is then as it was."""

    def __enter__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self.was_on:
            gc.enable()


class _Calls:
    """Calls of the function, in rounds of so many as take a while."""

    def __init__(self, function: Callable[[], Any]):
        self.function, self.n, self.a_round = function, 0, 1

    def make(self, n: int) -> None:
        function = self.function
        for _ in range(n):
            function()
        self.n += n

    def round(self, times: int = 1) -> int:
        """So many rounds at once, or fewer calls where they have become slow, as what leaks may; how many it were."""
        function, before = self.function, self.n
        until = time.perf_counter() + PATIENCE * times * ROUND_SECONDS
        for _ in range(times * self.a_round):
            function()
            self.n += 1
            if time.perf_counter() > until:
                break
        return self.n - before

    def choose(self) -> None:
        """So many that a round takes a while, and few where each leaves a file or a thread: these run out."""
        before = _open_things()
        while self.a_round < MOST_CALLS:
            began = time.perf_counter()
            self.make(self.a_round)
            if time.perf_counter() - began >= ROUND_SECONDS or any(_open_things() - before >= FEW):
                break
            self.a_round *= 2


def _open_things() -> np.ndarray:
    """Descriptors and threads."""
    process = psutil.Process()
    return np.array([process.num_fds() if hasattr(process, "num_fds") else 0, threading.active_count()])


def _watched() -> tuple[float, ...]:
    return (*_open_things(), sys.getallocatedblocks(), heap() or 0, arrow() or 0, resident())


def _growth(
    calls: _Calls, rounds: int, look: Callable[[], Sequence[float]], least: dict[Any, float]
) -> tuple[list[Any], dict[Any, Slope]]:
    """What grows and goes on growing, and the last slopes of all, by the names in ``least``."""
    slopes, _ = _series(calls, 1, rounds, look, least)
    for times in SERIES:
        if not _growing(slopes, least):
            break
        before = slopes
        slopes, late = _series(calls, times, rounds, look, least)
        going_on = [name for name in _growing(slopes, least) if late[name].value >= GOES_ON * before[name].value]
        if going_on:
            return going_on, slopes
    return [], slopes


def _growing(slopes: dict[Any, Slope], least: dict[Any, float]) -> list[Any]:
    return [name for name in least if slopes[name].low > least[name]]


def _series(
    calls: _Calls, times: int, rounds: int, look: Callable[[], Sequence[float]], names: Collection[Any]
) -> tuple[dict[Any, Slope], dict[Any, Slope]]:
    """Slopes a call, of the whole series and of its later half: what is full by then grows no more.

    What is seen is put into arrays made beforehand, so that watching takes no memory.
    """
    n, seen = np.zeros(rounds), np.zeros((rounds, len(names)))
    for i in range(rounds):
        calls.round(times)
        gc.collect()
        n[i], seen[i] = calls.n, look()
    half = rounds // 2
    slopes = {name: slope(n, seen[:, i]) for i, name in enumerate(names)}
    return slopes, {name: slope(n[half:], seen[half:, i]) for i, name in enumerate(names)}


def _longer(calls: _Calls, rounds: int) -> tuple[dict[str, float], Slope]:
    """Containers by name that become longer by each call, and bytes a call: a list takes memory in rare steps only."""
    before = lengths.lengths()
    grown = [each for each, _ in lengths.longer(before, calls.round())]
    least = dict.fromkeys(range(len(grown)), lengths.LEAST_ENTRIES)
    found, slopes = _growth(calls, rounds, lambda: [len(each) for each in grown], least) if grown else ([], {})
    size = {i: lengths.bytes_of_entry(grown[i]) for i in found}
    total = Slope(*(sum(size[i] * getattr(slopes[i], end) for i in found) for end in ("value", "low", "high")))
    return lengths.named([(grown[i], slopes[i].value) for i in found], (before, grown)), total


def _told_apart(
    slopes: dict[str, Slope], growing: dict[str, float], allocations: dict[str, float]
) -> tuple[str, Slope]:
    """Python's, where its own account of allocations explains at least half of what grows."""
    kept, native = sum(allocations.values()), max(slopes["heap"], slopes["arrow"], key=lambda each: each.value)
    is_unexplained = (kept < LEAST_BYTES and not growing) or native.value > 2 * kept + 1024
    if native.low > LEAST_BYTES and is_unexplained:
        return "native", native
    # Python takes its small blocks from arenas, which are no part of the heap; of what is not small the heap tells.
    is_small = slopes["blocks"].low > LEAST["blocks"] and native.value < kept / 2
    return "python", Slope(kept, kept, kept) if is_small else native


def _what_grows(calls: _Calls) -> tuple[dict[str, float], dict[str, float]]:
    """Containers by name, and places in the code by bytes kept a call."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start(1)
    try:
        calls.round()  # so that what is replaced by each call is traced, too
        gc.collect()
        before, lengths_before = tracemalloc.take_snapshot(), lengths.lengths()
        n = calls.round()
        gc.collect()
        after = tracemalloc.take_snapshot()
    finally:
        if not was_tracing:
            tracemalloc.stop()
    grown = lengths.longer(lengths_before, n)
    ours = [
        tracemalloc.Filter(False, each.__file__ or "")
        for each in (sys.modules[__name__], lengths, tracemalloc, threading)
    ]
    changes = after.filter_traces(ours).compare_to(before.filter_traces(ours), "lineno")
    kept = {str(each.traceback): each.size_diff / n for each in changes[:5] if each.size_diff / n >= LEAST_BYTES / 2}
    del before, after, changes
    return lengths.named(grown, (lengths_before,)), kept


def _cycles(calls: _Calls) -> tuple[dict[str, float], float, bool]:
    """Cycles left to the collector, by name; bytes a call that they hold; whether that is much for so few objects.

    What is there once after any number of calls is not counted: ctypes makes a class of an array anew when the last one
    was collected, and a class is a cycle.
    """
    n = min(calls.round(), 100)  # as many as are made soon
    few, many = _left_by(calls, n), _left_by(calls, 2 * n)
    named = {name: (many.counts[kind] - few.counts[kind]) / n for kind, name in many.names.items()}
    size, objects = (many.size - few.size) / n, (many.counts.total() - few.counts.total()) / n
    is_much = objects >= LEAST_OBJECTS and size >= CYCLE_BYTES * objects
    return {name: each for name, each in named.items() if each >= LEAST_OBJECTS}, size, is_much


@dataclass(frozen=True)
class _Left:
    """What calls left to the collector: numbers of objects by their class, a cycle of each class by name, bytes."""

    counts: Counter[str]
    names: dict[str, str]
    size: int


def _left_by(calls: _Calls, n: int) -> _Left:
    gc.collect()
    kept, debug = list(gc.garbage), gc.get_debug()
    try:
        calls.make(n)
        in_use = heap()
        gc.garbage.clear()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        garbage = gc.garbage[:]
    finally:
        gc.set_debug(debug)
        gc.garbage[:] = kept
    counts = Counter(type(each).__qualname__ for each in garbage)
    size = sum(sys.getsizeof(each) for each in garbage)
    names = _names_of(garbage)
    del garbage
    gc.collect()
    return _Left(counts, names, max(size, (in_use or 0) - (heap() or 0)))


def _names_of(garbage: list) -> dict[str, str]:
    """A cycle of objects of each class, five of them at most."""
    among = {id(each): each for each in garbage}
    names: dict[str, str] = {}
    for each in garbage[:LOOKED_AT]:
        kind = type(each).__qualname__
        if len(names) < 5 and kind not in names and not isinstance(each, dict | list | tuple | MethodType):
            name = holders.cycle_of(each, among)
            if name is not None:
                names[kind] = name
    return names


def _numbers(found: Slope) -> tuple[float, float, float]:
    return found.value, found.low, found.high
