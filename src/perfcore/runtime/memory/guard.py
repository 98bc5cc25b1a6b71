"""One lock for the short steps of this package that must not be divided; none of them calls what others wrote."""

from __future__ import annotations

import os
import threading


class _Guard:
    """A lock that its thread may take again, for a collection may call anything at any line; free after a fork."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        self._held = threading.RLock()

    def __enter__(self) -> None:
        self._held.acquire()

    def __exit__(self, *_: object) -> None:
        self._held.release()


guard = _Guard()

if hasattr(os, "register_at_fork"):  # who held it in the parent is not there to give it back
    os.register_at_fork(after_in_child=guard.begin_anew)
