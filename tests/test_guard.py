"""The guards catch a kernel that became a tenth slower, and are silent about noise."""

import ast
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from perfcore._ext.forest import ISAS, KERNELS


@pytest.fixture(scope="module", autouse=True)
def benchmarks(benchmarks_in, repository):
    """The package, in the repository's own folder: what is guarded are its sources."""
    pytest.importorskip("lightgbm")
    benchmarks_in(repository)
    import benchmarks.compare
    import benchmarks.guard.__main__
    import benchmarks.guard.counting

    return benchmarks


@pytest.fixture
def guard(benchmarks):
    return sys.modules["benchmarks.guard.__main__"]


@pytest.fixture
def counting(benchmarks):
    return benchmarks.guard.counting


# -- instruction counts ----------------------------------------------------------------------------------

PREDICT = "(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {"
IDLE = """
        static const int64_t idle = std::getenv("PLANTED") ? std::atoll(std::getenv("PLANTED")) : 0;
        for (volatile int64_t i = 0; i < (end - begin) * idle; i = i + 1) {}"""


def plant(tree):
    """Idle loops in every kernel of a source tree: so many turns a row as PLANTED says."""
    planted = 0
    for header in (tree / "src/perfcore/_ext/include").rglob("*.hpp"):
        text = header.read_text(encoding="utf-8")
        planted += text.count(PREDICT)
        text = text.replace(PREDICT, PREDICT + IDLE).replace("#pragma once", "#pragma once\n#include <cstdlib>")
        header.write_text(text, encoding="utf-8")
    assert planted == len(KERNELS) - 2  # none is "auto"; the walk is not guarded


def test_a_planted_tenth_of_more_instructions_is_caught(guard, counting, repository, tmp_path, monkeypatch):
    command = counting.compiler()
    if command is None or shutil.which("valgrind") is None:
        pytest.skip("needs g++ and valgrind")
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.so"))
    plant(tmp_path)
    monkeypatch.setattr(counting, "FLAGS", tuple("-O1" if flag == "-O3" else flag for flag in counting.FLAGS))
    program, names = counting.build(command, tmp_path, tmp_path), counting.kernel_names(tmp_path)

    def count(turns):
        monkeypatch.setenv("PLANTED", str(turns))
        return counting.count(program, names, tmp_path, ["portable"])

    before, cell = count(0), "bitslice/boosted"
    assert guard.deviations(before, count(0)) == []
    turn = (count(100)["portable"][cell] - before["portable"][cell]) / 100  # instructions of one turn a row
    planted = count(round(0.1 * before["portable"][cell] / turn))
    assert any(re.match(rf"portable/{cell}: .*: \+(9|10)\.\d%$", line) for line in guard.deviations(before, planted))


@pytest.mark.parametrize(
    "before, now, said",
    [
        ({"a": 1000}, {"a": 1019}, None),
        ({"a": 1000}, {"a": 981}, None),
        ({"a": 1000}, {"a": 1021}, "portable/a: 1,021 instructions, 1,000 before: +2.1%"),
        ({"a": 1000}, {"a": 979}, "portable/a: 979 instructions, 1,000 before: -2.1%"),
        ({"a": 1000}, {"a": 1000, "b": 1}, "portable/b: is not in the baseline"),
        ({"a": 1000, "b": 1}, {"a": 1000}, "portable/b: is no longer counted"),
    ],
)
def test_counts_are_held_within_two_percent(guard, before, now, said):
    assert guard.deviations({"portable": before}, {"portable": now}) == ([said] if said else [])


def test_an_instruction_set_that_one_machine_cannot_count_says_nothing(guard):
    assert guard.deviations({"portable": {"a": 9}}, {"portable": {"a": 9}, "avx512": {"a": 9}}) == []
    assert guard.deviations({"portable": {"a": 9}, "avx512": {"a": 9}}, {"portable": {"a": 9}}) == []


