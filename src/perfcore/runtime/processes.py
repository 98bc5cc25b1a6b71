"""Worker processes: how they begin and end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from ..extras import require

IDLE = 60  # seconds after which a process without work ends


class Pool:
    """loky's processes. They are started and ended by other threads than the main one, where Ctrl-C is an exception
    wherever that is, halfway through too; and inherit from these that it does not reach them."""

    def __init__(self, n: int):
        def start() -> Any:
            from multiprocessing import resource_tracker

            if os.name == "posix":  # beginning later, these would let the signal through again
                for each in (loky("backend.resource_tracker"), resource_tracker):
                    each.ensure_running()
            executor = loky("process_executor").ProcessPoolExecutor
            return executor(n, timeout=IDLE, initializer=_begin, initargs=(os.getpid(),))

        self._processes = _elsewhere(start)
        self.fill()

    def fill(self) -> None:
        """Start what there is to start of processes."""
        _elsewhere(partial(self.submit, int))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return self._processes.submit(function, *arguments)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for those that were idle, and are no more
        try:
            return self._processes.submit(function, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def end(self) -> None:
        """Kill the processes, whatever they do."""
        for key in [key for key, pool in _pools.items() if pool is self]:
            del _pools[key]
        _elsewhere(partial(self._processes.shutdown, kill_workers=True))


def _elsewhere(call: Callable[[], Any]) -> Any:
    """What a call returns in another thread, which is through when this is."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def loky(module: str) -> Any:
    """One of its modules, imported by another thread: Ctrl-C halfway through an import would leave joblib broken."""
    name = f"joblib.externals.loky.{module}"
    load = partial(require, name, "work in processes")
    return load() if name in sys.modules else _elsewhere(load)


# By process and number of workers. loky's own reusable one is joblib's, which expects it to be of its kind.
_pools: dict[tuple[int, int], Pool] = {}


def pool_of(n: int) -> Pool:
    """The one of so many processes, all of them there."""
    key = os.getpid(), n
    if key in _pools:
        try:
            _pools[key].fill()
        except BrokenExecutor:  # killed while nobody waited for them
            _pools[key].end()
    if key not in _pools:
        _pools[key] = Pool(n)
    return _pools[key]


def _begin(parent: int) -> None:
    """In a worker: leave Ctrl-C, which a terminal sends to all processes, to the parent, which ends the workers; and
    end when it is gone: killed, it tells nobody, and idle workers live on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name="perfcore-parent", daemon=True).start()
