"""The guide's cache manager."""

import time

import numpy as np
import pytest
from small_models import lightgbm_texts

import perfcore
from perfcore import ConfigurationError
from perfcore.optimizer import AdvancedCacheManager, FeatureCache, ModelCache, get_integrated_optimizer


@pytest.fixture
def manager():
    return AdvancedCacheManager()


def test_s0_g2_the_strategies_of_the_table_are_there_and_set_both_caches(manager):
    instance = get_integrated_optimizer()
    assert manager.cache_strategies.keys() == {"lru", "lfu", "adaptive"}
    for name, use in manager.cache_strategies.items():
        use()
        assert instance.model_cache.strategy == instance.feature_cache.strategy == name
    mine = ModelCache()
    manager.cache_strategies["lfu"](mine)
    assert mine.strategy == "lfu" and instance.model_cache.strategy == "adaptive"
    with pytest.raises(ConfigurationError, match="allowed are lru, lfu, adaptive"):
        manager.use_strategy("random")
    with pytest.raises(ConfigurationError, match="expected the optimizer's, got int"):
        manager.use_strategy("lru", mine, 3)
    assert mine.strategy == "lfu"


def test_s0_23_the_analysis_knows_both_caches(manager):
    instance = get_integrated_optimizer()
    for i in range(25):
        instance.model_cache.put(str(i), i)
        instance.feature_cache.put_features(str(i), np.ones((2, 2)))
    for i in range(10):
        instance.model_cache.get(str(i))
        instance.feature_cache.get_features(str(i if i < 5 else -i))
    found = manager.analyze_cache_performance()
    assert found["model_cache"]["stats"]["hit_rate"] == 1.0 and found["feature_cache"]["stats"]["hit_rate"] == 0.5
    assert found["model_cache"]["efficiency_score"] == pytest.approx(100 * 25 / 50)
    assert found["feature_cache"]["efficiency_score"] == pytest.approx(50 * 25 / 5000)
    for each in found.values():
        assert each["access_patterns"]["pattern"] == "frequent" and each["access_patterns"]["total_items"] == 25


def test_s0_24_patterns_are_by_how_long_ago_each_was_used(manager):
    assert manager._analyze_access_patterns({}) == {"pattern": "no_data"}
    now = time.time()
    found = manager._analyze_access_patterns({"a": now - 1800, "b": now - 3 * 3600})
    assert found["total_items"] == 2 and found["recent_access_count"] == 1 and found["pattern"] == "sparse"
    assert found["avg_delay_hours"] == pytest.approx(1.75, abs=0.01)
    assert found["max_delay_hours"] == pytest.approx(3, abs=0.01)
    assert manager._analyze_access_patterns({"a": now - 3000})["pattern"] == "frequent"
    cache = ModelCache()
    cache.put("a", 1)
    cache.access_times["a"] = now - 7200
    assert manager._analyze_access_patterns(cache.access_times)["max_delay_hours"] == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("stats, score", [
    ({"hit_rate": 0.8, "size": 25, "max_size": 50}, 40.0),
    ({"hit_rate": 1.0, "size": 50, "max_size": 50}, 100.0),
    ({"hit_rate": 0.0, "size": 50, "max_size": 50}, 0.0),
    ({}, 0.0),
    ({"hit_rate": 1.0, "size": 3, "max_size": 0}, 300.0),
])  # fmt: skip
def test_s0_25_scores_by_hand(manager, stats, score):
    assert manager._calculate_efficiency_score(stats) == pytest.approx(score)


SIZES = [  # of models and features; efficiency, pattern; what becomes of them
    ((50, 5000), 0, "frequent", (35, 3500)),
    ((25, 1200), 29.9, "sparse", (20, 1000)),
    ((50, 5000), 50, "frequent", (50, 5000)),
    ((50, 5000), 90, "frequent", (65, 6500)),
    ((180, 9000), 90, "frequent", (200, 10000)),
    ((50, 5000), 90, "sparse", (50, 5000)),
    ((10, 100), 0, "no_data", (10, 100)),  # smaller is never larger
    ((300, 20000), 90, "frequent", (300, 20000)),  # nor larger smaller
]


