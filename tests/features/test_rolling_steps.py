"""Batches and steps give the same bits, whatever the cells, the window, the groups and the threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcore._ext.features import MISSING, Plan
from perfcore._ext.forest import instruction_sets

KINDS = ("sum", "mean", "count", "var", "std", "skew", "kurt", "zscore", "cov", "corr")
ODD = [np.nan, MISSING, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1e-310, 1e308, -1e308, 1e155, 1.0]


@st.composite
def columns(draw):
    """Two series, long enough for blocks side by side, with odd cells here and there."""
    n = draw(st.integers(0, 400))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([1.0, 1e-80, 1e-300, 1e12, 0.0]))
    made = [draw(st.sampled_from([0.0, 1.0, 1e9])) + scale * random.normal(size=n) for _ in range(2)]
    if draw(st.booleans()):
        made = [np.round(each, 1) for each in made]
    for _ in range(draw(st.integers(0, 8)) if n else 0):
        start = draw(st.integers(0, n - 1))
        made[draw(st.integers(0, 1))][start : start + draw(st.integers(1, 30))] = draw(st.sampled_from(ODD))
    return made


@given(
    columns=columns(),
    rows=st.integers(1, 300) | st.none(),
    time=st.integers(1, 60) | st.none(),
    closed=st.integers(0, 3),
    least=st.integers(0, 1000),
    ddof=st.integers(0, 2),
    nan_is_missing=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_a_batch_has_the_bits_of_the_steps(columns, rows, time, closed, least, ddof, nan_is_missing, seed):
    window = {"closed": closed, "ddof": ddof, "min_periods": least % ((rows or 5) + 1)}
    times = None
    if time is not None:
        window["time"] = time
        times = np.sort(np.random.default_rng(seed).integers(0, 200, len(columns[0])))
    elif rows is not None:
        window["rows"] = rows
    plan = Plan(2, [(kind, (0, 1) if kind in ("cov", "corr") else (0,), window, {}) for kind in KINDS], nan_is_missing)
    told, stepped = plan.run(columns, times), plan.run_steps(columns, times)
    for kind, a, b in zip(KINDS, told, stepped, strict=True):
        assert a.tobytes() == b.tobytes(), kind
        nans = {0x7FF8000000000000} if nan_is_missing else {0x7FF8000000000000, 0x7FF80000000007A2}
        assert set(a[np.isnan(a)].view(np.uint64).tolist()) <= nans, kind


@given(
    n=st.integers(1, 300),
    of=st.sampled_from(["whole", "share", "float32", "half", "great", "too great", "tiny", "far apart"]),
    odd=st.lists(st.sampled_from([np.nan, MISSING, -0.0, 0.0, 2.0**53, 0.1, np.inf]), max_size=3),
    rows=st.sampled_from([None, 1, 3, 10, 64, 65, 200]),
    time=st.integers(1, 60) | st.none(),
    closed=st.integers(0, 3),
    nan_is_missing=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_sums_that_are_exact_have_the_bits_of_the_steps(n, of, odd, rows, time, closed, nan_is_missing, seed):
    random = np.random.default_rng(seed)
    whole = random.integers(-6, 7, n).astype(float)
    cells = {
        "whole": whole, "share": whole > 0, "float32": (0.01 * whole).astype(np.float32), "half": whole + 0.5,
        "great": random.integers(-(2**43), 2**43, n), "too great": random.integers(-(2**53), 2**53, n),
        "tiny": whole * 5e-324, "far apart": whole * 2.0 ** random.integers(-60, 60, n),
    }[of].astype(float)  # fmt: skip
    for cell in odd:
        cells[random.integers(n)] = cell
    window, times = {"closed": closed, "min_periods": int(random.integers(3))}, None
    if time is not None:
        window["time"], times = time, np.sort(random.integers(0, 200, n))
    elif rows is not None:
        window["rows"] = rows
    plan = Plan(1, [(kind, (0,), window, {}) for kind in ("sum", "mean", "count")], nan_is_missing)
    for a, b in zip(plan.run([cells], times), plan.run_steps([cells], times), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("closed", range(4))
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 50, 63, 64, 65, 130, 260])
@pytest.mark.parametrize("isa", ["portable", "avx2"])
def test_blocks_side_by_side_end_where_the_series_ends(isa, rows, closed, monkeypatch):
    if isa not in instruction_sets():
        pytest.skip(f"no {isa} here")
    monkeypatch.setenv("PERFCORE_ISA", isa)
    random = np.random.default_rng(rows)
    for n in sorted({max(0, k * rows + more) for k in (0, 1, 2, 4, 5, 8, 9) for more in (-1, 0, 1, 2)}):
        cells = [random.normal(size=n) for _ in range(2)]
        for least in (1, rows):
            window = {"closed": closed, "rows": rows, "min_periods": least}
            plan = Plan(2, [(kind, (0, 1) if kind in ("cov", "corr") else (0,), window, {}) for kind in KINDS])
            for kind, a, b in zip(KINDS, plan.run(cells), plan.run_steps(cells), strict=True):
                assert a.tobytes() == b.tobytes(), (kind, n)
