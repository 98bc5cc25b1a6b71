"""Rows by key: what is put comes back, what is evicted does not, and what a view holds stays."""

import copy
import gc
import multiprocessing
import os
import pickle
import threading

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import perfcore
from perfcore import CacheError, ConfigurationError, FeatureCache, InputError

POLICIES = ("clock", "s3fifo", "lfu", "adaptive", "lru_exact")


def row(key, version=0, width=4):
    return (np.arange(width) + 1000 * key + version).astype(np.float32)


def rows(keys, version=0):
    return np.stack([row(key, version) for key in keys]) if len(keys) else np.empty((0, 4), np.float32)


@pytest.fixture
def cache():
    return FeatureCache(100, 4)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "keys", [[3, -7, 2**62], ["a", "", "a key of many bytes", "ä\0b"], [b"", b"\0", b"\xff" * 40]], ids=str
)
def test_rows_come_back_by_their_keys(policy, keys):
    cache = FeatureCache(10, 4, policy=policy)
    table = rows(range(len(keys)))
    assert cache.put_many(keys, table) == 0
    found, hit = cache.get_many([*keys, keys[0]])
    assert hit.all() and (found == table[[*range(len(keys)), 0]]).all() and found.dtype == np.float32
    assert [key in cache for key in keys] == [True] * len(keys) and len(cache) == len(keys)
    for key, expected in zip(keys, table, strict=True):
        assert (cache.get(key) == expected).all()
    assert cache.delete_many(keys[:1]) == 1 and keys[0] not in cache and cache.get(keys[0]) is None


def test_what_is_not_there_is_filled(cache):
    cache.put(1, row(1))
    found, hit = cache.get_many([1, 2])
    assert hit.tolist() == [True, False] and np.isnan(found[1]).all()
    assert (cache.get_many([2], fill=-1)[0] == -1).all()
    assert (cache.get_many([2], fill=row(9))[0] == row(9)).all()
    whole = FeatureCache(5, 2, "int16")
    assert (whole.get_many([1])[0] == 0).all()


def test_out_is_written_and_handed_out(cache):
    cache.put_many([1, 2], rows([1, 2]))
    out = np.empty((2, 4), np.float32)
    assert cache.get_many([2, 1], out)[0] is out and (out == rows([2, 1])).all()
    one = np.empty(4, np.float32)
    assert cache.get(1, one) is one and (one == row(1)).all()


def test_of_a_key_that_comes_twice_the_last_counts(cache):
    cache.put_many([5, 5, 6, 5], rows([1, 2, 3, 4]))
    assert (cache.get(5) == row(4)).all() and len(cache) == 2


@pytest.mark.parametrize("policy", POLICIES)
def test_never_more_than_the_capacity_is_there(policy):
    for capacity in (1, 2, 7, 300):
        cache = FeatureCache(capacity, 4, policy=policy)
        keys = np.random.default_rng(0).integers(0, 3 * capacity, 2000)
        for at in range(0, len(keys), 37):
            batch = keys[at : at + 37]
            assert cache.put_many(batch, rows(batch)) == 0
            assert len(cache) <= capacity
            found, hit = cache.get_many(batch)
            assert (found[hit] == rows(batch[hit])).all()
        assert len(cache) == capacity


class ExactLru:
    def __init__(self, capacity):
        self.capacity, self.rows = capacity, {}

    def get(self, key):
        if key in self.rows:
            self.rows[key] = self.rows.pop(key)
        return self.rows.get(key)

    def put(self, key, value):
        self.rows.pop(key, None)
        if len(self.rows) == self.capacity:
            del self.rows[next(iter(self.rows))]
        self.rows[key] = value

    def delete(self, key):
        self.rows.pop(key, None)


class Clock:
    """Entries in the order in which the hand meets them; asked for since it last came by: up to three times."""

    def __init__(self, capacity):
        self.capacity, self.rows, self.heat = capacity, {}, {}

    def get(self, key):
        if key in self.rows:
            self.heat[key] = min(3, self.heat[key] + 1)
        return self.rows.get(key)

    def put(self, key, value):
        if key in self.rows:
            self.get(key)
        elif len(self.rows) == self.capacity:
            while self.heat[met := next(iter(self.rows))]:
                self.heat[met] -= 1
                self.rows[met] = self.rows.pop(met)
            del self.rows[met]
        if key not in self.rows:
            self.heat[key] = 0
        self.rows[key] = value

    def delete(self, key):
        self.rows.pop(key, None)


