"""check_leak(): planted leaks are found and named, and clean functions have none."""

import asyncio
import ctypes
import gc
import subprocess
import sys
import types
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perfcore
from perfcore import ConfigurationError
from perfcore.runtime.memory import check_leak, holders, leaks, lengths, usage
from perfcore.runtime.memory.slope import slope

pytestmark = pytest.mark.skipif(usage().heap is None, reason="psutil before 7.2 does not tell what malloc has given")

CACHE: dict = {}


class Node:
    def __init__(self):
        self.itself = self
        self.data = bytearray(5000)


class Registry:
    def __init__(self):
        self.rows = []


REGISTRY = Registry()
PAIR = ([], "text")


def test_a_native_buffer_that_is_never_freed_is_native():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    report = check_leak(lambda: libc.malloc(1000), rounds=8)
    assert report.kind == "native" and 900 < report.low <= report.slope <= report.high < 1100
    assert "memray" in str(report)


def test_a_dict_that_grows_is_named():
    report = check_leak(lambda: CACHE.__setitem__(len(CACHE), np.ones(100)), rounds=8)
    assert report.kind == "python" and 700 < report.slope < 1500
    (name,) = report.growing
    assert name.endswith("test_leaks.CACHE") and name.startswith("dict") and report.growing[name] == pytest.approx(1)
    assert report.allocations and name in str(report)
    CACHE.clear()


def test_who_holds_a_growing_list_is_named_through_attributes():
    report = check_leak(lambda: REGISTRY.rows.append(bytearray(300)), rounds=8)
    assert report.kind == "python" and any("REGISTRY.rows" in name for name in report.growing)
    REGISTRY.rows.clear()


def test_s3_15_cycles_that_only_the_collector_frees_are_named():
    report = check_leak(Node, rounds=8)
    assert report.kind == "python" and report.slope > 4000
    assert any("Node.itself -> Node" in name for name in report.cycles)
    gc.collect()


def test_s3_03_an_optuna_study_that_is_kept_is_found_and_one_that_is_let_go_is_clean():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=0)
    kept = optuna.create_study(sampler=sampler)

    def trial(trial):
        return trial.suggest_float("x", 0, 1)

    report = check_leak(lambda: kept.optimize(trial, n_trials=1), rounds=8)
    assert report.kind == "python" and any("trials" in name for name in report.growing), report

    def whole():
        optuna.create_study(sampler=sampler).optimize(trial, n_trials=3)

    report = check_leak(whole, rounds=8)
    assert not report.is_leak, report


def test_pages_that_grow_though_nothing_more_is_in_use_are_fragmentation(monkeypatch):
    n, module = [0], sys.modules["perfcore.runtime.memory.leaks"]
    monkeypatch.setattr(module, "resident", lambda: 10**8 + 1000 * n[0])
    report = check_leak(lambda: n.__setitem__(0, n[0] + 1), rounds=8)
    assert report.kind == "fragmentation" and report.slope == pytest.approx(1000)
    assert "trim()" in str(report) and not report.growing


def test_open_files_are_found(tmp_path):
    kept = []
    (tmp_path / "file").write_text("")
    report = check_leak(lambda: kept.append(open(tmp_path / "file")), rounds=8)  # noqa: SIM115
    for each in kept:
        each.close()
    assert report.kind == "descriptors" and report.slope == pytest.approx(1)


