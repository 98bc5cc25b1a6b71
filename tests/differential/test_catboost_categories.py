"""CatBoost with categories: one-hot values and counters, trained here, bit by bit; and what counts as a category."""

import decimal
import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import perfcore
from perfcore.inputs.catboost_categories import hashed

catboost = pytest.importorskip("catboost", reason="catboost is not installed")
pd = pytest.importorskip("pandas")
QUIET = {"verbose": 0, "thread_count": 1, "random_seed": 0, "allow_writing_files": False}
RNG = np.random.default_rng(21)
N = 900
WORDS = np.array(["0", "1", "5", "-5", "255", "a", "nan", "True", "", "é", "x" * 70, "18446744073709551615"], object)
FRAME = pd.DataFrame(
    {
        "number": RNG.normal(size=N),
        "word": RNG.choice(WORDS, N),
        "other": RNG.normal(size=N).astype(np.float32),
        "many": RNG.integers(0, 60, N),
        "two": RNG.choice(["yes", "no"], N),
        "unused": np.zeros(N),
    }
).astype({"word": object, "two": object})
FRAME.loc[::9, "number"] = np.nan
CATEGORIES = ["word", "many", "two"]
SUM = (
    FRAME["number"].fillna(0)
    + FRAME["word"].map(dict(zip(WORDS, RNG.normal(size=len(WORDS)) * 2, strict=True)))
    + (FRAME["many"] % 7 == 3)
    + (FRAME["two"] == "yes") * FRAME["other"]
).to_numpy()
TARGETS = {"number": SUM, "two classes": SUM > 0.5, "three classes": (SUM > 1).astype(int) + (SUM > -1)}
UNSEEN = FRAME.copy()
UNSEEN.loc[::5, "word"] = "never seen"
UNSEEN.loc[::4, "many"] = -(2**62)
UNSEEN.loc[::3, "two"] = "maybe"

CTRS = {
    "simple_ctr": ["Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"],
    "combinations_ctr": ["Borders", "Counter"],
}
SHAPES = {
    "counters": {},
    "one-hot": {"one_hot_max_size": 255},
    "both": {"one_hot_max_size": 12},
    "every kind": {**CTRS, "max_ctr_complexity": 4, "depth": 7},
    "none combined": {"max_ctr_complexity": 1},
    "depthwise": {"grow_policy": "Depthwise", "one_hot_max_size": 12, **CTRS},
    "lossguide": {"grow_policy": "Lossguide", **CTRS},
    "several priors": {"simple_ctr": ["Borders:Prior=0.3:Prior=3.5", "Buckets:CtrBorderCount=40"]},
    "counted over all": {"counter_calc_method": "Full", "nan_mode": "Max"},
}


def train(estimator, target, **parameters):
    model = getattr(catboost, estimator)(**QUIET | {"iterations": 30, "depth": 5} | parameters, cat_features=CATEGORIES)
    return model.fit(FRAME, TARGETS[target])


def check(model, path, *tables):
    fast = perfcore.compile(model)
    for table in tables:
        perfcore.verify(fast, model, table)
    model.save_model(str(path / "model.cbm"))
    perfcore.verify(perfcore.compile(path / "model.cbm"), path / "model.cbm", tables[0])
    fast.save(path / "model.pcore")
    perfcore.verify(perfcore.load(path / "model.pcore"), model, tables[0])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("estimator", "target"),
    [("CatBoostRegressor", "number"), ("CatBoostClassifier", "two classes"), ("CatBoostClassifier", "three classes")],
)
def test_trained_models(estimator, target, shape, tmp_path):
    model = train(estimator, target, **SHAPES[shape])
    check(model, tmp_path, UNSEEN, FRAME, FRAME[:1], FRAME[:129])


def test_several_borders_of_a_number(tmp_path):
    counters = [
        "Borders:TargetBorderCount=4",
        "Buckets:TargetBorderCount=3",
        "BinarizedTargetMeanValue:TargetBorderCount=2",
    ]
    check(train("CatBoostRegressor", "number", simple_ctr=counters), tmp_path, UNSEEN)


def test_iteration_ranges_and_many_blocks():
    model = train("CatBoostClassifier", "two classes", one_hot_max_size=3)
    fast = perfcore.compile(model, iteration_range=(3, 17))
    perfcore.verify(fast, model, pd.concat([UNSEEN] * 20), iteration_range=(3, 17))
    perfcore.verify(perfcore.compile(model, n_threads=2), model, pd.concat([UNSEEN] * 20))


