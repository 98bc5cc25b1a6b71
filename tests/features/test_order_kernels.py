"""Least, greatest, median, quantile and rank of windows: any algorithm that compiled code has gives the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfcore._ext.features import MISSING, Plan
from perfcore._ext.forest import instruction_sets

CLOSED = {"left": 1, "right": 2, "both": 3, "neither": 0}
KINDS = {
    "min": {},
    "max": {},
    "median": {},
    "quantile": {"quantile": 0.35, "between": 0},
    "rank": {"ties": 0},
}
CELLS = st.sampled_from([0.0, -0.0, 1.0, -1.5, 2.0, 1e308, -1e308, 5e-324, np.inf, -np.inf, np.nan, MISSING])


def run(kind, x, times=None, nan_is_missing=True, **options):
    options = {"min_periods": 1, **KINDS[kind], **options}
    numbers = {name: options.pop(name) for name in ("quantile",) if name in options}
    plan = Plan(1, [(kind, (0,), options, numbers)], nan_is_missing)
    (told,), (stepped,) = plan.run([x], times), plan.run_steps([x], times)
    assert told.tobytes() == stepped.tobytes()
    return told


def cells_of(x, i, times, closed, rows=None, time=None):
    """Row by row, what each window holds."""
    if rows is not None:
        first, last = i - rows + 1 - (closed & 1), i if closed & 2 else i - 1
        return x[max(first, 0) : last + 1]
    if time is not None:
        now = times[i]
        left = times >= now - time if closed & 1 else times > now - time
        right = np.arange(len(x)) <= i if closed & 2 else times < now
        return x[left & right]
    return x[: i + 1 if closed & 2 else i]


def expected(kind, cells, nan_is_missing):
    there = [cell for cell in cells if cell == cell or not (nan_is_missing or is_missing(cell))]
    if not there:
        return MISSING
    if any(cell != cell for cell in there):
        return np.nan
    if kind == "rank":
        newest = cells[-1]
        if newest != newest:
            return MISSING
        return (sum(cell < newest for cell in there) + sum(cell <= newest for cell in there) + 1) / 2
    if kind in ("min", "max"):
        best = min(there) if kind == "min" else max(there)
        return next(cell for cell in reversed(there) if cell == best)  # of two zeros the newer
    there = sorted(there, key=lambda cell: (cell, np.copysign(1, cell)))
    at = (0.5 if kind == "median" else KINDS[kind]["quantile"]) * (len(there) - 1)
    low, high, part = there[int(at)], there[min(int(at) + 1, len(there) - 1)], at - int(at)
    if part == 0:
        return low
    with np.errstate(all="ignore"):
        if kind == "median":
            total = np.float64(low) + high
            return low / 2 + high / 2 if np.isinf(total) and np.isfinite([low, high]).all() else total / 2
        if low == high:
            return low
        difference = np.float64(high) - low
        return low * (1 - part) + high * part if np.isinf(difference) else low + difference * part


def is_missing(x):
    return np.float64(x).tobytes() == np.float64(MISSING).tobytes()


def same_bits(told, right, nan_is_missing):
    nothing = np.nan if nan_is_missing else MISSING
    right = np.array([nothing if is_missing(each) else np.nan if each != each else each for each in right])
    assert told.tobytes() == right.tobytes(), (told, right)


@settings(max_examples=5 * settings.default.max_examples)  # short, and of many kinds
@given(
    kind=st.sampled_from(sorted(KINDS)),
    cells=st.lists(CELLS, max_size=40),
    window=st.sampled_from([{"rows": 1}, {"rows": 2}, {"rows": 5}, {"rows": 100}, {"time": 1}, {"time": 7}, {}]),
    closed=st.sampled_from(sorted(CLOSED)),
    nan_is_missing=st.booleans(),
    seed=st.integers(0, 100),
)
def test_what_is_said_is_what_the_window_s_cells_say(kind, cells, window, closed, nan_is_missing, seed):
    x = np.array(cells, np.float64)
    times = np.sort(np.random.default_rng(seed).integers(0, max(len(x), 1), len(x)))
    told = run(kind, x, times, nan_is_missing, closed=CLOSED[closed], **window)
    held = [cells_of(x, i, times, CLOSED[closed], **window) for i in range(len(x))]
    same_bits(told, [expected(kind, each, nan_is_missing) for each in held], nan_is_missing)


@pytest.mark.parametrize("rows", [3, 64, 65, 128, 129, 1023, 1025, 3000])
@pytest.mark.parametrize("kind", KINDS)
def test_short_and_long_windows_agree_with_pandas(kind, rows):
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(rows)
    x = np.r_[random.normal(size=2500), random.integers(0, 50, 2500), np.arange(800.0), -np.arange(800.0)]
    for holes in (0.0, 0.1):
        x = np.where(random.random(len(x)) < holes, np.nan, x)
        window = pandas.Series(x).rolling(rows, min_periods=rows // 2)
        right = window.quantile(0.35) if kind == "quantile" else getattr(window, kind)()
        assert np.array_equal(run(kind, x, rows=rows, min_periods=rows // 2), right, equal_nan=True)


@given(
    kind=st.sampled_from(["min", "max"]),
    rows=st.integers(1, 40) | st.integers(41, 900),
    least=st.floats(0, 1),
    n=st.integers(1, 1500),
    spots=st.lists(st.tuples(st.floats(0, 1), st.sampled_from([np.nan, MISSING]), st.integers(1, 300)), max_size=4),
    closed=st.sampled_from(sorted(CLOSED)),
    nan_is_missing=st.booleans(),
    seed=st.integers(0, 100),
)
@pytest.mark.parametrize("isa", ["portable", "avx2"])
def test_extrema_of_many_rows_at_once_are_those_of_the_steps(
    isa, kind, rows, least, n, spots, closed, nan_is_missing, seed
):
    if isa not in instruction_sets():
        pytest.skip(f"no {isa} here")
    x = np.random.default_rng(seed).choice([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf], n, p=[0.3, 0.3, 0.1, 0.1, 0.1, 0.1])
    for place, nothing, length in spots:
        x[int(place * n) :][:length] = nothing
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFCORE_ISA", isa)
        run(kind, x, None, nan_is_missing, rows=rows, min_periods=max(1, int(least * rows)), closed=CLOSED[closed])


@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_all_rows_agree_with_pandas(kind):
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(5)
    x = np.where(random.random(6000) < 0.1, np.nan, random.normal(size=6000).cumsum())
    right = pandas.Series(x).expanding(3)
    right = right.quantile(0.35) if kind == "quantile" else getattr(right, kind)()
    assert np.array_equal(run(kind, x, min_periods=3), right, equal_nan=True)


@pytest.mark.parametrize("between", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("rows", [1, 2, 5, 10, 101])
def test_quantiles_between_two_cells_are_named_as_in_pandas(between, rows):
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(rows).normal(size=300)
    place = ["linear", "lower", "higher", "midpoint", "nearest"].index(between)
    for quantile in (0.0, 0.1, 0.25, 0.5, 0.9, 1.0):
        right = pandas.Series(x).rolling(rows).quantile(quantile, interpolation=between)
        told = run("quantile", x, rows=rows, min_periods=rows, quantile=quantile, between=place)
        assert np.array_equal(told, right, equal_nan=True)


@pytest.mark.parametrize("ties", ["average", "min", "max"])
@pytest.mark.parametrize("is_ascending", [True, False])
@pytest.mark.parametrize("is_part", [True, False])
def test_ranks_are_those_of_pandas(ties, is_ascending, is_part):
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(3).integers(0, 6, 300).astype(float)
    right = pandas.Series(x).rolling(9, min_periods=2).rank(method=ties, ascending=is_ascending, pct=is_part)
    place = ["average", "min", "max"].index(ties)
    told = run("rank", x, rows=9, min_periods=2, ties=place, descending=int(not is_ascending), part=int(is_part))
    assert np.array_equal(told, right, equal_nan=True)
