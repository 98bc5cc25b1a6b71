"""Modules that look like a framework's own and hold its classes, with perfcore before their predictions.

``from perfcore.dropin.sklearn.ensemble import RandomForestClassifier`` gives a subclass of scikit-learn's class, made
once, of the same name. Its instances train as ever and pass for the framework's, and the framework's for its; pickled,
they are the framework's, so that what was saved loads without perfcore. Nothing of the framework is changed.
"""

from __future__ import annotations

import copy
import copyreg
import functools
import sys
import types
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any

from ..readers.overrides import DROP_IN
from .frameworks import NAMES, Framework, framework
from .site import Site, changing, function_of, in_place_of

PREFIX = "perfcore.dropin."


def reflect(name: str) -> None:
    """Put a mirror of the framework's module in the place of one of this package's."""
    mirror = Mirror(name)
    mirror.__spec__ = sys.modules[name].__spec__
    sys.modules[name] = mirror
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class Mirror(types.ModuleType):
    """A module with all attributes of the framework's module of the same name behind ``perfcore.dropin``."""

    def __init__(self, name: str):
        original = import_module(name.removeprefix(PREFIX))
        super().__init__(name, original.__doc__)
        self.__path__: list[str] = []  # a package, whose modules `_Finder` finds

    def __getattr__(self, name: str) -> Any:
        original = sys.modules[self.__name__.removeprefix(PREFIX)]
        if name == "__all__" and not hasattr(original, name):
            return [each for each in dir(original) if not each.startswith("_")]
        return _reflected(getattr(original, name), original.__name__.partition(".")[0])

    def __dir__(self) -> list[str]:
        return dir(sys.modules[self.__name__.removeprefix(PREFIX)])


class _Finder(MetaPathFinder, Loader):
    """Finds the modules within mirrors."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        name = fullname.removeprefix(PREFIX)
        if name == fullname or name.partition(".")[0] not in NAMES:
            return None
        return ModuleSpec(fullname, self, is_package=True) if find_spec(name) is not None else None

    def create_module(self, spec: ModuleSpec) -> Mirror:
        return Mirror(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _reflected(value: Any, root: str) -> Any:
    """What a mirror shows of an attribute: mirrors of the framework's modules, subclasses of its models."""
    if isinstance(value, types.ModuleType):
        is_own = value.__name__ == root or value.__name__.startswith(root + ".")
        return import_module(PREFIX + value.__name__) if is_own else value
    own: Any = framework(root)
    if isinstance(value, type):
        return _drop_in(value) if own.mirrors(value) else value
    if isinstance(value, types.FunctionType) and value.__name__ in own.makers:
        return _maker(value, own)
    return value


def _making(function: Any, framework: Framework) -> Any:
    """A function whose answer, where it is a model of the framework's, becomes one of ours."""

    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Any:
        return _adopted(function(*args, **kwargs), framework)

    return make


@functools.cache
def _maker(function: Any, framework: Any) -> Any:
    made = _making(function, framework)
    made.__module__ = PREFIX + function.__module__  # where pickle finds it
    return made


def _adopted(model: Any, framework: Framework) -> Any:
    kind: Any = type(model)
    if DROP_IN not in vars(kind) and framework.mirrors(kind):
        model.__class__ = _drop_in(kind)
    return model


@functools.cache
def _drop_in(base: Any) -> Any:
    """The subclass of a framework's class whose predictions go through perfcore."""
    own = framework(base.__module__.partition(".")[0])
    namespace: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        DROP_IN: base,
        "__reduce_ex__": _reduce,
        "__copy__": _copy,
        "__deepcopy__": _deepcopy,
    }
    kind: Any = _meta(base.__class__)(base.__name__, (base,), namespace)
    for name, attribute in _resolved(base, own.hands_out):
        setattr(kind, name, _making(attribute, own))
    for name, attribute in _resolved(base, tuple(own.changers_of(base))):
        function = function_of(attribute)
        if function is not None:
            setattr(kind, name, in_place_of(attribute, changing(function, own)))
    for method in own.methods_of(base):
        attribute = vars(method.owner)[method.name]
        function = function_of(attribute)
        if function is not None:
            site = Site(own, method._replace(owner=kind), function)
            setattr(kind, method.name, in_place_of(attribute, site.answer))
    if own.inner:
        setattr(kind, own.inner, _Inner(own))
    return kind


def _resolved(base: type, names: Any) -> list[tuple[str, Any]]:
    found = [(name, next((vars(kind)[name] for kind in base.__mro__ if name in vars(kind)), None)) for name in names]
    return [(name, attribute) for name, attribute in found if attribute is not None]


class _Inner:
    """The attribute in which an estimator keeps its Booster, which whoever asks for it gets as one of ours."""

    def __init__(self, framework: Framework):
        self._framework, self._name = framework, framework.inner

    def __get__(self, model: Any, kind: type) -> Any:
        if model is None:
            return self
        if self._name not in vars(model):
            raise AttributeError(f"{kind.__name__!r} object has no attribute {self._name!r}")
        return _adopted(vars(model)[self._name], self._framework)

    def __set__(self, model: Any, value: Any) -> None:
        vars(model)[self._name] = value

    def __delete__(self, model: Any) -> None:
        del vars(model)[self._name]


# -- instances pass for the framework's ----------------------------------------------------------------------


@functools.cache
def _meta(kind: Any) -> Any:
    """A class of classes: an instance of the framework's class is one of ours; pickled, ours is the framework's."""

    class Meta(kind):
        def __instancecheck__(cls, instance: Any) -> bool:
            base = vars(cls).get(DROP_IN)
            return super().__instancecheck__(instance) if base is None else base in type(instance).__mro__

        def __subclasscheck__(cls, subclass: Any) -> bool:
            base = vars(cls).get(DROP_IN)
            return super().__subclasscheck__(subclass) if base is None else base in subclass.__mro__

    copyreg.pickle(Meta, _reduced_class)
    return Meta


def _reduced_class(kind: type) -> Any:
    base = vars(kind).get(DROP_IN)
    return kind.__qualname__ if base is None else (resolve_name, (f"{base.__module__}:{base.__qualname__}",))


def _reduce(self: Any, protocol: Any) -> Any:
    if DROP_IN not in vars(type(self)):  # a user's subclass, which pickles as itself
        return _base(self).__reduce_ex__(self, protocol)
    return copyreg._reconstructor, (_base(self), object, None), _base(self).__reduce_ex__(self, 2)[2]  # type: ignore[attr-defined]


def _copy(self: Any) -> Any:
    """copy.copy, which would go by `_reduce` and lose the class."""
    own = getattr(_base(self), "__copy__", None)
    return _reconstructed(self, None) if own is None else _of_class(own(self), type(self))


def _deepcopy(self: Any, memo: dict) -> Any:
    own = getattr(_base(self), "__deepcopy__", None)
    return _reconstructed(self, memo) if own is None else _of_class(own(self, memo), type(self))


def _reconstructed(self: Any, memo: dict | None) -> Any:
    """As copy.copy and copy.deepcopy do, by what a user's subclass says of itself or else the framework's class."""
    reduce: Any = type(self).__reduce_ex__
    if reduce is _reduce:
        reduce = _base(self).__reduce_ex__
    return copy._reconstruct(self, memo, *reduce(self, 4))  # type: ignore[attr-defined]


def _of_class(twin: Any, kind: type) -> Any:
    twin.__class__ = kind
    return twin


def _base(self: Any) -> Any:
    return getattr(type(self), DROP_IN)
