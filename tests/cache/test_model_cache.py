"""Models by name: the least recently used leaves, is closed once and outside of the lock, and is loaded once."""

import asyncio
import gc
import multiprocessing
import pathlib
import pickle
import threading
import time
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import perfcore
from perfcore import CacheError, ConfigurationError, InputError, ModelCache


class Model:
    def __init__(self, name=None, nbytes=1):
        self.name, self.nbytes, self.n_closed = name, nbytes, 0

    def close(self):
        self.n_closed += 1


class Clock:
    def __init__(self, cache):
        self.now = 0
        cache._now = lambda: self.now

    def pass_(self, seconds):
        self.now += round(seconds * 1e9)


def together(n, call):
    """What n threads get that call at once: answers and errors."""
    barrier, told = threading.Barrier(n), []

    def run():
        barrier.wait()
        try:
            told.append(call())
        except Exception as error:
            told.append(error)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(told) == n
    return told


def wait_for(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.002)


# -- a mapping, the least recently used first ----------------------------------------------------------


def test_it_is_a_mapping():
    cache = ModelCache(10)
    cache["a"], cache["b"] = 1, 2
    cache.update(c=3)
    assert dict(cache) == {"a": 1, "b": 2, "c": 3} == dict(cache.items())
    assert list(cache.values()) == [1, 2, 3] and list(cache.keys()) == ["a", "b", "c"]
    assert cache.get("a") == 1 and cache.get("x") is None and "b" in cache and "x" not in cache
    assert cache.pop("a") == 1 and cache.pop("a", 9) == 9 and len(cache) == 2
    assert cache.setdefault("b", 7) == 2 and cache.setdefault("d", 7) == 7
    del cache["d"]
    assert cache.popitem() == ("c", 3)  # b was used since
    for absent in (lambda: cache["x"], lambda: cache.pop("x"), lambda: cache.__delitem__("x")):
        with pytest.raises(KeyError, match="x"):
            absent()
    cache.clear()
    with pytest.raises(KeyError, match="empty"):
        cache.popitem()
    assert cache != ModelCache(10) and cache == cache and hash(cache) == hash(cache)


def test_looking_does_not_count_as_use_but_getting_does():
    cache = ModelCache(2)
    cache["a"], cache["b"] = 1, 2
    assert "a" in cache and list(cache.items()) == [("a", 1), ("b", 2)] and list(cache.values()) == [1, 2]
    assert 1 in cache.values() and 3 not in cache.values() and cache.stats()["hits"] == 0
    assert ("a", 1) in cache.items() and ("a", 2) not in cache.items() and ("x", 1) not in cache.items()
    cache["c"] = 3
    assert list(cache) == ["b", "c"]
    assert cache["b"] == 2
    cache["d"] = 4
    assert list(cache) == ["b", "d"] and cache.stats()["evicted"] == 2


