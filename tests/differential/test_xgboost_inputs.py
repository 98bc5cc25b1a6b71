"""Tables as XGBoost takes them: what it accepts gives its bits, what it refuses is refused."""

import warnings

import numpy as np
import pytest

import perfcore
from perfcore.errors import InputError

xgboost = pytest.importorskip("xgboost")
pd = pytest.importorskip("pandas")

VERSION = tuple(int(part) for part in xgboost.__version__.split(".")[:2])
RNG = np.random.default_rng(5)
N = 200
X = RNG.normal(size=(N, 3)).astype(np.float32)
Y = X[:, 0] * X[:, 1] + X[:, 2]
NAMES = ["height", "width", "depth"]
FRAME = pd.DataFrame(X, columns=NAMES)
LEVELS = ["b", "d", "f", "h"]
SIZES = np.array([9, 3, 5])


@pytest.fixture(autouse=True)
def quiet():
    with xgboost.config_context(verbosity=0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def fitted(X=X, y=Y, **parameters):
    return xgboost.XGBRegressor(n_estimators=4, max_depth=4, n_jobs=1, **parameters).fit(X, y)


def both_ways(estimator):
    """(perfcore, xgboost) as an estimator predicts, and as its Booster does through DMatrix."""
    booster = estimator.get_booster()
    yield perfcore.compile(estimator).predict, estimator.predict
    yield (
        perfcore.compile(booster).predict,
        lambda X: booster.predict(xgboost.DMatrix(X, enable_categorical=True, nthread=1)),
    )


def category_frame(levels=LEVELS, sizes=SIZES, n=N, seed=0):
    rng = np.random.default_rng(seed)
    names = rng.choice(LEVELS, n)
    return pd.DataFrame(
        {
            "name": pd.Categorical(names, categories=levels),
            "size": pd.Categorical(rng.choice(SIZES, n), categories=sizes),
            "x": rng.normal(size=n),
        }
    )


@pytest.fixture(scope="module")
def with_categories():
    if VERSION < (3, 1):
        pytest.skip("xgboost remembers categories since 3.1")
    frame = category_frame()
    y = frame["name"].cat.codes * 1.5 + frame["size"].cat.codes * 10 + frame["x"]
    return fitted(frame, y, enable_categorical=True, tree_method="hist", max_cat_to_onehot=1)


# -- arrays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "O"])
def test_arrays_of_any_number_type(dtype, assert_same_bits):
    cells = np.round(np.abs(X) * 3)
    cells = (cells > 2 if dtype == "?" else cells).astype(dtype)
    for fast, theirs in both_ways(fitted(cells.astype(np.float32))):
        assert_same_bits(theirs(cells), fast(cells))
        assert_same_bits(theirs(cells.tolist()), fast(cells.tolist()))


def test_whole_numbers_are_rounded_once(assert_same_bits):
    cells = np.array([2**24 + 1, 2**53 + 2**29 + 1, 2**60 + 2**36 + 1, 2**62, -(2**60) - 1, 2**24 + 3], np.int64)[
        :, None
    ]
    cells = np.concatenate([cells, cells.astype(np.float32).astype(np.int64)])
    for kind in ("i8", "u8"):
        table = cells.astype(kind)
        estimator = xgboost.XGBRegressor(n_estimators=30, max_depth=6, min_child_weight=0, tree_method="exact")
        estimator.fit(table, np.arange(len(table)))
        for fast, theirs in both_ways(estimator):
            assert_same_bits(theirs(table), fast(table))
            assert_same_bits(theirs(pd.DataFrame(table)), fast(pd.DataFrame(table)))


@pytest.mark.parametrize("cell", [np.inf, -np.inf, 1e300, 3.4028235677973366e38])
def test_infinities_are_refused_where_dmatrix_refuses_them(cell, assert_same_bits):
    estimator = fitted()
    rows = X[:5].astype(np.float64)
    rows[2, 1] = cell
    assert_same_bits(estimator.predict(rows), perfcore.compile(estimator).predict(rows))
    fast = perfcore.compile(estimator.get_booster())
    for table in (rows, rows.astype(np.float32), pd.DataFrame(rows), rows.tolist()):
        with pytest.raises(xgboost.core.XGBoostError, match="inf"):
            estimator.get_booster().predict(xgboost.DMatrix(table))
        with pytest.raises(InputError, match="inf"):
            fast.predict(table)
    below = np.where(rows == cell, 3.4028235677973362e38, rows)
    assert_same_bits(estimator.get_booster().predict(xgboost.DMatrix(below)), fast.predict(below))


def test_columns_too_few_are_missing_to_a_booster_and_wrong_to_an_estimator(assert_same_bits):
    estimator = fitted()
    booster = estimator.get_booster()
    for table in (X[:, :2], X[:, :2].astype(np.float64), pd.DataFrame(X[:, :2])):
        assert_same_bits(booster.predict(xgboost.DMatrix(table)), perfcore.compile(booster).predict(table))
        with pytest.raises(InputError, match="Feature shape mismatch, expected: 3, got 2"):
            perfcore.compile(estimator).predict(table)
    for source in (estimator, booster):
        with pytest.raises(InputError, match="Feature shape mismatch, expected: 3, got 6"):
            perfcore.compile(source).predict(np.hstack([X, X]))


@pytest.mark.parametrize(
    "table",
    [X[0], X[None], [["1", "2", "3"]], np.array([["1", "2", "3"]]), X.astype(complex), X.astype(">f4"),
     np.zeros((2, 3), "M8[s]"), np.asfortranarray(X.astype(np.longdouble)), pd.DataFrame(X.astype(np.longdouble)),
     pd.DataFrame(index=range(4)), pd.DataFrame()],
    ids=["one dimension", "three", "texts", "text array", "complex", "byte order", "dates", "longdouble",
         "frame of longdouble", "no columns", "nothing"],
)  # fmt: skip
def test_what_is_no_table_of_numbers_is_refused(table):
    for source in (fitted(), fitted().get_booster()):
        with pytest.raises(InputError):
            perfcore.compile(source).predict(table)


# -- frames -----------------------------------------------------------------------------------------------


def test_frames_by_name(assert_same_bits):
    estimator = fitted(FRAME)
    for fast, theirs in both_ways(estimator):
        assert_same_bits(theirs(FRAME), fast(FRAME))
        mixed = FRAME.astype({"width": np.float64})
        assert_same_bits(theirs(mixed), fast(mixed))
        for other in (FRAME[NAMES[::-1]], FRAME.rename(columns={"width": "w"}), FRAME[NAMES[:2]], FRAME.assign(z=1)):
            with pytest.raises((ValueError, xgboost.core.XGBoostError)):
                theirs(other)
            with pytest.raises(InputError):
                fast(other)
    booster = perfcore.compile(estimator.get_booster())
    with pytest.raises(InputError, match="did not contain feature names"):
        booster.predict(X)
    assert_same_bits(estimator.predict(X), perfcore.compile(estimator).predict(X))
    assert list(booster.feature_names_in_) == NAMES
    row = dict(zip(NAMES, X[3].tolist(), strict=True))
    assert_same_bits(estimator.predict(FRAME)[3], booster.predict_one(row))
    assert_same_bits(estimator.predict(FRAME)[3], booster.predict_one(X[3]))
    with pytest.raises(InputError, match="width"):
        booster.predict_one({"height": 1.0, "depth": 2.0})


def test_numbered_and_layered_column_names(assert_same_bits):
    layered = pd.DataFrame(X, columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]))
    for frame in (pd.DataFrame(X), layered):
        for fast, theirs in both_ways(fitted(frame)):
            assert_same_bits(theirs(frame), fast(frame))


