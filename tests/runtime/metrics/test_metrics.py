"""Metrics as a dict, as Prometheus' text, over sockets, and watched in a terminal."""

import contextlib
import gc
import io
import json
import os
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from small_models import lightgbm_texts

import perfcore
from perfcore import ConfigurationError
from perfcore.runtime import Batcher, metrics, top

pytest.importorskip("prometheus_client")


@pytest.fixture
def fast(tmp_path):
    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    return perfcore.compile(tmp_path / "model.txt")


def parsed(text):
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples, wanted, **labels):
    return [value for (metric, found), value in samples.items() if metric == wanted and labels.items() <= set(found)]


def test_predictors_are_there_without_being_registered_and_by_name_if_they_are(fast):
    before = len(metrics.snapshot()["predictors"])
    assert before >= 1
    metrics.register("prices", fast)
    fast.predict(np.zeros((10, fast.n_features_in_)))
    seen = metrics.snapshot()["predictors"]
    assert len(seen) == before
    assert {k: seen["prices"][k] for k in ("calls", "rows", "failed", "timed")} == {
        "calls": 1, "rows": 10, "failed": 0, "timed": 1,
    }  # fmt: skip
    assert seen["prices"]["buckets"][-1] == (float("inf"), 1) and seen["prices"]["bytes"] == fast.nbytes
    json.dumps(seen)


def test_what_is_gone_is_shown_no_more():
    cache = perfcore.ModelCache(max_items=3)
    metrics.register("models", cache)
    assert metrics.snapshot()["others"]["models"]["kind"] == "ModelCache"
    del cache
    gc.collect()
    assert "models" not in metrics.snapshot()["others"]


def test_what_fails_to_tell_says_so_and_hides_no_other():
    class Broken:
        def stats(self):
            raise RuntimeError("closed")

    broken, cache = Broken(), perfcore.ModelCache(max_items=3)
    metrics.register("broken", broken)
    metrics.register("whole", cache)
    others = metrics.snapshot()["others"]
    assert others["broken"]["error"] == "RuntimeError: closed" and others["whole"]["size"] == 0
    metrics.text()


@pytest.mark.parametrize("name, what", [("", object()), (3, object()), ("a", object()), ("b", {"stats": 1})])
def test_what_cannot_be_shown_is_refused(name, what):
    with pytest.raises(ConfigurationError):
        metrics.register(name, what)


def test_the_text_is_prometheus_own_and_has_the_numbers(fast):
    metrics.register("prices", fast)
    for _ in range(130):
        fast.predict_one(np.zeros(fast.n_features_in_))
    cache = perfcore.ModelCache(max_items=3)
    cache["a"] = 1
    cache.get("a"), cache.get("b")
    batcher = Batcher(fast)
    batcher.predict(np.zeros(fast.n_features_in_))
    metrics.register("models", cache)
    metrics.register("queue", batcher)
    samples = parsed(metrics.text())
    assert of(samples, "perfcore_predictor_calls_total", predictor="prices") == [131]
    assert of(samples, "perfcore_predictor_timed_call_seconds_count", predictor="prices") == [3]
    assert of(samples, "perfcore_predictor_timed_call_seconds_bucket", predictor="prices", le="+Inf") == [3]
    assert of(samples, "perfcore_hits_total", name="models") == [1]
    assert of(samples, "perfcore_size", name="models") == [1]
    assert of(samples, "perfcore_requests_total", name="queue") == [1]
    assert of(samples, "perfcore_memory_bytes", kind="resident")[0] > 1e6
    batcher.close()


