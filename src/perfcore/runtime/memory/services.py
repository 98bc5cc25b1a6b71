"""Services: objects that live for a purpose, made by their factories and let go of for certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ...errors import ConfigurationError
from .ending import call_all
from .guard import guard

CLEAN_UP = ("cleanup_resources", "cleanup", "close")


class Services:
    """Makes services by name and cleans up after them; holds none that is over, and makes none before it is asked.

    A service is cleaned up by the first of ``cleanup_resources()``, ``cleanup()`` and ``close()`` that it has.

    Parameters
    ----------
    factories : functions that make a service, by name; each is handed the keywords of `create`
    """

    def __init__(self, **factories: Callable[..., Any]):
        self._factories: dict[str, Callable[..., Any]] = {}
        self._living: list[Any] = []
        for name, factory in factories.items():
            self.add(name, factory)

    def add(self, name: str, factory: Callable[..., Any]) -> None:
        """Another factory, or one in the place of that name's."""
        if not callable(factory):
            raise ConfigurationError(f"factory of {name!r}: expected a function, got {type(factory).__qualname__}")
        with guard:
            self._factories[name] = factory

    def create(self, name: str, /, **settings: Any) -> Any:
        """A new service. Where its factory raises, nothing is left of it."""
        with guard:
            factory = self._factories.get(name)
        if factory is None:
            raise ConfigurationError(f"no service {name!r}: there are {', '.join(sorted(self._factories)) or 'none'}")
        service = factory(**settings)
        with guard:
            self._living.append(service)
        return service

    def clean_up(self, service: Any) -> bool:
        """Let go of a service; whether it was alive. Its own error comes through, and it is let go of all the same."""
        with guard:
            place = next((i for i, each in enumerate(self._living) if each is service), None)
            if place is None:
                return False
            del self._living[place]
        clean_up(service)
        return True

    @contextmanager
    def running(self, name: str, /, **settings: Any) -> Iterator[Any]:
        """``with services.running("training", rounds=100) as service: ...``"""
        service = self.create(name, **settings)
        try:
            yield service
        finally:
            self.clean_up(service)

    def living(self) -> list[Any]:
        with guard:
            return list(self._living)

    def close(self) -> list[Exception]:
        """Let go of all, the last made first; the errors of those that could not clean up."""
        return call_all(partial(self.clean_up, service) for service in reversed(self.living()))


def clean_up(service: Any) -> None:
    """Have an object let go of what it holds, if it knows how to."""
    for name in CLEAN_UP:
        method = getattr(service, name, None)
        if callable(method):
            method()
            return
