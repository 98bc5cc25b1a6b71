"""RollingFeatures: names, rows in their order, every kind of table, wrong arguments and wrong tables."""

import copy
import datetime as dt
import pickle
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_tables import DAY, ONE, tables, told

import perfcore
from perfcore import ConfigurationError, InputError, UnsupportedModelError
from perfcore import features as f
from perfcore._ext.features import Plan
from perfcore.features import RollingFeatures

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

LAG, DIFF = ONE["lag"], ONE["diff"]


def bars(n=60, seed=0):
    random = np.random.default_rng(seed)
    close = 50 + random.normal(size=n).cumsum()
    return pd.DataFrame(
        {
            "code": random.choice(["x", "y", "z"], n),
            "date": np.datetime64("2020-01-01", "ns") + DAY * np.sort(random.integers(0, n, n)),
            "high": close + random.random(n),
            "low": close - random.random(n),
            "close": close,
        },
        index=random.permutation(n),
    )


def test_the_columns_of_the_issue():
    table = bars()
    features = {"close": [f.mean(20), f.std(20), f.rsi(14)], ("high", "low", "close"): [f.atr(14)]}
    made = RollingFeatures(features, by="code", on="date")
    out = made.fit_transform(table)
    names = ["close_mean_20", "close_std_20", "close_rsi_14", "high_low_close_atr_14"]
    assert out.columns.tolist() == made.get_feature_names_out().tolist() == names
    assert out.index.equals(table.index)
    one = table[table.code == "y"]
    assert out.loc[one.index, "close_mean_20"].equals(f.rolling_mean(one.close, 20).rename("close_mean_20"))
    assert np.array_equal(out.loc[one.index, "close_rsi_14"], f.ta.rsi(one.close, 14), equal_nan=True)


def test_features_of_no_column_are_refused():
    table = bars()
    for features in ({}, [], (), {"close": []}, {"close": [], "high": []}):
        for made in (
            RollingFeatures(features),
            RollingFeatures(features, "code", "date"),
            f.GroupFeatures(features, "code"),
        ):
            with pytest.raises(ConfigurationError, match="features=.*: there is no feature in it"):
                made.fit(table)
        with pytest.raises(ConfigurationError, match="there is no feature in it"):
            RollingFeatures(features).start(table)
    keys = table[["code", "date"]]
    with pytest.raises(InputError, match=r"neither key nor time, and the table has none: .*\['code', 'date'\]"):
        RollingFeatures([f.mean(3)], by="code", on="date").fit(keys)
    with pytest.raises(InputError, match="the table has none"):
        f.GroupFeatures([f.mean()], by=["code", "date"]).fit(keys)
    with pytest.raises(ValueError, match="no column"):
        Plan(0, [])
    with pytest.raises(ConfigurationError, match="there is no feature in it"):
        f.FeaturePipeline([RollingFeatures({})]).fit(table)


def test_features_of_groups_go_to_groups():
    for feature in (f.share(), f.minus_mean(), f.rank(method="dense")):
        with pytest.raises(ConfigurationError, match=f"{feature.label} of 'close' .* it goes to GroupFeatures"):
            RollingFeatures({"close": [feature]}).fit(bars())


def test_a_transformer_is_no_model():
    for made in (RollingFeatures([f.mean(3)]), f.FeaturePipeline([]), f.GroupFeatures([f.mean()], "code")):
        with pytest.raises(UnsupportedModelError, match=f"{type(made).__name__} is a transformer, and no model"):
            perfcore.compile(made)


def extent(x):
    return x[-1] - x[0]


