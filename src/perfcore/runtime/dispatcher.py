"""The queue of a batcher and the threads that empty it."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import os
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from ..errors import OverloadedError
from .cost_model import CostModel
from .requests import Rows, answers, joined
from .seconds import checked

# Seconds that handing a request to another thread and its answer back takes: what takes less is done on the spot.
HANDOFF = 50e-6
REMEMBERED = 4096  # requests whose waiting is told by stats()
_COUNTS = ("requests", "rows", "batches", "on the spot", "refused", "cancelled", "expired", "failed")


class Request:
    """What a caller asks and waits for."""

    __slots__ = ("answer", "came", "deadline", "error", "future", "is_done", "loop", "rows", "timeout", "woken")

    def __init__(self, rows: Rows, timeout: float | None):
        if timeout is not None:
            timeout = checked("timeout", timeout)
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

    def wait(self, dispatcher: Dispatcher) -> None:
        seconds = -1.0
        if self.deadline is not None:
            seconds = min(max(0.0, self.deadline - time.perf_counter()), threading.TIMEOUT_MAX)
        try:
            in_time = self.woken.acquire(timeout=seconds)
        except BaseException:  # Ctrl-C
            dispatcher.take_back(self, "cancelled")
            raise
        if not in_time and dispatcher.take_back(self, "expired"):
            raise late(self.timeout)

    def outcome(self) -> Any:
        if self.error is None:
            return self.answer
        try:
            raise self.error
        finally:
            self.error = None  # or the traceback would hold this frame, and that the traceback


class Dispatcher:
    """The queue and the threads: what is left of a batcher when nobody holds it any more."""

    def __init__(
        self,
        function: Callable,
        function_of_row: Callable | None,
        max_rows: int,
        max_queue: int,
        objective: float,
        workers: int,
    ):
        self.function, self.function_of_row = function, function_of_row
        self.max_rows, self.max_queue, self.objective, self.workers = max_rows, max_queue, objective, workers
        self.is_closed = False
        self.begin_anew()
        _dispatchers.add(self)

    def begin_anew(self) -> None:
        """With nothing waiting and no thread: at first, and in a process that was forked."""
        self.lock = threading.Lock()
        self.work = threading.Condition(self.lock)
        self.queue: OrderedDict[Request, None] = OrderedDict()  # in order, and one in the midst leaves at once
        self.n_queued = self.n_running = 0  # rows, calls
        self.threads: list[threading.Thread] = []
        self.model = CostModel()
        self.counts = dict.fromkeys(_COUNTS, 0)
        self.waited: deque[float] = deque(maxlen=REMEMBERED)
        self.took: deque[float] = deque(maxlen=REMEMBERED)

    # -- callers ----------------------------------------------------------------------------------

    def enter(self, request: Request, now: float, loop: Any = None) -> bool:
        """Whether it was answered on the spot; else it is in the queue."""
        with self.lock:
            if self.is_closed:
                raise OverloadedError("the batcher is closed: it takes no more requests")
            is_idle = not self.queue and self.n_running < self.workers
            if not (is_idle and self._may_run_here(request, loop)):
                self._enqueue(request, now, loop, is_idle)
                return False
            self.n_running += 1
        self.run([request], "on the spot")
        return True

    def _may_run_here(self, request: Request, loop: Any) -> bool:
        """Who would wait anyway may do it; a loop, and who has only so long, what is as soon done as handed over."""
        if loop is None and request.deadline is None:
            return True
        return self.model.is_learned and self.model.tail(request.rows.n) <= HANDOFF

    def _enqueue(self, request: Request, now: float, loop: Any, is_idle: bool) -> None:
        n = request.rows.n
        if self.n_queued and self.n_queued + n > self.max_queue:
            self.counts["refused"] += 1
            raise OverloadedError(f"{self.n_queued} rows wait already, and {self.max_queue} may (max_queue)")
        if request.deadline is not None and self.model.is_learned and not is_idle:  # an idle one tries, and learns
            needed = self._seconds_ahead(n)
            if now + needed > request.deadline:
                self.counts["refused"] += 1
                raise OverloadedError(
                    f"the answer is to be expected in {needed:.3g} s, behind {self.n_queued} rows; the caller has "
                    f"{request.timeout:.3g} s"
                )
        if loop is None:
            request.woken = threading.Lock()
            request.woken.acquire()
        else:
            request.loop, request.future = loop, loop.create_future()
        if len(self.threads) < self.workers:
            self._start_thread()
        self.queue[request] = None
        self.n_queued += n
        self.work.notify()

    def _seconds_ahead(self, n: int) -> float:
        """Until a request of n rows that comes now is answered: the call under way, those before it, its own."""
        size = int(min(self._most_rows(), self.max_rows))
        calls, beside = divmod(self.n_queued, size)
        if beside and beside + n > size:  # its own call has no room for those
            calls, beside = calls + 1, 0
        calls += self.n_running >= self.workers
        return calls * self.model.expected(size) / self.workers + self.model.expected(beside + n)

    def take_back(self, request: Request, why: str) -> bool:
        """Whether it was still to be answered; it is not any more."""
        with self.lock:
            if request.is_done:
                return False
            request.is_done = True
            self.counts[why] += 1
            self._leave_queue(request)
            return True

    def _leave_queue(self, request: Request) -> None:
        if self.queue.pop(request, self) is None:
            self.n_queued -= request.rows.n

    # -- calls ----------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        name = f"perfcore-batcher-{len(self.threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads: those that there are do it, if there are any
            if not self.threads:
                raise
        else:
            self.threads.append(thread)

    def _work(self) -> None:
        while True:
            with self.lock:
                while not self.queue or self.n_running >= self.workers:
                    if self.is_closed and not self.queue:
                        return
                    self.work.wait()
                batch = self._next()
                self.n_running += bool(batch)
            if not batch:  # all came too late
                continue
            self.run(batch, "batches")
            batch.clear()  # who waited has it all: nothing is held until the next batch

    def _next(self) -> list[Request]:
        """The first of the queue, and those behind it that are of its kind and for which there is time."""
        most, n = min(self._most_rows(), self.max_rows), 0
        batch: list[Request] = []
        now = time.perf_counter()
        for request in list(self.queue):
            rows = request.rows
            if request.deadline is not None and now > request.deadline:  # about to be taken back
                self._leave_queue(request)
                continue
            if batch and rows.kind != batch[0].rows.kind:  # its turn comes: it is the first, sooner or later
                continue
            if batch and n + rows.n > most:
                break
            self._leave_queue(request)
            batch.append(request)
            n += rows.n
        return batch

    def _most_rows(self) -> float:
        return self.model.rows_within(self.objective / 2)

    def run(self, batch: list[Request], way: str) -> None:
        """Call the predictor, and hand the answer to those who wait; one of the calls at once is this one."""
        try:
            self._call(batch, way)
        finally:
            with self.lock:
                self.n_running = max(0, self.n_running - 1)  # 0: a child of this process, which the predictor forked
                if self.is_closed:
                    self.work.notify_all()  # all are to end
                elif self.queue:
                    self.work.notify()

    def _call(self, batch: list[Request], way: str) -> None:
        began = time.perf_counter()
        try:
            parts, error = self._answers(batch), None
        except BaseException as reason:
            if isinstance(reason, ValueError | TypeError) and len(batch) > 1:
                for request in batch:  # some caller's rows are at fault, and not the others'
                    if not request.is_done:
                        self._call([request], way)
                return
            if way == "batches" and not isinstance(reason, Exception):
                reason = _contained(reason)
            parts, error = [None] * len(batch), reason
        self._settle(batch, parts, error, way, began, time.perf_counter())
        _wake(batch)

    def _answers(self, batch: list[Request]) -> list[Any]:
        first = batch[0].rows
        if len(batch) == 1 and first.is_one and self.function_of_row is not None:
            return [self.function_of_row(first.row)]
        requests = [each.rows for each in batch]
        return answers(self.function(joined(requests)), requests)

    def _settle(
        self, batch: list[Request], parts: list, error: BaseException | None, way: str, began: float, ended: float
    ) -> None:
        n = sum(each.rows.n for each in batch)
        with self.lock:
            if error is None:
                self.model.learn(n, ended - began)
            self.counts[way] += 1
            self.counts["requests"] += len(batch)
            self.counts["rows"] += n
            self.counts["failed"] += 0 if error is None else len(batch)
            for request, part in zip(batch, parts, strict=True):
                self.waited.append(began - request.came)
                self.took.append(ended - request.came)
                if not request.is_done:
                    request.is_done, request.answer = True, part
                    request.error = None if error is None else _own(error, len(batch))

    # -- the end ----------------------------------------------------------------------------------

    def stop(self, drains: bool = True) -> None:
        """Nothing more is taken; the threads end, once nothing waits."""
        with self.lock:
            self.is_closed = True
            left = [] if drains else list(self.queue)
            if not drains:
                self.queue.clear()
                self.n_queued = 0
            for request in left:
                request.is_done, request.error = True, OverloadedError("the batcher was closed before the answer")
            self.counts["refused"] += len(left)
            self.work.notify_all()
        _wake(left)

    def stop_soon(self) -> None:
        """`stop`, for the collector, which runs at any place: also in a thread that holds the lock."""
        with contextlib.suppress(RuntimeError):  # Python is about to end
            _thread.start_new_thread(self.stop, ())

    def join(self) -> None:
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join()

    def stats(self) -> dict[str, Any]:
        with self.lock:
            told: dict[str, Any] = dict(self.counts)
            told |= {"queued": len(self.queue), "queued rows": self.n_queued, "running": self.n_running}
            told |= {"a": self.model.a, "b": self.model.b, "objective": self.objective}
            waited, took = sorted(self.waited), sorted(self.took)
        return told | {"waited": _quantiles(waited), "took": _quantiles(took)}


def _wake(batch: list[Request]) -> None:
    by_loop: dict[Any, list[Request]] = {}
    for request in batch:
        if request.woken is not None:
            request.woken.release()
        elif request.loop is not None:
            by_loop.setdefault(request.loop, []).append(request)
    for loop, requests in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, requests)
        except RuntimeError:  # the loop is closed, and its callers with it
            pass


def _resolve(requests: list[Request]) -> None:
    for request in requests:
        if not request.future.done():
            request.future.set_result(None)


def _quantiles(ordered: list[float]) -> dict[str, float | None]:
    n = len(ordered)
    return {f"p{q}": ordered[min(n - 1, n * q // 100)] if n else None for q in (50, 95, 99)}


def late(seconds: float | None) -> TimeoutError:
    return TimeoutError(f"no answer within {seconds:g} s")


def _own(error: BaseException, n: int) -> BaseException:
    """The error for one of n callers: each gets one of its own, for raising it writes upon it."""
    if n == 1:
        return error
    try:
        made = type(error)(*error.args)
    except Exception:  # of a class that takes other arguments
        return error
    made.__cause__ = error
    return made


def _contained(reason: BaseException) -> RuntimeError:
    """A predictor that ends its own thread is not to end its callers', nor their event loops."""
    made = RuntimeError(f"the predictor raised {type(reason).__qualname__}: {reason}")
    made.__cause__ = reason
    return made


_dispatchers: weakref.WeakSet[Dispatcher] = weakref.WeakSet()


def _after_fork() -> None:
    for dispatcher in list(_dispatchers):
        dispatcher.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
