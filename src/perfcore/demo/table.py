"""The demo's table in the terminal, drawn by rich."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import Report
    from .measurement import Measurement, Timing
    from .race_story import Story

WIDTH = 120


def working(what: str) -> AbstractContextManager:
    """Says what is being done while it is done; a line where there is no terminal to show it on."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if console.is_terminal:
        return console.status(escape(what))
    print(what, file=sys.stderr, flush=True)
    return nullcontext()


def show(report: Report) -> None:
    """Print the table and how to read it."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:  # piped: wide enough for the table, whatever rich takes for the width
        console = Console(width=max(console.width, WIDTH))
    table = Table(box=box.SIMPLE_HEAD, title="Same bits, sooner", title_justify="left", title_style="bold")
    table.add_column("model, data", overflow="fold")
    table.add_column("bits")
    for title in (
        "one row:\nsource → perfcore",
        "",
        "many rows:\nsource → perfcore",
        "",
        f"{report.n_threads} threads",
    ):
        table.add_column(title, justify="right")
    for each in report.measurements:
        table.add_row(f"[bold]{escape(each.model)}[/]\n[dim]{escape(each.task)}[/]", *_cells(each))
    console.print(table)
    for line in [*legend(report), *(f"{name}: {value}" for name, value in report.machine.items())]:
        console.print(line, style="dim", highlight=False, markup=False)
    if report.story is not None:
        show_story(report.story)


def show_story(story: Story) -> None:
    """Print the boat-race story."""
    from rich.console import Console

    console = Console()
    console.print("\nBoat races, streamed", style="bold")
    for line in story_lines(story):
        console.print(line, highlight=False, markup=False)


def legend(report: Report) -> list[str]:
    """How the numbers were measured, in sentences."""
    counts = [each.n_rows for each in report.measurements if each.n_rows] or [0]
    n_rows = f"{min(counts):,} to {max(counts):,}" if min(counts) < max(counts) else f"{max(counts):,}"
    return [
        *report.notes,
        "Equal: dtype, shape and every bit of every method on the test rows, live and from a saved file, "
        "and of the timed answers.",
        "One row: the source's method on a table of one row, perfcore's on one row. "
        f"Many: {n_rows} rows drawn from the data, fewer where the source is slow; times are a row.",
        "One thread on both sides, but for the last column, where both have all.",
        "Both sides take turns; medians of the rounds.",
        *(f"{each.model}, {each.task}: {each.note}" for each in report.measurements if each.note),
    ]


def story_lines(story: Story) -> list[str]:
    """The story in sentences."""
    from .table import duration

    return [
        f"{story.source}; {story.n_features} features known before the race (history of racer, motor, lane and "
        f"stadium, ranks within the race) of {story.n_rows:,} rows in {duration(story.features)}, "
        f"{duration(story.features / story.n_rows)} a row.",
        f"The last day, each race before it is run: {story.n_races} races, the features of six boats in "
        f"{duration(story.a_race)}, their chances by the compiled model in {duration(story.a_prediction)}; "
        f"the history read in {duration(story.history)}.",
        "Features and predictions are the same bits as all at once."
        if story.problem is None
        else f"NOT EQUAL: {story.problem}.",
        f"The favourite won {story.favourites:.0%} of these races, boat 1 {story.inside:.0%}.",
    ]


def _cells(measurement: Measurement) -> list[str]:
    from rich.markup import escape

    if measurement.problem is not None:
        colour = "yellow" if measurement.refused else "red"
        return [f"[{colour}]{measurement.verdict}[/]", escape(measurement.problem)]
    cells = ["[green]equal[/]"]
    for timing in (measurement.one_row, measurement.many_rows):
        if timing is not None:
            cells += [f"{duration(timing.source)} → {duration(timing.perfcore)}", f"[bold]{times(timing)}[/]"]
    return [*cells, times(measurement.all_threads) if measurement.all_threads else ""]


def duration(seconds: float) -> str:
    """Three digits and a unit: 12.3 µs."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 100 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def times(timing: Timing) -> str:
    """A ratio with the digits that it bears: 134 ×, 4.6 ×."""
    ratio = timing.ratio.median
    return f"{ratio:.0f} ×" if ratio >= 20 else f"{ratio:.1f} ×"
