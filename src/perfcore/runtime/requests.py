"""A request: what a caller of a batcher asks, and waits for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from ..amounts import amount
from .rows import Rows


class Request:
    """What a caller asks and waits for."""

    __slots__ = (
        "answer", "came", "deadline", "error", "future", "is_done", "loop", "rows", "suspects", "timeout", "woken",
    )  # fmt: skip

    def __init__(self, rows: Rows, timeout: float | None):
        if timeout is not None:
            timeout = amount("timeout", timeout, "seconds")
        self.rows = rows
        self.came = time.perf_counter()
        self.timeout = timeout
        self.deadline = None if timeout is None else self.came + timeout
        self.is_done = False
        self.answer: Any = None
        self.error: BaseException | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # of the caller, where it has one
        self.future: Any = None
        self.woken: Any = None  # a lock that its thread waits for, where it has none
        self.suspects: Any = None  # after a call that was refused: those with whom it is asked about again

    def wait(self, take_back: Callable[[Request, str], bool]) -> None:
        """Until the answer is there; ``take_back(self, why)`` withdraws it, and says whether it was still to be had."""
        seconds = -1.0
        if self.deadline is not None:
            seconds = min(max(0.0, self.deadline - time.perf_counter()), threading.TIMEOUT_MAX)
        try:
            in_time = self.woken.acquire(timeout=seconds)
        except BaseException:  # Ctrl-C
            take_back(self, "cancelled")
            raise
        if not in_time and take_back(self, "expired"):
            raise late(self.timeout)

    def outcome(self) -> Any:
        if self.error is None:
            return self.answer
        try:
            raise self.error
        finally:
            self.error = None  # or the traceback would hold this frame, and that the traceback


def wake(requests: list[Request]) -> None:
    """Tell their callers that there is an answer, those of a loop all at once."""
    by_loop: dict[Any, list[Request]] = {}
    for request in requests:
        if request.woken is not None:
            request.woken.release()
        elif request.loop is not None:
            by_loop.setdefault(request.loop, []).append(request)
    for loop, callers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, callers)
        except RuntimeError:  # the loop is closed, and its callers with it
            pass


def _resolve(requests: list[Request]) -> None:
    for request in requests:
        if not request.future.done():
            request.future.set_result(None)


def late(seconds: float | None) -> TimeoutError:
    return TimeoutError(f"no answer within {seconds:g} s")
