"""Tables at scikit-learn models: taken, refused and warned of as the source does, with the same bits where taken."""

import re
import warnings

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
from scipy import sparse  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402
from sklearn.tree import DecisionTreeClassifier, ExtraTreeRegressor  # noqa: E402

RNG = np.random.default_rng(3)
X = RNG.normal(size=(400, 4))
NAMES = ["age", "height", "width", "zeal"]
FRAME = pd.DataFrame(X, columns=NAMES)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
KINDS = {
    "tree": DecisionTreeClassifier(max_depth=5),
    "tree without NaN": ExtraTreeRegressor(max_depth=5, splitter="best"),
    "forest": RandomForestClassifier(5, max_depth=5),
    "exact boosting": GradientBoostingRegressor(n_estimators=5),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=5),
    "isolation": IsolationForest(n_estimators=5, random_state=0),
    "bagging": BaggingClassifier(n_estimators=5, random_state=0),
    "bagging without NaN": BaggingRegressor(ExtraTreeRegressor(max_depth=5, splitter="best"), n_estimators=5),
    "AdaBoost": AdaBoostClassifier(n_estimators=5, random_state=0),
    "AdaBoost of numbers": AdaBoostRegressor(n_estimators=5, random_state=0),
    "ridge": Ridge(),
    "logistic": LogisticRegression(),
}


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def fit(kind, named):
        if (kind, named) not in made:
            model = clone(KINDS[kind]).fit(FRAME if named else X, Y)
            made[kind, named] = model, perfcore.compile(model)
        return made[kind, named]

    return fit