def test_only_categories(tmp_path):
    for width in (2, 255):
        model = catboost.CatBoostClassifier(**QUIET, iterations=20, cat_features=[0, 1], one_hot_max_size=width)
        model.fit(FRAME[["word", "two"]], SUM > 0)
        texts = FRAME[["word", "two"]].to_numpy()
        check(model, tmp_path, UNSEEN[["word", "two"]], texts, texts.astype(str), texts.tolist())


def test_categories_that_no_tree_asks_for(tmp_path):
    table = FRAME.assign(constant="c")
    model = catboost.CatBoostRegressor(**QUIET, iterations=3, cat_features=["constant", "word"]).fit(
        table[["number", "constant", "word", "other"]], FRAME["number"].fillna(0)
    )
    check(model, tmp_path, table[["number", "constant", "word", "other"]])


# -- hashes -----------------------------------------------------------------------------------------------------------


def catboost_hashes(texts, path):
    column = np.array(texts, object)[:, None]
    model = catboost.CatBoostRegressor(**QUIET, iterations=1, cat_features=[0]).fit(column, np.arange(len(texts)))
    model.save_model(str(path), format="json", pool=catboost.Pool(column, cat_features=[0]))
    found = json.loads(path.read_text(encoding="utf-8"))["features_info"]["cat_features_hash"]
    return {each["value"]: each["hash"] for each in found}


def test_hashes_of_every_length(tmp_path):
    letters = np.array(list("abcXYZ019 -_é語"), object)
    texts = ["".join(RNG.choice(letters, length)) for length in range(140) for _ in range(3)]
    texts += ["".join(RNG.choice(letters, 1000)), "0", "-1", str(2**63 - 1), str(-(2**63)), str(2**64 - 1)]
    expected = catboost_hashes(texts, tmp_path / "model.json")
    assert len(expected) == len(set(texts))
    got = hashed(np.array(list(expected), object), "here").tolist()
    assert dict(zip(expected, got, strict=True)) == expected


@given(st.integers(-(2**63), 2**64 - 1))
@example(-(2**63))
@example(2**63 - 1)
def test_whole_numbers_are_hashed_as_their_digits(number):
    digits = hashed(np.array([str(number)], object), "here")
    assert hashed(np.array([str(number).encode()], object), "here") == digits
    if number < 2**63:
        assert hashed(np.array([number], object), "here") == hashed(np.array([number], np.int64), "here") == digits
    if number >= 0:
        scalar = np.empty(1, object)
        scalar[0] = np.uint64(number)
        assert hashed(scalar, "here") == hashed(np.array([number], np.uint64), "here") == digits


# -- tables -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def named():
    model = train("CatBoostRegressor", "number", one_hot_max_size=20, iterations=60)
    return model, perfcore.compile(model)


@pytest.fixture(scope="module")
def unnamed():
    model = catboost.CatBoostRegressor(**QUIET, iterations=60, one_hot_max_size=20, cat_features=[1, 3, 4])
    model.fit(FRAME.to_numpy(), SUM)
    return model, perfcore.compile(model)


MODELS = pytest.mark.parametrize("model", ["named", "unnamed"])


class Text(str):
    pass


class Whole(int):
    pass


CELLS = [
    "a", "", "é", "nan", "5", "x" * 70, b"a", b"\xff", Text("a"), np.str_("a"), np.bytes_(b"a"), True, False,
    np.True_, 5, Whole(5), -5, 2**63 - 1, -(2**63), np.int8(-5), np.int16(5), np.int32(5), np.int64(5), np.uint8(255),
    np.uint16(255), np.uint32(255), np.uint64(2**64 - 1), np.longlong(5),
]  # fmt: skip
NO_CELLS = [
    5.0, float("nan"), np.float32(5), np.float16(5), None, pd.NA, pd.NaT, pd.Timestamp("2020-01-01"), 5j, 2**63,
    -(2**63) - 1, "\ud800", np.datetime64("2020-01-01"),
]  # fmt: skip


def row_with(cell):
    row = np.array([[0.5, "a", 0.25, 3, "yes", 0.0]], object)
    row[0, 1] = cell
    return row


@MODELS
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_cells_that_are_categories(model, cell, request, assert_same_bits):
    model, fast = request.getfixturevalue(model)
    expected = model.predict(row_with(cell))
    assert_same_bits(expected, fast.predict(row_with(cell)))
    assert_same_bits(expected, fast.predict(row_with(cell).tolist()))
    assert_same_bits(expected[0], fast.predict_one(row_with(cell).tolist()[0]))


