"""Counters of ``.cbm`` files written by hand: what CatBoost makes of them, or an error, and never more."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from cbm_files import cbm

import perfcore
from perfcore.errors import ModelFormatError, UnsupportedModelError
from perfcore.model import Forest
from perfcore.readers.catboost import read_file
from perfcore.readers.catboost_cbm import STEPS, CbmModel, FloatFeature
from perfcore.readers.catboost_ctr import (
    BINARIZED_MEAN,
    BORDERS,
    BUCKETS,
    COUNTER,
    FLOAT_MEAN,
    FREQUENCY,
    MATCHES,
    MEANS,
    SPLITS,
    Base,
    Categories,
    CategoryFeature,
    Counter,
    Counts,
    OneHot,
    Projection,
)

FREE = 2**64 - 1
MAGIC = 0x4906BA494954CB65
# What CatBoost's hash makes of texts; tests/differential/test_catboost_categories.py asks CatBoost for such.
HASHES = {"40": 1435255456, "5": 3014803941, "e": 1400211492}
TEXTS = [*HASHES, "unknown"]
RNG = np.random.default_rng(12)
ROWS = np.empty((300, 5), object)
ROWS[:, 0], ROWS[:, 2] = RNG.normal(size=300).tolist(), RNG.normal(size=300).tolist()
ROWS[::7, 0] = ROWS[::9, 2] = float("nan")
for column in (1, 3, 4):
    ROWS[:, column] = RNG.choice(TEXTS, 300)


def signed(hashed):
    return hashed - 2**32 if hashed >= 2**31 else hashed


def combined(*parts):
    key = 0
    for part in parts:
        key = MAGIC * (key + MAGIC * (part % 2**64)) % 2**64
    return key


def counts(keys, blob, n_buckets, denominator=0, n_classes=0):
    """A table as CatBoost's TDenseIndexHashBuilder fills it."""
    bucket, place = np.full(n_buckets, FREE, np.uint64), np.zeros(n_buckets, np.uint32)
    for number, key in enumerate(keys):
        at = key & (n_buckets - 1)
        while bucket[at] != FREE:
            at = (at + 1) & (n_buckets - 1)
        bucket[at], place[at] = key, number
    return Counts(bucket, place, np.frombuffer(blob.tobytes(), np.uint8), denominator, n_classes)


def projection(categories, splits=(), matches=()):
    pairs = np.array(list(splits), SPLITS).tobytes(), np.array(list(matches), MATCHES).tobytes()
    return Projection(np.array(categories, np.int32).tobytes(), *pairs)


ONE, TWO, MIXED = (
    projection([0]),
    projection([0, 2]),
    projection([2], [(0, 0.5), (1, -1.0)], [(1, signed(HASHES["e"]))]),
)
KEYS = {
    ONE: [combined(signed(h)) for h in HASHES.values()],
    TWO: [combined(signed(a), signed(b)) for a in HASHES.values() for b in HASHES.values()],
    MIXED: [combined(signed(h), a, b, c) for h in HASHES.values() for a in (0, 1) for b in (0, 1) for c in (0, 1)],
}


def table(base, n_classes):
    n = len(KEYS[base.projection])
    whole = RNG.integers(0, 50, (n, n_classes)).astype("<i4")
    if base.kind in (BINARIZED_MEAN, FLOAT_MEAN):
        whole = np.zeros(n, MEANS)
        whole["sum"], whole["count"] = RNG.random(n) * 9, RNG.integers(0, 30, n)
    elif base.kind in (COUNTER, FREQUENCY):
        whole = whole[:, 0]
    return counts(KEYS[base.projection], whole, 1 << n.bit_length(), int(RNG.integers(1, 99)), n_classes)


def counter(base, target_border, prior=(1.0, 1.0), shift=0.0, scale=15.0):
    return Counter(base, target_border, prior, shift, scale, np.linspace(0.5, 11, 4, dtype=np.float32))


BASES = [Base(each, kind, 0) for kind in range(6) for each in (ONE, TWO, MIXED)]
COUNTERS = [
    counter(base, border, prior, shift, scale)
    for base in BASES
    for border in ((0, 1) if base.kind in (BORDERS, BUCKETS) else (0,))
    for prior, shift, scale in (((0.0, 1.0), 0.0, 15.0), ((0.5, 1.0), 0.1, 12.5))
]
CATEGORIES = Categories(
    features=[CategoryFeature(i, column, "", True) for i, column in enumerate((1, 3, 4))],
    one_hots=[OneHot(1, np.array([signed(HASHES["e"]), signed(HASHES["5"])], np.int32))],
    counters=COUNTERS,
    tables={base: table(base, 3) for base in BASES},
)


