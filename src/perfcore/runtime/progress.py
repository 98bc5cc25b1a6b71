"""A bar on stderr for work that takes a while."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..extras import require


def shown(results: Iterable[Any], total: int | None, what: str = "pieces") -> Iterator[Any]:
    """The same results, a bar growing with each; it is gone when they are through, or given up."""
    rich = require("rich.progress", "a progress bar")
    console = require("rich.console", "a progress bar").Console(stderr=True)
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )

    def through() -> Iterator[Any]:
        with rich.Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            for result in results:
                bar.advance(task)
                yield result

    return through()
