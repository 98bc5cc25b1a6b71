"""Which pools there are, and fewer threads for a while."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from perfcore import ConfigurationError, threads
from perfcore.threads import counts, limit, limits, pool, pools


def pool_sizes():
    return {(pool.kind, pool.path): pool.n_threads for pool in pools() if pool.kind != "polars"}


def test_blas_is_among_the_pools_and_perfcore_is_first():
    np.ones((2, 2)) @ np.ones((2, 2))
    found = pools()
    assert found[0].kind == "perfcore" and found[0].n_threads == threads.available()
    assert any(pool.kind == "blas" and pool.path for pool in found)


def test_s0_g8_a_limit_reaches_libraries_that_are_loaded_already_and_is_lifted_again():
    before = pool_sizes()
    with limit(1) as held:
        assert set(pool_sizes().values()) == {1}
        assert threads.available() == threads.resolve(None) == 1
        assert "perfcore to 1" in str(held)
    assert pool_sizes() == before


def test_only_the_pools_that_are_named_are_limited():
    before = pool_sizes()
    with limit(perfcore=1):
        during = pool_sizes()
    assert {key for key in before if during[key] != before[key]} <= {("perfcore", None)}
    assert during["perfcore", None] == 1


def test_a_limit_never_raises_a_count():
    before = pool_sizes()
    with limit(1000):
        assert pool_sizes() == before


def test_a_limit_of_another_thread_reaches_blas_though_this_one_set_it_before():
    def blas():
        return [pool.n_threads for pool in pools() if pool.kind == "blas"]

    def other():
        with limit(blas=1):
            during.append(blas())

    before, during = blas(), []
    with threadpool_limits(2):
        for each in pool.controller().lib_controllers:
            each.set_num_threads(each.num_threads)  # from now on this thread's alone, says threadpoolctl 3.8
        worker = threading.Thread(target=other)
        worker.start()
        worker.join()
    assert set(during[0]) == {1} and blas() == before


def test_what_was_before_is_restored_after_an_error():
    before = pool_sizes()
    with pytest.raises(RuntimeError), limit(1):
        raise RuntimeError
    assert pool_sizes() == before


def test_limits_nest():
    before = pool_sizes()
    with limit(perfcore=3), limit(2):
        inner = pool_sizes()
        assert threads.available() <= 2
    assert pool_sizes() == before and inner["perfcore", None] <= 2


@pytest.mark.parametrize("first_to_leave", [0, 1])
@pytest.mark.parametrize("limits", [(3, 4), (4, 3)])
def test_of_limits_that_overlap_the_smallest_that_is_open_holds_and_at_last_all_is_as_it_was(limits, first_to_leave):
    """As (1, 4) on a machine of more CPUs than 4."""
    counts.set_cap(5)
    try:
        before = pool_sizes()
        opened = [limit(blas=1, perfcore=count) for count in limits]
        opened[0].__enter__()
        assert counts.cap() == limits[0]
        opened[1].__enter__()
        assert counts.cap() == 3
        opened[first_to_leave].__exit__()
        assert counts.cap() == limits[1 - first_to_leave]
        opened[1 - first_to_leave].__exit__()
        assert pool_sizes() == before and counts.cap() == 5
    finally:
        counts.set_cap(None)


def test_a_limit_of_another_thread_does_not_outlive_it():
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with limit(perfcore=1):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    with limit(perfcore=4):
        assert counts.cap() == 1
        leave.set()
        holder.join()
        assert counts.cap() == 4
    assert counts.cap() is None


def test_what_a_library_keeps_for_each_thread_is_not_changed_for_who_merely_leaves_the_limit(monkeypatch):
    numbers = threading.local()

    def put(count):
        numbers.n = count

    def settings():
        return [limits._Setting("openmp", "openmp", 8, put, "openmp", threading.get_ident())]

    monkeypatch.setattr(limits, "_settings", settings)
    held = limit(openmp=2).__enter__()
    assert numbers.n == 2
    leaving = threading.Thread(target=lambda: (put(5), held.__exit__(), seen.append(numbers.n)))
    seen = []
    leaving.start()
    leaving.join()
    assert seen == [5] and limits._held == {}


def test_a_limit_that_is_not_entered_cannot_be_left():
    held = limit(1)
    with pytest.raises(ConfigurationError, match="is not entered"):
        held.__exit__()
    with held:
        pass
    with pytest.raises(ConfigurationError, match="is not entered"):
        held.__exit__()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_keeps_its_own_limits_and_not_those_of_threads_that_it_does_not_have():
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with limit(perfcore=1):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    with limit(perfcore=3) as own:
        holder.start()
        entered.wait(10)
        pid = os.fork()
        if pid == 0:
            right = counts.cap() == 3
            own.__exit__()
            os._exit(0 if right and counts.cap() is None else 1)
        leave.set()
        holder.join()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_limit_is_entered_once_at_a_time():
    held = limit(1)
    with held, pytest.raises(ConfigurationError, match="entered already"), held:
        pass
    with held:
        assert threads.available() == 1


def test_many_threads_may_limit_at_once():
    before = pool_sizes()

    def work():
        for _ in range(20):
            with limit(blas=1, perfcore=1):
                assert threads.available() == 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert pool_sizes() == before


@pytest.mark.parametrize("arguments", [{"n_threads": 0}, {"blas": -1}, {"perfcore": True}, {"openmp": 1.5}])
def test_counts_outside_what_is_allowed_are_refused(arguments):
    ((name, count),) = arguments.items()
    with pytest.raises(ConfigurationError, match=f"^{name}={count}: allowed are whole numbers from 1 up to 2"):
        limit(**arguments)


def test_pools_that_are_not_known_are_refused():
    with pytest.raises(ConfigurationError, match="unknown pools mkl: allowed are perfcore, blas"):
        limit(mkl=1)
    with pytest.raises(ConfigurationError, match="of nothing"):
        limit()


def test_predictions_are_the_same_bits_within_a_limit(tmp_path):
    from small_models import lightgbm_texts

    import perfcore

    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    fast = perfcore.compile(tmp_path / "model.txt")
    X = np.random.default_rng(0).normal(size=(5000, fast.n_features_in_))
    expected = fast.predict(X)
    with limit(1):
        assert fast.predict(X).tobytes() == expected.tobytes()


def test_numba_and_arrow_are_limited_where_they_are_loaded():
    pytest.importorskip("numba")
    code = """
