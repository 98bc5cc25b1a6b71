"""Thirty features of a boat race that are known before it: of `races.prepared` tables, the same bits race by race.

| made | of what was before, by |
|---|---|
| racer_races, racer_win_rate, racer_top3_rate | racer: how often, and the shares of wins and of places up to 3 |
| racer_win_10, _30, racer_place_10, _30, racer_place_std_30 | the racer's last 10 or 30 races |
| racer_start_10, racer_start_std_30 | the racer's start timing |
| racer_place_ewm | the racer's places, exponentially weighted, span 10 |
| racer_races_90d, racer_win_90d, racer_start_90d | the racer's last 90 days |
| racer_minutes_since, racer_last_place | the racer's last race |
| racer_boat_win_rate | racer and boat number |
| motor_races, motor_win_rate, motor_top3_30, motor_place_90d, motor_exh_time_10 | a stadium's motor |
| lane_win_rate, lane_win_90d | stadium and boat number |
| stadium_start_90d | stadium |
| race_rank_class, race_rank_national, race_rank_motor_rate | within the race: ranks, the greatest first |
| race_z_weight, race_z_form | within the race: weight, and racer_place_30, less their mean, over their deviation |
"""

from __future__ import annotations

from typing import Any

from .. import features as f

FORM = "racer_placed_mean_30_left"  # as the first stage names racer_place_30
_DAYS = "90D"


def _rows(make: Any, rows: int | None = None, least: int = 1) -> Any:
    """Of the last so many rows, or of all, without the present one."""
    return make(rows, min_periods=least, closed="left")


def _days(make: Any, least: int = 1) -> Any:
    return make(_DAYS, min_periods=least, closed="left")


def made(n_threads: int | None = None) -> f.FeaturePipeline:
    """All of them, of tables that `races.prepared` made; they come out in the order of `NAMES`."""
    return f.FeaturePipeline([(name, stage) for name, (stage, _) in _stages(n_threads).items()])


def _stages(n_threads: int | None) -> dict[str, tuple[Any, list[str]]]:
    """By name a stage, and what is made by it."""

    def past(features: dict[str, list], by: str, **options: Any) -> f.RollingFeatures:
        return f.RollingFeatures(features, by=by, on="time", n_threads=n_threads, **options)

    racer = past(
        {
            "won": [
                _rows(f.count, least=0), _rows(f.mean), _rows(f.mean, 10), _rows(f.mean, 30), _days(f.count, 0),
                _days(f.mean),
            ],
            "top3": [_rows(f.mean)],
            "placed": [_rows(f.mean, 10), _rows(f.mean, 30), _rows(f.std, 30, 2), f.lag(1)],
            "start": [_rows(f.mean, 10), _rows(f.std, 30, 2), _days(f.mean)],
            "minute": [f.diff(1)],
        },
        "racer",
    )  # fmt: skip
    motor = past(
        {
            "won": [_rows(f.count, least=0), _rows(f.mean)],
            "top3": [_rows(f.mean, 30)],
            "placed": [_days(f.mean)],
            "exh_time": [_rows(f.mean, 10)],
        },
        "motor",
    )
    rank = f.rank(method="min", ascending=False)
    race = f.GroupFeatures(
        {"class": [rank], "national": [rank], "motor_rate": [rank], "weight": [f.zscore()], FORM: [f.zscore()]},
        by="race", n_threads=n_threads,
    )  # fmt: skip
    return {
        "racer": (
            racer,
            [
                "racer_races", "racer_win_rate", "racer_win_10", "racer_win_30", "racer_races_90d", "racer_win_90d",
                "racer_top3_rate", "racer_place_10", "racer_place_30", "racer_place_std_30", "racer_last_place",
                "racer_start_10", "racer_start_std_30", "racer_start_90d", "racer_minutes_since",
            ],
        ),
        # Of a result that is known only after its race: what was said of the races before.
        "form": (past({"placed": [f.ewm_mean(span=10)]}, "racer", after="placed"), ["racer_place_ewm"]),
        "racer_boat": (past({"won": [_rows(f.mean)]}, "racer_boat"), ["racer_boat_win_rate"]),
        "motor": (
            motor, ["motor_races", "motor_win_rate", "motor_top3_30", "motor_place_90d", "motor_exh_time_10"]
        ),
        "lane": (past({"won": [_rows(f.mean), _days(f.mean)]}, "lane"), ["lane_win_rate", "lane_win_90d"]),
        "stadium": (past({"start": [_days(f.mean)]}, "stadium"), ["stadium_start_90d"]),
        "race": (
            race,
            ["race_rank_class", "race_rank_national", "race_rank_motor_rate", "race_z_weight", "race_z_form"],
        ),
    }  # fmt: skip


NAMES = tuple(name for _, names in _stages(1).values() for name in names)
