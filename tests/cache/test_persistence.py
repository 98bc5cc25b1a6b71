"""A saved cache is there again; a file that is not one is never taken for one."""

import asyncio
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import perfcore
from perfcore import CacheError, CacheFormatError, ConfigurationError, FeatureCache
from perfcore.cache import persistence

pa = pytest.importorskip("pyarrow")

KEYS = np.arange(40_000) * 7 - 1000
ROWS = np.random.default_rng(0).random((len(KEYS), 4), np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("cache") / "rows.arrow"
    cache = FeatureCache(50_000, 4, policy="s3fifo")
    cache.put_many(KEYS, ROWS)
    cache.save(path)
    return path


def test_it_is_there_again_and_can_be_written_without_changing_the_file(saved):
    before = saved.read_bytes()
    cache = FeatureCache.open(saved)
    assert (len(cache), cache.capacity, cache.policy) == (40_000, 50_000, "s3fifo")
    found, hit = cache.get_many(KEYS)
    assert hit.all() and (found == ROWS).all()
    cache.put_many(KEYS[:30_000], ROWS[:30_000] + 1)
    cache.put_many(KEYS + 10**6, ROWS)
    assert len(cache) == 50_000 and saved.read_bytes() == before
    found, hit = FeatureCache.open(saved).get_many(KEYS)
    assert hit.all() and (found == ROWS).all()


def test_any_arrow_library_reads_it(saved):
    with pa.ipc.open_file(saved) as reader:
        table = reader.read_all()
    rows = dict(zip(table["key"].to_pylist(), table["row"].to_pylist(), strict=True))
    assert len(rows) == 40_000 and rows[int(KEYS[5])] == ROWS[5].tolist()


def never(keys):
    pytest.fail("a loader was called for nothing")


def test_to_be_read_alone(saved):
    cache = FeatureCache.open(saved, "r")
    assert (cache.get_many(KEYS)[0] == ROWS).all()
    for write in (
        lambda: cache.put_many([1], ROWS[:1]),
        lambda: cache.delete_many([1]),
        lambda: cache.clear(),
        lambda: cache.resize(5),
        lambda: cache.get_or_load_many([1], never),
        lambda: cache.prefetch([1], never),
        lambda: asyncio.run(cache.get_or_load_many_async([1], never)),
    ):
        with pytest.raises(CacheError, match="to be read alone"):
            write()


def test_views_outlive_the_file(tmp_path, saved):
    path = tmp_path / "rows.arrow"
    path.write_bytes(saved.read_bytes())
    cache = FeatureCache.open(path)
    view = cache.view(int(KEYS[7]))
    os.unlink(path)
    cache.close()
    assert (view == ROWS[7]).all()


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        (["a", "", "ä" * 50], {"width": 2, "dtype": "float64"}),
        ([b"a", b"\0", b""], {"width": 3, "dtype": "bool"}),
        ([b"x" * 10_000_000, b"y" * 10_000_000], {"width": 2}),
        ([1, 2, 3], {"schema": np.dtype([("a", "f8"), ("b", "i2")])}),
        ([1, 2, 3], {"width": 1, "dtype": "float16", "ttl": 50}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_kind_of_key_and_row(keys, options, tmp_path):
    cache = FeatureCache(10, **options)
    rows, _ = cache.get_many(keys, fill=1)
    cache.put_many(keys, rows)
    cache.save(tmp_path / "file")
    found, hit = FeatureCache.open(tmp_path / "file").get_many(keys)
    assert hit.all() and found.tobytes() == rows.tobytes()


def test_it_is_saved_while_threads_put_rows_and_versions(tmp_path):
    for _ in range(10):
        cache, stop = FeatureCache(2000, 4), threading.Event()
        cache.put_many(range(1000), ROWS[:1000])

        def put(cache=cache, stop=stop):
            n = 0
            while not stop.is_set():
                n += 1
                cache.put_many(range(500), ROWS[:500], version=n if n > 3 else None)

        thread = threading.Thread(target=put)
        thread.start()
        cache.save(tmp_path / "file")
        cache.save(tmp_path / "file")
        stop.set()
        thread.join()
        found, hit = FeatureCache.open(tmp_path / "file", strict=True).get_many(range(1000))
        assert hit.all() and (found == ROWS[:1000]).all()


def test_ages_go_on_while_it_is_shut(tmp_path):
    cache = FeatureCache(10, 4, ttl=100)
    now = cache._now()
    cache._now = lambda: now
    cache.put_many([1], ROWS[:1])
    cache._now = lambda: now + 60 * 10**9
    cache.put_many([2], ROWS[:1], version=7)
    cache.save(tmp_path / "file")
    again = FeatureCache.open(tmp_path / "file", ttl=100)
    begin = again._now()
    assert again.contains_many([1, 2]).all()
    again._now = lambda: begin + 50 * 10**9
    assert again.contains_many([1, 2]).tolist() == [False, True]
    again.put_many([2], ROWS[1:2], version=6)
    assert again.stats()["older"] == 1


def test_a_smaller_capacity_keeps_so_many(saved):
    cache = FeatureCache.open(saved, capacity=100)
    assert len(cache) == 100


def test_a_cache_without_rows(tmp_path):
    FeatureCache(5, 4).save(tmp_path / "file")
    cache = FeatureCache.open(tmp_path / "file")
    assert len(cache) == 0
    cache.put_many(["a"], ROWS[:1])
    assert "a" in cache


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)])
def test_a_file_cut_or_changed_anywhere_starts_empty_or_raises(step, tmp_path):
    cache = FeatureCache(5, 2)
    cache.put_many(["a", "b"], ROWS[:2, :2])
    path = tmp_path / "file"
    cache.save(path)
    data = path.read_bytes()
    for at in range(0, len(data), step):
        for changed in (data[:at], data[:at] + bytes([data[at] ^ 0x21]) + data[at + 1 :]):
            path.write_bytes(changed)
            try:
                again = FeatureCache.open(path, strict=True)
            except CacheFormatError:
                with pytest.warns(UserWarning, match="starts empty"):
                    again = FeatureCache.open(path, capacity=5, width=2)
                assert len(again) == 0
            else:  # a byte that nothing reads
                found, hit = again.get_many(["a", "b"])
                assert hit.all() and (found == ROWS[:2, :2]).all()