def model(categories, depth=5, **changed):
    features = [
        FloatFeature(0, "", np.array([-0.5, 0.5], np.float32), False, 0),
        FloatFeature(2, "", np.array([-1.0, np.inf], np.float32), True, 1),
    ]
    n_splits = 4 + sum(len(o.values) for o in categories.one_hots) + sum(len(c.borders) for c in categories.counters)
    splits = np.resize(np.random.default_rng(0).permutation(n_splits), -(-n_splits // depth) * depth).astype(np.int32)
    n_trees = len(splits) // depth
    made = CbmModel(
        place="made up",
        dimension=1,
        features=features,
        categories=categories,
        splits=splits,
        sizes=np.full(n_trees, depth, np.int32),
        starts=np.arange(n_trees, dtype=np.int32) * depth,
        steps=np.empty(0, STEPS),
        leaf_of_step=np.empty(0, np.uint32),
        leaves=np.random.default_rng(1).normal(size=n_trees << depth),
        scale=1.0,
        bias=np.zeros(1),
        info={},
    )
    return cbm(dataclasses.replace(made, **changed), {})


def with_counters(counters, tables):
    return dataclasses.replace(CATEGORIES, counters=counters, tables=tables)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.cbm"


def compiled(data, path):
    path.write_bytes(data)
    return perfcore.compile(path, kernel="walk")


@pytest.mark.parametrize("n_classes", [1, 2, 3])
@pytest.mark.parametrize("kind", [BORDERS, BUCKETS, BINARIZED_MEAN, FLOAT_MEAN, COUNTER, FREQUENCY])
def test_every_kind_of_counter_is_what_catboost_makes_of_it(kind, n_classes, path):
    """Kinds that are counted on a GPU alone, among them."""
    catboost = pytest.importorskip("catboost", reason="catboost is not installed")
    if (kind, n_classes) == (BORDERS, 1):  # CatBoost reads two counts a place, wherever it finds them
        return
    counters = [c for c in COUNTERS if c.base.kind == kind and c.target_border <= max(0, n_classes - 2)]
    tables = {base: table(base, n_classes) for base in BASES if base.kind == kind}
    data = model(with_counters(counters, tables))
    perfcore.verify(compiled(data, path), catboost.CatBoost().load_model(blob=data), ROWS)


def test_all_kinds_together_and_after_saving(path):
    catboost = pytest.importorskip("catboost", reason="catboost is not installed")
    data = model(CATEGORIES)
    source = catboost.CatBoost().load_model(blob=data)
    fast = compiled(data, path)
    perfcore.verify(fast, source, ROWS)
    fast.save(path)
    perfcore.verify(perfcore.load(path), source, ROWS)
    assert len(np.unique(source.predict(ROWS))) > 100


@pytest.mark.parametrize(
    ("prior", "shift", "scale"),
    [((0.0, 0.0), 0.0, 1.0), ((np.nan, 1.0), 0.0, 1.0), ((1.0, 0.0), np.inf, -1.0), ((-3.0, -3.0), -0.5, 1e38)],
)
def test_numbers_that_are_none(prior, shift, scale, path):
    """Counts of nothing over nothing: no number is above a border."""
    catboost = pytest.importorskip("catboost", reason="catboost is not installed")
    base = Base(ONE, COUNTER, 0)
    borders = np.array([-np.inf, -1.0, 0.0, 1.0, np.inf], np.float32)
    one = Counter(base, 0, prior, shift, scale, borders)
    data = model(with_counters([one], {base: CATEGORIES.tables[base]._replace(denominator=0)}))
    perfcore.verify(compiled(data, path), catboost.CatBoost().load_model(blob=data), ROWS)


SMALL = with_counters(
    [counter(Base(MIXED, BORDERS, 0), 1), counter(Base(ONE, COUNTER, 0), 0)],
    {base: CATEGORIES.tables[base] for base in (Base(MIXED, BORDERS, 0), Base(ONE, COUNTER, 0))},
)


EVERY = pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.long)])


@EVERY
def test_a_cut_file_is_refused(step, path):
    data = model(SMALL, depth=2)
    for size in range(0, len(data), step):
        with pytest.raises(ModelFormatError, match="byte|begins with"):
            compiled(data[:size], path)


