"""Benchmarks: ids stay, wrong answers are never times, the README's table comes from one run."""

import copy
import dataclasses
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

for framework in ("lightgbm", "sklearn", "joblib"):
    pytest.importorskip(framework)


@pytest.fixture(scope="module", autouse=True)
def benchmarks(benchmarks_in, tmp_path_factory):
    """The package, and a working folder that its cache may lie in."""
    benchmarks_in(tmp_path_factory.mktemp("benchmarks"))
    import benchmarks.__main__
    import benchmarks.models
    import benchmarks.runner
    import benchmarks.sides

    return benchmarks


@pytest.fixture(scope="module")
def measure(benchmarks):
    """Runs a tiny scenario on some sides; results by side."""
    from benchmarks.scenarios import RECIPES, SCENARIOS

    pool = benchmarks.runner.Pool(keep=True)

    def run(name, *sides, rounds=3):
        scenario = SCENARIOS[name]
        tiny = scenario.tiny(), RECIPES[scenario.model].tiny()
        return {each["side"]: each for each in benchmarks.runner.run(*tiny, list(sides), pool, rounds, least=0.0)}

    yield run
    pool.close()


@pytest.fixture(scope="module")
def sides(benchmarks):
    """The source and perfcore, best first."""
    return [side for side in benchmarks.sides.sides()[0] if not side.rival]


@pytest.fixture(scope="module")
def rival(benchmarks, tmp_path_factory):
    """Makes rivals out of the source's adapter and one more line of code, in a package path of their own."""
    import benchmarks.adapters

    folder = tmp_path_factory.mktemp("adapters")
    hook = folder / "sitecustomize.py"
    hook.write_text(f"import benchmarks.adapters as package\npackage.__path__.append({str(folder)!r})\n")
    path = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])

    def make(name, line, frameworks=("lightgbm",)):
        (folder / f"{name}.py").write_text(
            "from . import Ready, Unable\nfrom .source import prepare as of_source\n"
            f"FRAMEWORKS = {frameworks!r}\n"
            f"def prepare(*model):\n    ready = of_source(*model)\n    right = ready.many\n    {line}\n"
            "    ready.one = None\n    return ready\n"
        )
        return benchmarks.sides.Side(name, name, environment={"PYTHONPATH": path}, rival=True)

    benchmarks.adapters.__path__.append(str(folder))
    yield make
    benchmarks.adapters.__path__.remove(str(folder))


@pytest.fixture
def document():
    """A run's results, made up."""
    return make_document({"source": 1000.0, "tl2cgen": 500.0, "onnxruntime": 700.0, "perfcore": 20.0})


def make_document(ns, names=None, machine=None):
    from benchmarks import readme

    def spread(value):
        return {"median": value, "low": value * 0.9, "high": value * 1.1}

    found = [
        {
            "side": side, "ns": spread(each), "ratio": spread(ns["source"] / each), "rounds": 7,
            "version": f"{side.partition(' ')[0]} 1.0", "call": "predict",
        }
        for side, each in ns.items()
    ]  # fmt: skip
    names = names or {*readme.SHOWN, *readme.DRAWN}
    return {
        "machine": dict.fromkeys(("processor", "instruction set", "system", "versions", "flags"), "some")
        | (machine or {}),
        "date": "2024-01-01",
        "rounds": 7,
        "scenarios": {name: {"what": f"model of {name}", "per": "row", "results": found} for name in names},
    }


@pytest.fixture(scope="module")
def measured(benchmarks, measure, sides):
    """A tiny scenario: the source, perfcore, and a side that fails."""
    return measure("lgb31-10rows", *sides[:2], dataclasses.replace(sides[1], name="failing", adapter="failing"))


def test_ids_are_permanent():
    from benchmarks.scenarios import RECIPES, SCENARIOS

    assert set(SCENARIOS) >= {
        "lgb31", "lgb255", "lgb31-300f", "xgb6", "xgb8", "hgb31", "gb", "rf10", "rf", "lgb31-2t", "xgb6-2t",
        "lgb31-100rows", "lgb31-10rows", "lgb31-1row", "xgb6-1row", "hgb31-1row", "rf-1row", "logistic-1row",
        "lgb31-nan", "lgb31-cat", "lgb31-10class", "lgb31-f64", "lgb31-df", "xgb6-nan", "xgb6-df", "hgb31-nan",
        "rf-reg", "rf-reg-1row", "lgb255-load", "cat6", "cat6-1row",
    }  # fmt: skip
    assert {scenario.model for scenario in SCENARIOS.values()} == set(RECIPES)
    assert RECIPES["lgb31"].parameters["num_boost_round"] == 500 and RECIPES["lgb31"].parameters["num_leaves"] == 31
    ten = RECIPES["lgb31-10class"].parameters
    assert ten["num_boost_round"] * ten["num_class"] == 500


