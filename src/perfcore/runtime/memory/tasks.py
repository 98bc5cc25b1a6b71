"""BackgroundTasks: what a task holds is let go of when it is over, however it ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...errors import ConfigurationError
from .ending import call_all
from .guard import guard


@dataclass
class _Task:
    name: str
    resources: list[Any]
    callbacks: list[Callable[[], Any]]

    def ends(self) -> Iterator[Callable[[], Any]]:
        """What ends it, each let go of as it is handed out."""
        while self.callbacks:
            yield self.callbacks.pop()
        while self.resources:
            yield partial(_close, self.resources.pop())


class BackgroundTasks:
    """Resources and clean-up callbacks of tasks, until each is finished.

    Safe from many threads. Callbacks run in the thread that finishes the task, outside of any lock, so they may ask
    and change this object; each runs once, whatever others raise, the last registered first.
    """

    def __init__(self) -> None:
        self._tasks: dict[Hashable, _Task] = {}
        self._numbers = itertools.count(1)

    def register(
        self,
        task_id: Hashable = None,
        *,
        name: str = "",
        resources: Iterable[Any] = (),
        callbacks: Iterable[Callable[[], Any]] = (),
    ) -> Hashable:
        """Begin a task; returns its id, which is made up where none is given.

        Parameters
        ----------
        resources : what it holds; where an object has ``close()``, that is called when the task is over
        callbacks : called when the task is over

        Raises
        ------
        ConfigurationError
            For an id that a running task has, and callbacks that cannot be called.
        """
        callbacks, resources = list(callbacks), list(resources)
        for each in callbacks:
            if not callable(each):
                raise ConfigurationError(f"callbacks: expected functions, got {type(each).__qualname__}")
        with guard:
            if task_id is None:
                task_id = next(number for each in self._numbers if (number := f"task-{each}") not in self._tasks)
            if task_id in self._tasks:
                raise ConfigurationError(f"task {task_id!r} is running already")
            self._tasks[task_id] = _Task(name or str(task_id), resources, callbacks)
        return task_id

    def add(self, task_id: Hashable, *, resource: Any = None, callback: Callable[[], Any] | None = None) -> None:
        """Something more that a running task holds; `ConfigurationError` where it is not running."""
        if callback is not None and not callable(callback):
            raise ConfigurationError(f"callback: expected a function, got {type(callback).__qualname__}")
        with guard:
            task = self._tasks.get(task_id)
            if task is None:
                raise ConfigurationError(f"task {task_id!r} is not running")
            if resource is not None:
                task.resources.append(resource)
            if callback is not None:
                task.callbacks.append(callback)

    def forget_callbacks(self, task_id: Hashable) -> None:
        """It is over without them; its resources are let go of all the same."""
        with guard:
            if task_id in self._tasks:
                self._tasks[task_id].callbacks.clear()

    def finish(self, task_id: Hashable) -> list[Exception]:
        """Let go of all that a task holds, done or not; the errors of callbacks. Nothing, where it is over already.

        Ctrl-C in a callback keeps no other back, and comes through in the end.
        """
        with guard:
            task = self._tasks.pop(task_id, None)
        return [] if task is None else call_all(task.ends())

    @contextmanager
    def managed(self, task_id: Hashable = None, **what: Any) -> Iterator[Hashable]:
        """``with tasks.managed(callbacks=[...]) as task_id: ...``: finished when the block is, also by an error.

        Raises
        ------
        ExceptionGroup
            Of the errors of callbacks, once all were called. Where the block itself raised that comes through, with a
            note of each of these.
        """
        with self.ending(self.register(task_id, **what)) as task_id:
            yield task_id

    @contextmanager
    def ending(self, task_id: Hashable) -> Iterator[Hashable]:
        """Finish a task that was registered when the block is over, as `managed` does."""
        try:
            yield task_id
        except BaseException as raised:
            for error in self.finish(task_id):
                raised.add_note(f"and when task {task_id!r} ended: {type(error).__qualname__}: {error}")
            raise
        errors = self.finish(task_id)
        if errors:
            raise ExceptionGroup(f"when task {task_id!r} ended", errors)

    def running(self) -> list[Hashable]:
        """Ids of the tasks that are not over, the oldest first."""
        with guard:
            return list(self._tasks)

    def resources_of(self, task_id: Hashable) -> list[Any]:
        """What a task holds; nothing where it is over."""
        with guard:
            task = self._tasks.get(task_id)
            return [] if task is None else list(task.resources)

    def stats(self) -> dict[str, int]:
        with guard:
            tasks = list(self._tasks.values())
        return {
            "tasks": len(tasks),
            "resources": sum(len(each.resources) for each in tasks),
            "callbacks": sum(len(each.callbacks) for each in tasks),
        }

    def close(self) -> list[Exception]:
        """Finish all; the errors of callbacks."""
        errors: list[Exception] = []
        call_all(partial(self._finish_into, errors, task_id) for task_id in reversed(self.running()))
        return errors

    def _finish_into(self, errors: list[Exception], task_id: Hashable) -> None:
        errors += self.finish(task_id)


def _close(resource: Any) -> None:
    close = getattr(resource, "close", None)
    if callable(close):
        close()
