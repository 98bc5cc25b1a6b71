"""The guide's memory manager and profiler."""

import gc
import io
import sys
import time
import tracemalloc
from datetime import datetime, timedelta

import numpy as np
import psutil
import pytest

from perfcore import ConfigurationError
from perfcore.optimizer import AdvancedMemoryManager, MemoryProfiler, gc_settings, get_integrated_optimizer
from perfcore.optimizer.messages import say


@pytest.fixture(autouse=True)
def collector_as_it_was():
    threshold, debug = gc.get_threshold(), gc.get_debug()
    yield
    gc.set_threshold(*threshold)
    gc.set_debug(debug)


def test_s0_09_defaults_are_the_guides_and_may_be_others():
    manager = AdvancedMemoryManager()
    assert manager.memory_threshold_mb == 800 and manager.cleanup_frequency == timedelta(minutes=15)
    assert datetime.now() - manager.last_cleanup < timedelta(minutes=1)
    manager = AdvancedMemoryManager(memory_threshold_mb=100, cleanup_frequency=timedelta(hours=1))
    assert manager.memory_threshold_mb == 100 and manager.cleanup_frequency == timedelta(hours=1)


def test_s0_10_the_analysis_is_what_the_system_says():
    found = AdvancedMemoryManager().analyze_memory_usage()
    assert found["rss_mb"] == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.01)
    assert found["vms_mb"] >= found["rss_mb"] and 0 < found["percent"] < 100 and found["available_mb"] > 0
    assert found["gc_threshold"] == gc.get_threshold() and len(found["gc_counts"]) == 3


def test_s0_11_stale_models_and_fifty_of_many_features_leave():
    instance, before = get_integrated_optimizer(), datetime.now()
    for i in range(5):
        instance.model_cache.put(f"m{i}", i)
    for i in (0, 2, 4):
        instance.model_cache.access_times[f"m{i}"] = time.time() - 3700
    for i in range(120):
        instance.feature_cache.put_features(f"f{i}", np.ones((2, 2)))
    manager = AdvancedMemoryManager()
    result = manager.aggressive_cleanup()
    assert (result["model_cache_reduced"], result["feature_cache_reduced"]) == (3, 50)
    assert list(instance.model_cache.cache) == ["m1", "m3"] and len(instance.feature_cache.cache) == 70
    assert result["gc_collected"].keys() == {"gen_0", "gen_1", "gen_2", "unreachable"}
    assert before <= result["cleanup_time"] == manager.last_cleanup and result["memory_freed_mb"] >= 0
    again = manager.aggressive_cleanup()
    assert (again["model_cache_reduced"], again["feature_cache_reduced"]) == (0, 0)


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("is_late", [False, True])
def test_s0_13_it_is_time_where_much_is_used_or_long_ago(is_large, is_late):
    manager = AdvancedMemoryManager(memory_threshold_mb=0.001 if is_large else 1e9)
    manager.last_cleanup = datetime.now() - timedelta(minutes=16 if is_late else 14)
    assert manager.should_cleanup() == (is_large or is_late)


def test_s0_14_the_guides_collector_settings():
    gc.set_threshold(500, 5, 5)
    assert AdvancedMemoryManager().optimize_gc_settings()["before"][:2] == (500, 5)
    assert gc.get_threshold()[:2] == (700, 10) and gc.get_debug() == 0


def test_s0_14_ours_are_measured_and_restored_after_an_error_too():
    def work():
        for _ in range(2000):
            cycle = []
            cycle.append(cycle)

    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with gc_settings((50, 5, 5)) as often:
        assert gc.get_threshold()[:2] == (50, 5)
        work()
    with pytest.raises(KeyError), gc_settings((1_000_000, 10, 10), freeze=True) as seldom:
        assert gc.get_freeze_count() > 1_000 + frozen
        work()
        raise KeyError
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0  # Python 3.12 freezes some at its start
    assert often["collections"] > 10 > seldom["collections"] and often["seconds"] > 0
    told = dict(often)
    gc.collect()
    assert often == told  # it no longer counts


@pytest.mark.parametrize(
    "threshold", [5, "a", (), (1, 1, 1, 1), ("a", 1, 1), (-1, 1, 1), (1.5, 1, 1), (2**31, 1, 1), (None,)]
)
def test_thresholds_that_are_no_whole_numbers_are_refused_and_change_nothing(threshold):
    before = gc.get_threshold()
    with pytest.raises(ConfigurationError, match="threshold=.*: allowed are"), gc_settings(threshold):
        raise AssertionError
    assert gc.get_threshold() == before