class Against(RuleBasedStateMachine):
    """The cache against a plain ordered mapping, which an operation ends with evicting and expiring."""

    keys = st.sampled_from(["a", "b", ("m", 1), ("m", 2), b"a", 1, pathlib.PurePosixPath("a"), None])

    @initialize(
        max_items=st.none() | st.integers(1, 4), max_bytes=st.integers(1, 12), ttl=st.none() | st.integers(1, 9)
    )
    def make(self, max_items, max_bytes, ttl):
        self.cache = ModelCache(max_items, max_bytes, ttl=ttl)
        self.clock = Clock(self.cache)
        self.max_items, self.max_bytes, self.ttl = max_items, max_bytes, ttl
        self.known, self.gone, self.n_asked = OrderedDict(), [], 0  # key -> [model, last use]

    def settle(self):
        for key, (_, used) in list(self.known.items()):
            if self.ttl is not None and self.clock.now - used >= self.ttl * 10**9:
                self.drop(key)
        while len(self.known) > (self.max_items or 99) or self.weight() > self.max_bytes:
            self.drop(next(iter(self.known)))

    def weight(self):
        return sum(model.nbytes for model, _ in self.known.values())

    def drop(self, key):
        self.gone.append(self.known.pop(key)[0])

    def use(self, key):
        self.n_asked += 1
        if key not in self.known:
            return None
        self.known[key][1] = self.clock.now
        self.known.move_to_end(key)
        return self.known[key][0]

    @rule(key=keys, nbytes=st.integers(0, 13))
    def put(self, key, nbytes):
        model = Model(key, nbytes)
        if nbytes > self.max_bytes:
            with pytest.raises(InputError, match="max_bytes"):
                self.cache[key] = model
            return
        self.cache[key] = model
        if key in self.known:
            self.drop(key)
        self.known[key] = [model, self.clock.now]

    @rule(key=keys)
    def get(self, key):
        assert self.cache.get(key) is self.use(key)

    @rule(key=keys, nbytes=st.integers(0, 13))
    def get_or_load(self, key, nbytes):
        model, found = Model(key, nbytes), self.use(key)
        assert self.cache.get_or_load(key, lambda _: model) is (found or model)
        if found is None and nbytes <= self.max_bytes:
            self.known[key] = [model, self.clock.now]

    @rule(key=keys)
    def delete(self, key):
        if key in self.known:
            del self.cache[key]
            self.drop(key)
        else:
            with pytest.raises(KeyError):
                del self.cache[key]

    @rule(key=keys)
    def pop(self, key):
        assert self.cache.pop(key, None) is self.known.pop(key, [None])[0]

    @rule(max_items=st.integers(1, 5), max_bytes=st.integers(1, 12))
    def resize(self, max_items, max_bytes):
        self.cache.resize(max_items=max_items, max_bytes=max_bytes)
        self.max_items, self.max_bytes = max_items, max_bytes

    @rule(seconds=st.integers(0, 5))
    def wait(self, seconds):
        self.clock.pass_(seconds)

    @rule(seconds=st.integers(1, 5))
    def drop_idle(self, seconds):
        idle = [key for key, (_, used) in self.known.items() if self.clock.now - used >= seconds * 10**9]
        assert self.cache.drop_idle(seconds) == len(idle)
        for key in idle:
            self.drop(key)

    @invariant()
    def it_is_as_the_oracle(self):
        if not hasattr(self, "cache"):
            return
        self.settle()
        assert list(self.cache.items()) == [(key, model) for key, (model, _) in self.known.items()]
        stats = self.cache.stats()
        assert stats["bytes"] == self.weight() and stats["hits"] + stats["misses"] == self.n_asked
        assert all(model.n_closed == 1 for model in self.gone)
        assert all(model.n_closed == 0 for model, _ in self.known.values())


Against.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_any_use_is_as_that_of_an_ordered_mapping = Against.TestCase


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ([1], "a key of list"),
        (1.0, "a key of float"),
        (("a", [1]), "a key of list"),
        (np.str_("a"), "a key of str_"),
        (np.timedelta64(3, "s"), "a key of timedelta64"),
        (type("Odd", (np.int64,), {})(3), "a key of Odd"),
    ],
    ids=str,
)
def test_keys_that_could_run_python_code_are_refused(key, message):
    cache = ModelCache(2)
    for use in (cache.get, cache.__contains__, lambda key: cache.get_or_load(key, Model)):
        with pytest.raises(InputError, match=message):
            use(key)


@pytest.mark.parametrize("integer", [np.int64(3), np.uint8(3), np.intc(3)], ids=lambda key: type(key).__name__)
def test_an_integer_of_numpy_is_the_key_that_it_is_equal_to(integer):
    cache = ModelCache(3)
    cache[integer], cache["tenant", integer] = 1, 2
    assert cache[3] == 1 == cache.get_or_load(integer, Model) and cache["tenant", 3] == 2
    cache[3] = 4
    assert dict(cache) == {integer: 4, ("tenant", 3): 2}


