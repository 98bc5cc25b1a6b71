"""Tables of series, hostile in small, and features of every family, for the tests of streams."""

import numpy as np
from hypothesis import strategies as st

from perfcore import features as f
from perfcore.features import Feature

ONE = {
    "lag": lambda: Feature("lag", "lag_2", integers={"n": 2}),
    "diff": lambda: Feature("diff", "diff_1", integers={"n": 1}),
    "pct_change": lambda: Feature("pct_change", "pct_change_3", integers={"n": 3}),
    **{
        f"{name} {label}": lambda name=name, told=told: getattr(f, name)(*told[0], **told[1])
        for name in (
            "sum", "mean", "count", "var", "std", "skew", "kurt", "zscore",
            "min", "max", "median", "rank",
        )
        for label, told in {
            "rows": ((3,), {"min_periods": 1}),
            "time": (("3D",), {}),
            "earlier": (("5D",), {"closed": "left"}),
            "all": ((None,), {}),
        }.items()
        if hasattr(f, name)
    },
    "quantile": lambda: f.quantile(0.3, 4),
    "ewm_mean": lambda: f.ewm_mean(span=4),
    "ewm_var": lambda: f.ewm_var(halflife=2.5),
    **{name: lambda name=name: getattr(f, name)(3) for name in ("sma", "ema", "wma", "rsi", "bollinger")},
    "macd": lambda: f.macd(2, 3, 2),
    "pandas' ema": lambda: f.ema(3, convention="pandas"),
}  # fmt: skip
TWO = {
    "cov": lambda: f.cov(3, min_periods=2),
    "corr": lambda: f.corr("4D"),
    "obv": lambda: f.obv(),
}
THREE = {
    "atr": lambda: f.atr(3),
    "adx": lambda: f.adx(2),
    "stoch": lambda: f.stoch(3, 2, 2),
}


def made(table):
    """Those that are there; a family that has not come yet has no tests to fail."""
    features = {}
    for name, make in table.items():
        try:
            features[name] = make()
        except AttributeError:
            continue
    return features


ONE, TWO, THREE = made(ONE), made(TWO), made(THREE)
CELLS = [0.0, -0.0, 1.0, -1.5, 2.25, 3.0, 1e9, -1e-9, np.nan, np.inf, -np.inf]
DAY = np.timedelta64(86_400 * 10**9, "ns")


@st.composite
def tables(draw, late=False, most=24):
    """A dict of columns: code, date, and three of floats; within a code the dates do not decrease, unless ``late``."""
    n = draw(st.integers(1, most))
    codes = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=n, max_size=n))
    steps = draw(st.lists(st.integers(-1 if late else 0, 3), min_size=n, max_size=n))
    dates = np.datetime64("2020-01-01", "ns") + DAY * np.cumsum(steps)
    columns = {"code": codes, "date": dates}
    for name in ("x", "y", "z"):
        columns[name] = np.array(draw(st.lists(st.sampled_from(CELLS), min_size=n, max_size=n)))
    return columns


@st.composite
def told(draw, most=5):
    """The ``features`` of a RollingFeatures."""
    features = {}
    for name in draw(st.lists(st.sampled_from(sorted(ONE)), max_size=most, unique=True)):
        features.setdefault(draw(st.sampled_from(["x", "y"])), []).append(ONE[name])
    for name in draw(st.lists(st.sampled_from(sorted(TWO)), max_size=1)):
        features["x", "y"] = [TWO[name]]
    for name in draw(st.lists(st.sampled_from(sorted(THREE)), max_size=1)):
        features["x", "y", "z"] = [THREE[name]]
    return features or {"x": [ONE["lag"]]}