def test_where_nothing_can_be_counted_the_guard_says_so_and_passes(guard, counting, monkeypatch, capsys):
    monkeypatch.setattr(guard.shutil, "which", lambda name: None)
    assert guard.main([]) == 0 and "skipped: valgrind not installed" in capsys.readouterr().out.replace("g++ and ", "")
    monkeypatch.setattr(guard.shutil, "which", lambda name: "/usr/bin/valgrind")
    monkeypatch.setattr(counting, "compiler", lambda: "g++")
    monkeypatch.setattr(counting, "compiler_version", lambda command: "gcc 99.1")
    assert guard.main([]) == 0 and "skipped: gcc 99.1 here" in capsys.readouterr().out


def test_what_is_counted_is_built_as_the_wheel_is(counting, repository):
    setup = ast.parse((repository / "setup.py").read_text(encoding="utf-8"))
    lists = [[getattr(e, "value", None) for e in node.elts] for node in ast.walk(setup) if isinstance(node, ast.List)]
    flags = next(each for each in lists if "-ffp-contract=off" in each)
    assert set(counting.FLAGS) - {"-w"} == set(flags) - {"-g0"}
    assert counting.kernel_names(repository) == KERNELS


def test_the_baseline_is_of_kernels_that_there_are(guard):
    for entry in json.loads(guard.BASELINE.read_text(encoding="utf-8")).values():
        assert entry["reason"] and set(entry["instructions"]) <= set(ISAS)
        for counts in entry["instructions"].values():
            assert {name.partition("/")[0] for name in counts} <= set(KERNELS) and all(n > 0 for n in counts.values())


# -- base against head -----------------------------------------------------------------------------------


def noisy(rng, factor, n=12):
    """Ratios of pairs on a machine where a side varies by 3 %, and one in ten measurements is off by a third."""
    sides = rng.normal(1, 0.03, (2, n)) * np.where(rng.random((2, n)) < 0.1, 1.3, 1.0)
    return list(factor * sides[0] / sides[1])


def test_noise_alone_is_not_slower(benchmarks, capsys):
    rng = np.random.default_rng(1)
    verdicts = [benchmarks.compare.judge(lambda: noisy(rng, 1.0), "same")["slower"] for _ in range(2_000)]
    assert sum(verdicts) <= 2  # of 2,000


def test_a_planted_tenth_of_more_time_is_slower(benchmarks, capsys):
    rng = np.random.default_rng(2)
    verdicts = [benchmarks.compare.judge(lambda: noisy(rng, 1.1), "slower")["slower"] for _ in range(200)]
    assert sum(verdicts) >= 195


def test_faster_is_not_slower(benchmarks, capsys):
    assert not benchmarks.compare.judge(lambda: [0.8, 0.9, 0.85] * 4, "faster")["slower"]


def test_a_folder_is_where_perfcore_is_taken_from(benchmarks, tmp_path):
    import perfcore

    package = re.sub(r".perfcore.__init__\.py$", "", perfcore.__file__)
    found = benchmarks.compare.side("base", benchmarks.compare.installed(package), "portable")
    assert found.environment == {"PYTHONPATH": package, "PERFCORE_ISA": "portable"}
    with pytest.raises((SystemExit, subprocess.CalledProcessError)):
        benchmarks.compare.side("base", benchmarks.compare.installed(str(tmp_path)), None)


def test_unknown_cells_and_revisions_are_named(benchmarks, capsys):
    with pytest.raises(SystemExit):
        benchmarks.compare.main(["HEAD", "--cells", "lgb31", "lgb32", "rf-*-r1"])
    assert capsys.readouterr().err.endswith("no cell of the grid and no scenario is named lgb32\n")
    with pytest.raises(SystemExit, match="no-such-thing is no folder, no .whl file and no git revision"):
        benchmarks.compare.main(["no-such-thing", "--cells", "lgb31"])