def test_a_path_and_its_text_are_two_keys():
    cache = ModelCache(3)
    cache[pathlib.Path("m.pcore")] = 1
    assert "m.pcore" not in cache and cache[pathlib.Path("m.pcore")] == 1
    assert list(cache) == [pathlib.Path("m.pcore")]


def test_bounds_are_changed_by_numbers_alone():
    cache = ModelCache(3)
    for wrong in (lambda: cache.resize(max_items=0), lambda: cache.resize(max_bytes=1.5), lambda: cache.drop_idle("1")):
        with pytest.raises(ConfigurationError, match="allowed"):
            wrong()
    assert (cache.max_items, cache.max_bytes) == (3, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs max_items= or max_bytes="),
        ({"max_items": 0}, "max_items=0"),
        ({"max_items": True}, "max_items=True"),
        ({"max_bytes": -1}, "max_bytes=-1"),
        ({"max_items": 1, "ttl": 0}, "ttl=0"),
    ],
    ids=str,
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        ModelCache(**arguments)


def test_weights_are_told_by_nbytes_or_the_callers_own_function():
    cache = ModelCache(max_bytes=100)
    cache["a"] = np.zeros(10)
    assert cache.stats()["bytes"] == 80
    cache["b"] = np.zeros(5)
    assert list(cache) == ["b"]
    with pytest.raises(InputError, match="a str has no nbytes"):
        cache["c"] = "text"
    own = ModelCache(max_bytes=100, weigh=len)
    own["c"] = "text"
    assert own.stats()["bytes"] == 4
    for bad in (-1, 1.5, True, None):
        with pytest.raises(InputError, match="weighs"):
            ModelCache(max_bytes=9, weigh=lambda _, bad=bad: bad)["a"] = 1


def test_it_is_not_pickled():
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ModelCache(1))


# -- closing -------------------------------------------------------------------------------------------


def test_a_value_under_two_keys_is_closed_with_the_last_of_them():
    cache, model = ModelCache(9), Model()
    cache["latest"] = cache["v3"] = model
    cache["latest"] = model  # the same again
    del cache["latest"]
    assert model.n_closed == 0
    del cache["v3"]
    assert model.n_closed == 1


def test_clear_and_close_close_what_is_there_and_pop_hands_it_over():
    cache, models = ModelCache(9), [Model() for _ in range(4)]
    for i, model in enumerate(models):
        cache[i] = model
    assert cache.pop(0) is models[0] and cache.popitem() == (1, models[1])
    cache.clear()
    with cache:
        cache[3] = models[3] = Model()
    assert [model.n_closed for model in models] == [0, 0, 1, 1]
    for use in (cache.clear, lambda: cache["a"], lambda: len(cache), lambda: cache.get_or_load(1, Model)):
        with pytest.raises(CacheError, match="closed"):
            use()
    cache.close()
    assert "closed" in repr(cache)


def test_what_was_popped_is_not_closed_by_a_lease_but_is_once_it_is_put_again():
    cache, model = ModelCache(1), Model()
    cache["a"] = model
    with cache.lease("a") as leased:
        assert cache.pop("a") is leased
    assert model.n_closed == 0
    cache["a"] = model
    with cache.lease("a"):
        cache["a"] = cache.pop("a")
    assert model.n_closed == 0
    cache["b"] = Model()
    assert model.n_closed == 1


def test_a_lease_keeps_a_value_open_until_the_last_ends():
    cache = ModelCache(1)
    with cache.lease("a", Model) as model:
        with cache.lease("a") as same:
            cache["b"] = Model()
            assert same is model and model.n_closed == 0 and "a" not in cache
        assert model.n_closed == 0
        with pytest.raises(KeyError), cache.lease("a"):
            pass
    assert model.n_closed == 1
    with cache.lease("a", Model) as model:
        cache.close()
        assert model.n_closed == 0
    assert model.n_closed == 1


