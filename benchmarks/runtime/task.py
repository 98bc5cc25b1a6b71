"""What a side does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..models import FILES
from ..scenarios import RECIPES


@dataclass
class Task:
    """``run`` gives figures, ``seconds`` of a unit where the scenario has one; ``answers`` are to be right."""

    run: Callable[[], dict[str, float]]
    answers: Callable[[], dict[str, np.ndarray]]
    call: str
    close: Callable[[], Any] = field(default=lambda: None)


class Wrong(Exception):
    """Answers that are no answers."""


def trained(name: str, folders: dict[str, str]) -> Any:
    """A recipe's model as its framework has it."""
    path = Path(folders[name]) / FILES[RECIPES[name].framework]
    if path.suffix == ".joblib":
        import joblib

        return joblib.load(path)
    if path.suffix == ".ubj":
        import xgboost

        return xgboost.Booster(model_file=path)
    import lightgbm

    return lightgbm.Booster(model_file=path)