class AsTheModel(RuleBasedStateMachine):
    """One thread's calls, against a plain policy: the same rows, and the same keys evicted."""

    keys = st.integers(0, 12)
    model: type

    @initialize(capacity=st.integers(1, 6))
    def begin(self, capacity):
        self.plain = self.model(capacity)
        self.cache = FeatureCache(capacity, 4, policy=self.policy)

    @rule(batch=st.lists(keys, max_size=5), version=st.integers(0, 9))
    def put(self, batch, version):
        assert self.cache.put_many(batch, rows(batch, version)) == 0
        for key in batch:
            self.plain.put(key, row(key, version))

    @rule(batch=st.lists(keys, max_size=5))
    def get(self, batch):
        found, hit = self.cache.get_many(batch)
        for i, key in enumerate(batch):
            expected = self.plain.get(key)
            assert hit[i] == (expected is not None)
            assert expected is None or (found[i] == expected).all()

    @rule(key=keys)
    def delete(self, key):
        assert self.cache.delete_many([key]) == (key in self.plain.rows)
        self.plain.delete(key)

    @rule()
    def clear(self):
        self.cache.clear()
        self.plain = self.model(self.plain.capacity)

    @invariant()
    def holds_the_same_keys(self):
        if hasattr(self, "plain"):
            assert self.cache.contains_many(range(13)).tolist() == [k in self.plain.rows for k in range(13)]


class AsExactLru(AsTheModel):
    model, policy = ExactLru, "lru_exact"


class AsClock(AsTheModel):
    model, policy = Clock, "clock"


TestAsExactLru, TestAsClock = AsExactLru.TestCase, AsClock.TestCase
TestAsExactLru.settings = TestAsClock.settings = settings(settings.default, stateful_step_count=30)


def test_views_stay_whatever_becomes_of_the_entry(cache):
    cache.put_many(range(20), rows(range(20)))
    views = {key: cache.view(key) for key in range(5)}
    assert cache.view(99) is None and not views[0].flags.writeable
    cache.put_many([0], rows([0], 7))
    cache.delete_many([1])
    cache.put_many(range(1000, 1300), rows(range(1000, 1300)))
    assert (cache.get(2) == row(2)).all()  # held, so it is not evicted
    cache.resize(10)
    cache.clear()
    cache.close()
    del cache
    gc.collect()
    for key, view in views.items():
        assert (view == row(key)).all()


def test_views_hold_no_more_than_they_may():
    cache = FeatureCache(20, 4, max_pinned=2)
    cache.put_many(range(20), rows(range(20)))
    held = [cache.view(0), cache.view(1), cache.view(1)]
    with pytest.raises(CacheError, match="views hold 2 rows"):
        cache.view(2)
    assert cache.stats()["pinned"] == 2
    del held
    assert cache.stats()["pinned"] == 0 and cache.view(2) is not None


def test_a_cache_whose_rows_are_all_held_rejects_and_counts():
    cache = FeatureCache(4, 4, max_pinned=1.0)
    cache.put_many(range(4), rows(range(4)))
    held = [cache.view(key) for key in range(4)]
    assert cache.put_many([7, 8], rows([7, 8])) == 2 and cache.stats()["rejected"] == 2
    assert len(cache) == 4 and len(held) == 4


def test_an_older_version_does_not_replace_a_newer_one(cache):
    cache.put(0, row(0))
    cache.put_many([1, 2], rows([1, 2], 5), version=[5, 2])
    cache.put_many([1, 2, 0], rows([1, 2, 0], 3), version=3)
    assert (cache.get(1) == row(1, 5)).all() and (cache.get(2) == row(2, 3)).all() and (cache.get(0) == row(0, 3)).all()
    assert cache.stats()["older"] == 1


