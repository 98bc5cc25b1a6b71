"""Which pools there are, and fewer threads for a while."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from perfcore import ConfigurationError, threads
from perfcore.threads import limit, pools


def counts():
    return {(pool.kind, pool.path): pool.n_threads for pool in pools() if pool.kind != "polars"}


def test_blas_is_among_the_pools_and_perfcore_is_first():
    np.ones((2, 2)) @ np.ones((2, 2))
    found = pools()
    assert found[0].kind == "perfcore" and found[0].n_threads == threads.available()
    assert any(pool.kind == "blas" and pool.path for pool in found)


def test_s0_g8_a_limit_reaches_libraries_that_are_loaded_already_and_is_lifted_again():
    before = counts()
    with limit(1) as held:
        assert set(counts().values()) == {1}
        assert threads.available() == threads.resolve(None) == 1
        assert "perfcore to 1" in str(held)
    assert counts() == before


def test_only_the_pools_that_are_named_are_limited():
    before = counts()
    with limit(perfcore=1):
        during = counts()
    assert {key for key in before if during[key] != before[key]} <= {("perfcore", None)}
    assert during["perfcore", None] == 1


def test_a_limit_never_raises_a_count():
    before = counts()
    with limit(1000):
        assert counts() == before


def test_what_was_before_is_restored_after_an_error():
    before = counts()
    with pytest.raises(RuntimeError), limit(1):
        raise RuntimeError
    assert counts() == before


def test_limits_nest():
    before = counts()
    with limit(perfcore=3), limit(2):
        inner = counts()
        assert threads.available() <= 2
    assert counts() == before and inner["perfcore", None] <= 2


def test_limits_that_overlap_leave_all_as_it_was_in_whatever_order_they_end():
    before = counts()
    for first_to_leave in (0, 1):
        limits = [limit(blas=1, perfcore=1), limit(blas=1, perfcore=2)]
        for each in limits:
            each.__enter__()
        limits[first_to_leave].__exit__(None, None, None)
        limits[1 - first_to_leave].__exit__(None, None, None)
        assert counts() == before


def test_a_limit_is_entered_once_at_a_time():
    held = limit(1)
    with held, pytest.raises(ConfigurationError, match="entered already"), held:
        pass
    with held:
        assert threads.available() == 1


def test_many_threads_may_limit_at_once():
    before = counts()

    def work():
        for _ in range(20):
            with limit(blas=1, perfcore=1):
                assert threads.available() == 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counts() == before


@pytest.mark.parametrize("arguments", [{"n_threads": 0}, {"blas": -1}, {"perfcore": True}, {"openmp": 1.5}])
def test_counts_outside_what_is_allowed_are_refused(arguments):
    with pytest.raises(ConfigurationError, match="whole numbers from 1"):
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
from perfcore.threads import limit, pools
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
    from perfcore.threads import limits

    before, settings = counts(), limits._settings

    def refuse(count):
        raise RuntimeError("not now")

    broken = limits._Setting("numba", "numba", 8, lambda count: refuse(count) if count == 1 else None, "broken")
    monkeypatch.setattr(limits, "_settings", lambda: [*settings(), broken])
    with pytest.raises(RuntimeError, match="not now"), limit(1):
        pass
    assert before.items() <= counts().items() and limits._open == []


def test_no_file_is_left_open():
    code = "import perfcore.threads; perfcore.threads.available()"
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "ResourceWarning" not in done.stderr


def test_a_limit_of_none_is_refused():
    with pytest.raises(ConfigurationError, match="blas=None: allowed are whole numbers from 1"):
        limit(blas=None)
