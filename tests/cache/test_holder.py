"""A cache is made at its first keys, closed once, and means the same to all threads all the while."""

import threading

import numpy as np
import pytest

from perfcore import CacheError, ConfigurationError, FeatureCache
from perfcore._ext.cache import COUNTS

ROWS = np.arange(200, dtype=np.float32).reshape(50, 4)


@pytest.fixture
def cache():
    return FeatureCache(50, 4)


@pytest.mark.parametrize("empty", [[], np.array([], np.int64), range(0)], ids=str)
def test_no_keys_say_nothing_of_the_kind(cache, empty):
    for _ in range(2):
        rows, hit = cache.get_many(empty)
        assert rows.shape == (0, 4) and hit.shape == (0,)
        assert cache.put_many(empty, ROWS[:0]) == cache.put_many(empty, ROWS[:0], version=1) == 0
        assert cache.contains_many(empty).shape == (0,) and cache.delete_many(empty) == 0
        assert cache.get_or_load_many(empty, None).shape == (0, 4) and cache.prefetch(empty, None).result() == 0
        assert cache.put_many(["a"], ROWS[:1]) == 0  # the second time round, it is one of text keys


def test_before_the_first_key_all_is_told(cache):
    before = cache.stats()
    assert {*COUNTS} < {*before} and before["hits"] == before["size"] == before["bytes"] == 0 and len(cache) == 0
    cache.put(1, ROWS[0])
    assert [*cache.stats()] == [*before]
    FeatureCache(5, 4).clear()


@pytest.mark.parametrize(
    ("capacity", "max_pinned", "n"), [(8, 0.1, 1), (1, 0.1, 1), (25, 0.1, 2), (8, 3, 3), (8, 1.0, 8)]
)
def test_views_may_hold_one_row_at_least_of_any_part(capacity, max_pinned, n):
    cache = FeatureCache(capacity, 4, max_pinned=max_pinned)
    cache.put_many(range(capacity), ROWS[:capacity])
    for _ in range(2):
        held = [cache.view(key) for key in range(n)]
        if n < capacity:
            with pytest.raises(CacheError, match=f"views hold {n} rows"):
                cache.view(n)
        del held
        cache.clear()
        cache.put_many(range(capacity), ROWS[:capacity])


def test_views_hold_nothing_where_none_may():
    cache = FeatureCache(8, 4, max_pinned=0)
    for _ in range(2):
        cache.put(1, ROWS[0])
        with pytest.raises(CacheError, match="views hold 0 rows"):
            cache.view(1)
        cache.clear()


def test_a_part_is_one_of_the_capacity_that_it_has_now():
    cache = FeatureCache(20, 4)
    for capacity, n in ((50, 5), (9, 1), (30, 3)):
        cache.resize(capacity)
        cache.put_many(range(9), ROWS[:9])
        held = [cache.view(key) for key in range(n)]
        with pytest.raises(CacheError, match=f"views hold {n} rows"):
            cache.view(n)
        del held


def test_a_number_of_views_is_no_more_than_the_capacity():
    with pytest.raises(ConfigurationError, match="max_pinned=9: the capacity is 8"):
        FeatureCache(8, 4, max_pinned=9)


@pytest.mark.parametrize(
    "call", [lambda c: c.clear(), lambda c: c.put(1, ROWS[0], version=1)], ids=["clear", "first version"]
)
def test_what_is_done_beside_a_resize_does_not_undo_it(call):
    for _ in range(50):
        cache = FeatureCache(50, 4)
        cache.put_many(range(50), ROWS)
        thread = threading.Thread(target=call, args=[cache])
        thread.start()
        cache.resize(10)
        thread.join()
        cache.put_many(range(50), ROWS)
        assert cache.capacity == len(cache) == 10


def test_no_memory_is_told_and_leaves_the_cache_as_it_was():
    cache = FeatureCache(2**30, 10**6)
    for _ in range(2):
        with pytest.raises(MemoryError):
            cache.put_many([1], np.zeros((1, 10**6), np.float32))
        assert len(cache) == 0


def test_threads_that_close_and_use_it_at_once_are_told_that_it_is_closed():
    def use(cache, barrier, wrong):
        barrier.wait()
        try:
            for _ in range(30):
                cache.put_many(range(3), ROWS[:3])
                len(cache), cache.stats(), cache.get(1), cache.clear()
        except CacheError as error:
            wrong.append(str(error) != "the cache is closed")
        except BaseException as error:
            wrong.append(error)

    for attempt in range(100):
        cache, barrier, wrong = FeatureCache(50, 4), threading.Barrier(3), []
        threads = [threading.Thread(target=use, args=(cache, barrier, wrong)) for _ in range(2)]
        for thread in threads:
            thread.start()
        barrier.wait()
        for _ in range(attempt):
            pass
        cache.close()
        for thread in threads:
            thread.join()
        assert not any(wrong)
        with pytest.raises(CacheError, match="closed"):
            len(cache)


def test_what_is_told_beside_the_first_keys_is_told_without_error():
    cache, errors, done = FeatureCache(500_000, 4), [], threading.Event()

    def ask():
        while not done.is_set():
            try:
                cache.stats(), len(cache), repr(cache), cache.nbytes
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    cache.put(1, ROWS[0])
    done.set()
    thread.join()
    assert not errors


CALLS = {
    "get_many": lambda c: c.get_many([1]),
    "get": lambda c: c.get(1),
    "get of text": lambda c: c.get("a"),
    "view": lambda c: c.view(1),
    "contains_many": lambda c: c.contains_many([1]),
    "in": lambda c: 1 in c,
    "len": len,
    "put_many": lambda c: c.put_many([1], ROWS[:1]),
    "put_many of none": lambda c: c.put_many([], ROWS[:0]),
    "put": lambda c: c.put(1, ROWS[0], version=1),
    "delete_many": lambda c: c.delete_many([1]),
    "clear": lambda c: c.clear(),
    "resize": lambda c: c.resize(5),
    "get_or_load_many": lambda c: c.get_or_load_many([1], None),
    "prefetch": lambda c: c.prefetch([1], None),
    "to_arrow": lambda c: c.to_arrow([1]),
    "save": lambda c: c.save("none"),
    "nbytes": lambda c: c.nbytes,
    "stats": lambda c: c.stats(),
}


@pytest.mark.parametrize("is_made", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_every_call_says_that_it_is_closed(name, is_made, cache):
    if is_made:
        cache.put(1, ROWS[0])
    cache.close()
    cache.close()
    with pytest.raises(CacheError, match="the cache is closed"):
        CALLS[name](cache)
    assert "closed" in repr(cache) and cache.capacity == 50 and cache.dtype == np.float32
