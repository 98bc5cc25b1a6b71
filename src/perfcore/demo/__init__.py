"""``python -m perfcore demo``: models trained on real data, compiled, held against their source, and timed."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError
from . import page, table
from .data import Task, bundled_tasks, file_task
from .machine import describe
from .measurement import Effort, Measurement, measure
from .models import Candidate, candidates

NEEDED = {"lightgbm": "lightgbm", "pandas": "pandas", "rich": "rich", "sklearn": "scikit-learn", "xgboost": "xgboost"}


@dataclass(frozen=True)
class Report:
    """All that the table and the page show."""

    machine: dict[str, str]
    measurements: list[Measurement]
    notes: list[str]
    n_threads: int

    @property
    def passed(self) -> bool:
        return all(each.problem is None or each.refused for each in self.measurements)


def run(data: str | None, target: str | None, out: str, effort: Effort | None = None) -> bool:
    """Run the demo; print its table, write its page to ``out``, and say whether every answer was equal."""
    _check_extra()
    if (data is None) != (target is None):
        raise ConfigurationError("demo: --data FILE and --target COLUMN go together")
    file = Path(out)
    if not file.parent.is_dir():
        raise ConfigurationError(f"demo: no folder {file.parent} to write {file.name} into")
    # LightGBM trains on arrays under names it makes up, and scikit-learn then warns at each of its predictions.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    warnings.filterwarnings("ignore", message="lbfgs failed to converge")  # how good a model is does not matter here
    tasks = bundled_tasks() if data is None or target is None else [file_task(data, target)]
    effort = effort or Effort()
    measurements = [
        _measured(candidate, task, effort) for task in tasks for candidate in candidates(task, effort.trees)
    ]
    report = Report(describe(), measurements, [note for task in tasks for note in task.notes], effort.all_threads)
    table.show(report)
    file.write_text(page.render(report), encoding="utf-8")
    print(f"The page with the picture: {file.resolve()}")
    return report.passed


def _measured(candidate: Candidate, task: Task, effort: Effort) -> Measurement:
    with table.working(f"{candidate.name}, {task.name}"):
        return measure(candidate, task, effort)


def _check_extra() -> None:
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"the demo needs {', '.join(missing)}, not installed here: pip install 'perfcore[demo]'"
        )