def test_rows_expire_by_age_and_by_idleness():
    now = [10**9]
    for options, asks, is_there in (
        ({"ttl": 10}, (), False),
        ({"ttl": 10}, (5, 8), False),
        ({"idle_ttl": 10}, (), False),
        ({"idle_ttl": 10}, (5, 8), True),
    ):
        cache = FeatureCache(5, 4, **options)
        cache._now = lambda: now[0]
        cache.put(1, row(1))
        begin = now[0]
        for seconds in asks:
            now[0] = begin + seconds * 10**9
            assert cache.get(1) is not None
        now[0] = begin + 11 * 10**9
        assert (cache.get(1) is not None, 1 in cache) == (is_there, is_there)
        assert cache.stats()["expired"] == (not is_there)
        assert cache.put(1, row(1, 2)) == 0 and (cache.get(1) == row(1, 2)).all()


def test_jitter_spreads_the_ends():
    cache = FeatureCache(1000, 4, ttl=100, ttl_jitter=0.5)
    now = cache._now()
    cache._now = lambda: now
    cache.put_many(range(1000), rows(range(1000)))
    cache._now = lambda: now + 75 * 10**9
    assert 300 < cache.contains_many(range(1000)).sum() < 700


def test_who_asks_is_told_what_was_evicted():
    told = []
    cache = FeatureCache(3, 4, on_evict=lambda *evicted: told.append(evicted))
    cache.put_many(["a", "b", "c"], rows([1, 2, 3]))
    assert told == []
    cache.put_many(["d", "e"], rows([4, 5]))
    ((keys, evicted, expired),) = told
    assert keys == ["a", "b"] and (evicted == rows([1, 2])).all() and not expired.any()


def test_what_on_evict_raises_is_warned_of_and_reaches_nobody():
    told = []

    def fail(keys, *_):
        told.extend(keys)
        raise RuntimeError("no disk")

    cache = FeatureCache(2, 4, on_evict=fail)
    cache.put_many([1, 2], rows([1, 2]))
    with pytest.warns(RuntimeWarning, match=r"on_evict of a FeatureCache: RuntimeError\('no disk'\)"):
        assert cache.put_many([3], rows([3])) == 0
    with pytest.warns(RuntimeWarning, match="on_evict"):
        assert (cache.get_or_load_many([4], rows) == rows([4])).all()
    assert 4 in cache and told == [1, 2]


def test_on_evict_may_ask_for_what_was_just_loaded():
    found = []
    cache = FeatureCache(1, 4, on_evict=lambda *_: found.append(cache.get_or_load_many([7], None)))
    cache.put(1, row(1))
    assert (cache.get_or_load_many([7], rows) == rows([7])).all() and (found[0] == rows([7])).all()


def test_only_a_put_says_of_which_kind_keys_are(cache):
    assert cache.get(1) is None and cache.view(1) is None and 1 not in cache and cache.delete_many([1]) == 0
    found, hit = cache.get_many([1, 2])
    assert np.isnan(found).all() and not hit.any() and cache.stats()["misses"] == 3 and cache.nbytes == 0
    cache.put("a", row(1))
    assert "a" in cache and cache.delete("a") and not cache.delete("a")


@pytest.mark.parametrize("kind", ["integers", "text", "bytes"])
def test_keys_are_those_that_are_there(kind):
    keys = {"integers": [5, -3, 7], "text": ["a", "", "\u00e4"], "bytes": [b"\xff", b"", b"b"]}[kind]
    cache = FeatureCache(10, 4)
    assert len(cache.keys()) == 0
    cache.put_many(keys, rows(range(3)))
    cache.delete(keys[1])
    found = cache.keys()
    assert sorted(found) == sorted([keys[0], keys[2]]) and cache.get_many(found)[1].all()


EMPTY = {
    "lists": ([], []),
    "arrays": (np.array([]), np.array([])),
    "rows of no width": (np.array([], int), np.empty((0, 4), np.float32)),
}


@pytest.mark.parametrize("what", EMPTY)
def test_empty_batches_do_nothing(what, cache):
    keys, table = EMPTY[what]
    assert cache.put_many(keys, table) == 0 and cache.get_many(keys)[0].shape == (0, 4)
    cache.put("a", row(1))
    assert cache.put_many(keys, table) == cache.delete_many(keys) == 0 and len(cache) == 1
    assert cache.get_or_load_many(keys, None).shape == (0, 4)


def test_empty_series_do_nothing():
    pa, pd = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
    cache = FeatureCache(10, 4)
    for keys in (pd.Series([]), pd.Series([], dtype=object), pa.array([]), pa.chunked_array([], pa.string())):
        assert cache.put_many(keys, []) == 0 and cache.get_many(keys)[0].shape == (0, 4)


