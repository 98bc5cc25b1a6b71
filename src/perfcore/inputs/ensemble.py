"""Tables of models that hand them on to their members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .columns import readable_again
from .sklearn import row_cells


@dataclass(frozen=True, eq=False)
class PassedOn:
    """Tables that are handed to the members as they came; each member checks and reads them for itself."""

    n_features: int
    feature_names: tuple[str, ...] | None
    allows_nan: bool = True  # whether all members do

    def table(self, X: Any) -> Any:
        return readable_again(X)

    def row(self, row: Any) -> np.ndarray:
        return row_cells(row, self.feature_names, self.n_features, None)