WRITTEN = [
    "f.mean(20)",
    "f.std('30D', closed='left', ddof=0)",
    "f.mean(None)",
    "f.count(5)",
    "f.quantile(0.9, 20, interpolation='lower')",
    "f.rank(method='dense', ascending=False)",
    "f.ewm_mean(span=26)",
    "f.ewm_std(halflife='2D', bias=True)",
    "f.lag(1)",
    "f.diff()",
    "f.rsi(14)",
    "f.macd(12, 26, 9, convention='pandas')",
    "f.bollinger(20, 2.5)",
    "f.share()",
    "f.apply(extent, 20)",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_features_are_shown_as_they_are_written(text):
    feature = eval(text)
    assert repr(feature) == text
    assert repr(pickle.loads(pickle.dumps(feature))) == text
    assert feature == eval(text) or feature.kind == "apply"
    assert repr(copy.deepcopy(feature)) == text


def test_transformers_and_streams_are_shown_shortly():
    made = RollingFeatures({"close": [f.mean(20), f.rsi(14)]}, by="code", on="date")
    assert repr(made) == "RollingFeatures(features={'close': [f.mean(20), f.rsi(14)]}, by='code', on='date')"
    assert repr(f.FeaturePipeline([("a", made)])) == f"FeaturePipeline(stages=[('a', {made!r})])"
    assert repr(made.start(bars())) == "<Stream of 3 series by code: close_mean_20, close_rsi_14>"
    assert repr(RollingFeatures([f.lag(1)]).start(np.ones((2, 1)))) == "<Stream of 1 series: x0_lag_1>"


@pytest.mark.parametrize("name", ["mean", "max", "apply", "rsi", "share"])
def test_a_series_where_none_goes_is_told_where_it_goes(name):
    instead = {"rsi": "f.ta.rsi", "share": "takes no series"}.get(name, f"f.rolling_{name}")
    for series in (bars()["close"], bars()["close"].to_numpy(), pl.Series([1.0])):
        with pytest.raises(ConfigurationError, match=f"f.{name} describes a feature .*{instead}") as caught:
            getattr(f, name)(series)
        assert len(str(caught.value)) < 150
    with pytest.raises(ConfigurationError, match="window=a Series: allowed are"):
        f.rolling_mean(bars()["close"], bars()["close"])


@given(tables(), told(), st.data())
def test_every_kind_of_table_gives_the_same_bits(columns, features, data):
    by = data.draw(st.sampled_from([None, "code", ["code", "date"]]))
    frame = pd.DataFrame(columns)
    made = RollingFeatures(features, by=by, on="date", n_threads=1)
    one = np.ascontiguousarray(made.fit_transform(frame).to_numpy()).tobytes()
    for n_threads in (2, 5):
        again = made.set_params(n_threads=n_threads).fit_transform(frame.sample(frac=1, axis=1, random_state=0))
        assert np.ascontiguousarray(again.to_numpy()).tobytes() == one
    assert np.ascontiguousarray(made.fit_transform(frame.astype({"code": "category"})).to_numpy()).tobytes() == one
    dates = frame.assign(date=frame.date.dt.tz_localize("UTC"))
    assert np.ascontiguousarray(made.fit_transform(dates).to_numpy()).tobytes() == one
    arrow = made.fit_transform(pl.DataFrame(columns)).to_arrow()
    pieces = pa.concat_tables([pa.table(columns)[:1], pa.table(columns)[1:]])
    for other in (made.fit_transform(pa.table(columns)), made.fit_transform(pieces)):
        assert other.equals(arrow.cast(other.schema)) or str(other) == str(arrow.cast(other.schema))  # NaN is no NaN


def test_arrays_have_their_columns_by_place():
    X = np.arange(12.0).reshape(6, 2) ** 2
    made = RollingFeatures({0: [LAG], (1,): DIFF})
    out = made.fit_transform(X)
    assert isinstance(out, np.ndarray) and out.shape == (6, 2)
    assert made.get_feature_names_out().tolist() == ["x0_lag_2", "x1_diff_1"]
    assert made.get_feature_names_out(["p", "q"]).tolist() == ["p_lag_2", "q_diff_1"]
    assert np.array_equal(out[2:, 0], X[:-2, 0])
    by = np.column_stack([[1, 2, 1, 2, 1, 2], X])
    assert np.isnan(RollingFeatures([DIFF], by=0).fit_transform(by)[:2]).all()


def test_a_list_is_made_of_each_column_but_keys_and_times():
    made = RollingFeatures([LAG, DIFF], by="code", on="date").fit(bars())
    assert made.get_feature_names_out().tolist() == [
        f"{name}_{label}" for name in ("high", "low", "close") for label in ("lag_2", "diff_1")
    ]


def test_columns_are_found_by_name_and_those_that_nothing_needs_may_be_absent():
    table = bars()
    made = RollingFeatures({"close": [LAG]}, by="code").fit(table)
    assert made.transform(table[["close", "code"]]).equals(made.transform(table))
    with pytest.raises(InputError, match=r"columns that are unknown: \['new'\]"):
        made.transform(table.assign(new=1))
    with pytest.raises(InputError, match="'close' is unknown|not in|close"):
        made.transform(table[["code"]])


def test_float32_is_read_as_float64():
    table = bars().astype({"close": np.float32})
    wide = table.astype({"close": np.float64})
    made = RollingFeatures({"close": [f.std(5), f.mean("3D")]}, by="code", on="date")
    assert made.fit_transform(table).equals(made.fit_transform(wide))


def test_set_output_and_copies():
    made = RollingFeatures({"close": [LAG]}, by="code").set_output(transform="polars")
    out = made.fit_transform(bars())
    assert isinstance(out, pl.DataFrame) and out["close_lag_2"].null_count() > 0
    for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert other.transform(bars()).equals(out)
    assert isinstance(made.set_output(transform="default").transform(bars()), pd.DataFrame)
    with pytest.raises(ConfigurationError, match="transform='numpy'"):
        made.set_output(transform="numpy")


def test_a_pipeline_takes_it():
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    made = RollingFeatures({"close": [LAG, DIFF]}, by="code")
    out = make_pipeline(clone(made), SimpleImputer()).fit_transform(bars())
    assert out.shape == (60, 2) and not np.isnan(out).any()
    both = make_column_transformer((made, ["code", "close"])).set_output(transform="pandas").fit_transform(bars())
    assert both.columns.tolist() == ["rollingfeatures__close_lag_2", "rollingfeatures__close_diff_1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": 3}, "features=3: allowed are a dict"),
        ({"features": {"close": [3]}}, "features of 'close': expected features such as f.mean"),
        ({"features": {"close": [LAG, LAG]}}, "two features would make a column 'close_lag_2'"),
        ({"features": {"close": [f.atr(14)]}}, "atr_14 is of 3 columns, and 'close' names 1"),
        ({"features": {("close", "low"): [LAG]}}, "lag_2 is of 1 columns"),
        ({"features": {"close": [f.mean("3D")]}}, "mean_3D: a window of time needs on="),
        ({"late": "ignore"}, "late='ignore': allowed are 'raise', 'drop', 'revise_last'"),
        ({"late": ["drop"]}, r"late=\['drop'\]: allowed are 'raise', 'drop', 'revise_last'"),
        ({"late": "drop"}, "late='drop' needs on="),
        ({"by": "code", "after": "code"}, "after='code': a column that is known only after its row is neither"),
        ({"on": "date", "after": ["close", "date"]}, "after='date': a column that is known only after its row is"),
        ({"n_threads": 0}, "n_threads=0"),
        ({"features": {"nope": [LAG]}}, "column 'nope' is unknown"),
        ({"by": "nope"}, "column 'nope' is unknown"),
        ({"on": "nope"}, "column 'nope' is unknown"),
        ({"after": "nope"}, "column 'nope' is unknown"),
        ({"on": "close"}, "column 'close': expected times"),
        ({"features": {"code": [LAG]}}, "column 'code': expected numbers"),
        ({"features": {"date": [LAG]}}, "column 'date': expected numbers"),
        (
            {"on": "n", "features": {"close": [f.mean("3D")]}},
            "column 'n': mean_3D is of a window of time and needs dates",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    told = {"features": {"close": [LAG]}, **arguments}
    with pytest.raises((ConfigurationError, InputError), match=message):
        RollingFeatures(**told).fit_transform(bars().assign(n=range(60)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"close": "a"}, "column 'close': expected numbers"),
        ({"close": [Decimal(1)] * 60}, "column 'close': expected numbers, got objects .Decimal., as in row 0"),
        ({"close": [1, "a"] * 30}, "column 'close': expected numbers, got objects .int, str., as in row 1"),
        ({"close": [[1.0]] * 60}, "column 'close': expected numbers, got objects .list."),
        ({"code": [1, "a"] * 30}, "column 'code': expected cells of one kind"),
        ({"code": range(60)}, "column 'code': expected keys of text, got number"),
        ({"date": pd.NaT}, "column 'date': row 0 has no time"),
        ({"date": "2020-01-01"}, "column 'date': expected times"),
        (
            {"date": pd.Timestamp("2020-01-01", tz="UTC")},
            "column 'date': expected times of the kind 'time', got 'zoned",
        ),
        (
            {"date": pd.date_range("2020-03-01", periods=60)[::-1]},
            r"column 'date': row \d+ \(2020-.*\) is earlier than",
        ),
    ],
)
def test_wrong_tables_are_refused(change, message):
    made = RollingFeatures({"close": [LAG]}, by="code", on="date").fit(bars())
    with pytest.raises(InputError, match=message):
        made.transform(bars().assign(**change))