def test_columns_of_several_dtypes():
    pa = pytest.importorskip("pyarrow")
    schema = pa.schema(
        [("price", pa.float64()), ("count", pa.int16()), ("town", pa.dictionary(pa.int8(), pa.string()))]
    )
    cache = FeatureCache(10, schema=schema)
    assert cache.dtype.itemsize == 11
    table = np.array([(1.5, 2, 3), (np.nan, -1, 0)], cache.dtype)
    cache.put_many(["x", "y"], table)
    found, hit = cache.get_many(["y", "x", "z"])
    assert hit.tolist() == [True, True, False]
    assert found[1] == table[0] and np.isnan(found["price"][[0, 2]]).all() and found["count"].tolist() == [-1, 2, 0]
    assert cache.to_arrow(["x"]).to_pydict() == {"key": ["x"], "price": [1.5], "count": [2], "town": [3], "hit": [True]}


def test_rows_as_arrow_has_them(cache):
    pa = pytest.importorskip("pyarrow")
    cache.put_many([1, 2], rows([1, 2]))
    batch = cache.to_arrow([2, 9])
    assert batch.schema.field("row").type == pa.list_(pa.float32(), 4)
    assert batch.column("row")[0].as_py() == row(2).tolist() and batch.column("hit").to_pylist() == [True, False]


def test_counts_add_up(cache):
    cache.put_many(range(150), rows(range(150)))
    cache.get_many(range(100, 200))
    stats = cache.stats()
    assert stats["hits"] + stats["misses"] == 100 and stats["hits"] == 50 and stats["hit_rate"] == 0.5
    assert stats["inserts"] == 150 and stats["evicted_capacity"] == 50 and stats["size"] == stats["capacity"] == 100
    assert stats["bytes"] == cache.nbytes > 100 * 16


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("ttl", [None, 60])
@pytest.mark.parametrize("max_bytes", [5_000, 100_000, 3_000_000])
def test_max_bytes_holds_all_memory_and_is_used(policy, ttl, max_bytes):
    cache = FeatureCache(max_bytes=max_bytes, width=4, policy=policy, ttl=ttl)
    cache.put(1, row(1))
    one_more = FeatureCache(cache.capacity + 1, 4, policy=policy, ttl=ttl)
    one_more.put(1, row(1))
    assert cache.nbytes <= max_bytes < one_more.nbytes
    cache.put_many([1], rows([1]), version=3)  # versions take room, too
    assert cache.nbytes <= max_bytes and cache.stats()["capacity"] == cache.capacity
    assert FeatureCache(10, 4, max_bytes=max_bytes, policy=policy).capacity == 10


def test_no_more_than_48_bytes_beside_a_row():
    cache = FeatureCache(1_000_000, 100)
    assert cache._holder.n_bytes <= 1_000_000 * (400 + 48)
    cache = FeatureCache(200_000, 100)
    cache.put(1, np.zeros(100, np.float32))
    assert cache.nbytes == cache._holder.n_bytes <= 200_000 * (400 + 48)


def test_resize_keeps_what_the_policy_keeps(cache):
    cache.put_many(range(100), rows(range(100)))
    cache.get_many(range(50, 60))
    cache.resize(10)
    assert cache.capacity == len(cache) == 10
    assert cache.contains_many(range(50, 60)).all()
    cache.resize(1000)
    cache.put_many(range(2000, 2900), rows(range(2000, 2900)))
    found, hit = cache.get_many(range(50, 60))
    assert hit.all() and (found == rows(range(50, 60))).all()


def test_resize_holds_max_bytes_as_well():
    cache = FeatureCache(max_bytes=100_000, width=4)
    most = cache.capacity
    cache.put_many(range(5000), rows(range(5000)))
    cache.resize(10)
    assert cache.capacity == 10
    cache.resize(10**6)
    assert cache.capacity == most
    cache.put_many(range(5000), rows(range(5000)), version=1)
    assert cache.nbytes <= 100_000


def test_a_cache_that_memory_has_no_room_for_says_how_much_it_takes():
    cache = FeatureCache(2**30, 2**20)
    with pytest.raises(MemoryError, match=r"1,073,741,824 rows of 4,194,304 bytes take 4,5[\d,]* bytes, which are not"):
        cache.put(1, np.zeros(2**20, np.float32))
    assert len(cache) == 0


