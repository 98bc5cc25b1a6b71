"""What the drop-in must know of each framework: its methods, what changes its models, and when two states are one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..._ext.content import Digester
from ...errors import ConfigurationError
from ...predictor import Predictor
from ..call import Call

NAMES = ("lightgbm", "xgboost", "catboost", "sklearn")


class Method(NamedTuple):
    """A method of predictions, where it is defined."""

    owner: type
    name: str
    serve: Callable[[Any, tuple, dict[str, Any]], Call]  # model, arguments -> what to ask a predictor, or `Passed`


class Framework(Protocol):
    name: str
    inner: str  # the attribute in which an estimator keeps the Booster that it asks in turn; "" where there is none
    modules: tuple[str, ...]  # public modules; those of their classes that perfcore reads are served

    def methods(self, module: ModuleType) -> Iterator[Method]: ...

    def changers(self, module: ModuleType) -> Iterator[tuple[type, str]]:
        """Methods that change a model whose state cannot be looked at from here."""

    def state(self, model: Any, digester: Digester) -> Any:
        """What is equal while the model answers the same: a few numbers, or a digest of its content."""

    def memory(self, part: Any) -> tuple[np.ndarray, ...] | None:
        """Arrays over the memory of an extension object within a model; see `Digester`."""

    def size(self, model: Any) -> tuple[int, int]:
        """About how many trees and leaves: cheap to say."""

    def compile(self, model: Any, variant: Any) -> Predictor: ...


def framework(name: str) -> Framework:
    """By name; `ConfigurationError` for one that perfcore does not know, or that is not installed."""
    if name not in NAMES:
        raise ConfigurationError(f"framework {name!r}, allowed: {', '.join(NAMES)}")
    if find_spec(name) is None:
        raise ConfigurationError(f"{name} is not installed, so it cannot be patched")
    found: Framework = import_module(f"{__package__}.{name}").FRAMEWORK
    return found


def installed() -> list[str]:
    return [name for name in NAMES if find_spec(name) is not None]
