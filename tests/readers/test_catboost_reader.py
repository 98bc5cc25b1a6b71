"""``.cbm`` files, whole, cut, changed and hostile: the right answer or an error that says where, never more."""

import dataclasses
import struct
import tracemalloc

import numpy as np
import pytest
from cbm_files import cbm

import perfcore
from perfcore.errors import ModelFormatError, UnsupportedModelError
from perfcore.model import Forest
from perfcore.readers.catboost import read_file
from perfcore.readers.catboost_cbm import AS_TRUE, STEPS, CbmModel, FloatFeature, parse
from perfcore.readers.catboost_ctr import Categories

X = np.random.default_rng(3).normal(size=(40, 3)).astype(np.float32)
X[::7] = np.nan
X[::5] = np.inf

FEATURES = [
    FloatFeature(0, "", np.array([-0.5, 0.0, 0.5], np.float32), False, 0),
    FloatFeature(1, "", np.array([], np.float32), False, 1),
    FloatFeature(2, "", np.array([-1.0, 1.0, np.inf], np.float32), True, 2),
]
NO_STEPS, NO_LEAVES = np.empty(0, STEPS), np.empty(0, np.uint32)
SYMMETRIC = CbmModel(
    place="made up",
    dimension=1,
    features=FEATURES,
    categories=Categories([], [], [], {}),
    splits=np.array([0, 3, 1, 5], np.int32),
    sizes=np.array([2, 0, 2], np.int32),
    starts=np.array([0, 2, 2], np.int32),
    steps=NO_STEPS,
    leaf_of_step=NO_LEAVES,
    leaves=np.arange(9) / 7,
    scale=1.0,
    bias=np.array([0.25]),
    info={},
)
CLASSES = dataclasses.replace(SYMMETRIC, dimension=2, leaves=np.arange(18) / 7, bias=np.zeros(2))
STEPPED = dataclasses.replace(
    SYMMETRIC,
    splits=np.array([0, 4, 0, 5, 0, 0], np.int32),
    sizes=np.array([5, 1], np.int32),
    starts=np.array([0, 5], np.int32),
    steps=np.array([(1, 2), (0, 2), (0, 0), (0, 1), (0, 0), (0, 0)], STEPS),
    leaf_of_step=np.array([9, 0, 1, 2, 3, 4], np.uint32),
    leaves=np.arange(5) / 7,
)
MODELS = {"symmetric": SYMMETRIC, "classes": CLASSES, "stepped": STEPPED}
NOTES = {"params": '{"loss_function": {"type": "RMSE"}}'}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.cbm"


def compiled(data, path):
    path.write_bytes(data)
    return perfcore.compile(path, kernel="walk")


def sums(model: CbmModel, rows: np.ndarray) -> np.ndarray:
    """What the file says, row by row, written once more."""
    asked = [(f.column, b, f.nan_is_above) for f in model.features for b in f.borders]

    def above(row, split):
        column, border, nan_is_above = asked[split]
        cell = row[column]
        return (np.inf if nan_is_above else -np.inf) > border if np.isnan(cell) else cell > border

    answer = np.zeros((len(rows), model.dimension))
    for i, row in enumerate(rows):
        first_leaf = 0
        for t in range(len(model.sizes)):
            at = int(model.starts[t])
            if model.is_symmetric:
                depth = int(model.sizes[t])
                leaf = first_leaf + sum(above(row, model.splits[at + d]) << d for d in range(depth))
                first_leaf += 1 << depth
                answer[i] += model.leaves.reshape(-1, model.dimension)[leaf]
                continue
            while step := int(model.steps[at]["right" if above(row, model.splits[at]) else "left"]):
                at += step
            answer[i] += model.leaves[model.leaf_of_step[at]]
    return answer + model.bias


@pytest.mark.parametrize("name", MODELS)
def test_made_up_files_answer_what_they_say(name, path):
    fast = compiled(cbm(MODELS[name], NOTES), path)
    expected = sums(MODELS[name], X)
    assert fast.predict(X).tobytes() == (expected if expected.shape[1] > 1 else expected[:, 0]).tobytes()
    assert "unknown version" in repr(fast) and "RMSE" in repr(fast)


