"""Benchmarks of caches: ids stay, rows are compared before anything is timed, the README's table comes from one run."""

import numpy as np
import pytest

pytest.importorskip("joblib")


@pytest.fixture(scope="module", autouse=True)
def benchmarks(benchmarks_in, tmp_path_factory):
    benchmarks_in(tmp_path_factory.mktemp("benchmarks"))
    import benchmarks.__main__
    import benchmarks.caches.runner
    import benchmarks.caches.table
    import benchmarks.caches.worker

    return benchmarks


@pytest.fixture
def scenarios(benchmarks):
    return benchmarks.caches.scenarios.SCENARIOS


IDS = (
    "cache-get-many", "cache-put-many", "cache-evict", "cache-get-one", "cache-space", "cache-threads", "cache-pinned"
)  # fmt: skip


def test_ids_are_permanent(scenarios):
    assert set(scenarios) >= set(IDS)
    assert {scenario.rows for name, scenario in scenarios.items() if name != "cache-space"} == {200_000}
    assert scenarios["cache-space"].rows == 1_000_000 and scenarios["cache-space"].most == 48
    assert scenarios["cache-get-many"].targets == {"caches": 8, "dict of arrays": 8, "dict and take": 2.5, "take": 0.4}


@pytest.mark.parametrize("name", IDS)
def test_every_side_gives_the_rows_that_were_put(benchmarks, scenarios, name):
    scenario = scenarios[name].tiny()
    results = {each["side"]: each for each in benchmarks.caches.runner.run(scenario, rounds=0)}
    for side in ("perfcore", *scenario.here):
        assert results[side]["answers"] == "same bits"
    for cache in scenario.caches:
        assert results[cache]["skipped"] == f"{cache} is not installed and left out; --rivals installs it"


