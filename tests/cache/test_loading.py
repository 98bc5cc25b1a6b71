"""A loader is called once for what many ask for at once."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from perfcore import CacheError, FeatureCache, InputError, ModelCache
from perfcore.cache.keys import as_keys


def table(keys):
    return np.asarray(keys, np.float32)[:, None] + np.arange(4, dtype=np.float32)


@pytest.fixture
def cache():
    return FeatureCache(100, 4)


def at_once(n, work):
    """What n threads return that begin together; exceptions as they are."""
    results, barrier = [None] * n, threading.Barrier(n)

    def run(i):
        barrier.wait()
        try:
            results[i] = work(i)
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=[i]) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def test_what_is_there_is_not_loaded_and_the_rest_in_one_call(cache):
    calls = []

    def load(keys):
        calls.append(keys.tolist())
        return table(keys)

    cache.put_many([1, 2], table([1, 2]))
    keys = [5, 1, 7, 5, 2]
    assert (cache.get_or_load_many(keys, load) == table(keys)).all()
    assert (cache.get_or_load_many(keys, load) == table(keys)).all()
    assert calls == [[5, 7]]


def test_threads_that_ask_at_once_share_one_call(cache):
    calls, lock = [], threading.Lock()

    def load(keys):
        with lock:
            calls.extend(keys.tolist())
        return table(keys)

    for attempt in range(20):
        keys = list(range(10 * attempt, 10 * attempt + 5))
        for rows in at_once(32, lambda i, keys=keys: cache.get_or_load_many(keys[i % 3 :], load)):
            assert (rows == table(keys)[-len(rows) :]).all()
    assert len(calls) == len(set(calls)) == 100


def test_text_keys_come_as_a_list():
    cache = FeatureCache(10, 4)
    assert (cache.get_or_load_many(["a", "bb"], lambda keys: table([len(key) for key in keys])) == table([1, 2])).all()


def test_what_a_loader_raises_reaches_all_who_wait_and_poisons_nothing(cache):
    calls = []

    def fail(keys):
        calls.append(keys.tolist())
        deadline = time.monotonic() + 10
        while len(cache._flights._waits) < 7 and time.monotonic() < deadline:
            time.sleep(0.001)
        raise RuntimeError("no connection")

    results = at_once(8, lambda i: cache.get_or_load_many([1, 2], fail))
    assert calls == [[1, 2]] and isinstance(results[0], RuntimeError) and len(set(results)) == 1
    assert (cache.get_or_load_many([1, 2], table) == table([1, 2])).all()


def test_a_loader_that_returns_too_few_rows_is_told(cache):
    with pytest.raises(InputError, match=r"the loader was asked for 2 keys: rows of shape \(1, 4\) for 2 keys"):
        cache.get_or_load_many([1, 2], lambda keys: table(keys[:1]))
    assert len(cache) == 0


def test_a_loader_that_waits_for_itself_is_told(cache):
    def again(keys):
        return cache.get_or_load_many(keys, table)

    with pytest.raises(CacheError, match="waits for keys that it is to load itself"):
        cache.get_or_load_many([1], again)

    def other(keys):
        return cache.get_or_load_many(keys + 1, table) - 1

    assert (cache.get_or_load_many([10], other) == table([10])).all()


def test_loaders_that_wait_for_one_another_are_told(cache):
    both = threading.Barrier(2)

    def work(i):
        def load(keys):
            both.wait()
            return cache.get_or_load_many([1 - i], table) if (keys == i).all() else table(keys)

        return cache.get_or_load_many([i], load)

    results = at_once(2, work)
    assert any(isinstance(each, CacheError) for each in results)


def test_loaders_of_two_caches_that_wait_for_one_another_are_told(cache):
    both, models = threading.Barrier(2), ModelCache(4)

    def load(keys):
        both.wait(60)
        return np.full((1, 4), models.get_or_load("a", lambda key: 1.0), np.float32)

    def load_model(key):
        both.wait(60)
        return cache.get_or_load_many([1], table).sum()

    results = at_once(
        2, lambda i: models.get_or_load("a", load_model) if i else cache.get_or_load_many([1], load).sum()
    )
    assert any(isinstance(each, CacheError) for each in results)
    assert models.get_or_load("a", lambda key: 2.0) == 2.0 and (cache.get_or_load_many([1], table) == table([1])).all()


@pytest.mark.parametrize("awaits", [False, True])
def test_what_others_loaded_just_before_is_not_loaded_again(awaits, cache):
    calls, board = [], cache._flights._board

    def load(keys):
        calls.append(keys.tolist())
        return table(keys)

    async def load_async(keys):
        return load(keys)

    def land_before(me, keys):
        cache._flights._board = board
        cache.put_many([1, 2], table([11, 12]))
        return board(me, keys)

    cache._flights._board = land_before
    if awaits:
        rows = asyncio.run(cache.get_or_load_many_async([1, 2, 3], load_async))
    else:
        rows = cache.get_or_load_many([1, 2, 3], load)
    assert calls == [[3]] and (rows == table([11, 12, 3])).all()
    stats = cache.stats()
    assert (stats["hits"], stats["misses"], stats["loaded"]) == (0, 3, 1)


def test_more_keys_than_fit_are_handed_out_all_the_same():
    cache = FeatureCache(2, 4)
    assert (cache.get_or_load_many(range(50), table) == table(range(50))).all()


def test_tasks_share_one_call(cache):
    calls = []

    async def load(keys):
        calls.append(keys.tolist())
        await asyncio.sleep(0.05)
        return table(keys)

    async def fail(keys):
        await asyncio.sleep(0.01)
        raise RuntimeError("no connection")

    async def main():
        first = await asyncio.gather(*(cache.get_or_load_many_async([1, 2], load) for _ in range(20)))
        failed = await asyncio.gather(
            *(cache.get_or_load_many_async([8], fail) for _ in range(3)), return_exceptions=True
        )
        return first, failed, await cache.get_or_load_many_async([8], load)

    first, failed, last = asyncio.run(main())
    assert all((rows == table([1, 2])).all() for rows in first)
    assert all(isinstance(each, RuntimeError) for each in failed) and (last == table([8])).all()
    assert calls == [[1, 2], [8]]


def test_a_task_that_waits_and_is_cancelled_cancels_nobody_else(cache):
    go_on = asyncio.Event()

    async def load(keys):
        await go_on.wait()
        return table(keys)

    async def main():
        tasks = []
        for _ in range(3):
            tasks.append(asyncio.create_task(cache.get_or_load_many_async([1], load)))
            await asyncio.sleep(0.005)
        tasks[1].cancel()
        go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, cancelled, last = asyncio.run(main())
    assert (first == last).all() and (first == table([1])).all() and isinstance(cancelled, asyncio.CancelledError)


def test_whoever_waits_for_a_task_that_is_cancelled_loads_in_its_place(cache):
    calls = []

    async def load(keys):
        calls.append(keys.tolist())
        await asyncio.sleep(0.02)
        return table(keys)

    async def main():
        tasks = [asyncio.create_task(cache.get_or_load_many_async([1, 2], load)) for _ in range(3)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    cancelled, *rest = asyncio.run(main())
    assert isinstance(cancelled, asyncio.CancelledError) and all((rows == table([1, 2])).all() for rows in rest)
    assert calls == [[1, 2], [1, 2]]


def test_a_thread_whose_loader_is_interrupted_leaves_its_keys_to_those_who_wait(cache):
    begun, waits = threading.Event(), threading.Event()

    def stop(keys):
        begun.set()
        waits.wait(60)
        raise KeyboardInterrupt

    def work(i):
        if i == 0:
            with pytest.raises(KeyboardInterrupt):
                cache.get_or_load_many([1], stop)
            return None
        begun.wait(60)
        threading.Timer(0.05, waits.set).start()
        return cache.get_or_load_many([1], table)

    assert (at_once(2, work)[1] == table([1])).all()


def test_a_thread_that_would_wait_for_its_own_task_is_told(cache):
    async def load(keys):
        await asyncio.sleep(0.02)
        return table(keys)

    async def main():
        task = asyncio.create_task(cache.get_or_load_many_async([1], load))
        await asyncio.sleep(0.01)
        with pytest.raises(CacheError, match="this thread's own event loop .* await get_or_load_many_async"):
            cache.get_or_load_many([1], table)
        return await task

    assert (asyncio.run(main()) == table([1])).all()


def test_what_is_prefetched_is_there_and_its_thread_is_gone(cache):
    cache.put(1, table([1])[0])
    n_threads, calls = threading.active_count(), []

    def load(keys):
        calls.append((keys.tolist(), threading.current_thread() is threading.main_thread()))
        return table(keys)

    assert cache.prefetch([1, 2, 3, 2], load).result(60) == 2
    assert calls == [([2, 3], False)] and cache.contains_many([1, 2, 3]).all()
    assert cache.prefetch([1, 2], load).result(60) == 0 and len(calls) == 1
    for thread in threading.enumerate():
        if thread.name == "perfcore-prefetch":
            thread.join(60)
    assert threading.active_count() == n_threads
    stats = cache.stats()
    assert stats["hits"] == stats["misses"] == 0 and stats["prefetched"] == 2


def test_who_asks_for_what_is_being_prefetched_waits_for_it(cache):
    begun, go_on = threading.Event(), threading.Event()

    def load(keys):
        begun.set()
        go_on.wait(60)
        return table(keys)

    future = cache.prefetch([1, 2], load)
    begun.wait(60)
    threading.Timer(0.05, go_on.set).start()
    assert (cache.get_or_load_many([2], None) == table([2])).all() and future.result(60) == 2


@pytest.mark.parametrize("keys", [np.array([1, 2]), np.array([1, 2])[:, None].view("V8")[:, 0]], ids=["ints", "bytes"])
def test_keys_to_prefetch_may_be_changed_after_the_call(keys, cache):
    told = as_keys(keys).listed()
    with ThreadPoolExecutor(1) as pool:
        go_on = threading.Event()
        pool.submit(go_on.wait, 60)
        future = cache.prefetch(keys, lambda keys: table(range(len(keys))), executor=pool)
        keys[...] = keys[::-1].copy()
        keys[0] = keys[1]
        go_on.set()
        assert future.result(60) == 2 and cache.contains_many(told).all()


def test_prefetching_in_an_executor_of_the_caller(cache):
    names = []

    def load(keys):
        names.append(threading.current_thread().name)
        return table(keys)

    with ThreadPoolExecutor(1, thread_name_prefix="theirs") as pool:
        assert cache.prefetch([1], load, executor=pool).result(60) == 1
    assert names == ["theirs_0"]


def test_what_a_loader_raises_while_prefetching_is_in_the_future(cache):
    def fail(keys):
        raise RuntimeError("no connection")

    assert isinstance(cache.prefetch([1], fail).exception(60), RuntimeError)
    assert cache.prefetch([1], table).result(60) == 1
    with pytest.raises(InputError, match="one kind a cache"):
        cache.prefetch(["a"], table)


@pytest.mark.parametrize("awaits", [False, True])
def test_a_loader_may_use_its_buffer_anew(awaits, cache):
    buffer, begun, go_on = np.zeros((1, 4), np.float32), threading.Event(), threading.Event()
    answers = []

    def load(keys):
        begun.set()
        go_on.wait(60)
        buffer[:] = table(keys)
        return buffer

    async def load_async(keys):
        return load(keys)

    def wait():
        answers.append(cache.get_or_load_many([1], None))

    def first():
        if awaits:
            asyncio.run(cache.get_or_load_many_async([1], load_async))
        else:
            cache.get_or_load_many([1], load)

    land = cache._flights.land

    def land_and_load_another(flight):
        land(flight)
        buffer[:] = -1

    cache._flights.land = land_and_load_another
    threads = [threading.Thread(target=first)]
    threads[0].start()
    begun.wait(60)
    threads += [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads[1:]:
        thread.start()
    while len(cache._flights._waits) < 3:
        time.sleep(0.001)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 3 and all((rows == table([1])).all() for rows in answers)


@pytest.mark.parametrize("awaits", [False, True])
def test_what_is_put_or_deleted_while_it_is_loaded_is_not_overwritten(awaits, cache):
    def load(keys):
        cache.put(1, table([100])[0])
        cache.delete_many([2])
        return table(keys)

    async def load_async(keys):
        return load(keys)

    if awaits:
        rows = asyncio.run(cache.get_or_load_many_async([1, 2, 3], load_async))
    else:
        rows = cache.get_or_load_many([1, 2, 3], load)
    assert (rows == table([1, 2, 3])).all()
    assert (cache.get(1) == table([100])).all() and 2 not in cache and 3 in cache

    def clear(keys):
        cache.clear()
        return table(keys)

    cache.get_or_load_many([7], clear)
    assert len(cache) == 0 and not cache._flights


def test_who_asks_after_a_delete_does_not_get_what_was_being_loaded_before(cache):
    begun, go_on, source = threading.Event(), threading.Event(), {1: 1}

    def load(keys):
        rows = table([source[key] for key in keys.tolist()])
        begun.set()
        go_on.wait(60)
        return rows

    thread = threading.Thread(target=cache.get_or_load_many, args=([1], load))
    thread.start()
    begun.wait(60)
    source[1] = 2
    cache.delete(1)
    go_on.set()
    assert (cache.get_or_load_many([1], load) == table([2])).all()
    thread.join(60)
    assert (cache.get(1) == table([2])).all()


@pytest.mark.parametrize("rows", [None, 3, [[1.0]], np.zeros((1, 4)), "abcd"], ids=str)
def test_a_loader_that_returns_no_rows_is_told(rows, cache):
    with pytest.raises(InputError, match="the loader was asked for 1 keys: rows"):
        cache.get_or_load_many([1], lambda keys: rows)
    assert (cache.get_or_load_many([1], table) == table([1])).all()