@pytest.mark.parametrize("column", [pa.array([Decimal(1)]), pa.array([[1.0]]), pa.array([{"a": 1}]), pa.array([b"x"])])
def test_arrow_columns_that_are_no_numbers_are_refused(column):
    with pytest.raises(InputError, match="column 'x': expected numbers"):
        RollingFeatures([LAG]).fit(pa.table({"x": column}))


def test_an_entity_of_one_row_and_windows_longer_than_the_data():
    table = pd.DataFrame({"code": ["a", "b", "b"], "x": [1.0, 2.0, 3.0]})
    out = RollingFeatures({"x": [f.mean(100), f.mean(99, min_periods=1), LAG]}, by="code").fit_transform(table)
    assert (
        out["x_mean_100"].isna().all() and out["x_mean_99"].tolist() == [1.0, 2.0, 2.5] and out["x_lag_2"].isna().all()
    )
    with pytest.raises(ConfigurationError):
        f.mean(0)
    with pytest.raises(ConfigurationError):
        f.mean(-3)


def test_tables_without_rows():
    made = RollingFeatures({"x": [LAG]}, by="code")
    table = pd.DataFrame({"code": ["a"], "x": [1.0]})
    with pytest.raises(InputError, match="the table has no rows"):
        made.fit(table[:0])
    assert made.fit(table).transform(table[:0]).shape == (0, 1)
    assert made.transform(table.astype({"code": "category"})[:0]).columns.tolist() == ["x_lag_2"]


