"""Boat races: six boats each, at 24 stadiums, made up here or read from a folder; a row a boat.

A racer's skill, the motor drawn for a meeting, the lane and the start decide the places, and luck. Columns and types
are those of public race cards: ``course`` and what follows it are known only after the race.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigurationError

STADIUMS, BOATS, RACES = 24, 6, 12  # a day at a stadium has 12 races
FIELD = 48  # racers of a meeting, which lasts for a week
FIRST_DAY = np.datetime64("2025-07-14")
FILE = "boatrace_entries.parquet"
LANES = np.array([2.3, 0.35, 0.3, 0.05, -0.45, -1.0])


def make(n_races: int = 39_360, n_racers: int = 1_614, n_motors: int = 64, seed: int = 0) -> Any:
    """An Arrow table of so many races, by day, stadium and number; the same for the same seed."""
    rng = np.random.default_rng(seed)
    programme = _programme(rng, n_races, n_racers, n_motors)
    skill, age = rng.normal(size=n_racers), rng.integers(17, 66, n_racers)
    engine = 0.3 * rng.normal(size=(STADIUMS, n_motors))
    lane = LANES + 0.15 * rng.normal(size=(STADIUMS, BOATS))
    return _table(_raced(rng, programme | {"skill": skill, "age": age, "engine": engine, "lane": lane}))


def read(folder: str) -> Any:
    """The real ones that lie in a folder."""
    import pyarrow.parquet

    file = Path(folder) / FILE
    if not file.is_file():
        raise ConfigurationError(f"no file {FILE} in {folder}")
    return pyarrow.parquet.read_table(file)


def prepared(table: Any) -> Any:
    """What features are made from, a row a boat, by time: keys as integers, the past's results, and the race's card.

    Results (won, top3, placed, start, exh_time of others' races) may enter a feature from earlier races only.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    time = table["closed_at"].cast(pa.timestamp("s")).cast(pa.timestamp("ns"))
    order = pc.sort_indices(
        pa.table({"time": time, "stadium": table["stadium"], "boat": table["boat"]}),
        sort_keys=[(name, "ascending") for name in ("time", "stadium", "boat")],
    )
    table = table.append_column("time", time).take(order)
    key = {name: table[name].cast(pa.int64()) for name in ("stadium", "boat", "racer_number", "assigned_motor_no")}
    place = table["place"]
    placed = pc.if_else(pc.less_equal(place, BOATS), place, None)
    return pa.table(
        {
            "time": table["time"],
            "minute": pc.divide(table["time"].cast(pa.int64()), 60 * 10**9).cast(pa.float64()),
            "race": np.repeat(np.arange(len(table) // BOATS), BOATS),
            "racer": key["racer_number"],
            "racer_boat": pc.add(pc.multiply(key["racer_number"], 10), key["boat"]),
            "motor": pc.add(pc.multiply(key["stadium"], 1000), key["assigned_motor_no"]),
            "lane": pc.add(pc.multiply(key["stadium"], 10), key["boat"]),
            "stadium": key["stadium"],
            "won": pc.equal(place, 1).cast(pa.float64()),
            "top3": pc.less_equal(place, 3).cast(pa.float64()),
            "placed": placed,
            **{
                name: table[column].cast(pa.float64())
                for name, column in {
                    "start": "start_timing",
                    "exh_time": "exh_time",
                    "class": "racer_class",
                    "national": "national_top1_pct",
                    "weight": "weight",
                    "motor_rate": "assigned_motor_top2_pct",
                }.items()
            },
        }
    )


def _programme(rng: np.random.Generator, n_races: int, n_racers: int, n_motors: int) -> dict[str, Any]:
    """Who races whom: by race its day, stadium and number, and by boat the racer and the motor."""
    open_at_once = min(n_racers // FIELD, STADIUMS // 2)
    if not open_at_once or n_motors < FIELD:
        raise ConfigurationError(f"races need at least {FIELD} racers and motors, got {n_racers} and {n_motors}")
    meetings = []
    for week in range(-(-n_races // (7 * open_at_once * RACES))):
        fields = rng.permutation(n_racers)[: open_at_once * FIELD].reshape(open_at_once, FIELD)
        stadiums = np.sort(rng.permutation(STADIUMS)[:open_at_once])
        motors = np.stack([rng.permutation(n_motors)[:FIELD] for _ in stadiums])
        for day in range(7):
            # All of a field race once a day, and half of them once more.
            drawn = [rng.permutation(FIELD) for _ in range(2 * open_at_once)]
            seats = np.stack([np.r_[a, b[: FIELD // 2]] for a, b in zip(drawn[::2], drawn[1::2], strict=True)])
            at = np.arange(open_at_once)[:, None]
            meetings.append((np.full(open_at_once, 7 * week + day), stadiums, fields[at, seats], motors[at, seats]))
    days, stadium, racer, motor = (np.concatenate(each) for each in zip(*meetings, strict=True))
    return {
        "day": np.repeat(days, RACES)[:n_races],
        "stadium": np.repeat(stadium, RACES)[:n_races],
        "number": np.tile(np.arange(RACES), len(days))[:n_races],
        "racer": racer.reshape(-1, BOATS)[:n_races],
        "motor": motor.reshape(-1, BOATS)[:n_races],
    }


def _raced(rng: np.random.Generator, of: dict[str, Any]) -> dict[str, np.ndarray]:
    """What the races were: arrays of races × boats, and of races."""
    racer, motor, stadium = of["racer"], of["motor"], of["stadium"]
    shape = racer.shape
    skill, engine = of["skill"][racer], of["engine"][stadium[:, None], motor]
    start = np.round(0.165 - 0.015 * skill + 0.06 * rng.normal(size=shape), 2)
    course = np.tile(np.arange(BOATS), (shape[0], 1))
    moved = rng.random(shape[0]) < 0.15  # some boats take another's course
    course[moved] = rng.permuted(course[moved], axis=1)
    score = 0.8 * skill + engine + of["lane"][stadium[:, None], course] - 5 * start + rng.gumbel(size=shape)
    out = rng.random(shape) < 0.012
    score[out] = -np.inf
    place = np.empty(shape)
    np.put_along_axis(place, np.argsort(-score, axis=1), np.arange(1.0, BOATS + 1)[None], axis=1)
    place[out] = rng.choice([8.0, 9.0, 10.0, 14.0, 16.0], out.sum())
    void = rng.random(shape[0]) < 0.01
    after = {"course": course + 1.0, "start_timing": start, "place": place}
    after["technique"] = np.repeat(rng.choice([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], shape[0]), BOATS).reshape(shape)
    for column in after.values():
        column[void] = np.nan
    # Evening meetings begin later; the same minute comes at several stadiums.
    minutes = 630 + 180 * (stadium % 3 == 2) + 27 * of["number"] + rng.integers(0, 4, shape[0])
    return {
        "day": of["day"], "stadium": stadium, "number": of["number"], "minutes": minutes, "racer": racer,
        "motor": motor, "skill": skill, "engine": engine, "age": of["age"][racer], **_weather(rng, shape),
        "exh_course": course + 1.0, "exh_start_timing": start - 0.09 + 0.07 * rng.normal(size=shape),
        "exh_time": 6.81 - 0.02 * skill - 0.06 * engine + 0.05 * rng.normal(size=shape), **after,
    }  # fmt: skip


def _weather(rng: np.random.Generator, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    wind = rng.poisson(2.7, shape[0]).astype(float)
    return {
        "pre_wind": wind,
        "pre_wind_dir": rng.integers(1, 18, shape[0]).astype(float),
        "pre_wave": np.round(wind * rng.uniform(0.5, 1.3, shape[0])),
        "pre_weather": rng.choice([1.0, 2.0, 3.0], shape[0], p=[0.68, 0.25, 0.07]),
        "pre_temp": np.round(rng.uniform(2, 34, shape[0])),
        "pre_water_temp": np.round(rng.uniform(5, 30, shape[0])),
    }


def _table(of: dict[str, np.ndarray]) -> Any:
    import pyarrow as pa

    n_races, skill, engine = len(of["day"]), of["skill"].ravel(), of["engine"].ravel()
    n = n_races * BOATS
    rng = np.random.default_rng(n)
    racer = of["racer"].ravel()

    def per_racer(values: np.ndarray) -> np.ndarray:
        return values[racer]

    def near(value: Any, spread: float, low: float = 0.0, high: float = 100.0) -> np.ndarray:
        return np.clip(np.round(value + spread * rng.normal(size=n), 2), low, high).astype(np.float32)

    def of_race(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, BOATS)

    racers = int(racer.max()) + 1
    days = FIRST_DAY + of["day"]
    times = days.astype("M8[s]") + of["minutes"] * np.timedelta64(60, "s")
    ids = [
        f"{str(day).replace('-', '')}-{stadium + 1:02d}-{number + 1:02d}"
        for day, stadium, number in zip(days, of["stadium"], of["number"], strict=True)
    ]
    weight = np.round(rng.normal(52, 2.4, racers), 1)
    columns = {
        "race_id": pa.array(np.repeat(ids, BOATS).tolist(), pa.large_string()),
        "race_date": pa.array(of_race(days), pa.date32()),
        "stadium": of_race(of["stadium"] + 1).astype(np.int32),
        "race_no": of_race(of["number"] + 1).astype(np.int32),
        "closed_at": pa.array(np.repeat([str(each).replace("T", " ") for each in times], BOATS).tolist(),
                              pa.large_string()),
        "grade": of_race(rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], n_races, p=[0.01, 0.05, 0.01, 0.08, 0.85])),
        "distance": of_race(rng.choice([1200.0, 1800.0], n_races, p=[0.04, 0.96])),
        "boat": np.tile(np.arange(1, BOATS + 1, dtype=np.int32), n_races),
        "racer_number": 2500.0 + racer,
        "racer_class": 4.0 - np.searchsorted([-1.3, 0.25, 0.85], skill),
        "branch": per_racer(rng.integers(10, 43, racers)).astype(float),
        "age": of["age"].ravel().astype(float),
        "weight": near(per_racer(weight), 0.0),
        "flying_count": per_racer(rng.choice([0.0, 1.0, 2.0], racers, p=[0.85, 0.14, 0.01])),
        "late_count": per_racer(rng.choice([0.0, 1.0], racers, p=[0.998, 0.002])),
        "avg_start_timing": near(0.165 - 0.015 * skill, 0.01),
        "national_top1_pct": near(5.25 + 1.2 * skill, 0.4, high=10.0),
        "national_top2_pct": near(33 + 12 * skill, 5.0),
        "national_top3_pct": near(50 + 14 * skill, 6.0),
        "local_top1_pct": near(5.0 + 1.2 * skill, 1.2, high=11.0),
        "local_top2_pct": near(31 + 12 * skill, 12.0),
        "local_top3_pct": near(47 + 14 * skill, 15.0),
        "assigned_motor_no": 1.0 + of["motor"].ravel(),
        "assigned_motor_top2_pct": near(33 + 20 * engine, 4.0),
        "assigned_motor_top3_pct": near(49 + 22 * engine, 5.0),
        "assigned_boat_no": rng.integers(1, 90, n).astype(float),
        "assigned_boat_top2_pct": near(32.6, 8.0),
        "assigned_boat_top3_pct": near(48.8, 10.0),
        **{name: of_race(of[name]) for name in ("pre_wind", "pre_wind_dir", "pre_wave", "pre_weather")},
        **{name: of_race(of[name]).astype(np.float32) for name in ("pre_temp", "pre_water_temp")},
        "exh_course": of["exh_course"].ravel(),
        "exh_start_timing": near(of["exh_start_timing"].ravel(), 0.0, -0.5, 1.0),
        "exh_time": near(of["exh_time"].ravel(), 0.0),
        "exh_tilt": rng.choice([-0.5, 0.0, 0.5], n, p=[0.6, 0.35, 0.05]).astype(np.float32),
        "exh_weight": near(per_racer(weight), 0.0),
        "exh_weight_adj": np.maximum(0, np.round(52 - per_racer(weight), 1)).astype(np.float32),
        **{name: of[name].ravel() for name in ("course", "place", "technique")},
        "start_timing": of["start_timing"].ravel().astype(np.float32),
    }  # fmt: skip
    order = [*list(columns)[:-4], "course", "start_timing", "place", "technique"]
    return pa.table({name: pa.array(columns[name], from_pandas=True) for name in order})
