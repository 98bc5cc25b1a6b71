"""One predictor, many threads: equal answers, and no more threads than were asked for."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from process_jobs import answer, most_threads

import perfcore


@pytest.mark.parametrize("n_threads", [None, 1, 3])
def test_many_threads_ask_one_predictor(n_threads, saved, X):
    fast = perfcore.load(saved, n_threads=n_threads)
    expected = answer(fast, X)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: answer(fast, X), range(64))) == {expected}


def test_methods_made_for_plain_arrays_are_asked_by_many_threads_too(saved, X):
    fast = perfcore.load(saved)
    expected = [fast.predict_one(row) for row in X[:50]]
    with ThreadPoolExecutor(16) as pool:
        for found in pool.map(lambda _: [fast.predict_one(row) for row in X[:50]], range(64)):
            assert found == expected


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted under /proc")
@pytest.mark.parametrize("n_threads", [1, 4])
def test_a_call_has_the_threads_that_it_was_given(n_threads, saved, X):
    fast = perfcore.load(saved, n_threads=n_threads, kernel="walk")
    alone = len(os.listdir("/proc/self/task"))
    found = most_threads(fast.predict(X) for _ in range(40))
    assert found <= alone + n_threads, "the asking one is the first of them"
    if n_threads > 1:
        assert found > alone + 1
