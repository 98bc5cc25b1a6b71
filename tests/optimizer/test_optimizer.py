"""The integrated optimizer: what it sees, what it does, and that both are measured."""

import gc
import json
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from small_models import lightgbm_texts

import perfcore
from perfcore import optimizer
from perfcore.optimizer import (
    FeatureCache,
    IntegratedPerformanceOptimizer,
    ModelCache,
    OptimizationPriority,
    OptimizationResult,
    get_integrated_optimizer,
    get_system_performance_report,
    optimize_system_performance,
)

ACTIONS = (
    "optimize_memory_usage",
    "optimize_model_cache",
    "optimize_prediction_speed",
    "optimize_feature_processing",
    "optimize_cpu_efficiency",
)


class Predictor:
    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def predict_batch(self, batch):
        time.sleep(self.seconds * len(batch))
        return batch


def asked(processor, n, predictor):
    for i in range(n):
        processor.add_prediction_request(str(i), {}, None)
    return processor.drain(predictor)


def test_s0_01_the_report_has_what_the_guide_prints():
    report = get_system_performance_report()
    state, caches = report["system_state"], report["cache_performance"]
    for value in (state["memory_usage_mb"], state["cpu_usage_percent"], state["response_time_ms"]):
        assert f"{value:.1f}"
    assert 0 <= caches["model_cache"]["hit_rate"] <= 1 and caches["feature_cache"]["size"] == 0
    assert {"active_models", "cached_features", "pending_predictions"} <= state.keys()
    assert report["optimization_summary"]["total_optimizations"] == 0
    assert report["configuration"].keys() == {
        "auto_optimization_enabled",
        "optimization_interval_seconds",
        "profiling_enabled",
    }
    json.dumps(report)


def test_s0_03_response_times_are_those_of_real_predictions(tmp_path, monkeypatch):
    instance = get_integrated_optimizer()
    with monkeypatch.context() as nobody:  # what other tests compiled and asked does not count here
        nobody.setattr(perfcore.calls, "live", list)
        assert instance.capture_system_state().response_time_ms == 0.0
    instance.capture_system_state()
    asked(instance.batch_processor, 4, Predictor(0.02))
    slow = instance.capture_system_state().response_time_ms
    assert slow >= 80  # the batch: each of its four requests waited for all of it
    assert instance.capture_system_state().response_time_ms == slow  # nothing new: what it was
    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    fast = perfcore.compile(tmp_path / "model.txt")
    for _ in range(200):
        fast.predict_one(np.zeros(fast.n_features_in_))
    assert 0 < instance.capture_system_state().response_time_ms < slow


def test_s0_04_a_cold_start_is_0_and_changes_nothing():
    report = get_system_performance_report()
    assert report["cache_performance"]["model_cache"]["hit_rate"] == 0.0
    result = get_integrated_optimizer().optimize_model_cache()
    assert result["outcome"] == "not needed" and "look-ups" in result["reason"]
    assert result["cache_size_adjustment"] == {"old_size": 50, "new_size": 50}
    assert get_integrated_optimizer().optimize_feature_processing()["outcome"] == "not needed"
    assert get_integrated_optimizer().optimize_prediction_speed()["outcome"] == "not needed"
    assert (get_integrated_optimizer().feature_cache.max_features, settings()) == (5000, (50, 6))


def settings():
    processor = get_integrated_optimizer().batch_processor
    return processor.batch_size, processor.max_workers


def test_s0_36_each_action_returns_a_dict_and_success_in_less_than_a_second():
    instance = get_integrated_optimizer()
    for name in ACTIONS:
        began = time.thread_time()  # of this thread: what others do meanwhile does not count
        result = getattr(instance, name)()
        assert time.thread_time() - began < 1
        assert isinstance(result, dict) and result["success"] and isinstance(result["improvement_percent"], float)
        assert result["outcome"] in ("improved", "no effect", "not needed", "adjusted")
        assert result["execution_time_ms"] >= 0
    json.dumps(list(instance.optimization_results))


def test_s0_40_results_are_a_list_of_dicts_that_answer_as_pairs():
    results = optimize_system_performance()
    assert type(results) is list and len(results) == 5
    pairs = results + [("advanced_cache", {"improvement_percent": 1.0})]
    assert sum(r[1].get("improvement_percent", 0) for r in pairs if isinstance(r[1], dict)) >= 1.0
    for result in results:
        assert isinstance(result, OptimizationResult) and result[0] == result["strategy"] and result[1] is result
        assert result["strategy_config"].keys() == {"target", "priority", "method", "parameters"}
    with pytest.raises(KeyError):
        results[0][2]


