"""The queue of a batcher and the threads that empty it."""

from __future__ import annotations

import _thread
import contextlib
import os
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from ..errors import ConfigurationError, OverloadedError
from .cost_model import CostModel
from .requests import Request, wake
from .rows import answers, joined

# Seconds that handing a request to another thread and its answer back takes: what takes less is done on the spot.
HANDOFF = 50e-6
REMEMBERED = 4096  # requests whose waiting is told by stats()
AGAIN = 1.0  # seconds after which who waits for a call to end looks whether it has: Ctrl-C may have come before it told
_COUNTS = ("requests", "rows", "batches", "on the spot", "refused", "cancelled", "expired", "failed")


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
        self.n_queued = 0  # rows
        self.running: set[int] = set()  # threads that call the predictor
        self.threads: list[threading.Thread] = []
        self.model = CostModel()
        self.counts = dict.fromkeys(_COUNTS, 0)
        self.waited: deque[float] = deque(maxlen=REMEMBERED)
        self.took: deque[float] = deque(maxlen=REMEMBERED)

    # -- callers ----------------------------------------------------------------------------------

    def enter(self, request: Request, now: float, loop: Any = None) -> bool:
        """Whether it was answered on the spot; else it is in the queue.

        Ctrl-C, and whatever else a signal's handler raises, may come at each line. It is seen after calls, so that
        ``running`` is right as long as what sets it stands within ``try``, and what it needs was called before.
        """
        here = threading.get_ident()
        if here in self.running:  # the predictor asks its own batcher, which is busy until that is answered
            self._call([request], "on the spot")
            return True
        try:
            with self.lock:
                if self.is_closed:
                    raise closed()
                is_idle = not self.queue and len(self.running) < self.workers
                if not (is_idle and self._may_run_here(request, loop)):
                    self._enqueue(request, now, loop, is_idle)
                    return False
                self.running.add(here)
            self._call([request], "on the spot")
        finally:
            if here in self.running:
                self.running.discard(here)
                self._tell()
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
        calls += len(self.running) >= self.workers
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
        if request in self.queue:
            self.n_queued -= request.rows.n
            del self.queue[request]

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
        here = threading.get_ident()
        while True:
            with self.lock:
                while not self.queue or len(self.running) >= self.workers:
                    if self.is_closed and not self.queue:
                        return
                    self.work.wait(AGAIN if self.queue else None)
                batch = self._next()
                if not batch:  # all came too late
                    continue
                self.running.add(here)
            answered = self._call(batch, "batches")
            if not answered:
                self._halve(batch)
            self.running.discard(here)  # before anybody who is answered asks again
            self._tell()
            wake(answered)
            batch.clear()  # who waited has it all: nothing is held until the next batch

    def _next(self) -> list[Request]:
        """The first of the queue, and those behind it that are of its kind and for which there is time."""
        most, n = min(self._most_rows(), self.max_rows), 0
        batch: list[Request] = []
        too_late: list[Request] = []  # about to be taken back
        now = time.perf_counter()
        for request in self.queue:
            rows = request.rows
            if request.deadline is not None and now > request.deadline:
                too_late.append(request)
                continue
            if batch and request.suspects is not batch[0].suspects:
                break
            if batch and not rows.is_like(batch[0].rows):  # its turn comes: it is the first, sooner or later
                continue
            if batch and n + rows.n > most:
                break
            batch.append(request)
            n += rows.n
        for request in (*too_late, *batch):
            self._leave_queue(request)
        return batch

    def _most_rows(self) -> float:
        return self.model.rows_within(self.objective / 2)

    def _tell(self) -> None:
        """Those who wait for a call to end."""
        with self.lock:
            if self.is_closed:
                self.work.notify_all()  # all are to end
            elif self.queue:
                self.work.notify()

    def _call(self, batch: list[Request], way: str) -> list[Request]:
        """Call the predictor; it returns who is to be woken, for the answer is there: nobody where it is only known
        that some caller's rows are at fault.
        """
        began = time.perf_counter()
        errors: list[BaseException | None] = [None] * len(batch)
        try:
            parts = self._answers(batch)
        except BaseException as reason:
            of_rows = isinstance(reason, ValueError | TypeError) and not isinstance(reason, ConfigurationError)
            if of_rows and len(batch) > 1:
                return []
            if way == "batches" and not isinstance(reason, Exception):
                reason = _contained(reason)
            parts, errors = [None] * len(batch), [_own(reason, len(batch)) for _ in batch]
        self._settle(batch, parts, errors, way, began, time.perf_counter())
        return batch

    def _halve(self, batch: list[Request]) -> None:
        """Back to the head of the queue, each half to be asked about alone: of n callers one that is at fault is found
        by 2 log2 n calls. They wait as before: who is too late is taken out, and other workers help.
        """
        with self.lock:
            self.counts["batches"] += 1
            left = [request for request in batch if not request.is_done]
            halves = left[: len(left) // 2], left[len(left) // 2 :]
            for half in reversed(halves):
                suspects = object()
                for request in reversed(half):
                    request.suspects = suspects
                    self.queue[request] = None
                    self.queue.move_to_end(request, last=False)
                    self.n_queued += request.rows.n

    def _answers(self, batch: list[Request]) -> list[Any]:
        first = batch[0].rows
        if len(batch) == 1 and first.is_one and self.function_of_row is not None:
            return [self.function_of_row(first.row)]
        requests = [each.rows for each in batch]
        return answers(self.function(joined(requests)), requests)

    def _settle(self, batch: list[Request], parts: list, errors: list, way: str, began: float, ended: float) -> None:
        n, has_failed = sum(each.rows.n for each in batch), errors[0] is not None
        with self.lock:
            if not has_failed:
                self.model.learn(n, ended - began)
            self.counts[way] += 1
            self.counts["requests"] += len(batch)
            self.counts["rows"] += n
            self.counts["failed"] += len(batch) if has_failed else 0
            for request, part, error in zip(batch, parts, errors, strict=True):
                self.waited.append(began - request.came)
                self.took.append(ended - request.came)
                if not request.is_done:
                    request.is_done, request.answer, request.error = True, part, error

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
        wake(left)

    def stop_soon(self) -> None:
        """`stop`, for the collector, which runs at any place: also in a thread that holds the lock."""
        with contextlib.suppress(RuntimeError):  # Python is about to end
            _thread.start_new_thread(self.stop, ())

    def join(self) -> None:
        """Wait for the threads to end, and for callers who are answered on the spot; not for oneself, among these."""
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join()
        with self.lock:
            while self.running - {threading.get_ident()}:
                self.work.wait(AGAIN)

    def stats(self) -> dict[str, Any]:
        with self.lock:
            told: dict[str, Any] = dict(self.counts)
            told |= {"queued": len(self.queue), "queued rows": self.n_queued, "running": len(self.running)}
            told |= {"a": self.model.a, "b": self.model.b, "objective": self.objective}
            waited, took = list(self.waited), list(self.took)
        return told | {"waited": _quantiles(waited), "took": _quantiles(took)}


def _quantiles(seconds: list[float]) -> dict[str, float | None]:
    """The least of them that so many percent do not exceed."""
    n, ordered = len(seconds), sorted(seconds)
    return {f"p{q}": ordered[-(-n * q // 100) - 1] if n else None for q in (50, 95, 99)}


def closed() -> OverloadedError:
    return OverloadedError("the batcher is closed: it takes no more requests")


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
