"""A snapshot as Prometheus' text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...extras import require
from .seen import snapshot

# Of what is registered: these only ever grow.
_COUNTERS = {
    "hits", "misses", "inserts", "updates", "evicted", "expired", "deleted", "rejected", "requests", "rows", "batches",
    "on the spot", "refused", "cancelled", "failed", "calls", "loads",
}  # fmt: skip
# What is told of all processes: fields of what is registered get other names.
_OWN = {
    f"perfcore_{what}{suffix}"
    for what in (
        "memory_bytes", "process_cpu_seconds", "process_threads", "predictor_calls", "predictor_rows",
        "predictor_failed", "predictor_timed_call_seconds",
    )
    for suffix in ("", "_total", "_bucket", "_count", "_sum")
}  # fmt: skip


def text() -> str:
    """What `snapshot` tells, as Prometheus reads it.

    Raises
    ------
    MissingExtraError
        Where prometheus-client is not installed.
    """
    client = require("prometheus_client", "metrics as Prometheus' text")
    registry = client.CollectorRegistry()
    registry.register(_Collector(require("prometheus_client.core", "metrics as Prometheus' text")))
    return client.generate_latest(registry).decode()


class _Collector:
    def __init__(self, core: Any):
        self._core = core

    def collect(self) -> Iterator[Any]:
        seen = snapshot()
        yield from self._of_process(seen)
        yield from self._of_predictors(seen["predictors"])
        yield from self._of_others(seen["others"])

    def _of_process(self, seen: dict[str, Any]) -> Iterator[Any]:
        memory = self._core.GaugeMetricFamily("perfcore_memory_bytes", "Memory of the process", labels=["kind"])
        for kind, value in seen["memory"].items():
            memory.add_metric([kind], value)
        yield memory
        process = seen["process"]
        yield self._core.CounterMetricFamily("perfcore_process_cpu_seconds", "CPU time", value=process["cpu_seconds"])
        yield self._core.GaugeMetricFamily("perfcore_process_threads", "Threads", value=process["threads"])

    def _of_predictors(self, predictors: dict[str, Any]) -> Iterator[Any]:
        labels = ["predictor", "origin"]
        told = {"calls": "Calls answered", "rows": "Rows answered", "failed": "Calls that raised"}
        for field, what in told.items():
            family = self._core.CounterMetricFamily(f"perfcore_predictor_{field}", what, labels=labels)
            for name, stats in predictors.items():
                family.add_metric([name, stats["origin"]], stats[field])
            yield family
        seconds = self._core.HistogramMetricFamily(
            "perfcore_predictor_timed_call_seconds", "Of one call in 64", labels=labels
        )
        for name, stats in predictors.items():
            buckets = [(_bound(end), n) for end, n in stats["buckets"]]
            seconds.add_metric([name, stats["origin"]], buckets, stats["seconds"])
        yield seconds

    def _of_others(self, others: dict[str, Any]) -> Iterator[Any]:
        families: dict[
            tuple[str, ...], Any
        ] = {}  # by the field's own name: several may read the same in Prometheus' letters
        taken = set(_OWN)
        for name, stats in others.items():
            for field, value in _numbers(stats):
                if field not in families:
                    families[field] = self._family(field, taken)
                families[field].add_metric([name, stats["kind"]], value)
        yield from families.values()

    def _family(self, field: tuple[str, ...], taken: set[str]) -> Any:
        metric, suffix = "perfcore_" + re.sub("[^a-zA-Z0-9]", "_", " ".join(field)), ""
        if len(field) == 1 and field[0] in _COUNTERS:
            suffix = "_total"
        while metric in taken or metric + suffix in taken:
            metric += "_"
        taken |= {metric, metric + suffix}
        kind = self._core.CounterMetricFamily if suffix else self._core.GaugeMetricFamily
        return kind(metric, "Of what was registered", labels=["name", "kind"])


def _numbers(stats: dict[str, Any], of: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Numbers that Prometheus has, each by its name and those of the dicts it is in."""
    for field, value in stats.items():
        if isinstance(value, dict):
            yield from _numbers(value, (*of, field))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*of, field), float(value)


def _bound(end: float) -> str:
    return "+Inf" if end == float("inf") else repr(end)