def test_strategies_run_in_the_order_of_their_priority_and_may_be_switched_off():
    instance = IntegratedPerformanceOptimizer()
    by_name = {each.method: each for each in instance.strategies}
    by_name["cpu_efficiency"].priority = OptimizationPriority.CRITICAL
    by_name["memory_usage"].priority = OptimizationPriority.LOW
    by_name["model_cache"].enabled = False
    done = [result["strategy"] for result in instance.run_comprehensive_optimization()]
    assert done == ["cpu_efficiency", "prediction_speed", "feature_processing", "memory_usage"]


def test_an_action_that_fails_says_so_and_keeps_no_other_back(monkeypatch):
    instance = IntegratedPerformanceOptimizer()
    monkeypatch.setattr(ModelCache, "get_stats", lambda self: 1 / 0)
    results = {result["strategy"]: result for result in instance.run_comprehensive_optimization()}
    assert not results["model_cache"]["success"] and results["model_cache"]["error"].startswith("ZeroDivisionError")
    assert results["model_cache"]["improvement_percent"] == 0.0 and len(results) == 5


def test_memory_that_is_given_back_is_what_the_system_says():
    instance = get_integrated_optimizer()
    for i in range(30):
        instance.feature_cache.put_features(f"f{i}", np.random.default_rng(i).normal(size=(1000, 100)))
        instance.feature_cache.last_access[f"f{i}"] = time.time() - 4000
    instance.feature_cache.put_features("used", np.ones((3, 3)))
    result = instance.optimize_memory_usage()
    assert result["cache_cleanup"] == {"models_removed": 0, "features_removed": 30}
    assert list(instance.feature_cache.cache) == ["used"]
    before, after = (result[name]["memory_usage_mb"] for name in ("before_state", "after_state"))
    assert result["memory_freed_mb"] == max(0.0, before - after)
    assert result["improvement_percent"] == pytest.approx(100 * result["memory_freed_mb"] / before)
    assert (result["outcome"] == "improved") == (result["memory_freed_mb"] >= 0.5)
    assert result["gc_stats"].keys() == {"generation_0", "generation_1", "generation_2"}


def test_a_cache_that_misses_for_want_of_room_grows_and_the_effect_is_measured_at_the_next_run():
    instance = IntegratedPerformanceOptimizer(model_cache=ModelCache(max_size=10))
    cache = instance.model_cache

    def look(n):
        for i in range(n):
            if cache.get(str(i % 12)) is None:
                cache.put(str(i % 12), i)

    look(200)
    result = instance.optimize_model_cache()
    assert result["outcome"] == "adjusted" and result["cache_size_adjustment"] == {"old_size": 10, "new_size": 13}
    assert result["improvement_percent"] == 0.0 and cache.max_size == 13
    look(200)
    result = instance.optimize_model_cache()
    assert result["outcome"] == "improved" and result["hit_rate_improvement"] > 0.5
    assert result["improvement_percent"] == pytest.approx(100 * result["hit_rate_improvement"])
    look(200)
    assert instance.optimize_model_cache()["outcome"] == "not needed"


def test_a_cache_that_misses_what_it_never_had_does_not_grow():
    instance = IntegratedPerformanceOptimizer()
    for i in range(300):
        if instance.model_cache.get(str(i)) is None:
            instance.model_cache.put(str(i), i)
    result = instance.optimize_model_cache()
    assert result["outcome"] == "not needed" and instance.model_cache.max_size == 50


def test_features_that_were_kept_as_they_came_are_compressed():
    instance = IntegratedPerformanceOptimizer(feature_cache=FeatureCache(compression=False))
    instance.feature_cache.put_features("a", np.zeros((1000, 100)))
    instance.feature_cache.compression = True
    result = instance.optimize_feature_processing()
    assert result["outcome"] == "improved" and result["memory_reduction_mb"] > 0.7
    assert result["improvement_percent"] > 90 and result["compression_enabled"]


def test_batches_become_as_large_as_their_measured_cost_says():
    class FixedCost:
        def predict_batch(self, batch):
            time.sleep(0.002)
            return batch

    instance = IntegratedPerformanceOptimizer()
    assert instance.optimize_prediction_speed()["outcome"] == "not needed"
    for size in (1, 5, 10, 20):
        instance.batch_processor.batch_size = size
        asked(instance.batch_processor, size, FixedCost())
    instance.batch_processor.batch_size = 5
    result = instance.optimize_prediction_speed()
    assert result["outcome"] == "adjusted" and instance.batch_processor.batch_size > 20
    assert result["batch_size_adjustment"]["new_size"] == instance.batch_processor.batch_size


