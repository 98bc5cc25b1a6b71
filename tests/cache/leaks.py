"""Every public call of a cache, again and again, also those that fail: run by test_leaks.py in a process of its own.

Arguments: calls a round, a folder to write files to, and the names of calls, where not all are wanted.
"""

import asyncio
import sys
import threading
import warnings
import weakref
from pathlib import Path

import numpy as np
import psleak
import pyarrow as pa

from perfcore import FeatureCache, ModelCache, PerfcoreError, PredictionCache

TIMES, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
KEYS, TEXT = np.arange(50), [f"key {i}" for i in range(50)]
ROWS = np.arange(400, dtype=np.float32).reshape(50, 8)
RECORDS = np.zeros(50, [("a", "f8"), ("b", "i2")])
FILE, PRESSED, BROKEN = (FOLDER / name for name in ("file", "pressed", "broken"))


def made(keys=KEYS, rows=ROWS, **options):
    cache = FeatureCache(options.pop("capacity", 50), options.pop("width", 8), **options)
    cache.put_many(keys, rows)
    return cache


def fails(call):
    try:
        call()
    except (PerfcoreError, OSError, ZeroDivisionError):
        return
    raise AssertionError("it was to fail")


def load(keys):
    return ROWS[: len(keys)]


async def load_async(keys):
    await asyncio.sleep(0)
    return ROWS[: len(keys)]


def broken(keys):
    raise ZeroDivisionError


def outlived():
    cache = made()
    views = [cache.view(key) for key in range(5)]
    cache.put_many(KEYS + 100, ROWS)
    cache.close()
    return views[0].sum()


def warned(call):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    if not told:
        raise AssertionError("nothing was warned of")


def of_itself():
    cache = made(on_evict=lambda *_: weak().stats())
    weak = weakref.ref(cache)
    cache.put_many(KEYS + 100, ROWS)