def test_what_is_too_heavy_is_handed_out_and_closed_by_its_lease_alone():
    cache = ModelCache(max_bytes=10)
    model = cache.get_or_load("a", lambda key: Model(key, 11))
    assert (model.n_closed, len(cache), cache.stats()["rejected"]) == (0, 0, 1)
    with cache.lease("a", lambda key: Model(key, 11)) as model:
        assert model.n_closed == 0
    assert model.n_closed == 1


def test_what_was_loaded_and_cannot_be_kept_is_closed():
    cache, model = ModelCache(1), Model()

    def load(key):
        cache.close()
        return model

    with pytest.raises(CacheError, match="closed"):
        cache.get_or_load("a", load)
    assert model.n_closed == 1
    heavy = Model(nbytes="much")
    with pytest.raises(InputError, match="weighs 'much'"):
        ModelCache(max_bytes=9).get_or_load("a", lambda key: heavy)
    assert heavy.n_closed == 1


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_an_error_of_closing_others_leaves_what_was_loaded_open_and_no_lease_behind(error):
    class Bad(Model):
        def close(self):
            raise error("no")

    def raises():
        return pytest.raises(RuntimeWarning if error is OSError else error, match="no")

    cache, model = ModelCache(1), Model()
    cache["a"] = Bad()
    with raises():
        cache.get_or_load("b", lambda key: model)
    assert cache["b"] is model and model.n_closed == 0
    cache = ModelCache(1)
    cache["a"] = Bad()
    with raises(), cache.lease("b", lambda key: model):
        pass
    assert cache["b"] is model and model.n_closed == 0
    cache.clear()
    assert model.n_closed == 1
    cache = ModelCache(2, ttl=10)
    clock = Clock(cache)
    cache["a"] = Bad()
    clock.pass_(5)
    cache["b"] = model
    clock.pass_(5)
    with raises(), cache.lease("b"):
        pass
    cache.clear()
    assert model.n_closed == 2 and not cache._by_id


@pytest.mark.parametrize("leased", [False, True])
@pytest.mark.parametrize("nbytes", [9, 10])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_was_loaded_is_closed_once_though_closing_others_fails(leased, nbytes):
    class Bad(Model):
        def close(self):
            raise OSError("no")

    cache, model, other = ModelCache(max_bytes=9, ttl=10), Model(nbytes=nbytes), Model()
    clock = Clock(cache)

    def load(key):
        cache["bad"] = Bad()
        clock.pass_(5)
        cache[key] = other
        clock.pass_(5)
        return model

    with pytest.raises(RuntimeWarning, match="no"):
        cache.lease("a", load).__enter__() if leased else cache.get_or_load("a", load)
    assert cache["a"] is other and (model.n_closed, other.n_closed) == (leased or nbytes == 9, 0)
    cache.clear()
    assert other.n_closed == 1 and not cache._by_id


@pytest.mark.parametrize("leased", [False, True])
def test_a_value_that_is_set_while_the_key_is_loaded_stays_and_the_loaded_one_is_closed(leased):
    cache, loaded, model = ModelCache(4, 10), Model(), Model()

    def load(key):
        cache[key] = model
        return loaded

    if leased:
        with cache.lease("a", load) as found:
            del cache["a"]
            assert found is model and model.n_closed == 0
        assert model.n_closed == 1
    else:
        assert cache.get_or_load("a", load) is model is cache["a"] and model.n_closed == 0
        cache.clear()
    assert (loaded.n_closed, model.n_closed, cache.stats()["bytes"]) == (1, 1, 0) and not cache._by_id
    same = cache.get_or_load("a", lambda key: cache.setdefault(key, Model()))
    assert same.n_closed == 0 and cache["a"] is same


