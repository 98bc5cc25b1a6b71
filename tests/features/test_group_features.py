"""GroupFeatures: pandas' values of groups, any keys, tables of any library; what would leak is refused."""

import copy
import pickle

import numpy as np
import pytest

from perfcore import ConfigurationError, InputError
from perfcore import features as f
from perfcore.testing import assert_causal

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

RANKS = [
    {"method": method, "ascending": ascending, "pct": pct}
    for method in ("average", "min", "max", "dense", "first")
    for ascending in (True, False)
    for pct in (True, False)
]
AGGREGATES = ("count", "sum", "mean", "var", "std", "min", "max", "median")


def table(n=600, seed=0, ties=True, missing=0.1):
    random = np.random.default_rng(seed)
    x = random.normal(size=n) * 10
    x = x.round(0) if ties else x
    x[random.random(n) < missing] = np.nan
    return pd.DataFrame({"x": x, "race": random.integers(0, n // 6, n), "y": random.integers(0, 5, n)})


def close(got, expected, scale=1.0):
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    assert (np.isnan(got) == np.isnan(expected)).all()
    there = ~np.isnan(got)
    assert (np.abs(got - expected)[there] <= 1e-14 * np.maximum(np.broadcast_to(scale, got.shape)[there], 1e-300)).all()


@pytest.mark.parametrize("options", RANKS, ids=lambda each: "-".join(map(str, each.values())))
def test_ranks_are_pandas(options):
    frame = table()
    made = f.GroupFeatures({"x": [f.rank(**options)]}, by="race").fit_transform(frame)
    expected = frame.groupby("race")["x"].rank(**options)
    assert made.iloc[:, 0].to_numpy().tobytes() == expected.to_numpy().tobytes()


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregates_are_pandas(name, ties):
    frame = table(ties=ties)
    made = f.GroupFeatures({"x": [getattr(f, name)()]}, by="race").fit_transform(frame)
    groups = frame.groupby("race")["x"]
    scale = groups.transform(lambda x: x.abs().sum()) ** (2 if name == "var" else 1)
    close(made[f"x_{name}"], groups.transform(name), scale)
    if name in ("count", "min", "max", "median") or (ties and name == "sum"):
        assert made[f"x_{name}"].tolist() == pytest.approx(groups.transform(name).tolist(), rel=0, abs=0, nan_ok=True)


def test_cells_against_their_group():
    frame = table(ties=False)
    made = f.GroupFeatures({"x": [f.zscore(), f.minus_mean(), f.share(), f.zscore(ddof=0)]}, by="race").fit_transform(
        frame
    )
    groups = frame.groupby("race")["x"]
    mean, std = groups.transform("mean"), groups.transform("std")
    scale = groups.transform(lambda x: x.abs().max())
    close(made["x_zscore"], (frame["x"] - mean) / std, scale / std)
    close(made["x_zscore_ddof0"], (frame["x"] - mean) / groups.transform(lambda x: x.std(ddof=0)), 2 * scale / std)
    close(made["x_minus_mean"], frame["x"] - mean, scale)
    close(made["x_share"], frame["x"] / groups.transform("sum"), np.abs(made["x_share"]) * 1e2)


def test_moments_are_right_where_sums_of_squares_are_not():
    random = np.random.default_rng(0)
    for x in (1e12 + random.normal(size=50), np.r_[1e9, random.normal(size=49)], np.full(50, 0.1)):
        frame = pd.DataFrame({"x": x, "g": 0})
        made = f.GroupFeatures({"x": [f.mean(), f.var(), f.zscore()]}, by="g").fit_transform(frame)
        long = x.astype(np.longdouble)
        assert made["x_mean"][0] == pytest.approx(float(long.mean()), rel=1e-15)
        assert made["x_var"][0] == pytest.approx(float(long.var(ddof=1)), rel=1e-14)
    assert made["x_var"][0] == 0 and made["x_zscore"].isna().all()


def test_groups_of_one_row_and_groups_of_nothing():
    frame = pd.DataFrame({"g": [1, 2, 2], "x": [5.0, np.nan, np.nan]})
    features = [getattr(f, name)() for name in (*AGGREGATES, "rank", "zscore", "minus_mean", "share")]
    made = f.GroupFeatures({"x": features}, by="g").fit_transform(frame)
    nan = np.nan
    expected = [1, 5, 5, nan, nan, 5, 5, 5, 1, nan, 0, 1], [0, 0] + [nan] * 10
    np.testing.assert_array_equal(made.iloc[:2], expected)


def test_the_middle_of_two_numbers_is_between_them_where_their_sum_is_not_finite():
    frame = pd.DataFrame({"race": [1, 1], "x": [1.7e308, 1.7e308]})
    assert f.GroupFeatures({"x": [f.median()]}, by="race").fit_transform(frame)["x_median"].tolist() == [1.7e308] * 2


def test_infinity_is_a_value():
    frame = pd.DataFrame({"g": 0, "x": [np.inf, 1.0, -np.inf, np.inf]})
    made = f.GroupFeatures({"x": [f.rank(), f.min(), f.max(), f.sum(), f.std(), f.median()]}, by="g").fit_transform(
        frame
    )
    assert made["x_rank"].tolist() == [3.5, 2, 1, 3.5]
    assert made.iloc[0, 1:3].tolist() == [-np.inf, np.inf] and made.iloc[:, 3:5].isna().all(axis=None)
    assert made["x_median"][0] == np.inf


def test_null_is_missing_and_nan_is_not_in_arrow_and_polars():
    columns = {"g": [0, 0, 0, 1, 1], "x": [1.0, None, 3.0, np.nan, 5.0]}
    features = f.GroupFeatures({"x": [f.mean(), f.count(), f.rank()]}, by="g")
    for made in (
        features.fit_transform(pa.table(columns)).to_pydict(),
        features.fit_transform(pl.DataFrame(columns, strict=False)).to_dict(as_series=False),
    ):
        assert made["x_mean"][:3] == [2, 2, 2] and np.isnan(made["x_mean"][3:]).all()
        assert made["x_count"] == [2, 2, 2, 2, 2]
        assert made["x_rank"][:3] == [1, None, 2] and np.isnan(made["x_rank"][3:]).all()


KEYS = {
    "text": lambda g: np.array(["a", "b", "c", "d", "e", "f"])[g],
    "dates": lambda g: np.datetime64("2026-01-01") + g,
    "floats": lambda g: g / 3,
    "categories": lambda g: pd.Categorical.from_codes(g, list("fedcba")),
    "bool": lambda g: g > 2,
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_any_kind(kind):
    frame = table(60)
    frame["key"] = KEYS[kind](frame["race"].to_numpy() % 6)
    made = f.GroupFeatures({"x": [f.rank()]}, by="key").fit_transform(frame)
    pd.testing.assert_series_equal(
        made["x_rank"], frame.groupby("key", observed=True)["x"].rank(), check_names=False, check_exact=True
    )


def test_keys_of_several_columns_and_rows_without_a_key():
    frame = table()
    frame["name"] = np.where(frame["y"] == 0, None, "n" + frame["y"].astype(str))
    frame.index = np.arange(600)[::-1]
    made = f.GroupFeatures({"x": [f.rank(), f.max()]}, by=["race", "name"]).fit_transform(frame)
    groups = frame.groupby(["race", "name"])["x"]
    pd.testing.assert_series_equal(made["x_rank"], groups.rank(), check_names=False, check_exact=True)
    pd.testing.assert_series_equal(made["x_max"], groups.transform("max"), check_names=False, check_exact=True)


def test_arrays_without_names():
    frame = table()
    made = f.GroupFeatures({0: [f.rank()]}, by=1).fit_transform(frame.to_numpy())
    assert isinstance(made, np.ndarray) and made.shape == (600, 1)
    np.testing.assert_array_equal(made[:, 0], frame.groupby("race")["x"].rank())


@pytest.mark.parametrize("n_threads", [2, 7])
def test_any_number_of_threads_gives_the_same_bits(n_threads):
    frame = table(20_000)
    features = [f.rank(), f.zscore(), f.mean(), f.median(), f.share()]
    one, many = (f.GroupFeatures({"x": features}, "race", n_threads=n).fit_transform(frame) for n in (1, n_threads))
    assert one.to_numpy().tobytes() == many.to_numpy().tobytes()


@hypothesis.given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e300, np.inf, np.nan])), min_size=1),
    st.sampled_from(RANKS),
)
def test_ranks_of_any_values(rows, options):
    frame = pd.DataFrame(rows, columns=["g", "x"])
    made = f.GroupFeatures({"x": [f.rank(**options)]}, by="g").fit_transform(frame)
    np.testing.assert_array_equal(made.iloc[:, 0], frame.groupby("g")["x"].rank(**options))


