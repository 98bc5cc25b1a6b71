"""The guide's two caches: bounds, times, strategies, bytes, and views like dicts."""

import gc
import random
import threading
import time
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcore import ConfigurationError, InputError
from perfcore.optimizer import FeatureCache, ModelCache


def filled(cache, n):
    for i in range(n):
        cache.put(f"m{i}", {"weights": np.zeros(10) + i})
    return cache


def test_s0_27_sizes_may_be_set_and_what_is_too_much_leaves_at_once():
    models = filled(ModelCache(max_size=10), 10)
    models.max_size = 4
    assert list(models.cache) == ["m6", "m7", "m8", "m9"] and models.max_size == 4
    models.max_size = 6
    filled(models, 6)
    assert len(models.cache) == 6
    features = FeatureCache(max_features=10)
    for i in range(10):
        features.put_features(f"f{i}", np.ones((2, 2)))
    features.max_features = 3
    assert len(features.cache) == 3 and features.get_stats()["size"] == 3


def test_overwriting_a_name_lets_no_other_leave():
    models = filled(ModelCache(max_size=3), 3)
    models.put("m1", "new")
    assert sorted(models.cache) == ["m0", "m1", "m2"] and models.get("m1") == "new"


def test_s0_12_deleting_a_value_and_then_its_time_is_no_error():
    models = filled(ModelCache(), 5)
    for name in ("m1", "m3"):
        del models.cache[name]
        del models.access_times[name]
    assert sorted(models.cache) == sorted(models.access_times) == ["m0", "m2", "m4"]
    with pytest.raises(KeyError):
        del models.cache["m1"]


def test_s0_24_times_are_seconds_of_the_epoch_by_name():
    models = filled(ModelCache(), 3)
    assert len(models.access_times) == 3 and models.access_times
    assert all(abs(time.time() - each) < 60 for each in models.access_times.values())
    assert [name for name, _ in models.access_times.items()] == ["m0", "m1", "m2"]
    before = models.access_times["m0"]
    time.sleep(0.01)
    models.get("m0")
    assert models.access_times["m0"] > before
    models.cache["m1"]
    assert models.access_times["m1"] < models.access_times["m0"]  # a look is no use


def test_a_model_that_was_not_used_for_its_time_to_live_is_gone():
    models = filled(ModelCache(ttl_seconds=100), 3)
    models.access_times["m0"] = time.time() - 101
    models.access_times["m1"] = time.time() - 99
    assert models.get("m0") is None and models.get("m1") is not None and len(models.cache) == 2


def test_hits_and_misses_are_counted_and_0_before_the_first():
    models = ModelCache()
    assert models.get_hit_rate() == 0.0
    filled(models, 1)
    models.get("m0"), models.get("m0"), models.get("none")
    assert (models.hit_count, models.miss_count, models.get_hit_rate()) == (2, 1, 2 / 3)
    stats = models.get_stats()
    assert stats["hit_rate"] == 2 / 3 and stats["size"] == 1 and stats["max_size"] == 100


def test_models_weigh_what_is_found_in_them():
    models = ModelCache()

    class Model:
        def __init__(self):
            self.trees = [np.zeros(125_000), {"leaves": np.zeros(125_000)}]
            self.again = self.trees

    models.put("a", Model())
    assert models.get_stats()["memory_usage_mb"] == pytest.approx(2_000_000 / 2**20, rel=0.01)


def test_a_model_that_leaves_is_let_go_and_closed():
    class Model:
        is_closed = False

        def close(self):
            self.is_closed = True

    models, model = ModelCache(max_size=1), Model()
    models.put("a", model)
    models.put("b", 1)
    assert model.is_closed
    kept = weakref.ref(model)
    del model
    gc.collect()
    assert kept() is None


def test_s0_g6_eight_threads_may_use_and_list_a_cache_at_once():
    models, errors = ModelCache(max_size=20), []

    def work(seed):
        source = random.Random(seed)
        try:
            for _ in range(150):
                name = f"m{source.randrange(40)}"
                models.put(name, source.random())
                models.get(name)
                for key, _ in models.access_times.items():
                    if source.random() < 0.02 and key in models.cache:
                        del models.access_times[key]
                for key in models.cache:
                    models.cache.get(key)
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == [] and len(models.cache) <= 20 and set(models.cache) == set(models.access_times)


