"""``python -m perfcore demo``: models trained on real data, compiled, held against their source, timed; boat races."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError
from . import page, race_story, table
from .data import bundled_tasks, file_task
from .machine import describe
from .measurement import Effort, Measurement, measure
from .models import candidates

NEEDED = {"lightgbm": "lightgbm", "pandas": "pandas", "rich": "rich", "sklearn": "scikit-learn", "xgboost": "xgboost"}


@dataclass(frozen=True)
class Report:
    """All that the table and the page show."""

    machine: dict[str, str]
    measurements: list[Measurement]
    notes: list[str]
    n_threads: int
    story: race_story.Story | None = None

    @property
    def passed(self) -> bool:
        """Whether every model was trained and answered with the same bits, or refused; and the races' stream too."""
        is_told = self.story is None or self.story.problem is None
        return is_told and all(each.problem is None or each.refused for each in self.measurements)


def run(data: str | None, target: str | None, out: str, effort: Effort | None = None, races: str | None = None) -> bool:
    """Run the demo; print its table, write its page to ``out``, and say whether it passed.

    Of a user's file, models alone; of the real races in a folder, their story alone, without a page; otherwise both.
    """
    _check_extra()
    if (data is None) != (target is None):
        raise ConfigurationError("demo: --data FILE and --target COLUMN go together")
    if data is not None and races is not None:
        raise ConfigurationError("demo: --data and --races are two demos; ask for one of them")
    file = Path(out)
    if not file.parent.is_dir():
        raise ConfigurationError(f"demo: no folder {file.parent} to write {file.name} into")
    # LightGBM trains on arrays under names it makes up, and scikit-learn then warns at each of its predictions.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    warnings.filterwarnings("ignore", message="lbfgs failed to converge")  # how good a model is does not matter here
    effort = effort or Effort()
    if races is not None:
        told = _story(races, effort)
        table.show_story(told)
        return told.problem is None
    tasks = bundled_tasks() if data is None or target is None else [file_task(data, target)]
    pairs = [(candidate, task) for task in tasks for candidate in candidates(task, effort.trees)]
    print(
        f"{len(pairs)} models are trained on {', '.join(task.name for task in tasks)}, compiled, held against their "
        "source bit by bit and timed: a minute or two on two quiet cores.",
        flush=True,
    )
    measurements = []
    for number, (candidate, task) in enumerate(pairs, 1):
        with table.working(f"{number}/{len(pairs)} {candidate.name}, {task.name}"):
            measurements.append(measure(candidate, task, effort))
    notes = [note for task in tasks for note in task.notes]
    story = _story(None, effort) if data is None else None
    report = Report(describe(), measurements, notes, effort.all_threads, story)
    table.show(report)
    file.write_text(page.render(report), encoding="utf-8")
    print(f"The page with the picture: {file.resolve()}")
    return report.passed


def _story(folder: str | None, effort: Effort) -> race_story.Story:
    with table.working("boat races: features, a model, and the last day race by race"):
        return race_story.tell(folder, effort.races, effort.trees // 5)


def _check_extra() -> None:
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"the demo needs {', '.join(missing)}, not installed here: pip install 'perfcore[demo]', "
            "or in a clone of perfcore pip install '.[demo]' (or make demo)"
        )