@hypothesis.given(st.permutations(range(30)), st.integers(1, 6))
def test_the_order_of_groups_does_not_matter(order, n_groups):
    frame = table(30).assign(g=np.arange(30) % n_groups)
    features = f.GroupFeatures({"x": [f.rank(), f.max(), f.median()]}, by="g").fit(frame)
    made = features.transform(frame)
    assert features.transform(frame.iloc[list(order)]).equals(made.iloc[list(order)])


def test_a_group_asked_alone_has_the_bits_of_the_whole_table():
    frame = table(ties=False)
    features = [f.rank(), f.zscore(), f.mean(), f.std(), f.share(), f.sum()]
    made = f.GroupFeatures({"x": features}, by="race").fit(frame)
    whole = made.transform(frame)
    for _, group in list(frame.groupby("race"))[:20]:
        assert made.transform(group).to_numpy().tobytes() == whole.loc[group.index].to_numpy().tobytes()


# -- protocol -------------------------------------------------------------------------------------------------


def test_it_follows_scikit_learns_protocol():
    base = pytest.importorskip("sklearn.base")
    frame = table()
    features = f.GroupFeatures({"x": [f.rank(), f.mean()]}, by="race")
    again = base.clone(features)
    assert again.get_params() == features.get_params()
    assert again.fit(frame).get_feature_names_out().tolist() == ["x_rank", "x_mean"]
    assert again.n_features_in_ == 3 and again.feature_names_in_.tolist() == ["x", "race", "y"]
    assert isinstance(again.set_output(transform="polars").transform(frame), pl.DataFrame)
    with pytest.raises(ConfigurationError, match="not fitted"):
        features.transform(frame)
    compose = pytest.importorskip("sklearn.compose")
    both = compose.make_column_transformer((features, ["x", "race"]), remainder="drop").fit_transform(frame)
    np.testing.assert_array_equal(both, again.set_output(transform="default").transform(frame))


