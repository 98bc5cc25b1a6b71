"""FeaturePipeline: histories by several keys, then ranks within the race; race by race with the bits of the table."""

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


def races(n_races=60, seed=0):
    random = np.random.default_rng(seed)
    race = np.repeat(np.arange(n_races), 6)
    place = np.concatenate([random.permutation(6) + 1.0 for _ in range(n_races)])
    place[random.random(len(race)) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "race": race,
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(race // 3 * 7, unit="h"),
            "racer": [f"r{k}" for _ in range(n_races) for k in random.permutation(15)[:6]],
            "motor": np.concatenate([random.permutation(20)[:6] for _ in range(n_races)]),
            "stadium": race % 3,
            "rating": random.normal(size=len(race)).round(2),
            "place": place,
        }
    )


def pipeline(**options):
    return f.FeaturePipeline(
        [
            (
                "racer",
                f.RollingFeatures({"place": [f.mean(5, min_periods=1), f.count("3D")]}, "racer", "at", after="place"),
            ),
            ("motor", f.RollingFeatures({"place": [MEAN]}, "motor", "at", after="place")),
            ("stadium", f.RollingFeatures({"rating": [f.mean(20, min_periods=1)]}, "stadium")),
            f.GroupFeatures({"rating": [f.zscore()], "racer_place_mean_5": [f.rank(), f.minus_mean()]}, by="race"),
            f.RollingFeatures({"rating_zscore": [f.mean(3, min_periods=1)]}, by="racer"),
        ],
        **options,
    )


MEAN = f.mean(5, min_periods=1)
NAMES = [
    "racer_place_mean_5",
    "racer_place_count_3D",
    "motor_place_mean_5",
    "stadium_rating_mean_20",
    "rating_zscore",
    "racer_place_mean_5_rank",
    "racer_place_mean_5_minus_mean",
    "rating_zscore_mean_3",
]


def test_races_without_results():
    table = races(20)
    made = pipeline(after="place").fit(table)
    stream = made.start(table[:-6])
    card = table[-6:].drop(columns="place")
    expected = stream.peek_group(table[-6:].assign(place=np.nan))
    assert stream.peek_group(card).equals(expected)
    assert np.array_equal(stream.peek_group(card.to_dict("records")), expected.to_numpy(), equal_nan=True)
    before = stream.snapshot()
    with pytest.raises(InputError, match=r"lacks the columns \['place'\], and rows without them are not taken"):
        stream.update_group(card)
    assert stream.snapshot() == before
    assert made.transform(table.drop(columns="place")).shape == (len(table), len(stream.names))


def test_a_group_of_no_rows():
    stream = pipeline(after="place").fit(races(2)).start()
    for answer in (stream.peek_group([]), stream.update_group([])):
        assert answer.shape == (0, len(NAMES))
    assert repr(stream).startswith("<PipelineStream of 5 stages: racer_place_mean_5, ")


def test_lists_of_dicts_are_told_how_to_be_tables():
    rows = races(2).to_dict("records")
    made = pipeline(after="place")
    for call in (
        made.fit_transform,
        made.start,
        made.stages[3].fit,
        made.stages[2][1].start,
        made.fit(races(2)).transform,
    ):
        with pytest.raises(InputError, match=r"got a list of dicts; make one of it: pd.DataFrame\(rows\)"):
            call(rows)
    with pytest.raises(InputError, match=r"got a dict; make one of it: pd.DataFrame\(columns\)"):
        made.transform({"x": [1.0]})


def bits(table):
    return np.ascontiguousarray(np.asarray(table, float)).tobytes()


def test_each_stage_sees_what_those_before_it_made():
    table = races()
    made = pipeline(after="place").fit_transform(table)
    assert list(made) == NAMES and made.index.equals(table.index)
    first = f.RollingFeatures({"place": [f.mean(5, min_periods=1)]}, by="racer", on="at", after="place")
    mean = first.fit_transform(table)["place_mean_5"]
    pd.testing.assert_series_equal(made["racer_place_mean_5"], mean, check_names=False, check_exact=True)
    rank = mean.groupby(table["race"]).rank()
    pd.testing.assert_series_equal(made["racer_place_mean_5_rank"], rank, check_names=False, check_exact=True)


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "arrow"])
def test_tables_of_other_libraries_come_out_as_they_came(make):
    table = make(races())
    made = pipeline(after="place").fit_transform(table)
    assert type(made) is type(table)
    expected = pipeline().fit_transform(races())
    names = made.columns if isinstance(made, pl.DataFrame) else made.column_names
    assert names == NAMES
    for name in NAMES:
        np.testing.assert_array_equal(made[name].to_numpy(), expected[name])


