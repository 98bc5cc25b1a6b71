"""limit(): fewer threads for a while."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from ..errors import ConfigurationError
from . import counts
from .pool import controller

KINDS = ("perfcore", "blas", "openmp", "numba", "arrow")
_lock = threading.RLock()
_open: list[limit] = []  # those entered, in order; the last that says something of a kind holds for it


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # in a child nobody is left who would give it back


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class limit:
    """Holds thread pools to at most so many threads, until it is left: ``with limit(2): ...``.

    ``limit(n)`` is for all of them, ``limit(blas=1, openmp=2, numba=1, arrow=1, perfcore=4)`` for those that are named.
    What was before is restored on leaving, also where an error is raised. Limits may be nested and, from several
    threads, overlap: what was entered last holds, and when the last one is left all is as before the first.

    BLAS, Arrow and perfcore are limited for the whole process; OpenMP and Numba for the calling thread, for whom alone
    these libraries keep a number. polars has no way to change its pool while it runs; set ``POLARS_MAX_THREADS``
    before it is imported. A library that is loaded later is not limited.

    Raises
    ------
    ConfigurationError
        For kinds that are not known, and counts that are not whole numbers from 1.
    """

    def __init__(self, n_threads: int | None = None, **kinds: int):
        unknown = sorted(kinds.keys() - set(KINDS))
        if unknown:
            raise ConfigurationError(f"unknown pools {', '.join(unknown)}: allowed are {', '.join(KINDS)}")
        if n_threads is None and not kinds:
            raise ConfigurationError(f"limit() of nothing: give a number of threads, or one of {', '.join(KINDS)}")
        general = {} if n_threads is None else dict.fromkeys(KINDS, n_threads)
        self.limits = {kind: _count(kind, count) for kind, count in (general | kinds).items()}
        self._before: list[_Setting] = []

    def __enter__(self) -> limit:
        with _lock:
            if self in _open:
                raise ConfigurationError("this limit is entered already: make another one to nest them")
            self._before = []
            _open.append(self)
            try:
                for setting in _settings():
                    if setting.kind in self.limits:
                        self._before.append(setting)
                        setting.put(self.limits[setting.kind])
            except BaseException:  # of a library
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            place = _open.index(self)
            later = _open[place + 1 :]
            _open.remove(self)
            for setting in self._before:
                heir = next((each for each in later for other in each._before if other.is_same(setting)), None)
                if heir is None:
                    setting.restore()
                else:  # it was entered on top of this one, and will restore what was before both
                    next(other for other in heir._before if other.is_same(setting)).value = setting.value
            self._before = []

    def __str__(self) -> str:
        said = ", ".join(f"{kind} to {count}" for kind, count in self.limits.items())
        held = "".join(f"\n  {each.library}: {each.value} before" for each in self._before)
        return f"threads limited: {said}{held if self._before else ' (not entered)'}"


def _count(kind: str, count: Any) -> int:
    if count is None:
        raise ConfigurationError(f"{kind}=None: allowed are whole numbers from 1")
    return counts.resolve(count)


class _Setting:
    """A number of threads that can be read and set."""

    def __init__(self, kind: str, library: str, value: int | None, put: Any, key: Any):
        self.kind, self.library, self.value, self._put, self._key = kind, library, value, put, key

    def put(self, count: int) -> None:
        """No more than before, and at most ``count``."""
        self._put(count if self.value is None else min(count, self.value))

    def restore(self) -> None:
        self._put(self.value)

    def is_same(self, other: _Setting) -> bool:
        return self._key == other._key


def _settings() -> list[_Setting]:
    here = threading.get_ident()
    found = [_Setting("perfcore", "perfcore", counts.cap(), counts.set_cap, "perfcore")]
    for library in controller().lib_controllers:
        key = (library.filepath, here if library.user_api == "openmp" else None)
        name = f"{library.user_api} {library.internal_api}"
        found.append(_Setting(library.user_api, name, library.num_threads, library.set_num_threads, key))
    if "numba.np.ufunc.parallel" in sys.modules:
        numba = sys.modules["numba"]
        found.append(_Setting("numba", "numba", numba.get_num_threads(), numba.set_num_threads, ("numba", here)))
    if "pyarrow" in sys.modules:
        pyarrow = sys.modules["pyarrow"]
        found.append(_Setting("arrow", "pyarrow", pyarrow.cpu_count(), pyarrow.set_cpu_count, "arrow"))
    return found
