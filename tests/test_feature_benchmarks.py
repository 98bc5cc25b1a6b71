"""Benchmarks of features: ids stay, answers are checked before anything is timed, the README's table is of one run."""

import numpy as np
import pytest

pytest.importorskip("joblib")
pytest.importorskip("polars")


@pytest.fixture(scope="module", autouse=True)
def benchmarks(benchmarks_in, tmp_path_factory):
    benchmarks_in(tmp_path_factory.mktemp("benchmarks"))
    import benchmarks.__main__
    import benchmarks.features.checks
    import benchmarks.features.runner
    import benchmarks.features.table
    import benchmarks.features.worker

    return benchmarks


@pytest.fixture
def scenarios(benchmarks):
    return benchmarks.features.scenarios.SCENARIOS


TARGETS = {
    "features-census-1row": {"the fastest": 200},
    "features-census-1row-tuple": {"the fastest": 200},
    "features-census-1row-frame": {"the fastest": 30},
    "features-census": {"the fastest": 5},
    "features-census-real": {"the fastest": 5},
    "features-rolling-mean": {"the fastest": 0.9},
    "features-rolling-std": {"the fastest": 0.8},
    "features-rolling-max": {"the fastest": 0.9},
    "features-rolling-median": {"the fastest": 1.5},
    "features-ema": {"the fastest": 0.95},
    "features-rsi": {"the fastest": 0.95},
    "features-short-std": {"bottleneck": 0.7},
    "features-groups-std": {"pandas": 8, "polars": 8},
    "features-groups-eight": {"pandas": 10, "polars": 10},
    "features-bar": {"an empty method call": 0.01},
    "features-boatrace": {"pandas": 10, "polars": 3},
    "features-boatrace-real": {"pandas": 10, "polars": 3},
}


def test_ids_and_targets_are_permanent(scenarios):
    assert {name: scenario.targets for name, scenario in scenarios.items()}.items() >= TARGETS.items()


@pytest.mark.parametrize("name", ["features-rolling-std", "features-groups-eight", "features-bar", "features-boatrace"])
def test_who_is_here_is_asked_and_is_right(benchmarks, scenarios, name):
    found = benchmarks.features.runner.run(scenarios[name].tiny(), rounds=0)
    assert found[0]["side"] == "perfcore"
    for result in found:
        if result["side"] in ("bottleneck", "TA-Lib") and "skipped" in result:
            assert result["skipped"] == f"{result['side']} is not installed and left out; --rivals installs it"
        else:
            assert result["answers"] and "error" not in result, result


def test_sides_are_timed_by_round_and_held_against_perfcore(benchmarks, scenarios):
    scenario = scenarios["features-short-std"]
    found = benchmarks.features.runner.run(scenario, rounds=2)
    by_side = {result["side"]: result for result in found}
    assert by_side["perfcore"]["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert by_side["pandas"]["ratio"]["median"] > 1 and by_side["pandas"]["rounds"] == 2
    assert "features-short-std" in benchmarks.features.table.told("features-short-std", scenario, found)


def test_the_real_data_are_left_out_where_they_are_not(benchmarks, scenarios):
    (result,) = benchmarks.features.runner.run(scenarios["features-boatrace-real"].tiny(), rounds=0)
    assert result == {"side": "perfcore", "skipped": "no boatrace_entries.parquet in ../shared/data"}


# -- checks ---------------------------------------------------------------------------------------------------


@pytest.fixture
def checked(benchmarks, scenarios, tmp_path):
    """The verdicts on answers to a tiny scenario."""

    def of(name, made):
        scenario = scenarios[name].tiny()
        benchmarks.features.data.make(scenario, tmp_path)
        return benchmarks.features.checks.verdicts(scenario, tmp_path, made(tmp_path))

    return of


def test_wrong_answers_have_no_time(benchmarks, checked):
    import pandas as pd

    def answers(folder):
        series = {"": np.load(folder / "x.npy")} | benchmarks.features.data.hostile()
        naive = {name: pd.Series(x).rolling(50).std().to_numpy() for name, x in series.items()}
        off = {name: x * (1 + 1e-5) for name, x in naive.items()}
        return {
            "perfcore": naive,
            "pandas": naive,
            "polars": off,
            "bottleneck": {name: x[1:] for name, x in off.items()},
        }

    told = checked("features-rolling-std", answers)
    wrong = benchmarks.features.checks.Wrong
    assert isinstance(told["perfcore"], wrong)  # it has to be right on hostile series too
    assert told["pandas"].startswith("within ") and "on hostile series (decay)" in told["pandas"]
    assert isinstance(told["polars"], wrong) and isinstance(told["bottleneck"], wrong)


def test_indicators_have_talibs_bits(benchmarks, checked):
    def answers(folder):
        right = benchmarks.features.checks.rsi(np.load(folder / "x.npy"), 14)
        return {"perfcore": {"": right * (1 + 3e-16)}, "TA-Lib": {"": right}}

    told = checked("features-rsi", answers)
    assert told["TA-Lib"] == "as defined" and str(told["perfcore"]) == "not the bits of TA-Lib"


def test_integers_of_races_are_equal(benchmarks, checked):
    def answers(folder):
        right = {"racer_races": np.arange(4.0), "racer_win_10": np.array([np.nan, 0.5, 0.25, 1.0])}
        near = right | {"racer_win_10": right["racer_win_10"] + 1e-14}
        return {
            "pandas": right, "polars": near, "perfcore": right | {"racer_races": np.arange(4.0) + 1e-14},
            "pandas, windows by numpy": right | {"racer_win_10": np.nan_to_num(right["racer_win_10"])},
        }  # fmt: skip

    told = checked("features-boatrace", answers)
    assert told["pandas"] == "as defined" and told["polars"].startswith(
        "2 features, integers equal, floats within 1e-14"
    )
    assert "off by inf" in str(told["perfcore"]) and "missing elsewhere" in str(told["pandas, windows by numpy"])


# -- the README -----------------------------------------------------------------------------------------------


def test_the_readme_is_rewritten_from_a_run(benchmarks, scenarios, tmp_path):
    def spread(value):
        return {"median": value, "low": value, "high": value}

    found = {"perfcore": 2.0, "pandas": 90.0, "bottleneck": 1.5}
    results = [
        {
            "side": side,
            "ns": spread(ns),
            "ratio": spread(ns / 2),
            "answers": "right",
            "version": f"{side} 1",
            "rounds": 7,
        }
        for side, ns in found.items()
    ]
    document = {
        "machine": dict.fromkeys(("processor", "cores", "system"), "some"), "date": "2024-01-01",
        "scenarios": {name: {"results": results} for name in scenarios},
    }  # fmt: skip
    table, path = benchmarks.features.table, tmp_path / "README.md"
    path.write_text(f"before\n{table.BEGIN}\nstale\n{table.END}\nafter\n", encoding="utf-8")
    table.rewrite(tmp_path, document)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale" not in text
    row = "| `features-rolling-mean` | rolling mean, window 50 | 2.00 ns | bottleneck 1.50 ns |"
    assert f"{row} bottleneck 0.75 ×; pandas 45 × | 0.9 × |" in text and "medians of 7 interleaved" in text
    del document["scenarios"]["features-rsi"]
    with pytest.raises(SystemExit, match="lack features-rsi"):
        table.rewrite(tmp_path, document)


def test_the_readme_has_a_place_for_the_table(benchmarks, repository):
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count(benchmarks.features.table.BEGIN) == text.count(benchmarks.features.table.END) == 1
