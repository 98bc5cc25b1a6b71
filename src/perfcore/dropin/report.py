"""Who answered: counts by class, method and reason; what goes to a framework is said once through logging."""

from __future__ import annotations

import logging
import os
import threading
from typing import NamedTuple

logger = logging.getLogger("perfcore.dropin")

PERFCORE = "perfcore"
MOST_REASONS = 1000  # reasons bear what users hand in: a service that runs for months must not collect them for ever
MANY = "other reasons"
LONGEST = 120  # characters of a reason that are kept; the log has all


class Count(NamedTuple):
    """Calls of one method of one class, answered for one reason."""

    model: str
    method: str
    reason: str  # "perfcore", or why the framework's own method answered
    calls: int
    rows: int


class PatchReport(tuple[Count, ...]):
    """The counts since the process began, the most frequent first; prints as a table."""

    @property
    def answered(self) -> int:
        """Calls that perfcore answered."""
        return sum(count.calls for count in self if count.reason == PERFCORE)

    @property
    def passed(self) -> int:
        """Calls that went to the framework."""
        return sum(count.calls for count in self if count.reason != PERFCORE)

    def __str__(self) -> str:
        lines = [f"{self.answered:,} calls answered by perfcore, {self.passed:,} by the frameworks"]
        if self:
            lines.append(f"  {'calls':>9} {'rows':>13}  method, and who answered")
        for count in self:
            who = PERFCORE if count.reason == PERFCORE else f"the framework: {count.reason}"
            lines.append(f"  {count.calls:>9,} {count.rows:>13,}  {count.model}.{count.method}  {who}")
        return "\n".join(lines)


_counts: dict[tuple[str, str, str], list[int]] = {}
_lock = threading.Lock()


def _renew() -> None:
    global _lock
    _lock = threading.Lock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def count(model: str, method: str, reason: str, rows: int, level: int = logging.INFO) -> None:
    """Count a call; a reason that was not met before is logged."""
    key = (model, method, reason if len(reason) <= LONGEST else reason[: LONGEST - 3] + "...")
    with _lock:
        found = _counts.get(key)
        if found is None:
            if len(_counts) >= MOST_REASONS and reason != PERFCORE:
                key = (model, method, MANY)
            found = _counts.setdefault(key, [0, 0])
            is_new = reason != PERFCORE and found[0] == 0
        else:
            is_new = False
        found[0] += 1
        found[1] += rows
    if is_new:
        logger.log(level, "%s.%s is answered by the framework: %s", model, method, reason)


def patch_report() -> PatchReport:
    """Who answered the calls of patched and dropped-in methods since the process began.

    Returns
    -------
    PatchReport
        A tuple of (model, method, reason, calls, rows); ``print`` shows it as a table.
    """
    with _lock:
        counts = [Count(*key, *numbers) for key, numbers in _counts.items()]
    return PatchReport(sorted(counts, key=lambda each: (-each.calls, each)))
