"""A function called again and again in the background."""

import gc
import os
import threading
import time
import weakref

import pytest

from perfcore import ConfigurationError
from perfcore.runtime.ticker import Ticker


def wait_until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


def threads():
    return [each for each in threading.enumerate() if each.name == "perfcore-ticker"]


def test_it_calls_at_once_and_again():
    calls = []
    with Ticker(lambda: calls.append(1), 0.01):
        wait_until(lambda: len(calls) >= 3)
    assert threads() == []


def test_it_stops_at_once_however_long_its_interval():
    called = threading.Event()
    ticker = Ticker(called.set, 3600)
    ticker.start()
    called.wait(10)
    began = time.perf_counter()
    ticker.stop()
    assert time.perf_counter() - began < 1 and not ticker.is_running and threads() == []


def test_started_twice_it_is_one_thread_and_it_starts_anew():
    calls = []
    ticker = Ticker(lambda: calls.append(1), 3600)
    ticker.start()
    ticker.start()
    assert len(threads()) == 1
    ticker.stop()
    ticker.stop()
    ticker.start()
    wait_until(lambda: len(calls) == 2)
    ticker.stop()


def test_a_call_that_raises_does_not_end_it_and_is_told():
    calls, errors = [], []

    def fail():
        calls.append(1)
        raise OSError(f"number {len(calls)}")

    with Ticker(fail, 0.01, on_error=errors.append):
        wait_until(lambda: len(calls) >= 3)
    assert [str(each) for each in errors[:2]] == ["number 1", "number 2"]


def test_it_may_be_stopped_by_its_own_call():
    ticker = Ticker(lambda: ticker.stop(), 0.01)
    ticker.start()
    wait_until(lambda: not ticker.is_running)


def test_it_does_not_keep_the_object_whose_method_it_calls():
    class Owner:
        def __init__(self):
            self.ticker = Ticker(self.tick, 0.01)
            self.ticker.start()

        def tick(self):
            pass

    owner = Owner()
    kept = weakref.ref(owner)
    del owner
    gc.collect()
    wait_until(lambda: kept() is None)
    wait_until(lambda: threads() == [])


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), "1", None, True])
def test_intervals_outside_what_is_allowed_are_refused(interval):
    with pytest.raises(ConfigurationError, match="seconds above 0"):
        Ticker(print, interval)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_begins_with_a_stopped_one():
    calls = []
    with Ticker(lambda: calls.append(os.getpid()), 0.01) as ticker:
        wait_until(lambda: calls)
        pid = os.fork()
        if pid == 0:
            ticker.stop()
            right = not ticker.is_running
            calls.clear()
            ticker.start()
            for _ in range(500):
                if calls:
                    break
                time.sleep(0.01)
            os._exit(0 if right and calls and calls[0] == os.getpid() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert ticker.is_running


def test_a_ticker_started_and_stopped_by_many_threads_leaves_no_thread_of_its_own():
    ticker = Ticker(lambda: None, 0.001, name="perfcore-many")

    def to_and_fro():
        for _ in range(100):
            ticker.start()
            ticker.stop()

    threads = [threading.Thread(target=to_and_fro) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    ticker.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "perfcore-many"]


def test_an_interval_that_cannot_be_waited_is_refused():
    with pytest.raises(ConfigurationError, match="allowed are seconds above 0"):
        Ticker(lambda: None, 1e11)


def test_where_no_thread_can_be_had_it_says_so_and_can_be_stopped_and_started_again(monkeypatch):
    def no_more(self):
        raise RuntimeError("can't start new thread")

    called = threading.Event()
    ticker = Ticker(called.set, 10)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_more)
        with pytest.raises(RuntimeError, match="can't start"):
            ticker.start()
    ticker.stop()
    assert not ticker.is_running
    with ticker:
        assert called.wait(10)
