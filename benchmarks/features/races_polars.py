"""The boat-race features (`perfcore.demo.race_features`) in polars; `table` is ``races.prepared(...)``, by time."""

from __future__ import annotations

import polars as pl

DAYS = "90d"


def features(table: pl.DataFrame) -> pl.DataFrame:
    made = table.lazy().select(_expressions()).with_columns(_z("form", pl.col("racer_place_30")))
    return made.drop("race").collect()


def _expressions() -> list[pl.Expr]:
    return [
        pl.col("race"),
        _past_count("won", "racer").alias("racer_races"),
        _past_mean("won", "racer").alias("racer_win_rate"),
        _past_mean("top3", "racer").alias("racer_top3_rate"),
        *(
            pl.col(name).shift().rolling_mean(n, min_samples=1).over("racer").alias(f"racer_{short}_{n}")
            for name, short, n in [
                ("won", "win", 10), ("placed", "place", 10), ("start", "start", 10), ("won", "win", 30),
                ("placed", "place", 30),
            ]
        ),
        *(
            pl.col(name).shift().rolling_std(30, min_samples=2).over("racer").alias(f"racer_{short}_std_30")
            for name, short in [("placed", "place"), ("start", "start")]
        ),
        pl.col("placed").ewm_mean(span=10).forward_fill().shift().over("racer").alias("racer_place_ewm"),
        pl.col("won").is_not_null().cast(pl.Float64).rolling_sum_by("time", DAYS, closed="left").over("racer")
        .alias("racer_races_90d"),
        _days("won", "racer").alias("racer_win_90d"),
        _days("start", "racer").alias("racer_start_90d"),
        pl.col("minute").diff().over("racer").alias("racer_minutes_since"),
        pl.col("placed").shift().over("racer").alias("racer_last_place"),
        _past_mean("won", "racer_boat").alias("racer_boat_win_rate"),
        _past_count("won", "motor").alias("motor_races"),
        _past_mean("won", "motor").alias("motor_win_rate"),
        pl.col("top3").shift().rolling_mean(30, min_samples=1).over("motor").alias("motor_top3_30"),
        _days("placed", "motor").alias("motor_place_90d"),
        pl.col("exh_time").shift().rolling_mean(10, min_samples=1).over("motor").alias("motor_exh_time_10"),
        _past_mean("won", "lane").alias("lane_win_rate"),
        _days("won", "lane").alias("lane_win_90d"),
        _days("start", "stadium").alias("stadium_start_90d"),
        *(  # a race's rows lie side by side, so that ranks need not be put back
            pl.col(name).rank("min", descending=True).over("race", mapping_strategy="explode").name.prefix("race_rank_")
            for name in ("class", "national", "motor_rate")
        ),
        _z("weight", pl.col("weight")),
    ]  # fmt: skip


def _past_count(name: str, key: str) -> pl.Expr:
    there = pl.col(name).is_not_null().cast(pl.Float64)
    return there.cum_sum().over(key) - there


def _past_mean(name: str, key: str) -> pl.Expr:
    filled = pl.col(name).fill_null(0.0)
    return (filled.cum_sum().over(key) - filled) / _past_count(name, key)


def _days(name: str, key: str) -> pl.Expr:
    return pl.col(name).rolling_mean_by("time", DAYS, closed="left").over(key)


def _z(name: str, column: pl.Expr) -> pl.Expr:
    std = column.std().over("race")
    return ((column - column.mean().over("race")) / pl.when(std > 0).then(std)).alias(f"race_z_{name}")
