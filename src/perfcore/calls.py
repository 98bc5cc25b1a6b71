"""What predictors count of their calls, and which predictors there are to ask."""

from __future__ import annotations

import os
import weakref
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any

from ._ext.calls import ENDS, Calls

if TYPE_CHECKING:
    from .predictor import Predictor

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_serials = count()
_live: dict[int, weakref.ref] = {}


def stats(calls: Calls) -> dict[str, Any]:
    """As `Predictor.stats` tells them."""
    buckets = calls.buckets
    timed = sum(buckets)
    told: dict[str, Any] = {"calls": calls.calls, "rows": calls.rows, "failed": calls.failed, "timed": timed}
    told["mean"] = calls.seconds / timed if timed else None
    return told | {name: quantile(buckets, part) for name, part in _QUANTILES.items()}


def quantile(buckets: list[int], part: float) -> float | None:
    """Seconds that so large a part of the timed calls did not reach: the end of a bucket, an eighth off on average."""
    total = sum(buckets)
    if not total:
        return None
    reached = (end for end, below in zip(ENDS, accumulate(buckets), strict=True) if below >= part * total)
    return next(reached)


def enlisted(predictor: Predictor) -> Predictor:
    """The predictor itself; from now on, until it is collected, `live` lists it."""
    key = next(_serials)
    _live[key] = weakref.ref(predictor, lambda _: _live.pop(key, None))
    return predictor


def live() -> list[Predictor]:
    """The predictors of this process, the oldest first; not those that are members of others."""
    return [predictor for each in list(_live.values()) if (predictor := each()) is not None]


def _begin_anew() -> None:
    for predictor in live():
        predictor._calls.clear()


if hasattr(os, "register_at_fork"):  # what the parent answered is not the child's
    os.register_at_fork(after_in_child=_begin_anew)
