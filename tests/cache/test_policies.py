"""What the policies do beyond what a plain list of entries does: tests/field measures them on real traces."""

import threading

import numpy as np
import pytest

from perfcore import FeatureCache


def hit_rate(cache, keys):
    """Asked for one at a time; what is missing is put."""
    row, hits = np.zeros(1, cache.dtype), 0
    for key in keys:
        if cache.get(key, row) is None:
            cache.put(key, row)
        else:
            hits += 1
    return hits / len(keys)


def loop(n):
    return list(range(200)) * (n // 200)


def pairs(n):
    """Every key twice, at a distance, and never again: a sketch of counts has no use."""
    return [key for at in range(0, n, 160) for _ in range(2) for key in range(10_000 + at, 10_000 + at + 80)]


def test_a_loop_larger_than_the_cache_is_what_clock_cannot_keep_and_the_others_can():
    found = {
        policy: hit_rate(FeatureCache(100, 1, policy=policy), loop(20_000)) for policy in ("clock", "lfu", "s3fifo")
    }
    assert found["clock"] == 0 and found["lfu"] > 0.35 and found["s3fifo"] > 0.35


def test_adaptive_goes_over_to_what_has_more_hits(monkeypatch):
    monkeypatch.setattr("secrets.randbits", lambda n: 7)  # how keys fall into the sketch decides when
    cache = FeatureCache(100, 1, policy="adaptive")
    assert hit_rate(cache, loop(20_000)) > 0.35
    assert cache.stats()["policy"] == "lfu"
    alone = hit_rate(FeatureCache(100, 1), pairs(80_000))
    hit_rate(cache, pairs(40_000))
    assert cache.stats()["policy"] == "clock"
    assert abs(hit_rate(cache, [key + 1_000_000 for key in pairs(80_000)]) - alone) < 0.02
    hit_rate(cache, loop(40_000))
    assert cache.stats()["policy"] == "lfu"
    assert hit_rate(cache, loop(20_000)) > 0.35


@pytest.mark.parametrize("policy", ["clock", "s3fifo", "lfu", "adaptive", "lru_exact"])
def test_rows_that_are_put_anew_while_views_hold_them_do_not_use_up_the_room(policy):
    cache = FeatureCache(200, 2, policy=policy, max_pinned=1.0)
    views = []
    for i in range(150):
        assert cache.put(1, np.full(2, i, "f4")) == 0
        views.append(cache.view(1))
    assert all((view == i).all() for i, view in enumerate(views))
    assert sum(cache.put(key, np.full(2, key, "f4")) for key in range(1000, 2000)) == 0
    assert len(cache) < 200
    views.clear()
    assert sum(cache.put(key, np.full(2, key, "f4")) for key in range(3000, 4000)) == 0
    assert len(cache) == 200 and (cache.get(3999) == 3999).all()


@pytest.mark.parametrize("policy", ["clock", "s3fifo", "lfu", "adaptive", "lru_exact"])
def test_views_of_the_oldest_rows_leave_room_for_others(policy):
    cache = FeatureCache(500, 1, policy=policy)
    cache.put_many(range(500), np.zeros((500, 1), "f4"))
    views = [cache.view(key) for key in range(40)]
    assert sum(cache.put_many([key], np.ones((1, 1), "f4")) for key in range(1000, 2000)) == 0
    assert len(views) == 40 and len(cache) == 500


def test_a_row_that_has_expired_gives_way_to_any_version():
    cache = FeatureCache(10, 1, ttl=10)
    now = cache._now()
    cache._now = lambda: now
    cache.put_many([1], np.ones((1, 1), "f4"), version=7)
    cache.put_many([1], np.zeros((1, 1), "f4"), version=3)
    assert cache.get(1)[0] == 1
    cache._now = lambda: now + 11 * 10**9
    cache.put_many([1], np.zeros((1, 1), "f4"), version=3)
    assert cache.get(1)[0] == 0


@pytest.mark.parametrize("n", [2_000, 20_000])
def test_an_lfu_put_looks_at_few_entries_however_many_there_are(n):
    cache = FeatureCache(n, 1, policy="lfu")
    hot = np.arange(n * 8 // 10)
    cache.put_many(hot, np.zeros((len(hot), 1), "f4"))
    for _ in range(3):
        cache.get_many(hot)
    cold = np.arange(10**6, 10**6 + 4 * n)
    cache.put_many(cold, np.zeros((len(cold), 1), "f4"))
    assert cache.get_many(hot)[1].mean() > 0.5 and len(cache) == n


@pytest.mark.parametrize("policy", ["clock", "s3fifo", "lfu", "adaptive", "lru_exact"])
def test_the_few_rows_that_no_view_holds_are_found_and_a_put_that_finds_none_looks_at_few(policy):
    cache = FeatureCache(1000, 1, policy=policy, max_pinned=1.0)
    cache.put_many(range(1000), np.zeros((1000, 1), "f4"))
    views = [cache.view(key) for key in range(990)]
    keys = range(5000, 15_000)
    cache.put_many(keys, np.ones((10_000, 1), "f4"))
    assert all((view == 0).all() for view in views) and cache.contains_many(keys).sum() == 10
    stats = cache.stats()
    assert stats["inserts"] > 1050 and stats["skipped_pinned"] < 10 * 10_000


def test_text_of_keys_is_counted_as_long_as_it_is_kept():
    cache = FeatureCache(100, 1)
    cache.put("a", np.zeros(1, "f4"))
    before = cache.nbytes
    cache.put_many([f"{i:1000}" for i in range(90)], np.zeros((90, 1), "f4"))
    assert 90_000 < cache.nbytes - before < 95_000
    cache.put_many([str(i) for i in range(1000)], np.zeros((1000, 1), "f4"))
    assert abs(cache.nbytes - before) < 25_000  # what was evicted lately may not have come back yet
    cache.clear()
    assert cache.nbytes < before


@pytest.mark.parametrize("policy", ["clock", "s3fifo", "lfu", "adaptive", "lru_exact"])
def test_a_cache_shrinks_after_many_deletes_and_counts_what_left_once(policy):
    cache = FeatureCache(30_000, 1, policy=policy)
    cache.put_many(range(30_000), np.arange(30_000, dtype="f4")[:, None])
    cache.delete_many(range(15_000))
    cache.put_many(range(50_000, 60_000), np.arange(10_000, dtype="f4")[:, None])
    cache.resize(2000)
    stats = cache.stats()
    assert (len(cache), stats["evicted_shrink"], stats["evicted_capacity"]) == (2000, 23_000, 0)


def test_a_long_batch_beside_a_reader_is_not_rejected():
    cache, ends = FeatureCache(20_000, 50), []
    cache.put_many(range(20_000), np.zeros((20_000, 50), "f4"))

    def read():
        while not ends:
            cache.get_many(np.arange(0, 20_000, 10))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        n_rejected = cache.put_many(range(20_000, 120_000), np.zeros((100_000, 50), "f4"))
    finally:
        ends.append(True)
        reader.join()
    assert n_rejected == 0 and len(cache) == 20_000
