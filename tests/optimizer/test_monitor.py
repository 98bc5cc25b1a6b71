"""The guide's monitor: what it warns of, what it does about it, how it starts and stops."""

import os
import signal
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from perfcore import ConfigurationError, optimizer
from perfcore import threads as threads_module
from perfcore.optimizer import SystemMonitor, get_integrated_optimizer, monitor_system_health
from perfcore.optimizer import monitor as monitoring

QUIET = {
    "memory_usage_mb": 100.0,
    "cpu_usage_percent": 5.0,
    "response_time_ms": 1.0,
    "model_cache_hit_rate": 1.0,
    "feature_cache_size": 0,
}
BOUNDS = [
    ("memory_usage_mb", 1000, 1000.001, "高メモリ使用量"),
    ("cpu_usage_percent", 80, 80.001, "高CPU使用率"),
    ("response_time_ms", 1000, 1000.001, "応答時間遅延"),
    ("model_cache_hit_rate", 0.7, 0.699, "キャッシュ効率低下"),
]


def threads():
    return [each for each in threading.enumerate() if each.name == "perfcore-monitor"]


def wait_until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


@pytest.fixture
def seen(monkeypatch):
    """What monitors see: (metrics, warnings), to be changed by tests."""
    told = {"metrics": dict(QUIET), "warnings": []}
    monkeypatch.setattr(monitoring, "monitor_system_health", lambda: (dict(told["metrics"]), list(told["warnings"])))
    return told


@pytest.mark.parametrize("name, at, beyond, warning", BOUNDS)
def test_s0_02_a_value_at_its_bound_is_no_cause_for_a_warning_and_the_next_one_is(name, at, beyond, warning):
    assert monitoring.warnings_of(QUIET | {name: at}, 1000) == []
    assert monitoring.warnings_of(QUIET | {name: beyond}, 1000) == [warning]


def test_s0_04_hit_rates_are_judged_once_there_were_look_ups_enough():
    cold = QUIET | {"model_cache_hit_rate": 0.0}
    assert monitoring.warnings_of(cold, 0) == monitoring.warnings_of(cold, 49) == []
    assert monitoring.warnings_of(cold, 50) == ["キャッシュ効率低下"]
    metrics, _ = monitor_system_health()
    assert metrics.keys() == QUIET.keys() and metrics["model_cache_hit_rate"] == 0.0
    for i in range(60):
        get_integrated_optimizer().model_cache.get(str(i))
    assert "キャッシュ効率低下" in monitor_system_health()[1]


def test_s0_04_a_monitor_that_optimizes_does_nothing_on_a_cold_start(monkeypatch):
    monkeypatch.setattr(monitoring, "MEMORY_MB", 1e9)  # of this process, and what others do on this machine
    monkeypatch.setattr(monitoring, "CPU_PERCENT", 100.0)
    instance = get_integrated_optimizer()
    with SystemMonitor(check_interval=0.01, auto_optimize=True) as monitor:
        wait_until(lambda: len(monitor.metrics_history) >= 3)
    assert [each["warnings"] for each in monitor.metrics_history] == [[]] * len(monitor.metrics_history)
    assert not instance.optimization_results and instance.model_cache.max_size == 50


def test_s0_05_the_monitor_stops_in_less_than_a_second(seen):
    monitor = SystemMonitor(check_interval=60, auto_optimize=True)
    assert not monitor.running and monitor.check_interval == 60
    monitor.start_monitoring()
    monitor.start_monitoring()
    wait_until(lambda: monitor.metrics_history)
    assert monitor.running and len(threads()) == 1 and threads()[0].daemon
    began = time.perf_counter()
    monitor.stop_monitoring()
    assert time.perf_counter() - began < 1 and not monitor.running and threads() == []


