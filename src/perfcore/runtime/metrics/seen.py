"""snapshot(): what the predictors, caches and batchers of this process count, and its memory, as a dict."""

from __future__ import annotations

import itertools
import os
import time
import weakref
from typing import Any

import psutil

from ... import calls
from ..._ext.calls import ENDS
from ...errors import ConfigurationError
from ..memory.usage import usage
from .plain import plain

_named: dict[str, weakref.ref] = {}
_names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()  # made up for predictors that have none
_numbers = itertools.count(1)


def register(name: str, what: Any) -> None:
    """Show it under a name, as long as it lives; the one that had the name before is shown no more.

    Parameters
    ----------
    what : a predictor, which is shown under a made-up name otherwise; or a cache, a batcher, whatever has ``stats()``
        that returns a dict of numbers

    Raises
    ------
    ConfigurationError
        For names that are no texts, and objects without ``stats()`` or that cannot be referred to weakly.
    """
    if not isinstance(name, str) or not name or not _is_unicode(name):
        raise ConfigurationError(f"name={name!r}: allowed are texts")
    if not callable(getattr(what, "stats", None)):
        raise ConfigurationError(f"{type(what).__qualname__} has no stats(), so there is nothing to show of it")
    try:
        reference = weakref.ref(what)
    except TypeError:
        raise ConfigurationError(f"a {type(what).__qualname__} cannot be referred to weakly") from None
    _named[name] = reference


def snapshot() -> dict[str, Any]:
    """What there is now, in numbers.

    Returns
    -------
    dict
        ``process``: its id, CPU seconds, threads and descriptors.
        ``memory``: bytes, as `perfcore.runtime.memory.usage` tells them. ``predictors``: by name, as
        `Predictor.stats` tells them, with ``origin``, ``bytes`` and ``buckets``: (end in seconds, timed calls that took
        less). ``others``: what was registered, by name, as its own ``stats()`` tells, with ``kind``; where that raised,
        ``error``. All are Python's own numbers, texts, lists and dicts, whatever types ``stats()`` tells in.
    """
    named = _living()
    predictors, others = {}, {}
    for predictor in calls.live():
        predictors[_name_of(predictor, named)] = _of_predictor(predictor)
    for name, each in named.items():
        if not _is_predictor(each):
            others[name] = _stats_of(each) | {"kind": type(each).__name__}
    process, memory = psutil.Process(), usage()
    times = process.cpu_times()
    return {
        "time": time.time(),
        "process": {
            "pid": os.getpid(),
            "cpu_seconds": times.user + times.system,
            "threads": process.num_threads(),
            "descriptors": process.num_fds() if hasattr(process, "num_fds") else None,
        },
        "memory": {name: value for name, value in vars(memory).items() if value is not None},
        "predictors": predictors,
        "others": others,
    }


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as of file names that are no UTF-8
        return False
    return True


def _living() -> dict[str, Any]:
    found = {}
    for name, reference in _named.copy().items():  # others may register meanwhile; no lock, which a fork would copy
        each = reference()
        if each is not None:
            found[name] = each
        elif _named.get(name) is reference:
            _named.pop(name, None)
    return found


def _is_predictor(each: Any) -> bool:
    return hasattr(each, "_calls") and hasattr(each, "fingerprint")


def _name_of(predictor: Any, named: dict[str, Any]) -> str:
    for name, each in named.items():
        if each is predictor:
            return name
    if _names.get(predictor) in named:  # somebody else's by now
        _names.pop(predictor, None)
    if (made_up := _names.get(predictor)) is not None:
        return made_up
    return _names.setdefault(predictor, next(new for i in _numbers if (new := f"predictor-{i}") not in named))


def _of_predictor(predictor: Any) -> dict[str, Any]:
    buckets = predictor._calls.buckets
    below = itertools.accumulate(buckets)
    return predictor.stats() | {
        "origin": predictor._model.origin,
        "bytes": predictor.nbytes,
        "seconds": predictor._calls.seconds,
        "buckets": [(end, n) for i, (end, n) in enumerate(zip(ENDS, below, strict=True)) if i % 4 == 3],
    }


def _stats_of(each: Any) -> dict[str, Any]:
    try:
        return plain(dict(each.stats()))
    except Exception as error:  # a cache that was closed, say
        return {"error": f"{type(error).__name__}: {error}"}
