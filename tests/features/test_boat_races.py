"""Features of boat races: each way of making them against their definitions."""

import pytest

from perfcore.demo import race_features, race_story, races
from perfcore.testing import assert_causal

pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
import boat_races  # noqa: E402
from boat_races import assert_are  # noqa: E402


@pytest.fixture(scope="module")
def benchmarks(benchmarks_in, tmp_path_factory):
    benchmarks_in(tmp_path_factory.mktemp("benchmarks"))
    import benchmarks.features.races_pandas
    import benchmarks.features.races_polars

    return benchmarks.features


@pytest.fixture(scope="module")
def table():
    return races.prepared(races.make(n_races=1_250, n_racers=48, seed=3))


@pytest.fixture(scope="module")
def defined(table):
    return boat_races.defined(table)


def test_pandas_and_polars_make_what_is_defined(benchmarks, table, defined):
    frame = table.to_pandas()
    assert_are(benchmarks.races_pandas.features(frame), defined)
    assert_are(benchmarks.races_pandas.features_by_indexers(frame), defined)
    assert_are(benchmarks.races_polars.features(pl.from_arrow(table)).to_pandas(), defined)


def test_ours_are_what_is_defined_for_tables_of_every_kind(table, defined):
    for kind in (table, table.to_pandas(), pl.from_arrow(table)):
        assert_are(boat_races.ours(kind), defined)


def test_nothing_of_a_race_enters_its_own_features(table):
    keys = ["race", "racer", "racer_boat", "motor", "lane", "stadium"]
    some = table.slice(0, 60 * races.BOATS).to_pandas()
    assert_causal(race_features.made(), some, on="time", after=race_story.RESULTS, keep=keys, n_cuts=3)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_streamed_races_have_the_bits_of_the_batch(table, n_threads):
    features = race_features.made(n_threads).fit(table)
    batch = features.transform(table)
    first = 1_200 * races.BOATS
    state = features.start(table.slice(0, first))
    for start in range(first, len(table), races.BOATS):
        race = table.slice(start, races.BOATS)
        before = state.peek_group(race)
        assert before.equals(state.update_group(race)) and before.equals(batch.slice(start, races.BOATS))


# -- the races themselves --------------------------------------------------------------------------------------


def test_races_are_made_the_same_from_the_same_seed():
    one, same, other = (races.make(300, 100, seed=seed) for seed in (1, 1, 2))
    assert one.equals(same) and not one.equals(other)
    assert len(one) == 300 * races.BOATS and one["race_id"].to_pandas().nunique() == 300


def test_nobody_is_at_two_places_at_once():
    made = races.make(2_000, 400, seed=5).to_pandas()
    for who in (["racer_number"], ["stadium", "assigned_motor_no"], ["stadium", "boat"]):
        assert not made.duplicated([*who, "closed_at"]).any()
    assert made.groupby("closed_at")["stadium"].nunique().max() > 1  # yet several races at once
    assert {*made["place"].dropna()} > {1, 2, 3, 4, 5, 6} and made["place"].isna().any()


def test_results_are_what_skill_and_lane_make_likely():
    made = races.make(3_000, 400, seed=5).to_pandas()
    won = made["place"] == 1
    assert won[made["boat"] == 1].mean() > 0.4 > 0.1 > won[made["boat"] == 6].mean()
    assert won.groupby(made["racer_class"]).mean().is_monotonic_decreasing


def test_too_few_to_make_races_of_is_an_error():
    with pytest.raises(races.ConfigurationError, match="at least 48 racers and motors, got 40 and 64"):
        races.make(10, 40)
