"""``python -m perfcore demo``: models trained on real data, compiled, held against their source, and timed."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError
from . import page, table
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

    @property
    def passed(self) -> bool:
        """Whether every model was trained and answered with the same bits, or refused."""
        return all(each.problem is None or each.refused for each in self.measurements)


def run(data: str | None, target: str | None, out: str, effort: Effort | None = None) -> bool:
    """Run the demo; print its table, write its page to ``out``, and say whether it passed."""
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
    report = Report(describe(), measurements, [note for task in tasks for note in task.notes], effort.all_threads)
    table.show(report)
    file.write_text(page.render(report), encoding="utf-8")
    print(f"The page with the picture: {file.resolve()}")
    return report.passed


def _check_extra() -> None:
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"the demo needs {', '.join(missing)}, not installed here: pip install 'perfcore[demo]', "
            "or in a clone of perfcore pip install '.[demo]' (or make demo)"
        )
