"""Batcher: closed, collected, forked, interrupted; by its own predictor, too."""

import asyncio
import gc
import os
import pickle
import signal
import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest
from batchers import Doubling, held, in_threads, wait_until

from perfcore import OverloadedError
from perfcore.runtime import Batcher


def test_closing_answers_who_waits_and_takes_no_more(doubling):
    batcher = Batcher(doubling)
    doubling.gate.clear()
    callers = in_threads(*[lambda i=i: batcher.predict([float(i)]) for i in range(5)])
    wait_until(lambda: batcher.stats()["queued"] == 4)
    closing = in_threads(batcher.close)
    wait_until(lambda: batcher._dispatcher.is_closed)
    with pytest.raises(OverloadedError, match="closed"):
        batcher.predict([1.0])
    doubling.gate.set()
    closing()
    assert callers() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert not any(thread.name.startswith("perfcore-batcher") for thread in threading.enumerate())
    batcher.close()


def test_a_closed_batcher_is_not_entered_again(doubling):
    with Batcher(doubling) as batcher:
        assert repr(batcher) == "<perfcore.runtime.Batcher of Doubling.predict, objective 0.01 s, 0 rows waiting>"
    with pytest.raises(OverloadedError, match="the batcher is closed"), batcher:
        pass

    async def enter():
        async with batcher:
            pass

    with pytest.raises(OverloadedError, match="the batcher is closed"):
        asyncio.run(enter())
    assert repr(batcher).endswith("closed>")


def test_a_batcher_is_not_pickled(doubling):
    with Batcher(doubling) as batcher, pytest.raises(TypeError, match="a Batcher is not pickled.* make one in each"):
        pickle.dumps(batcher)


def test_closing_without_draining_refuses_who_waits(doubling):
    batcher = Batcher(doubling)
    doubling.gate.clear()
    callers = in_threads(*[lambda i=i: batcher.predict([float(i)]) for i in range(4)])
    wait_until(lambda: batcher.stats()["queued"] == 3)
    closing = in_threads(lambda: batcher.close(drain=False))
    wait_until(lambda: batcher.stats()["queued"] == 0)
    doubling.gate.set()
    closing()
    outcomes = callers()
    assert outcomes[0] == 0.0 and [type(each) for each in outcomes[1:]] == [OverloadedError] * 3


def test_a_batcher_that_nobody_holds_leaves_no_thread_and_no_predictor():
    doubling = Doubling()
    kept = weakref.ref(doubling)
    batcher = Batcher(doubling)
    held(doubling, batcher, partial(batcher.predict, [1.0]))
    thread = batcher._dispatcher.threads[0]
    del batcher, doubling
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
    del thread
    gc.collect()
    assert kept() is None


def test_nothing_of_a_batch_is_held_until_the_next():
    class Row(np.ndarray):
        pass

    doubling = Doubling()
    with Batcher(doubling) as batcher:
        row = np.ones(1).view(Row)
        kept = weakref.ref(row)
        held(doubling, batcher, partial(batcher.predict, row))
        doubling.tables.clear()
        del row
        wait_until(lambda: gc.collect() is not None and kept() is None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_begins_with_an_empty_queue(doubling):
    with Batcher(doubling) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        waiting = in_threads(lambda: batcher.predict([1.0]))
        wait_until(lambda: batcher.stats()["queued"] == 1)
        pid = os.fork()
        if pid == 0:
            doubling.gate.set()
            doubling.lock = threading.Lock()
            right = batcher.stats()["queued"] == 0 and batcher.predict([4.0]) == 8.0
            os._exit(0 if right else 1)
        doubling.gate.set()
        assert first()[0] == 0.0 and waiting()[0] == 2.0
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_closing_ends_all_workers_while_callers_are_answered_on_the_spot():
    gates = [threading.Event() for _ in range(3)]

    def answer(X):
        gates[int(X[0][0])].wait(10)
        return [0.0] * len(X)

    batcher = Batcher(answer, workers=2)
    spots = in_threads(*[lambda i=i: batcher.predict([i]) for i in range(2)])  # both places are taken
    waiting = in_threads(*[lambda: batcher.predict([2])] * 2)
    wait_until(lambda: batcher.stats()["queued"] == 2 and len(batcher._dispatcher.threads) == 2)
    gates[2].set()
    closing = in_threads(batcher.close)
    wait_until(lambda: batcher._dispatcher.is_closed)
    time.sleep(0.05)
    gates[0].set()
    waiting()
    gates[1].set()
    spots()
    closing()
    assert not any(thread.is_alive() for thread in batcher._dispatcher.threads)


def test_a_batcher_that_is_collected_within_its_own_worker_does_not_hang(doubling):
    batcher = Batcher(doubling)
    dispatcher = batcher._dispatcher
    held(doubling, batcher, partial(batcher.predict, [1.0]))

    def collect():
        nonlocal batcher
        with dispatcher.lock:
            del batcher
            gc.collect()

    in_threads(collect)()
    dispatcher.threads[0].join(10)
    assert not dispatcher.threads[0].is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_predictor_that_forks_leaves_the_child_a_batcher_that_is_idle():
    children = []

    def answer(X):
        if not children:
            children.append(os.fork())
        return [1.0] * len(X)

    with Batcher(answer) as batcher:
        batcher.predict([1.0])
        if children == [0]:
            os._exit(0 if batcher.stats()["running"] == 0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_signals_whose_handlers_raise_at_any_moment_leave_the_batcher_as_it_was():
    def interrupt(*_):
        raise KeyboardInterrupt

    def asked():
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(2e-6, 60e-6))
            for _ in range(20):
                batcher.predict([1.0])
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return False
        return True

    random = np.random.default_rng(0)
    dispatcher = (batcher := Batcher(lambda X: [0.0] * len(X)))._dispatcher
    before = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # an error in a callback of the collector's, such as hypothesis has, is lost
    try:
        n_interrupted = 0
        while n_interrupted < 5000:
            n_interrupted += not asked()
            assert not dispatcher.running and not dispatcher.n_queued and not dispatcher.lock.locked()
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)
    assert batcher.predict([1.0], timeout=10) == 0.0
    batcher.close()


def test_closing_waits_for_callers_who_are_answered_on_the_spot(doubling):
    batcher = Batcher(doubling)
    doubling.gate.clear()
    caller = in_threads(lambda: batcher.predict([1.0]))
    wait_until(lambda: doubling.tables)
    closed = threading.Event()
    closing = in_threads(lambda: (batcher.close(), closed.set()))
    assert not closed.wait(0.1)
    doubling.gate.set()
    closing()
    assert closed.is_set() and caller() == [2.0]


@pytest.mark.parametrize("timeout", [None, 10.0])
def test_a_predictor_that_asks_or_closes_its_own_batcher_does_not_wait_for_itself(timeout):
    def answer(X):
        if X[0][0] == 2.0:
            batcher.close()
        return [batcher.predict([0.0]) if X[0][0] else 5.0]

    batcher = Batcher(answer)
    asking = in_threads(lambda: batcher.predict([1.0], timeout=timeout))
    assert asking() == [5.0]
    asking = in_threads(lambda: batcher.predict([2.0], timeout=timeout))
    assert asking() == [5.0]
    batcher.close()