@MODELS
@pytest.mark.parametrize("cell", NO_CELLS, ids=repr)
def test_cells_that_are_none(model, cell, request):
    model, fast = request.getfixturevalue(model)
    with pytest.raises((catboost.CatBoostError, TypeError, OverflowError, SystemError)):
        model.predict(row_with(cell))
    with pytest.raises(perfcore.InputError, match="column 1: a category must be"):
        fast.predict(row_with(cell))
    with pytest.raises(perfcore.InputError, match="column 1: a category must be"):
        fast.predict_one(row_with(cell)[0])


@pytest.mark.parametrize("cell", [decimal.Decimal(5), np.longdouble(5), np.timedelta64(5)], ids=repr)
def test_cells_that_catboost_takes_and_we_do_not(cell, unnamed):
    with pytest.raises(perfcore.InputError, match="a category must be"):
        unnamed[1].predict(row_with(cell))


WHOLE = RNG.integers(-6, 256, (50, 6))
LARGE = np.array([[2**24 + 1, 2**63 - 1, 2**60 + 2**36 + 1, -(2**63), 7, 0]] * 3)
ARRAYS = {
    "objects": FRAME.to_numpy(),
    "unseen": UNSEEN.to_numpy(),
    "columns": np.asfortranarray(FRAME.to_numpy()),
    "backwards": FRAME.to_numpy()[::-1],
    "list": FRAME.to_numpy().tolist(),
    "list of tuples": [tuple(row) for row in FRAME.to_numpy().tolist()],
    "wider": np.column_stack([FRAME.to_numpy(), FRAME["number"]]),
    "without the unused": FRAME.to_numpy()[:, :5],
    "int8": np.clip(WHOLE, -128, 127).astype(np.int8),
    "uint8": WHOLE.astype(np.uint8),
    "int64": WHOLE,
    "int64, columns": np.asfortranarray(WHOLE),
    "big endian": WHOLE.astype(">i4"),
    "large": LARGE,
    "large, columns": np.asfortranarray(LARGE),
    "large list": LARGE.tolist(),
    "large unsigned": LARGE.astype(np.uint64),
    "bool": WHOLE > 0,
    "no rows": FRAME.to_numpy()[:0],
    "read-only": np.frombuffer(WHOLE.tobytes(), np.int64).reshape(WHOLE.shape),
}


@MODELS
@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_and_lists(model, kind, request, assert_same_bits):
    model, fast = request.getfixturevalue(model)
    assert_same_bits(model.predict(ARRAYS[kind]), fast.predict(ARRAYS[kind]))


FRAMES = {
    "as trained": FRAME,
    "str": FRAME.astype({"word": "str", "two": "str"}),
    "string": FRAME.astype({"word": "string", "two": "string"}),
    "category": FRAME.astype(dict.fromkeys(CATEGORIES, "category")),
    "category of objects": FRAME.assign(word=pd.Categorical(FRAME["word"].astype(object))),
    "category of more": FRAME.assign(word=pd.Categorical(FRAME["word"], ["z", *WORDS])),
    "category of bools": FRAME.assign(two=pd.Categorical(FRAME["two"] == "yes")),
    "bytes": FRAME.assign(word=FRAME["word"].map(lambda word: word.encode())),
    "int8": FRAME.astype({"many": "int8"}),
    "uint64": FRAME.astype({"many": "uint64"}),
    "Int64": FRAME.astype({"many": "Int64"}),
    "bool": FRAME.assign(two=FRAME["two"] == "yes"),
    "boolean": FRAME.assign(two=pd.array(FRAME["two"] == "yes", "boolean")),
    "sparse": FRAME.astype({"many": pd.SparseDtype("int64", 0)}),
    "sparse number": FRAME.fillna(0).astype({"number": pd.SparseDtype("float64", 0.0)}),
    "one more behind": FRAME.assign(z=1.0),
    "one more in front": FRAME.assign(z=1.0)[["z", "word", "number", "many", "two", "other"]],
    "swapped numbers": FRAME[["other", "word", "number", "many", "two", "unused"]],
    "swapped categories": FRAME[["number", "two", "other", "word", "many", "unused"]],
    "without the unused": FRAME[["number", "word", "other", "many", "two"]],
    "no rows": FRAME[:0],
    "other index": FRAME.set_index(FRAME.index[::-1]),
}