def test_close_may_use_the_cache_from_any_thread():
    """It would stand still, were the lock held."""
    cache, seen = ModelCache(2), []

    class Asking(Model):
        def close(self):
            thread = threading.Thread(target=lambda: seen.append((len(cache), cache.get("x"))))
            thread.start()
            thread.join(10)
            cache["closed"] = Model()
            super().close()

    first = cache["a"] = Asking()
    cache["b"] = Model()
    cache["c"] = Model()
    assert first.n_closed == 1 and seen == [(2, None)] and list(cache) == ["c", "closed"]


def test_an_error_of_close_is_warned_of_and_the_others_are_closed():
    class Bad(Model):
        def close(self):
            raise OSError("no")

    cache, good = ModelCache(9), Model()
    cache["a"], cache["b"] = Bad(), good
    with pytest.warns(RuntimeWarning, match=r"Bad.close\(\): OSError\('no'\)"):
        cache.clear()
    assert good.n_closed == 1 and len(cache) == 0


def test_classes_and_values_without_close_just_leave():
    cache = ModelCache(1)
    for value in (Model, 3, None, "text", object()):
        cache["a"] = value
    assert cache["a"] is value


def test_an_object_whose_end_uses_the_cache():
    cache, ends = ModelCache(2), []

    class Ending:
        def __del__(self):
            cache["ended"] = len(cache)
            ends.append(1)

    cache["a"] = Ending()
    cache["b"] = 1
    cache["c"] = 2
    assert len(ends) == 1 and "ended" in cache and len(cache) == 2
    for _ in range(3):
        cache["a"] = Ending()
        del cache["a"]
    assert len(ends) == 4


def test_garbage_collected_in_the_midst_of_any_step_leaves_it_whole():
    """With the collector at every few allocations, finalisers of cycles come in wherever they can."""
    cache = ModelCache(4, 40)
    ends = []

    class Cycle:
        nbytes = 7

        def __init__(self):
            self.me = self

        def __del__(self):
            ends.append(1)
            if len(ends) % 4 == 0:
                cache[f"end {len(ends) % 7}"] = np.zeros(1)
            elif len(ends) % 4 == 1:
                cache.get_or_load(f"own {len(ends) % 5}", lambda key: np.zeros(2))
            elif len(ends) % 4 == 2:
                cache.pop(f"key {len(ends) % 5}", None)
            else:
                cache.clear()

    before = gc.get_threshold()
    gc.freeze()  # what other tests left would keep the oldest generation from being collected
    gc.set_threshold(3, 1, 1)
    try:
        for i in range(3000):
            cache[f"key {i % 5}"] = Cycle()
            cache.get_or_load(f"key {(i + 2) % 5}", lambda _: Cycle())
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
    assert len(ends) > 100 and len(cache) <= 4
    sizes = sum(value.nbytes for value in cache.values())
    assert cache.stats()["bytes"] == sizes <= 40 and not cache._by_id.keys() - {id(value) for value in cache.values()}


# -- ages ----------------------------------------------------------------------------------------------


def test_a_value_expires_so_long_after_its_last_use():
    cache = ModelCache(9, ttl=10)
    clock, model = Clock(cache), Model()
    cache["a"], cache["b"] = model, Model()
    clock.pass_(9)
    assert cache["a"] is model
    clock.pass_(9)
    assert list(cache) == ["a"] and cache.stats()["expired"] == 1
    assert "a" in cache and list(cache.values()) == [model]  # neither is a use
    clock.pass_(1)
    assert cache.get("a") is None and model.n_closed == 1 and len(cache) == 0


# -- loading once --------------------------------------------------------------------------------------


def test_one_load_for_many_callers():
    cache, calls, n = ModelCache(4), [], 32

    def load(key):
        calls.append(key)
        wait_for(lambda: len(cache._flights._waits) == n - 1)
        return Model(key)

    told = together(n, lambda: cache.get_or_load("m", load))
    assert calls == ["m"] and len({id(each) for each in told}) == 1
    stats = cache.stats()
    assert stats["loads"] == 1 and stats["load_seconds"] > 0 and stats["misses"] == n


