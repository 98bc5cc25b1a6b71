"""The names of the optimization plan, and what it asks for."""

import ast
import asyncio
import importlib
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
import pytest

import perfcore
from perfcore import ConfigurationError, MissingExtraError, extras, threads
from perfcore import features as f
from perfcore.optimizer import AsyncDataFetcher, MemoryMonitor, ParallelDataProcessor, PerformanceProfiler
from perfcore.runtime import parallel
from perfcore.runtime.memory import check_leak, measure, trim

MB = 1 << 20


@pytest.fixture(autouse=True)
def no_number_of_threads_asked_for(monkeypatch):
    monkeypatch.delenv("PERFCORE_NUM_THREADS", raising=False)


# -- parallel work --------------------------------------------------------------------------------


def total(chunk):
    return float(np.sum(chunk))


def test_s1_06_chunks_are_processed_in_order_and_an_error_comes_through():
    pieces = [np.arange(i, i + 10) for i in range(50)]
    assert ParallelDataProcessor(4, process=total).process_data_parallel(pieces) == [total(each) for each in pieces]
    with pytest.raises(ZeroDivisionError):
        ParallelDataProcessor(max_workers=2, process=lambda x: 1 // (x - 3)).process_data_parallel(range(10))
    assert ParallelDataProcessor(process=total).process_data_parallel([]) == []
    with pytest.raises(ConfigurationError, match="give process="):
        ParallelDataProcessor(max_workers=4).process_data_parallel(pieces)
    with pytest.raises(ConfigurationError, match="expected a function"):
        ParallelDataProcessor(process=3)
    with pytest.raises(ConfigurationError, match="^max_workers=0: allowed are"):
        ParallelDataProcessor(max_workers=0)


def test_coroutine_functions_are_refused_for_they_do_nothing_when_they_are_called():
    async def later(_=None):
        return 1

    for call in (
        lambda: ParallelDataProcessor(process=later),
        lambda: PerformanceProfiler().profile_function(later),
        lambda: PerformanceProfiler().memory_profile(later),
    ):
        with pytest.raises(ConfigurationError, match="only begins when it is called"):
            call()


@pytest.fixture(params=["toml", "json"])
def settings(request, tmp_path):
    path = tmp_path / f"settings.{request.param}"
    path.write_text("max_workers = 3\n" if request.param == "toml" else '{"max_workers": 3}')
    return path


def test_s1_11_the_argument_is_stronger_than_the_environment_and_that_than_the_file(settings, monkeypatch):
    assert ParallelDataProcessor().max_workers == threads.available()
    assert ParallelDataProcessor(settings=settings).max_workers == 3
    monkeypatch.setenv("PERFCORE_NUM_THREADS", "5")
    assert ParallelDataProcessor(settings=settings).max_workers == 5
    assert ParallelDataProcessor(7, settings=settings).max_workers == 7


@pytest.mark.parametrize(
    "content", ["max_workers = 0", "max_workers = 'all'", "max_workers = true", "max_workers =", "workers = 3"]
)
def test_s1_11_a_file_that_says_no_number_is_named(tmp_path, content):
    path = tmp_path / "settings.toml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"settings\.toml: "):
        ParallelDataProcessor(settings=path)


def test_s1_11_numbers_outside_what_is_allowed_are_refused(tmp_path, monkeypatch):
    for wrong in (0, -1, 1.5, "4", True):
        with pytest.raises(ConfigurationError, match="whole numbers from 1"):
            ParallelDataProcessor(wrong)
    (tmp_path / "empty.json").write_text("[]")
    assert ParallelDataProcessor(settings=tmp_path / "empty.json").max_workers == threads.available()
    monkeypatch.setenv("PERFCORE_NUM_THREADS", "many")
    with pytest.raises(ConfigurationError, match="PERFCORE_NUM_THREADS"):
        ParallelDataProcessor()


def test_s1_05_chunks_obey_a_budget_of_bytes():
    table = np.arange(100_000.0).reshape(-1, 10)
    pieces = list(parallel.chunks(table, 64_000))
    assert all(each.nbytes <= 64_000 for each in pieces) and len(pieces) == -(-table.nbytes // 64_000)
    assert np.array_equal(np.concatenate(pieces), table)
    by_four = ParallelDataProcessor(2, process=total).process_data_parallel(pieces)
    assert sum(by_four) == table.sum()


def test_s1_15_the_kernels_use_as_many_cores_as_asked_for_and_no_more_cpu_time():
    """How much faster that is, is for the benchmarks; here: a call is divided, which makes no more work of it."""
    lightgbm = pytest.importorskip("lightgbm")
    X = np.random.default_rng(0).normal(size=(150_000, 8))
    model = lightgbm.train({"verbose": -1, "num_leaves": 31}, lightgbm.Dataset(X[:2000], X[:2000, 0]), 200)
    fast, this = perfcore.compile(model), psutil.Process()

    def asked(n_threads):
        """Answers, threads that the process had meanwhile beside those that it has anyway, CPU seconds."""
        before, most, over = this.num_threads(), 0, threading.Event()

        def watch():
            nonlocal most
            while not over.is_set():
                most = max(most, this.num_threads())
                time.sleep(0.0005)

        watcher = threading.Thread(target=watch)
        watcher.start()
        began = time.process_time()
        answers = [fast.predict(X, n_threads=n_threads) for _ in range(3)]
        cpu = time.process_time() - began
        over.set()
        watcher.join()
        return answers[0].tobytes(), most - before - 1, cpu

    asked(2)
    one, two = asked(1), asked(2)
    assert two[0] == one[0] and (one[1], two[1]) == (0, 1)  # the caller's own is one of the two
    assert two[2] < 1.7 * one[2]


# -- fetching -------------------------------------------------------------------------------------


def test_s1_08_the_plans_fetcher_keeps_order_and_isolates_failures():
    pytest.importorskip("httpx")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if self.path == "/none" else 200)
            self.send_header("Content-Length", str(len(self.path)))
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    worker = threading.Thread(target=server.serve_forever, args=(0.02,))
    worker.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        paths = ["/a", "/none", "/b"]
        fetched = asyncio.run(AsyncDataFetcher(limit=2, retries=0).fetch_data_async([url + path for path in paths]))
    finally:
        server.shutdown()
        server.server_close()
        worker.join()
    assert [each.content for each in fetched] == [b"/a", b"/none", b"/b"]
    assert fetched[1].error == "status 404" and fetched[0].error is None


# -- memory ---------------------------------------------------------------------------------------


def test_s1_01_tracking_appends_and_the_peak_is_the_most_that_was_seen():
    monitor = MemoryMonitor()
    assert monitor.peak_memory == 0 and monitor.memory_history == []
    trim()  # so that what is allocated is not what malloc kept
    monitor.track_memory("begin")
    held = np.ones(4 * MB)
    monitor.track_memory("more")
    del held
    monitor.track_memory()
    assert [each["stage"] for each in monitor.memory_history] == ["begin", "more", ""]
    assert monitor.peak_memory == max(each["rss"] for each in monitor.memory_history)
    assert monitor.memory_history[1]["rss"] - monitor.memory_history[0]["rss"] > 30 * MB
    assert all(each["tracemalloc"] is None for each in monitor.memory_history)
    tracemalloc.start()
    try:
        held = np.ones(MB)
        assert monitor.track_memory()["tracemalloc"] >= held.nbytes
    finally:
        tracemalloc.stop()


def test_s1_01_optimizing_frees_and_says_how_much():
    monitor = MemoryMonitor()
    before = monitor.track_memory()["rss"]
    arrays = [np.ones(5_000) for _ in range(2_000)]  # 80 MB in pieces that malloc keeps
    del arrays[::2]
    arrays.clear()
    freed = monitor.optimize_memory()
    assert freed >= 0 and monitor.memory_history[-1]["rss"] <= before + 8 * MB


def test_s1_02_each_stage_has_its_name_and_memory_before_at_its_peak_and_after():
    monitor = MemoryMonitor()
    trim()
    with monitor.stage("load"):
        held = np.ones(4 * MB)
    with pytest.raises(KeyError), monitor.stage("fails"):
        np.ones(5 * MB)  # more than malloc ever takes from what it has
        raise KeyError
    load, fails = monitor.stages
    assert [each["name"] for each in monitor.stages] == ["load", "fails"] and held.size
    assert load["rss_after"] - load["rss_before"] > 30 * MB
    if load["rss_peak"] is not None:
        assert load["rss_peak"] >= load["rss_after"] and fails["rss_peak"] - fails["rss_before"] > 30 * MB
        assert monitor.peak_memory >= load["rss_peak"]
    assert [each["stage"] for each in monitor.memory_history] == ["load", "fails"]


def mixed(n=5_000):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "balance": rng.integers(-1000, 100_000, n),
            "rate": rng.integers(0, 50, n) / 4,
            "price": rng.normal(size=n),
            "job": rng.choice(["clerk", "sailor", "smith"], n).astype(object),
            "is_new": rng.integers(0, 2, n).astype(bool),
        }
    )


