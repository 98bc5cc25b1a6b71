"""Large calls at the same time share the threads there are."""

import os
import threading

import numpy as np
import pytest

import perfcore
from perfcore import threads
from perfcore.threads.callers import shared


@pytest.fixture
def sixteen(monkeypatch):
    monkeypatch.setattr(threads.counts, "available", lambda: 16)


def test_each_caller_gets_its_share_and_all_again_when_alone(sixteen):
    with shared(16) as first, shared(16) as second, shared(4) as third, shared(16) as fourth:
        assert (first, second, third, fourth) == (16, 8, 4, 4)
    with pytest.raises(ZeroDivisionError), shared(16):
        raise ZeroDivisionError
    with shared(16) as again:
        assert again == 16


def test_many_callers_get_a_thread_each(monkeypatch):
    monkeypatch.setattr(threads.counts, "available", lambda: 2)
    with shared(2), shared(2) as second, shared(2) as third:
        assert (second, third) == (1, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_has_no_callers_of_its_parents(sixteen):
    with shared(16):
        child = os.fork()
        if not child:
            with shared(16) as count:
                os._exit(count)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 16


def test_a_predictor_called_by_many_threads_takes_no_more_than_there_are(monkeypatch):
    lightgbm = pytest.importorskip("lightgbm")
    X = np.random.default_rng(0).normal(size=(5_000, 5))
    model = lightgbm.train({"verbose": -1, "num_leaves": 31}, lightgbm.Dataset(X, X[:, 0]), 20)
    fast = perfcore.compile(model)
    engine, kernel = fast._engine, fast._engine.kernel
    counts, line = [], threading.Barrier(4)

    class Kernel:
        def predict_into(self, block, part, count):
            counts.append(count)
            line.wait(10)  # all four are in it
            kernel.predict_into(block, part, count)

    monkeypatch.setattr(type(engine), "nanoseconds", lambda self, n_rows: 1e9)
    monkeypatch.setattr(engine, "_threads_for", lambda n_rows, n_threads: n_threads or 8)
    monkeypatch.setattr(threads.counts, "available", lambda: 8)
    monkeypatch.setattr(engine, "kernel", Kernel())
    general, answers = perfcore.Predictor.predict, [None] * 4

    def asked(n_threads):
        def ask(i):
            answers[i] = general(fast, X, n_threads=n_threads)

        callers = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
        found = sorted(counts)
        counts.clear()
        return found

    assert asked(None) == [2, 2, 4, 8]
    assert asked(3) == [3, 3, 3, 3]  # who says how many gets as many
    monkeypatch.undo()
    assert all(answer.tobytes() == fast.predict(X, n_threads=1).tobytes() for answer in answers)