@pytest.mark.parametrize("name", MODELS)
def test_made_up_files_are_ones_that_catboost_reads(name, path):
    catboost = pytest.importorskip("catboost", reason="catboost is not installed")
    data = cbm(MODELS[name], NOTES)
    source = catboost.CatBoost().load_model(blob=data)
    perfcore.verify(compiled(data, path), source, X)


@pytest.mark.parametrize("name", MODELS)
def test_a_cut_file_is_refused(name, path):
    data = cbm(MODELS[name], NOTES)
    for size in range(len(data)):
        with pytest.raises(ModelFormatError, match="byte|begins with"):
            compiled(data[:size], path)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("flip", [0x01, 0x40, 0x80, 0xFF])
def test_a_changed_byte_gives_an_answer_or_an_error(name, flip, path):
    """Most changes are of numbers, which stand for another model; none may lead a reader astray."""
    data = cbm(MODELS[name], NOTES)
    read = 0
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= flip
        path.write_bytes(changed)
        try:
            model = read_file(str(path))
        except (ModelFormatError, UnsupportedModelError) as error:
            assert str(error)
            continue
        assert isinstance(model.body, Forest) and model.body.n_features <= 1_000_000
        if model.body.n_features == 3:
            with np.errstate(all="ignore"):
                perfcore.Predictor(model).predict(X)
        read += 1
    assert read > 50


def _at_least(model, **changed):
    return cbm(dataclasses.replace(model, **changed), NOTES)


def _features(**changed):
    return [dataclasses.replace(FEATURES[0], **changed), *FEATURES[1:]]