@pytest.mark.parametrize("kind", ["port", "socket"])
def test_it_is_served_and_stops_at_once(fast, tmp_path, kind):
    address = "127.0.0.1:0" if kind == "port" else str(tmp_path / "metrics.sock")
    metrics.register("prices", fast)
    with metrics.serve(address) as server:
        found = top.fetch(server.address)
        assert found["predictors"]["prices"]["calls"] == 0 and found["process"]["pid"] == os.getpid()
        if kind == "port":
            with urllib.request.urlopen(f"http://{server.address}/metrics") as response:
                assert "perfcore_predictor_calls_total" in response.read().decode()
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://{server.address}/other")
        else:
            assert stat.S_IMODE(os.stat(address).st_mode) == 0o600
        began = time.perf_counter()
    assert time.perf_counter() - began < 1
    assert not os.path.exists(address)
    assert not [each for each in threading.enumerate() if each.name == "perfcore-metrics"]
    with pytest.raises(ConfigurationError, match="no process serves"):
        top.fetch(server.address)


def test_a_socket_left_behind_by_a_process_that_is_gone_is_replaced_and_one_in_use_is_not(tmp_path):
    path = str(tmp_path / "m.sock")
    code = f"import os\nfrom perfcore.runtime import metrics\nmetrics.serve({path!r})\nos._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert os.path.exists(path)
    with metrics.serve(path) as server:
        with pytest.raises(OSError):
            metrics.serve(path)
        assert top.fetch(server.address)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.168.1.1:80", "example.org:80", "127.0.0.1:x", "127.0.0.1:99999"])
def test_other_addresses_than_this_machine_s_are_refused(address):
    with pytest.raises(ConfigurationError, match="address="):
        metrics.serve(address)


def test_many_clients_may_ask_while_predictions_go_on(fast):
    wrong = []
    with metrics.serve() as server:

        def ask():
            for _ in range(10):
                if "predictors" not in top.fetch(server.address):
                    wrong.append(1)

        clients = [threading.Thread(target=ask) for _ in range(6)]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            fast.predict_one(np.zeros(fast.n_features_in_))
        for client in clients:
            client.join()
    assert wrong == []


# -- top ------------------------------------------------------------------------------------------------


def test_top_prints_what_there_is(fast, capsys):
    pytest.importorskip("rich")
    from perfcore.__main__ import main

    metrics.register("prices", fast)
    cache = perfcore.ModelCache(max_items=3)
    metrics.register("models", cache)
    cache["a"] = 1
    fast.predict(np.zeros((1234, fast.n_features_in_)))
    with metrics.serve() as server:
        assert main(["top", server.address, "--once"]) == 0
    shown = capsys.readouterr().out
    assert "prices" in shown and "1,234" in shown and "ModelCache" in shown and f"process {os.getpid()}" in shown


def test_top_shows_rates_between_two_looks(fast):
    rich = pytest.importorskip("rich.console")
    metrics.register("prices", fast)
    before = metrics.snapshot()
    fast.predict(np.zeros((500, fast.n_features_in_)))
    now = metrics.snapshot()
    before["time"], now["time"] = 0.0, 2.0
    console = rich.Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(top.view("here", now, before))
    line = next(line for line in console.export_text().splitlines() if "prices" in line)
    assert "250" in line  # rows a second


def test_top_fits_into_eighty_columns_with_every_header_whole_and_every_time_on_one_line(fast):
    rich = pytest.importorskip("rich.console")
    metrics.register("prices", fast)
    now = metrics.snapshot()
    now["predictors"] = {"prices": now["predictors"]["prices"]}
    now["predictors"]["prices"] |= {"calls": 16_894_123, "rows": 112_345_678_901, "failed": 999_999}
    now["predictors"]["prices"] |= {"p50": 2.05e-6, "p95": 0.00355, "p99": float("inf"), "origin": "a library " * 9}
    before = now | {"time": now["time"] - 1}
    before["predictors"] = {"prices": now["predictors"]["prices"] | {"calls": 15_770_000, "rows": 111_000_000_000}}
    console = rich.Console(width=80, record=True, file=io.StringIO())
    console.print(top.view("127.0.0.1:9100", now, before))
    lines = [line.split() for line in console.export_text().splitlines()]
    headers = next(line for line in lines if line[:1] == ["predictor"])
    assert headers[1:] == ["calls", "calls/s", "rows", "rows/s", "failed", "p50", "p95", "p99"]
    (shown,) = (" ".join(line) for line in lines if line[:1] == ["prices"])
    assert "16.89 M 1.124 M 112.3 G 1.346 G 999,999 2.05 µs 3.55 ms > 137 s" in shown


