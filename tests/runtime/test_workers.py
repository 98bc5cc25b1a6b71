"""Worker processes: what cannot be sent, errors of any kind, Ctrl-C, and where none can be started."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest
from piece_jobs import Odd, double, fail_oddly_at_three, note, odd_at_three, spin

from perfcore import MissingExtraError, WorkerError
from perfcore.runtime import parallel, processes, workers

joblib = pytest.importorskip("joblib")


@pytest.fixture
def heavy(monkeypatch):
    """Any work is worth processes, and never threads."""
    for name in ("SOON", "WORTH_PROCESSES", "CRUMB"):
        monkeypatch.setattr(parallel, name, 0.0)
    monkeypatch.setattr(parallel, "GAIN", 1e9)


def by_processes(function, pieces):
    return list(parallel.map(function, pieces, how="processes", workers=2))


def pids():
    return set(by_processes(spin, [50_000] * 8))


def test_a_function_that_cannot_be_sent_is_called_here_once_a_piece(heavy):
    lock, seen = threading.Lock(), []

    def work(x):
        with lock:
            seen.append(x)
        return 2 * x

    assert list(parallel.map(work, range(40), workers=2)) == [2 * x for x in range(40)]
    assert sorted(seen) == list(range(40))
    with pytest.raises(WorkerError, match=r"function .*work cannot be pickled.*lock.*how='threads'"):
        by_processes(work, range(40))


def test_a_piece_that_cannot_be_sent_is_worked_on_here_when_its_turn_comes(heavy):
    odd = threading.Lock()
    pieces = [*range(20), odd, *range(20)]
    assert list(parallel.map(type, pieces, workers=2)) == [type(piece) for piece in pieces]
    results = parallel.map(type, [1, 2, odd, 3], how="processes", workers=2)
    assert [next(results), next(results)] == [int, int]
    with pytest.raises(WorkerError, match=r"a piece, of type lock, cannot be pickled.*how='threads'"):
        next(results)


@pytest.mark.parametrize("bad", [lambda: threading.Lock(), lambda: Odd(1, "x")], ids=["written", "read"])
def test_a_result_that_cannot_be_sent_is_made_again_here_and_the_pool_is_whole(bad, heavy):
    before = processes.pool_of(2)

    def work(x):
        return bad() if x == 30 else x

    found = list(parallel.map(work, range(40), workers=2))
    assert found[:30] + found[31:] == [x for x in range(40) if x != 30] and type(found[30]) is type(bad())
    results = parallel.map(work, range(28, 40), how="processes", workers=2)
    assert [next(results), next(results)] == [28, 29]
    with pytest.raises(WorkerError, match=r"a result.*cannot be (pickled|read).*how='threads'"):
        next(results)
    assert processes.pool_of(2) is before  # it is not broken


def test_what_follows_a_result_that_cannot_be_sent_is_done_here(heavy):
    found = list(parallel.map(odd_at_three, [*range(5, 20), 3, *range(5, 20)], workers=2))
    assert found[3] != os.getpid() and isinstance(found[15], Odd) and found[-1] == os.getpid()


def test_an_error_that_cannot_be_sent_is_told_with_its_class_message_and_traceback():
    before = processes.pool_of(2)
    results = parallel.map(fail_oddly_at_three, range(8), how="processes", workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(WorkerError, match=r"Odd: code 7 at the end") as raised:
        next(results)
    assert "in fail_oddly_at_three" in str(raised.value.__cause__)
    assert processes.pool_of(2) is before  # it is not broken


@pytest.mark.parametrize("error", [OSError(30, "Read-only file system"), ImportError("no sem_open"), RuntimeError("x")])
def test_where_no_process_can_be_started_the_work_is_done_here(error, heavy, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("joblib.externals.loky.process_executor.ProcessPoolExecutor", refuse)
    assert list(parallel.map(double, range(20), workers=3)) == [2 * x for x in range(20)]
    told = re.escape(f"no worker process can be started here: {type(error).__name__}: {error}; how='threads'")
    with pytest.raises(WorkerError, match=told):
        list(parallel.map(double, range(20), how="processes", workers=3))


def test_without_joblib_the_work_is_done_here_unless_processes_are_asked_for(heavy, monkeypatch):
    def missing(*_):
        raise MissingExtraError("needs joblib")

    monkeypatch.setattr(workers, "loky", missing)
    assert list(parallel.map(double, range(20), workers=2)) == [2 * x for x in range(20)]
    with pytest.raises(MissingExtraError):
        by_processes(double, range(20))


def test_pieces_of_a_map_that_is_given_up_are_not_begun(tmp_path):
    pids()
    results = parallel.map(partial(note, str(tmp_path / "seen")), range(50), how="processes", workers=2)
    assert next(results) == 0
    results.close()
    assert by_processes(double, [1]) == [2]  # it waited for what was begun
    time.sleep(0.5)
    assert len((tmp_path / "seen").read_text().split()) <= 1 + 2 + 1


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_workers_that_are_killed_between_maps_are_replaced():
    for pid in pids():
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    assert by_processes(double, range(4)) == [0, 2, 4, 6]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3, 1.5])
def test_after_ctrl_c_the_next_map_works_and_no_worker_says_anything(delay, repository):
    code = """if True:
        import sys, time
        sys.path.insert(0, "tests")
        from piece_jobs import spin
        from perfcore.runtime import parallel
        print("ready", flush=True)
        try:
            for _ in parallel.map(spin, [2_000_000] * 500, how="processes", workers=2): pass
        except KeyboardInterrupt:
            began = time.perf_counter()
            print(len(set(parallel.map(spin, [50_000] * 8, how="processes", workers=2))), flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=repository,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert err == "" and out.strip() in ("1", "2") and process.returncode == 0
