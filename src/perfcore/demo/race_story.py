"""The boat-race story: features of what was, a model of who wins, and the last day race by race, the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from .. import predictor, threads
from . import race_features, races

CARD = ("class", "national", "weight", "motor_rate")  # columns that the model sees as they are
RESULTS = ("won", "top3", "placed", "start")  # that nobody knows before the race
DAY = 24 * 60


@dataclass(frozen=True)
class Story:
    """What is shown of it; seconds, and whether the bits are the same both ways."""

    source: str
    n_rows: int
    n_features: int
    features: float  # seconds for all rows
    history: float  # seconds until the stream knows all that was before the last day
    n_races: int  # of the last day
    a_race: float  # seconds for the features of a race's six boats, the median
    a_prediction: float  # and for their chances
    same_features: bool
    same_predictions: bool
    favourites: float  # how often the boat with the greatest chance won
    inside: float  # how often boat 1 did

    @property
    def problem(self) -> str | None:
        wrong = [what for what, same in (("features", self.same_features), ("predictions", self.same_predictions))
                 if not same]  # fmt: skip
        return f"{' and '.join(wrong)} of the stream are not those of the batch" if wrong else None


def tell(folder: str | None = None, n_races: int = 9_000, trees: int = 100) -> Story:
    """Of so many made-up races, or of the real ones in a folder."""
    table = races.prepared(races.make(n_races) if folder is None else races.read(folder))
    begin = perf_counter()
    features = race_features.made().fit(table)
    made = features.transform(table)
    seconds = perf_counter() - begin
    X, won = _inputs(table, made), _column(table, "won")
    day = np.floor(_column(table, "minute") / DAY)
    first = int(np.searchsorted(day, day[-1]))
    model = predictor.compile(_trained(X[:first], won[:first], trees))
    batch = model.predict_proba(X[first:])[:, 1]

    begin = perf_counter()
    state = features.start(table.slice(0, first))
    history = perf_counter() - begin
    rows = table.slice(first).to_pylist()
    told, chances, after, taken = [], [], [], []
    for start in range(0, len(rows), races.BOATS):
        race = rows[start : start + races.BOATS]
        before = [row | dict.fromkeys(RESULTS) for row in race]
        times = [perf_counter()]
        told.append(state.peek_group(before))
        times.append(perf_counter())
        card = [[row[name] for name in CARD] for row in race]
        chances.append(model.predict_proba(np.column_stack([told[-1], card]))[:, 1])
        times.append(perf_counter())
        after.append(state.update_group(race))
        taken.append(np.diff(times))
    answers = np.concatenate(chances)
    a_race, a_prediction = np.median(taken, axis=0)
    of_race = won[first:].reshape(-1, races.BOATS)
    favourite = answers.reshape(-1, races.BOATS).argmax(axis=1)
    return Story(
        source=f"{len(table) // races.BOATS:,} races, {'made up' if folder is None else f'from {folder}'}",
        n_rows=len(table),
        n_features=made.num_columns,
        features=seconds,
        history=history,
        n_races=len(told),
        a_race=float(a_race),
        a_prediction=float(a_prediction),
        same_features=_bits(np.concatenate(told)) == _bits(np.concatenate(after)) == _bits(_block(made)[first:]),
        same_predictions=answers.tobytes() == batch.tobytes(),
        favourites=float(np.nanmean(of_race[np.arange(len(told)), favourite])),
        inside=float(np.nanmean(of_race[:, 0])),
    )


def _trained(X: np.ndarray, won: np.ndarray, trees: int) -> Any:
    import lightgbm

    known = ~np.isnan(won)
    model = lightgbm.LGBMClassifier(
        n_estimators=trees, learning_rate=0.05, num_leaves=31, random_state=0, n_jobs=threads.available(), verbose=-1
    )
    return model.fit(X[known], won[known])


def _bits(block: np.ndarray) -> bytes:
    """Missing cells alike: a stream says NaN of its own for them, where Arrow has nulls."""
    return np.where(np.isnan(block), np.nan, block).tobytes()


def _inputs(table: Any, made: Any) -> np.ndarray:
    return np.column_stack([_block(made), *(_column(table, name) for name in CARD)])


def _block(made: Any) -> np.ndarray:
    return np.column_stack([_column(made, name) for name in made.column_names])


def _column(table: Any, name: str) -> np.ndarray:
    return table[name].to_numpy().astype(float)
