"""scikit-learn's own tests, from its wheel: none may fail under ``patched("sklearn")`` that passes without."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import perfcore

SUITES = [
    "sklearn/ensemble/tests",
    "sklearn/ensemble/_hist_gradient_boosting/tests",
    "sklearn/tree/tests",
    "sklearn/linear_model/tests",
]


def outcomes(suite, patched, tmp_path):
    """(outcome by test, counts of the patch report) of one run in a process of its own."""
    sklearn = pytest.importorskip("sklearn")
    folder = Path(sklearn.__file__).parents[1] / suite
    if not folder.is_dir():
        pytest.skip(f"this scikit-learn came without {suite}")
    out = tmp_path / f"{patched}.json"
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(perfcore.__file__).parents[1])])
    run = subprocess.run(
        [sys.executable, "-m", "pytest", str(folder), "-q", "-p", "suite_plugin", "-p", "no:cacheprovider"]
        + ["-p", "no:randomly", "-c", os.devnull, "--rootdir", str(folder)],
        env=os.environ
        | {"PYTHONPATH": path, "PERFCORE_SUITE_OUT": str(out), "PERFCORE_SUITE_PATCH": "yes" if patched else ""}
        | {"SKLEARN_TESTS_GLOBAL_RANDOM_SEED": "42"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert out.exists(), run.stdout[-2000:] + run.stderr[-2000:]
    found = json.loads(out.read_text(encoding="utf-8"))
    return found["outcomes"], found["counts"]


@pytest.mark.long
@pytest.mark.parametrize("suite", SUITES)
def test_no_test_of_scikit_learn_fails_for_being_patched(suite, tmp_path, capsys):
    without, _ = outcomes(suite, False, tmp_path)
    with_, counts = outcomes(suite, True, tmp_path)
    answered = sum(calls for _, _, reason, calls, _ in counts if reason == "perfcore")
    passed = sum(calls for _, _, reason, calls, _ in counts if reason != "perfcore")
    with capsys.disabled():
        print(f"\n{suite}: {dict(Counter(with_.values()))} patched, {dict(Counter(without.values()))} without;")
        print(f"{answered:,} calls answered by perfcore, {passed:,} by scikit-learn; where perfcore itself failed:")
        print(*(count for count in counts if count[2].startswith("perfcore failed")), sep="\n")
    worse = [test for test, outcome in without.items() if outcome == "passed" and with_.get(test) != "passed"]
    assert worse == []
    assert answered > 0
