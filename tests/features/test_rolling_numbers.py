"""Sums and moments of windows against two passes over each window in long double."""

import pytest
import series

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
