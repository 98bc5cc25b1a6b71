"""One model in many processes: they answer as one does, share the file's pages, and hang nowhere."""

import multiprocessing
import os
import shutil
import signal
import sys
import threading

import pytest
from process_jobs import answer, answer_of_file, answer_when_told, digest, leave, memory_of

import perfcore
from perfcore.model.file import write_model

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.. may lead to deadlocks:DeprecationWarning")
needs_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
needs_smaps = pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="no /proc/self/smaps here")


@pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())
def test_children_answer_as_their_parent(start, saved, X):
    fast = perfcore.load(saved, n_threads=4)
    expected = answer(fast, X)  # with threads, before any child is there
    with multiprocessing.get_context(start).Pool(2) as pool:
        sent = pool.starmap_async(answer, [(fast, X)] * 3)
        opened = pool.starmap_async(answer_of_file, [(saved, X)] * 3)
        assert sent.get(120) + opened.get(120) == [expected] * 6


def test_a_method_of_a_predictor_is_a_function_for_a_pool(saved, X):
    fast = perfcore.load(saved)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (answered,) = pool.map(fast.predict, [X])
    assert answered.tobytes() == fast.predict(X).tobytes()


@needs_fork
def test_a_fork_amid_the_calls_of_other_threads_hangs_nowhere(saved, X):
    fast = perfcore.load(saved)
    expected, ended = answer(fast, X), threading.Event()

    def ask():
        while not ended.is_set():
            fast.predict(X, n_threads=2)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    children = []
    try:
        for _ in range(10):
            child = multiprocessing.get_context("fork").Process(target=leave, args=(fast, X, expected))
            child.start()
            children.append(child)
            child.join(60)
            assert child.exitcode == 0
    finally:
        ended.set()
        for child in children:
            child.kill()
        for thread in threads:
            thread.join()


@needs_fork
@needs_smaps
def test_eight_processes_hold_the_pages_of_a_file_once(saved):
    context = multiprocessing.get_context("fork")
    everyone, reports = context.Barrier(8), context.Queue()
    children = [context.Process(target=memory_of, args=(saved, everyone, reports)) for _ in range(8)]
    for child in children:
        child.start()
    resident, proportional = zip(*(reports.get(timeout=60)[1:] for _ in children), strict=True)
    for child in children:
        child.join()
    kilobytes = os.path.getsize(saved) / 1024
    assert kilobytes > 4000
    assert min(resident) > 0.9 * kilobytes, "all of it is in each one's memory,"
    assert sum(proportional) < 1.1 * kilobytes, "and in the machine's memory once"


@needs_fork
def test_a_file_that_is_replaced_leaves_those_who_have_it_as_they_were(saved, X, make_model, tmp_path):
    path = shutil.copy(saved, tmp_path)
    old, (ready, told, answers) = answer_of_file(path, X), _signals()
    child = multiprocessing.get_context("fork").Process(target=answer_when_told, args=(path, X, ready, told, answers))
    child.start()
    assert ready.wait(60)
    write_model(make_model(1), path)
    told.set()
    assert answers.get(timeout=60) == old
    child.join()
    assert answer_of_file(path, X) != old


@needs_fork
@pytest.mark.skipif(sys.platform != "linux", reason="what others do with a mapped file that was cut is their own")
def test_a_file_that_is_cut_in_place_kills_those_who_have_it_as_documented(saved, X, tmp_path):
    path = shutil.copy(saved, tmp_path)
    ready, told, answers = _signals()
    child = multiprocessing.get_context("fork").Process(target=answer_when_told, args=(path, X, ready, told, answers))
    child.start()
    assert ready.wait(60)
    os.truncate(path, 4096)
    told.set()
    child.join(60)
    assert child.exitcode == -signal.SIGBUS
    with pytest.raises(perfcore.ModelFormatError, match="cut"):
        perfcore.load(path)


def _signals():
    context = multiprocessing.get_context("fork")
    return context.Event(), context.Event(), context.Queue()


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_joblib(backend, saved, X):
    joblib = pytest.importorskip("joblib")
    fast = perfcore.load(saved)
    parts = [X[start : start + 1000] for start in range(0, len(X), 1000)]
    found = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(answer)(fast, part) for part in parts)
    assert found == [digest(fast.predict(X)[start : start + 1000]) for start in range(0, len(X), 1000)]


def test_processes_of_joblib_share_the_cpus():
    joblib = pytest.importorskip("joblib")
    counts = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(perfcore.threads.available)() for _ in range(2))
    assert sum(counts) <= max(2, joblib.cpu_count())
