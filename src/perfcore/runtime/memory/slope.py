"""The slope of a series, and how sure it is: Theil and Sen's, which a few outliers do not move."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Z = 1.96  # 95 %, both sides


@dataclass(frozen=True)
class Slope:
    """``value`` of y per x; of 95 % of such series the true one lies between ``low`` and ``high``."""

    value: float
    low: float
    high: float


def slope(x: np.ndarray, y: np.ndarray) -> Slope:
    """The median of the slopes between all pairs; its interval by Kendall's variance (Sen 1968).

    Parameters
    ----------
    x, y : (n,) numbers, x without ties, n from 3
    """
    n = len(x)
    i, j = np.triu_indices(n, 1)
    slopes = np.sort((y[j] - y[i]) / (x[j] - x[i]))
    spread = Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(0, round((len(slopes) - spread) / 2) - 1)
    high = min(len(slopes) - 1, round((len(slopes) + spread) / 2))
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))