def test_what_is_another_cache_or_no_file_at_all(saved, tmp_path):
    with pytest.raises(CacheFormatError, match="asked for"):
        FeatureCache.open(saved, width=5, strict=True)
    with pytest.raises(FileNotFoundError):
        FeatureCache.open(tmp_path / "none", capacity=5, width=4, strict=True)
    with pytest.warns(UserWarning, match="starts empty"):
        assert len(FeatureCache.open(tmp_path / "none", capacity=5, width=4)) == 0
    with pytest.warns(UserWarning, match="starts empty"):
        cache = FeatureCache.open(tmp_path / "none", "r", capacity=5, width=4)
    with pytest.raises(CacheError, match="to be read alone"):
        cache.put(1, ROWS[0])
    pa.ipc.new_file(tmp_path / "other", pa.schema([("key", pa.int64())])).close()
    with pytest.raises(CacheFormatError, match="not of a cache"):
        FeatureCache.open(tmp_path / "other")
    with pytest.raises(perfcore.ConfigurationError, match="mode='w'"):
        FeatureCache.open(saved, "w")


def test_what_cannot_be_saved_leaves_the_file_as_it_was(saved, tmp_path):
    cache = FeatureCache.open(saved)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        cache.save(tmp_path / "none" / "rows.arrow")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts pages as Linux does")
def test_processes_share_the_pages_of_a_file(saved):
    script = """
import re, sys
from perfcore import FeatureCache
cache = FeatureCache.open(sys.argv[1], "r")
cache.get_many(range(-1000, 270_000, 7))
print("ready", flush=True)
sys.stdin.readline()
parts = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", open("/proc/self/smaps").read())
mine = [part for part in parts if sys.argv[1] in part.partition("\\n")[0]]
for what in ("Pss", "Rss"):
    print(sum(int(re.search(what + r": +(\\d+)", part)[1]) for part in mine), end=" ")
"""
    command = [sys.executable, "-c", script, str(saved)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    sizes = [process.communicate("\n")[0].split() for process in processes]
    assert all(int(resident) > 400 for _, resident in sizes)
    assert int(sizes[0][0]) < int(sizes[0][1]) / 2


def rewritten(saved, path, batch=None, **changes):
    """A file whose digest is right, whatever it says."""
    with pa.ipc.open_file(saved) as reader:
        batch = reader.get_batch(0) if batch is None else batch
        told = json.loads(reader.schema.metadata[b"perfcore.cache"])
    told = {name: value for name, value in told.items() if name not in ("protocol", "digest")}
    contents = persistence.Contents(**(told | changes))
    path.write_bytes(b"".join(persistence.pieces(persistence.message(batch, contents, None), None)))
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "nonsense"},
        {"policy": ["clock"]},
        {"capacity": 0},
        {"capacity": -5},
        {"capacity": "x"},
        {"capacity": None},
        {"capacity": 2**70},
        {"kind": "nope"},
        {"kind": ["integers"]},
        {"kind": "text"},
        {"layout": "[4]"},
        {"layout": '{"a": 1}'},
        {"layout": '[-1, "<f4", 4]'},
        {"layout": '[4, "<f8", 8]'},
        {"layout": '[4, "O", 8]'},
        {"layout": '[null, [["a", "<f4", 0], ["a", "<f4", 4]], 8]'},
        {"layout": "[" * 20_000},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_what_a_file_says_that_cannot_be_is_the_fault_of_the_file(changes, saved, tmp_path):
    path = rewritten(saved, tmp_path / "file", **changes)
    with pytest.raises(CacheFormatError):
        FeatureCache.open(path, strict=True)
    with pytest.warns(UserWarning, match="starts empty"):
        assert len(FeatureCache.open(path, capacity=5, width=4)) == 0


