"""The references that rolling statistics are held to, against exact fractions and pandas' windows."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import series


@pytest.mark.parametrize("name", series.hostile())
def test_a_reference_is_what_fractions_give(name):
    x = series.hostile(200)[name]
    y = x[::-1] ** 2
    windows = series.of_rows(len(x), 20)
    found = {kind: series.reference(kind, windows, x, min_periods=20) for kind in ("sum", "var", "skew", "kurt")}
    found["cov"] = series.reference("cov", windows, x, y, min_periods=20)
    for i in (19, 101, 199):
        a, b = ([Fraction(cell) for cell in each[i - 19 : i + 1]] for each in (x, y))
        mean_a, mean_b = sum(a) / 20, sum(b) / 20
        second, third, fourth = (sum((cell - mean_a) ** power for cell in a) for power in (2, 3, 4))
        exact = {
            "sum": sum(a),
            "var": second / 19,
            "cov": sum((p - mean_a) * (q - mean_b) for p, q in zip(a, b, strict=True)) / 19,
            "skew": float(third / 20) * (20 * 19) ** 0.5 / 18 / float(second / 20) ** 1.5,
            "kurt": Fraction(19, 18 * 17) * (21 * (fourth / 20) / (second / 20) ** 2 - 57),
        }
        for kind, value in exact.items():
            off = abs(float(found[kind].values[i] - np.longdouble(float(value))))
            assert off <= 4e-16 * abs(float(value)) + 1e-15 * float(found[kind].scale[i]), kind


@pytest.mark.parametrize("closed", ["right", "left", "both", "neither"])
def test_windows_are_those_of_pandas(closed):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    x[rng.integers(300, size=40)] = np.nan
    times = np.cumsum(rng.integers(1, 5, 300)).astype("M8[D]").astype("M8[s]")
    table = pd.Series(x, index=times)
    month = series.of_times(times, np.timedelta64(30, "D"), closed)
    for windows, there, least in [
        (series.of_rows(300, 50, closed), table.rolling(50, min_periods=10, closed=closed), 10),
        (month, table.rolling("30D", closed=closed), 1),
    ]:
        for kind in ("sum", "mean", "std", "skew"):
            right = series.reference(kind, windows, x, min_periods=least)
            assert series.error(getattr(there, kind)(), right) < 1e-12
        right = series.Reference(series.each(np.median, windows, x, least), np.ones(300))
        assert series.error(there.median(), right) == 0


def test_an_open_window_holds_no_row_of_the_present_time():
    times = np.array([0, 0, 1, 1, 1, 4])
    windows = series.of_times(times, 2, "left")
    assert windows.stops.tolist() == [0, 0, 2, 2, 2, 5]
    assert windows.starts.tolist() == [0, 0, 0, 0, 0, 5]
    assert series.of_times(times, None, "right").stops.tolist() == [1, 2, 3, 4, 5, 6]
