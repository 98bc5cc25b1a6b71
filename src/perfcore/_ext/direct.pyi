from collections.abc import Callable
from typing import Any

import numpy as np

from ..answers import Steps
from ..inputs import Plain
from .calls import Calls
from .forest import ForestKernel

LINKS: tuple[str, ...]
CHOICES: tuple[str, ...]

class Direct:
    def __init__(
        self,
        kernel: ForestKernel,
        steps: Steps | Callable[[np.ndarray], Any],
        plain: Plain,
        most: float,
        of_table: Callable[..., Any],
        of_row: Callable[[Any], Any],
        calls: Calls,
    ) -> None: ...

class Predict(Direct):
    def predict(self, X: Any, *, n_threads: int | None = None) -> Any: ...
    def predict_one(self, row: Any) -> Any: ...

class PredictProba(Direct):
    def predict_proba(self, X: Any, *, n_threads: int | None = None) -> Any: ...
    def predict_proba_one(self, row: Any) -> Any: ...