def test_sides_are_timed_by_round_and_held_against_perfcore(benchmarks, scenarios):
    scenario = scenarios["cache-get-many"].tiny()
    found = benchmarks.caches.runner.run(scenario, rounds=3)
    assert found[0]["side"] == "perfcore"
    for result in found:
        if "skipped" not in result:
            assert 0 < result["ns"]["low"] <= result["ns"]["median"] <= result["ns"]["high"] and result["rounds"] == 3
    assert found[0]["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    told = {target["against"]: target for target in benchmarks.caches.runner.targets(scenario, found)}
    assert told.keys() == {"dict of arrays", "dict and take", "take"}
    assert all(target["met"] == (target["found"] >= target["least"]) for target in told.values())


def test_space_is_what_a_process_grows_by(benchmarks, scenarios):
    import dataclasses

    scenario = dataclasses.replace(scenarios["cache-space"], rows=150_000, caches=())
    own, arrays = benchmarks.caches.runner.run(scenario, rounds=1)
    assert 36 < own["bytes"]["median"] < 60 and 40 < own["traced"] < 50
    assert 180 < arrays["bytes"]["median"] < 280


@pytest.fixture
def job(benchmarks, monkeypatch):
    """A tiny job of one side that answers as a class of the test's does."""

    def make(contender, does="get_many"):
        monkeypatch.setattr(benchmarks.caches.worker, "kind", lambda side: contender)
        return benchmarks.caches.worker.Job(does, ["one"], rows=200, batch=16, keys=64, least=0.0)

    return make


def test_a_cache_that_gives_other_rows_is_an_error_and_no_time(benchmarks, job):
    class Wrong(benchmarks.caches.baselines.DictOfArrays):
        def get_many(self, keys, out):
            super().get_many(keys, out)
            out[3] += 1

    asked = job(Wrong)
    assert asked.told()["one"] == {"error": "WrongAnswer: 6% of the numbers are wrong"}


def test_one_that_cannot_be_asked_is_skipped_with_its_reason(benchmarks, job, monkeypatch):
    from benchmarks.caches import rivals

    monkeypatch.setattr(rivals.shutil, "which", lambda name: None)
    assert job(rivals.Redis).told()["one"] == {"skipped": "redis-server is not installed"}


@pytest.mark.parametrize("does", ["get_many", "put_many", "evict", "get_one"])
def test_what_is_timed_is_asked_of_every_key(benchmarks, job, does):
    asked = set()

    class Counting(benchmarks.caches.baselines.DictOfArrays):
        def put_many(self, keys, rows):
            asked.update(keys)
            super().put_many(keys, rows)

        def get_many(self, keys, out):
            asked.update(keys)
            super().get_many(keys, out)

        def get_each(self, keys, row):
            asked.update(keys)
            super().get_each(keys, row)

    work = job(Counting, does)
    before, keys = set(asked), set(work._keys.tolist())
    asked.clear()
    assert work.round(["one"])["one"] > 0
    assert len(asked) == {"put_many": 200, "evict": 64}.get(does, len(set(work._chosen.tolist())))
    assert asked.isdisjoint(before) if does == "evict" else asked <= keys


def test_other_processes_are_held_against_perfcore_by_the_reference(benchmarks):
    ns = {
        "perfcore": {"perfcore": {0: 10.0}, "dict of arrays": {0: 100.0}, "take": {0: 5.0}},
        "cachebox": {"dict of arrays": {0: 200.0}, "cachebox": {0: 300.0, 1: 1.0}},  # slower there by half
    }
    assert benchmarks.caches.runner._ratios(ns, "cachebox", "cachebox") == [15.0]
    assert benchmarks.caches.runner._ratios(ns, "perfcore", "take") == [0.5]


def test_the_best_of_the_caches_is_what_a_target_is_held_against(benchmarks, scenarios):
    results = [
        {"side": side, "ratio": {"median": ratio}}
        for side, ratio in {"perfcore": 1.0, "cachetools": 12.0, "lru-dict": 3.5, "dict of arrays": 2.0}.items()
    ]
    (target,) = benchmarks.caches.runner.targets(scenarios["cache-put-many"], results)
    assert target == {"against": "lru-dict", "least": 4, "found": 3.5, "met": False}
    space = [{"side": "perfcore", "bytes": {"median": 47.0}, "ratio": {"median": 1.0}}]
    assert benchmarks.caches.runner.targets(scenarios["cache-space"], space)[0]["met"]


@pytest.fixture
def document(scenarios):
    def spread(value):
        return {"median": value, "low": value, "high": value}

    found = {"perfcore": 100.0, "dict of arrays": 900.0, "take": 50.0, "lru-dict": 3000.0}
    by_unit = {
        unit: [
            {"side": side, kind: spread(value), "ratio": spread(value / 100), "version": f"{side} 1"}
            for side, value in found.items()
        ]
        for unit, kind in (("key", "ns"), ("bytes", "bytes"))
    }
    return {
        "machine": dict.fromkeys(("processor", "cores", "system"), "some"), "date": "2024-01-01", "rounds": 7,
        "scenarios": {name: {"results": by_unit[scenario.unit]} for name, scenario in scenarios.items()},
    }  # fmt: skip


def test_the_readme_is_rewritten_from_a_run(benchmarks, document, tmp_path):
    table, path = benchmarks.caches.table, tmp_path / "README.md"
    path.write_text(f"before\n{table.BEGIN}\nstale\n{table.END}\nafter\n", encoding="utf-8")
    table.rewrite(tmp_path, document)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale" not in text
    row = "| `cache-get-many` | get_many of 256 keys, all there | 100 ns |"
    assert f"{row} dict of arrays 9.0 ×; take 0.50 ×; lru-dict 30 × |" in text
    assert "| 100 bytes | dict of arrays 9.0 ×; lru-dict 30 × |" in text
    del document["scenarios"]["cache-evict"]
    with pytest.raises(SystemExit, match="lack cache-evict"):
        table.rewrite(tmp_path, document)


def test_the_readme_has_a_place_for_the_table(benchmarks, repository):
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count(benchmarks.caches.table.BEGIN) == text.count(benchmarks.caches.table.END) == 1


def test_a_check_by_ids_asks_the_caches_alone(benchmarks, capsys):
    assert benchmarks.__main__.main(["cache-get-one", "--check"]) == 0
    told = capsys.readouterr().out
    assert "cache-get-one: get of one key" in told and "perfcore lru_exact" in told and "lgb31" not in told
    assert np.char.count(told, "same bits") >= 3
