"""map(): a function of each of many pieces, in order, by the way that is soonest; compare(): which that is.

::

    pieces ──▶ the first ones here, timed ─┬─ little to do ─────────────────────▶ here, one after another
                                           ├─ two at once by threads are sooner ▶ threads
                                           └─ else, much to do, not in crumbs ──▶ processes, which map their pieces

No more than two pieces for each worker are under way, so memory stays bounded however many there are.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

from ..amounts import whole
from ..callables import check
from ..errors import ConfigurationError
from ..threads import resolve
from . import progress as bars
from .chunks import bytes_of, chunks
from .workers import Workers

WAYS = ("auto", "serial", "threads", "processes")
SOON = 0.2  # seconds of work that are not worth starting workers for
WORTH_PROCESSES = 2.0  # seconds
CRUMB = 1e-3  # seconds: handing a piece to a process and its result back takes a fifth of that, or more
GAIN = 1.3  # by which two threads at once must be faster than one
ROUNDS = 3


def map(  # noqa: A001 - what it is called everywhere
    function: Callable[[Any], Any],
    data: Any,
    *,
    max_bytes: int | None = None,
    workers: int | None = None,
    how: str = "auto",
    progress: bool = False,
) -> Iterator[Any]:
    """What a function makes of each piece, in their order, as it is ready.

    Parameters
    ----------
    function : of a piece; for processes one that can be pickled, or a local one, which cloudpickle takes. What it
        changes of its piece, or of what it is a closure over, the caller sees with "serial" and "threads"; each call in
        a process has copies
    max_bytes : of all pieces that are under way together, and of a few copies that the function makes of its own
    workers : threads or processes; by default as many as CPUs may be used, or ``PERFCORE_NUM_THREADS``
    how : "serial"; "threads", of which a single one is the caller's; "processes", of which a single one is still
        another than the caller's; or "auto": measured while the first pieces are worked on. Where that is for
        processes, and something cannot be pickled, or none be started, the rest is done in the caller's thread; a piece
        whose result turns out not to be sent back is worked on again
    progress : whether a bar on stderr shows how many are done

    Raises
    ------
    ConfigurationError
        For arguments outside what is allowed, as a coroutine or generator function.
    WorkerError
        With "processes", for a function, piece or result that cannot be pickled, which it names, or where no process
        can be started. In the place of an error that cannot be pickled, with its class, message and traceback.
    Exception
        Whatever the function raised for a piece, when that piece's turn comes; with the worker's traceback, and the
        other pieces are given up: what is begun is finished. ``StopIteration`` becomes a ``RuntimeError``. A worker
        process that is killed is a ``TerminatedWorkerError``.
    """
    if how not in WAYS:
        raise ConfigurationError(f"how={how!r}: allowed are {', '.join(WAYS)}")
    check(function)
    n_workers = resolve(workers, "workers")
    if max_bytes is not None:
        data = chunks(data, _piece(max_bytes, n_workers))
    elif bytes_of(data) is not None or isinstance(data, str | os.PathLike):
        raise ConfigurationError("a table or file is cut into pieces by max_bytes=, which is missing")
    pieces = _Pieces(data)
    n, results = pieces.left, _mapped(function, pieces, n_workers, how)
    return bars.shown(results, n) if progress else results


def _piece(max_bytes: int, workers: int) -> int:
    """Bytes of a piece: for each worker two are under way, and functions make up to three of one; readers have some."""
    return max(1, whole("max_bytes", max_bytes) // (5 * workers + 4))


class _Pieces:
    """An iterator that knows how many are left, where anybody does."""

    def __init__(self, data: Iterable[Any]):
        self._pieces = iter(data)
        self.left = len(data) if isinstance(data, Sized) else None

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> Any:
        piece = next(self._pieces)
        if self.left is not None:
            self.left -= 1
        return piece


def _mapped(function: Callable[[Any], Any], pieces: _Pieces, workers: int, how: str) -> Iterator[Any]:
    or_here = how == "auto"
    if how == "auto":
        how = "serial" if workers == 1 else (yield from _tried(function, pieces))
    if how == "serial" or (how == "threads" and workers == 1):
        yield from _serial(function, pieces)
        return
    if how == "threads":
        pool = ThreadPoolExecutor(workers)
        try:
            yield from _in_order(lambda piece: pool.submit(function, piece).result, pieces, 2 * workers)
        finally:
            pool.shutdown(cancel_futures=True)
    else:
        with Workers(function, workers, or_here) as processes:
            yield from _in_order(processes.send, pieces, 2 * workers)


def _serial(function: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
    for piece in pieces:  # builtins.map would end where the function raises StopIteration
        yield function(piece)


def _tried(function: Callable[[Any], Any], pieces: _Pieces) -> Generator[Any, None, str]:
    """The first results; it returns which way is best for the rest."""
    alone = yield from _here(function, pieces, SOON)
    if alone is None:
        return "serial"
    pair = list(islice(pieces, 2))
    if len(pair) < 2:
        yield from _serial(function, pair)
        return "serial"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(abs, (1, 2)))  # its threads are started
        began = time.perf_counter()
        futures = [pool.submit(function, piece) for piece in pair]
        wait(futures)
        together = time.perf_counter() - began
    for future in futures:
        yield future.result()
    if 2 * alone > GAIN * together:
        return "threads"
    if alone < CRUMB:
        return "serial"
    if pieces.left is not None:
        return "processes" if pieces.left * alone >= WORTH_PROCESSES else "serial"
    return "serial" if (yield from _here(function, pieces, WORTH_PROCESSES)) is None else "processes"


def _here(function: Callable[[Any], Any], pieces: _Pieces, much: float) -> Generator[Any, None, float | None]:
    """Results of pieces that are worked on here, while less than so many seconds of work are left, or were done where
    nobody knows what is left; it returns the seconds of a piece, None where they are through."""
    n, seconds = 0, 0.0
    for piece in pieces:
        began = time.perf_counter()
        done = function(piece)
        n, seconds = n + 1, seconds + time.perf_counter() - began
        yield done
        if (seconds if pieces.left is None else pieces.left * seconds / n) >= much:
            return seconds / n
    return None


def _in_order(send: Callable[[Any], Callable[[], Any]], pieces: Iterator[Any], most: int) -> Iterator[Any]:
    under_way: deque[Callable[[], Any]] = deque()
    for piece in pieces:
        under_way.append(send(piece))
        if len(under_way) >= most:
            yield under_way.popleft()()
    while under_way:
        yield under_way.popleft()()


@dataclass(frozen=True)
class Comparison:
    """Median seconds for all pieces by each way, workers started beforehand.

    Attributes
    ----------
    best : the way of the least seconds; of ways within 5 % of it the first of serial, threads, processes
    """

    seconds: dict[str, float]
    workers: int
    best: str

    def __str__(self) -> str:
        return "\n".join(
            f"{way:<10} {each:9.4f} s  {self.seconds['serial'] / each:5.2f} ×{'  <- best' if way == self.best else ''}"
            for way, each in self.seconds.items()
        )


def compare(function: Callable[[Any], Any], pieces: Iterable[Any], *, workers: int | None = None) -> Comparison:
    """Time the ways in which a function can be applied to pieces, in turn, three rounds.

    Raises
    ------
    ConfigurationError
        Where there are no pieces, for a table or file in their place, and for functions that `map` refuses.
    Exception
        Whatever the function raises.
    """
    check(function)
    n_workers = resolve(workers, "workers")
    if bytes_of(pieces) is not None or isinstance(pieces, str | os.PathLike):
        raise ConfigurationError("a table or file is cut into pieces beforehand, by chunks(table, max_bytes)")
    pieces = list(pieces)
    if not pieces:
        raise ConfigurationError("there are no pieces to time")
    ways = [way for way in WAYS if way != "auto"]
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for way in ways:
        list(map(function, pieces, workers=n_workers, how=way))
    for _ in range(ROUNDS):
        for way in ways:
            began = time.perf_counter()
            list(map(function, pieces, workers=n_workers, how=way))
            taken[way].append(time.perf_counter() - began)
    seconds = {way: median(each) for way, each in taken.items()}
    least = min(seconds.values())
    return Comparison(seconds, n_workers, next(way for way in ways if seconds[way] <= 1.05 * least))
