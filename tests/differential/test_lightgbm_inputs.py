"""Tables of every kind: read, or refused, as LightGBM's Booster and estimators do."""

import json
import re
import warnings

import numpy as np
import pytest

import perfcore

lightgbm = pytest.importorskip("lightgbm")
pd = pytest.importorskip("pandas")

from perfcore.errors import InputError  # noqa: E402

RNG = np.random.default_rng(2)
N, F = 700, 4
X = np.where(RNG.random((N, F)) < 0.05, np.nan, RNG.normal(size=(N, F)) * 50)
Y = np.nan_to_num(X) @ [1.0, -1.0, 0.5, 0.1]
PARAMS = {"verbose": -1, "num_leaves": 31, "min_data_in_leaf": 3, "num_threads": 1}
WHOLE = RNG.integers(-(2**31), 2**31, (60, F))
WHOLE[:20] = RNG.integers(-60, 60, (20, F))


@pytest.fixture(scope="module")
def booster():
    return lightgbm.train(PARAMS | {"objective": "regression"}, lightgbm.Dataset(X, Y), 20)


@pytest.fixture(scope="module")
def estimator():
    return lightgbm.LGBMRegressor(n_estimators=20, **PARAMS).fit(X, Y)


def both(source, X):
    """The source's answer and perfcore's, or the exception of each."""
    answers = []
    for predict in (lambda X: source.predict(X, num_threads=1), perfcore.compile(source).predict):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answers.append(predict(X))
        except Exception as error:  # noqa: BLE001 - whatever a table of rubbish brings up is the answer here
            answers.append(error)
    return answers


def agree(source, X, assert_same_bits):
    expected, got = both(source, X)
    if isinstance(expected, Exception):
        assert isinstance(got, InputError), (expected, got)
    else:
        assert not isinstance(got, Exception), got
        assert_same_bits(expected, got)


def unaligned(array):
    raw = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    assert not raw.flags.aligned
    return raw


FLOATS = X[:60]
TABLES = {
    **{f"float {code}": FLOATS.astype(code) for code in ("f2", "f4", "f8", "g", ">f4", ">f8", ">f2")},
    **{
        f"whole {c}": WHOLE.astype(c)
        for c in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">i8", ">u2", "?")
    },
    "large int64": WHOLE.astype(np.int64) * 2**30 + 1,
    "fortran": np.asfortranarray(FLOATS),
    "rows reversed": FLOATS[::-1],
    "every other column": np.repeat(FLOATS, 2, axis=1)[:, ::2],
    "columns reversed": FLOATS[:, ::-1],
    "broadcast": np.broadcast_to(FLOATS[0], (60, F)),
    "unaligned f8": unaligned(FLOATS),
    "unaligned f4": unaligned(FLOATS.astype("f4")),
    "read only": np.frombuffer(FLOATS.tobytes()).reshape(60, F),
    "objects": FLOATS.astype(object),
    "objects with None": np.array([[1, 2.5, None, True]], object),
    "object strings": np.array([["1", "2.5", "3", "nan"]], object),
    "object words": np.array([["1", "2.5", "3", "x"]], object),
    "large objects": np.array([[10**400, 0, 0, 0]], object),
    "strings": np.array([["1", "2.5", "3", "nan"]]),
    "words": np.array([["a", "b", "c", "d"]]),
    "bytes": np.array([[b"1", b"2", b"3", b"4"]]),
    "complex": FLOATS.astype(complex),
    "records": np.zeros((3, F), [("a", "f8")]),
    "matrix": FLOATS.view(np.matrix),
    "masked": np.ma.masked_invalid(FLOATS),
    "one row": FLOATS[:1],
    "infinite": np.where(FLOATS > 10, np.inf, FLOATS),
    "beyond float32": WHOLE.astype(object) * 10**40,
    "list of lists": FLOATS.tolist(),
    "list of whole numbers": WHOLE.tolist(),
    "list of mixed numbers": [[1, 2.5, True, np.float32(0.1)]],
    "list with None": [[1, 2, None, 4]],
    "list of strings": [["1", "2", "3", "4"]],
    "list of arrays": list(FLOATS[:5]),
    "list of float32 arrays": list(FLOATS[:5].astype("f4")),
    "list of tuples": list(map(tuple, FLOATS.tolist())),
    "ragged list": [[1, 2, 3, 4], [1]],
    "empty list": [],
    "list of nothing": [[]],
    "one dimension": FLOATS[0],
    "flat list": FLOATS[0].tolist(),
    "three dimensions": FLOATS[None],
    "no dimension": np.float64(1.0),
    "too narrow": FLOATS[:, :3],
    "too wide": np.hstack([FLOATS, FLOATS]),
    "a number": 3,
    "a word": "abc.csv",
    "None": None,
}


