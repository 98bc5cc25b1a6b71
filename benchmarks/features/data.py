"""What a scenario is asked about, made in a folder that all sides read; nothing here imports perfcore at the top."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from . import census
from .scenarios import Scenario


class Absent(Exception):
    """The real data are not here."""


def make(scenario: Scenario, folder: Path) -> None:
    kind = {"one_dict": "census", "one_tuple": "census", "one_frame": "census", "all_rows": "census"}
    _MAKERS[kind.get(scenario.does, scenario.does)](scenario, folder)


def hostile(n: int = 5_000, seed: int = 20260101) -> dict[str, np.ndarray]:
    """Series that rolling variances get wrong."""
    noise = np.random.default_rng(seed).normal(size=n)
    half = n // 2
    return {
        "walk": 100 + np.cumsum(noise),
        "offset_1e8": 1e8 + 1e-2 * noise,
        "offset_1e12": 1e12 + noise,
        "outlier_1e9": np.r_[1e9, noise[1:]],
        "outlier_1e5": np.r_[1e5, 0.1 * noise[1:]],
        "decay": np.geomspace(1e3, 1e-6, n) * noise,
        "level_shift": np.r_[1e6 + noise[:half], 1e-3 * noise[half:]],
        "bursts": np.where(np.arange(n) % 97 < 3, 1e7, 1.0) * noise,
    }


def _prices(n: int) -> np.ndarray:
    return 100 * np.exp(np.cumsum(5e-4 * np.random.default_rng(1).normal(size=n)))


def _series(scenario: Scenario, folder: Path) -> None:
    np.save(folder / "x.npy", _prices(scenario.rows))
    np.savez(folder / "hostile.npz", **hostile())


def _groups(scenario: Scenario, folder: Path) -> None:
    n = scenario.settings["groups"]
    np.save(folder / "x.npy", _prices(scenario.rows))
    np.save(folder / "keys.npy", np.repeat(np.arange(n), scenario.rows // n))


def _bars(scenario: Scenario, folder: Path) -> None:
    np.save(folder / "x.npy", _prices(scenario.rows))
    np.save(folder / "volume.npy", np.random.default_rng(2).integers(100, 10_000, scenario.rows).astype(float))


def _census(scenario: Scenario, folder: Path) -> None:
    where = scenario.settings["data"]
    if where and not (Path(where) / census.FILE).is_file():
        raise Absent(f"no {census.FILE} in {where}")
    n = max(scenario.rows, 2_000)
    table, target = census.read(where, n) if where else census.make(n)
    (folder / "pipeline.pickle").write_bytes(pickle.dumps(census.fitted(table, target)))
    table.head(scenario.rows).to_pickle(folder / "table.pickle")


def _races(scenario: Scenario, folder: Path) -> None:
    import pyarrow.feather

    from perfcore.demo import races

    where = scenario.settings["data"]
    if where and not (Path(where) / races.FILE).is_file():
        raise Absent(f"no {races.FILE} in {where}")
    n = scenario.rows // races.BOATS
    made = races.read(where).slice(0, n * races.BOATS) if where else races.make(n)
    pyarrow.feather.write_feather(races.prepared(made), folder / "races.arrow", compression="uncompressed")


_MAKERS: dict[str, Any] = {
    **dict.fromkeys(("rolling_mean", "rolling_std", "rolling_max", "rolling_median", "ema", "rsi"), _series),
    "groups": _groups,
    "bar": _bars,
    "census": _census,
    "races": _races,
}