def test_it_pickles_and_is_copied():
    frame = table()
    features = f.GroupFeatures({"x": [f.rank(method="dense"), f.std(ddof=0)]}, by="race").fit(frame)
    for other in (pickle.loads(pickle.dumps(features)), copy.deepcopy(features)):
        assert other.transform(frame).equals(features.transform(frame))


def test_it_is_causal_within_the_group():
    frame = table().sort_values("race").reset_index(drop=True)
    assert_causal(f.GroupFeatures({"x": [f.rank(), f.zscore()]}, by="race"), frame, on="race", after=["y"])


# -- refusals -------------------------------------------------------------------------------------------------


def test_features_of_what_is_known_only_afterwards_are_refused():
    features = f.GroupFeatures({"x": [f.rank()]}, by="race", after="x")
    with pytest.raises(ConfigurationError, match=r"rank of 'x': its cells are known only after .*RollingFeatures"):
        features.fit(table())


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"x": [f.mean(3)]}, r"mean_3 of 'x': features of a group are of all its rows, without a window.*f\.mean\(\)"),
        ({"x": [f.mean(closed="left")]}, "without a window"),
        ({"x": [f.skew()]}, "skew of 'x': within groups there are count, sum"),
        ({"x": [f.lag(1) if hasattr(f, "lag") else f.kurt()]}, "within groups there are"),
        ({"x": [f.rank(), f.rank()]}, "two features would make a column 'x_rank'"),
        ({"x": ["mean"]}, "expected features such as"),
        ("x", "allowed are a dict"),
    ],
)
def test_other_features_are_refused(features, message):
    with pytest.raises(ConfigurationError, match=message):
        f.GroupFeatures(features, by="race").fit(table())


def test_features_of_groups_are_refused_elsewhere():
    for feature in (f.rank(method="dense"), f.share(), f.minus_mean()):
        with pytest.raises(ConfigurationError, match="it goes to GroupFeatures"):
            f.RollingFeatures({"x": [feature]}, by="race").fit(table())
    with pytest.raises(ConfigurationError, match="method='dense': allowed are"):
        f.rank(5, method="dense")
    with pytest.raises(ConfigurationError, match="method='first': allowed are"):
        f.expanding_rank(np.arange(3.0), method="first")


def test_tables_that_do_not_fit_are_refused():
    frame = table()
    features = f.GroupFeatures({"x": [f.rank()]}, by="race")
    with pytest.raises(InputError, match="column 'day' is unknown"):
        f.GroupFeatures({"x": [f.rank()]}, by="day").fit(frame)
    with pytest.raises(InputError, match="column 'x': expected numbers"):
        features.fit(frame.assign(x="a"))
    with pytest.raises(InputError, match="no rows"):
        features.fit(frame[:0])
    features.fit(frame)
    with pytest.raises(InputError, match="column 'x' is unknown|column 'x'"):
        features.transform(frame.drop(columns="x"))
    with pytest.raises(InputError, match="columns that are unknown: .*z"):
        features.transform(frame.assign(z=1))
    assert features.transform(frame[:0]).shape == (0, 1)
    with pytest.raises(ConfigurationError, match="by="):
        f.GroupFeatures({"x": [f.rank()]}, by=None).fit(frame)