def decision(function, table):
    """("error", class) or ("answer", value, warnings): what a call did."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = function(table)
        except (TypeError, ValueError) as error:
            return "error", error
    return "answer", answer, [str(each.message) for each in caught if each.category is UserWarning]


def with_cell(value, dtype=float):
    table = X[:50].astype(dtype)
    table[20, 2] = value
    return table


def ragged():
    return [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0]]


HUGE = float(np.finfo(np.float32).max)
HALFWAY = float.fromhex("0x1.ffffffp127")  # the first float64 that rounds to an infinite float32
TABLES = {
    "plain": X,
    "one row": X[:1],
    "readonly": np.frombuffer(X.tobytes()).reshape(X.shape),
    "unaligned": np.frombuffer(b"\0" + X.tobytes(), offset=1).reshape(X.shape),
    "longer than a block": np.tile(X, (25, 1)),
    "longer than a block, float16": np.tile(X, (25, 1)).astype(np.float16),
    "NaN": with_cell(np.nan),
    "NaN, float32": with_cell(np.nan, np.float32),
    "inf": with_cell(np.inf),
    "-inf, float32": with_cell(-np.inf, np.float32),
    "-inf and NaN": np.where(X > 1, np.nan, with_cell(-np.inf)[0]),
    "inf in the last row": np.concatenate([np.tile(X, (25, 1)), [[0, 0, 0, np.inf]]]),
    "NaN in an object": with_cell(np.nan, object),
    "None in an object": with_cell(None, object),
    "inf in an object": with_cell(np.inf, object),
    "largest float32": with_cell(HUGE),
    "the float64 before halfway": with_cell(np.nextafter(HALFWAY, 0)),
    "halfway to infinity": with_cell(HALFWAY),
    "too large for float32": with_cell(-1e300),
    "too large for float32, object": with_cell(1e300, object),
    "too large for float32, list": with_cell(1e300).tolist(),
    "large sum": np.full((50, 4), 3e38),
    "large sum, float32": np.full((50, 4), 3e38, np.float32),
    "denormal": with_cell(5e-324),
    "int8": (X * 20).astype(np.int8),
    "uint64": np.full((5, 4), 2**64 - 1, np.uint64),
    "large int": np.full((5, 4), 2**60 + 12345, np.int64),
    "large python int": [[2**60 + 12345] * 4] * 3,
    "huge python int": [[10**300] * 4] * 3,
    "longdouble": X.astype(np.longdouble),
    "complex": X.astype(complex),
    "list of complex": X[:5].astype(complex).tolist(),
    "list of complex arrays": list(X[:5].astype(complex)),
    "object of complex": X[:5].astype(complex).astype(object),
    "strings of numbers": X[:5].astype(str),
    "strings": np.full((5, 4), "text"),
    "list of strings": [["a", "b", "c", "d"]],
    "object with a string": with_cell("text", object),
    "bytes": np.full((5, 4), b"1.5"),
    "dates": np.full((5, 4), np.datetime64("2020-01-01")),
    "1-D": X[0],
    "0-D": np.float64(3),
    "3-D": X[None],
    "list 1-D": X[0].tolist(),
    "empty list": [],
    "ragged": ragged(),
    "no rows": X[:0],
    "no columns": X[:, :0],
    "too narrow": X[:, :3],
    "too wide": np.c_[X, X],
    "sparse": sparse.csr_array(np.where(X > 0, X, 0)),
    "None": None,
    "string": "text",
    "tuple of rows": tuple(map(tuple, X[:5])),
    "list of arrays": list(X[:5]),
    "structured": np.zeros(5, [("a", float), ("b", float)]),
    "matrix": np.asmatrix(X),
    "masked": np.ma.masked_array(X, X > 2),
    # data frames
    "frame": FRAME,
    "frame without rows": FRAME[:0],
    "frame of other names": FRAME.rename(columns={"age": "years"}),
    "frame in another order": FRAME[NAMES[::-1]],
    "frame with one column more": FRAME.assign(more=1.0),
    "frame with one column fewer": FRAME[NAMES[:3]],
    "frame with numbers for names": pd.DataFrame(X),
    "frame with mixed names": FRAME.rename(columns={"age": 1}),
    "frame with a name twice": FRAME.set_axis(["age", "age", "width", "zeal"], axis=1),
    "frame float32": FRAME.astype(np.float32),
    "frame of many types": FRAME.assign(
        age=(X[:, 0] * 9).astype(int), height=X[:, 1].astype(np.float32), width=X[:, 2] > 0
    ),
    "frame of large int and float": FRAME.assign(age=2**60 + 12345),
    "frame of large int": pd.DataFrame(np.full((5, 4), 2**60 + 12345), columns=NAMES),
    "frame of large int and object": FRAME.assign(age=2**60 + 12345, zeal=FRAME.zeal.astype(object)),
    "frame of large int and bool": FRAME.assign(age=2**60 + 12345, zeal=True),
    "frame of nullable numbers": FRAME.convert_dtypes(),
    "frame with nullable NA": FRAME.assign(age=pd.array([1, None] * 200, "Int64"), zeal=pd.array([True, None] * 200)),
    "frame of nullable large int": FRAME.assign(age=pd.array([2**60 + 12345] * 400, "Int64")),
    "frame with NaN": FRAME.mask(FRAME > 1),
    "frame with inf": FRAME.replace(FRAME.iloc[3, 2], np.inf),
    "frame of strings": FRAME.assign(age="text"),
    "frame of strings of numbers": FRAME.assign(age="1.5"),
    "frame of numeric categories": FRAME.assign(age=pd.Categorical(np.arange(400) % 3)),
    "frame of text categories": FRAME.assign(age=pd.Categorical(["a", "b"] * 200)),
    "frame of bool categories": FRAME.assign(age=pd.Categorical([True, False] * 200)),
    "frame with dates": FRAME.assign(age=pd.Timestamp("2020-01-01")),
    "frame with None": FRAME.assign(age=None),
    "frame of objects": FRAME.astype(object),
    "frame with complex": FRAME.assign(age=1j),
    "frame of sparse columns": FRAME.astype(pd.SparseDtype(float)),
    "frame with one sparse column": FRAME.assign(age=pd.arrays.SparseArray([0.0, 1.0] * 200)),
    "longer frame": pd.concat([FRAME] * 25, ignore_index=True),
    "longer frame, nullable": pd.concat([FRAME.convert_dtypes()] * 25, ignore_index=True),
    "series": FRAME.age,
}
# Taken by the source, refused here: each with a message that says what to do.
STRICTER = {
    "sparse": "sparse",
    "frame of sparse columns": "sparse",
    "longdouble": "longdouble|float128",
    "frame with a name twice": "bears a column name twice",  # taken before scikit-learn 1.9, by position
    "huge python int": "object",  # a linear model answers a list of such in Python objects
}
# AdaBoost finds NaN among objects by x != x, which None is not; its trees then take None for NaN.
NONE = ("None in an object", "frame with None", "None")


def is_stricter(kind, label, source, ours):
    """Whether the source answers, and we refuse with the reason that is meant."""
    reason = "contains NaN" if kind.startswith("AdaBoost") and label in NONE else STRICTER.get(label)
    if reason is None or source[0] == "error" or ours[0] == "answer":
        return False
    return isinstance(ours[1], perfcore.InputError) and re.search(reason, str(ours[1]))


@pytest.mark.parametrize("named", [False, True], ids=["fitted on an array", "fitted on a frame"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_table_is_taken_or_refused_as_the_source_does(kind, named, fitted, assert_same_bits):
    model, fast = fitted(kind, named)
    for label, table in TABLES.items():
        source, ours = decision(model.predict, table), decision(fast.predict, table)
        if is_stricter(kind, label, source, ours):
            continue
        assert source[0] == ours[0], (label, source, ours)
        if source[0] == "error":
            assert isinstance(ours[1], perfcore.InputError), (label, ours)
        else:
            assert_same_bits(source[1], ours[1], label)
            said = [text for text in source[2] if "sparse columns found" not in text]
            assert said == ours[2], label


@pytest.mark.parametrize("kind", ["tree without NaN", "exact boosting", "ridge"])
def test_the_refused_cell_is_named(kind, fitted):
    fast = fitted(kind, False)[1]
    for value, text in ((np.nan, "NaN"), (np.inf, "infinity")):
        for table in (with_cell(value), with_cell(value, object)):
            with pytest.raises(perfcore.InputError, match=rf"Input X contains {text}.*row 20, column 2"):
                fast.predict(table)
    long = np.tile(X, (50, 1))
    long[17_000, 3] = np.inf
    with pytest.raises(perfcore.InputError, match="row 17000, column 3"):
        fast.predict(long)


def test_refused_names_are_named(fitted):
    fast = fitted("forest", True)[1]
    with pytest.raises(perfcore.InputError, match="unseen at fit time: years.*now missing: age"):
        fast.predict(FRAME.rename(columns={"age": "years"}))
    with pytest.raises(perfcore.InputError, match="same order as they were in fit: age, height, width, zeal"):
        fast.predict(FRAME[NAMES[::-1]])


def test_the_warning_points_at_the_caller(fitted):
    for kind in ("forest", "ridge"):
        with pytest.warns(UserWarning, match="does not have valid feature names") as caught:
            fitted(kind, True)[1].predict(X)
        assert caught[0].filename == __file__


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_is_checked_as_a_table_of_one(kind, fitted, assert_same_bits):
    model, fast = fitted(kind, False)
    rows = {
        "float64": X[0],
        "float32": X[0].astype(np.float32),
        "strided": X[:4, 0],
        "big-endian": X[0].astype(">f8"),
        "unaligned": np.frombuffer(b"\0" + X[0].tobytes(), offset=1),
        "int": np.arange(4),
        "bool": X[0] > 0,
        "object": X[0].astype(object),
        "list": X[0].tolist(),
        "list of int": [2**60 + 12345, 1, 2, 3],
        "tuple": tuple(X[0]),
        "series": pd.Series(X[0]),
        "NaN": np.array([0, np.nan, 1, 2]),
        "NaN, float32": np.array([0, np.nan, 1, 2], np.float32),
        "NaN, list": [0, float("nan"), 1, 2],
        "None": [0, None, 1, 2],
        "inf": np.array([0, np.inf, 1, 2]),
        "inf, list": [0, np.inf, 1, 2],
        "large": np.array([0, HUGE, 1, -HUGE]),
        "before halfway": np.array([0, np.nextafter(HALFWAY, 0), 1, 2]),
        "halfway": np.array([0, HALFWAY, 1, 2]),
        "too large": np.array([0, 1e300, 1, 2]),
        "complex": X[0].astype(complex),
        "text": ["a", 1, 2, 3],
        "too short": X[0, :3],
        "2-D": X[:1],
        "scalar": 3.0,
        "None itself": None,
    }
    for label, row in rows.items():
        table = row[None, :] if isinstance(row, np.ndarray) else [row]
        source, ours = decision(model.predict, table), decision(fast.predict_one, row)
        if is_stricter(kind, label, source, ours):
            continue
        assert source[0] == ours[0], (label, source, ours)
        if source[0] == "error":
            assert isinstance(ours[1], perfcore.InputError), (label, ours)
        else:
            assert_same_bits(source[1][0], ours[1], label)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_row_by_name_has_every_column(kind, fitted, assert_same_bits):
    model, fast = fitted(kind, True)
    row = dict(zip(NAMES, X[3].tolist(), strict=True))
    expected = model.predict([list(row.values())])[0]
    assert_same_bits(expected, fast.predict_one(row))
    assert_same_bits(expected, fast.predict_one(dict(reversed(row.items()))))
    for wrong in ({**row, "more": 1.0}, {name: row[name] for name in NAMES[:3]}, {}):
        with pytest.raises(perfcore.InputError, match="a row needs exactly the columns"):
            fast.predict_one(wrong)
    with pytest.raises(perfcore.InputError, match="mapping needs a model with feature names"):
        fitted(kind, False)[1].predict_one(row)


def test_tables_a_kernel_reads_are_not_copied(fitted):
    for kind in ("forest", "exact boosting", "histogram boosting"):
        inputs = fitted(kind, False)[1]._model.inputs
        for table in (X, X.astype(np.float32), np.asfortranarray(X), X[::2, ::-1]):
            _, blocks = inputs.blocks(table)
            (block,) = blocks
            assert block is table
    assert fitted("ridge", False)[1]._model.inputs.array(X) is X


def test_other_data_frames_are_read_by_name(fitted, assert_same_bits):
    polars = pytest.importorskip("polars")
    arrow = pytest.importorskip("pyarrow")
    for kind in ("forest", "isolation", "bagging", "AdaBoost", "histogram boosting", "ridge"):
        model, fast = fitted(kind, True)
        for table in (polars.DataFrame(X, schema=NAMES), arrow.table(dict(zip(NAMES, X.T, strict=True)))):
            assert_same_bits(model.predict(table), fast.predict(table))
        with pytest.raises(perfcore.InputError, match="unseen at fit time"):
            fast.predict(polars.DataFrame(X))


def test_multi_output_regression_reads_frames(assert_same_bits):
    model = RandomForestRegressor(3, max_depth=4).fit(FRAME, np.c_[Y, -Y])
    assert_same_bits(model.predict(FRAME), perfcore.compile(model).predict(FRAME))


def test_a_number_beyond_all_floats_is_refused(fitted):
    for kind in ("forest", "ridge", "histogram boosting"):
        predictor = fitted(kind, False)[1]
        for ask in (lambda p: p.predict([[10**400, 1, 1, 1]]), lambda p: p.predict_one([10**400, 1, 1, 1])):
            with pytest.raises(perfcore.InputError):
                ask(predictor)
