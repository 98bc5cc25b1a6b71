"""The names of the leak report: services, tasks and measures that let go of what they hold."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ConfigurationError
from ..runtime.memory import trim
from ..runtime.memory.services import clean_up
from ..runtime.memory.tasks import BackgroundTasks
from ..runtime.memory.usage import heap
from .messages import say

logger = logging.getLogger("perfcore.optimizer")


class TrainingService:
    """Runs a training function, and lets go of what it made.

    Parameters
    ----------
    train : called with the data and the settings; what it returns is the result, kept as ``result`` until clean-up
    settings : handed on to ``train``
    """

    def __init__(self, train: Callable[..., Any] | None = None, **settings: Any):
        if train is not None and not callable(train):
            raise ConfigurationError(f"train: expected a function, got {type(train).__qualname__}")
        self._train, self.settings = train, settings
        self.result: Any = None

    def train_model(self, data: Any) -> Any:
        if self._train is None:
            raise ConfigurationError("this service has no training function: give train= where it is made")
        self.result = self._train(data, **self.settings)
        return self.result

    def cleanup_resources(self) -> None:
        result = self.result
        self._train = self.result = None
        self.settings = {}
        clean_up(result)


class MLServiceFactory:
    """Makes training services; nothing is kept of them here."""

    @staticmethod
    def create_training_service(**settings: Any) -> TrainingService:
        return TrainingService(**settings)

    @staticmethod
    def cleanup_service(service: Any) -> None:
        """Have it let go of what it holds, if it knows how to."""
        clean_up(service)


@contextmanager
def ml_training_context(**settings: Any) -> Iterator[TrainingService]:
    """``with ml_training_context(train=fit) as service: service.train_model(data)``; cleaned up for certain."""
    service = MLServiceFactory.create_training_service(**settings)
    try:
        yield service
    finally:
        service.cleanup_resources()


class BackgroundTaskManager(BackgroundTasks):
    """`perfcore.runtime.memory.BackgroundTasks` by the leak report's names."""

    def register_task(
        self,
        task_id: str | None = None,
        task_name: str = "",
        resources: Iterable[Any] | None = None,
        cleanup_callbacks: Iterable[Callable[[], Any]] | None = None,
    ) -> Any:
        return self.register(task_id, name=task_name, resources=resources or (), callbacks=cleanup_callbacks or ())

    def unregister_task(self, task_id: Any, force_cleanup: bool = True) -> list[Exception]:
        """Let go of what it holds; where not ``force_cleanup`` its callbacks are not called."""
        if not force_cleanup:
            self.forget_callbacks(task_id)
        return self.finish(task_id)

    def cleanup_all_tasks(self) -> list[Exception]:
        """Finish all, running ones, too; `periodic_memory_cleanup` does not."""
        return self.close()

    @contextmanager
    def managed_task(self, task_name: str = "", **what: Any) -> Iterator[Any]:
        """As `managed`: errors of callbacks come through in an `ExceptionGroup`."""
        with self.ending(self.register_task(None, task_name, **what)) as task_id:
            yield task_id

    def shutdown(self) -> None:
        self.close()

    def get_memory_stats(self) -> dict[str, int]:
        return self.stats()


def periodic_memory_cleanup(services: Iterable[Any] = ()) -> int:
    """Have idle services let go of what they hold, and collect garbage; how many objects that were.

    Tasks that run are left alone. A service that cannot clean up is logged, and keeps no other back.
    """
    for service in services:
        try:
            clean_up(service)
        except Exception:
            logger.exception("%s: clean-up failed", type(service).__qualname__)
    collected = gc.collect()
    logger.info("定期クリーンアップ完了: %dオブジェクト回収", collected)
    return collected


@contextmanager
def monitor_memory_usage(operation_name: str) -> Iterator[dict[str, float]]:
    """``with monitor_memory_usage("load") as seen: ...`` prints how resident memory changed, after an error, too.

    Garbage is collected and malloc trimmed before and after: what malloc only keeps for later is no change.

    Yields
    ------
    dict
        ``before``, ``after`` and ``change`` in megabytes, the last two once it is over; and ``live_change``, of what is
        in use by whoever called malloc, where the system tells
    """
    seen, in_use = {"before": trim().after / 2**20}, heap()
    try:
        yield seen
    finally:
        seen["after"] = trim().after / 2**20
        seen["change"] = seen["after"] - seen["before"]
        if in_use is not None:
            seen["live_change"] = ((heap() or 0) - in_use) / 2**20
        say(f"{operation_name}: メモリ変化 {seen['change']:+.2f}MB")
