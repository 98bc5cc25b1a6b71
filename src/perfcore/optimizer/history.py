"""What was done, kept in memory and in a file that outlives the process."""

from __future__ import annotations

import json
import os
import threading
import warnings
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..files import replace_file

MOST, KEPT = 1000, 500


class History:
    """Entries with a ``timestamp``, the oldest first; 1,000 at most.

    Parameters
    ----------
    path : of a file with a line of JSON for each entry; None keeps them in memory only
        Lines that are cut short or not ours are left out. Where the file cannot be written, that is warned of once,
        and the entries stay in memory.
    """

    def __init__(self, path: str | os.PathLike | None = None):
        self.path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._has_warned = False
        self.entries: list[dict[str, Any]] = self._read()

    def add(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self.entries.append(entry)
            if len(self.entries) > MOST:
                self.entries = self.entries[-KEPT:]
                self._rewrite()
            else:
                self._append(entry)

    def drop_before(self, when: datetime) -> int:
        """Let go of older entries; how many."""
        with self._lock:
            left = [each for each in self.entries if each["timestamp"] > when]
            n, self.entries = len(self.entries) - len(left), left
            if n:
                self._rewrite()
        return n

    def since(self, period: timedelta, now: datetime) -> list[dict[str, Any]]:
        with self._lock:
            return [each for each in self.entries if each["timestamp"] > now - period]

    def last(self, kind: str) -> datetime | None:
        """When that kind was last done."""
        with self._lock:
            return max((each["timestamp"] for each in self.entries if each["type"] == kind), default=None)

    def _read(self) -> list[dict[str, Any]]:
        if self.path is None or not self.path.exists():
            return []
        entries = []
        for line in self.path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
                entry["timestamp"] = datetime.fromisoformat(entry["timestamp"])
                entry["type"]
            except (ValueError, KeyError, TypeError):
                continue
            entries.append(entry)
        return entries[-MOST:]

    def _append(self, entry: dict[str, Any]) -> None:
        if self.path is None:
            return
        try:
            with open(self.path, "a+b") as file:
                file.seek(0, os.SEEK_END)
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    is_cut_short = file.read(1) != b"\n"
                    file.seek(0, os.SEEK_END)
                    file.write(b"\n" if is_cut_short else b"")
                file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._warn(error)

    def _rewrite(self) -> None:
        if self.path is None:
            return
        try:
            replace_file(self.path, map(_line, self.entries))
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(f"{self.path}: the history is kept in memory only: {error}", RuntimeWarning, stacklevel=4)


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry | {"timestamp": entry["timestamp"].isoformat()}, default=str).encode() + b"\n"
