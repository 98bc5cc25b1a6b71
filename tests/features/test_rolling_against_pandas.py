"""Sums and moments of windows as pandas and polars have them: which rows, which cells, from how many on."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcore import features as f

pd = pytest.importorskip("pandas")

CLOSED = ["right", "left", "both", "neither"]


@st.composite
def cells(draw, n_columns: int = 1) -> Any:
    """Small numbers, which pandas' running sums are right about, with gaps."""
    n = draw(st.integers(1, 150))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    made = random.normal(size=(n_columns, n)).round(draw(st.integers(0, 3)))
    made[:, random.random(n) < draw(st.sampled_from([0.0, 0.1, 0.6]))] = np.nan
    return [pd.Series(each) for each in made]


def same(answer: Any, right: Any, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(answer, right, rtol=tolerance, atol=tolerance)


@given(cells=cells(), window=st.integers(1, 70), closed=st.sampled_from(CLOSED), data=st.data())
def test_windows_of_rows_as_pandas_has_them(cells, window, closed, data):
    (x,) = cells
    least = data.draw(st.none() | st.integers(0, window))
    rolling = x.rolling(window, min_periods=least, closed=closed)
    for kind in ("sum", "mean", "count"):
        same(getattr(f, f"rolling_{kind}")(x, window, min_periods=least, closed=closed), getattr(rolling, kind)())
    for ddof in (0, 1, 2):
        for kind in ("var", "std"):
            right = getattr(rolling, kind)(ddof=ddof)
            same(getattr(f, f"rolling_{kind}")(x, window, min_periods=least, closed=closed, ddof=ddof), right, 1e-6)


@given(cells=cells(), window=st.integers(1, 70))
def test_skew_and_kurtosis_as_pandas_has_them(cells, window):
    (x,) = cells
    for kind in ("skew", "kurt"):
        same(
            getattr(f, f"rolling_{kind}")(x, window, min_periods=0),
            getattr(x.rolling(window, min_periods=0), kind)(),
            1e-6,
        )


@given(cells=cells(2), window=st.integers(2, 70))
def test_cov_and_corr_as_pandas_has_them(cells, window):
    x, y = cells
    rolling = x.rolling(window, min_periods=2)
    for ddof in (0, 1):
        cov = rolling.cov(y, ddof=ddof)
        there = x.notna().rolling(window, min_periods=1).sum() > ddof
        same(f.rolling_cov(x, y, window, min_periods=2, ddof=ddof)[there], cov[there], 1e-8)
    corr = f.rolling_corr(x, y, window, min_periods=2)
    vary = (x.rolling(window, min_periods=1).std() > 1e-6) & (y.rolling(window, min_periods=1).std() > 1e-6)
    same(corr[vary], rolling.corr(y)[vary], 1e-6)
    assert corr[~vary].isna().all()


@given(cells=cells(), window=st.integers(2, 70), closed=st.sampled_from(CLOSED))
def test_zscores_are_of_the_present_cell(cells, window, closed):
    (x,) = cells
    rolling = x.rolling(window, min_periods=2, closed=closed)
    std = rolling.std()
    right = ((x - rolling.mean()) / std).where(std > 1e-6)
    same(f.rolling_zscore(x, window, min_periods=2, closed=closed), right, 1e-6)


@given(cells=cells(), least=st.none() | st.integers(0, 5))
def test_all_rows_so_far_as_pandas_has_them(cells, least):
    (x,) = cells
    expanding = x.expanding(1 if least is None else least)
    for kind in ("sum", "mean", "count", "var", "std", "skew", "kurt"):
        same(getattr(f, f"expanding_{kind}")(x, min_periods=least), getattr(expanding, kind)(), 1e-6)


@given(cells=cells(), window=st.integers(1, 50), closed=st.sampled_from(CLOSED), data=st.data())
def test_windows_of_time_as_pandas_has_them(cells, window, closed, data):
    (x,) = cells
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    is_distinct = closed in ("left", "neither")  # pandas has earlier rows of the present time in these
    on = np.cumsum(random.integers(int(is_distinct), 9, len(x))).astype("M8[s]")
    x.index = pd.DatetimeIndex(on)
    rolling = x.rolling(f"{window}s", closed=closed)
    for kind in ("sum", "mean", "count", "var", "std"):
        same(getattr(f, f"rolling_{kind}")(x, f"{window}s", on=on, closed=closed), getattr(rolling, kind)(), 1e-6)


@given(cells=cells(), window=st.integers(1, 20), n_groups=st.integers(1, 9), data=st.data())
def test_groups_as_pandas_has_them(cells, window, n_groups, data):
    (x,) = cells
    codes = np.random.default_rng(data.draw(st.integers(0, 2**32))).integers(0, n_groups, len(x))
    if data.draw(st.booleans()):
        codes.sort()
    keys = data.draw(st.sampled_from([codes, codes.astype(float), np.array([f"k{c}" for c in codes], object)]))
    right = x.groupby(codes).rolling(window, min_periods=1).mean().droplevel(0).sort_index()
    same(f.rolling_mean(x, window, min_periods=1, by=keys), right)


@given(
    cells=st.lists(st.none() | st.sampled_from([float("nan"), float("inf")]) | st.floats(-9, 9), max_size=60),
    window=st.integers(1, 20),
    data=st.data(),
)
def test_null_and_nan_as_polars_has_them(cells, window, data):
    pl = pytest.importorskip("polars")
    least = data.draw(st.integers(1, window))
    x = pl.Series("x", cells, pl.Float64, strict=False)
    for kind in ("sum", "mean"):
        right = getattr(x, f"rolling_{kind}")(window, min_samples=least)
        answer = getattr(f, f"rolling_{kind}")(x, window, min_periods=least)
        assert answer.name == "x" and answer.is_null().to_list() == right.is_null().to_list()
        same(answer.to_numpy(), right.to_numpy(), 1e-9)


@given(
    cells=st.lists(st.none() | st.floats(-9, 9).map(lambda x: round(x, 1)), max_size=60),
    window=st.integers(1, 20),
    closed=st.sampled_from(CLOSED),
    data=st.data(),
)
def test_windows_of_time_as_polars_has_them(cells, window, closed, data):
    pl = pytest.importorskip("polars")
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    # Where the present is in it, polars looks ahead to later rows of the same time, pandas and we do not.
    on = np.cumsum(random.integers(int(closed in ("right", "both")), 5, len(cells))).astype("M8[ms]")
    table = pl.DataFrame({"x": pl.Series(cells, dtype=pl.Float64), "on": pl.Series(on)})
    for kind in ("mean", "std"):  # the sum of nothing is 0 here in polars, whatever min_samples is
        rolled = getattr(pl.col("x"), f"rolling_{kind}_by")(
            "on", f"{window}ms", closed=closed.replace("neither", "none")
        )
        right = table.select(rolled)["x"]
        answer = getattr(f, f"rolling_{kind}")(table["x"], np.timedelta64(window, "ms"), on=table["on"], closed=closed)
        assert answer.is_null().to_list() == right.is_null().to_list()
        same(answer.to_numpy(), right.to_numpy(), 1e-9)
