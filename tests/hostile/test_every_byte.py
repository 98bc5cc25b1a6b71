"""Small models of every format, cut and changed at every byte: a reading or an error, in little memory and time."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory as Linux does")

FORMATS = ("lightgbm", "json", "ubjson", "catboost", "pcore")


def outcomes(name, step):
    """How many of the changed files are read and refused; `every_byte` raises for whatever else comes of one."""
    script = Path(__file__).with_name("every_byte.py")
    ran = subprocess.run([sys.executable, str(script), name, str(step)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-4000:]
    return map(int, ran.stdout.split())


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_or_changed_here_and_there_is_read_as_it_stands_or_refused(name):
    read, refused = outcomes(name, {"pcore": 122, "ubjson": 82, "json": 46}.get(name, 22))
    assert read > 10 and refused > 10


@pytest.mark.long
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_or_changed_at_any_byte_is_read_as_it_stands_or_refused(name):
    read, refused = outcomes(name, 1)
    assert read > 100 and refused > 1000