def test_top_ends_its_last_frame_before_it_says_that_the_process_is_gone(monkeypatch, capsys):
    pytest.importorskip("rich")
    from perfcore.__main__ import main

    looks = iter([metrics.snapshot()])

    def fetch(address):
        for each in looks:
            return each
        raise ConfigurationError("gone")

    monkeypatch.setattr(top, "fetch", fetch)
    assert main(["top", "127.0.0.1:1", "--interval", "0.01"]) == 2
    seen = capsys.readouterr()
    assert "process" in seen.out and seen.out.endswith("\n") and seen.err == "error: gone\n"


def test_top_says_where_nobody_answers(capsys):
    from perfcore.__main__ import main

    assert main(["top", "127.0.0.1:1", "--once"]) == 2
    assert "no process serves perfcore's metrics there" in capsys.readouterr().err


def test_importing_runtime_starts_nothing_and_loads_no_extra():
    code = """
import sys, threading
import perfcore.runtime, perfcore.runtime.metrics, perfcore.runtime.top
assert threading.active_count() == 1
assert not {"prometheus_client", "rich", "pyarrow", "pandas"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_prometheus_client_the_extra_is_named():
    code = """
import sys
sys.modules["prometheus_client"] = None
import perfcore
from perfcore.runtime import metrics
metrics.snapshot()
for call in (metrics.text, metrics.serve):
    try: call()
    except perfcore.MissingExtraError as error: assert "perfcore[runtime]" in str(error)
    else: raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# -- hostile things that are registered, and dying servers ---------------------------------------------


class Told:
    def __init__(self, **figures):
        self.figures = figures

    def stats(self):
        return self.figures


ODD = '[/b] "quoted"\n\\ é'


