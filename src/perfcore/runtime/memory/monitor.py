"""MemoryMonitor: memory over time, and calls when it grows beyond a limit."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ...amounts import whole
from ...callables import check
from ...errors import ConfigurationError
from ..ticker import Ticker
from .usage import Usage, usage

UNIQUE_EVERY = 30  # samples: counting unshared pages walks them all
LEAST_LIMIT = 2**20  # bytes: no process of Python is as small, so less is meant for something else
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
    soft, hard : bytes, from a megabyte (2**20), or a float above 0 up to 1.0, a part of `Usage.limit`; optional
        Where resident memory exceeds one, its function is called; again only after it was below 95 % of it. Nothing
        between is a limit, so that 1, 1.0 and 80 cannot be mistaken for one another: 1.0 is the whole limit, and 1
        and 80 are refused.
    on_soft, on_hard : functions of the `Sample`, optional, beside the limit of that name
        Called in the monitor's thread, in which they may stop it. One that raises is told by `errors`.
    keep : samples that `history` holds

    Raises
    ------
    ConfigurationError
        For intervals and limits outside what is allowed, and functions without a limit at which to call them.
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
        keep = whole("keep", keep)
        for name, call, at in (("soft", on_soft, soft), ("hard", on_hard, hard)):
            if call is not None:
                check(call, f"on_{name}")
                if at is None:
                    raise ConfigurationError(
                        f"on_{name} is never called without {name}=, the limit at which to call it"
                    )
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
    if isinstance(limit, float) and 0 < limit <= 1:
        return int(limit * all_there_is)
    if isinstance(limit, int | float) and LEAST_LIMIT <= limit < float("inf"):
        return int(limit)
    raise ConfigurationError(
        f"{name}={limit!r}: allowed are bytes from {LEAST_LIMIT} (2**20), and a part of the limit, a float above 0 up "
        "to 1.0"
    )