@MODELS
@pytest.mark.parametrize("kind", FRAMES)
def test_frames(model, kind, request, assert_same_bits):
    model, fast = request.getfixturevalue(model)
    table = FRAMES[kind]
    try:
        expected = model.predict(table)
    except catboost.CatBoostError:  # the model without names goes by position
        with pytest.raises(perfcore.InputError):
            fast.predict(table)
        assert kind in ("one more in front", "swapped numbers", "swapped categories") and fast.feature_names_in_ is None
    else:
        assert_same_bits(expected, fast.predict(table))


REFUSED = {
    "floats": np.zeros((3, 6)),
    "floats of half": np.zeros((3, 6), np.float16),
    "too narrow": FRAME.to_numpy()[:, :4],
    "a narrow frame": FRAME[["number", "word", "other", "many"]],
    "a category of floats": FRAME.assign(many=pd.Categorical(FRAME["many"] / 2)),
    "a category of floats that no row has": FRAME.assign(many=pd.Categorical(FRAME["many"], [0.5, *range(60)])),
    "a missing category": FRAME.assign(word=pd.Categorical(FRAME["word"].where(FRAME["many"] > 3))),
    "a float column": FRAME.astype({"many": float}),
    "a missing text": FRAME.assign(word=FRAME["word"].where(FRAME["many"] > 3)),
    "a missing str": FRAME.assign(word=FRAME["word"].where(FRAME["many"] > 3).astype("str")),
    "a missing Int64": FRAME.assign(many=FRAME["many"].where(FRAME["many"] > 3).astype("Int64")),
    "a missing boolean": FRAME.assign(two=pd.array([True, pd.NA] * (N // 2), "boolean")),
    "sparse floats": FRAME.astype({"many": pd.SparseDtype("float64", 0.0)}),
    "times": FRAME.assign(many=pd.Timestamp("2020-01-01")),
    "periods": FRAME.assign(many=pd.period_range("2020", periods=N)),
    "texts for numbers": FRAME.assign(number="x"),
    "a category for numbers": FRAME.assign(other=pd.Categorical(FRAME["many"])),
    "a category where a number was": FRAME[["word", "number", "other", "many", "two", "unused"]],
    "tuple": tuple(map(tuple, FRAME.to_numpy()[:3])),
    "ragged": [[0.5, "a", 0.25, 3, "yes", 0.0], [0.5]],
    "three dimensions": FRAME.to_numpy()[None],
}


@MODELS
@pytest.mark.parametrize("kind", REFUSED)
def test_tables_that_catboost_refuses(model, kind, request):
    model, fast = request.getfixturevalue(model)
    with pytest.raises((catboost.CatBoostError, TypeError, ValueError)):
        model.predict(REFUSED[kind])
    with pytest.raises(perfcore.InputError):
        fast.predict(REFUSED[kind])


def test_numbers_where_categories_were_are_refused_by_kind(named):
    """All columns are there by name, but not where CatBoost looks for categories."""
    swapped = FRAME.assign(number=FRAME["many"], many=FRAME["number"].fillna(0))
    table = swapped.rename(columns={"number": "many", "many": "number"})[["many", "word", "other", "number", "two"]]
    with pytest.raises(catboost.CatBoostError):
        named[0].predict(table)
    with pytest.raises(perfcore.InputError, match="lies at position"):
        named[1].predict(table)


def test_one_row(named, assert_same_bits):
    model, fast = named
    assert len(fast.feature_names_in_) == 6 == fast.n_features_in_
    for i in range(20):
        row = UNSEEN.iloc[i]
        expected = model.predict(UNSEEN[i : i + 1])[0]
        for given_row in (row, dict(row), row[::-1], row.tolist(), row.to_numpy(), tuple(row)):
            assert_same_bits(expected, fast.predict_one(given_row))
    for wrong in (row[:5], {"word": "a"}, [0.5, "a"], None, "abcdef", UNSEEN.to_numpy()[:1], np.zeros(6)):
        with pytest.raises(perfcore.InputError):
            fast.predict_one(wrong)


def test_leaves_set_after_a_first_answer_are_refused():
    model = train("CatBoostRegressor", "number")
    model.predict(FRAME)
    model.set_leaf_values(model.get_leaf_values() + 1)
    with pytest.raises(perfcore.UnsupportedModelError, match="answers otherwise than what it saves"):
        perfcore.compile(model)


def test_a_predictor_of_categories_pickles(named, assert_same_bits):
    import pickle

    model, fast = named
    again = pickle.loads(pickle.dumps(fast))
    assert again.fingerprint == fast.fingerprint
    assert_same_bits(model.predict(UNSEEN), again.predict(UNSEEN))
