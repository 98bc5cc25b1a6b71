"""Who holds an object: the way from a module, a class or a closure to it, by name; and cycles of objects, by name."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterable
from typing import Any

DEPTH = 12
WIDE = 200  # who is held by more is held by too many to look at
# What refers to an object and is no reason for it to live: the frames of those who look.
_PASSING = (types.FrameType, types.TracebackType)


def way_to(target: Any, ignored: Iterable[Any] = ()) -> str:
    """From the nearest module, class or function that can be named down to ``target``, as one would write it."""
    seen = {id(target), *map(id, ignored)}
    ways: list[tuple[Any, str]] = [(target, "")]
    longest = ""
    for _ in range(DEPTH):
        further: list[tuple[Any, str]] = []
        for held, way in ways:
            referrers = gc.get_referrers(held)
            seen.update((id(referrers), id(further), id(ways)))
            for referrer in referrers[:WIDE]:
                if id(referrer) in seen or isinstance(referrer, _PASSING) or _is_of_search(referrer):
                    continue
                seen.add(id(referrer))
                step = _step(referrer, held)
                if step is None:
                    continue
                root = _root(referrer, held)
                if root is not None:
                    return root + way
                further.append((referrer, step + way))
        if not further:
            break
        ways, longest = further, further[0][1]
    top = type(ways[0][0]).__qualname__ if ways else type(target).__qualname__
    return f"{top}{longest}"


def cycle_of(start: Any, among: dict[int, Any]) -> str | None:
    """The shortest way from an object back to itself through those ``among`` (by id); None where there is none."""
    ways: list[tuple[Any, str]] = [(start, _name(start))]
    seen: set[int] = set()
    while ways:
        further = []
        for at, way in ways:
            for referent in gc.get_referents(at):
                if referent is start:
                    return f"{way}{_step(at, start) or ''} -> {_name(start)}"
                if id(referent) in among and id(referent) not in seen:
                    seen.add(id(referent))
                    further.append((referent, f"{way}{_step(at, referent) or ''} -> {_name(referent)}"))
        ways = further[:WIDE]
    return None


def _root(referrer: Any, held: Any) -> str | None:
    """How a name of a module or class, or a variable of a function, begins the way to what it holds."""
    if isinstance(referrer, dict):
        name = _key(referrer, held)
        module = referrer.get("__name__") if "__builtins__" in referrer or "__spec__" in referrer else None
        if isinstance(module, str) and name is not None:
            return f"{module}.{name}"
        return None
    if isinstance(referrer, types.FunctionType):
        names = referrer.__code__.co_freevars
        for name, cell in zip(names, referrer.__closure__ or (), strict=False):
            if cell is held or _content(cell) is held:
                return f"{referrer.__module__}.{referrer.__qualname__} (its variable {name})"
        return f"{referrer.__module__}.{referrer.__qualname__} (a default of it)"
    if isinstance(referrer, type):
        return f"{referrer.__module__}.{referrer.__qualname__}"
    return None


def _step(referrer: Any, held: Any) -> str | None:
    """How one writes the step from a holder to what it holds."""
    if isinstance(referrer, dict):
        key = _key(referrer, held)
        return None if key is None else f"[{key!r}]" if len(repr(key)) < 40 else "[...]"
    if isinstance(referrer, list | tuple):
        return "[...]"
    if isinstance(referrer, types.CellType):
        return ""
    attributes = getattr(referrer, "__dict__", None)
    if attributes is held:
        return ""
    if isinstance(attributes, dict):
        key = _key(attributes, held)
        if key is not None:
            return f".{key}"
    return ".…" if not isinstance(referrer, set | frozenset) else "{...}"


def _key(mapping: dict, value: Any) -> Any:
    return next((key for key, each in list(mapping.items()) if each is value), None)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _is_of_search(referrer: Any) -> bool:
    """A list or tuple of this search: it holds pairs of an object and a way."""
    return isinstance(referrer, tuple) and len(referrer) == 2 and isinstance(referrer[1], str)


def _name(found: Any) -> str:
    return type(found).__qualname__
