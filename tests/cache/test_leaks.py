"""No call leaves anything behind: memory, files, threads or circles of objects."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import perfcore

QUICK = [
    *("made", "get_many", "view", "views that outlive", "put_many in turn", "on_evict that fails", "resize"),
    *("get_or_load_many that fails", "get_or_load_many of itself", "prefetch that fails", "open of what is broken"),
    *("predictions", "models"),
]


def leaks(times, folder, names=()):
    pytest.importorskip("psleak", reason="needs psleak, which is in the test group")
    paths = os.pathsep.join([str(Path(perfcore.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    settings = {"PYTHONPATH": paths, "PYTHONMALLOC": "malloc", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, Path(__file__).with_name("leaks.py"), str(times), folder, *names]
    return subprocess.run(command, text=True, capture_output=True, env=os.environ | settings, timeout=900)


def test_no_call_leaks(tmp_path):
    done = leaks(20, tmp_path, QUICK)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{len(QUICK)} calls, 0 leaks\n", "")


@pytest.mark.long
def test_no_call_leaks_many_times_over(tmp_path):
    done = leaks(200, tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("calls, 0 leaks\n"), done.stdout + done.stderr