def test_tasks_load_in_threads_once():
    cache, loads = ModelCache(2), []

    def load(key):
        loads.append(key)
        time.sleep(0.05)
        return key.upper()

    async def ask():
        return await asyncio.gather(*(asyncio.to_thread(cache.get_or_load, "a", load) for _ in range(4)))

    assert asyncio.run(ask()) == ["A"] * 4 and loads == ["a"]


def test_a_failing_loader_reaches_all_and_poisons_nothing():
    cache, calls, n = ModelCache(4), [], 32

    def load(key):
        calls.append(key)
        wait_for(lambda: len(cache._flights._waits) == n - 1)
        raise OSError("no such model")

    told = together(n, lambda: cache.get_or_load("m", load))
    assert len(calls) == 1 and {type(each) for each in told} == {OSError}
    assert "m" not in cache and cache.get_or_load("m", lambda key: key) == "m"
    assert cache.stats()["load_errors"] == 1


def test_a_loader_that_asks_for_its_own_key_is_told_and_for_others_is_served():
    cache = ModelCache(4)
    with pytest.raises(CacheError, match="itself"):
        cache.get_or_load("a", lambda key: cache.get_or_load(key, Model))
    assert cache.get_or_load("a", lambda key: cache.get_or_load("b", lambda key: 1) + 1) == 2


def test_leases_of_many_threads_are_never_closed_while_they_last():
    cache, wrong = ModelCache(2), []

    def work():
        for i in range(300):
            with cache.lease(f"m{i % 5}", Model) as model:
                if model.n_closed:
                    wrong.append(i)

    together(8, work)
    assert wrong == []
    cache.clear()
    assert not cache._by_id


def test_many_threads_leave_the_sums_right():
    cache = ModelCache(5, 50)
    made = []

    def work():
        random = np.random.default_rng(threading.get_ident())
        for i in range(500):
            key = int(random.integers(9))
            if i % 3:
                cache.get_or_load(key, lambda key: made.append(Model(key, key)) or made[-1])
            elif i % 2:
                cache.pop(key, None)
            else:
                cache[key] = Model(key, 10)

    together(6, work)
    stats = cache.stats()
    assert stats["bytes"] == sum(model.nbytes for model in cache.values()) <= 50 and len(cache) <= 5
    assert all(model.n_closed == 0 for model in cache.values()) and max(model.n_closed for model in made) == 1
    assert not cache._flights._by_key


@pytest.mark.skipif(not hasattr(multiprocessing, "get_context"), reason="no fork")
def test_after_a_fork_the_child_goes_on_though_another_thread_was_loading():
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork on this system")
    cache = ModelCache(4)
    cache["a"] = 1
    started, gate = threading.Event(), threading.Event()

    def load(key):
        started.set()
        gate.wait(20)
        return 2

    thread = threading.Thread(target=lambda: cache.get_or_load("b", load))
    thread.start()
    started.wait(10)
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=lambda: told.put((cache["a"], cache.get_or_load("b", lambda key: 3), len(cache))))
    child.start()
    child.join(20)
    gate.set()
    thread.join(10)
    assert child.exitcode == 0 and told.get() == (1, 3, 2) and cache["b"] == 2


def test_predictors_weigh_what_they_take(tmp_path):
    lgb = pytest.importorskip("lightgbm")
    X = np.random.default_rng(0).normal(size=(100, 3))
    predictor = perfcore.compile(lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, X[:, 0]))
    predictor.save(tmp_path / "m.pcore")
    cache = ModelCache(max_bytes=10**6)
    loaded = cache.get_or_load(tmp_path / "m.pcore", perfcore.load)
    assert cache[tmp_path / "m.pcore"] is loaded and cache.stats()["bytes"] == loaded.nbytes > 0
