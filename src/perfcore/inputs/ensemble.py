"""Tables of models that hand them on to their members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .columns import readable_again
from .frames import Frame, is_frame
from .sklearn import FINITE, as_table, cast, check_cells, check_names, check_shape, row_cells
from .table import BLOCK_ROWS


@dataclass(frozen=True, eq=False)
class PassedOn:
    """Tables that are handed to the members as they came; each member checks and reads them for itself."""

    n_features: int
    feature_names: tuple[str, ...] | None
    allows_nan: bool  # whether all members do
    has_constants: bool = False  # among the members, which look at the names alone
    constants_names: tuple[str, ...] | None = None

    def table(self, X: Any) -> Any:
        X = readable_again(X)
        if self.has_constants:
            check_names(self.constants_names, Frame.of(X).names if is_frame(X) else None, "_ConstantPredictor")
        return X

    def row(self, row: Any) -> np.ndarray:
        return row_cells(row, self.feature_names, self.n_features, None)


@dataclass(frozen=True, eq=False)
class Validated:
    """Tables that are made arrays by scikit-learn's validate_data(), so that members see no names of columns."""

    n_features: int
    feature_names: tuple[str, ...] | None
    estimator: str  # the source's class, for messages
    allows: str  # FINITE or ANYTHING
    numeric: bool  # whether objects become float64 here; else each member turns them into what it takes

    @property
    def allows_nan(self) -> bool:
        return self.allows != FINITE

    def table(self, X: Any) -> np.ndarray:
        if is_frame(X):
            frame = Frame.of(X)
            check_names(self.feature_names, frame.names, self.estimator)
            if not self.numeric and frame.is_pandas and any(getattr(each, "kind", "") == "O" for each in X.dtypes):
                raise InputError("a data frame with columns of objects is not supported; convert them to numbers")
            array = frame.numeric()
        else:
            array = as_table(X, None)
            check_names(self.feature_names, None, self.estimator)
        check_shape(len(array), array.shape[1], self.n_features, self.estimator)
        return self._checked(array, hasattr(X, "dtype"))

    def row(self, row: Any) -> np.ndarray:
        values = row_cells(row, self.feature_names, self.n_features, None)
        return self._checked(values[None, :], hasattr(row, "dtype"))[0]

    def _checked(self, array: np.ndarray, is_array: bool) -> np.ndarray:
        if array.dtype.kind == "O" and is_array and self.numeric:
            array = cast(array, np.float64)
        if array.dtype.kind not in ("biuf" if self.numeric else "biufO") or array.dtype.itemsize > 8:
            raise InputError(f"dtype {array.dtype} is not supported; convert the table to float64")
        for start in range(0, len(array), BLOCK_ROWS):
            check_cells(array[start : start + BLOCK_ROWS], array.dtype, self.allows, start)
        return array