def test_s0_g9_stopped_and_started_again_it_is_one_thread(seen):
    monitor = SystemMonitor(check_interval=60)
    for n in range(1, 21):
        monitor.start_monitoring()
        wait_until(lambda n=n: len(monitor.metrics_history) == n)
        assert len(threads()) == 1
        monitor.stop_monitoring()
    assert threads() == []


def test_s0_06_a_look_that_fails_does_not_end_the_monitor(seen, monkeypatch, capsys):
    looks = []

    def fail_first():
        looks.append(1)
        if len(looks) == 1:
            raise OSError("no report")
        return dict(QUIET), []

    monkeypatch.setattr(monitoring, "monitor_system_health", fail_first)
    with SystemMonitor(check_interval=0.01) as monitor:
        wait_until(lambda: len(monitor.metrics_history) >= 2)
    assert [str(each) for each in monitor.errors] == ["no report"]
    assert "監視エラー: no report" in capsys.readouterr().out


def test_s0_06_the_history_never_exceeds_a_thousand(seen):
    monitor = SystemMonitor()
    longest = 0
    for _ in range(1200):
        monitor._look()
        longest = max(longest, len(monitor.metrics_history))
    assert longest == 1000 and len(monitor.metrics_history) == 500 + 199
    assert monitor.metrics_history[-1].keys() == QUIET.keys() | {"timestamp", "warnings"}


@pytest.mark.parametrize("warning, action", [
    ("高メモリ使用量", "optimize_memory_usage"),
    ("キャッシュ効率低下", "optimize_model_cache"),
    ("応答時間遅延", "optimize_prediction_speed"),
    ("高CPU使用率", "optimize_cpu_efficiency"),
])  # fmt: skip
def test_s0_07_each_warning_calls_its_action_and_no_other(seen, warning, action):
    seen["warnings"] = [warning]
    SystemMonitor(auto_optimize=False)._look()
    assert not get_integrated_optimizer().optimization_results
    SystemMonitor(auto_optimize=True)._look()
    done = [each["strategy"] for each in get_integrated_optimizer().optimization_results]
    assert done == [action.removeprefix("optimize_")]


def test_s0_08_the_summary_has_the_means_of_the_last_minutes():
    monitor = SystemMonitor()
    assert monitor.get_metrics_summary() == {}
    now = datetime.now()
    for minutes, mb, warnings in ((90, 9000.0, ["a"]), (20, 100.0, ["a", "b"]), (10, 300.0, [])):
        entry = QUIET | {"memory_usage_mb": mb, "cpu_usage_percent": mb / 10, "response_time_ms": mb / 100}
        entry |= {"model_cache_hit_rate": mb / 1000, "timestamp": now - timedelta(minutes=minutes)}
        monitor.metrics_history.append(entry | {"warnings": warnings})
    assert monitor.get_metrics_summary(last_n_minutes=60) == {
        "avg_memory_mb": 200.0,
        "max_memory_mb": 300.0,
        "avg_cpu_percent": 20.0,
        "avg_response_ms": 2.0,
        "avg_cache_hit_rate": 0.2,
        "warning_count": 2,
        "total_samples": 2,
    }
    assert monitor.get_metrics_summary(last_n_minutes=5) == {}
    assert monitor.get_metrics_summary(last_n_minutes=120)["total_samples"] == 3


@pytest.mark.parametrize("interval", [0, -1, float("nan"), "60", None])
def test_intervals_that_are_no_seconds_above_0_are_refused(interval):
    with pytest.raises(ConfigurationError, match="seconds above 0"):
        SystemMonitor(check_interval=interval)


def test_two_monitors_run_side_by_side_and_stop_apart(seen):
    with SystemMonitor(check_interval=0.01) as first:
        with SystemMonitor(check_interval=0.01) as second:
            wait_until(lambda: first.metrics_history and second.metrics_history)
            assert len(threads()) == 2
        assert not second.running and first.running and len(threads()) == 1
        n = len(first.metrics_history)
        wait_until(lambda: len(first.metrics_history) > n)
    assert threads() == []


