"""Containers that become longer, found among all that there are, and named by the ways to them."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from . import holders

LEAST_ENTRIES = 0.2  # a call
WATCHED = 50  # of those that grew, the fastest
NAMED = 5

Container = dict | list | set | deque


def containers() -> Iterator[Container]:
    """All that the collector knows, and dicts of plain values, which it does not follow: who refers to them, is.

    Deques of bounded length are left out: they are no leak.
    """
    for each in gc.get_objects():
        if issubclass(type(each), Container) and getattr(each, "maxlen", None) is None:  # a proxy's object may be gone
            yield each
        if issubclass(type(each), ModuleType):  # asyncio's of Python 3.12 tells freed objects; its dict is known
            continue
        for referent in gc.get_referents(each):
            if type(referent) is dict and not gc.is_tracked(referent):
                yield referent


def lengths() -> dict[int, int]:
    """Of each container, by its id."""
    return {id(each): len(each) for each in containers()}


def longer(before: dict[int, int], calls: int) -> list[tuple[Container, float]]:
    """Those that grew since, with entries a call, the fastest first."""
    grown = {}
    for each in containers():
        entries = (len(each) - before.get(id(each), len(each))) / calls
        if entries >= LEAST_ENTRIES:
            grown[id(each)] = each, entries  # by id, for one may be referred to by many
    return sorted(grown.values(), key=lambda found: -found[1])[:WATCHED]


def named(grown: list[tuple[Container, float]], ours: tuple[Any, ...]) -> dict[str, float]:
    """The fastest, by the ways to them, and entries a call; ``ours`` hold them and are no way."""
    names: dict[str, float] = {}
    for each, entries in grown[:NAMED]:
        name = f"{type(each).__name__} {holders.way_to(each, (grown, *grown, *ours))}"
        names[name] = names.get(name, 0.0) + entries
    return names


def bytes_of_entry(container: Container) -> float:
    """Of the container itself, without what its entries are."""
    return sys.getsizeof(container) / max(1, len(container))