def test_odd_names_and_figures_are_served_as_text_as_json_and_in_the_terminal(fast, tmp_path, capsys):
    odd = Told(
        **{"größe": 3, "a b": np.int64(4), "nested": {1: 2.5}, "kind": "x", "huge": 10**400, "nan": float("nan")}
    )
    metrics.register(ODD, odd)
    metrics.register("failed", other := Told(error="[/i]"))
    with pytest.raises(ConfigurationError, match="allowed are texts"):
        metrics.register("\udc80", odd)
    with metrics.serve(str(tmp_path / "m.sock")) as server:
        answer = http_get(server.address, "/json")
        strict = json.loads(answer, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert strict["others"][ODD]["kind"] == "Told" and strict["others"][ODD]["nan"] == "nan"
        assert strict["others"][ODD]["a b"] == 4
        samples = parsed(http_get(server.address, "/metrics"))
        assert of(samples, "perfcore_gr__e", name=ODD) == [3.0] and of(samples, "perfcore_a_b", name=ODD) == [4.0]
        assert of(samples, "perfcore_nested_1", name=ODD) == [2.5]
        top.watch(server.address, once=True)
    assert "[/b]" in capsys.readouterr().out
    del odd, other


def http_get(address, path):
    connection = top._Unix(address, 5.0)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200
    return response.read().decode()


def test_names_that_are_made_up_are_not_those_of_others(fast, tmp_path):
    numbers = [
        int(name.rpartition("-")[2]) for name in metrics.snapshot()["predictors"] if name.startswith("predictor-")
    ]
    taken = perfcore.compile(tmp_path / "model.txt")
    metrics.register(f"predictor-{max(numbers) + 1}", taken)
    another = perfcore.compile(tmp_path / "model.txt")
    assert len(metrics.snapshot()["predictors"]) == len(perfcore.calls.live())
    del another


def test_top_and_serve_mean_the_same_by_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with metrics.serve("./metrics.sock"):
        assert top.fetch("./metrics.sock")["process"]["pid"] == os.getpid()
    for address in ("127.0.0.1:none", "127.0.0.1", "metrics.sock"):
        with pytest.raises(ConfigurationError, match="allowed are HOST:PORT.* and a socket's path with a / in it"):
            top.fetch(address)


@pytest.mark.parametrize("answer", [b"3", b'{"predictors": 1}', b"[1", b"\xff"])
def test_top_refuses_what_others_answer(answer, tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reply():
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(ConfigurationError, match="no process serves perfcore's metrics there"):
            top.fetch(f"127.0.0.1:{listening.getsockname()[1]}")
        thread.join(10)


def test_top_tells_no_rates_between_two_processes(fast):
    seen = metrics.snapshot()
    before = seen | {"process": seen["process"] | {"pid": 1, "cpu_seconds": 1e6}, "time": seen["time"] - 1}
    from rich.console import Console

    console = Console(record=True, width=200)
    console.print(top.view("a", seen, before))
    assert "CPU -" in console.export_text()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_does_not_hold_the_port(tmp_path):
    import socket

    with metrics.serve("127.0.0.1:0") as server:
        port = int(server.address.rpartition(":")[2])
        pid = os.fork()
        if pid == 0:
            time.sleep(5)
            os._exit(0)
    try:
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=2):
            pass
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_a_server_that_is_busy_keeps_its_socket(tmp_path):
    import socket

    path = str(tmp_path / "m.sock")
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        waiting = []
        for _ in range(5):
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            try:
                waiting[-1].connect(path)
            except BlockingIOError:
                break
        with pytest.raises(OSError):
            metrics.serve(path)
        assert os.path.exists(path)
        for each in waiting:
            each.close()


@pytest.mark.parametrize(
    "figures",
    [
        {"on the spot": 1, "on_the_spot": 2},
        {"温度": 1, "湿度": 2},
        {"requests": 1, "requests_total": 2},
        {"requests_total": 1, "requests": 2},
        {"memory bytes": 1, "predictor calls": 2, "predictor timed call seconds count": 3},
        {"half \udc80": 1},
        {"memory_bytes": 7, "process_threads": 1, "predictor_calls": 4},
        {"a b": 1, "a": {"b": 2}, "a_b": 3, "calls": 4, "nested": {"calls": 5}},
    ],
    ids=str,
)
def test_whatever_figures_are_called_the_text_is_prometheus_own_and_tells_all(figures):
    told = Told(**figures)
    metrics.register("odd", told)
    text = metrics.text()
    types = [line for line in text.splitlines() if line.startswith("# TYPE")]
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len({line.split()[2] for line in types}) == len(types) and len(set(series)) == len(series)
    found = [value for (_, labels), value in parsed(text).items() if ("name", "odd") in labels]
    assert sorted(found) == sorted(flat(figures))
    del told


def flat(figures):
    return [each for value in figures.values() for each in (flat(value) if isinstance(value, dict) else [value])]


def test_a_snapshot_has_python_s_own_types_alone_and_json_the_same(tmp_path):
    figures = {
        "n": np.float32(2), "i": np.int64(3), "is": np.bool_(True), "nothing": None, "text": np.str_("a"),
        1: [np.int8(1)], "array": np.arange(3, dtype=np.uint8), "parts": (np.float64(0.5), {np.int16(2)}),
        "fraction": Fraction(1, 4), "when": date(2026, 1, 2), "limit": np.float64("inf"),
        "huge": 10**5000, "large": 10**300,
    }  # fmt: skip
    metrics.register("odd", told := Told(**{str(name): each for name, each in figures.items()}))
    told.figures[1] = told.figures.pop("1")
    seen = metrics.snapshot()["others"]["odd"]
    assert seen == {
        "n": 2.0, "i": 3, "is": True, "nothing": None, "text": "a", "1": [1], "array": [0, 1, 2], "parts": [0.5, [2]],
        "fraction": 0.25, "when": "2026-01-02", "limit": float("inf"), "huge": "an integer of 16610 bits",
        "large": 10**300, "kind": "Told",
    }  # fmt: skip
    assert {type(each) for each in seen.values()} == {float, int, bool, type(None), str, list}
    with metrics.serve(str(tmp_path / "m.sock")) as server:
        served = json.loads(http_get(server.address, "/json"))["others"]["odd"]
    assert served == seen | {"limit": "inf"} == json.loads(json.dumps(seen)) | {"limit": "inf"}
    samples = parsed(metrics.text())
    assert of(samples, "perfcore_n", name="odd") == [2.0] and of(samples, "perfcore_large", name="odd") == [1e300]
    assert of(samples, "perfcore_huge", name="odd") == []  # Prometheus has no such number


def test_figures_without_end_are_an_error_of_theirs_alone():
    metrics.register("endless", told := Told())
    told.figures["itself"] = told.figures
    assert "RecursionError" in metrics.snapshot()["others"]["endless"]["error"]
    metrics.text()


def test_a_made_up_name_that_somebody_else_gets_is_given_up(fast, tmp_path):
    another = perfcore.compile(tmp_path / "model.txt")
    made_up = list(metrics.snapshot()["predictors"])[-1]
    metrics.register(made_up, fast)
    assert len(metrics.snapshot()["predictors"]) == len(perfcore.calls.live())
    del another


def test_the_socket_is_its_user_s_own_before_it_listens_and_no_file_of_others_changes(tmp_path, monkeypatch):
    import socket

    path, seen = str(tmp_path / "m.sock"), []

    class Watched(socket.socket):
        def listen(self, *backlog):
            seen.append(stat.S_IMODE(os.stat(path).st_mode))
            super().listen(*backlog)

    monkeypatch.setattr(socket, "socket", Watched)
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the mask of the whole process was changed"))
    with metrics.serve(path):
        assert seen == [0o600]


def test_closing_removes_its_own_socket_also_from_another_folder_and_nobody_else_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = metrics.serve(Path("m.sock"))
    assert top.fetch(server.address)
    monkeypatch.chdir("/")
    server.close()
    assert not (tmp_path / "m.sock").exists()
    first = metrics.serve(str(tmp_path / "m.sock"))
    os.unlink(tmp_path / "m.sock")
    with metrics.serve(str(tmp_path / "m.sock")) as second:
        first.close()
        assert top.fetch(second.address)


@pytest.mark.parametrize(
    "address", ["", "\0name", "/a\0", "127.0.0.1", "localhost", "9100", 9100, None, b"/m", Path("\0")]
)
def test_what_is_no_port_and_no_path_is_refused_and_leaves_nothing(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigurationError, match="allowed are HOST:PORT, such as 127.0.0.1:9100.*such as ./metrics.sock"
    ):
        metrics.serve(address)
    assert not list(tmp_path.iterdir())


def test_connections_on_which_nobody_asks_keep_no_thread_once_it_is_closed(tmp_path):
    import socket

    with metrics.serve(str(tmp_path / "m.sock")) as server, contextlib.ExitStack() as kept:
        for _ in range(3):
            client = kept.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(server.address)
        while not server._http._open or threading.active_count() < 5:
            time.sleep(0.01)
        server.close()
        until = time.monotonic() + 2
        while (left := [each for each in threading.enumerate() if "process_request" in each.name]) and (
            time.monotonic() < until
        ):
            time.sleep(0.01)
    assert left == []


def test_clients_that_go_away_are_no_news(capfd):
    import socket
    import struct

    with metrics.serve() as server:
        host, _, port = server.address.rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"GE")
        assert top.fetch(server.address)
        time.sleep(0.1)
    assert capfd.readouterr().err == ""