NUMBER_TYPES = ["int8", "uint16", "int64", "float16", "float64", "bool", "Int64", "UInt8", "Float32", "Float64"]
NUMBER_TYPES += ["boolean", "int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "Sparse[float]"]


@pytest.mark.parametrize("dtype", NUMBER_TYPES)
def test_frame_columns_of_any_number_type(dtype, assert_same_bits):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    cells = RNG.integers(0, 2 if "bool" in dtype else 90, N)
    if "64" in dtype and "nt" in dtype:
        cells = cells + 2**53 + 2**29
    column = pd.Series(cells).astype(dtype)
    frames = [pd.DataFrame({"a": column, "b": X[:, 0]})]
    if dtype[0] in "IUF" or "pyarrow" in dtype or dtype == "boolean":
        absent = column.copy()
        absent[::3] = None
        frames.append(pd.DataFrame({"a": absent, "b": X[:, 0]}))
    estimator = fitted(frames[0], cells % 7 + X[:, 0])
    for frame in frames:
        for fast, theirs in both_ways(estimator):
            assert_same_bits(theirs(frame), fast(frame), frame.dtypes)


@pytest.mark.parametrize(
    "column", [["a"] * N, [None] * N, pd.date_range("2020", periods=N)], ids=["text", "None", "date"]
)
def test_frame_columns_of_no_number_are_refused(column):
    frame = FRAME.assign(width=column)
    for fast, theirs in both_ways(fitted(FRAME)):
        with pytest.raises(ValueError):
            theirs(frame)
        with pytest.raises(InputError, match="width"):
            fast(frame)


def test_frames_longer_than_a_block(assert_same_bits):
    long = pd.concat([FRAME.assign(width=FRAME["width"].astype("Float64"))] * 90, ignore_index=True)
    for fast, theirs in both_ways(fitted(FRAME)):
        assert_same_bits(theirs(long), fast(long))


# -- categories ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "levels, sizes",
    [(LEVELS, SIZES), (LEVELS[::-1], SIZES), (["h", "b", "f", "d"], SIZES[::-1]), (["d", "f"], SIZES[1:])],
)
def test_categories_are_told_by_value(with_categories, levels, sizes, assert_same_bits):
    frame = category_frame(levels, sizes, n=40, seed=1)
    for fast, theirs in both_ways(with_categories):
        assert_same_bits(theirs(frame), fast(frame))


