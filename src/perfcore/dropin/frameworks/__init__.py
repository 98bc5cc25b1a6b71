"""What the drop-in must know of each framework: its methods, what changes its models, and when two states are one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from ...errors import ConfigurationError
from ...predictor import Predictor
from ..call import Call, Passed
from ..stamp import watched

IN_C = ("lightgbm", "xgboost", "catboost")
NAMES = (*IN_C, "sklearn")


class Method(NamedTuple):
    """A method of predictions, where it is defined."""

    owner: type
    name: str
    serve: Callable[[Any, tuple, dict[str, Any]], Call]  # model, arguments -> what to ask a predictor, or `Passed`


class Framework(Protocol):
    name: str
    inner: str  # the attribute in which an estimator keeps the Booster that it asks in turn; "" where there is none
    shared: str  # the attribute with a model's state in C, where another model may have the same; "" where none may
    makers: tuple[str, ...]  # functions that give models, and
    hands_out: tuple[str, ...]  # methods of models that do
    modules: tuple[str, ...]  # public modules; those of their classes that perfcore reads are served

    def methods(self, module: ModuleType) -> Iterator[Method]: ...

    def methods_of(self, kind: type) -> Iterator[Method]:
        """Those of one class, wherever it has them from."""

    def changers(self, module: ModuleType) -> Iterator[tuple[type, str]]:
        """Methods that change a model whose state cannot be looked at from here."""

    def changers_of(self, kind: type) -> Iterable[str]: ...

    def mirrors(self, kind: type) -> bool:
        """Whether the class is a model whose methods are served."""

    def parts(self, model: Any) -> Any:
        """All that decides the model's answers, for a `Digester`; what lies in C is there by its `stamp`."""

    def size(self, model: Any) -> tuple[int, int]:
        """About how many trees and leaves: cheap to say."""

    def compile(self, model: Any, variant: Any) -> Predictor: ...


def nearest(methods: Iterable[Method], kind: type) -> Iterator[Method]:
    """Of the methods of several classes those that one class has, each from where it has it."""
    for method in methods:
        if issubclass(kind, method.owner):
            first = next(base for base in kind.__mro__ if method.name in vars(base))
            if first is method.owner:
                yield method


def require_known(names: tuple[Any, ...]) -> None:
    for name in names:
        if not isinstance(name, str) or name not in NAMES:
            raise ConfigurationError(f"framework {name!r}, allowed: {', '.join(NAMES)}, each as an argument of its own")


def framework(name: str) -> Framework:
    """One of `NAMES`; `ConfigurationError` where it is not installed."""
    if not _is_there(name):
        raise ConfigurationError(f"{name} is not installed, so it cannot be patched")
    found: Framework = import_module(f"{__package__}.{name}").FRAMEWORK
    return found


def view(kind: type) -> Callable[[Any], Any] | None:
    """How a `Digester` looks at objects of a class within others: models of frameworks with their state in C as theirs.

    `Passed` where such a framework is not patched, for then its models' changes go unnoticed.
    """
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        if root in IN_C and hasattr(kind, "predict"):
            if root not in watched:
                raise Passed(f"it holds a model of {root}, which is not patched")
            return framework(root).parts
    return None


def installed() -> list[str]:
    return [name for name in NAMES if _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # a module without a spec, which a program put in the place of one
        return False