class Predictor:
    fingerprint = "leaks"

    def predict(self, X, by=1):
        return X[:, 0] * (1 // by)


def predicted(predictor, folder=None):
    """The cache, or once it was saved the predictor."""
    cache = PredictionCache(predictor, 50)
    for _ in range(2):
        cache.predict(ROWS), cache.predict(ROWS[:20], by=1), cache.predict(ROWS.astype(np.int8))
    if folder is None:
        return cache
    cache.save(folder)
    return predictor


class Model:
    nbytes = 1

    def close(self):
        pass


def models():
    with ModelCache(3, max_bytes=10, ttl=100) as cache:
        for key in range(5):
            cache[key] = Model()
            cache.get_or_load(f"model {key}", lambda _: Model())
        with cache.lease("leased", lambda _: Model()):
            cache.clear()
        cache["a"] = cache["b"] = Model()
        return [*cache.items()], cache.pop("a"), cache.popitem(), cache.stats()


def model_of_itself():
    cache = ModelCache(3)
    cache.get_or_load("a", lambda key: cache.get_or_load(key, broken))


def ended(future):
    for thread in threading.enumerate():
        if thread.name == "perfcore-prefetch":
            thread.join()
    return future


kept, texts = made(), made(TEXT)
columns = FeatureCache(50, schema=RECORDS.dtype)
columns.put_many(KEYS, RECORDS)
full = made(max_pinned=1.0)
held = [full.view(key) for key in range(50)]
closed = made()
closed.close()
kept.save(FILE)
kept.save(PRESSED, compression="zstd")
BROKEN.write_bytes(FILE.read_bytes()[:-100])
read_only = FeatureCache.open(FILE, "r")
out = np.empty((50, 8), np.float32)

CALLS = {
    "made": lambda: made(),
    **{
        f"made, {policy}": lambda policy=policy: made(policy=policy, capacity=20)
        for policy in ("s3fifo", "lfu", "lru_exact")
    },
    "made of text": lambda: made(TEXT, ttl=100, idle_ttl=5, ttl_jitter=0.5),
    "made not at all": lambda: fails(lambda: FeatureCache(0, 4)),
    "closed": lambda: made().close(),
    "get_many": lambda: (kept.get_many(KEYS + 25), texts.get_many(TEXT), columns.get_many(KEYS)),
    "get_many into": lambda: kept.get_many(KEYS, out=out),
    "get_many of Arrow": lambda: texts.get_many(pa.array(TEXT)),
    "get_many of another kind": lambda: fails(lambda: kept.get_many(TEXT)),
    "get_many into another": lambda: fails(lambda: kept.get_many(KEYS, out=out[:3])),
    "get": lambda: (kept.get(5), kept.get(5, out[0]), kept.get(99), texts.get("key 5"), columns.get(5)),
    "get of another kind": lambda: fails(lambda: kept.get(5.5)),
    "view": lambda: (kept.view(5), kept.view(99), texts.view("key 5"), columns.view(5), read_only.view(5)),
    "view of too many": lambda: fails(lambda: [kept.view(key) for key in range(50)]),
    "views that outlive": outlived,
    "contains": lambda: (kept.contains_many(KEYS + 25), "key 5" in texts, len(texts), repr(texts)),
    "put_many": lambda: (kept.put_many(KEYS, ROWS), texts.put_many(TEXT, ROWS), columns.put_many(KEYS, RECORDS)),
    "put_many in turn": lambda: [texts.put_many([f"{n} {key}" for key in TEXT], ROWS) for n in range(3)],
    "put_many of versions": lambda: made().put_many(KEYS, ROWS, version=3),
    "put_many of what does not fit": lambda: fails(lambda: kept.put_many(KEYS, ROWS[:3])),
    "put_many where views hold all": lambda: full.put_many(KEYS + 100, ROWS),
    "put": lambda: (kept.put(5, ROWS[0]), kept.put(5, [1.0] * 8), fails(lambda: kept.put(5, ["a"] * 8))),
    "on_evict": lambda: made(on_evict=lambda *_: None).put_many(KEYS + 100, ROWS),
    "on_evict that fails": lambda: warned(lambda: made(on_evict=lambda *_: 1 / 0).put_many(KEYS + 100, ROWS)),
    "on_evict of itself": of_itself,
    "delete_many": lambda: made(TEXT).delete_many(TEXT[:20]),
    "clear": lambda: texts.clear(),
    "resize": lambda: [cache.resize(n) for cache in (made(), made(TEXT)) for n in (20, 100)],
    "get_or_load_many": lambda: (
        made().get_or_load_many(KEYS + 25, load),
        made(TEXT).get_or_load_many(["a", "b"], load),
    ),
    "get_or_load_many that fails": lambda: fails(lambda: kept.get_or_load_many([999], broken)),
    "get_or_load_many of too few": lambda: fails(lambda: kept.get_or_load_many([999], lambda keys: ROWS[:0])),
    "get_or_load_many of itself": lambda: fails(
        lambda: kept.get_or_load_many([999], lambda keys: kept.get_or_load_many([999], load))
    ),
    "get_or_load_many_async": lambda: asyncio.run(made().get_or_load_many_async(KEYS + 25, load_async)),
    "prefetch": lambda: ended(made().prefetch(KEYS + 25, load)).result(),
    "prefetch that fails": lambda: ended(made().prefetch(KEYS + 25, broken)).exception(),
    "to_arrow": lambda: (kept.to_arrow(KEYS), texts.to_arrow(TEXT), columns.to_arrow(KEYS)),
    "save": lambda: [cache.save(FOLDER / "other") for cache in (kept, texts, columns)],
    "save, compressed": lambda: kept.save(FOLDER / "other", compression="lz4"),
    "save to nowhere": lambda: fails(lambda: kept.save(FOLDER / "none" / "other")),
    "open": lambda: FeatureCache.open(FILE).put_many(KEYS + 25, ROWS),
    "open to read": lambda: FeatureCache.open(FILE, "r").get_many(KEYS),
    "open, compressed": lambda: FeatureCache.open(PRESSED).get_many(KEYS),
    "open of a smaller capacity": lambda: FeatureCache.open(FILE, capacity=10),
    "open of what is broken": lambda: fails(lambda: FeatureCache.open(BROKEN, strict=True)),
    "open of others": lambda: fails(lambda: FeatureCache.open(FILE, width=3, strict=True)),
    "stats": lambda: (kept.stats(), kept.nbytes, kept.capacity),
    "closed calls": lambda: [fails(lambda call=call: call(KEYS)) for call in (closed.get_many, closed.contains_many)],
    "writes to what is read alone": lambda: fails(lambda: read_only.put_many(KEYS, ROWS)),
    "predictions": lambda: predicted(Predictor()).stats(),
    "predictions that fail": lambda: fails(lambda: predicted(Predictor()).predict(ROWS, by=0)),
    "predictions saved and opened": lambda: PredictionCache.open(FOLDER, predicted(Predictor(), FOLDER), 50).clear(),
    "predictions of another": lambda: fails(
        lambda: PredictionCache.open(FOLDER, predicted(Predictor(), FOLDER), 50, fingerprint="other", strict=True)
    ),
    "models": models,
    "models that fail to load": lambda: fails(lambda: ModelCache(3).get_or_load("a", broken)),
    "models of themselves": lambda: fails(model_of_itself),
    "models that expire": lambda: ModelCache(3, ttl=1e-9).update(a=Model(), b=Model()),
}


class Leaks(psleak.MemoryLeakTestCase):
    # Address space and resident pages go up and down by the allocator's own; what is in use does not.
    tolerance = dict.fromkeys(("uss", "rss", "vms"), 2**24)
    checkers = psleak.Checkers.exclude("c_threads")  # one that was joined in Python is about to end


NAMES = sys.argv[3:] or [*CALLS]
case = Leaks()
n_leaks = 0
for name in NAMES:
    try:
        case.execute(CALLS[name], times=TIMES)
    except AssertionError as error:
        n_leaks += 1
        print(f"{name}: {error}", flush=True)
print(f"{len(NAMES)} calls, {n_leaks} leaks")
sys.exit(n_leaks != 0)