def test_s3_01_importing_makes_no_instance_and_reset_lets_go_of_it():
    code = """
import enum, gc, os, sys, threading, warnings
import numpy, perfcore
before = dict(os.environ), gc.get_threshold(), gc.isenabled(), list(warnings.filters)
import integrated_performance_optimizer as guide, perfcore.optimizer, perfcore.runtime
names = [getattr(guide, name) for name in guide.__all__]
classes = {each for each in names if isinstance(each, type) and not issubclass(each, enum.Enum)}
made = [each for each in gc.get_objects() if type(each) in classes]
assert len(classes) > 15 and not made, made
assert threading.active_count() == 1
assert (dict(os.environ), gc.get_threshold(), gc.isenabled(), list(warnings.filters)) == before
assert not {"pandas", "pyarrow", "numba", "apscheduler", "rich"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    instance = get_integrated_optimizer()
    assert get_integrated_optimizer() is instance
    kept = weakref.ref(instance)
    del instance
    optimizer.reset_integrated_optimizer()
    gc.collect()
    assert kept() is None


def test_threads_that_ask_at_once_get_one_optimizer():
    found = []
    workers = [threading.Thread(target=lambda: found.append(get_integrated_optimizer())) for _ in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(map(id, found))) == 1


def test_s0_g9_the_total_is_of_one_thing():
    instance = IntegratedPerformanceOptimizer()
    for strategy, percent in (("memory_usage", 5.0), ("model_cache", 40.0), ("memory_usage", 7.0)):
        instance.optimization_results.append(
            OptimizationResult(strategy=strategy, improvement_percent=percent, success=True, timestamp="")
        )
    summary = instance.get_performance_report()["optimization_summary"]
    assert summary["improvement_percent_by_strategy"] == {"memory_usage": 12.0, "model_cache": 40.0}
    assert summary["total_improvement_percent"] == summary["average_improvement_percent"] == 40.0
    assert IntegratedPerformanceOptimizer().get_performance_report()["optimization_summary"][
        "average_improvement_percent"
    ] == 0.0  # fmt: skip


def test_histories_are_bounded():
    instance = get_integrated_optimizer()
    for _ in range(1100):
        instance.capture_system_state()
    for _ in range(110):
        instance.optimize_cpu_efficiency()
    assert len(instance.state_history) == 1000 and len(instance.optimization_results) == 100


def test_the_guides_import_name_hands_on_the_same_objects():
    import integrated_performance_optimizer as guide

    assert guide.__all__ == optimizer.__all__
    assert all(getattr(guide, name) is getattr(optimizer, name) for name in guide.__all__)
    with pytest.raises(AttributeError, match="no_such"):
        guide.no_such  # noqa: B018


def test_threads_that_an_action_limits_are_free_again_when_its_optimizer_is_gone():
    from perfcore import threads

    before = threads.available()
    for end in (IntegratedPerformanceOptimizer.cleanup, None):
        instance = IntegratedPerformanceOptimizer()
        instance._hold_threads(threads.limit(1))
        instance._hold_threads(threads.limit(1))
        assert threads.available() == 1
        if end is not None:
            end(instance)
            assert threads.available() == before
        del instance
        gc.collect()
        assert threads.available() == before


def test_response_times_are_right_while_predictors_come_and_go(monkeypatch):
    from types import SimpleNamespace

    from perfcore.optimizer import state

    class Predictor:
        def __init__(self, n, seconds):
            self._calls = SimpleNamespace(buckets=[n], seconds=n * seconds)

    observer, living = state.Observer(), [Predictor(1000, 0.001)]
    monkeypatch.setattr(state.calls, "live", lambda: list(living))
    processor = type("Processor", (), {"n_batches": 0, "seconds_handled": 0.0})()
    assert observer.response_ms(processor) == pytest.approx(1.0)
    living[:] = [Predictor(1500, 0.000_002)]  # the slow one is gone, with its counts
    assert observer.response_ms(processor) == pytest.approx(0.002)
    assert observer.response_ms(processor) == pytest.approx(0.002)


def test_two_libraries_of_one_name_are_two(monkeypatch):
    from perfcore import threads
    from perfcore.optimizer import actions

    pools = [threads.Pool("blas", "openblas 0.3.30", n, path=path) for n, path in ((99, "/numpy"), (1, "/scipy"))]
    monkeypatch.setattr(actions, "pools", lambda: pools)
    result = IntegratedPerformanceOptimizer().optimize_cpu_efficiency()
    assert sorted(result["threads_before"].values()) == [1, 99] and result["outcome"] == "no effect"
