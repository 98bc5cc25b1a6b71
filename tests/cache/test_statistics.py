"""What a cache counts of itself is what happened."""

import threading

import numpy as np
import pytest

from perfcore import FeatureCache
from perfcore.cache.statistics import WINDOW


def table(keys):
    return np.asarray(keys, np.float32)[:, None] + np.arange(4, dtype=np.float32)


@pytest.fixture
def cache():
    cache = FeatureCache(100, 4)
    cache.put_many(range(10), table(range(10)))
    return cache


def test_loads_and_what_went_wrong_and_how_long_it_took(cache):
    now = iter([0.0, 3.0, 10.0, 11.0, 20.0, 20.5, 30.0])
    cache._statistics.clock = lambda: next(now)

    def fail(keys):
        raise OSError

    cache.get_or_load_many([1, 50, 51], table)
    with pytest.raises(OSError):
        cache.get_or_load_many([52], fail)
    cache.prefetch([1, 53, 54, 54], table).result()
    stats = cache.stats()
    assert (stats["loads"], stats["load_errors"], stats["loaded"], stats["prefetched"]) == (3, 1, 4, 2)
    assert (stats["load_seconds"], stats["longest_load_seconds"]) == (4.5, 3.0)


def test_the_rate_of_late_is_that_since_a_minute_or_the_question_before(cache):
    now = [1000.0]
    begin = cache._statistics._marks[0][0]
    cache._statistics.clock = lambda: begin + now[0]
    cache.get_many([1, 2, 77, 78])
    stats = cache.stats()
    assert (stats["hit_rate"], stats["recent_hit_rate"], stats["recent_seconds"]) == (0.5, 0.5, 1000)
    told = []
    for second in range(1, 200):
        now[0] = 1000.0 + second
        cache.get_many([1] if second < 100 else [1, 99])
        stats = cache.stats()
        told.append((stats["recent_hit_rate"], stats["recent_seconds"]))
    assert all(seconds == WINDOW for _, seconds in told[int(WINDOW) :])
    assert told[90][0] == 1.0 and told[-1][0] == 0.5 and 0.5 < told[120][0] < 1.0
    assert len(cache._statistics._marks) <= WINDOW + 2


def test_hits_and_misses_are_all_that_was_asked_for_once_it_is_quiet():
    cache, asked, lock = FeatureCache(300, 4), [], threading.Lock()

    def work(seed):
        rng, n = np.random.default_rng(seed), 0
        for _ in range(150):
            keys = rng.integers(0, 600, 20)
            which = rng.integers(0, 4)
            if which == 0:
                cache.get_many(keys)
            elif which == 1:
                cache.get(int(keys[0]))
            elif which == 2:
                cache.get_or_load_many(keys, table)
            else:
                cache.prefetch(keys, table).result()
            n += (20, 1, 20, 0)[which]
        with lock:
            asked.append(n)

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = cache.stats()
    assert stats["hits"] + stats["misses"] == sum(asked) and stats["hits"] and stats["misses"]
    assert stats["loaded"] >= stats["prefetched"] > 0
