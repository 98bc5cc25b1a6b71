"""Series that rolling statistics get wrong, and what is right: two passes over each window in long double.

windows = series.of_rows(len(x), 50)                       # or of_times(times, width), of_rows(n, None): expanding
right = series.reference("std", windows, x, min_periods=50)
assert series.error(answer, right) < 1e-14
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

CELLS = 1 << 19  # of windows that are looked at together


def hostile(n: int = 5000, seed: int = 20260101) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(seed).normal(size=n)
    half = n // 2
    return {
        "walk": 100 + np.cumsum(noise),
        "offset_1e8": 1e8 + 1e-2 * noise,
        "offset_1e12": 1e12 + noise,
        "outlier_1e9": np.r_[1e9, noise[1:]],
        "outlier_1e5": np.r_[1e5, 0.1 * noise[1:]],
        "decay": np.geomspace(1e3, 1e-6, n) * noise,
        "level_shift": np.r_[1e6 + noise[:half], 1e-3 * noise[half:]],
        "bursts": np.where(np.arange(n) % 97 < 3, 1e7, 1.0) * noise,
    }


# -- windows -----------------------------------------------------------------------------------------------


class Windows(NamedTuple):
    """Rows from ``starts[i]`` up to, not with, ``stops[i]`` are the window of row i."""

    starts: np.ndarray
    stops: np.ndarray


def of_rows(n: int, window: int | None, closed: str = "right") -> Windows:
    """The last `window` rows, or all up to here; `closed` as pandas has it."""
    stops = np.arange(1, n + 1)
    starts = np.zeros(n, int) if window is None else stops - window - (closed in ("left", "both"))
    stops = stops - (closed in ("left", "neither"))
    return Windows(np.clip(starts, 0, stops), stops)


def of_times(times: np.ndarray, width: object, closed: str = "right") -> Windows:
    """Rows of the time `width` before `times`, which ascend; None: of all time.

    Where the right end is open, no row of the present time is in the window; where it is closed, those up to the
    present row are.
    """
    times = np.asarray(times)
    if closed in ("left", "neither"):
        stops = np.searchsorted(times, times, side="left")
    else:
        stops = np.arange(1, len(times) + 1)
    if width is None:
        return Windows(np.zeros(len(times), int), stops)
    starts = np.searchsorted(times, times - width, side="left" if closed in ("left", "both") else "right")
    return Windows(np.minimum(starts, stops), stops)


# -- references --------------------------------------------------------------------------------------------


class Reference(NamedTuple):
    """Right values, NaN where there is none, and what an error is measured by."""

    values: np.ndarray
    scale: np.ndarray


def reference(
    kind: str,
    windows: Windows,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    ddof: int = 1,
    min_periods: int = 1,
) -> Reference:
    """`kind` ("sum", "mean", "var", "std", "skew", "kurt", "zscore"; of two series "cov", "corr") of each window.

    NaN cells are left out (for two series, where either is), and windows with fewer than `min_periods` others have
    no value. The scale is the value itself for var and std; the sum of |x| for sums, over n for means; the product of
    the deviations for cov, 1 for corr; 1 + |z| for z-scores; the absolute moments for skew and kurt. Where all cells
    are equal, skew, kurt, corr and zscore have no value.
    """
    cells = [np.asarray(each, dtype=np.longdouble) for each in (x, *(() if y is None else (y,)))]
    bad = np.any([np.isnan(each) for each in cells], axis=0)
    values, scale = (np.full(len(x), np.nan, dtype=np.longdouble) for _ in range(2))
    with np.errstate(all="ignore"):
        for rows, columns, inside in _blocks(windows):
            inside = inside & ~bad[columns]
            n = inside.sum(axis=1).astype(np.longdouble)
            blocks = [np.where(inside, each[columns], 0) for each in cells]
            value, unit = _KINDS[kind](blocks, inside, n, ddof, [each[rows] for each in cells])
            enough = n >= max(min_periods, 1)
            values[rows], scale[rows] = np.where(enough, value, np.nan), np.where(enough, unit, np.nan)
    return Reference(values, scale)


def error(answer: np.ndarray, right: Reference) -> float:
    """The greatest error in units of the scale; infinite where one has a value and the other has none."""
    answer = np.asarray(answer, dtype=np.longdouble)
    if not np.array_equal(np.isnan(answer), np.isnan(right.values)):
        return np.inf
    there = ~np.isnan(right.values)
    off = np.abs(answer[there] - right.values[there])
    return float(np.max(np.where(off == 0, 0, off / np.maximum(right.scale[there], 5e-324)), initial=0.0))


def each(function: Callable[[np.ndarray], float], windows: Windows, x: np.ndarray, min_periods: int = 1) -> np.ndarray:
    """`function` of each window's cells that are not NaN; for what needs no long double: min, max, quantiles, ranks."""
    found = np.full(len(x), np.nan)
    for i, (start, stop) in enumerate(zip(*windows, strict=True)):
        cells = x[start:stop]
        cells = cells[~np.isnan(cells)]
        if len(cells) >= max(min_periods, 1):
            found[i] = function(cells)
    return found


