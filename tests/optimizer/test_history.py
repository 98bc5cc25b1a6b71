"""The history of what was done: bounded, whole after a crash, kept in memory where the disk is full."""

import errno
import json
import os
import subprocess
import sys
import warnings
from datetime import datetime, timedelta

import pytest

from perfcore.optimizer import history as histories
from perfcore.optimizer.history import History

NOW = datetime(2026, 1, 7, 10, 30)


def entry(hours=0.0, kind="hourly", **more):
    return {"timestamp": NOW - timedelta(hours=hours), "type": kind, "results": [], "total_improvements": 1.5} | more


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.jsonl"


def test_entries_outlive_the_process(path):
    history = History(path)
    history.begin(NOW - timedelta(days=1))
    for hours in (3, 2, 1):
        history.add(entry(hours))
    history.add(entry(0, "daily", results=[("memory", {"cleanup_time": NOW, 3: b"bytes"})]))
    again = History(path)
    assert [each["timestamp"] for each in again.entries] == [each["timestamp"] for each in history.entries]
    assert again.began == NOW - timedelta(days=1) and again.entries[0] == entry(3)
    assert again.last("hourly") == NOW - timedelta(hours=1) and again.last("weekly") is None
    again.begin(NOW)
    assert again.began == NOW - timedelta(days=1)
    assert len(again.since(timedelta(hours=1.5), NOW)) == 2


def test_s0_32_of_more_than_a_thousand_the_last_five_hundred_stay(path):
    history = History(path)
    history.begin(NOW)
    for i in range(999):
        history.entries.append(entry(number=i))
    history.add(entry(number=999))
    assert len(history.entries) == 1000
    history.add(entry(number=1000))
    assert [each["number"] for each in history.entries] == list(range(501, 1001))
    again = History(path)
    assert [each["number"] for each in again.entries] == list(range(501, 1001)) and again.began == NOW


def test_s0_33_entries_older_than_a_time_leave_the_file_too(path):
    history = History(path)
    for hours in (48, 30, 2):
        history.add(entry(hours))
    assert history.drop_before(NOW - timedelta(days=1)) == 2 and history.drop_before(NOW - timedelta(days=1)) == 0
    assert [each["timestamp"] for each in History(path).entries] == [NOW - timedelta(hours=2)]


def test_a_file_cut_short_anywhere_gives_the_entries_before_and_takes_new_ones(path):
    history = History(path)
    history.begin(NOW)
    for i in range(3):
        history.add(entry(number=i))
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        n = max(0, sum(end - 1 <= cut for end in ends) - 1)  # the first line says when it began
        found = History(path)
        assert [each["number"] for each in found.entries] == list(range(n))
        if cut % 17 == 0:
            found.add(entry(number=9))
            assert [each["number"] for each in History(path).entries] == [*range(n), 9]


@pytest.mark.parametrize("line", [
    b"\xff\xfe", b"null", b"3", b'"text"', b"[]", b"{}", b'{"timestamp": 3, "type": "x"}', b"[" * 100_000,
    b'{"timestamp": "2026-01-01T00:00:00", "type": "x"}',
    b'{"timestamp": "soon", "type": "x", "total_improvements": 1}',
    b'{"timestamp": "2026-01-01T00:00:00", "type": "x", "total_improvements": "much"}', b'{"began": null}', b"",
    b'{"timestamp": "2026-01-01T00:00:00", "type": "x", "total_improvements": 1' + b"0" * 400 + b"}",
    b'{"timestamp": "0001-01-01T00:00:00", "type": "x", "total_improvements": 1}',
    b'{"timestamp": "0001-01-01T00:00:00+14:00", "type": "x", "total_improvements": 1}',
])  # fmt: skip
def test_lines_that_are_not_ours_are_left_out(path, line):
    good = json.dumps(entry() | {"timestamp": NOW.isoformat()}).encode()
    path.write_bytes(b"\n".join([good, line, good]) + b"\n")
    history = History(path)
    assert len(history.entries) == 2 and history.began == NOW


def test_times_of_a_zone_become_local_ones(path):
    zoned = NOW.astimezone()
    path.write_text(json.dumps(entry() | {"timestamp": zoned.isoformat()}), encoding="utf-8")
    assert History(path).entries[0]["timestamp"] == NOW


def test_a_full_disk_keeps_entries_in_memory_and_they_are_written_when_there_is_room(path, monkeypatch):
    history = History(path)
    history.add(entry(number=0))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        patched.setattr(histories, "replace_file", full)
        with pytest.warns(RuntimeWarning, match="in memory only for now: .*No space left"):
            history.add(entry(number=1))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is warned of once
            history.add(entry(number=2))
            history.drop_before(NOW - timedelta(days=1))
    assert len(history.entries) == 3
    history.add(entry(number=3))
    assert [each["number"] for each in History(path).entries] == [0, 1, 2, 3]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_device_that_is_full_is_warned_of():
    history = History()
    history.path = histories.Path("/dev/full")
    with pytest.warns(RuntimeWarning, match="/dev/full"):
        history.add(entry())
    assert len(history.entries) == 1


def test_a_folder_that_is_gone_or_may_not_be_written_is_warned_of(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    history = History(folder / "history.jsonl")
    history.add(entry())
    (folder / "history.jsonl").unlink()
    folder.rmdir()
    with pytest.warns(RuntimeWarning, match="in memory only"):
        history.add(entry())
    assert len(history.entries) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX only")
def test_a_process_that_is_killed_while_it_writes_loses_no_entry_that_it_told_of(path):
    code = """
import sys
from datetime import datetime
from perfcore.optimizer.history import History
history = History(sys.argv[1])
for i in range(100_000):
    history.add({"timestamp": datetime.now(), "type": "x", "total_improvements": 0, "number": i})
    print(i, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    last = 0
    for line in child.stdout:
        last = int(line)
        if last >= 50:
            break
    child.kill()
    rest = child.stdout.read().split()
    child.wait()
    child.stdout.close()
    last = max([last, *map(int, rest)])
    assert [each["number"] for each in History(path).entries][: last + 1] == list(range(last + 1))
