"""Batcher: many callers, one call; in what order, and what becomes of those that cannot be served."""

import asyncio
import threading
import time
from functools import partial

import numpy as np
import pytest
from batchers import Doubling, held, in_threads, wait_until

from perfcore import ConfigurationError, OverloadedError
from perfcore.runtime import Batcher


def test_an_idle_batcher_answers_in_the_callers_own_thread_at_once(doubling):
    with Batcher(doubling) as batcher:
        assert batcher.predict([3.0, 1.0]) == 6.0
        assert doubling.threads == {threading.current_thread()}
        assert batcher.stats()["on the spot"] == 1


def test_what_comes_while_it_is_busy_goes_into_one_call_in_order(doubling):
    with Batcher(doubling) as batcher:
        calls = [lambda i=i: batcher.predict(np.array([float(i), 0.0])) for i in range(1, 8)]
        first, others = held(doubling, batcher, *calls)
    assert first == 0.0 and others == [2.0 * i for i in range(1, 8)]
    assert doubling.sizes == [1, 7]
    assert np.array_equal(doubling.tables[1][:, 0], range(1, 8))


def test_no_more_calls_run_at_once_than_there_are_workers():
    for workers in (1, 3):
        doubling = Doubling(0.002)
        with Batcher(doubling, workers=workers, max_rows=2) as batcher:
            in_threads(*[lambda: batcher.predict([1.0, 2.0]) for _ in range(30)])()
        assert doubling.most_at_once <= workers
        assert sum(doubling.sizes) == 30


def test_a_call_has_no_more_rows_than_allowed_but_for_a_single_request():
    doubling = Doubling()
    with Batcher(doubling, max_rows=3) as batcher:
        calls = [lambda n=n: batcher.predict(np.ones((n, 2))) for n in (1, 1, 2, 1, 5, 1)]
        held(doubling, batcher, *calls)
    assert doubling.sizes[1:] == [2, 3, 5, 1]


def test_no_more_rows_go_together_than_half_of_the_objective_has_time_for():
    sizes = []

    def answer(rows):
        sizes.append(len(rows))
        time.sleep(0.001 * len(rows))
        return np.asarray(rows)[:, 0]

    async def ask(batcher, n):
        return await asyncio.gather(*[batcher.predict_async([float(i)]) for i in range(n)])

    with Batcher(answer, objective=0.040) as batcher:
        for i in range(30):  # it learns what rows take
            batcher.predict(np.zeros((1 + i % 8, 1)))
        learned = len(sizes)
        assert asyncio.run(ask(batcher, 200)) == list(range(200))
    assert max(sizes[learned:]) <= 22 and len(sizes) - learned >= 200 / 22


def test_a_predictor_that_is_slow_whatever_the_rows_is_not_asked_about_one_at_a_time():
    """20 ms a call, where half of the objective is 5: 200 callers after five that came one by one."""
    sizes = []

    def answer(X):
        sizes.append(len(X))
        time.sleep(0.020)
        return X[:, 0]

    async def ask():
        async with Batcher(answer, objective=0.010) as batcher:
            for _ in range(5):
                await batcher.predict_async(np.zeros(1))
            await asyncio.gather(*[batcher.predict_async(np.zeros(1)) for _ in range(200)])

    asyncio.run(ask())
    assert sizes[:5] == [1] * 5 and len(sizes) < 60


def test_a_full_queue_refuses_at_once(doubling):
    with Batcher(doubling, max_queue=4) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        waiting = in_threads(lambda: batcher.predict(np.ones((4, 1))))
        wait_until(lambda: batcher.stats()["queued rows"] == 4)
        with pytest.raises(OverloadedError, match=r"4 rows wait already, and 4 may \(max_queue\)"):
            batcher.predict([1.0])
        doubling.gate.set()
        assert first()[0] == 0.0 and waiting()[0].tolist() == [2.0] * 4
        assert batcher.stats()["refused"] == 1


def test_who_cannot_be_answered_in_time_is_refused_at_once():
    doubling = Doubling(0.05)
    with Batcher(doubling) as batcher:
        for _ in range(4):
            batcher.predict([1.0])  # it learns
        waiting = in_threads(lambda: batcher.predict([1.0]))
        wait_until(lambda: batcher.stats()["running"] == 1)
        began = time.perf_counter()
        with pytest.raises(OverloadedError, match="is to be expected in"):
            batcher.predict([1.0], timeout=0.01)
        assert time.perf_counter() - began < 0.04
        waiting()