def _blocks(windows: Windows) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows, the columns of their windows' cells, and which of those are inside."""
    widths = windows.stops - windows.starts
    first = 0
    while first < len(widths):
        # As many rows as fit; one at least.
        reach = np.maximum.accumulate(widths[first : first + CELLS]) * np.arange(1, len(widths[first:]) + 1)[:CELLS]
        rows = np.arange(first, first + max(1, int(np.searchsorted(reach, CELLS, side="right"))))
        offsets = np.arange(max(1, int(widths[rows].max())))
        columns = windows.starts[rows, None] + offsets
        inside = columns < windows.stops[rows, None]
        yield rows, np.minimum(columns, len(widths) - 1), inside
        first = int(rows[-1]) + 1


def _deviations(block: np.ndarray, inside: np.ndarray, n: np.ndarray) -> np.ndarray:
    # From near the mean first: so far from 0, long double's own rounding of a mean shows in third moments.
    near = (block.sum(axis=1) / n)[:, None]
    off = np.where(inside, block - near, 0)
    return np.where(inside, off - (off.sum(axis=1) / n)[:, None], 0)


def _sum(blocks, inside, n, ddof, here):
    return blocks[0].sum(axis=1), np.abs(blocks[0]).sum(axis=1)


def _mean(blocks, inside, n, ddof, here):
    total, size = _sum(blocks, inside, n, ddof, here)
    return total / n, size / n


def _var(blocks, inside, n, ddof, here):
    off = _deviations(blocks[0], inside, n)
    var = np.where(n > ddof, (off**2).sum(axis=1) / (n - ddof), np.nan)
    return var, var


def _std(blocks, inside, n, ddof, here):
    std = np.sqrt(_var(blocks, inside, n, ddof, here)[0])
    return std, std


def _zscore(blocks, inside, n, ddof, here):
    near = blocks[0].sum(axis=1) / n
    mean = np.where(inside, blocks[0] - near[:, None], 0).sum(axis=1) / n
    std = _std(blocks, inside, n, ddof, here)[0]
    z = np.where(std > 0, ((here[0] - near) - mean) / std, np.nan)
    return z, 1 + np.abs(z)


def _skew(blocks, inside, n, ddof, here):
    off = _deviations(blocks[0], inside, n)
    m2 = (off**2).sum(axis=1) / n
    unit = np.where((n > 2) & (m2 > 0), np.sqrt(n * (n - 1)) / (n - 2) / m2**1.5, np.nan)
    return unit * (off**3).sum(axis=1) / n, unit * (np.abs(off) ** 3).sum(axis=1) / n


def _kurt(blocks, inside, n, ddof, here):
    off = _deviations(blocks[0], inside, n)
    m2 = (off**2).sum(axis=1) / n
    fourth = np.where((n > 3) & (m2 > 0), (off**4).sum(axis=1) / n / m2**2, np.nan)
    unit = (n - 1) / ((n - 2) * (n - 3))
    return unit * ((n + 1) * fourth - 3 * (n - 1)), unit * ((n + 1) * fourth + 3 * (n - 1))


def _cov(blocks, inside, n, ddof, here):
    a, b = (_deviations(block, inside, n) for block in blocks)
    cov = np.where(n > ddof, (a * b).sum(axis=1) / (n - ddof), np.nan)
    return cov, np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)) / (n - ddof)


def _corr(blocks, inside, n, ddof, here):
    a, b = (_deviations(block, inside, n) for block in blocks)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.where((n > 1) & (size > 0), (a * b).sum(axis=1) / size, np.nan), np.ones(len(n))


_KINDS = {
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "std": _std,
    "zscore": _zscore,
    "skew": _skew,
    "kurt": _kurt,
    "cov": _cov,
    "corr": _corr,
}
