"""measure(): what a block of code costs, in time, CPU, memory and I/O."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import ContextDecorator
from dataclasses import dataclass
from typing import Any

import psutil

from ...callables import check
from .guard import guard
from .usage import clear_peak, peak, resident


@dataclass
class Measurement:
    """Of a block: seconds and bytes, of the whole process; None before it is over, and where nothing tells: in a child
    that was forked within the block there are but ``seconds``.

    Attributes
    ----------
    seconds : by the clock
    cpu_seconds : of all its threads
    io_seconds : that its main thread waited for disks; None where the kernel does not count (sysctl
        kernel.task_delayacct, which is off by default since Linux 5.14)
    read_bytes, written_bytes : to and from disks; what was in the system's cache is not among them
    resident_before, resident_after, resident_peak : memory; the peak is the kernel's own high-water mark
    error : the exception that ended the block
    """

    name: str = ""
    seconds: float | None = None
    cpu_seconds: float | None = None
    io_seconds: float | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    resident_before: int | None = None
    resident_after: int | None = None
    resident_peak: int | None = None
    error: BaseException | None = None

    @property
    def cpu_percent(self) -> float | None:
        """100 is one core, all the time."""
        return None if not self.seconds or self.cpu_seconds is None else 100 * self.cpu_seconds / self.seconds

    def __str__(self) -> str:
        if self.seconds is None:
            return f"{self.name or 'block'}: not over yet"
        told = [f"{self.seconds:.3g} s"]
        if self.cpu_seconds is not None:
            told.append(f"CPU {self.cpu_seconds:.3g} s")
        if self.resident_before is not None and self.resident_after is not None:
            told.append(f"memory {(self.resident_after - self.resident_before) / 1e6:+.1f} MB")
        if self.resident_peak is not None:
            told.append(f"peak {self.resident_peak / 1e6:.1f} MB")
        if self.read_bytes is not None and self.written_bytes is not None:
            told.append(f"read {self.read_bytes / 1e6:.1f} MB, written {self.written_bytes / 1e6:.1f} MB")
        return f"{self.name or 'block'}: {', '.join(told)}"


class measure(ContextDecorator):
    """``with measure() as cost: ...``, or ``@measure(tell=print)`` before a function; `Measurement` has what it found.

    Blocks may lie within one another and overlap between threads; each is of the whole process.

    Parameters
    ----------
    name : str
        For the report.
    tell : function of a `Measurement`, optional
        Called when a block is over, after an error, too.

    Raises
    ------
    ConfigurationError
        Where it is put before what is no function, or a coroutine or generator function, which does nothing yet when
        it is called.
    """

    def __init__(self, name: str = "", *, tell: Callable[[Measurement], Any] | None = None):
        self.name, self.tell = name, tell
        self._entered = _Entered()

    def __enter__(self) -> Measurement:
        block = _Block(Measurement(self.name))
        self._entered.blocks.append(block)
        return block.found

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        block = self._entered.blocks.pop()
        block.finish(error)
        if self.tell is not None:
            self.tell(block.found)

    def __call__(self, function: Any) -> Any:
        check(function, instead="put 'with measure()' around its work")
        self.name = self.name or getattr(function, "__qualname__", "")
        return super().__call__(function)

    def _recreate_cm(self) -> measure:
        return measure(self.name, tell=self.tell)  # each call of a decorated function its own


class _Entered(threading.local):
    """Blocks of one thread that are not over: what is entered last is left first only within a thread."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []


_open: weakref.WeakSet[_Block] = weakref.WeakSet()  # not those of threads that a fork left behind


class _Block:
    def __init__(self, found: Measurement):
        self.found, self.process, self.pid = found, psutil.Process(), os.getpid()
        self.highest = 0
        with guard:  # the high-water mark is one for all: who begins anew tells those who have begun already
            _tell_open()
            self.sees_peak = clear_peak()
            _open.add(self)
        found.resident_before = resident()
        self.io, self.io_waited, self.cpu = _io(self.process), _io_waited(self.process), time.process_time()
        self.began = time.perf_counter()

    def finish(self, error: BaseException | None) -> None:
        found = self.found
        found.seconds, found.error = time.perf_counter() - self.began, error
        with guard:
            _tell_open()
            _open.discard(self)
        if os.getpid() != self.pid:
            return
        found.cpu_seconds = time.process_time() - self.cpu  # psutil's is in ticks of 10 ms
        io, io_waited = _io(self.process), _io_waited(self.process)
        if io_waited is not None and self.io_waited is not None:
            found.io_seconds = io_waited - self.io_waited
        if io is not None and self.io is not None:
            found.read_bytes, found.written_bytes = io[0] - self.io[0], io[1] - self.io[1]
        found.resident_after = resident()
        if self.sees_peak:
            found.resident_peak = max(self.highest, found.resident_before or 0, found.resident_after)


def _tell_open() -> None:
    highest = peak()
    for block in _open:
        block.highest = max(block.highest, highest or 0)


def _io(process: psutil.Process) -> tuple[int, int] | None:
    try:
        counters = process.io_counters()
    except (AttributeError, psutil.Error, OSError):  # macOS has none; some containers forbid it
        return None
    return counters.read_bytes, counters.write_bytes


def _io_waited(process: psutil.Process) -> float | None:
    try:
        with open("/proc/sys/kernel/task_delayacct", encoding="ascii") as file:
            if file.read().strip() == "0":
                return None
    except OSError:  # before Linux 5.14 it was always counted
        pass
    return getattr(process.cpu_times(), "iowait", None)
