"""Stamps: numbers that objects with their state in C get anew whenever one of their methods may have changed it."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

watched: set[str] = set()  # frameworks whose methods that change models renew stamps


class ByIdentity(Generic[T]):
    """Values by object, whether it is hashable or not, for as long as it lives."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[weakref.ref, T]] = {}

    def get(self, owner: Any) -> T | None:
        found = self._found.get(id(owner))
        return None if found is None or found[0]() is not owner else found[1]

    def setdefault(self, owner: Any, make: Callable[[], T]) -> T:
        found = self.get(owner)
        if found is None:
            key, kept = id(owner), self._found

            def forget(reference: weakref.ref) -> None:
                if kept.get(key, (None,))[0] is reference:
                    del kept[key]

            found = make()
            kept[key] = (weakref.ref(owner, forget), found)
        return found

    def clear(self) -> None:
        self._found.clear()

    def replace(self, owner: Any, make: Callable[[], T]) -> T:
        self._found.pop(id(owner), None)
        return self.setdefault(owner, make)


class _Stamp:
    def __init__(self, shared: Any = None) -> None:
        self.number = next(_numbers)
        self.shared = shared


_numbers = itertools.count()
_stamps: ByIdentity[_Stamp] = ByIdentity()
_of_shared: weakref.WeakValueDictionary[int, _Stamp] = weakref.WeakValueDictionary()  # by the id of what they hold


def stamp(owner: Any, shared: Any = None) -> int:
    """The same number as long as no method that changes the object was called; never that of another object.

    ``shared`` is the object that has the owner's state, where others may have it too, and then their stamp is one.
    """
    found = _stamps.get(owner)
    if found is None or found.shared is not shared:
        found = _stamps.replace(owner, _Stamp if shared is None else lambda: _stamp_of(shared))
    return found.number


def _stamp_of(shared: Any) -> _Stamp:
    return _of_shared.setdefault(id(shared), _Stamp(shared))


def renew(owner: Any, shared: Any = None) -> None:
    """Say that the object has changed, or is about to."""
    found = _stamps.get(owner) if shared is None else _of_shared.get(id(shared))
    if found is not None:
        found.number = next(_numbers)


def forget() -> None:
    """Changes go unnoticed from now on: every object's stamp is a new one when it is next asked for."""
    _stamps.clear()