def test_without_a_threshold_it_only_tells_what_the_collector_takes():
    before = gc.get_threshold()
    with gc_settings() as seen:
        assert gc.get_threshold() == before
        gc.collect()
    assert seen["collections"] >= 1


@pytest.mark.parametrize(
    "settings",
    [{"memory_threshold_mb": each} for each in ("a", -1, 0, True, float("nan"), None)]
    + [{"cleanup_frequency": each} for each in (15, "a", timedelta(minutes=-1))],
    ids=str,
)
def test_a_manager_of_no_megabytes_and_no_time_is_refused(settings):
    with pytest.raises(ConfigurationError, match=f"{next(iter(settings))}=.*: allowed are"):
        AdvancedMemoryManager(**settings)


@pytest.fixture
def profiler():
    profiler = MemoryProfiler()
    yield profiler
    profiler.stop_profiling()


def test_s0_15_without_snapshots_there_is_a_message_and_nothing_else(profiler, capsys):
    profiler.take_snapshot("too early")
    assert profiler.snapshots == [] and profiler.analyze_top_memory_usage() == []
    assert profiler.compare_snapshots() == []
    told = capsys.readouterr().out
    assert "開始されていません" in told and "スナップショットがありません" in told and "最低2つ" in told
    profiler.start_profiling()
    profiler.take_snapshot("one")
    assert profiler.compare_snapshots() == [] and "最低2つ" in capsys.readouterr().out
    assert profiler.compare_snapshots(0, 5) == [] and "最低2つ" in capsys.readouterr().out  # whichever are asked for


@pytest.mark.parametrize("index", [2, -3, "a", 0.0, None, True])
def test_snapshots_that_there_are_not_are_refused(profiler, index):
    profiler.start_profiling()
    profiler.take_snapshot("one")
    profiler.take_snapshot("two")
    for call in (lambda: profiler.compare_snapshots(0, index), lambda: profiler.analyze_top_memory_usage(index)):
        with pytest.raises(ConfigurationError, match="there are 2 snapshots: allowed is -2 to 1"):
            call()
    with pytest.raises(ConfigurationError, match="top_n="):
        profiler.analyze_top_memory_usage(0, -1)


def test_s0_15_three_snapshots_tell_who_holds_and_what_changed(profiler, capsys):
    profiler.start_profiling()
    profiler.take_snapshot("first")
    held = [bytearray(1 << 20) for _ in range(4)]
    profiler.take_snapshot("more")
    del held
    profiler.take_snapshot("less")
    place, mb = profiler.analyze_top_memory_usage(1, 1)[0]
    assert "test_memory_manager" in place and mb == pytest.approx(4, rel=0.01)
    assert len(profiler.analyze_top_memory_usage(1, 3)) == 3
    assert [each["label"] for each in profiler.snapshots] == ["first", "more", "less"]
    place, mb, count = profiler.compare_snapshots(0, 1)[0]
    assert "test_memory_manager" in place and mb == pytest.approx(4, rel=0.01) and count >= 4
    assert "+4.0MB" in capsys.readouterr().out


def test_s0_g10_comparisons_tell_of_less_too(profiler, capsys):
    profiler.start_profiling()
    held = [bytearray(1 << 20) for _ in range(4)]
    profiler.take_snapshot("more")
    del held
    profiler.take_snapshot("less")
    assert profiler.compare_snapshots()[0][1] == pytest.approx(-4, rel=0.01)
    assert "-4.0MB" in capsys.readouterr().out


def test_s0_15_tracing_that_was_on_before_stays_on(profiler):
    tracemalloc.start()
    try:
        profiler.start_profiling()
        profiler.stop_profiling()
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()
    profiler.start_profiling()
    profiler.stop_profiling()
    assert not tracemalloc.is_tracing()


@pytest.mark.parametrize("encoding", ["cp932", "ascii", "latin-1"])
def test_s0_g9_a_console_that_lacks_characters_gets_others(monkeypatch, encoding):
    console = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(console, encoding=encoding, write_through=True))
    say("✅ 監視 ok")
    assert console.getvalue().endswith(b" ok\n") and b"?" in console.getvalue()


def test_s0_g9_a_console_that_is_closed_or_none_is_no_error(monkeypatch):
    closed = io.StringIO()
    closed.close()
    for console in (closed, None):
        monkeypatch.setattr(sys, "stdout", console)
        say("anything")


def test_what_somebody_else_froze_stays_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with gc_settings(freeze=True):
            pass
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
