"""`tracemalloc` sees the memory of a cache."""

import gc
import tracemalloc

import numpy as np
import pytest

from perfcore import FeatureCache
from perfcore.cache.tracing import DOMAIN


def traced():
    filters = [tracemalloc.DomainFilter(True, DOMAIN)]
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(filters).traces)


@pytest.fixture
def tracing():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_it_is_traced_from_the_first_key_until_it_is_closed(tracing):
    before = tracemalloc.get_traced_memory()[0]
    cache = FeatureCache(10_000, 25)
    assert traced() == 0
    cache.put(1, np.zeros(25, np.float32))
    assert traced() == cache.nbytes > 10_000 * 100
    assert tracemalloc.get_traced_memory()[0] - before > 10_000 * 100
    other = FeatureCache(1000, 4)
    other.put(1, np.zeros(4, np.float32))
    cache.resize(20_000)
    assert traced() == cache.nbytes + other.nbytes and cache.nbytes > 20_000 * 100
    cache.clear()
    assert traced() == cache.nbytes + other.nbytes
    other.put(1, np.zeros(4, np.float32), version=3)  # versions take room
    assert traced() == cache.nbytes + other.nbytes
    cache.close()
    assert traced() == other.nbytes
    del other
    gc.collect()
    assert traced() == 0 and tracemalloc.get_traced_memory()[0] - before < 100_000


def test_what_was_made_before_is_no_error():
    cache = FeatureCache(100, 4)
    cache.put(1, np.zeros(4, np.float32))
    tracemalloc.start()
    try:
        cache.close()
        assert traced() == 0
    finally:
        tracemalloc.stop()