@EVERY
@pytest.mark.parametrize("flip", [0x01, 0x40, 0xFF])
def test_a_changed_byte_gives_an_answer_or_an_error(flip, step, path):
    data = model(SMALL, depth=2)
    read = 0
    for at in range(flip % step, len(data), step):
        changed = bytearray(data)
        changed[at] ^= flip
        path.write_bytes(changed)
        try:
            found = read_file(str(path))
        except (ModelFormatError, UnsupportedModelError) as error:
            assert str(error)
            continue
        assert isinstance(found.body, Forest) and found.inputs.n_features <= 1_000_000
        if found.inputs.n_features == 5:
            try:
                perfcore.Predictor(found, kernel="walk").predict(ROWS[:40])
            except perfcore.InputError as error:  # a category that has become a number
                assert str(error)
        read += 1
    assert read > 500 / step


ONE_COUNTER = Base(ONE, COUNTER, 0)
ONE_TABLE = CATEGORIES.tables[ONE_COUNTER]


def changed_table(**changes):
    return model(with_counters([counter(ONE_COUNTER, 0)], {ONE_COUNTER: ONE_TABLE._replace(**changes)}))


def of_base(base, n_classes=3, target_border=0):
    return model(with_counters([counter(base, target_border)], {base: table(Base(ONE, base.kind, 0), n_classes)}))


DAMAGED = {
    "no free bucket": changed_table(keys=np.arange(4, dtype=np.uint64), places=np.zeros(4, np.uint32)),
    "three buckets": changed_table(keys=ONE_TABLE.keys[:3], places=ONE_TABLE.places[:3]),
    "no bucket": changed_table(keys=ONE_TABLE.keys[:0], places=ONE_TABLE.places[:0]),
    "a place beyond the counts": changed_table(blob=ONE_TABLE.blob[:-4]),
    "half a count": changed_table(blob=ONE_TABLE.blob[:-2]),
    "no counts": changed_table(blob=ONE_TABLE.blob[:0]),
    "counts of other classes": model(
        with_counters([counter(Base(ONE, BUCKETS, 0), 0)], {Base(ONE, BUCKETS, 0): ONE_TABLE._replace(n_classes=7)})
    ),
    "a border beyond the classes": of_base(Base(ONE, BORDERS, 0), 3, 2),
    "a border before the first": of_base(Base(ONE, BUCKETS, 0), 3, -1),
    "no table": model(with_counters([counter(ONE_COUNTER, 0)], {Base(TWO, COUNTER, 0): ONE_TABLE})),
    "no tables at all": model(with_counters([counter(ONE_COUNTER, 0)], {})),
    "a category that is not there": of_base(Base(projection([3]), COUNTER, 0)),
    "a category below zero": of_base(Base(projection([-1]), COUNTER, 0)),
    "a border that no tree can ask for": of_base(Base(projection([0], [(0, 0.25)]), COUNTER, 0)),
    "a number that is not there": of_base(Base(projection([0], [(2, 0.5)]), COUNTER, 0)),
    "a value that no tree can ask for": of_base(Base(projection([0], [], [(1, 17)]), COUNTER, 0)),
    "a kind beyond the last": model(with_counters([counter(Base(ONE, 6, 0), 0)], {Base(ONE, 6, 0): ONE_TABLE})),
    "a value twice": model(dataclasses.replace(SMALL, one_hots=[OneHot(1, np.array([7, 7, -7], np.int32))])),
    "a one-hot feature of no category": model(
        dataclasses.replace(SMALL, one_hots=[OneHot(9, np.array([7], np.int32))])
    ),
    "categories of one column": model(
        dataclasses.replace(SMALL, features=[f._replace(column=1) for f in CATEGORIES.features])
    ),
    "a category in a number's column": model(
        dataclasses.replace(SMALL, features=[f._replace(column=f.column - 1) for f in CATEGORIES.features])
    ),
    "a category said not to be used": model(
        dataclasses.replace(SMALL, features=[f._replace(is_used=False) for f in CATEGORIES.features])
    ),
    "counters without categories": model(dataclasses.replace(SMALL, features=[])),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_parts_that_do_not_fit_one_another(what, path):
    with pytest.raises(ModelFormatError):
        compiled(DAMAGED[what], path)


def test_one_table_that_very_many_counters_name_is_refused(path):
    base = Base(ONE, COUNTER, 0)
    large = counts([], np.zeros(250_000, "<i4"), 2)
    many = [counter(base, 0, prior=(float(i), 1.0)) for i in range(257)]
    data = model(with_counters(many, {base: large}))
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(UnsupportedModelError, match="257 counters of one table"):
        read_file(str(path))
    assert tracemalloc.get_traced_memory()[1] < 10 * len(data)
    tracemalloc.stop()


def test_other_parts_are_refused(path):
    data = model(SMALL).replace(b"static_provider_v1", b"static_provider_v2")
    with pytest.raises(UnsupportedModelError, match="holds static_provider_v2"):
        compiled(data, path)
