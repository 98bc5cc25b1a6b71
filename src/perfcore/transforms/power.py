"""PowerTransformer: sklearn.preprocessing._data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigurationError
from . import Unread
from .block import Block
from .fields import require, require_numbers
from .scalers import StandardScaler

FIRST_WITH_EXPM1 = (1, 9)


@dataclass(frozen=True, eq=False)
class PowerTransformer:
    """The powers are numpy's own loops over the cells of a sign, or scipy's; then a scaler."""

    lambdas: np.ndarray
    form: str  # "box-cox"; "expm1", scipy's Yeo-Johnson; "power", scikit-learn's before 1.9
    scaler: StandardScaler | None

    def __post_init__(self) -> None:
        require_numbers("power transformer", self.lambdas, self.lambdas.size, kinds="f")
        require(self.form in _FORMS, f"power transformer: form {self.form!r}, allowed: {', '.join(_FORMS)}")

    @classmethod
    def of(cls, source: Any) -> PowerTransformer:
        import sklearn

        version = tuple(map(int, sklearn.__version__.split(".")[:2]))
        forms = {"box-cox": "box-cox", "yeo-johnson": "expm1" if version >= FIRST_WITH_EXPM1 else "power"}
        if source.method not in forms:
            raise Unread(f"method={source.method!r}")
        scaler = StandardScaler.of(source._scaler) if source.standardize else None
        return cls(np.array(source.lambdas_), forms[source.method], scaler)

    def fuse(self, block: Block) -> Block:
        block = block.floats("nan", "PowerTransformer", len(self.lambdas))
        if self.form == "box-cox":
            block = block.each([[("refuse_not_positive", 0.0, 0.0)]] * block.width)
        block = block.made(self._powers)
        return block if self.scaler is None else self.scaler.fuse(block)

    def _powers(self, X: np.ndarray) -> np.ndarray:
        form = _FORMS[self.form]
        with np.errstate(all="ignore"):
            for j, power in enumerate(self.lambdas):
                X[:, j] = form(X[:, j], power)
        return X


def _box_cox(x: np.ndarray, power: np.float64) -> np.ndarray:
    try:
        from scipy.special import boxcox
    except ImportError as error:
        raise ConfigurationError("PowerTransformer with method='box-cox' needs scipy") from error
    made: np.ndarray = boxcox(x, power)
    return made


def _expm1(x: np.ndarray, power: np.float64) -> np.ndarray:
    """scipy.stats._morestats._yeojohnson_transform."""
    dtype = np.result_type(x, power)
    eps = np.finfo(dtype).eps
    out = np.zeros_like(x, dtype=dtype)
    positive = x >= 0
    if abs(power) < eps:
        out[positive] = np.log1p(x[positive])
    else:
        out[positive] = np.expm1(power * np.log1p(x[positive])) / power
    if abs(power - 2) > eps:
        out[~positive] = -np.expm1((2 - power) * np.log1p(-x[~positive])) / (2 - power)
    else:
        out[~positive] = -np.log1p(-x[~positive])
    return out


def _power(x: np.ndarray, power: np.float64) -> np.ndarray:
    """PowerTransformer._yeo_johnson_transform before 1.9."""
    out = np.zeros_like(x)
    positive = x >= 0
    if abs(power) < np.spacing(1.0):
        out[positive] = np.log1p(x[positive])
    else:
        out[positive] = (np.power(x[positive] + 1, power) - 1) / power
    if abs(power - 2) > np.spacing(1.0):
        out[~positive] = -(np.power(-x[~positive] + 1, 2 - power) - 1) / (2 - power)
    else:
        out[~positive] = -np.log1p(-x[~positive])
    return out


_FORMS = {"box-cox": _box_cox, "expm1": _expm1, "power": _power}