def test_an_action_may_stop_its_monitor_and_start_another(seen, monkeypatch):
    seen["warnings"] = ["高メモリ使用量"]
    monitor, other = SystemMonitor(check_interval=60), SystemMonitor(check_interval=60, auto_optimize=False)

    def stop():
        monitor.stop_monitoring()
        other.start_monitoring()

    monkeypatch.setattr(get_integrated_optimizer(), "optimize_memory_usage", stop)
    monitor.start_monitoring()
    wait_until(lambda: not monitor.running and other.metrics_history)
    other.stop_monitoring()
    assert threads() == [] and monitor.errors == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_has_a_stopped_monitor_that_can_be_started(seen):
    with SystemMonitor(check_interval=0.01) as monitor:
        wait_until(lambda: monitor.metrics_history)
        pid = os.fork()
        if pid == 0:
            right = not monitor.running
            n = len(monitor.metrics_history)
            monitor.start_monitoring()
            wait_until(lambda: len(monitor.metrics_history) > n)
            monitor.stop_monitoring()
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert monitor.running


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_process_that_forks_in_the_middle_of_looks_and_actions_has_children_that_do_not_hang():
    instance, over = get_integrated_optimizer(), threading.Event()

    def use(name):
        instance.model_cache.put(name, name)
        instance.feature_cache.put_features(name, np.zeros((5, 5)))
        instance.batch_processor.add_prediction_request(name, {}, None)
        optimizer.optimize_system_performance()
        with threads_module.limit(1):
            pass

    def work():
        while not over.is_set():
            use(threading.current_thread().name)

    use("first")  # what is imported on first use is: a fork in the middle of an import is Python's to mend
    workers = [threading.Thread(target=work) for _ in range(2)]
    with SystemMonitor(check_interval=0.001):
        for worker in workers:
            worker.start()
        codes = []
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                signal.alarm(30)
                with SystemMonitor(check_interval=60) as monitor:
                    wait_until(lambda monitor=monitor: monitor.metrics_history)
                use("child")
                os._exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        over.set()
        for worker in workers:
            worker.join()
    assert codes == [0] * 8


def test_a_look_takes_less_than_a_hundredth_of_a_second_of_a_core():
    cache = get_integrated_optimizer()
    for i in range(50):
        cache.model_cache.put(str(i), bytes(100))
    monitor = SystemMonitor(auto_optimize=False)
    monitor._look()
    began = time.thread_time()
    for _ in range(50):
        monitor._look()
    assert (time.thread_time() - began) / 50 < 0.01


def test_a_monitor_that_nobody_holds_ends(seen):
    monitor = SystemMonitor(check_interval=0.01)
    monitor.start_monitoring()
    while not monitor.metrics_history:
        time.sleep(0.005)
    del monitor
    wait_until(lambda: threads() == [])


def test_s0_37_each_of_the_five_areas_has_its_entry_and_its_tests():
    entries = {
        "test_monitor": ("SystemMonitor", "monitor_system_health"),
        "test_memory_manager": ("AdvancedMemoryManager", "MemoryProfiler", "gc_settings"),
        "test_cpu": ("CPUOptimizer",),
        "test_cache_manager": ("AdvancedCacheManager", "ModelCache", "FeatureCache"),
        "test_optimizer": ("IntegratedPerformanceOptimizer", "optimize_system_performance"),
    }
    for file, names in entries.items():
        tests = Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8")
        assert all(callable(getattr(optimizer, name)) and name in optimizer.__all__ for name in names)
        assert all(f"{name}(" in tests for name in names)


@pytest.mark.parametrize("minutes", ["a", -1, 0, None, 1e12, float("nan"), True])
def test_a_summary_of_no_time_is_refused(minutes):
    with pytest.raises(ConfigurationError, match="last_n_minutes=.*: allowed are minutes above 0 up to"):
        SystemMonitor().get_metrics_summary(minutes)
