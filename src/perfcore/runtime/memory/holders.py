"""Who holds an object: the way from a module, a class or a closure to it, by name; and cycles of objects, by name."""

from __future__ import annotations

import gc
import re
import types
from collections.abc import Iterable
from typing import Any

DEPTH = 12
WIDE = 200  # who is held by more is held by too many to look at
NEAR = 20  # looking for who holds an object takes a walk through all that there are
_KEY = re.compile(r"^\['(\w+)'\]")
# What refers to an object and is no reason for it to live: the frames of those who look.
_PASSING = (types.FrameType, types.TracebackType)


def way_to(target: Any, ignored: Iterable[Any] = ()) -> str:
    """From the nearest module, class or function that can be named down to ``target``, as one would write it.

    Of equally near ones those go first that begin in the module of what they name, and then shorter ones: that is whose
    it is, rather than who imports it.
    """
    seen = {id(target), *map(id, ignored)}
    ways: list[tuple[Any, str]] = [(target, "")]
    longest = ""
    for _ in range(DEPTH):
        further: list[tuple[Any, str]] = []
        roots: list[tuple[bool, int, str]] = []
        seen.update((id(ways), id(further), *map(id, ways)))
        for looked_at, (held, way) in enumerate(ways):
            if roots and looked_at > NEAR:
                break
            referrers = gc.get_referrers(held)
            seen.add(id(referrers))
            for referrer in referrers[:WIDE]:
                if id(referrer) in seen or _is_a(referrer, _PASSING):
                    continue
                seen.add(id(referrer))
                step = _step(referrer, held)
                if step is None:
                    continue
                from_here = _KEY.sub(r".\1", way) if _are_attributes(held, referrer) else way
                root = _root(referrer, held)
                if root is not None:
                    is_imported = not root.startswith(f"{type(held).__module__}.")
                    roots.append((is_imported, len(root), root + from_here))
                else:
                    further.append((referrer, step + from_here))
        if roots:
            return min(roots)[-1]
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
    if _is_a(referrer, dict):
        name = _key(referrer, held)
        module = referrer.get("__name__") if "__builtins__" in referrer or "__spec__" in referrer else None
        if isinstance(module, str) and name is not None:
            return f"{module}.{name}"
        return None
    if _is_a(referrer, tuple) and _is_a(held, types.CellType):
        for function in gc.get_referrers(referrer):
            if _is_a(function, types.FunctionType) and function.__closure__ is referrer:
                name = function.__code__.co_freevars[[cell is held for cell in referrer].index(True)]
                return f"{function.__module__}.{function.__qualname__} (its variable {name})"
        return None
    if _is_a(referrer, types.FunctionType):
        return f"{referrer.__module__}.{referrer.__qualname__} (a default of it)"
    if _is_a(referrer, type):
        return f"{referrer.__module__}.{referrer.__qualname__}"
    return None


def _step(referrer: Any, held: Any) -> str | None:
    """How one writes the step from a holder to what it holds."""
    if _is_a(referrer, dict):
        key = _key(referrer, held)
        return None if key is None else f"[{key!r}]" if len(repr(key)) < 40 else "[...]"
    if _is_a(referrer, list | tuple):
        return "[...]"
    if _is_a(referrer, types.CellType):
        return ""
    if _are_attributes(held, referrer):
        return ""
    attributes = _attributes(referrer)
    if isinstance(attributes, dict):
        key = _key(attributes, held)
        if key is not None:
            return f".{key}"
    return ".…" if not _is_a(referrer, set | frozenset) else "{...}"


def _attributes(of: Any) -> Any:
    try:
        return getattr(of, "__dict__", None)
    except Exception:  # a proxy's
        return None


def _are_attributes(held: Any, of: Any) -> bool:
    """Of an object, or of a class, which only shows them through a view."""
    return _is_a(held, dict) and (_is_a(of, type) or _attributes(of) is held)


def _key(mapping: dict, value: Any) -> Any:
    return next((key for key, each in list(mapping.items()) if each is value), None)


def _is_a(each: Any, kinds: Any) -> bool:
    """`isinstance`, that does not ask the object itself: a proxy would ask another one, which may be gone."""
    return issubclass(type(each), kinds)


def _name(found: Any) -> str:
    return type(found).__qualname__
