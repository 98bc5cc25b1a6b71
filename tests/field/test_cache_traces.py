"""Hit ratios on real traces: what each policy is to reach, and never more than is possible."""

import importlib.util

import numpy as np
import pytest

from perfcore._ext.cache import RowCache

# trace, capacity; in %: the best possible, exact LRU, CLOCK (all three of shared/traces/README.md) and libCacheSim's
# S3FIFO (0.3.5, its defaults), W-TinyLFU of a window of 20 % (README).
TABLE = [
    ("cache2k/web12", 1400, 80.1, 68.7, 70.8, 72.27, 72.5),
    ("mooncake/conversation", 9000, 36.6, 19.4, 20.1, 18.41, 15.1),
    ("corda/vaultservice", 1024, 33.3, 33.3, 33.3, 33.33, 33.3),
    ("lirs/loop", 512, 50.5, 0.0, 0.0, 45.51, 40.5),
    ("lirs/gli", 1000, None, 11.21, None, None, None),
    ("lirs/gli", 2000, None, 57.41, None, None, None),
]

PARTS = (1, 2, 5, 10, 20, 40, 60)  # capacities, in % of the keys
SELECTION = [
    *(f"lirs/{name}" for name in ("2_pools", "backf", "cpp", "cs", "gli", "multi1", "multi2", "multi3")),
    *("lirs/ps", "lirs/scan", "lirs/sprite", "lirs/zigzag", "cache2k/web12", "corda/vaultservice"),
]
# Runs to and fro, of which LRU keeps what comes next all but in full: near their full size CLOCK cannot.
TO_AND_FRO = {("lirs/backf", 60), ("lirs/zigzag", 60)}
MISSED = {("lirs/multi3", 60)}  # by 0.2 points; libCacheSim's CLOCK of two bits has the same 67.78 % there


@pytest.fixture
def load(shared):
    path = shared / "traces" / "load_traces.py"
    if not path.exists():
        pytest.skip("../shared/traces is not there")
    spec = importlib.util.spec_from_file_location("load_traces", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load


def hit_ratio(trace, capacity, policy):
    # Beneath FeatureCache, whose checks take longer than the cache.
    cache = RowCache(capacity, 8, policy, False, seed=1)
    get, row, its, hits = cache.get_one, np.empty(1, np.int64), np.empty(1, np.int64), 0
    shape, dtype = row.shape, row.dtype
    for key in trace.astype(np.int64).tolist():
        if get(key, row, shape, dtype) is None:
            its[0] = key
            cache.put(its, its, None, None)
        else:
            hits += row[0] == key
    assert len(cache) <= capacity
    return 100 * hits / len(trace)


@pytest.mark.parametrize(("name", "capacity", "best", "lru", "clock", "s3fifo", "lfu"), TABLE)
def test_policies_reach_what_they_are_to(name, capacity, best, lru, clock, s3fifo, lfu, load):
    trace = load(name)
    found = {
        policy: hit_ratio(trace, capacity, policy) for policy in ("lru_exact", "clock", "s3fifo", "lfu", "adaptive")
    }
    assert abs(found["lru_exact"] - lru) < 0.06
    assert clock is None or abs(found["clock"] - clock) < 0.06
    assert s3fifo is None or abs(found["s3fifo"] - s3fifo) < 0.3
    assert lfu is None or abs(found["lfu"] - lfu) < 1
    if len(trace) >= 50 * capacity:  # seeds of the sketch apart, 1 point; docs/cache.md
        assert found["adaptive"] > max(found["clock"], found["lfu"]) - 1.5
    assert best is None or max(found.values()) < best + 0.06


def test_clock_is_no_worse_than_exact_lru(load):
    less = {}
    for name in SELECTION:
        trace = load(name)
        for part in PARTS:
            capacity = max(1, round(part / 100 * len(np.unique(trace))))
            less[name, part] = hit_ratio(trace, capacity, "clock") - hit_ratio(trace, capacity, "lru_exact")
    assert np.mean(list(less.values())) >= 0
    assert {place for place, points in less.items() if points < -1.5} <= TO_AND_FRO | MISSED