def test_who_waits_too_long_gets_a_timeout_and_its_rows_are_not_asked(doubling):
    with Batcher(doubling) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        with pytest.raises(TimeoutError, match="no answer within 0.05 s"):
            batcher.predict([1.0], timeout=0.05)
        doubling.gate.set()
        first()
        assert batcher.predict([2.0]) == 4.0
        assert doubling.sizes == [1, 1] and batcher.stats()["expired"] == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"max_rows": 0},
        {"max_queue": -1},
        {"workers": 1.5},
        {"objective": 0},
        {"objective": float("nan")},
        {"objective": "1"},
    ],
)
def test_settings_outside_what_is_allowed_are_refused(doubling, settings):
    with pytest.raises(ConfigurationError, match="allowed are"):
        Batcher(doubling, **settings)
    for timeout in (0, "1", True):
        with pytest.raises(ConfigurationError, match="allowed are"), Batcher(doubling) as batcher:
            batcher.predict([1.0], timeout=timeout)


def test_a_predictor_without_the_method_is_refused(doubling):
    with pytest.raises(ConfigurationError, match="Doubling has no method 'predict_proba'"):
        Batcher(doubling, method="predict_proba")


def test_every_one_of_many_callers_gets_its_own_answer():
    doubling = Doubling()
    wrong = []
    with Batcher(doubling, max_rows=16, workers=2) as batcher:

        def ask(seed):
            random = np.random.default_rng(seed)
            for _ in range(100):
                X = random.normal(size=(int(random.integers(1, 5)), 2))
                if not np.array_equal(batcher.predict(X), 2 * X[:, 0]):
                    wrong.append(X)

        in_threads(*[partial(ask, seed) for seed in range(8)])()
        stats = batcher.stats()
    assert wrong == [] and stats["requests"] == 800
    assert stats["rows"] == sum(doubling.sizes)


def test_stats_tell_what_was_waited_for_and_learned():
    doubling = Doubling(0.005)
    with Batcher(doubling) as batcher:
        assert batcher.stats()["took"]["p95"] is None
        for n in (1, 2, 4, 8):
            batcher.predict(np.ones((n, 1)))
        stats = batcher.stats()
    assert 0.005 <= stats["took"]["p50"] <= stats["took"]["p99"]
    assert stats["a"] + stats["b"] >= 0.004 and stats["objective"] == 0.010


def test_a_caller_with_a_timeout_gets_it_also_from_an_idle_batcher(doubling):
    with Batcher(doubling) as batcher:
        doubling.gate.clear()
        with pytest.raises(TimeoutError, match="no answer within 0.05 s"):
            batcher.predict([1.0], timeout=0.05)
        doubling.gate.set()


def test_timeouts_without_an_end_are_waited_for(doubling):
    with Batcher(doubling) as batcher:
        assert batcher.predict([1.0], timeout=float("inf")) == 2.0
        assert batcher.predict([1.0], timeout=1e300) == 2.0


def test_a_predictor_that_was_slow_at_first_is_tried_again_by_callers_with_timeouts():
    doubling = Doubling(0.06)

    async def ask():
        async with Batcher(doubling) as batcher:
            for _ in range(4):
                await batcher.predict_async([1.0])
            doubling.seconds = 0.0
            for _ in range(20):
                try:
                    return await batcher.predict_async([1.0], timeout=0.05)
                except (OverloadedError, TimeoutError):
                    pass

    assert asyncio.run(ask()) == 2.0


def test_the_only_caller_is_not_counted_as_waiting_for_itself():
    with Batcher(lambda X: time.sleep(0.01 * len(X)) or X[:, 0]) as batcher:
        for n in (1, 1, 2, 2, 1):
            batcher.predict(np.ones((n, 1)))
        dispatcher = batcher._dispatcher
        assert dispatcher._seconds_ahead(1) == dispatcher.model.expected(1)


def test_rows_that_were_taken_back_make_room_at_once(doubling):
    with Batcher(doubling, max_queue=4) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        for _ in range(10):
            with pytest.raises(TimeoutError):
                batcher.predict(np.ones((3, 1)), timeout=0.001)
        assert batcher.stats()["queued rows"] == batcher.stats()["queued"] == 0
        assert batcher.stats()["expired"] == 10
        doubling.gate.set()
        first()


def test_where_no_thread_can_be_had_callers_are_told_and_none_hangs(doubling, monkeypatch):
    def no_more(self):
        raise RuntimeError("can't start new thread")

    with Batcher(doubling) as batcher:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_more)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                batcher.predict([1.0], timeout=1.0)
        assert batcher.stats()["queued"] == 0
        assert batcher.predict([1.0], timeout=5.0) == 2.0


def test_quantiles_of_waiting_are_the_least_that_so_many_percent_do_not_exceed():
    from perfcore.runtime.dispatcher import _quantiles

    assert _quantiles([float(i) for i in range(100, 0, -1)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert _quantiles([2.0, 1.0]) == {"p50": 1.0, "p95": 2.0, "p99": 2.0}
    assert _quantiles([]) == {"p50": None, "p95": None, "p99": None}
