"""A process that forks while its threads make, fill and close caches goes on, and so does its child."""

import os
import threading

import numpy as np
import pytest

from perfcore import FeatureCache

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning"),
]
ROWS = np.arange(400, dtype=np.float32).reshape(100, 4)


def works(cache):
    cache.put_many(range(100), ROWS)
    rows, hit = cache.get_many(range(100))
    loaded = cache.get_or_load_many([3, 1000], lambda keys: ROWS[: len(keys)])
    return (rows[hit] == ROWS[hit]).all() and hit.any() and loaded.shape == (2, 4) and cache.stats()["loads"] >= 1


def status_of_child(work):
    """0 where what it returns is true."""
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("policy", ["clock", "lru_exact"])
@pytest.mark.parametrize("n_forks", [10, pytest.param(300, marks=pytest.mark.long)])
def test_it_forks_while_threads_make_fill_and_close_caches(policy, n_forks):
    kept = [FeatureCache(50, 4, policy=policy) for _ in range(3)]
    stop, wrong = threading.Event(), []

    def work(own):
        try:
            while not stop.is_set():
                made = FeatureCache(100, 4, policy=policy)
                for cache in [*kept[own:], *kept[:own], made]:
                    cache.put_many(range(100), ROWS)
                    cache.get(5)
                    cache.get_or_load_many([7, 200 + own], lambda keys: ROWS[: len(keys)])
                made.close()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=[own]) for own in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(n_forks):
            assert status_of_child(lambda: all(map(works, kept)) and works(FeatureCache(100, 4, policy=policy))) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)
    assert all(map(works, kept))


def test_what_others_were_loading_is_loaded_by_the_child_itself():
    cache, begun, go_on = FeatureCache(10, 4), threading.Event(), threading.Event()

    def load(keys):
        begun.set()
        go_on.wait(60)
        return ROWS[: len(keys)]

    thread = threading.Thread(target=lambda: cache.get_or_load_many([1], load))
    thread.start()
    begun.wait(60)
    try:
        assert status_of_child(lambda: (cache.get_or_load_many([1], lambda keys: ROWS[5:6]) == ROWS[5]).all()) == 0
    finally:
        go_on.set()
        thread.join(60)
    assert (cache.get(1) == ROWS[0]).all()


def test_a_loader_may_fork():
    cache = FeatureCache(10, 4)

    def load(keys):
        assert status_of_child(lambda: works(cache)) == 0
        return ROWS[: len(keys)]

    assert (cache.get_or_load_many([1], load) == ROWS[:1]).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_forks_while_loaded_rows_are_stored_and_overtaken():
    cache, stop = FeatureCache(50, 2), threading.Event()

    def load(keys):
        return np.repeat(keys, 2).reshape(-1, 2).astype(np.float32)

    def work(seed):
        rng = np.random.default_rng(seed)
        while not stop.is_set():
            keys = rng.integers(0, 200, 20)
            assert (cache.get_or_load_many(keys, load) == load(keys)).all()
            cache.delete_many(keys[:5])

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(not (cache.get_or_load_many(range(300), load) == load(np.arange(300))).all())
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