def test_a_capacity_that_no_machine_has_is_not_believed(tmp_path):
    cache = FeatureCache(2**30, 16384)
    cache.save(tmp_path / "empty")
    with pytest.raises(CacheFormatError, match="capacity= allows less"):
        FeatureCache.open(tmp_path / "empty", strict=True)
    assert FeatureCache.open(tmp_path / "empty", capacity=7).capacity == 7


def test_what_the_caller_says_that_cannot_be_is_the_fault_of_the_caller(saved):
    for settings in ({"capacity": 0}, {"policy": "nonsense"}, {"max_pinned": -1}, {"width": 0}):
        with pytest.raises(ConfigurationError):
            FeatureCache.open(saved, **settings)
    assert FeatureCache.open(saved, dtype="float32").dtype == np.float32
    with pytest.raises(CacheFormatError, match="asked for 4 x float64"):
        FeatureCache.open(saved, dtype="float64", strict=True)


def test_a_key_that_a_file_has_twice_is_told(tmp_path):
    batch = pa.record_batch(
        [pa.array([1, 2, 1]), pa.FixedSizeListArray.from_arrays(pa.array(ROWS[:3].ravel()), 4)], names=["key", "row"]
    )
    cache = FeatureCache(10, 4)
    cache.save(tmp_path / "empty")
    with pytest.raises(CacheFormatError, match="come twice"):
        FeatureCache.open(rewritten(tmp_path / "empty", tmp_path / "file", batch), strict=True)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("keys", [KEYS[:3000], [f"key {key}" for key in KEYS[:3000]]], ids=["integers", "text"])
def test_a_compressed_file_is_the_same_cache(compression, keys, tmp_path):
    cache = FeatureCache(5000, 4, ttl=1000)
    rows = np.round(ROWS[:3000], 1)
    cache.put_many(keys, rows)
    cache.save(tmp_path / "plain")
    cache.save(tmp_path / "pressed", compression=compression)
    assert (tmp_path / "pressed").stat().st_size < 0.7 * (tmp_path / "plain").stat().st_size
    before = (tmp_path / "pressed").read_bytes()
    for mode in ("r", "r+"):
        again = FeatureCache.open(tmp_path / "pressed", mode, ttl=1000)
        found, hit = again.get_many(keys)
        assert hit.all() and (found == rows).all() and (again.capacity, len(again)) == (5000, 3000)
    again.put_many(keys, ROWS[:3000])
    assert (again.get_many(keys)[0] == ROWS[:3000]).all() and (tmp_path / "pressed").read_bytes() == before
    (tmp_path / "pressed").write_bytes(before[:4000] + bytes([before[4000] ^ 1]) + before[4001:])
    with pytest.raises(CacheFormatError):
        FeatureCache.open(tmp_path / "pressed", strict=True)


def test_what_is_not_said_is_as_in_the_file(tmp_path):
    said = {"policy": "lfu", "ttl": 60, "idle_ttl": 30.0, "ttl_jitter": 0.5, "max_pinned": 3, "max_bytes": 10**6}
    cache = FeatureCache(50, 2, **said)
    cache.put(1, [1, 2])
    cache.save(tmp_path / "rows")
    again = FeatureCache.open(tmp_path / "rows", strict=True)
    assert {name: getattr(again, name) for name in ("policy", "ttl", "idle_ttl", "ttl_jitter")}.items() <= said.items()
    assert again.capacity == 50
    again.resize(10**6)
    assert 50 < again.capacity < 10**6 / 8
    again.put_many(range(5), np.zeros((5, 2), np.float32))
    held = [again.view(key) for key in range(3)]
    with pytest.raises(CacheError, match="views hold 3 rows"):
        again.view(4)
    begin = again._now()
    again._now = lambda: begin + 31 * 10**9
    assert len(held) == 3 and 4 not in again
    assert FeatureCache.open(tmp_path / "rows", ttl=None, policy="clock").ttl is None
    few = FeatureCache.open(tmp_path / "rows", capacity=2)
    assert few.capacity == 2 and few.stats()["size"] == 1
    few.save(tmp_path / "rows")
    assert FeatureCache.open(tmp_path / "rows", strict=True).capacity == 2


def test_max_bytes_gives_as_many_rows_as_fit(tmp_path):
    cache = FeatureCache(5, 2)
    cache.put_many(range(5), np.zeros((5, 2), np.float32), version=1)
    cache.save(tmp_path / "rows")
    again = FeatureCache.open(tmp_path / "rows", max_bytes=10**6)
    assert again.capacity > 5 and again.nbytes <= 10**6 and len(again) == 5
