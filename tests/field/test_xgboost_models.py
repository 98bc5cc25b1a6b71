"""XGBoost models of other projects, against the framework that opens them today and against their noted answers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import perfcore

LEGACY = {
    # name: rows, noted answers, and what those are: a method, over boosting rounds
    "xgagaricus.model": ("agaricus_test.libsvm", "xgagaricus_true_predictions.txt", "predict", None),
    "xg_dart_agaricus.model": (
        "agaricus_test.libsvm", "xg_dart_agaricus_true_predictions.txt", "predict_raw", (0, 10)
    ),
    "xgblin_agaricus.model": (
        "agaricus_test.libsvm", "xgblin_agaricus_true_raw_predictions.txt", "predict_raw", None
    ),
    "xgdermatology.model": ("dermatology_test.libsvm", "xgdermatology_true_predictions.txt", "predict_raw", None),
}  # fmt: skip
LEGACY_PYTHON = "PERFCORE_LEGACY_XGBOOST_PYTHON"


@pytest.fixture(scope="module")
def higgs(shared):
    path = shared / "models" / "treebeard" / "higgs.json"
    rows = np.loadtxt(shared / "models" / "treebeard" / "higgs_rows.csv", delimiter=",")
    return path, rows[:, :-1].astype(np.float32), rows[:, -1]


def frame(X, names):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X, columns=list(names))


def test_higgs_answers_its_noted_predictions(higgs):
    path, X, noted = higgs
    fast = perfcore.compile(path)
    answers = fast.predict(frame(X, fast.feature_names_in_))
    assert answers.tobytes() == noted.astype(np.float32).tobytes()


def test_higgs_live_and_from_file_answers_as_xgboost_does(higgs):
    xgboost = pytest.importorskip("xgboost")
    path, X, _ = higgs
    booster = xgboost.Booster(model_file=str(path))
    matrix = xgboost.DMatrix(X, feature_names=booster.feature_names)
    table = frame(X, booster.feature_names)
    for source in (path, booster):
        fast = perfcore.compile(source)
        for ours, theirs in (
            (fast.predict(table), booster.predict(matrix)),
            (fast.predict_raw(table), booster.predict(matrix, output_margin=True)),
            (fast.apply(table), booster.predict(matrix, pred_leaf=True)),
        ):
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
            assert ours.tobytes() == theirs.tobytes()


def opens_legacy_binary():
    try:
        import xgboost
    except ImportError:
        return False
    return tuple(map(int, xgboost.__version__.split(".")[:2])) <= (3, 0)


@pytest.mark.parametrize("name", LEGACY)
def test_legacy_binary_is_refused_with_the_reason(shared, name):
    if opens_legacy_binary():
        pytest.skip("the installed xgboost opens the legacy binary format")
    with pytest.raises(
        perfcore.errors.UnsupportedModelError, match="legacy binary format, which only xgboost up to 3.0"
    ):
        perfcore.compile(shared / "models" / "leaves" / name)


def test_legacy_binary_through_an_old_xgboost(shared):
    python = sys.executable if opens_legacy_binary() else os.environ.get(LEGACY_PYTHON)
    if not python:
        pytest.skip(f"needs xgboost <= 3.0: set {LEGACY_PYTHON} to the interpreter of an environment that has one")
    done = subprocess.run(
        [python, __file__, str(shared / "models" / "leaves")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("equal") == len(LEGACY), done.stdout


def libsvm(path, width):
    """Rows of a libsvm text; absent cells are missing."""
    lines = path.read_text().splitlines()
    X = np.full((len(lines), width), np.nan, np.float32)
    for row, line in enumerate(lines):
        for cell in line.split()[1:]:
            column, value = cell.split(":")
            X[row, int(column)] = float(value)
    return X


def compare_legacy(folder):
    """Runs in the old environment: perfcore through it, against it, to the bit and to the printed digits."""
    import xgboost

    for name, (rows, answers, method, rounds) in LEGACY.items():
        booster = xgboost.Booster(model_file=str(folder / name))
        X = libsvm(folder / rows, booster.num_features())
        matrix = xgboost.DMatrix(X)
        for source in (folder / name, booster):
            fast = perfcore.compile(source)
            pairs = [
                (fast.predict(X), booster.predict(matrix)),
                (fast.predict_raw(X), booster.predict(matrix, output_margin=True)),
            ]
            if hasattr(fast, "apply"):  # a linear booster has no leaves
                pairs.append((fast.apply(X), booster.predict(matrix, pred_leaf=True)))
            for ours, theirs in pairs:
                assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
                assert ours.tobytes() == theirs.tobytes(), name
        noted = np.loadtxt((folder / answers).read_text().replace("\t", " ").splitlines())
        again = getattr(perfcore.compile(folder / name, iteration_range=rounds), method)(X)
        assert again.shape == noted.shape and again.tobytes() == noted.astype(np.float32).tobytes(), name
        print(name, "equal", X.shape)


if __name__ == "__main__":
    compare_legacy(Path(sys.argv[1]))
