"""A number of threads: what is one, and what is none."""

import numpy as np
import pytest

from perfcore import ConfigurationError, threads


@pytest.mark.parametrize("count", [1, 7, np.int64(3), np.uint8(2)])
def test_whole_numbers_from_1_are_taken(count):
    assert threads.resolve(count) == int(count) and type(threads.resolve(count)) is int


def test_none_is_all_there_are():
    assert threads.resolve(None) == threads.available() >= 1


@pytest.mark.parametrize("count", [0, -1, True, np.True_, 1.0, np.float64(2), "2", 2**31, np.arange(2)], ids=repr)
def test_anything_else_is_refused(count):
    with pytest.raises(ConfigurationError, match="n_threads"):
        threads.resolve(count)


@pytest.mark.parametrize(
    "said, count", [("1", 1), (" 1, 4", 1), ("1000000", None), ("0", None), ("", None), ("x", None)]
)
def test_omp_num_threads_lowers_what_there_is(monkeypatch, said, count):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    there_are = threads.available()
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert threads.available() == (count or there_are)


def test_a_cgroups_quota_is_read_once_a_second(monkeypatch, tmp_path):
    file = tmp_path / "cpu.max"
    monkeypatch.setattr(threads.counts, "_QUOTAS", ((file,),))
    monkeypatch.setattr(threads.counts, "_quota_read", (-threads.counts.QUOTA_SECONDS, None))
    now = 1000.0
    monkeypatch.setattr(threads.counts.time, "monotonic", lambda: now)
    file.write_text("300000 100000")
    assert threads.bounds()["cgroup quota"] == 3
    file.write_text("max 100000")
    assert threads.bounds()["cgroup quota"] == 3
    now += 1
    assert threads.bounds()["cgroup quota"] is None
    file.write_text("50000 100000")
    now += 1
    assert threads.bounds()["cgroup quota"] == 1
