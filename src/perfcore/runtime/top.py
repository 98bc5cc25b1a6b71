"""``python -m perfcore top``: a live view of a process that serves metrics."""

from __future__ import annotations

import http.client
import json
import socket
import time
from threading import TIMEOUT_MAX
from typing import Any

from ..amounts import amount
from ..errors import ConfigurationError
from ..extras import require
from .metrics.server import is_path, refused

_WHO = "python -m perfcore top"
_PARTS = ("time", "process", "memory", "predictors", "others")


def fetch(address: str, timeout: float = 5.0) -> dict[str, Any]:
    """The snapshot of the process that serves at that address.

    Raises
    ------
    ConfigurationError
        Where nobody answers, or something else does.
    """
    try:
        connection = (_Unix if is_path(address) else http.client.HTTPConnection)(address, timeout=timeout)
    except http.client.InvalidURL as error:
        raise refused(address) from error
    try:
        connection.request("GET", "/json")
        response = connection.getresponse()
        found = json.loads(response.read())
        if response.status != 200 or not isinstance(found, dict) or not found.keys() >= set(_PARTS):
            raise ValueError
        return found
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ConfigurationError(
            f"{address}: no process serves perfcore's metrics there (perfcore.runtime.metrics.serve({address!r})): "
            f"{error or 'another answer'}"
        ) from error
    finally:
        connection.close()


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path, self._seconds = path, timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)


def watch(address: str, *, interval: float = 1.0, once: bool = False) -> None:
    """Show it, every so many seconds until Ctrl-C, or once."""
    live, console = require("rich.live", _WHO), require("rich.console", _WHO)
    amount("interval", interval, "seconds", TIMEOUT_MAX)
    seen, before = fetch(address), None
    if once:
        console.Console().print(view(address, seen, None))
        return
    shown = live.Live(view(address, seen, None), auto_refresh=False)
    try:
        with shown:
            while True:
                time.sleep(interval)
                before, seen = seen, fetch(address)
                shown.update(view(address, seen, before), refresh=True)
    except KeyboardInterrupt:
        pass
    finally:
        if not shown.console.is_terminal:  # where it is one, rich ends the last line itself
            shown.console.line()


def view(address: str, seen: dict[str, Any], before: dict[str, Any] | None) -> Any:
    """Tables of what is seen now, with rates since what was seen before."""
    console, text = require("rich.console", _WHO), require("rich.text", _WHO)
    escape = require("rich.markup", _WHO).escape
    process, memory = seen["process"], seen["memory"]
    if before is not None and before["process"]["pid"] != process["pid"]:  # another one serves there now
        before = None
    seconds = None if before is None else seen["time"] - before["time"]
    cpu = "-"
    if before is not None and seconds:
        cpu = f"{100 * (process['cpu_seconds'] - before['process']['cpu_seconds']) / seconds:.0f} %"
    head = (
        f"{escape(address)}  process {process['pid']}, CPU {cpu}, {process['threads']} threads, "
        f"{memory['resident'] / 1e6:,.0f} MB of {memory['limit'] / 1e6:,.0f} MB"
    )
    predictors = _table("predictor")
    for header in ("calls", "calls/s", "rows", "rows/s", "failed", "p50", "p95", "p99"):
        predictors.add_column(header, justify="right", no_wrap=True)
    for name, now in seen["predictors"].items():
        then = (before or {}).get("predictors", {}).get(name)
        rates = [_rate(now, then, field, seconds) for field in ("calls", "rows")]
        predictors.add_row(
            text.Text(f"{name} ({now['origin']})", no_wrap=True, overflow="ellipsis"),
            _count(now["calls"]), rates[0], _count(now["rows"]), rates[1], _count(now["failed"]),
            *(_time(now[q]) for q in ("p50", "p95", "p99")),
        )  # fmt: skip
    others = _table("name", "kind", "figures")
    for name, now in seen["others"].items():
        figures = [f"{field} {value:,}" for field, value in now.items() if isinstance(value, int) and value]
        others.add_row(*map(escape, (name, now["kind"], str(now.get("error") or ", ".join(figures)))))
    return console.Group(head, predictors, *([others] if seen["others"] else []))


def _table(*headers: str) -> Any:
    """Without lines between columns: with them nine figures do not fit into 80 characters."""
    box, table = require("rich.box", _WHO), require("rich.table", _WHO)
    return table.Table(*headers, box=box.SIMPLE_HEAD, padding=0, pad_edge=False)


def _rate(now: dict, then: dict | None, field: str, seconds: float | None) -> str:
    return "-" if then is None or not seconds else _count(round((now[field] - then[field]) / seconds))


def _count(n: int) -> str:
    """In seven characters up to a quadrillion."""
    if n < 1_000_000:
        return f"{n:,}"
    scale, unit = next(((s, u) for s, u in ((1e12, "T"), (1e9, "G")) if n >= s), (1e6, "M"))
    return f"{n / scale:.4g} {unit}"


def _time(seconds: Any) -> str:
    if seconds is None:
        return "-"
    if float(seconds) == float("inf"):
        return "> 137 s"
    scale, unit = next(((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")) if seconds >= s), (1e-9, "ns"))
    return f"{seconds / scale:.3g} {unit}"