@pytest.mark.parametrize("sizes, score, pattern, expected", SIZES)
def test_s0_26_sizes_follow_the_guides_rule(manager, monkeypatch, sizes, score, pattern, expected):
    instance = get_integrated_optimizer()
    instance.model_cache.max_size, instance.feature_cache.max_features = sizes
    each = {"stats": {}, "access_patterns": {"pattern": pattern}, "efficiency_score": score}
    monkeypatch.setattr(manager, "analyze_cache_performance", lambda: {"model_cache": each, "feature_cache": each})
    found = manager.optimize_cache_sizes()
    assert found == {
        name: {"old_size": old, "new_size": new, "efficiency_before": score}
        for name, old, new in zip(("model_cache", "feature_cache"), sizes, expected, strict=True)
    }
    assert (instance.model_cache.max_size, instance.feature_cache.max_features) == expected


def test_s0_26_a_cold_start_gives_the_guides_numbers(manager):
    found = manager.optimize_cache_sizes()
    assert [(each["old_size"], each["new_size"]) for each in found.values()] == [(50, 35), (5000, 3500)]


PATTERNS = [{"model_type": kind} for kind in ["b", "a", "c", "a", "d", "b", "a", "e"]] + [{}]


def test_s0_28_the_three_types_that_occur_most(manager):
    assert manager._identify_frequent_patterns([]) == manager._identify_frequent_patterns(None) == ["linear", "tree"]
    assert manager._identify_frequent_patterns(PATTERNS) == ["a", "b", "c"]
    assert manager._identify_frequent_patterns([{}]) == ["unknown"]


@pytest.mark.parametrize("patterns", [[None], ["linear"], "linear", 3, [{}, 3]])
def test_patterns_that_are_no_dicts_are_refused(manager, patterns):
    with pytest.raises(ConfigurationError, match="prediction_patterns: expected dicts, got"):
        manager.implement_smart_prefetching(patterns)


def test_s0_g7_real_models_are_loaded_and_only_once(manager):
    loaded = []

    def loader(kind):
        def load():
            loaded.append(kind)
            return f"model {kind}"

        return load

    for kind in "abz":
        manager.register_loader(kind, loader(kind))
    assert manager.implement_smart_prefetching(PATTERNS) == 2 and loaded == ["a", "b"]  # of c nobody knows how
    cache = get_integrated_optimizer().model_cache
    assert cache.get("preload_a") == "model a" and list(cache.cache) == ["preload_a", "preload_b"]
    assert manager.implement_smart_prefetching(PATTERNS) == 0 and loaded == ["a", "b"]


def test_s0_28_a_model_that_was_fetched_ahead_answers_as_its_file_does(manager, tmp_path):
    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    manager.register_loader("tree", lambda: perfcore.compile(tmp_path / "model.txt"))
    assert manager.implement_smart_prefetching([{"model_type": "tree"}]) == 1
    (tmp_path / "model.txt").rename(tmp_path / "elsewhere.txt")  # it is there already
    fetched, expected = (
        get_integrated_optimizer().model_cache.get("preload_tree"),
        perfcore.compile(tmp_path / "elsewhere.txt"),
    )
    X = np.random.default_rng(0).normal(size=(50, expected.n_features_in_))
    assert fetched.predict(X).tobytes() == expected.predict(X).tobytes()
    assert manager.implement_smart_prefetching([{"model_type": "tree"}]) == 0


def test_s0_28_a_loader_that_fails_is_told_and_what_was_loaded_before_stays(manager):
    manager.register_loader("a", lambda: "model a")
    manager.register_loader("b", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        manager.implement_smart_prefetching(PATTERNS)
    assert list(get_integrated_optimizer().model_cache.cache) == ["preload_a"]
    with pytest.raises(ConfigurationError, match="expected a function"):
        manager.register_loader("c", "model.txt")


def test_s0_39_features_with_few_values_take_fewer_bytes_and_keep_their_bits():
    features = np.random.default_rng(0).integers(0, 4, size=(1000, 50)).astype(float)
    cache = FeatureCache()
    cache.put_features("a", features)
    assert cache.get_features("a").tobytes() == features.tobytes()
    assert cache.get_stats()["estimated_memory_mb"] * 2**20 < 0.5 * features.nbytes
