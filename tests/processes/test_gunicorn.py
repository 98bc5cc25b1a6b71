"""Behind gunicorn, the model opened before the workers fork or in each of them: the same answers from all."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import perfcore

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="gunicorn is not installed"),
    pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork"),
]


@pytest.fixture(params=["preloaded", "opened by each"])
def url(request, saved, repository, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            f"--bind=fd://{listening.fileno()}",
            "--workers=2",
            "process_wsgi:app",
        ]
        command += ["--preload"] if request.param == "preloaded" else []
        source = Path(perfcore.__file__).parents[1]
        environment = {"MODEL": saved, "PYTHONPATH": os.pathsep.join([str(repository / "tests"), str(source)])}
        server = subprocess.Popen(
            command, cwd=tmp_path, env=os.environ | environment, pass_fds=[listening.fileno()], stderr=subprocess.PIPE
        )
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.terminate()
            said = server.communicate(timeout=60)[1].decode()
    assert server.returncode == 0, said


def test_all_workers_answer_as_one_process(url, saved, X):
    rows = X[:20].tolist()
    expected, processes, until = perfcore.load(saved).predict(rows).tolist(), set(), time.monotonic() + 60
    while len(processes) < 2 and time.monotonic() < until:
        with urllib.request.urlopen(url, json.dumps(rows).encode(), timeout=60) as response:
            found = json.load(response)
        assert found["answers"] == expected
        processes.add(found["process"])
    assert len(processes) == 2
