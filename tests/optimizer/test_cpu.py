"""The guide's CPU optimizer."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from perfcore import ConfigurationError, threads
from perfcore.optimizer import CPUOptimizer, get_integrated_optimizer
from perfcore.optimizer import cpu as cpus


@pytest.fixture(autouse=True)
def threads_as_they_were():
    yield
    CPUOptimizer().restore_numpy_threads()


def test_s0_17_it_counts_the_cpus_that_this_process_may_use(monkeypatch):
    found = CPUOptimizer()
    assert found.cpu_count == threads.available() and found.optimal_workers == max(2, found.cpu_count // 2)
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(threads.counts, "_quota", lambda: None)
        assert (CPUOptimizer().cpu_count, CPUOptimizer().optimal_workers) == (16, 8)
        monkeypatch.setattr(threads.counts, "_quota", lambda: 6)
        assert (CPUOptimizer().cpu_count, CPUOptimizer().optimal_workers) == (6, 3)


def _numpy_pools():
    return [pool.n_threads for pool in threads.pools() if pool.kind == "blas"]


def test_s0_18_environment_and_loaded_libraries_have_the_new_number_and_both_come_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before, pools = {name: os.environ.get(name) for name in cpus.VARIABLES}, _numpy_pools()
    optimizer = CPUOptimizer()
    optimizer.cpu_count = 2
    assert optimizer.optimize_numpy_threads() == 1
    assert {os.environ[name] for name in cpus.VARIABLES} == {"1"}
    assert set(_numpy_pools()) <= {1}  # none where numpy's BLAS has no such number
    optimizer.restore_numpy_threads()
    assert {name: os.environ.get(name) for name in cpus.VARIABLES} == before and _numpy_pools() == pools
    optimizer.restore_numpy_threads()  # nothing more to restore
    assert _numpy_pools() == pools


def test_s0_18_openmp_and_numba_have_the_new_number_too():
    pytest.importorskip("numba")
    pytest.importorskip("lightgbm")
    code = """
import lightgbm, numba, numpy as np
from perfcore import threads
from perfcore.optimizer import CPUOptimizer
X = np.ones((50, 2))
lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, X[:, 0]), 1)
numba.njit(parallel=True)(lambda x: x + 1)(X)
def counts():
    wanted = ("openmp", "numba", "blas")
    return {(pool.kind, pool.path): pool.n_threads for pool in threads.pools() if pool.kind in wanted}
before, optimizer = counts(), CPUOptimizer()
optimizer.cpu_count = 2
assert optimizer.optimize_numpy_threads() == 1
assert {kind for kind, _ in before} == {"openmp", "numba", "blas"} and set(counts().values()) == {1}, counts()
optimizer.restore_numpy_threads()
assert counts() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_s0_g8_asked_again_and_again_the_number_stays(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: 8 if "MKL_NUM_THREADS" not in os.environ else 4)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert [CPUOptimizer().optimize_numpy_threads() for _ in range(4)] == [4, 4, 4, 4]
    assert CPUOptimizer().cpu_count == 8
    CPUOptimizer().restore_numpy_threads()
    assert "MKL_NUM_THREADS" not in os.environ


def test_s0_19_ways_are_timed_and_one_after_another_may_be_the_answer():
    pytest.importorskip("joblib")
    found = CPUOptimizer().benchmark_threading_vs_multiprocessing(data_size=50)
    assert found["optimal_method"] == "sequential"  # microseconds of work
    assert found["thread_speedup"] == pytest.approx(found["sequential_time"] / found["thread_time"])
    assert found["process_speedup"] == pytest.approx(found["sequential_time"] / found["process_time"])
    assert found["data_size"] == 50 and found["workers"] == CPUOptimizer().optimal_workers
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ConfigurationError, match="data_size"):
            CPUOptimizer().benchmark_threading_vs_multiprocessing(wrong)


def test_s0_g3_processes_take_local_functions_and_scripts_without_a_main_guard(tmp_path):
    pytest.importorskip("joblib")
    script = tmp_path / "script.py"
    script.write_text("""
from perfcore.optimizer import CPUOptimizer
from perfcore.runtime import parallel

def made():
    factor = 3
    def local(x):
        return factor * x
    return local

print(list(parallel.map(made(), range(5), workers=2, how="processes")))
print(CPUOptimizer().benchmark_threading_vs_multiprocessing(100)["data_size"])
""")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[:2] == ["[0, 3, 6, 9, 12]", "100"], done.stderr


class FixedCost:
    """A batch costs the same, whatever its size."""

    def __init__(self):
        self.sizes = set()

    def predict_batch(self, batch):
        assert all(isinstance(each["features"], np.ndarray) for each in batch)
        self.sizes.add(len(batch))
        time.sleep(0.002)
        return batch


def test_s0_20_the_best_batch_size_is_measured_and_kept():
    processor = get_integrated_optimizer().batch_processor
    processor.add_prediction_request("waits", {}, None)
    predictor = FixedCost()
    results, best = CPUOptimizer().optimize_batch_processing([1, 4, 16], predictor)
    assert best == processor.batch_size == 16 and predictor.sizes == {1, 4, 16}
    assert results.keys() == {1, 4, 16}
    for size, each in results.items():
        assert each["batch_results"] % size == 0 and each["batch_results"] > 0
        assert each["throughput"] == pytest.approx(size / each["processing_time"])
        assert each["throughput"] <= 1.01 * size / 0.002
    assert processor.pending_requests == ["waits"]  # what waits is not used for it, and nothing is left over


class Few(FixedCost):
    def predict_batch(self, batch):
        return super().predict_batch(batch)[: len(batch) // 4]


def test_s0_g5_requests_that_are_not_answered_do_not_count():
    whole, _ = CPUOptimizer().optimize_batch_processing([8], FixedCost())
    few, _ = CPUOptimizer().optimize_batch_processing([8], Few())
    assert few[8]["throughput"] < 0.5 * whole[8]["throughput"]


class Raising:
    def predict_batch(self, batch):
        raise OSError("no model")


class Nothing:
    def predict_batch(self, batch):
        return []


@pytest.mark.parametrize("predictor, error", [(Raising(), OSError), (Nothing(), ConfigurationError)])
def test_predictors_that_fail_leave_the_batch_size(predictor, error):
    processor = get_integrated_optimizer().batch_processor
    processor.batch_size = 7
    with pytest.raises(error):
        CPUOptimizer().optimize_batch_processing([1, 2], predictor)
    assert processor.batch_size == 7


@pytest.mark.parametrize("sizes", [[], [0], [-1], [1.5]])
def test_batch_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ConfigurationError, match="whole numbers from 1"):
        CPUOptimizer().optimize_batch_processing(sizes, FixedCost())


def test_threads_that_set_threads_at_once_leave_nothing_set():
    before = {name: os.environ.get(name) for name in cpus.VARIABLES}, _numpy_pools()

    def work():
        for _ in range(20):
            CPUOptimizer().optimize_numpy_threads()
            CPUOptimizer().restore_numpy_threads()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert ({name: os.environ.get(name) for name in cpus.VARIABLES}, _numpy_pools()) == before