@pytest.mark.parametrize("name", TABLES)
def test_arrays_and_lists_are_read_as_the_booster_reads_them(name, booster, assert_same_bits):
    agree(booster, TABLES[name], assert_same_bits)


@pytest.mark.parametrize("name", TABLES)
def test_arrays_and_lists_are_read_as_the_estimator_reads_them(name, estimator, assert_same_bits):
    agree(estimator, TABLES[name], assert_same_bits)


def test_an_estimator_takes_tuples_as_arrays(estimator, assert_same_bits):
    agree(estimator, tuple(map(tuple, FLOATS.tolist())), assert_same_bits)


@pytest.mark.parametrize("n", [8191, 8192, 8193, 20_000])
@pytest.mark.parametrize("dtype", ["i4", ">f8", "f4"])
def test_tables_of_several_blocks(n, dtype, booster, assert_same_bits):
    table = RNG.integers(-100, 100, (n, F)).astype(dtype)
    agree(booster, table, assert_same_bits)
    agree(booster, pd.DataFrame(table.astype(dtype.strip(">"))), assert_same_bits)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_frames_of_one_array_of_any_layout(dtype, booster, estimator, assert_same_bits):
    cells = X.astype(dtype)
    raw = bytearray(1 + cells.nbytes)
    raw[1:] = cells.tobytes()
    layouts = {
        "rows": np.ascontiguousarray(cells),
        "columns": np.asfortranarray(cells),
        "backwards": cells[::-1].copy()[::-1],
        "every other row": np.repeat(cells, 2, axis=0)[::2],
        "not aligned": np.frombuffer(raw, dtype, cells.size, 1).reshape(cells.shape),
    }
    assert not layouts["not aligned"].flags.aligned
    for layout in layouts.values():
        for source in (booster, estimator):
            agree(source, pd.DataFrame(layout, copy=False), assert_same_bits)


def test_zero_rows(booster, estimator, assert_same_bits):
    three = lightgbm.train(PARAMS | {"objective": "multiclass", "num_class": 3}, lightgbm.Dataset(X, Y > 0), 3)
    for source in (booster, three):
        fast = perfcore.compile(source)
        assert_same_bits(source.predict(X[:0]), fast.predict(X[:0]))
        assert_same_bits(source.predict(X[:0], raw_score=True), fast.predict_raw(X[:0]))
        with pytest.raises(InputError, match="rows"):  # LightGBM divides by zero here
            fast.apply(X[:0])
    agree(estimator, X[:0], assert_same_bits)
    agree(booster, pd.DataFrame(X[:0]), assert_same_bits)


@pytest.mark.parametrize("fixture", ["booster", "estimator"])
@pytest.mark.parametrize(
    "row",
    [X[0], X[0].astype("f4"), X[0].tolist(), WHOLE[0], WHOLE[0].tolist(), [1, 2.5, None, True], [2**40 + 1, 1, 0, 7]],
    ids=str,
)
def test_one_row_is_the_table_of_that_row(fixture, row, request, assert_same_bits):
    source = request.getfixturevalue(fixture)
    table = row[None] if isinstance(row, np.ndarray) else [row]
    assert_same_bits(source.predict(table)[0], perfcore.compile(source).predict_one(row))


@pytest.mark.parametrize("row", [X[:1], X[0, :3], [1, 2, 3], ["a"] * 4, {"a": 1}, 5, None], ids=str)
def test_rows_of_the_wrong_kind_are_refused(row, booster, estimator):
    for source in (booster, estimator):
        with pytest.raises(InputError):
            perfcore.compile(source).predict_one(row)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (3.0, "float"),
        (None, "NoneType"),
        ({1, 2}, "set"),
        (X[:1], "ndarray of shape (1, 4)"),
        ([1, 2], "list of shape (2,)"),
        ([[1] * 4], "list of shape (1, 4)"),
    ],
)
def test_a_row_of_another_shape_is_named_as_one(row, named, booster, estimator):
    for source in (booster, estimator):
        with pytest.raises(InputError, match=re.escape(f"expected one row of 4 cells, got a {named}") + "$"):
            perfcore.compile(source).predict_one(row)


# -- data frames ----------------------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {
        "height": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(size=N)),
        "colour": pd.Categorical(RNG.choice(["red", "green", "blue", None], N)),
        "count": RNG.integers(0, 50, N),
        "size": pd.Categorical(RNG.choice([3, 1, 40], N), categories=[40, 1, 3]),
        "flag": RNG.random(N) < 0.5,
    }
)
FRAME_Y = (
    FRAME["height"].fillna(0)
    + 2 * (FRAME["colour"] == "green")
    - (FRAME["colour"] == "blue")
    + FRAME["size"].astype(int) % 2
    + FRAME["count"] * FRAME["flag"] / 50
).to_numpy()