def test_s0_g6_features_may_be_listed_while_eight_threads_put_them():
    features, errors = FeatureCache(max_features=20), []

    def work(seed):
        source = random.Random(seed)
        try:
            for _ in range(100):
                name = f"f{source.randrange(40)}"
                features.put_features(name, np.full((3, 2), float(name[1:])))
                for key, when in features.last_access.items():
                    assert key.startswith("f") and when > 0
                for key in features.cache:
                    found = features.cache.get(key)
                    assert found is None or (found == float(key[1:])).all()
                if source.random() < 0.1:
                    features._evict_least_used()
        except Exception as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == [] and len(features.cache) <= 20 and set(features.cache) == set(features.last_access)


# -- strategies ----------------------------------------------------------------------------------------


def hits(strategy, trace, size=20):
    models = ModelCache(max_size=size)
    models.strategy = strategy
    for name in trace:
        if models.get(name) is None:
            models.put(name, 1)
    return models.hit_count


def scan_and_hot():
    source = random.Random(0)
    scan = iter(range(10**9))
    return [f"hot{source.randrange(15)}" if source.random() < 0.5 else f"scan{next(scan)}" for _ in range(6000)]


def drifting():
    """What is popular changes every thousand look-ups."""
    source = random.Random(0)
    return [f"{i // 1000}-{min(int(source.expovariate(0.1)), 60)}" for i in range(6000)]


def test_s0_22_three_strategies_that_do_what_they_are_called():
    found = {name: hits(name, scan_and_hot()) for name in ("lru", "lfu", "adaptive")}
    assert found["lfu"] > 1.05 * found["lru"] and found["adaptive"] > 1.05 * found["lru"]
    assert hits("adaptive", drifting()) > 1.05 * hits("lfu", drifting())
    with pytest.raises(ConfigurationError, match="allowed are lru, lfu, adaptive"):
        ModelCache().strategy = "fifo"


def test_a_strategy_may_change_while_there_is_something_in_it():
    models = filled(ModelCache(max_size=3), 3)
    for _ in range(5):
        models.get("m0")
    models.get("m1"), models.get("m2")
    models.strategy = "lfu"
    models.put("x", 1)
    assert "m0" in models.cache and len(models.cache) == 3


@given(
    st.sampled_from(["lru", "lfu", "adaptive"]),
    st.lists(st.tuples(st.sampled_from("pgd"), st.integers(0, 12)), max_size=80),
    st.integers(1, 6),
)
def test_whatever_is_done_no_more_is_held_than_allowed_and_times_agree(strategy, steps, size):
    models = ModelCache(max_size=size)
    models.strategy = strategy
    there = {}
    for what, number in steps:
        name = str(number)
        if what == "p":
            models.put(name, number)
            there[name] = number
        elif what == "g":
            assert models.get(name) in (None, there.get(name))
        elif name in models.cache:
            del models.cache[name]
        assert len(models.cache) <= size and set(models.cache) == set(models.access_times)
        if what == "p":
            assert models.cache[name] == number


@given(st.lists(st.integers(0, 10), max_size=60))
def test_lru_is_what_its_name_says(names):
    models, order = ModelCache(max_size=4), []
    for name in map(str, names):
        if models.get(name) is None:
            models.put(name, 1)
        if name in order:
            order.remove(name)
        order = [*order, name][-4:]
    assert sorted(models.cache) == sorted(order)