def test_nan_and_null_stay_apart_where_the_library_tells_them_apart():
    columns = {"x": [1.0, None, np.nan, 4.0, 5.0]}
    features = {"x": [f.count(2, min_periods=0)]}
    assert RollingFeatures(features).fit_transform(pl.DataFrame(columns))["x_count_2"].to_list() != []
    made = RollingFeatures({"x": [DIFF]})
    assert made.fit_transform(pl.DataFrame(columns))["x_diff_1"].is_null().to_list() == [True, True, True, False, False]
    assert np.isnan(made.fit_transform(pl.DataFrame(columns))["x_diff_1"][3])
    assert made.fit_transform(pd.DataFrame(columns))["x_diff_1"].isna().tolist() == [True] * 4 + [False]


def test_parameters_are_scikit_learns():
    made = RollingFeatures({"close": [LAG]}, by="code")
    assert made.get_params()["by"] == "code" and made.set_params(by=None).by is None
    with pytest.raises(ConfigurationError, match="Invalid parameter 'nope'"):
        made.set_params(nope=1)
    assert repr(made).startswith("RollingFeatures(features={'close': [")
    with pytest.raises(ConfigurationError, match="not fitted yet"):
        made.transform(bars())


def test_dates_are_keys_and_times():
    table = pl.DataFrame({"day": [dt.date(2020, 1, 1), dt.date(2020, 1, 2), dt.date(2020, 1, 1)], "x": [1.0, 2.0, 5.0]})
    assert RollingFeatures({"x": [DIFF]}, by="day").fit_transform(table)["x_diff_1"].to_list() == [None, None, 4.0]
    with pytest.raises(InputError, match=r"column 'day': row 2 \(2020-01-01"):
        RollingFeatures({"x": [DIFF]}, on="day").fit_transform(table)
