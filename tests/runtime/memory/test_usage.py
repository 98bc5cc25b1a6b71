"""What memory there is, what a block costs, giving it back."""

import os
import platform
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest

from perfcore import ConfigurationError
from perfcore.runtime.memory import MemoryMonitor, measure, trim, usage

MB = 1_000_000


def test_s0_10_usage_is_what_the_system_says():
    found = usage(unique=True)
    assert found.resident == pytest.approx(psutil.Process().memory_info().rss, rel=0.01)
    assert 0 < found.unique <= found.resident <= found.virtual
    assert found.resident <= found.peak and 0 < found.available <= found.limit <= psutil.virtual_memory().total
    assert usage().unique is None


def test_native_memory_counts_as_heap():
    if usage().heap is None:
        pytest.skip("psutil before 7.2")
    before = usage().heap
    held = np.ones(50 * MB // 8)
    assert usage().heap - before == pytest.approx(held.nbytes, rel=0.01)


def test_a_container_s_limit_counts_where_it_is_below_the_machine_s(tmp_path, monkeypatch):
    module = sys.modules["perfcore.runtime.memory.usage"]
    (tmp_path / "memory.max").write_text("500000000\n")
    (tmp_path / "memory.current").write_text("300000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 100000000\n")
    own = tmp_path / "own"
    own.write_text("0::/\n")
    monkeypatch.setattr(module, "_GROUPS", str(tmp_path))
    monkeypatch.setattr(module, "_OWN", str(own))
    assert usage().limit == 500 * MB and usage().available == 300 * MB
    (tmp_path / "memory.max").write_text("max\n")
    assert usage().limit == psutil.virtual_memory().total
    of_a_service = tmp_path / "system.slice" / "my.service"
    of_a_service.mkdir(parents=True)
    (of_a_service / "memory.max").write_text("400000000\n")
    (of_a_service.parent / "memory.max").write_text("900000000\n")
    own.write_text("0::/system.slice/my.service\n")
    assert usage().limit == 400 * MB
    (of_a_service.parent / "memory.max").write_text("200000000\n")
    assert usage().limit == 200 * MB
    older = tmp_path / "memory" / "docker"
    older.mkdir(parents=True)
    (older / "memory.limit_in_bytes").write_text("100000000\n")
    own.write_text("3:cpuset:/\n4:memory:/docker\n0::/\n")
    assert usage().limit == 100 * MB
    own.unlink()
    assert usage().limit == psutil.virtual_memory().total


def test_s1_09_a_block_costs_time_cpu_memory_and_io(tmp_path):
    with measure("work") as cost:
        assert cost.seconds is None and "not over yet" in str(cost)
        began = time.process_time()
        while time.process_time() - began < 0.05:
            pass
        time.sleep(0.05)
        block = np.ones(80 * MB // 8)
        del block
    assert cost.seconds >= 0.1 and 0.04 < cost.cpu_seconds < cost.seconds
    assert 0 < cost.cpu_percent < 150
    if cost.resident_peak is not None:
        assert cost.resident_peak - cost.resident_before > 70 * MB
    assert cost.resident_after - cost.resident_before < 40 * MB
    assert str(cost).startswith("work: ") and "CPU" in str(cost)


def _file_system(path):
    mounts = [each for each in psutil.disk_partitions(all=True) if path.is_relative_to(each.mountpoint)]
    return max(mounts, key=lambda each: len(each.mountpoint)).fstype


def test_s1_09_what_a_block_writes_is_counted(tmp_path):
    with measure() as cost, open(tmp_path / "file", "wb") as file:
        file.write(bytes(4 * MB))
        file.flush()
        os.fsync(file.fileno())
    if cost.written_bytes is None or _file_system(tmp_path) in ("tmpfs", "overlay", "9p"):
        pytest.skip("no disk here whose use is counted")
    assert 4 * MB <= cost.written_bytes < 40 * MB and "written" in str(cost)
    with measure() as nothing:
        pass
    assert nothing.written_bytes == nothing.read_bytes == 0


def test_blocks_within_one_another_have_peaks_of_their_own():
    with measure() as outer:
        block = np.ones(80 * MB // 8)
        del block
        with measure() as inner:
            pass
    if outer.resident_peak is None:
        pytest.skip("no high-water mark here")
    assert outer.resident_peak - outer.resident_before > 70 * MB
    assert inner.resident_peak - inner.resident_before < 40 * MB


def test_a_decorated_function_tells_of_each_call_and_its_errors():
    told = []

    @measure(tell=told.append)
    def work(n):
        if n < 0:
            raise ValueError(n)
        return n if n == 0 else work(n - 1)

    assert work(2) == 0
    with pytest.raises(ValueError):
        work(-1)
    assert len(told) == 4 and all("work" in each.name and each.seconds is not None for each in told)
    assert [type(each.error) for each in told] == [type(None)] * 3 + [ValueError]
    assert told[0].seconds <= told[1].seconds <= told[2].seconds


def test_blocks_of_several_threads_overlap():
    told = []

    def work():
        with measure() as cost:
            time.sleep(0.02)
        told.append(cost.seconds)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(told) == 8 and min(told) >= 0.02


def test_trim_gives_back_what_malloc_keeps():
    held = [bytearray(5000) for _ in range(20_000)]  # 100 MB in pieces that malloc does not return by itself
    pin = held[-1]  # the last one of the heap: what lies before it stays the process's
    held.clear()
    found = trim()
    assert found.freed == max(0, found.before - found.after) and "given back" in str(found)
    assert trim().freed < 10 * MB  # there is nothing more to give
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        assert found.freed > 50 * MB
    del pin


# -- the monitor -----------------------------------------------------------------------------------------


def test_s1_01_the_monitor_keeps_a_history_and_a_peak():
    monitor = MemoryMonitor(interval=60, keep=5)
    seen = [monitor.sample() for _ in range(7)]
    assert monitor.history == seen[-5:]
    assert 0 < seen[0].usage.unique <= seen[0].usage.virtual and seen[1].usage.unique is None  # it is looked for seldom
    assert monitor.history == sorted(monitor.history, key=lambda sample: sample.when)
    assert monitor.peak >= max(sample.usage.resident for sample in monitor.history)


def test_it_samples_in_the_background_and_leaves_no_thread():
    with MemoryMonitor(interval=0.01) as monitor:
        for _ in range(500):
            if len(monitor.history) >= 3:
                break
            time.sleep(0.01)
        assert monitor.is_running
    assert len(monitor.history) >= 3 and not monitor.is_running
    assert not [each for each in threading.enumerate() if each.name == "perfcore-memory"]


def test_limits_call_once_until_memory_was_below_them(monkeypatch):
    module = sys.modules["perfcore.runtime.memory.monitor"]
    real, resident = usage(), []

    class Fake:
        def __init__(self):
            self.resident = resident.pop(0) * 10**6
            self.peak, self.limit = None, 10**9

    calls = []
    monitor = MemoryMonitor(
        60, soft=500 * 10**6, hard=8e8, on_soft=lambda s: calls.append("soft"), on_hard=lambda s: calls.append("hard")
    )
    monkeypatch.setattr(module, "usage", lambda unique=False: Fake())
    resident += [400, 600, 700, 900, 950, 770, 900, 750, 900, 490, 600, 400, 600]
    while resident:
        monitor.sample()
    assert calls == ["soft", "hard", "hard", "soft"]
    assert real.limit > 0


def test_a_limit_may_be_a_part_of_what_there_is():
    monitor = MemoryMonitor(60, soft=0.5, hard=0.9)
    assert monitor.soft == int(usage().limit * 0.5) and monitor.hard == int(usage().limit * 0.9)
    assert MemoryMonitor(60, soft=1.0).soft == usage().limit and MemoryMonitor(60, soft=2**20).soft == 2**20


@pytest.mark.parametrize("limit", [1, 2.0, 0, -1.0])
def test_a_limit_that_may_be_meant_otherwise_is_refused_with_what_is_allowed(limit):
    with pytest.raises(ConfigurationError, match=r"allowed are bytes from 1048576 .*, a float above 0 up to 1\.0"):
        MemoryMonitor(60, hard=limit)


def test_callbacks_may_raise_and_may_stop_the_monitor():
    def stop(sample):
        monitor.stop()
        raise RuntimeError("mine")

    monitor = MemoryMonitor(0.01, soft=2**20, on_soft=stop)
    monitor.start()
    for _ in range(500):
        if not monitor.is_running:
            break
        time.sleep(0.01)
    assert not monitor.is_running and [str(each) for each in monitor.errors] == ["mine"]


@pytest.mark.parametrize(
    "settings",
    [
        {"interval": 0},
        {"soft": -1},
        {"hard": "1G"},
        {"soft": True},
        {"soft": 10**9, "hard": 5 * 10**8},
        {"soft": 1},
        {"soft": 80},
        {"soft": 2.0},
        {"hard": 1000.0},
        {"hard": 2**20 - 1},
        {"hard": float("nan")},
        {"soft": 0.5, "on_soft": 3},
        {"on_soft": print},
        {"soft": 0.5, "on_hard": print},
        {"keep": -1},
        {"soft": float("inf")},
    ],
)
def test_settings_outside_what_is_allowed_are_refused(settings):
    with pytest.raises(ConfigurationError):
        MemoryMonitor(**settings)


def test_one_measure_in_several_threads_gives_each_its_own_block():
    shared, found = measure(), {}
    inner_began, outer_left = threading.Event(), threading.Event()

    def outer():
        with shared as cost:
            inner_began.wait(10)
        found["outer"] = cost
        outer_left.set()

    thread = threading.Thread(target=outer)
    thread.start()
    time.sleep(0.05)
    with shared as inner:
        inner_began.set()
        outer_left.wait(10)
        assert inner.seconds is None and found["outer"].seconds >= 0.04
    thread.join()
    assert inner.seconds < 5


def test_what_only_begins_when_it_is_called_is_not_measured_as_if_it_were_over():
    async def coroutine():
        pass

    def generator():
        yield

    for function in (coroutine, generator):
        with pytest.raises(ConfigurationError, match="only begins when it is called"):
            measure()(function)


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux tells it")
def test_time_waited_for_disks_is_told_where_the_kernel_counts_it_alone():
    setting = Path("/proc/sys/kernel/task_delayacct")
    is_counted = not setting.exists() or setting.read_text().strip() != "0"
    with measure() as cost:
        pass
    assert (cost.io_seconds is not None) == is_counted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_block_that_a_fork_leaves_in_the_child_invents_nothing():
    pid = 0
    with measure() as cost:
        sum(range(1_000_000))
        pid = os.fork()
    if pid == 0:
        is_right = cost.cpu_seconds is None and cost.seconds > 0 and "CPU" not in str(cost)
        os._exit(0 if is_right else 1)
    assert os.waitpid(pid, 0)[1] == 0 and cost.cpu_seconds > 0


def test_a_pyarrow_that_is_not_there_yet_or_never_is_no_hindrance(monkeypatch):
    for found in (None, ModuleType("pyarrow")):
        monkeypatch.setitem(sys.modules, "pyarrow", found)
        assert usage().arrow is None and trim().after > 0
