"""patch(), unpatch() and patched(): perfcore before the frameworks' own methods, and taken away again."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from .frameworks import Framework, framework, installed, require_known
from .record import forget_all
from .site import Site, changing, function_of, in_place_of
from .stamp import watched

_lock = threading.RLock()


def _renew() -> None:
    global _lock
    _lock = threading.RLock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

_patched: dict[str, _Patch] = {}
_holds: Counter[str] = Counter()  # how many patched() rely on a framework's patch
_kept: set[str] = set()  # those that patch() has asked for


def patch(*frameworks: str) -> None:
    """Let perfcore answer the predictions of frameworks, in the whole process, until `unpatch`.

    The methods keep their signatures, answers and errors: what perfcore cannot answer to the bit goes to the
    framework's own method, said once through the logger ``perfcore.dropin`` and counted by `patch_report`.

    Parameters
    ----------
    *frameworks : any of "lightgbm", "xgboost", "catboost" and "sklearn"; by default those that are installed
        They may be imported before or later.

    Raises
    ------
    ConfigurationError
        For a framework that perfcore does not know, or that is not installed.
    """
    with _lock:
        names = _begun(frameworks)
        _kept.update(names)
    _hook.settle()


def unpatch(*frameworks: str) -> None:
    """Put the frameworks' own functions back; by default of all that `patch` was asked for.

    What an enclosing `patched` relies on stays until it ends. `ConfigurationError` for a framework that perfcore does
    not know.
    """
    require_known(frameworks)
    with _lock:
        names = frameworks or tuple(_kept)
        _kept.difference_update(names)
        _end(names)


@contextmanager
def patched(*frameworks: str) -> Iterator[None]:
    """`patch` for the time of a ``with`` block, or of a decorated function; may be nested."""
    with _lock:
        names = _begun(frameworks)
        _holds.update(names)
    try:
        _hook.settle()
        yield
    finally:
        with _lock:
            _holds.subtract(names)
            _end(names)


def _begun(frameworks: tuple[str, ...]) -> list[str]:
    require_known(frameworks)
    names = list(dict.fromkeys(frameworks or installed()))
    found = [framework(name) for name in names]  # all errors before the first change
    for each in found:
        if each.name not in _patched:
            _patched[each.name] = _Patch(each)
    return names


def _end(names: Any) -> None:
    for name in names:
        if name in _patched and name not in _kept and not _holds[name]:
            _patched.pop(name).undo()


class _Patch:
    """One framework's methods replaced: those of modules that are there at once, others when they are imported."""

    def __init__(self, framework: Framework):
        self.framework = framework
        self._replaced: list[tuple[type, str, Any, Any, Site | None]] = []
        watched.add(framework.name)
        for name in framework.modules:
            module = sys.modules.get(name)
            if module is None or is_being_imported(module):
                _hook.wait_for(name, self)
            else:
                self.apply(module)

    def apply(self, module: ModuleType) -> None:
        done = {(owner, name) for owner, name, *_ in self._replaced}
        for method in self.framework.methods(module):
            function = function_of(vars(method.owner).get(method.name))
            if function is not None and (method.owner, method.name) not in done:
                site = Site(self.framework, method, function)
                self._replace(method.owner, method.name, site.answer, site)
                done.add((method.owner, method.name))
        for owner, name in self.framework.changers(module):
            function = function_of(vars(owner).get(name))
            if function is not None and (owner, name) not in done:
                self._replace(owner, name, changing(function, self.framework), None)
                done.add((owner, name))

    def _replace(self, owner: type, name: str, answer: Any, site: Site | None) -> None:
        original = vars(owner)[name]
        replacement = in_place_of(original, answer)
        setattr(owner, name, replacement)
        self._replaced.append((owner, name, original, replacement, site))

    def undo(self) -> None:
        _hook.forget(self)
        watched.discard(self.framework.name)
        for owner, name, original, replacement, site in self._replaced:
            if site is not None:
                site.is_open = False
            if vars(owner).get(name) is replacement:  # else somebody has put something of their own there since
                setattr(owner, name, original)
        forget_all()


def is_being_imported(module: ModuleType) -> bool:
    return getattr(module.__spec__, "_initializing", False)


class _Hook(MetaPathFinder):
    """Tells patches of modules that have just been imported."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Patch] = {}
        self._looking = threading.local()

    def wait_for(self, name: str, patch: _Patch) -> None:
        self._waiting[name] = patch
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def forget(self, patch: _Patch) -> None:
        self._waiting = {name: each for name, each in self._waiting.items() if each is not patch}
        if not self._waiting and self in sys.meta_path:
            sys.meta_path.remove(self)

    def settle(self) -> None:
        """Wait for what another thread is importing, whose finders were asked before this one was there.

        Not with the lock held, which that thread needs for what it goes on to import.
        """
        for name in tuple(self._waiting):
            module = sys.modules.get(name)
            if module is None:
                continue
            with suppress(Exception):  # that thread's, which gets it too
                import_module(name)
            if sys.modules.get(name) is module and not is_being_imported(module):
                self.told(module)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname not in self._waiting or getattr(self._looking, "name", None) == fullname:
            return None
        self._looking.name = fullname
        try:
            spec = find_spec(fullname)
        finally:
            self._looking.name = None
        if spec is not None and spec.loader is not None:
            spec.loader = _Told(spec.loader, self)
        return spec

    def told(self, module: ModuleType) -> None:
        with _lock:
            patch = self._waiting.pop(module.__name__, None)
            if patch is not None:
                patch.apply(module)
            if not self._waiting and self in sys.meta_path:
                sys.meta_path.remove(self)


class _Told(Loader):
    """A module's own loader, and word to the hook when it is done."""

    def __init__(self, loader: Any, hook: _Hook):
        self._loader, self._hook = loader, hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._hook.told(module)


_hook = _Hook()
