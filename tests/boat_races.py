"""The features of boat races by their definitions, row by row, in plain Python."""

from collections import defaultdict
from math import fsum, sqrt
from statistics import fmean

import numpy as np
import pandas as pd

from perfcore.demo import race_features, races

SPAN = 10


def defined(table):
    """What the features of ``races.prepared(...)`` are, of every fifth race; floats to the last place or two."""
    rows = table.to_pylist()
    past = defaultdict(list)
    made = {}
    for first in range(0, len(rows), races.BOATS):
        race = rows[first : first + races.BOATS]
        if first % (5 * races.BOATS) == 0:
            cards = [_history(past, row) for row in race]
            for number, (row, card) in enumerate(zip(race, cards, strict=True), first):
                made[number] = card | _within(race, cards, row, card)
        for row in race:
            for name in ("racer", "racer_boat", "motor", "lane", "stadium"):
                past[name, row[name]].append(row)
    return pd.DataFrame.from_dict(made, orient="index", dtype=float)


def _history(past, row):
    def cells(key, column, last=None, days=None):
        before = past[key, row[key]]
        if days is not None:
            before = [each for each in before if row["minute"] - each["minute"] <= days * 1_440]
        return [each[column] for each in before[-last if last else 0 :] if each[column] is not None]

    def mean(*which, **of):
        return fmean(there) if (there := cells(*which, **of)) else None

    def std(*which, **of):
        there = cells(*which, **of)
        return _std(there) if len(there) > 1 else None

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
        "racer_minutes_since": (row["time"] - mine[-1]["time"]).total_seconds() / 60 if mine else None,
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


def _std(cells):
    mean = fmean(cells)
    return sqrt(fsum((cell - mean) ** 2 for cell in cells) / (len(cells) - 1))


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
    return (cell - fmean(there)) / _std(there)


def ours(table):
    """perfcore's features by the names of the definitions."""
    features = race_features.made().fit_transform(table)
    columns = [np.asarray(features[name], dtype=float) for name in list(_names(features))]
    return pd.DataFrame(dict(zip(race_features.NAMES, columns, strict=True)))


def _names(table):
    return table.column_names if hasattr(table, "column_names") else table.columns


def assert_are(made, defined):
    """Integers equal, floats within 1e-12, and missing where they are not."""
    assert sorted(made) == sorted(defined) and len(defined.columns) == 30
    for name, right in defined.items():
        got = np.asarray(made[name], dtype=float)[right.index]
        assert np.array_equal(np.isnan(got), right.isna()), name
        if any(part in name for part in ("races", "rank", "last", "minutes")):
            assert np.array_equal(got, right, equal_nan=True), name
        else:
            assert np.nanmax(np.abs(got - right) / np.maximum(1, np.abs(right))) < 1e-12, name