CLEAN = """
import collections, functools, gc, hashlib, io, itertools, json, pickle, random, re, string, sys, tempfile, zlib
import numpy as np
from perfcore.runtime.memory import check_leak

@functools.lru_cache(maxsize=50)
def cached(n): return "x" * n

ring, counter = collections.deque(maxlen=10), itertools.count()
def fails():
    try: raise ValueError("x" * 100)
    except ValueError: pass
def generator(): return sum(x for x in range(100))
def closure():
    x = bytearray(100)
    return (lambda: len(x))()
def file():
    with open(sys.executable, "rb") as f: f.read(1000)
class Plain:
    def __init__(self): self.a = [1, 2, 3]
clean = {
    "json": lambda: json.loads(json.dumps({"a": [1, 2, 3] * 10})),
    "normal": lambda: np.random.default_rng(0).normal(size=1000).sum(),
    "sorted": lambda: sorted(random.random() for _ in range(100)),
    "solve": lambda: np.linalg.solve(np.eye(10), np.ones(10)),
    "errors": fails, "join": lambda: " ".join(map(str, range(100))), "sort": lambda: np.sort(np.arange(10_000.0)[::-1]),
    "regex": lambda: re.sub("a", "b", "a" * 100), "pickle": lambda: pickle.loads(pickle.dumps(list(range(100)))),
    "zlib": lambda: zlib.decompress(zlib.compress(b"abc" * 1000)), "hash": lambda: hashlib.sha256(b"x" * 1000).digest(),
    "bounded cache": lambda: cached(next(counter) % 100), "ring": lambda: ring.append(bytearray(1000)),
    "generator": generator, "closure": closure, "file": file, "object": Plain, "nothing": lambda: None,
    "bytes": lambda: io.BytesIO(b"x" * 10_000).read(), "large": lambda: np.ones(500_000).sum(),
}
assert len(clean) == 20
leaks = {name: str(report) for name, f in clean.items() if (report := check_leak(f, rounds=10)).is_leak}
assert not leaks, leaks
source, seen = random.Random(0), {}
report = check_leak(lambda: seen.setdefault(source.randrange(20_000), Plain()), rounds=10)
assert not report.is_leak, report  # it fills up ever more slowly
assert gc.isenabled() and gc.get_debug() == 0 and not gc.garbage
"""


def test_none_of_twenty_clean_functions_leaks_nor_what_fills_up():
    subprocess.run([sys.executable, "-c", CLEAN], check=True)


def test_what_the_function_raises_comes_through_and_the_collector_is_as_it_was():
    with pytest.raises(ZeroDivisionError):
        check_leak(lambda: 1 / 0)
    assert gc.isenabled() and gc.get_debug() == 0


def test_compiling_a_model_again_and_again_is_no_leak_while_the_caches_of_others_fill_up():
    lightgbm = pytest.importorskip("lightgbm")
    table = np.random.default_rng(0).normal(size=(200, 4))
    model = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(table, table[:, 0]), 5)
    report = check_leak(lambda: perfcore.compile(model), rounds=8)
    assert not report.is_leak, report
    assert not any("PyCArrayType" in name for name in report.cycles)  # a class of ctypes, made once a collection


class Key:
    pass


def test_what_grows_in_python_s_blocks_alone_is_not_native():
    none, blocks = slope(np.arange(8.0), np.zeros(8)), slope(np.arange(8.0), np.arange(8.0))
    slopes = {"heap": none, "arrow": none, "blocks": blocks}
    assert leaks._told_apart(slopes, {}, {})[0] == "python"
    assert leaks._told_apart(slopes | {"heap": slope(np.arange(8.0), 1e3 * np.arange(8.0))}, {}, {})[0] == "native"


def test_small_cycles_are_named_and_no_leak():
    class Small:
        def __init__(self):
            self.itself = self

    report = check_leak(Small, rounds=8)
    assert not report.is_leak and any("Small.itself -> " in name for name in report.cycles)
    assert "cycle: " in str(report) and "no leak" in str(report)


def test_proxies_of_what_is_gone_are_no_hindrance():
    gone = Key()
    proxies = [weakref.proxy(gone)]
    del gone
    assert id(proxies) in lengths.lengths()


def test_a_list_in_a_tuple_beside_a_text_is_named():
    assert holders.way_to(PAIR[0]).endswith("test_leaks.PAIR[...]")


def test_a_variable_of_a_function_is_named():
    kept = []
    PAIR[0].append(lambda: kept)
    try:
        assert holders.way_to(kept, [sys._getframe()]).endswith("<lambda> (its variable kept)")
    finally:
        PAIR[0].clear()


def test_garbage_that_others_kept_is_theirs_whatever_the_function_raises():
    gc.garbage.append("theirs")
    try:
        with pytest.raises(ZeroDivisionError):
            leaks._left_by(leaks._Calls(lambda: 1 / 0), 1)
        assert gc.garbage == ["theirs"] and gc.get_debug() == 0
    finally:
        gc.garbage.clear()