BAD = {
    "capacity": (lambda c: FeatureCache(0, 4), ConfigurationError, "capacity=0: allowed is a whole number from 1"),
    "no capacity": (lambda c: FeatureCache(width=4), ConfigurationError, "needs capacity="),
    "width": (lambda c: FeatureCache(4), ConfigurationError, "width=None"),
    "dtype": (lambda c: FeatureCache(4, 4, "complex64"), ConfigurationError, "dtype=complex64"),
    "policy": (lambda c: FeatureCache(4, 4, policy="lru"), ConfigurationError, "policy='lru': allowed are clock"),
    "ttl": (lambda c: FeatureCache(4, 4, ttl=-1), ConfigurationError, "ttl=-1"),
    "true ttl": (lambda c: FeatureCache(4, 4, ttl=True), ConfigurationError, "ttl=True: allowed are seconds"),
    "text ttl": (lambda c: FeatureCache(4, 4, idle_ttl="1"), ConfigurationError, "idle_ttl='1': allowed are seconds"),
    "jitter": (lambda c: FeatureCache(4, 4, ttl=1, ttl_jitter=2), ConfigurationError, "ttl_jitter=2"),
    "text jitter": (
        lambda c: FeatureCache(4, 4, ttl_jitter="a"),
        ConfigurationError,
        "ttl_jitter='a': allowed is",
    ),
    "no jitter": (lambda c: FeatureCache(4, 4, ttl_jitter=None), ConfigurationError, "ttl_jitter=None"),
    "pins": (lambda c: FeatureCache(4, 4, max_pinned=5), ConfigurationError, "max_pinned=5"),
    "bytes": (lambda c: FeatureCache(max_bytes=10, width=4), ConfigurationError, "max_bytes=10"),
    "row width": (lambda c: c.put_many([1], np.zeros((1, 3), "f4")), InputError, r"rows of shape \(1, 3\)"),
    "row dtype": (lambda c: c.put_many([1], np.zeros((1, 4))), InputError, "rows of float64, the cache holds float32"),
    "too few rows": (lambda c: c.put_many([1, 2], np.zeros((1, 4), "f4")), InputError, "for 2 keys"),
    "NaN key": (lambda c: c.put_many(np.array([np.nan]), np.zeros((1, 4), "f4")), InputError, "keys of dtype float64"),
    "mixed keys": (lambda c: c.get_many([1, "a"]), InputError, "keys of the types int, str"),
    "another kind": (
        lambda c: c.put(1, row(1)) or c.get_many(["a"]),
        InputError,
        "keys are text, this cache",
    ),
    "bool key": (lambda c: c.get_many([True]), InputError, "keys of the types bool"),
    "large key": (lambda c: c.get_many([2**63]), InputError, "one is beyond"),
    "a key for keys": (lambda c: c.get_many("abc"), InputError, "keys come as str"),
    "keys of keys": (lambda c: c.get_many(np.zeros((2, 2), int)), InputError, r"keys of shape \(2, 2\)"),
    "out": (lambda c: c.get_many([1], np.empty((1, 4))), InputError, "out= is float64"),
    "out of one": (lambda c: c.put(1, row(1)) or c.get(1, np.empty(3, "f4")), InputError, "out= is float32"),
    "version": (lambda c: c.put(1, row(1), version=1.5), InputError, "version= is float64"),
    "large version": (lambda c: c.put(1, row(1), version=np.uint64(2**63)), InputError, "allowed is at most"),
    "versions": (
        lambda c: c.put_many([1, 2], rows([1, 2]), version=[1, 2, 3]),
        InputError,
        r"version= is int64 \(3,\)",
    ),
    "negative capacity": (lambda c: FeatureCache(-1, 4), ConfigurationError, "capacity=-1"),
    "resize": (lambda c: c.resize(0), ConfigurationError, "capacity=0"),
    "NaN among keys": (lambda c: c.get_many([1, float("nan")]), InputError, "keys of the types float, int"),
    "no key": (lambda c: c.get(None), InputError, "keys of the types NoneType"),
    "bytes among text": (lambda c: c.put_many(["a", b"a"], rows([1, 2])), InputError, "keys of the types bytes, str"),
    "masked keys": (
        lambda c: c.get_many(np.ma.masked_array([1, 2], [0, 1])),
        InputError,
        "keys come as a masked array",
    ),
    "masked rows": (
        lambda c: c.put_many([1], np.ma.masked_array(rows([1]), True)),
        InputError,
        "rows come as a masked array",
    ),
    "half a pair": (lambda c: c.put("\ud800", row(1)), InputError, "has half a surrogate pair"),
    "half a pair in an array": (lambda c: c.get_many(np.array(["\ud800"])), InputError, "has half a surrogate pair"),
    "on_evict": (lambda c: FeatureCache(4, 4, on_evict=3), ConfigurationError, "on_evict=3: allowed is what can be"),
    "no dtype": (lambda c: FeatureCache(4, 4, "nope"), ConfigurationError, "dtype='nope': allowed are native floats"),
    "huge rows": (
        lambda c: FeatureCache(10, 10**10),
        ConfigurationError,
        "a row of 40,000,000,000 bytes; allowed are at",
    ),
    "text for jitter": (lambda c: FeatureCache(4, 4, ttl=1, ttl_jitter="a"), ConfigurationError, "ttl_jitter='a'"),
    "pickle": (lambda c: pickle.dumps(c), TypeError, "a FeatureCache is not pickled or copied"),
    "copy": (lambda c: copy.copy(c), TypeError, "a FeatureCache is not pickled or copied"),
    "compression": (lambda c: c.save("none", compression="gzip"), ConfigurationError, "compression='gzip'"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_off_is_named(what, cache):
    call, kind, message = BAD[what]
    with pytest.raises(kind, match=message):
        call(cache)


def test_a_closed_cache_says_so(cache):
    with cache:
        cache.put(1, row(1))
    for call in (lambda: cache.get(1), lambda: cache.put(1, row(1)), lambda: cache.get_many([1]), lambda: len(cache)):
        with pytest.raises(CacheError, match="closed"):
            call()


def test_a_key_of_ten_megabytes(cache):
    key = b"x" * 10_000_000
    cache.put(key, row(1))
    assert (cache.get(key) == row(1)).all() and cache.get(key + b"y") is None


@pytest.mark.parametrize("policy", POLICIES)
def test_threads_never_see_half_a_row(policy):
    cache, wrong, stop = FeatureCache(64, 64, "int64", policy=policy), [], threading.Event()

    def write(seed):
        rng = np.random.default_rng(seed)
        while not stop.is_set():
            keys = rng.integers(0, 200, 20)
            cache.put_many(keys, np.repeat(keys * 1_000_000 + rng.integers(0, 1000), 64).reshape(20, 64))

    def read(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            keys = rng.integers(0, 200, 50)
            found, hit = cache.get_many(keys)
            whole = (found == found[:, :1]).all(axis=1) & (found[:, 0] // 1_000_000 == keys)
            if not whole[hit].all() or len(cache) > 64:
                wrong.append(found[hit & ~whole])

    writers = [threading.Thread(target=write, args=[seed]) for seed in range(2)]
    readers = [threading.Thread(target=read, args=[seed]) for seed in range(10, 12)]
    for thread in writers + readers:
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    for thread in writers:
        thread.join()
    stats = cache.stats()
    assert not wrong and stats["hits"] + stats["misses"] == 2 * 300 * 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("policy", ["clock", "lru_exact"])
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_the_child_of_a_fork_has_a_cache_of_its_own(policy):
    cache, stop = FeatureCache(64, 4, policy=policy), threading.Event()
    cache.put_many(range(64), rows(range(64)))

    def work():
        while not stop.is_set():
            cache.put_many(range(100), rows(range(100)))

    def child(pipe):
        cache.put_many(range(500, 600), rows(range(500, 600)))
        found, hit = cache.get_many(range(500, 600))
        pipe.send((int(hit.sum()), bool((found[hit] == rows(np.arange(500, 600)[hit])).all())))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        context = multiprocessing.get_context("fork")
        for _ in range(5):
            ours, theirs = context.Pipe(False)
            process = context.Process(target=child, args=[theirs])
            process.start()
            assert ours.poll(60)
            n, is_right = ours.recv()
            process.join()
            assert is_right and n >= 60 and process.exitcode == 0
    finally:
        stop.set()
        thread.join()
    assert 550 not in cache


def test_its_name_is_there_without_loading_pyarrow():
    assert perfcore.FeatureCache is FeatureCache
