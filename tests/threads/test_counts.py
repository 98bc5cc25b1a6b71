"""A number of threads: what is one, and what is none."""

import numpy as np
import pytest

from perfcore import ConfigurationError, threads
from perfcore.threads import counts


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


@pytest.fixture
def cgroups(monkeypatch, tmp_path):
    """A machine's groups, of which the process is in the topmost; no quota is known."""
    monkeypatch.setattr(counts, "_CGROUPS", tmp_path)
    monkeypatch.setattr(counts, "_OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(counts, "_quota_read", (-counts.QUOTA_SECONDS, None))
    (tmp_path / "own").write_text("0::/\n")
    return tmp_path


def test_a_cgroups_quota_is_read_once_a_second(monkeypatch, cgroups):
    file = cgroups / "cpu.max"
    now = 1000.0
    monkeypatch.setattr(counts.time, "monotonic", lambda: now)
    file.write_text("300000 100000")
    assert threads.bounds()["cgroup quota"] == 3
    file.write_text("max 100000")
    assert threads.bounds()["cgroup quota"] == 3
    now += 1
    assert threads.bounds()["cgroup quota"] is None
    file.write_text("50000 100000")
    now += 1
    assert threads.bounds()["cgroup quota"] == 1


@pytest.mark.parametrize(
    "own, quotas, expected",
    [
        ("0::/system.slice/web.service", {"system.slice/web.service": "200000 100000"}, 2),
        ("0::/a/b", {"a": "100000 100000", "a/b": "400000 100000", "": "max 100000"}, 1),
        ("0::/a/b", {"other": "100000 100000"}, None),
        ("0::/../../elsewhere", {"": "300000 100000"}, 3),
        ("4:cpu:/docker/x", {"": "300000 100000"}, 3),
        ("", {}, None),
    ],
)
def test_the_least_quota_of_the_process_s_own_group_and_those_above_it_holds(cgroups, own, quotas, expected):
    (cgroups / "own").write_text(own + "\n")
    for group, quota in quotas.items():
        (cgroups / group).mkdir(parents=True, exist_ok=True)
        (cgroups / group / "cpu.max").write_text(quota)
    assert threads.bounds()["cgroup quota"] == expected


def test_the_quota_of_cgroup_1_is_honoured(cgroups):
    (cgroups / "cpu").mkdir()
    (cgroups / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (cgroups / "cpu" / "cpu.cfs_quota_us").write_text("250000\n")
    assert threads.bounds()["cgroup quota"] == 2
    counts._quota_read = (-counts.QUOTA_SECONDS, None)
    (cgroups / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert threads.bounds()["cgroup quota"] is None