@pytest.mark.parametrize("rounds", [7, 0, True, 10.0, "a"])
def test_too_few_rounds_are_refused(rounds):
    with pytest.raises(ConfigurationError, match="rounds=.*from 8"):
        check_leak(print, rounds=rounds)


@pytest.mark.parametrize("warm_up", [-1, 1.5, None])
def test_a_warm_up_of_no_calls_is_refused(warm_up):
    with pytest.raises(ConfigurationError, match="warm_up=.*from 0"):
        check_leak(print, warm_up=warm_up)


async def coroutine():
    REGISTRY.rows.append(1)


def generator():
    yield REGISTRY.rows.append(1)


@pytest.mark.parametrize("function", [coroutine, generator, 3])
def test_what_would_not_be_run_is_refused(function):
    with pytest.raises(ConfigurationError, match="function"):
        check_leak(function)


LONGER = """
import collections, itertools, time
from perfcore.runtime.memory import check_leak

small, names, seldom, turns, blocks = [], [], collections.deque(), itertools.cycle([0, 1]), collections.deque()
def kept_small(): small.append(7)
def kept_by_name(): names.append(None)
def kept_seldom():
    if next(turns): seldom.append(None)
def kept_in_a_deque(): blocks.append(bytearray(100))
for function, name, entries in [
    (kept_small, "list __main__.small", 1), (kept_by_name, "list __main__.names", 1),
    (kept_seldom, "deque __main__.seldom", 0.5), (kept_in_a_deque, "deque __main__.blocks", 1),
]:
    report = check_leak(function, rounds=10)
    assert report.kind == "python" and report.slope > 1, (name, report)
    ((told, each),) = report.growing.items()
    assert told == name and abs(each - entries) < 0.01, (name, report)

def in_a_tuple(): in_a_tuple.seen = getattr(in_a_tuple, "seen", ()) + (None,)
report = check_leak(in_a_tuple, rounds=10)
assert report.kind == "python" and 7 < report.slope < 9 and report.allocations, report

for bound in (10, 3_000, 30_000):
    ring, seen, number = collections.deque(maxlen=bound), {}, itertools.count()
    def function():
        ring.append(None)
        seen[next(number) % bound] = None
    report = check_leak(function, rounds=10)
    assert not report.is_leak and len(ring) == len(seen) == bound, report

slow, count = [], itertools.count()
def function():
    if (each := next(count)) not in slow: slow.append(each)
began = time.perf_counter()
report = check_leak(function, rounds=10)
assert report.is_leak and report.n_calls == len(slow) and any("slow" in name for name in report.growing), report
assert time.perf_counter() - began < 20
"""


def test_what_takes_memory_in_rare_steps_is_found_by_its_length_and_what_has_a_bound_is_no_leak():
    subprocess.run([sys.executable, "-c", LONGER], check=True)


class Held:
    rows: list = []


def test_of_equally_near_ways_that_of_its_own_module_is_told_and_attributes_as_such(monkeypatch):
    importing = types.ModuleType("a")
    importing.r = REGISTRY
    monkeypatch.setitem(sys.modules, "a", importing)
    assert holders.way_to(REGISTRY.rows).endswith("test_leaks.REGISTRY.rows")
    assert holders.way_to(Held.rows).endswith("test_leaks.Held.rows")


@given(st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_the_interval_of_a_slope_holds_the_slope(true, seed):
    random = np.random.default_rng(seed)
    x = np.arange(20.0)
    found = slope(x, true * x + random.normal(scale=1e-9, size=20))
    assert found.low <= found.value <= found.high and found.value == pytest.approx(true, abs=1e-6)


def test_noise_without_a_slope_is_seldom_growth():
    random = np.random.default_rng(0)
    found = [slope(np.arange(20.0), random.normal(size=20)).low > 0 for _ in range(500)]
    assert np.mean(found) < 0.06


def test_futures_that_asyncio_keeps_to_use_again_are_not_looked_at():
    async def wait():
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(9)]
        for future in futures:
            loop.call_soon(future.set_result, None)
        for future in futures:
            await future

    asyncio.run(wait())
    for _ in range(3):  # each of which would free them once more, in Python 3.12
        assert lengths.lengths()
