"""Benchmarks of the runtime: ids stay, answers are checked first, the README's table is of one run."""

import numpy as np
import pytest

pytest.importorskip("joblib")
pytest.importorskip("lightgbm")


@pytest.fixture(scope="module", autouse=True)
def benchmarks(benchmarks_in, tmp_path_factory):
    benchmarks_in(tmp_path_factory.mktemp("benchmarks"))
    import benchmarks.__main__
    import benchmarks.runtime.runner
    import benchmarks.runtime.table

    return benchmarks


@pytest.fixture
def scenarios(benchmarks):
    return benchmarks.runtime.scenarios.SCENARIOS


TARGETS = {
    "runtime-batcher-asyncio": {"LightGBM": (5, None), "p99 (ms)": (None, 10)},
    "runtime-batcher-threads": {"LightGBM": (1, None)},
    "runtime-batcher-pipeline": {"scikit-learn": (20, None), "p99 (ms)": (None, 100)},
    "runtime-threads-tuned": {"worst / best count": (None, 1.05), "worst / one thread": (None, 1.05)},
    "runtime-joblib": {"the best": (0.95, None)},
    "runtime-workers": {"the best": (0.9, None)},
    "runtime-transform": {"pandas": (1.2, None)},
    "runtime-day": dict.fromkeys(
        ("heap, low of 95 %", "resident, low of 95 %", "descriptors more", "threads more"), (None, 0)
    ),
    "runtime-leaks": {"planted found": (4, None), "planted named": (4, None), "clean, found leaking": (None, 0)},
    "runtime-monitor": {"% of a core": (None, 1), "stops in (ms)": (None, 1000)},
    "runtime-metrics": {"served / not served": (None, 1.03)},
}


def test_ids_and_targets_are_permanent(scenarios):
    held = {
        name: {each.of: (each.least, each.most) for each in scenario.targets} for name, scenario in scenarios.items()
    }
    assert held.items() >= TARGETS.items()


@pytest.mark.parametrize("name", ["runtime-batcher-asyncio", "runtime-batcher-threads", "runtime-batcher-pipeline"])
def test_callers_get_the_bits_of_the_model(benchmarks, scenarios, name):
    found = benchmarks.runtime.runner.run(scenarios[name].tiny(), rounds=0)
    assert [result["side"] for result in found] == ["perfcore", *scenarios[name].sides]
    assert {result.get("answers") for result in found} == {"same bits"}, found


def test_s0_39_less_memory_sooner_answers_and_a_day_have_a_benchmark_each(benchmarks, scenarios):
    from benchmarks.caches.scenarios import SCENARIOS as caches

    assert "bytes" in caches["cache-space"].what  # of a cached row
    assert scenarios["runtime-transform"].told == scenarios["runtime-cores"].told == ("CPU s per 1,000 predictions",)
    assert {each.of for each in scenarios["runtime-day"].targets} >= {"heap, low of 95 %", "resident, low of 95 %"}


def test_s1_15_what_more_cores_are_worth_is_told_and_held_to_two_where_there_are_four(benchmarks, scenarios):
    import psutil

    scenario = scenarios["runtime-cores"].tiny()
    found = benchmarks.runtime.runner.run(scenario, rounds=2)
    told = benchmarks.runtime.table.told("runtime-cores", scenario, found)
    assert [result["answers"] for result in found] == ["same bits"] * 2
    assert " × (" in told and "CPU s per 1,000 predictions" in told
    cpu = found[1]["figures"]["CPU s per 1,000 predictions"]["median"]
    assert 0 < 1e6 * cpu < 1.2 * found[1]["ns"]["median"]  # of one thread: no more than passes
    targets = benchmarks.runtime.runner.targets(scenario, found)
    assert [(each["of"], each["least"]) for each in targets] == [("one thread", 2)] * (
        (psutil.cpu_count(logical=False) or 1) >= 4
    )