# -- features -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(0).normal(size=(1000, 100)),
        np.zeros((500, 3)),
        np.arange(60_000).reshape(3, -1).astype(np.float32),
        np.array([[np.nan, -0.0], [np.inf, 1e-320]]),
        np.empty((0, 4)),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(24.0).reshape(4, 6)[::2, ::-1],
        np.array(["a", "bb"]),
        np.array(["2026-01-01"], "M8[D]"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
@pytest.mark.parametrize("compression", [True, False])
def test_features_come_out_with_the_bits_they_went_in_with(array, compression):
    features = FeatureCache(compression=compression)
    features.put_features("a", array)
    for out in (features.get_features("a"), features.cache["a"]):
        assert out.shape == array.shape and out.dtype == array.dtype and out.tobytes() == array.tobytes()
        assert not out.flags.writeable
    array = array.copy()
    assert features.get_features("none") is None


def test_what_is_put_is_a_copy():
    array, features = np.ones((2, 2)), FeatureCache()
    features.put_features("a", array)
    array[:] = 7
    assert features.get_features("a").tolist() == [[1, 1], [1, 1]]


def test_compression_takes_less_where_there_is_something_to_take():
    sparse = np.zeros((1000, 100))
    sparse[::10] = 1.0
    both = [FeatureCache(compression=each) for each in (True, False)]
    for features in both:
        features.put_features("a", sparse)
    small, large = (features.get_stats()["estimated_memory_mb"] for features in both)
    assert small < 0.2 * large and large == pytest.approx(sparse.nbytes / 2**20)
    both[1].compression = True
    assert both[1].repack() > 0.8 * sparse.nbytes and both[1].repack() == 0
    assert np.array_equal(both[1].get_features("a"), sparse)


def test_s0_16_memory_that_is_held_is_seen_by_tracemalloc():
    features = FeatureCache()
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        for i in range(10):
            features.put_features(f"profile_{i}", np.random.default_rng(i).normal(size=(1000, 100)))
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    grown = sum(each.size_diff for each in after.compare_to(before, "filename"))
    assert grown >= 0.9 * 10 * 1000 * 100 * 8


def test_evicting_the_least_used_of_none_is_nothing():
    features = FeatureCache()
    features._evict_least_used()
    features.put_features("a", np.ones(1))
    features._evict_least_used()
    assert len(features.cache) == 0


def test_names_of_features_do_not_depend_on_order_or_process():
    features = FeatureCache()
    key = features.get_cache_key("d", {"a": 1, "b": [1, 2]})
    assert (
        key
        == features.get_cache_key("d", {"b": [1, 2], "a": 1})
        == FeatureCache().get_cache_key("d", {"a": 1, "b": [1, 2]})
    )
    assert len({key, features.get_cache_key("e", {"a": 1, "b": [1, 2]}), features.get_cache_key("d", {"a": 2})}) == 3


def test_what_is_no_array_of_numbers_is_refused():
    with pytest.raises(InputError, match="array of numbers"):
        FeatureCache().put_features("a", [object()])


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: ModelCache(0), "max_size=0"),
        (lambda: FeatureCache(-1), "max_features=-1"),
        (lambda: ModelCache(5, 0), "ttl_seconds=0"),
    ],
)
def test_sizes_and_times_outside_what_is_allowed_are_refused(make, name):
    with pytest.raises(ConfigurationError, match=f"^{name}: allowed are"):
        make()


def test_names_of_features_tell_configurations_apart_whatever_their_texts_say():
    name = lambda config: FeatureCache().get_cache_key("d", config)  # noqa: E731
    long, other = np.zeros(10_000), np.zeros(10_000)
    other[5000] = 1.0
    assert repr(long) == repr(other) and name({"w": long}) != name({"w": other}) == name({"w": other.copy()})
    assert name({1: "a"}) != name({"1": "a"})
    assert name({1: "a", "b": 2}) == name({"b": 2, 1: "a"})
    assert name({"s": {"x", "y", "z"}}) == name({"s": {"z", "y", "x"}})
    with pytest.raises(InputError, match="allowed are numbers.*got a object"):
        name({"o": object()})
    with pytest.raises(InputError, match="got a function"):
        name({"f": name})
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(InputError, match="got a csr_array"):  # its text tells of its size alone
        name({"s": sparse.csr_array(np.eye(3))})
    pandas = pytest.importorskip("pandas")
    assert name({"f": pandas.DataFrame({"a": [1.0]})}) != name({"f": pandas.DataFrame({"b": [1.0]})})
    assert name({"t": int}) != name({"t": float})


def test_a_model_that_cannot_tell_its_bytes_is_kept_all_the_same():
    class Closed:
        @property
        def nbytes(self):
            raise OSError("closed")

    models = ModelCache()
    models.put("a", [Closed(), np.zeros(1000)])
    assert models.get("a") is not None and models.get_stats()["memory_usage_mb"] >= 8000 / 2**20


def test_a_mask_is_not_lost_in_silence():
    with pytest.raises(InputError, match="with a mask"):
        FeatureCache().put_features("f", np.ma.array([1.0, 2.0], mask=[True, False]))


def test_a_module_that_a_model_refers_to_is_no_part_of_its_weight():
    models = ModelCache()
    models.put("a", type("Model", (), {})())
    models.cache["a"].library = np
    models.put("a", models.cache["a"])
    assert models.get_stats()["memory_usage_mb"] < 0.01


def test_rows_of_several_lengths_are_no_features():
    with pytest.raises(InputError, match="must be an array of numbers"):
        FeatureCache().put_features("f", [[1.0], [1.0, 2.0]])


def test_looking_through_a_cache_takes_time_in_proportion_to_it():
    def seconds(n):
        features = FeatureCache(max_features=n, compression=False)
        for i in range(n):
            features.put_features(str(i), np.ones(1))
        began = time.perf_counter()
        assert sum(len(each) for each in features.cache.values()) == n
        return time.perf_counter() - began

    few, many = min(seconds(250) for _ in range(3)), min(seconds(2500) for _ in range(3))
    assert many < 40 * few  # a hundred times, where each look copies all
