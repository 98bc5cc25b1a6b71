"""One lock for the short steps of this package that must not be divided; none of them calls what others wrote."""

from __future__ import annotations

import os
import threading

guard = threading.RLock()  # its thread may take it again, for a collection may call anything at any line

if hasattr(os, "register_at_fork"):  # who held it in the parent is not there to give it back
    os.register_at_fork(after_in_child=guard._at_fork_reinit)  # type: ignore[attr-defined]
