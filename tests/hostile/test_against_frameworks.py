"""Files of small models with a byte changed, which stand for other models: what is read is what the framework reads.

The framework is asked in a process of its own: some of these files crash it, some it reads without end, and some it
refuses that perfcore reads, for notes on training that have no part in an answer.
"""

import random
import selectors
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_models

from perfcore.errors import PerfcoreError
from perfcore.inputs.xgboost import XGBoostInputs
from perfcore.predictor import Predictor
from perfcore.readers import read

FILES = {
    "lightgbm": (small_models.lightgbm_texts, "txt"),
    "json": (small_models.xgboost_json, "json"),
    "ubjson": (small_models.xgboost_ubjson, "ubj"),
    "catboost": (small_models.catboost_files, "cbm"),
}
FLIPS, DIGITS = (0x01, 0x02, 0x80, 0xFF), b"9-0 e"
CELLS = [0.0, -0.0, 0.5, 0.25, 1.0, 2.0, 3.0, 40.0, -2.0, -7.0, 1e-35, 1e30, 3e38, -3e38, np.nan, 33.5, 1.25]
SECONDS, MOST_COLUMNS = 20, 1000


class Framework:
    """Asks a process, and begins another where one ends or stands still."""

    def __init__(self, name):
        self.command = [sys.executable, str(Path(__file__).with_name("framework.py")), name]
        self.process = None

    def answers(self, *paths):
        if self.process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self.process = subprocess.Popen(self.command, text=True, bufsize=1, **pipes)
        print(*paths, file=self.process.stdin, flush=True)
        with selectors.DefaultSelector() as waits:
            waits.register(self.process.stdout, selectors.EVENT_READ)
            told = self.process.stdout.readline() if waits.select(SECONDS) else ""
        if not told:
            self.end()
        return told.startswith("answered")

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None


def changed_files(files, count):
    rng, names = random.Random(0), sorted(files)
    for _ in range(count):
        data = bytearray(files[rng.choice(names)])
        at = rng.randrange(len(data))
        data[at] = rng.choice([*DIGITS, *(data[at] ^ flip for flip in FLIPS)])
        yield bytes(data)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="waits for pipes as POSIX does")
@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_that_both_read_is_answered_alike(name, tmp_path):
    package = name if name in ("lightgbm", "catboost") else "xgboost"
    pytest.importorskip(package)
    files, suffix = FILES[name]
    path, table, to = tmp_path / f"model.{suffix}", tmp_path / "table.npy", tmp_path / "answer.npy"
    framework, alike = Framework(package), 0
    try:
        for data in changed_files({kind: each for kind, each in files().items() if kind != "categories"}, 1500):
            path.write_bytes(data)
            try:
                fast = Predictor(_without_names(read(path)))
                if fast.n_features_in_ > MOST_COLUMNS:
                    continue
                X = np.random.default_rng(1).choice(CELLS, (60, fast.n_features_in_))
                with np.errstate(all="ignore"):
                    answer = fast.predict(X)
            except PerfcoreError:
                continue
            np.save(table, X)
            if framework.answers(path, table, to):
                expected = np.load(to)
                assert (answer.dtype, answer.shape) == (expected.dtype, expected.shape), data
                assert np.array_equal(answer, expected, equal_nan=True), data
                alike += 1
    finally:
        framework.end()
    assert alike > 50


def _without_names(model):
    """As ``predict(validate_features=False)``."""
    if isinstance(model.inputs, XGBoostInputs):
        return replace(model, inputs=replace(model.inputs, feature_names=None))
    return model
