"""Forks: while the process forks, no cache is made or closed, and nobody is in the midst of changing one."""

from __future__ import annotations

import _thread
import functools
import itertools
import os
import threading
import weakref
from typing import Protocol


class Forkable(Protocol):
    def before_fork(self) -> None:
        """Wait for those who are changing it, and keep others out."""

    def after_fork(self, is_child: bool) -> None:
        """Let them in again; in the child no other thread is left."""


lock = threading.RLock()  # held while the memory of a cache is made or given back, and around a fork
_serials = itertools.count()
_by_age: weakref.WeakValueDictionary[int, Forkable] = weakref.WeakValueDictionary()  # kept out of in one order always
_waiting: list[Forkable] = []  # for the fork that is under way


def register(forkable: Forkable) -> None:
    """Have it told of forks, as long as it lives."""
    with lock:
        _by_age[next(_serials)] = forkable


class Lock(_thread.RLock):  # type: ignore[misc]
    """A lock that its thread may take again, and that nobody holds while the process forks.

    It is taken by compiled code: Ctrl-C within an ``__enter__`` of Python's would leave it held for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        register(self)

    def before_fork(self) -> None:
        self.acquire()

    def after_fork(self, is_child: bool) -> None:
        if is_child:
            self._at_fork_reinit()  # type: ignore[attr-defined]
        else:
            self.release()


def _before() -> None:
    lock.acquire()
    for forkable in list(_by_age.values()):
        forkable.before_fork()
        _waiting.append(forkable)


def _after(is_child: bool) -> None:
    global lock
    for forkable in reversed(_waiting):
        forkable.after_fork(is_child)
    _waiting.clear()
    if is_child:
        lock = threading.RLock()  # without those who wait for it in the parent
    else:
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=functools.partial(_after, False),
        after_in_child=functools.partial(_after, True),
    )