@pytest.fixture(scope="module")
def frame_booster():
    return lightgbm.train(
        PARAMS | {"objective": "regression", "min_data_per_group": 1, "cat_smooth": 0.0},
        lightgbm.Dataset(FRAME, FRAME_Y),
        20,
    )


@pytest.fixture(scope="module")
def frame_estimator():
    return lightgbm.LGBMRegressor(n_estimators=20, **PARAMS).fit(FRAME, FRAME_Y)


def changed(**columns):
    return FRAME.head(80).assign(**columns)


HEAD = FRAME.head(80)
FRAMES = {
    "as trained": FRAME,
    "unseen colours": changed(colour=pd.Categorical(RNG.choice(["red", "violet", "green"], 80))),
    "categories in another order": changed(colour=HEAD["colour"].cat.set_categories(["red", "green", "blue"])),
    "fewer categories": changed(colour=pd.Categorical(["red"] * 80)),
    "no category at all": changed(colour=pd.Categorical([None] * 80)),
    "ordered categories": changed(colour=HEAD["colour"].cat.as_ordered()),
    "object categories": changed(colour=pd.Categorical(HEAD["colour"].astype(object))),
    "number categories as floats": changed(size=pd.Categorical(HEAD["size"].astype(float))),
    "number categories as strings": changed(size=pd.Categorical(HEAD["size"].astype(str))),
    "number categories as bools": changed(size=pd.Categorical(HEAD["size"].astype(int) == 1)),
    "many categories": changed(colour=pd.Categorical([f"c{i}" for i in range(79)] + ["red"])),
    "category count differs": changed(size=HEAD["size"].astype(int)),
    "one category more": changed(count=HEAD["count"].astype("category")),
    "columns in another order": HEAD[["flag", "size", "count", "colour", "height"]],
    "other names": HEAD.set_axis(list("vwxyz"), axis=1),
    "whole names": HEAD.set_axis(range(5), axis=1),
    "names twice": HEAD.set_axis(["a", "b", "a", "c", "d"], axis=1),
    "category names twice": HEAD.set_axis(["a", "b", "c", "b", "d"], axis=1),
    "another index": HEAD.set_axis(RNG.permutation(80), axis=0),
    "rows of a larger frame": FRAME.iloc[10:70:3],
    "float32": changed(height=HEAD["height"].astype("f4"), count=HEAD["count"].astype("i2")),
    "float16": changed(height=HEAD["height"].astype("f2")),
    "nullable": HEAD.convert_dtypes().assign(colour=HEAD["colour"], size=HEAD["size"]),
    "nullable with NA": changed(
        height=pd.array([None, 1.5] * 40, dtype="Float32"),
        count=pd.array([1, None] * 40, dtype="Int64"),
        flag=pd.array([True, None] * 40, dtype="boolean"),
    ),
    "large nullable": changed(count=pd.array([2**62 + 1, None] * 40, dtype="Int64")),
    "large whole numbers": changed(count=np.arange(80) * 2**50 + 1),
    "unsigned": changed(count=np.arange(80).astype("u8") + 2**63),
    "sparse": changed(count=pd.arrays.SparseArray(np.arange(80) % 3)),
    "objects": changed(count=HEAD["count"].astype(object)),
    "strings": changed(count=HEAD["count"].astype(str)),
    "dates": changed(count=pd.date_range("2020-01-01", periods=80)),
    "spans": changed(count=pd.to_timedelta(np.arange(80), unit="s")),
    "complex": changed(count=HEAD["count"].astype(complex)),
    "too narrow": HEAD.iloc[:, :4],
    "too wide": changed(more=1.0),
    "no rows": HEAD.iloc[:0],
    "infinite": changed(height=np.inf),
    "as numbers": HEAD.assign(colour=HEAD["colour"].cat.codes, size=HEAD["size"].cat.codes),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_read_as_the_booster_reads_them(name, frame_booster, assert_same_bits):
    agree(frame_booster, FRAMES[name], assert_same_bits)


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_read_as_the_estimator_reads_them(name, frame_estimator, assert_same_bits):
    agree(frame_estimator, FRAMES[name], assert_same_bits)


@pytest.mark.parametrize("name", ["as trained", "unseen colours", "category count differs", "nullable with NA"])
def test_frames_are_read_as_the_file_reads_them(name, frame_booster, assert_same_bits, tmp_path):
    frame_booster.save_model(tmp_path / "m.txt")
    perfcore.compile(tmp_path / "m.txt").save(tmp_path / "m.pcore")
    expected, _ = both(lightgbm.Booster(model_file=tmp_path / "m.txt"), FRAMES[name])
    for fast in (perfcore.compile(tmp_path / "m.txt"), perfcore.load(tmp_path / "m.pcore")):
        if isinstance(expected, Exception):
            with pytest.raises(InputError, match="categorical_feature do not match"):
                fast.predict(FRAMES[name])
        else:
            assert_same_bits(expected, fast.predict(FRAMES[name]))


def test_a_model_of_arrays_reads_the_codes_of_a_frames_categories(booster, assert_same_bits):
    agree(
        booster, pd.DataFrame(X[:50]).assign(c=pd.Categorical(list("ab") * 25)).iloc[:, [0, 1, 2, 4]], assert_same_bits
    )
    twice = pd.DataFrame(X[:50]).assign(c=pd.Categorical(list("ab") * 25)).iloc[:, [0, 1, 4, 4]]
    agree(booster, twice, assert_same_bits)


def test_a_row_by_name_is_a_frame_of_one_row(frame_booster, frame_estimator, assert_same_bits):
    for source in (frame_booster, frame_estimator):
        fast = perfcore.compile(source)
        for i in range(40):
            row = FRAME.iloc[i].to_dict()
            assert_same_bits(source.predict(FRAME.iloc[i : i + 1])[0], fast.predict_one(row))
        unseen = row | {"colour": "violet"}
        expected = source.predict(FRAME.iloc[i : i + 1].assign(colour=pd.Categorical(["violet"])))[0]
        assert_same_bits(expected, fast.predict_one(unseen))
        assert_same_bits(expected, fast.predict_one(dict(reversed(unseen.items()))))
        assert_same_bits(expected, fast.predict_one(row | {"colour": pd.NA}))
        for wrong in (row | {"more": 1}, {k: v for k, v in row.items() if k != "flag"}, row | {"count": "x"}):
            with pytest.raises(InputError):
                fast.predict_one(wrong)


@pytest.mark.parametrize("values", [[0, 1, 2, 3], [0.0, 1.0, 2.5, 3.0], [False, True], ["a", "b"], [True, "a", 2, 1.5]])
def test_a_category_of_a_row_by_name_is_found_where_pandas_finds_it(values, assert_same_bits):
    codes = RNG.integers(0, len(values), 200)
    column = pd.Series([values[i] for i in codes]).astype("category")
    frame = pd.DataFrame({"kind": column, "x": RNG.normal(size=200)})
    options = {"min_data_per_group": 1, "cat_smooth": 0, "min_data_in_leaf": 2, "objective": "regression"}
    booster = lightgbm.train(PARAMS | options, lightgbm.Dataset(frame, codes * 2.0), 5)
    fast = perfcore.compile(booster)
    for value in (True, False, np.True_, 0, 1, 1.0, 2, 2.5, np.int8(1), np.float32(1), "a", "1", None, np.nan, pd.NA):
        one = pd.DataFrame({"kind": pd.Series([value]).astype("category"), "x": [0.5]})
        assert_same_bits(booster.predict(one)[0], fast.predict_one({"kind": value, "x": 0.5}), values, value)


def test_a_row_by_name_is_refused_where_the_category_columns_are_unknown():
    frame = FRAME.assign(colour=FRAME["colour"].cat.as_ordered())  # ordered: not listed as a categorical feature
    booster = lightgbm.train(PARAMS | {"objective": "regression"}, lightgbm.Dataset(frame, FRAME_Y), 5)
    with pytest.raises(InputError, match="pass a DataFrame of one row"):
        perfcore.compile(booster).predict_one(frame.iloc[0].to_dict())


def test_blocks_are_the_callers_own_array_where_a_kernel_can_read_it(booster):
    inputs = perfcore.compile(booster)._model.inputs
    for table in (X, X.astype("f4"), np.asfortranarray(X), X[::-2], np.repeat(X, 2, axis=1)[:, ::2]):
        n, blocks = inputs.blocks(table)
        (block,) = blocks
        assert n == len(table) and np.shares_memory(block, table) and block.strides == table.strides


def test_the_table_itself_stays_as_it_was(frame_booster):
    before = FRAME.copy(deep=True)
    perfcore.compile(frame_booster).predict(FRAME)
    pd.testing.assert_frame_equal(before, FRAME)


def test_category_values_that_json_keeps_are_kept(frame_booster):
    known = perfcore.compile(frame_booster)._model.inputs.pandas_categorical
    assert json.loads(json.dumps(known)) == frame_booster.pandas_categorical == [["blue", "green", "red"], [40, 1, 3]]
