"""MemoryMonitor: memory over time, and calls when it grows beyond a limit."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import ConfigurationError
from ..ticker import Ticker
from .usage import Usage, usage

UNIQUE_EVERY = 30  # samples: counting unshared pages walks them all
BELOW = 0.95  # of a limit: below that much of it, it may be exceeded anew


@dataclass(frozen=True)
class Sample:
    """Memory at a moment, in seconds since the epoch."""

    when: float
    usage: Usage


class MemoryMonitor:
    """Samples the memory of this process in the background.

    Parameters
    ----------
    interval : seconds between samples
    soft, hard : bytes, or a part of `Usage.limit` (a float up to 1); optional
        Where resident memory exceeds one, its function is called; again only after it was below 95 % of it.
    on_soft, on_hard : functions of the `Sample`, optional
        Called in the monitor's thread, in which they may stop it. One that raises is told by `errors`.
    keep : samples that `history` holds

    Raises
    ------
    ConfigurationError
        For intervals and limits outside what is allowed.
    """

    def __init__(
        self,
        interval: float = 10.0,
        *,
        soft: float | None = None,
        hard: float | None = None,
        on_soft: Callable[[Sample], object] | None = None,
        on_hard: Callable[[Sample], object] | None = None,
        keep: int = 1000,
    ):
        self._ticker = Ticker(self.sample, interval, name="perfcore-memory", on_error=self._failed)
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise ConfigurationError(f"keep={keep!r}: allowed are whole numbers from 1")
        limit = usage().limit
        self.soft, self.hard = _bytes("soft", soft, limit), _bytes("hard", hard, limit)
        if self.soft is not None and self.hard is not None and self.soft > self.hard:
            raise ConfigurationError(f"soft={soft!r}, hard={hard!r}: the soft limit lies above the hard one")
        self._calls = {"soft": on_soft, "hard": on_hard}
        self._exceeded = {"soft": False, "hard": False}
        self._history: deque[Sample] = deque(maxlen=keep)
        self._n_samples = 0
        self.peak = 0
        self.errors: deque[Exception] = deque(maxlen=10)

    @property
    def history(self) -> list[Sample]:
        """The last samples, the oldest first."""
        return list(self._history)

    @property
    def is_running(self) -> bool:
        return self._ticker.is_running

    def sample(self) -> Sample:
        """Look now; also what the background does."""
        sample = Sample(time.time(), usage(unique=self._n_samples % UNIQUE_EVERY == 0))
        self._n_samples += 1
        self._history.append(sample)
        self.peak = max(self.peak, sample.usage.resident, sample.usage.peak or 0)
        for name, limit in (("soft", self.soft), ("hard", self.hard)):
            self._compare(name, limit, sample)
        return sample

    def _compare(self, name: str, limit: int | None, sample: Sample) -> None:
        if limit is None:
            return
        if sample.usage.resident > limit and not self._exceeded[name]:
            self._exceeded[name] = True
            call = self._calls[name]
            if call is not None:
                try:
                    call(sample)
                except Exception as error:
                    self._failed(error)
        elif sample.usage.resident < BELOW * limit:
            self._exceeded[name] = False

    def _failed(self, error: Exception) -> None:
        self.errors.append(error)

    def start(self) -> None:
        """Sample in the background from now on; nothing, where it does already."""
        self._ticker.start()

    def stop(self) -> None:
        self._ticker.stop()

    def __enter__(self) -> MemoryMonitor:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _bytes(name: str, limit: float | None, all_there_is: int) -> int | None:
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < math.inf:
        raise ConfigurationError(f"{name}={limit!r}: allowed are bytes above 0, or a part of the limit up to 1.0")
    return int(limit * all_there_is) if isinstance(limit, float) and limit <= 1 else int(limit)
