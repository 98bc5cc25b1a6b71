"""What was done, kept in memory and in a file that outlives the process."""

from __future__ import annotations

import json
import os
import warnings
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..cache import forks
from ..files import replace_file

MOST, KEPT = 1000, 500


class History:
    """Entries with ``timestamp`` (local time), ``type``, ``total_improvements``, the oldest first; 1,000 at most.

    Parameters
    ----------
    path : of a file with a line of JSON for each entry, and one that says when it began; None keeps them in memory only
        Lines that are cut short or not ours are left out. Where the file cannot be written, that is warned of, the
        entries stay in memory, and are written with the next one that can be. One process writes a file.

    Attributes
    ----------
    began : when `begin` was called first; None before
    """

    def __init__(self, path: str | os.PathLike | None = None):
        self.path = None if path is None else Path(path)
        self._lock = forks.Lock()
        self._is_behind = False  # whether memory has what the file has not
        self.began: datetime | None = None
        self.entries: list[dict[str, Any]] = self._read()

    def begin(self, when: datetime) -> None:
        """Schedules count from then; nothing, where they do from some time before."""
        with self._lock:
            if self.began is None:
                self.began = when
                self._rewrite()

    def add(self, entry: dict[str, Any]) -> bool:
        """Whether it is written, where there is a file."""
        with self._lock:
            self.entries.append(entry)
            if len(self.entries) > MOST:
                self.entries = self.entries[-KEPT:]
                self._rewrite()
            elif self._is_behind:
                self._rewrite()
            else:
                self._append(entry)
            return not self._is_behind

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
                if "began" in entry:
                    self.began = _local(entry["began"])
                else:
                    told = {"timestamp": _local(entry["timestamp"]), "type": str(entry["type"])}
                    entries.append(entry | told | {"total_improvements": float(entry["total_improvements"])})
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue
        if self.began is None:
            self.began = min((each["timestamp"] for each in entries), default=None)
        return entries[-MOST:]

    def _append(self, entry: dict[str, Any]) -> None:
        if self.path is None:
            return
        try:
            with open(self.path, "a+b") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    file.write(b"" if file.read(1) == b"\n" else b"\n")  # after a line that was cut short
                file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._warn(error)

    def _rewrite(self) -> None:
        if self.path is None:
            return
        began = [] if self.began is None else [json.dumps({"began": self.began.isoformat()}).encode() + b"\n"]
        try:
            replace_file(self.path, [*began, *map(_line, self.entries)])
            self._is_behind = False
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._is_behind:
            self._is_behind = True
            warnings.warn(f"{self.path}: the history is in memory only for now: {error}", RuntimeWarning, stacklevel=4)


def _local(text: str) -> datetime:
    when = datetime.fromisoformat(text).astimezone()  # an error for times that no clock here tells
    return when.replace(tzinfo=None)


def _line(entry: dict[str, Any]) -> bytes:
    told = entry | {"timestamp": entry["timestamp"].isoformat()}
    return json.dumps(told, default=str, skipkeys=True).encode() + b"\n"