def test_s1_03_columns_become_smaller_where_every_value_comes_back():
    frame = mixed()
    frame["large"] = np.arange(len(frame)) + 2**60
    small, report = f.shrink(frame)
    for name in frame:
        assert small[name].astype(frame[name].dtype).equals(frame[name]), name
    assert small["age"].dtype.itemsize == 1 and small["large"].dtype == np.int64
    fewer = small[["age", "job"]]  # unused columns go
    assert fewer.memory_usage(deep=True).sum() < small.memory_usage(deep=True).sum()
    arrow = pytest.importorskip("pyarrow").Table.from_pandas(frame)
    assert f.shrink(arrow)[0].nbytes < 0.7 * arrow.nbytes


def test_s1_13_a_mixed_frame_takes_thirty_percent_less_and_has_equal_values():
    frame = mixed()
    small, report = f.shrink(frame)
    before, after = (each.memory_usage(deep=True).sum() for each in (frame, small))
    assert after <= 0.7 * before and report.bytes_after <= 0.7 * report.bytes_before
    assert small.astype(frame.dtypes.to_dict()).equals(frame)


def test_s1_14_smaller_columns_give_the_same_features():
    """By how much features are sooner is for the benchmarks; here it is that nothing is lost for it."""
    frame = mixed()
    small, _ = f.shrink(frame)
    for name in ("age", "balance", "rate"):
        plain, fast = f.ta.sma(frame[name].to_numpy(float), 20), f.ta.sma(small[name].to_numpy(), 20)
        assert np.asarray(plain).tobytes() == np.asarray(fast, dtype=float).tobytes()