DAMAGED = {
    "a depth below zero": _at_least(SYMMETRIC, sizes=np.array([2, -1, 3], np.int32)),
    "a depth beyond all leaves": _at_least(SYMMETRIC, sizes=np.array([2, 0, 31], np.int32)),
    "depths whose sum wraps": _at_least(SYMMETRIC, sizes=np.full(3, 30, np.int32)),
    "a beginning elsewhere": _at_least(SYMMETRIC, starts=np.array([0, 1, 2], np.int32)),
    "fewer beginnings": _at_least(SYMMETRIC, starts=np.array([0, 2], np.int32)),
    "more splits": _at_least(SYMMETRIC, splits=np.zeros(5, np.int32)),
    "more leaves": _at_least(SYMMETRIC, leaves=np.zeros(10)),
    "a split by no border": _at_least(SYMMETRIC, splits=np.array([0, 3, 1, 6], np.int32)),
    "a split before the first": _at_least(SYMMETRIC, splits=np.array([0, 3, 1, -1], np.int32)),
    "no outputs": _at_least(SYMMETRIC, dimension=0),
    "outputs beyond all memory": _at_least(SYMMETRIC, dimension=2**31 - 1),
    "a bias of another length": _at_least(CLASSES, bias=np.zeros(3)),
    "a bias that is no number": _at_least(SYMMETRIC, bias=np.array([np.nan])),
    "a scale that is no number": _at_least(SYMMETRIC, scale=float("nan")),
    "borders that fall": _at_least(SYMMETRIC, features=_features(borders=np.array([0, 1, 0.5], np.float32))),
    "a border that is no number": _at_least(SYMMETRIC, features=_features(borders=np.full(1, np.nan, np.float32))),
    "a column twice": _at_least(SYMMETRIC, features=_features(column=2)),
    "a column before the first": _at_least(SYMMETRIC, features=_features(column=-1)),
    "a step that nothing leads to": _at_least(STEPPED, sizes=np.array([4, 2], np.int32)),
    "a tree without steps": _at_least(STEPPED, sizes=np.array([6, 0], np.int32), starts=np.array([0, 6], np.int32)),
    "a step out of the tree": _at_least(STEPPED, steps=np.array([(1, 2), (0, 2), (0, 0), (0, 9)] * 2, STEPS)[:6]),
    "two ways to one step": _at_least(STEPPED, steps=np.array([(1, 1), (0, 1), (0, 0), (0, 1)] * 2, STEPS)[:6]),
    "a leaf beyond the last": _at_least(STEPPED, leaf_of_step=np.array([9, 0, 1, 2, 3, 5], np.uint32)),
    "leaves for other steps": _at_least(STEPPED, leaf_of_step=np.zeros(5, np.uint32)),
    "notes that are no JSON": cbm(SYMMETRIC, {"params": "{"}),
    "notes nested without end": cbm(SYMMETRIC, {"params": '{"a":' * 100_000}),
    "notes that are a list": cbm(SYMMETRIC, {"params": "[1]"}),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_arrays_that_do_not_fit_one_another(what, path):
    with pytest.raises(ModelFormatError, match="model.cbm: "):
        compiled(DAMAGED[what], path)


UNSUPPORTED = {
    "no trees": cbm(
        SYMMETRIC, NOTES, sizes=np.empty(0, np.int32), starts=np.empty(0, np.int32), splits=np.empty(0, np.int32),
        leaves=np.empty(0),
    ),
    "infinite": cbm(SYMMETRIC, NOTES, leaves=np.array([np.inf, *range(8)])),
    "columns, allowed": cbm(SYMMETRIC, NOTES, features=_features(column=2**31 - 1)),
    "outputs for the classes .0, 3. of 3": cbm(
        CLASSES, {"class_params": '{"class_to_label": [0, 3], "classes_count": 3}'}
    ),
    "outputs for the classes .0, 1, 2. of 4": cbm(
        CLASSES, {"class_params": '{"class_to_label": [0, 1, 2], "classes_count": 4}'}
    ),
    "of 1000000000000 declared": cbm(
        CLASSES, {"class_params": '{"class_to_label": [0, 3], "classes_count": 1000000000000}'}
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", UNSUPPORTED)
def test_what_is_not_read_is_refused_with_the_reason(reason, path):
    with pytest.raises(UnsupportedModelError, match=reason.replace("no trees", "without trees")):
        compiled(UNSUPPORTED[reason], path)


def test_a_vector_that_many_tables_lead_to_is_refused():
    """A file of 1 MB whose 10,000 features all name one vector of 100,000 borders would be a billion numbers."""
    borders = np.arange(500, dtype=np.float32)
    features = [FloatFeature(column, "", borders, False, column) for column in range(30)]
    assert len(parse(cbm(SYMMETRIC, NOTES, features=features), "file").features) == 30
    data = cbm(SYMMETRIC, NOTES, shares_vectors=True, features=features)
    assert len(data) < 4000
    with pytest.raises(ModelFormatError, match="part of two tables or vectors"):
        parse(data, "file")


@pytest.mark.parametrize("length", [2**16, 2**31 - 1, 2**32 - 1])
def test_a_length_beyond_the_file_takes_no_memory(length, path):
    data = bytearray(cbm(SYMMETRIC, NOTES))
    at = data.index(struct.pack("<I", 9) + SYMMETRIC.leaves.tobytes())
    struct.pack_into("<I", data, at, length)
    tracemalloc.start()
    with pytest.raises(ModelFormatError, match=f"byte {at + 4}: .* lie outside"):
        parse(bytes(data), "file")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_lengths_of_eight_bytes_are_read():
    data = cbm(SYMMETRIC, NOTES)
    long = data[:4] + b"\xff" * 4 + struct.pack("<Q", len(data) - 8) + data[8:]
    assert parse(long, "file").leaves.tolist() == parse(data, "file").leaves.tolist()
    with pytest.raises(ModelFormatError, match="byte 4"):
        parse(long[:-1], "file")


def test_nan_counts_as_infinite_only_where_the_training_table_had_one():
    feature = dataclasses.replace(FEATURES[0], nan_is_above=True)
    data = bytearray(cbm(SYMMETRIC, NOTES, features=[feature, *FEATURES[1:]]))
    assert parse(bytes(data), "file").features[0].nan_is_above
    assert AS_TRUE == 2
