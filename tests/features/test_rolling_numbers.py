"""Sums and moments of windows against two passes over each window in long double."""

import numpy as np
import pytest
import series

from perfcore import features as f
from perfcore._ext.features import Plan

KINDS = ("sum", "mean", "var", "std", "skew", "kurt", "zscore", "cov", "corr")
HOSTILE = series.hostile(1000)


def run(kind, columns, rows, min_periods, **integers):
    window = {"min_periods": min_periods, **({} if rows is None else {"rows": rows}), **integers}
    plan = Plan(len(columns), [(kind, tuple(range(len(columns))), window, {})])
    (told,), (stepped,) = plan.run(columns), plan.run_steps(columns)
    assert told.tobytes() == stepped.tobytes()
    return told


def columns_of(kind, name):
    x = HOSTILE[name]
    return [x, HOSTILE["walk"][::-1].copy()] if kind in ("cov", "corr") else [x]


@pytest.mark.parametrize("rows", [5, 50, 65, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_rows_are_right_on_hostile_series(kind, rows):
    for name in HOSTILE:
        columns = columns_of(kind, name)
        right = series.reference(kind, series.of_rows(len(columns[0]), rows), *columns, min_periods=rows)
        assert series.error(run(kind, columns, rows, rows), right) < 1e-14, name


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "zscore"])
def test_all_rows_so_far_are_right_on_hostile_series(kind):
    for name in HOSTILE:
        columns = [column[:400] for column in columns_of(kind, name)]
        right = series.reference(kind, series.of_rows(400, None), *columns, min_periods=4)
        assert series.error(run(kind, columns, None, 4), right) < 1e-14, name


LONG = 10_000_000


@pytest.mark.parametrize("name", ["shifted", "decaying"])
def test_ten_million_rows_so_far(name):
    random = np.random.default_rng(0).normal(size=LONG)
    x = 1e9 + random if name == "shifted" else np.exp(-np.arange(LONG) / 2e4) * random
    mean, var = f.expanding_mean(x), f.expanding_var(x)
    for n in (10_000, 1_000_000, LONG):
        cells = x[:n].astype(np.longdouble)
        exact = cells[0] + (cells - cells[0]).sum() / n
        assert abs(mean[n - 1] - exact) <= 1e-15 * np.abs(cells).mean()
        assert abs(var[n - 1] / (((cells - exact) ** 2).sum() / (n - 1)) - 1) <= 1e-14


@pytest.mark.parametrize("at", [0, 5, 2_000, 150_000])
@pytest.mark.parametrize("outlier", [1e9, -1e9])
def test_zscores_among_outliers_by_the_largest_that_they_can_be(outlier, at):
    """A cell of n deviates by the root of n at most; digits that the outlier takes from the others are lost by it."""
    x = np.random.default_rng(at).normal(size=200_000)
    x[at] = outlier
    told = f.expanding_zscore(x)
    for n in (3, 2_001, 2_002, 150_001, 200_000):
        cells = x[:n].astype(np.longdouble) - np.longdouble(x[0])
        from_mean = cells - cells.mean()
        exact = from_mean[-1] / np.sqrt((from_mean**2).sum() / (n - 1))
        assert abs(told[n - 1] - exact) <= 1e-15 * np.sqrt(n)
