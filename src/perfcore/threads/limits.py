"""limit(): fewer threads for a while."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..amounts import whole
from ..callables import check
from ..errors import ConfigurationError
from . import counts
from .pool import controller

KINDS = ("perfcore", "blas", "openmp", "numba", "arrow")
_lock = threading.RLock()
_held: dict[Any, _Setting] = {}  # by key: those that an open limit says something of


class limit:
    """Holds thread pools to at most so many threads, until it is left: ``with limit(2): ...``.

    As a decorator, ``@limit(2)``, it is for each call of the function, those at the same time and recursive ones, too.

    ``limit(n)`` is for all of them, ``limit(blas=1, openmp=2, numba=1, arrow=1, perfcore=4)`` for those that are named.
    What was before is restored on leaving, also where an error is raised. Limits may be nested and, from several
    threads, overlap: the smallest of those that are open holds, in whatever order they are entered and left, and when
    the last one is left all is as before the first.

    BLAS, Arrow and perfcore are limited for the whole process; OpenMP and Numba for the calling thread, for whom alone
    these libraries keep a number. polars has no way to change its pool while it runs; set ``POLARS_MAX_THREADS``
    before it is imported. A library that is loaded later is not limited. A process that forks begins with the limits of
    the thread that forked it.

    Raises
    ------
    ConfigurationError
        For kinds that are not known, counts that are not whole numbers from 1, and a limit that is entered twice or
        left without having been entered.
    """

    def __init__(self, n_threads: int | None = None, **kinds: int):
        unknown = sorted(kinds.keys() - set(KINDS))
        if unknown:
            raise ConfigurationError(f"unknown pools {', '.join(unknown)}: allowed are {', '.join(KINDS)}")
        if n_threads is None and not kinds:
            raise ConfigurationError(f"limit() of nothing: give a number of threads, or one of {', '.join(KINDS)}")
        general = {} if n_threads is None else dict.fromkeys(KINDS, whole("n_threads", n_threads, most=counts.MOST))
        self.limits = general | {kind: whole(kind, count, most=counts.MOST) for kind, count in kinds.items()}
        self._thread: int | None = None  # that entered it, as long as it is open

    def __enter__(self) -> limit:
        with _lock:
            if self._thread is not None:
                raise ConfigurationError("this limit is entered already: make another one to nest them")
            self._thread = threading.get_ident()
            try:
                for setting in _settings():
                    if setting.kind in self.limits:
                        _held.setdefault(setting.key, setting).hold(self)
            except BaseException:  # of a library
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            if self._thread is None:
                raise ConfigurationError("this limit is not entered, so it cannot be left")
            for setting in self._holds():
                setting.release(self)
            self._thread = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        check(function, instead="use a limit within it")

        @wraps(function)
        def limited(*arguments: Any, **named: Any) -> Any:
            with limit(None, **self.limits):  # this one is entered once at a time
                return function(*arguments, **named)

        return limited

    def __str__(self) -> str:
        said = ", ".join(f"{kind} to {count}" for kind, count in self.limits.items())
        held = "".join(f"\n  {each.library}: {each.before} before" for each in self._holds())
        return f"threads limited: {said}{held or ' (not entered)'}"

    def _holds(self) -> list[_Setting]:
        return [each for each in list(_held.values()) if self in each.limits]


class _Setting:
    """A number of threads that limits hold; of a thread, where its library keeps one for each."""

    def __init__(self, kind: str, library: str, before: int | None, put: Any, key: Any, thread: int | None = None):
        self.kind, self.library, self.before, self.thread = kind, library, before, thread
        self.key = (key, thread)
        self.limits: list[limit] = []
        self._put = put

    def hold(self, holder: limit) -> None:
        self.limits.append(holder)
        self._update()

    def release(self, holder: limit) -> None:
        self.limits.remove(holder)
        if not self.limits:
            del _held[self.key]
        self._update()

    def _update(self) -> None:
        if self.thread in (None, threading.get_ident()):  # nobody can set another thread's
            counts = [each.limits[self.kind] for each in self.limits]
            self._put(min([*counts, self.before] if self.before is not None else counts, default=None))


def _settings() -> list[_Setting]:
    here = threading.get_ident()
    found = [_Setting("perfcore", "perfcore", counts.cap(), counts.set_cap, "perfcore")]
    for library in controller().lib_controllers:
        name = f"{library.user_api} {library.internal_api}"
        thread = here if library.user_api == "openmp" else None
        found.append(_Setting(library.user_api, name, library.num_threads, _put(library), library.filepath, thread))
    if "numba.np.ufunc.parallel" in sys.modules:
        numba = sys.modules["numba"]
        found.append(_Setting("numba", "numba", numba.get_num_threads(), numba.set_num_threads, "numba", here))
    if "pyarrow" in sys.modules:
        pyarrow = sys.modules["pyarrow"]
        found.append(_Setting("arrow", "pyarrow", pyarrow.cpu_count(), pyarrow.set_cpu_count, "arrow"))
    return found


def _put(library: Any) -> Callable[[int], Any]:
    """How its number is set. threadpoolctl from 3.8 lets but the first thread that asks set OpenBLAS's, as long as that
    lives, and others nothing, without a word: it is asked to forget whose it was.
    """
    if not hasattr(library, "clear_controlling_thread"):
        return library.set_num_threads

    def put(count: int) -> None:
        library.clear_controlling_thread(force=True)
        library.set_num_threads(count)
        library.clear_controlling_thread(force=True)

    return put


def _after_fork() -> None:
    """Nobody is left who would give back the lock, or leave the limits of other threads."""
    global _lock
    _lock = threading.RLock()
    left = {holder for setting in _held.values() for holder in setting.limits}
    for holder in left:
        if holder._thread != threading.get_ident():
            holder.__exit__()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
