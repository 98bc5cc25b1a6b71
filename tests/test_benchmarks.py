"""Benchmarks: ids stay, wrong answers are never times, the README's table comes from one run."""

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import perfcore

for framework in ("lightgbm", "sklearn", "joblib"):
    pytest.importorskip(framework)


@pytest.fixture(scope="module", autouse=True)
def benchmarks(repository, tmp_path_factory):
    """The package, and a working folder that its cache may lie in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository))
        # For the workers, which start in that folder: the benchmarks, and perfcore from wherever it is here.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(repository), str(Path(perfcore.__file__).parents[1])]))
        patch.chdir(tmp_path_factory.mktemp("benchmarks"))
        import benchmarks.__main__
        import benchmarks.models
        import benchmarks.runner
        import benchmarks.sides

        yield benchmarks
        for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def measured(benchmarks):
    """A tiny scenario: the source, perfcore, and a side that lies."""
    from benchmarks.scenarios import RECIPES, SCENARIOS

    found, _ = benchmarks.sides.sides()
    liar = dataclasses.replace(found[1], name="liar", adapter="liar")
    pool = benchmarks.runner.Pool(keep=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmarks.sides.Side, "takes", lambda self, framework: True)
        scenario, recipe = SCENARIOS["lgb31-10rows"].tiny(), RECIPES["lgb31"].tiny()
        results = benchmarks.runner.run(scenario, recipe, [*found[:2], liar], pool, rounds=3, least=0.0)
    return {result["side"]: result for result in results}


def test_ids_are_permanent():
    from benchmarks.scenarios import RECIPES, SCENARIOS

    assert set(SCENARIOS) >= {
        "lgb31", "lgb255", "lgb31-300f", "xgb6", "xgb8", "hgb31", "gb", "rf10", "rf", "lgb31-2t", "xgb6-2t",
        "lgb31-100rows", "lgb31-10rows", "lgb31-1row", "xgb6-1row", "hgb31-1row", "rf-1row", "logistic-1row",
    }  # fmt: skip
    assert {scenario.model for scenario in SCENARIOS.values()} == set(RECIPES)
    assert RECIPES["lgb31"].parameters["num_boost_round"] == 500 and RECIPES["lgb31"].parameters["num_leaves"] == 31


def test_both_sides_are_timed_by_round(measured):
    source, own = measured["source"], measured["perfcore"]
    assert own["answers"] == "same bits" and "lightgbm" in source["made_with"] and "kernel" in own["made_with"]
    for result in (source, own):
        assert 0 < result["ns"]["low"] <= result["ns"]["median"] <= result["ns"]["high"]
    assert source["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0}


def test_a_side_that_fails_is_an_error_and_no_time(measured):
    assert "ModuleNotFoundError" in measured["liar"]["error"] and "ns" not in measured["liar"]


def test_wrong_answers_are_errors(benchmarks):
    compare, wrong = benchmarks.runner.compare, benchmarks.runner.WrongAnswer
    right = np.array([0.1, 0.2, 0.3])
    near = np.nextafter(right, 1)
    assert compare(right, right.copy(), exact=True) == "same bits"
    for other in (near, right.astype(np.float32), right[:2], right[:, None], np.array([0.1, 0.2, np.nan])):
        with pytest.raises(wrong):
            compare(right, other, exact=True)
    assert compare(right, near, exact=False).startswith("100% of the answers differ")
    for other in (right + 1e-3, right[:2], np.array([0.1, 0.2, np.nan])):
        with pytest.raises(wrong):
            compare(right, other, exact=False)


def test_a_model_is_trained_once_for_a_recipe(benchmarks):
    from benchmarks.scenarios import RECIPES

    recipe = RECIPES["logistic"].tiny()
    folder = benchmarks.models.model_folder(recipe)
    stamp = (folder / "model.joblib").stat().st_mtime_ns
    assert benchmarks.models.model_folder(recipe) == folder
    assert (folder / "model.joblib").stat().st_mtime_ns == stamp
    assert benchmarks.models.model_folder(dataclasses.replace(recipe, n_features=12)) != folder


def test_the_readme_table_is_rewritten_from_a_run(benchmarks, tmp_path):
    from benchmarks import readme

    spread = {"median": 50.4, "low": 48.0, "high": 52.0}
    timed = [{"side": side, "ns": spread, "ratio": spread} for side in ("source", "perfcore", "perfcore portable")]
    machine = dict.fromkeys(("processor", "instruction set", "system", "versions"), "some")
    document = {
        "machine": machine,
        "date": "2024-01-01",
        "rounds": 7,
        "scenarios": {name: {"what": f"model of {name}", "results": timed} for name in readme.SHOWN},
    }
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n", encoding="utf-8")
    readme.rewrite(path, document)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| `lgb31` | model of lgb31 | 50 ns | 50 ns | **50 ×** (48–52) | 50 × |" in text
    del document["scenarios"]["rf"]
    with pytest.raises(SystemExit, match="lack rf"):
        readme.rewrite(path, document)


def test_the_readme_has_a_place_for_the_table(benchmarks, repository):
    from benchmarks import readme

    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count(readme.BEGIN) == text.count(readme.END) == 1


def test_an_unknown_id_is_named(benchmarks, capsys):
    assert benchmarks.__main__.main(["lgb32"]) == 2
    assert "unknown: lgb32" in capsys.readouterr().err