@pytest.mark.parametrize("make", [lambda t: t, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"])
@pytest.mark.parametrize("k", [0, 6, 180, 354])
def test_race_by_race_gives_the_bits_of_the_table(make, k):
    table = races()
    fitted = pipeline(after="place").fit(make(table))
    whole = f.RollingFeatures.transform  # every stage's own
    assert whole is not None
    whole = pd.DataFrame(
        fitted.transform(make(table)).to_pandas() if make(table) is not table else fitted.transform(table)
    )
    stream = fitted.start(make(table[:k]) if k else None)
    assert stream.names == tuple(NAMES)
    for _, race in table[k:].groupby("race"):
        peeked = stream.peek_group(make(race))
        told = stream.update_group(make(race))
        assert type(told) is type(make(race))
        assert bits(told) == bits(peeked) == bits(whole.loc[race.index])


def test_races_as_lists_of_dicts():
    table = races()
    fitted = pipeline().fit(table)
    whole = fitted.transform(table)
    stream = fitted.start(table[:120])
    for _, race in table[120:].groupby("race"):
        told = stream.update_group(race.to_dict("records"))
        assert isinstance(told, np.ndarray) and bits(told) == bits(whole.loc[race.index])


def test_several_races_at_once_and_a_start_without_a_fit():
    table = races()
    stream = pipeline().start(table[:90])
    whole = pipeline().fit_transform(table)
    assert bits(stream.update_group(table[90:96])) == bits(whole[90:96])
    assert bits(stream.update_group(table[96:])) == bits(whole[96:])


def test_peeking_changes_nothing_and_neither_does_what_is_refused():
    table = races()
    stream = pipeline().fit(table).start(table[:120])
    before, race = stream.snapshot(), table[120:126]
    stream.peek_group(race)
    strangers = race.assign(racer=[f"new{k}" for k in range(6)])
    stream.peek_group(strangers)
    assert stream.snapshot() == before
    refused = (
        race.assign(at=race["at"] - pd.Timedelta("30D")),
        race.assign(rating="high"),
        race.drop(columns="motor"),
        race.assign(motor="m"),
        race.assign(at=[*race["at"][:5], pd.NaT]),
        race.assign(something=1),
    )
    for rows in refused:
        for ask in (stream.update_group, stream.peek_group):
            with pytest.raises(InputError):
                ask(rows)
        with pytest.raises(InputError):
            stream.update_group(rows.to_dict("records"))
        assert stream.snapshot() == before
    for rows in ([1], [{"race": 1}, {"racer": 2}], {"race": 1}, None):
        with pytest.raises(InputError):
            stream.update_group(rows)


def test_peeking_at_windows_of_time_that_must_grow_puts_all_back():
    table = pd.DataFrame({"at": np.arange(500), "g": np.arange(500) % 3, "x": np.arange(500.0)})
    table["at"] = table["at"].astype("M8[s]")
    stream = f.RollingFeatures({"x": [f.mean("1D"), f.median("1D")]}, "g", "at").start(table[:30])
    before = stream.snapshot()
    peeked = stream.peek_group(table[30:])
    assert stream.snapshot() == before
    assert bits(stream.update_group(table[30:])) == bits(peeked)


def test_snapshots_and_copies_go_on_with_the_same_bits():
    table = races()
    fitted = pipeline().fit(table)
    stream = fitted.start(table[:120])
    others = fitted.restore(stream.snapshot()), stream.copy(), pickle.loads(pickle.dumps(stream)), copy.deepcopy(stream)
    told = stream.update_group(table[120:])
    for other in others:
        assert bits(other.update_group(table[120:])) == bits(told)


def test_snapshots_that_are_none_are_refused():
    table = races()
    fitted = pipeline().fit(table)
    blob = fitted.start(table[:60]).snapshot()
    for bad in (b"", blob[:-1], blob[:20], b"x" + blob[1:], blob[:60] + bytes([blob[60] ^ 1]) + blob[61:], None, 3):
        with pytest.raises(InputError):
            fitted.restore(bad)
    other = f.FeaturePipeline([f.RollingFeatures({"rating": [f.mean(3)]}, by="racer")]).fit(table)
    with pytest.raises(InputError, match="other stages"):
        other.restore(blob)


def test_it_follows_scikit_learns_protocol():
    base = pytest.importorskip("sklearn.base")
    table = races()
    features = pipeline(after="place")
    again = base.clone(features)
    assert again.fit(table).get_feature_names_out().tolist() == NAMES
    assert isinstance(again.set_output(transform="polars").transform(table), pl.DataFrame)
    assert not hasattr(features.stages[0][1], "schema_")  # what it was given is as it was
    with pytest.raises(ConfigurationError, match="not fitted"):
        features.transform(table)
    assert bits(pickle.loads(pickle.dumps(again)).transform(table)) == bits(again.transform(table))


# -- nothing leaks ----------------------------------------------------------------------------------------------


def test_it_is_causal():
    assert_causal(
        pipeline(after="place"), races(30), on="at", after=["place"], keep=["race", "racer", "motor", "stadium"]
    )


@pytest.mark.parametrize(
    ("stage", "how"),
    [
        (
            f.RollingFeatures({"place": [f.mean(5)]}, by="racer", on="at"),
            r"say RollingFeatures\(\.\.\., after='place'\)",
        ),
        (f.RollingFeatures({"place": [f.mean(5, closed="left")]}, by="stadium"), r"say RollingFeatures"),
        (f.GroupFeatures({"place": [f.mean()]}, by="race"), "take those of earlier rows first, RollingFeatures"),
        (f.GroupFeatures({"rating": [f.mean()]}, by="place"), "known only after its row is no key"),
    ],
)
def test_results_without_a_shift_are_refused_where_they_are_declared(stage, how):
    with pytest.raises(ConfigurationError, match=how):
        f.FeaturePipeline([stage], after="place").fit(races())
    f.FeaturePipeline([stage]).fit(races())


def test_what_was_made_of_earlier_results_may_be_used_by_all():
    f.FeaturePipeline(
        [
            f.RollingFeatures({"place": [f.mean(5)]}, by="racer", on="at", after="place"),
            f.GroupFeatures({"place_mean_5": [f.rank()]}, by="race"),
        ],
        after="place",
    ).fit(races())


# -- refusals -----------------------------------------------------------------------------------------------------


def test_stages_that_are_none_are_refused():
    table = races()
    for stages in ([], None, [f.mean(3)], [("a", "b")], [(1, f.RollingFeatures({"rating": [f.mean(3)]}))]):
        with pytest.raises(ConfigurationError, match="stages"):
            f.FeaturePipeline(stages).fit(table)
    same = f.RollingFeatures({"place": [f.mean(5)]}, by="racer")
    with pytest.raises(ConfigurationError, match="'place_mean_5', which is there already; give the stage a name"):
        f.FeaturePipeline([same, f.RollingFeatures({"place": [f.mean(5)]}, by="motor")]).fit(table)
    with pytest.raises(InputError, match="column 'place_mean_6' is unknown"):
        f.FeaturePipeline([same, f.GroupFeatures({"place_mean_6": [f.rank()]}, by="race")]).fit(table)
    with pytest.raises(InputError, match="this table has none"):
        f.FeaturePipeline([same]).fit(table[["rating", "place"]].to_numpy())


def test_one_row_is_a_group_of_its_own():
    table = races(20)
    made = pipeline(after="place").fit(table)
    one, many = made.start(table[:60]), made.start(table[:60])
    for row in table[60:].to_dict("records"):
        card = {name: cell for name, cell in row.items() if name != "place"}
        expected = many.peek_group([row])
        assert one.peek(card).tobytes() == one.peek(row).tobytes() == expected.tobytes()
        assert one.update(row).tobytes() == many.update_group([row]).tobytes()
    assert one.snapshot() == many.snapshot() and one.peek(row).shape == (len(NAMES),)
    for call in (one.update, one.peek):
        with pytest.raises(InputError, match="expected one row, a dict, got a list; many rows go to update_group"):
            call([row])
    with pytest.raises(InputError, match="lacks the columns"):
        one.update(card)
    assert one.snapshot() == many.snapshot()