def test_s1_04_two_hundred_cycles_leave_nothing():
    monitor = MemoryMonitor()

    def cycle():
        with monitor.stage("work"):
            np.ones(100).sum()
        monitor.stages.clear()
        monitor.memory_history.clear()

    report = check_leak(cycle, rounds=8)
    assert report.kind is None and report.n_calls >= 200, str(report)


def test_s1_09_one_context_tells_time_cpu_memory_and_io():
    with measure("sum") as cost:
        np.ones(MB).sum()
    assert cost.seconds > 0 and cost.cpu_seconds is not None and cost.resident_before > 0
    assert cost.cpu_percent is not None or cost.seconds == 0
    assert hasattr(cost, "io_seconds") and hasattr(cost, "read_bytes")


# -- profiles -------------------------------------------------------------------------------------


def slow(n):
    time.sleep(0.02)
    return [quick(i) for i in range(n)]


def quick(i):
    return i * i


def test_s1_10_a_profile_has_the_result_and_what_took_longest():
    profiler = PerformanceProfiler()
    result, top = profiler.profile_function(slow, n=10)
    assert result == [i * i for i in range(10)] and profiler.profiler.getstats()
    places = [place for place, _, _ in top]
    assert places[0].startswith("slow (test_plan.py:") and any("sleep" in place for place in places)
    assert next(calls for place, calls, _ in top if place.startswith("quick")) == 10
    assert [seconds for _, _, seconds in top] == sorted((seconds for _, _, seconds in top), reverse=True)
    assert top[0][2] >= 0.02
    _, top = profiler.profile_function(quick, 3)
    assert not any(place.startswith("slow") for place, _, _ in top)  # each call its own


