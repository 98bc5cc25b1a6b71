"""Ticker: a function called again and again in the background, until it is stopped."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable

from ..amounts import amount


class Ticker:
    """Calls ``function()`` at once, and then every ``interval`` seconds, in a thread of its own.

    It is started and stopped any number of times, and stops at once: it sleeps by waiting to be stopped. A call that
    raises does not end it; ``on_error`` is told. It holds a bound method's object weakly, so that the thread ends
    where nobody else holds that. A process that forks begins with a stopped one.

    Raises
    ------
    ConfigurationError
        For an interval that is not a number of seconds above 0.
    """

    def __init__(
        self,
        function: Callable[[], object],
        interval: float,
        *,
        name: str = "perfcore-ticker",
        on_error: Callable[[Exception], object] | None = None,
    ):
        self.interval, self.name = amount("interval", interval, "seconds", threading.TIMEOUT_MAX), name
        self._function, self._on_error = _weakly(function), _weakly(on_error)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._pid = os.getpid()

    @property
    def is_running(self) -> bool:
        return self._pid == os.getpid() and self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._pid != os.getpid():  # a child: the thread stayed with the parent, and perhaps the lock
            self._pid, self._lock, self._thread = os.getpid(), threading.Lock(), None
        with self._lock:
            if self.is_running and not self._stopped.is_set():
                return
            self._stopped = threading.Event()
            arguments = (self._function, self._on_error, self.interval, self._stopped)
            thread = threading.Thread(target=_tick, args=arguments, name=self.name, daemon=True)
            thread.start()
            self._thread = thread  # not one that the system refused to start

    def stop(self) -> None:
        """End it and wait for a call that is under way, unless that is the one that stops it."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._stopped.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def __enter__(self) -> Ticker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _tick(function: Callable, on_error: Callable, interval: float, stopped: threading.Event) -> None:
    due = time.monotonic()
    while not stopped.is_set():
        call = function()
        if call is None:  # its object is gone
            return
        try:
            call()
        except Exception as error:
            tell = on_error()
            if tell is not None:
                with contextlib.suppress(Exception):
                    tell(error)
            del tell
        del call  # nothing is held while it sleeps
        due = max(due + interval, time.monotonic())  # calls that were missed are not made up for
        stopped.wait(due - time.monotonic())


def _weakly(function: Callable | None) -> Callable[[], Callable | None]:
    if function is None:
        return lambda: None
    return (
        weakref.WeakMethod(function)
        if hasattr(function, "__self__") and hasattr(function, "__func__")
        else (lambda: function)
    )
