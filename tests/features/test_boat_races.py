"""Features of boat races: each way of making them against their definitions, row by row, in plain Python."""

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from statistics import fmean, mean, stdev

import numpy as np
import pytest

from perfcore.demo import races

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
SPAN = 10


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
    """What the features are, of all rows; floats to the last place or two."""
    rows = table.to_pylist()
    past = defaultdict(list)
    made = []
    for first in range(0, len(rows), races.BOATS):
        race = rows[first : first + races.BOATS]
        cards = [_history(past, row) for row in race]
        for row, card in zip(race, cards, strict=True):
            card |= _within(race, cards, row, card)
        made += cards
        for row in race:
            for name in ("racer", "racer_boat", "motor", "lane", "stadium"):
                past[name, row[name]].append(row)
    return pd.DataFrame(made, dtype=float)


def _history(past, row):
    def cells(key, column, last=None, days=None):
        before = past[key, row[key]]
        if days is not None:
            before = [each for each in before if row["time"] - each["time"] <= timedelta(days)]
        return [each[column] for each in before[-last if last else 0 :] if each[column] is not None]

    def mean(*which, **of):
        return fmean(there) if (there := cells(*which, **of)) else None

    def std(*which, **of):
        there = cells(*which, **of)
        return stdev(there) if len(there) > 1 else None

    mine = past["racer", row["racer"]]
    return {
        "racer_races": len(cells("racer", "won")),
        "racer_win_rate": mean("racer", "won"),
        "racer_top3_rate": mean("racer", "top3"),
        "racer_win_10": mean("racer", "won", last=10),
        "racer_place_10": mean("racer", "placed", last=10),
        "racer_start_10": mean("racer", "start", last=10),
        "racer_win_30": mean("racer", "won", last=30),
        "racer_place_30": mean("racer", "placed", last=30),
        "racer_place_std_30": std("racer", "placed", last=30),
        "racer_start_std_30": std("racer", "start", last=30),
        "racer_place_ewm": _smooth([each["placed"] for each in mine]),
        "racer_races_90d": len(cells("racer", "won", days=90)),
        "racer_win_90d": mean("racer", "won", days=90),
        "racer_start_90d": mean("racer", "start", days=90),
        "racer_days_since": (row["time"] - mine[-1]["time"]).total_seconds() / 86_400 if mine else None,
        "racer_last_place": mine[-1]["placed"] if mine else None,
        "racer_boat_win_rate": mean("racer_boat", "won"),
        "motor_races": len(cells("motor", "won")),
        "motor_win_rate": mean("motor", "won"),
        "motor_top3_30": mean("motor", "top3", last=30),
        "motor_place_90d": mean("motor", "placed", days=90),
        "motor_exh_time_10": mean("motor", "exh_time", last=10),
        "lane_win_rate": mean("lane", "won"),
        "lane_win_90d": mean("lane", "won", days=90),
        "stadium_start_90d": mean("stadium", "start", days=90),
    }


def _smooth(cells):
    """Weights fall by the rows between, with a result or none."""
    weight = [(1 - 2 / (SPAN + 1)) ** back for back in range(len(cells))][::-1]
    there = [(w, cell) for w, cell in zip(weight, cells, strict=True) if cell is not None]
    return sum(w * cell for w, cell in there) / sum(w for w, _ in there) if there else None


def _within(race, cards, row, card):
    ranks = {f"race_rank_{name}": 1 + sum(each[name] > row[name] for each in race)
             for name in ("class", "national", "motor_rate")}  # fmt: skip
    weights, forms = [each["weight"] for each in race], [each["racer_place_30"] for each in cards]
    return ranks | {"race_z_weight": _z(row["weight"], weights), "race_z_form": _z(card["racer_place_30"], forms)}


def _z(cell, cells):
    there = [each for each in cells if each is not None]
    if cell is None or len(set(there)) < 2:
        return None
    return float(Fraction(cell) - Fraction(mean(map(Fraction, there)))) / stdev(there)


def assert_are(made, defined):
    """Integers equal, floats within 1e-12, and missing where they are not."""
    assert sorted(made) == sorted(defined) and len(defined.columns) == 30
    for name, right in defined.items():
        got = np.asarray(made[name], dtype=float)
        assert np.array_equal(np.isnan(got), right.isna()), name
        if "races" in name or "rank" in name or "last" in name:
            assert np.array_equal(got, right, equal_nan=True), name
        else:
            assert np.nanmax(np.abs(got - right) / np.maximum(1, np.abs(right))) < 1e-12, name


def test_pandas_and_polars_make_what_is_defined(benchmarks, table, defined):
    frame = table.to_pandas()
    assert_are(benchmarks.races_pandas.features(frame), defined)
    assert_are(benchmarks.races_pandas.features_by_indexers(frame), defined)
    assert_are(benchmarks.races_polars.features(pl.from_arrow(table)).to_pandas(), defined)


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
