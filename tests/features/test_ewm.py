"""Exponentially weighted means, variances and correlations against pandas and against sums in long double."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import series
from hypothesis import given
from hypothesis import strategies as st

import perfcore
from perfcore import features as f
from perfcore._ext.features import Plan

KINDS = ("mean", "var", "std", "cov", "corr")
TWO = ("cov", "corr")
HOSTILE = series.hostile(120)
RANDOM = np.random.default_rng(4)
X, Y = (np.where(RANDOM.random(300) < 0.2, np.nan, RANDOM.normal(size=300)) for _ in range(2))
TIMES = np.cumsum(RANDOM.integers(0, 10**9, 300)).astype("M8[ns]")


def ours(kind, x, y, **options):
    return getattr(f, f"ewm_{kind}")(*((x, y) if kind in TWO else (x,)), **options)


def reference(kind, x, y, alpha, adjust):
    """(answers, scales of their errors) of two passes over all rows so far, without a missing cell."""
    x, y, kept = np.longdouble(x), np.longdouble(y), 1 - np.longdouble(alpha)
    told = np.full((2, len(x)), np.nan, np.longdouble)
    for i in range(1, len(x)):
        weights = kept ** np.arange(i, -1, -1, dtype=np.longdouble)
        if not adjust:
            weights[1:] *= np.longdouble(alpha)
        weights /= weights.sum()
        by_x, by_y = (cells - (weights * cells).sum() for cells in (x[: i + 1], y[: i + 1]))
        by_x, by_y = (by - (weights * by).sum() for by in (by_x, by_y))
        xx, xy, yy = ((weights * products).sum() for products in (by_x**2, by_x * by_y, by_y**2))
        unbiased = 1 / (2 * (weights[1:] * np.cumsum(weights)[:-1]).sum())
        told[:, i] = {
            "mean": ((weights * x[: i + 1]).sum(), (weights * abs(x[: i + 1])).sum()),
            "var": (xx * unbiased, xx * unbiased),
            "std": (np.sqrt(xx * unbiased), np.sqrt(xx * unbiased)),
            "cov": (xy * unbiased, np.sqrt(xx * yy) * unbiased),
            "corr": (xy / np.sqrt(xx * yy), 1),
        }[kind]
    return told


@pytest.mark.parametrize("alpha", [0.99, 0.5, 2 / 27, 1e-6])
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_series_are_told_right(kind, alpha):
    y = HOSTILE["walk"][::-1].copy()
    for name, x in HOSTILE.items():
        for adjust in (True, False):
            right, scale = reference(kind, x, y, alpha, adjust)
            told = ours(kind, x, y, alpha=alpha, adjust=adjust)
            assert np.max(abs(told - right)[1:] / scale[1:]) < 1e-14, (name, adjust)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("adjust", [True, False])
@pytest.mark.parametrize("ignore_na", [True, False])
def test_conventions_are_those_of_pandas(kind, adjust, ignore_na):
    x, y = pd.Series(X, name="close"), pd.Series(Y)
    for how in ({"span": 5.5}, {"com": 0.3}, {"halflife": 7}, {"alpha": 0.2}, {"alpha": 1.0}):
        for min_periods in (0, 3):
            options = {**how, "adjust": adjust, "ignore_na": ignore_na, "min_periods": min_periods}
            window = x.ewm(**options)
            biases = (True, False) if kind in ("var", "std", "cov") else (None,)
            for bias in biases:
                biased = {} if bias is None else {"bias": bias}
                right = getattr(window, kind)(*((y,) if kind in TWO else ()), **biased)
                if bias is False:  # pandas' rounding lets it deviate from itself where there is one cell
                    right = right.where((x.notna() & (y.notna() | (kind not in TWO))).cumsum() > 1)
                told = ours(kind, x, y, **options, **biased)
                pd.testing.assert_series_equal(told, right, rtol=1e-11, atol=1e-13, check_names=kind not in TWO)


@pytest.mark.parametrize("adjust", [True, False])
@pytest.mark.parametrize("ignore_na", [True, False])
def test_half_lives_of_time_are_those_of_pandas(adjust, ignore_na):
    options = {"adjust": adjust, "ignore_na": ignore_na}
    right = pd.Series(X).ewm(halflife="3s", times=pd.Series(TIMES), **options).mean()
    for halflife in ("3s", datetime.timedelta(seconds=3), np.timedelta64(3000, "ms")):
        told = f.ewm_mean(X, halflife=halflife, times=TIMES, **options)
        np.testing.assert_allclose(told, right, rtol=1e-13, atol=1e-15)


def test_times_a_second_apart_are_rows():
    times = np.arange(300).astype("M8[s]")
    for kind in KINDS:
        by_time = ours(kind, X, Y, halflife="4s", times=times, adjust=True)
        np.testing.assert_allclose(by_time, ours(kind, X, Y, halflife=4), rtol=1e-12)


@given(
    kind=st.sampled_from(KINDS),
    cells=st.lists(st.sampled_from([0.0, -0.0, 1.0, -2.5, 1e300, 5e-324, np.inf, -np.inf, np.nan]), max_size=30),
    alpha=st.sampled_from([1e-9, 0.1, 0.5, 0.75, 1.0]),
    adjust=st.booleans(),
    nan_is_missing=st.booleans(),
)
def test_a_series_row_by_row_has_the_bits_of_the_whole(kind, cells, alpha, adjust, nan_is_missing):
    x = np.array(cells, np.float64)
    columns = [x, x[::-1].copy()] if kind in TWO else [x]
    places = tuple(range(len(columns)))
    plan = Plan(len(columns), [(f"ewm_{kind}", places, {"adjust": int(adjust)}, {"alpha": alpha})], nan_is_missing)
    assert plan.run(columns)[0].tobytes() == plan.run_steps(columns)[0].tobytes()


def test_infinity_stays_and_a_nan_that_is_no_missing_cell_too():
    x = np.array([1.0, np.inf, 2.0, 3.0])
    assert f.ewm_mean(x, span=3).tolist() == [1.0, np.inf, np.inf, np.inf]
    assert np.isnan(f.ewm_mean(np.r_[x, -np.inf], span=3)[4]) and np.isnan(f.ewm_std(x, span=3)).all()
    told = f.ewm_mean(pl.Series([1.0, None, float("nan"), 2.0], strict=False), span=3).to_list()
    assert told[:2] == [1.0, 1.0] and np.isnan(told[2:]).all()
    assert f.ewm_mean(pa.array([None, 1.0, None]), span=3).to_pylist() == [None, 1.0, 1.0]


def test_equal_cells_have_their_mean_and_do_not_deviate():
    x = np.full(1000, 0.1)
    for adjust in (True, False):
        assert (f.ewm_mean(x, alpha=0.01, adjust=adjust) == 0.1).all()
        assert (f.ewm_std(x, alpha=0.01, adjust=adjust)[1:] == 0).all()
        assert np.isnan(f.ewm_corr(x, X[:1].repeat(1000), alpha=0.01, adjust=adjust)).all()


@pytest.mark.parametrize("kind", ["var", "std", "cov"])
@pytest.mark.parametrize("adjust", [True, False])
def test_rows_without_cells_change_no_variance_however_many(kind, adjust):
    x = np.concatenate([[1.0, 2, 4, 3, 7], np.full(3000, np.nan)])
    answers = ours(kind, x, x, alpha=0.5, adjust=adjust)
    assert (answers[4:] == answers[4]).all()


@pytest.mark.parametrize("step", [10**3, 10**6, 10**9])
def test_halflives_of_time_count_every_nanosecond_of_today(step):
    random = np.random.default_rng(0)
    times = np.datetime64("2024-06-03T09:30", "ns").astype(np.int64) + np.cumsum(random.integers(step, 5 * step, 200))
    x, kept, weight, right = RANDOM.normal(size=200), np.longdouble(0), np.longdouble(0), []
    for cell, passed in zip(x, np.diff(times, prepend=times[:1]), strict=True):
        factor = np.exp2(-np.longdouble(passed) / step)
        kept, weight = kept * factor + cell, weight * factor + 1
        right.append(kept / weight)
    answers = f.ewm_mean(x, halflife=np.timedelta64(step, "ns"), times=times.view("M8[ns]"))
    assert (abs(answers - np.array(right)) < 2e-15).all()


@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_series_of_their_own_for_any_number_of_threads(kind):
    codes = np.arange(300) % 7
    told = ours(kind, X, Y, span=9, by=codes)
    for code in range(7):
        own = codes == code
        assert told[own].tobytes() == ours(kind, X[own], Y[own], span=9).tobytes()
    assert ours(kind, X, Y, span=9, by=codes, n_threads=3).tobytes() == told.tobytes()


def test_without_data_it_describes():
    assert f.ewm_mean(span=26).label == "ewm_mean_span_26"
    assert f.ewm_std(halflife="2D", bias=True).label == "ewm_std_halflife_2D_bias_True"
    assert (f.ewm_corr(alpha=0.1, adjust=False).n_inputs, f.ewm_cov(com=1).kind) == (2, "ewm_cov")
    table = pd.DataFrame({"x": X, "y": Y, "t": TIMES})
    features = {"x": [f.ewm_mean(span=5), f.ewm_var(halflife="3s")], ("x", "y"): [f.ewm_corr(span=5)]}
    made = f.RollingFeatures(features, on="t").fit_transform(table)
    assert made.iloc[:, 0].to_numpy().tobytes() == f.ewm_mean(X, span=5).tobytes()
    assert made.iloc[:, 1].to_numpy().tobytes() == f.ewm_var(X, halflife="3s", times=TIMES).tobytes()
    assert made.iloc[:, 2].to_numpy().tobytes() == f.ewm_corr(X, Y, span=5).tobytes()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: f.ewm_mean(X), "one of com, span, halflife and alpha is needed, got none"),
        (lambda: f.ewm_mean(X, span=3, alpha=0.5), "is needed, got span, alpha"),
        (lambda: f.ewm_mean(X, span=0.5), "span=0.5: allowed are numbers from 1"),
        (lambda: f.ewm_mean(X, com=-1), "com=-1: allowed are numbers from 0"),
        (lambda: f.ewm_mean(X, alpha=0), "alpha=0: allowed are numbers above 0 up to 1"),
        (lambda: f.ewm_mean(X, alpha=np.nan), "alpha=nan"),
        (lambda: f.ewm_mean(X, span=np.inf), "span=inf"),
        (lambda: f.ewm_mean(X, halflife=0), "halflife=0: allowed are numbers above 0, and times"),
        (lambda: f.ewm_mean(X, halflife="3 parsecs", times=TIMES), "window='3 parsecs'"),
        (lambda: f.ewm_mean(X, halflife="3s"), "times= and a halflife of time"),
        (lambda: f.ewm_mean(X, halflife=3, times=TIMES), "times= and a halflife of time"),
        (lambda: f.ewm_mean(X, span=3, adjust="no"), "adjust='no': allowed are True and False"),
        (lambda: f.ewm_mean(X, span=3, min_periods=-1), "min_periods=-1"),
    ],
)
def test_options_that_are_not_allowed_are_named(call, message):
    with pytest.raises(perfcore.ConfigurationError, match=message):
        call()


def test_series_that_do_not_fit_are_named():
    with pytest.raises(perfcore.InputError, match="y: expected 300 rows as in x, got 3"):
        f.ewm_cov(X, Y[:3], span=3)
    with pytest.raises(perfcore.InputError, match="y: expected a series, got None"):
        f.ewm_cov(X, span=3)
    with pytest.raises(perfcore.InputError, match="before the row that comes before it"):
        f.ewm_mean(X, halflife="3s", times=TIMES[::-1])


@pytest.mark.parametrize("gap", [900, 1_074, 1_080, 2_000])
@pytest.mark.parametrize("kind", ["mean", "var", "std"])
@pytest.mark.parametrize("adjust", [True, False])
def test_after_a_gap_in_which_all_weight_is_lost_a_series_begins_anew(kind, gap, adjust):
    random = np.random.default_rng(0)
    after = random.normal(size=20)
    told = getattr(f, f"ewm_{kind}")(
        np.r_[random.normal(size=50), np.full(gap, np.nan), after], alpha=0.5, adjust=adjust
    )
    assert not np.isinf(told).any()
    alone = getattr(f, f"ewm_{kind}")(after, alpha=0.5, adjust=adjust)
    np.testing.assert_allclose(told[-18:], alone[-18:], rtol=1e-13)
    assert np.isnan(told[-20]) == (kind != "mean" and gap > 1_000)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-160, 1e-155, 1e-150, 1e-140, 1e100, 1e150, 1e160, 1e200])
def test_correlations_and_zscores_of_any_scale_are_right_or_missing(scale):
    x, y = np.random.default_rng(0).normal(size=(2, 60))
    pairs = [
        (f.ewm_corr(x * scale, y, alpha=0.2), f.ewm_corr(x, y, alpha=0.2)),
        (f.ewm_corr(x * scale, y * scale, alpha=0.2), f.ewm_corr(x, y, alpha=0.2)),
        (f.rolling_corr(x * scale, y, 20), f.rolling_corr(x, y, 20)),
        (f.rolling_zscore(x * scale, 20), f.rolling_zscore(x, 20)),
        (
            f.GroupFeatures({0: [f.zscore()]}, by=1).fit_transform(np.c_[x * scale, x * 0])[:, 0],
            (x - x.mean()) / x.std(ddof=1),
        ),
    ]
    for told, right in pairs:
        there = ~np.isnan(told)
        np.testing.assert_allclose(told[there], right[there], atol=1e-13, rtol=0)
        assert there[30:].all() == (1e-145 < scale < 1e153)