def test_categories_not_seen_in_training_are_refused(with_categories):
    # xgboost before 3.4 takes an unseen category for the next one in order unless it lies beyond the last.
    for fast, _ in both_ways(with_categories):
        for levels, sizes in (([*LEVELS, "z"], SIZES), ([*LEVELS, "c"], SIZES), (LEVELS, [*SIZES, 99])):
            with pytest.raises(InputError, match="not in the training set"):
                fast(category_frame(levels, np.array(sizes)))


def test_categories_of_another_kind_are_refused(with_categories):
    frame = category_frame()
    others = [
        frame.assign(size=frame["size"].cat.rename_categories(np.array([9, 3, 5], np.int32))),
        frame.assign(size=frame["size"].cat.rename_categories(["9", "3", "5"])),
        frame.assign(size=frame["size"].cat.rename_categories([9.0, 3.0, 5.0])),
        frame.assign(name=frame["name"].cat.codes),
        frame.assign(x=pd.Categorical(["b"] * N)),
    ]
    for fast, theirs in both_ways(with_categories):
        for other in others:
            with pytest.raises((xgboost.core.XGBoostError, ValueError)):
                theirs(other)
            with pytest.raises(InputError):
                fast(other)


@pytest.mark.parametrize(
    "values",
    [X[:, 1], X[:, 1] > 0, [1, "a"] * (N // 2), [None] * N, pd.array([1, 2] * (N // 2), "Int64")],
    ids=["float", "bool", "mixed", "none", "Int64"],
)
def test_category_values_that_are_neither_text_nor_whole_numbers(values, assert_same_bits):
    """Since 3.1 they are looked at even where the model remembers no categories."""
    frame = FRAME.assign(width=pd.Categorical(values))
    for fast, theirs in both_ways(fitted(FRAME)):
        try:
            expected = theirs(frame)
        except (xgboost.core.XGBoostError, ValueError, TypeError):
            with pytest.raises(InputError, match="column 1: categories"):
                fast(frame)
        else:
            assert_same_bits(expected, fast(frame))


def test_category_codes_in_tables_of_numbers(with_categories, assert_same_bits):
    codes = [0, 1, 2, 3, 4, 31, 32, 1e6, 2**24 - 1, 2**24, 1e30, -1, -0.5, -0.0, 0.5, 1.99, np.nan]
    table = np.column_stack([codes, codes[::-1], np.zeros(len(codes))])
    frame = pd.DataFrame(table, columns=["name", "size", "x"])
    fast = perfcore.compile(with_categories)
    assert_same_bits(with_categories.predict(table), fast.predict(table))
    with pytest.raises(xgboost.core.XGBoostError):
        with_categories.predict(frame)
    with pytest.raises(InputError):
        fast.predict(frame)
    booster = with_categories.get_booster()
    matrix = xgboost.DMatrix(frame)
    assert_same_bits(booster.predict(matrix), perfcore.compile(booster).predict(frame))


@pytest.mark.parametrize("missing", [0.0, 2.0])
def test_a_missing_value_is_compared_before_categories_are_recoded(missing, assert_same_bits):
    frame = category_frame()
    frame["x"] = frame["x"].round()
    y = frame["name"].cat.codes * 1.5 + frame["size"].cat.codes * 10.0 + frame["x"]
    estimator = fitted(frame, y, enable_categorical=True, missing=missing, max_cat_to_onehot=1)
    fast = perfcore.compile(estimator)
    for levels, sizes in ((LEVELS, SIZES), (LEVELS[::-1], SIZES[::-1])):
        table = category_frame(levels, sizes, seed=2).assign(x=frame["x"])
        assert_same_bits(estimator.predict(table), fast.predict(table))
    table = np.column_stack([frame["name"].cat.codes, frame["size"].cat.codes, frame["x"]]).astype(np.float64)
    assert_same_bits(estimator.predict(table), fast.predict(table))


def test_a_row_by_name_holds_category_values(with_categories, tmp_path, assert_same_bits):
    frame = category_frame(n=12, seed=3)
    perfcore.compile(with_categories).save(tmp_path / "model.pcore")
    fast = perfcore.load(tmp_path / "model.pcore")
    expected = with_categories.predict(frame)
    assert_same_bits(expected, fast.predict(frame))
    for i, row in enumerate(frame.to_dict("records")):
        assert_same_bits(expected[i], fast.predict_one(row))
        codes = [LEVELS.index(row["name"]), SIZES.tolist().index(row["size"]), row["x"]]
        assert_same_bits(expected[i], fast.predict_one(codes))
    with pytest.raises(InputError, match="`q`"):
        fast.predict_one({"name": "q", "size": 3, "x": 0.0})


def test_category_names_beyond_ascii(assert_same_bits):
    levels = ["選手乙", "é", "選手甲", "a"]
    frame = category_frame().drop(columns="size")
    frame["name"] = frame["name"].cat.rename_categories(levels)
    estimator = fitted(frame, frame["name"].cat.codes * 1.5 + frame["x"], enable_categorical=True, max_cat_to_onehot=1)
    for fast, theirs in both_ways(estimator):
        assert_same_bits(theirs(frame), fast(frame))
        other = frame.assign(name=frame["name"].cat.reorder_categories(sorted(levels)))
        try:
            ours = fast(other)
        except InputError:  # before 3.4 xgboost cuts names, and guesses at those it no longer knows
            assert VERSION < (3, 4)
        else:
            assert_same_bits(theirs(other), ours)


def test_codes_where_the_model_remembers_no_categories(assert_same_bits):
    codes = RNG.integers(0, 4, N).astype(np.float32)
    matrix = xgboost.DMatrix(
        np.column_stack([codes, X[:, 0]]), codes, feature_types=["c", "q"], feature_names=["c", "x"]
    )
    booster = xgboost.train({"tree_method": "hist", "max_cat_to_onehot": 1}, matrix, 3)
    frame = pd.DataFrame({"c": pd.Categorical(list("abcd"), categories=list("dcba")), "x": np.float32(0)})
    expected = booster.predict(xgboost.DMatrix(frame, enable_categorical=True))
    assert_same_bits(expected, perfcore.compile(booster).predict(frame))


def test_an_estimator_that_cannot_predict_itself_is_refused():
    estimator = fitted().set_params(missing=None)
    with pytest.raises(xgboost.core.XGBoostError):
        estimator.predict(X)
    with pytest.raises(perfcore.UnsupportedModelError, match="missing=None"):
        perfcore.compile(estimator)


def test_a_booster_that_xgboost_cannot_write_is_refused():
    booster = fitted().get_booster()
    booster.set_param({"objective": "multi:softmax"})  # without the number of classes
    with pytest.raises(perfcore.UnsupportedModelError, match="cannot write this model: .*num_class"):
        perfcore.compile(booster)


# -- DMatrix ----------------------------------------------------------------------------------------------


def dmatrices():
    cells = np.where(RNG.random(X.shape) < 0.2, np.nan, np.nan_to_num(X))
    sparse = pytest.importorskip("scipy.sparse")
    yield "array", lambda: xgboost.DMatrix(cells)
    yield "missing", lambda: xgboost.DMatrix(np.nan_to_num(cells), missing=0.0)
    yield "frame", lambda: xgboost.DMatrix(pd.DataFrame(cells, columns=FRAME.columns))
    yield "other names", lambda: xgboost.DMatrix(pd.DataFrame(cells).add_prefix("z"))
    yield "narrow", lambda: xgboost.DMatrix(cells[:, :-1])
    yield "wide", lambda: xgboost.DMatrix(np.hstack([cells, cells]))
    yield "sparse", lambda: xgboost.DMatrix(sparse.csr_matrix(np.nan_to_num(cells)))
    yield "one row", lambda: xgboost.DMatrix(cells[:1])
    yield "doubles", lambda: xgboost.DMatrix(cells.astype(np.float64) * 1.1)


@pytest.mark.parametrize("kind", dict(dmatrices()))
@pytest.mark.parametrize("is_named", [False, True])
def test_a_dmatrix_answers_as_it_does_for_the_booster(kind, is_named, assert_same_bits):
    source = (fitted(FRAME) if is_named else fitted()).get_booster()
    table = dict(dmatrices())[kind]()
    try:
        expected = source.predict(table)
    except (ValueError, xgboost.core.XGBoostError):
        with pytest.raises(InputError):
            perfcore.compile(source).predict(table)
    else:
        assert_same_bits(expected, perfcore.compile(source).predict(table))


def test_what_a_dmatrix_would_add_is_refused():
    cells = np.nan_to_num(X)
    fast = perfcore.compile(fitted().get_booster())
    with pytest.raises(InputError, match="base_margin"):
        fast.predict(xgboost.DMatrix(cells, base_margin=np.ones(len(cells))))
    with pytest.raises(InputError, match="categories"):
        fast.predict(xgboost.DMatrix(np.abs(cells.round()), feature_types=["c"] * cells.shape[1]))
    with pytest.raises(InputError):
        fast.predict(xgboost.QuantileDMatrix(cells))
    with pytest.raises(InputError, match="get_booster"):
        perfcore.compile(fitted()).predict(xgboost.DMatrix(cells))