def test_both_sides_are_timed_by_round(measured):
    source, own = measured["source"], measured["perfcore"]
    assert own["answers"] == "same bits" and "lightgbm" in source["version"] and "kernel" in own["call"]
    for result in (source, own):
        assert 0 < result["ns"]["low"] <= result["ns"]["median"] <= result["ns"]["high"]
    assert source["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0}


def test_a_side_that_fails_is_an_error_and_no_time(measured):
    assert "ModuleNotFoundError" in measured["failing"]["error"] and "ns" not in measured["failing"]


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


def test_every_kind_of_table_gets_the_same_bits(measure, sides):
    from benchmarks.scenarios import SCENARIOS

    for name in ("lgb31-nan", "lgb31-cat", "lgb31-10class", "lgb31-f64", "lgb31-df", "hgb31-nan", "rf-reg"):
        results = measure(name, *sides[:2], rounds=0)
        assert results["perfcore"]["answers"] == "same bits", (name, SCENARIOS[name].what)


def test_made_up_tables_are_what_recipes_ask_for(benchmarks):
    from benchmarks.scenarios import RECIPES

    table, target = benchmarks.models.table, benchmarks.models.target
    missing = np.isnan(table(RECIPES["lgb31-nan"], 1000, seed=3)).mean()
    assert 0.08 < missing < 0.12
    X = table(RECIPES["lgb31-cat"], 1000, seed=3)
    assert (X[:, :8] == np.floor(X[:, :8])).all() and X[:, :8].max() > 100 and (X[:, 8:] % 1 != 0).mean() > 0.9
    assert set(target(RECIPES["lgb31-10class"], X)) == set(range(10))
    wide = table(RECIPES["lgb31"], 1000, seed=3, dtype="float64")
    assert wide.dtype == np.float64 and (wide != wide.astype(np.float32)).mean() > 0.9


def test_a_load_is_timed_from_the_file(measure, sides):
    results = measure("lgb255-load", *sides[:2])
    assert results["perfcore"]["answers"] == "same bits"
    assert results["perfcore"]["ns"]["low"] > 1e5  # far from the time of ten answers


def test_two_threads_are_held_against_one_in_the_same_rounds(measure, sides):
    results = measure("lgb31-2t", *sides[:2])
    assert results["perfcore, one thread"]["answers"] == "same bits"
    assert results["perfcore"]["threads_gain"]["median"] > 0


def test_a_rival_that_answers_nearly_right_is_timed_and_a_wrong_one_is_not(measure, sides, rival):
    near = rival("near", "ready.many = lambda X: right(X) * (1 + 1e-7)")
    wrong = rival("wrong", "ready.many = lambda X: right(X) + 1e-3")
    results = measure("lgb31-10rows", sides[0], near, wrong)
    assert results["near"]["ns"]["median"] > 0 and results["near"]["answers"].startswith("100% of the answers differ")
    assert "WrongAnswer: 100.0%" in results["wrong"]["error"] and "ns" not in results["wrong"]


def test_a_rival_that_declines_is_skipped_with_its_reason(measure, sides, rival):
    declines = rival("declines", "raise Unable('too many leaves')")
    blind = rival("blind", "pass", frameworks=("xgboost",))
    results = measure("lgb31-10rows", sides[0], declines, blind, rounds=0)
    assert results["declines"]["skipped"] == "too many leaves"
    assert results["blind"]["skipped"] == "does not read lightgbm"
    assert measure("lgb31-df", sides[0], declines, rounds=0)["declines"]["skipped"].startswith("is asked with numpy")


def test_one_wrong_answer_in_a_thousand_is_told_and_two_are_wrong(benchmarks):
    expected = np.linspace(0.1, 0.9, 1000)
    got = expected.copy()
    got[7] += 0.01
    assert benchmarks.runner.compare(expected, got, exact=False).endswith("1 of 1,000 by more than 1e-05")
    got[8] += 0.01
    with pytest.raises(benchmarks.runner.WrongAnswer, match="0.2% of the answers are wrong, by up to 0.01"):
        benchmarks.runner.compare(expected, got, exact=False)


def test_a_rival_may_give_the_second_class_alone(benchmarks):
    expected = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert benchmarks.runner.compare(expected, np.array([0.1, 0.8])[:, None, None], exact=False) == "same bits"
    with pytest.raises(benchmarks.runner.WrongAnswer):
        benchmarks.runner.compare(expected, np.array([0.9, 0.2]), exact=False)


def test_long_rounds_are_fewer(benchmarks, sides, rival):
    slow = rival("slow", "pass")
    rounds = benchmarks.runner._rounds
    told = {"source": {"seconds": 0.1}, "perfcore": {"seconds": 0.01}, "slow": {"seconds": 60.0}}
    assert rounds(told, [*sides[:2], slow], 7) == {
        "source": [0, 1, 2, 3, 4, 5, 6], "perfcore": [0, 1, 2, 3, 4, 5, 6], "slow": [0, 3, 6]
    }  # fmt: skip
    told["source"]["seconds"] = 60.0
    assert rounds(told, sides[:2], 7) == {"source": [0, 1, 2, 3, 4], "perfcore": [0, 1, 2, 3, 4]}
    assert rounds(told, sides[:2], 0) == {"source": [], "perfcore": []}


def test_what_a_rival_converts_is_made_once_and_a_failure_is_told(benchmarks, tmp_path, monkeypatch):
    from benchmarks.adapters import Unable, converted

    with pytest.raises(Unable, match="cannot convert it: .*No module named"):
        converted("nobody", tmp_path, "lightgbm", "made", limit_s=60)
    monkeypatch.setattr(sys, "executable", "no such python")  # nothing is tried twice
    with pytest.raises(Unable, match="cannot convert it"):
        converted("nobody", tmp_path, "lightgbm", "made", limit_s=60)
    (tmp_path / "done.json").write_text('{"seconds": 2.5}')
    assert converted("nobody", tmp_path, "lightgbm", "done", limit_s=60) == (tmp_path / "done", 2.5)


def test_the_absence_of_rivals_is_said(benchmarks, sides):
    found, absent = benchmarks.sides.sides()
    assert [side.name for side in found] == [side.name for side in sides]
    for rival in ("onnxruntime", "treelite", "tl2cgen", "lleaves", "daal4py"):
        assert f"{rival} is not installed and left out; --rivals installs it" in absent


def test_scenarios_of_a_framework_that_is_absent_are_left_out(benchmarks, monkeypatch, capsys):
    monkeypatch.setitem(benchmarks.models.DISTRIBUTIONS, "catboost", ("no-such-distribution",))
    assert benchmarks.__main__.main(["cat6", "--check"]) == 0
    assert "cat6 is left out: catboost is not installed" in capsys.readouterr().out


def test_runs_of_one_machine_are_put_together(benchmarks, document):
    from benchmarks import results

    again = make_document({"source": 900.0, "perfcore": 30.0}, names=["lgb31", "lgb31-new"])
    merged = results.merge(document, again | {"date": "2024-02-02", "rounds": 5})
    assert merged["scenarios"].keys() == document["scenarios"].keys() | {"lgb31-new"}
    assert merged["scenarios"]["lgb31"] == again["scenarios"]["lgb31"]
    assert merged["scenarios"]["lgb255"] == document["scenarios"]["lgb255"]
    assert (merged["date"], merged["rounds"]) == ("2024-02-02", 5)


def test_runs_of_unlike_machines_or_versions_are_refused(benchmarks, document, tmp_path, capsys):
    other = make_document({"source": 900.0, "perfcore": 30.0}, ["lgb31"], machine={"processor": "another"})
    newer = copy.deepcopy(document)
    newer["scenarios"]["lgb31"]["results"][1]["version"] = "tl2cgen 2.0"
    paths = {name: tmp_path / f"{name}.json" for name in ("mine", "other", "newer", "out")}
    for name, each in (("mine", document), ("other", other), ("newer", newer)):
        paths[name].write_text(json.dumps(each), encoding="utf-8")
    for name, reason in (("other", "processor: some against another"), ("newer", "tl2cgen: 1.0 against 2.0")):
        arguments = ["--merge", str(paths["mine"]), str(paths[name]), "--json", str(paths["out"])]
        assert benchmarks.__main__.main(arguments) == 1 and not paths["out"].exists()
        assert reason in capsys.readouterr().err
        assert benchmarks.__main__.main(["--readme", str(paths["mine"]), str(paths[name])]) == 1
    assert benchmarks.__main__.main(["--merge", *2 * [str(paths["mine"])], "--json", str(paths["out"])]) == 0
    assert json.loads(paths["out"].read_text(encoding="utf-8")) == document


def test_machines_are_told_apart_by_one_flag(benchmarks):
    from benchmarks import results

    flags = [" ".join(f"flag{i}" for i in range(100)), " ".join(f"flag{i}" for i in range(99))]
    documents = [make_document({"source": 9.0, "perfcore": 3.0}, machine={"flags": each}) for each in flags]
    with pytest.raises(results.Unlike, match="flags: only the first has flag99, only the second nothing more"):
        results.merge(*documents)


def test_this_machine_is_described(benchmarks):
    from benchmarks import machine

    described = machine.describe()
    assert described == machine.describe()
    assert {"processor", "flags", "cores", "memory", "versions", "perfcore's build"} <= described.keys()


def test_the_narrowest_margin_is_against_the_fastest_of_all_others(benchmarks, document):
    from benchmarks import results

    slow = make_document({"source": 100.0, "tl2cgen": 400.0, "perfcore": 50.0}, ["xgb6"])["scenarios"]
    slow["lgb255-load"] = slow["xgb6"] | {"per": "load"}
    unanswered = {"lgb31": {"what": "", "per": "row", "results": [{"side": "source", "error": "none"}]}}
    margins = results.margins({"scenarios": document["scenarios"] | slow | unanswered})
    assert margins[0] == results.Margin(2.0, "xgb6", "source 1.0")
    assert margins[1].ratio == 25.0 and margins[1].against == "tl2cgen 1.0"
    assert not {"lgb31", "lgb255-load"} & {margin.name for margin in margins}


def test_a_load_is_held_against_compilers(benchmarks):
    from benchmarks import results

    loads = make_document({"source": 7.0, "treelite": 2.0, "tl2cgen": 600.0, "perfcore": 4.0})["scenarios"]["lgb31"]
    assert results.fastest_rival(loads)["side"] == "treelite"
    assert results.fastest_rival(loads | {"per": "load"})["side"] == "tl2cgen"


@pytest.fixture
def root(tmp_path):
    from benchmarks import readme

    (tmp_path / "docs").mkdir()
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n", encoding="utf-8")
    return tmp_path


def test_the_readme_is_rewritten_from_a_run(benchmarks, document, root):
    from benchmarks import readme

    readme.rewrite(root, document)
    text = (root / "README.md").read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    row = "| `lgb31` | model of lgb31 | 1,000 ns | 500 ns, tl2cgen | 20 ns | **50 ×** (45–55) | 25 × |  |  |"
    assert row in text and "The narrowest: `" in text and "25 × tl2cgen 1.0" in text
    assert "(docs/benchmarks.svg)" in text and (root / "docs/benchmarks.svg").exists()
    del document["scenarios"]["rf"]
    with pytest.raises(SystemExit, match="lack rf"):
        readme.rewrite(root, document)


def test_the_readme_does_without_rivals_and_has_every_instruction_set(benchmarks, root):
    from benchmarks import readme

    sides = {"source": 20_000.0, "perfcore": 100.0, "perfcore avx2": 250.0, "perfcore portable": 400.0}
    readme.rewrite(root, make_document(sides))
    row = "| `lgb31` | model of lgb31 | 20.0 µs |  | 100 ns | **200 ×** (180–220) |  | 80 × | 50 × |"
    assert row in (root / "README.md").read_text(encoding="utf-8")


def test_the_picture_is_well_formed_and_to_scale(benchmarks, document):
    from benchmarks import readme

    drawn = ElementTree.fromstring(readme.draw(document))
    space = "{http://www.w3.org/2000/svg}"
    assert drawn.tag == f"{space}svg"
    bars = {rect.get("class"): float(rect.get("width")) for rect in drawn.iter(f"{space}rect")}  # the last of a kind
    source, rival, best = (bars[kind] for kind in ("source", "rival", "best"))
    # 1000, 500 and 20 ns on a scale that begins with 10.
    assert rival / source == pytest.approx(np.log10(50) / 2, abs=0.01)
    assert best / source == pytest.approx(np.log10(2) / 2, abs=0.01)
    words = " ".join(text.text for text in drawn.iter(f"{space}text"))
    assert "lgb31" in words and "500 ns tl2cgen" in words and "20 ns · 50 ×" in words and "AVX2" not in words


def test_the_readme_has_a_place_for_the_table(benchmarks, repository):
    from benchmarks import readme

    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count(readme.BEGIN) == text.count(readme.END) == 1


def test_an_unknown_id_is_named(benchmarks, capsys):
    assert benchmarks.__main__.main(["lgb32"]) == 2
    assert "unknown: lgb32" in capsys.readouterr().err
