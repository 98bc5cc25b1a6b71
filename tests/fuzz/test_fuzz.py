"""A minute of fuzzing for each format (make check-long)."""

import subprocess
import sys
from pathlib import Path

import pytest

FORMATS = ("lightgbm", "json", "ubjson", "catboost", "pcore")


@pytest.mark.long
@pytest.mark.parametrize("name", FORMATS)
def test_a_minute_of_made_up_files_finds_nothing(name, tmp_path):
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python and platform")
    command = [sys.executable, str(Path(__file__).parent), "--seconds", "60", "--folder", str(tmp_path), name]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