import numba, pyarrow, numpy as np
@numba.njit(parallel=True)
def total(x):
    s = 0.0
    for i in numba.prange(len(x)): s += x[i]
    return s
total(np.ones(10))
pyarrow.set_cpu_count(2)
from perfcore.threads import counts, limit, limits, pools
before = {p.kind: p.n_threads for p in pools()}
with limit(1):
    assert numba.get_num_threads() == 1 and pyarrow.cpu_count() == 1
assert {p.kind: p.n_threads for p in pools()} == before and before["arrow"] == 2, before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_threads_loads_no_library_and_changes_nothing():
    code = """
import os, sys, threading
before = dict(os.environ)
import perfcore.threads
assert not {"numba", "pandas", "pyarrow", "threadpoolctl", "platformdirs", "filelock"} & set(sys.modules)
assert dict(os.environ) == before and threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_limit_that_a_library_refuses_leaves_all_as_it_was(monkeypatch):
    before, settings = pool_sizes(), limits._settings

    def refuse(count):
        raise RuntimeError("not now")

    broken = limits._Setting("numba", "numba", 8, lambda count: refuse(count) if count == 1 else None, "broken")
    monkeypatch.setattr(limits, "_settings", lambda: [*settings(), broken])
    with pytest.raises(RuntimeError, match="not now"), limit(1):
        pass
    assert before.items() <= pool_sizes().items() and limits._held == {}


def test_no_file_is_left_open():
    code = "import perfcore.threads; perfcore.threads.available()"
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "ResourceWarning" not in done.stderr


def test_a_decorator_limits_each_call_also_within_one_another_and_at_the_same_time():
    before, meet = pool_sizes(), threading.Barrier(3)

    @limit(blas=1, perfcore=3)
    def seen(depth):
        """Of the pools."""
        if depth == 0:
            meet.wait(10)
        return [counts.cap(), *(seen(depth - 1) if depth else [])]

    found = []
    callers = [threading.Thread(target=lambda: found.append(seen(2))) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [[3] * 3] * 3 and seen.__doc__ == "Of the pools."
    assert pool_sizes() == before and counts.cap() is None


def test_what_runs_after_its_call_is_not_decorated():
    async def asked():
        pass

    def numbers():
        yield 1

    for function in (asked, numbers):
        with pytest.raises(ConfigurationError, match="only begins when it is called; use a limit within it"):
            limit(1)(function)
    with pytest.raises(ConfigurationError, match="function: expected a function, got int"):
        limit(1)(3)


def test_a_limit_of_none_is_refused():
    with pytest.raises(ConfigurationError, match="blas=None: allowed are whole numbers from 1"):
        limit(blas=None)