def test_s1_10_memory_profiles_have_the_result_and_the_peak():
    profiler = PerformanceProfiler()

    def work():
        np.ones(2 * MB).sum()
        return np.ones(MB)

    result, peak = profiler.memory_profile(work)
    assert result.size == MB and 2 * 8 * MB <= peak < 3 * 8 * MB and not tracemalloc.is_tracing()


def test_s1_10_exceptions_pass_through_and_profilers_are_off_again():
    profiler = PerformanceProfiler()

    def fail():
        raise KeyError("mine")

    for profile in (profiler.profile_function, profiler.memory_profile):
        with pytest.raises(KeyError, match="mine"):
            profile(fail)
        assert sys.getprofile() is None and not tracemalloc.is_tracing()
        assert profiler.profile_function(quick, 2)[0] == 4
    tracemalloc.start()
    try:
        profiler.memory_profile(quick, 2)
        assert tracemalloc.is_tracing()  # as it was
    finally:
        tracemalloc.stop()


# -- the plan itself ------------------------------------------------------------------------------

BOXES = {  # the plan's nine; training in parallel belongs to a later wing
    "memory watch": "test_s1_01_the_monitor_keeps_a_history_and_a_peak",
    "data structures": "test_s1_03_columns_become_smaller_where_every_value_comes_back",
    "leaks": "test_s1_04_two_hundred_cycles_leave_nothing",
    "data in parallel": "test_s1_06_results_come_in_order_and_are_those_of_a_plain_map",
    "asynchronous I/O": "test_s1_08_a_hundred_urls_in_order_with_a_few_at_once",
    "metrics": "test_s1_09_a_block_costs_time_cpu_memory_and_io",
    "profiling": "test_s1_10_a_profile_has_the_result_and_what_took_longest",
    "effects measured": "test_memory_that_is_given_back_is_what_the_system_says",
}


def test_s1_12_each_box_of_the_plan_has_its_test():
    there = set()
    for path in Path(__file__).parents[1].rglob("test_*.py"):
        if path.parent.name in ("optimizer", "memory", "runtime"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            there |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [box for box, name in BOXES.items() if name not in there] == []


@pytest.mark.parametrize("module", sorted(extras.EXTRAS))
def test_s1_17_a_library_that_is_missing_is_an_error_that_names_its_extra(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    package, extra = extras.EXTRAS[module]
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'perfcore\[{extra}\]'"):
        extras.require(module, "the test")


def test_s1_17_the_core_needs_none_of_them():
    code = f"""
import sys
for name in {sorted(extras.EXTRAS)!r}:
    sys.modules[name] = None
import perfcore, perfcore.optimizer as optimizer, perfcore.runtime.memory, perfcore.runtime.parallel
for name in optimizer.__all__:
    getattr(optimizer, name)
optimizer.optimize_system_performance()
assert optimizer.PerformanceProfiler().profile_function(sum, [1, 2])[0] == 3
assert optimizer.ParallelDataProcessor(1, process=abs).process_data_parallel([-1]) == [1]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr


def test_s0_g1_each_name_of_the_guide_can_be_had_on_its_own():
    module = importlib.import_module("integrated_performance_optimizer")
    names = {
        "get_integrated_optimizer", "get_system_performance_report", "optimize_system_performance",
        "monitor_system_health", "SystemMonitor", "AdvancedMemoryManager", "MemoryProfiler", "CPUOptimizer",
        "AdvancedCacheManager", "OptimizationScheduler",
    }  # fmt: skip
    assert names <= set(module.__all__) and all(callable(getattr(module, name)) for name in names)
    assert perfcore.optimizer.SystemMonitor().get_metrics_summary(last_n_minutes=30) == {}