@pytest.mark.parametrize("name", ["runtime-joblib", "runtime-workers", "runtime-day", "runtime-metrics"])
def test_what_is_measured_is_right_first(benchmarks, scenarios, name):
    found = benchmarks.runtime.runner.run(scenarios[name].tiny(), rounds=0)
    assert all("error" not in result and result.get("answers", result.get("skipped")) for result in found), found


def test_figures_alone_are_held_against_their_bounds(benchmarks, scenarios):
    scenario = scenarios["runtime-metrics"].tiny()
    (own,) = found = benchmarks.runtime.runner.run(scenario, rounds=2)
    (target,) = benchmarks.runtime.runner.targets(scenario, found)
    assert target["found"] == own["figures"]["served / not served"]["median"] and target["most"] == 1.03
    assert "served / not served ≤ 1.03" in benchmarks.runtime.table.told("runtime-metrics", scenario, found)


def test_sides_are_timed_by_round_and_held_against_perfcore(benchmarks, scenarios):
    scenario = scenarios["runtime-batcher-threads"].tiny()
    found = benchmarks.runtime.runner.run(scenario, rounds=2)
    own, other = found[:2]
    assert own["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0} and own["rounds"] == 2
    assert other["ratio"]["median"] == pytest.approx(other["ns"]["median"] / own["ns"]["median"], rel=0.5)
    (target,) = benchmarks.runtime.runner.targets(scenario, found)
    assert target["of"] == "LightGBM" and target["met"] == (target["found"] >= 1)
    told = benchmarks.runtime.table.told("runtime-batcher-threads", scenario, found)
    assert "Booster.predict" in told and "target: LightGBM ≥ 1, found " in told


def test_answers_are_held_against_the_plain_way(benchmarks):
    right = {"": np.arange(3.0)}
    verdict = benchmarks.runtime.runner._verdict
    assert verdict(right, right, 0.0) == "same bits" and verdict(right, None, 0.0) == "right"
    assert verdict({"": right[""] + 1e-9}, right, 1e-8) == "within 1e-09"


@pytest.mark.parametrize(
    ("made", "near"),
    [
        ({"": np.arange(3.0) + 1e-9}, 0.0),
        ({"": np.arange(3.0) + 1e-7}, 1e-8),
        ({"x": np.arange(3.0)}, 1.0),
        ({"": np.arange(2.0)}, 1.0),
        ({"": np.array([0.0, 1.0, np.nan])}, 1.0),
    ],
)
def test_what_lies_too_far_apart_is_wrong(benchmarks, made, near):
    with pytest.raises(ValueError):
        benchmarks.runtime.runner._verdict(made, {"": np.arange(3.0)}, near)


def test_the_readme_is_rewritten_from_a_run(benchmarks, scenarios, tmp_path):
    def spread(value):
        return {"median": value, "low": value, "high": value}

    found = {"perfcore": 1_500.0, "LightGBM": 9_000.0, "scikit-learn": 90_000.0}
    results = [
        {"side": side, "ns": spread(ns), "ratio": spread(ns / 1_500), "figures": {"p99 (ms)": spread(12.0)}}
        for side, ns in found.items()
    ]
    document = {
        "machine": dict.fromkeys(("processor", "cores", "system", "versions"), "some"), "date": "2024-01-01",
        "rounds": 7, "scenarios": {name: {"results": results} for name in scenarios},
    }  # fmt: skip
    table, path = benchmarks.runtime.table, tmp_path / "README.md"
    path.write_text(f"before\n{table.BEGIN}\nstale\n{table.END}\nafter\n", encoding="utf-8")
    table.rewrite(tmp_path, document)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale" not in text
    assert "| 1,500 ns a request | LightGBM 6 × | LightGBM ≥ 5: 6; p99 (ms) ≤ 10: 12, **not met** |" in text
    del document["scenarios"]["runtime-batcher-threads"]
    with pytest.raises(SystemExit, match="lack runtime-batcher-threads"):
        table.rewrite(tmp_path, document)


def test_the_readme_has_a_place_for_the_table(benchmarks, repository):
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count(benchmarks.runtime.table.BEGIN) == text.count(benchmarks.runtime.table.END) == 1
