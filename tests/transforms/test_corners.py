"""Corners of pipelines: answered with the same bits where scikit-learn answers, refused where it refuses."""

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
from scipy.sparse import csr_matrix  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.feature_selection import SelectKBest, VarianceThreshold  # noqa: E402
from sklearn.impute import KNNImputer, SimpleImputer  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.pipeline import FeatureUnion, make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

ROWS = 60
RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "a": RANDOM.normal(size=ROWS),
        "b": RANDOM.normal(size=ROWS) * 9,
        "i": RANDOM.integers(0, 4, ROWS),
        "k": RANDOM.choice(["x", "y", "z"], ROWS),
        "z": RANDOM.random(ROWS) > 0.5,
    }
)
NUMBERS = TABLE[["a", "b"]]
TARGET = RANDOM.normal(size=ROWS)
LABEL = (TARGET > 0).astype(int)


def fitted(steps, X):
    return make_pipeline(*steps, LinearRegression()).fit(X, TARGET)


def asked(model, X):
    try:
        return model.predict(X).tobytes()
    except perfcore.InputError:
        return "refused"
    except Exception as error:
        assert not isinstance(model, perfcore.Predictor), error
        return "refused"


def assert_agree(steps, X, *tables):
    pipe = fitted(steps, X)
    fast = perfcore.compile(pipe)
    for table in (X, *tables):
        assert asked(fast, table) == asked(pipe, table)
    return fast


def same(X):
    return X


def doubled(X):
    return X * 2


@pytest.mark.parametrize("step", [KNNImputer(), FunctionTransformer(doubled)])
def test_a_refitted_source_changes_no_answer(step):
    X = NUMBERS.where(NUMBERS > -0.5) if isinstance(step, KNNImputer) else NUMBERS
    pipe = fitted([step, StandardScaler()], X)
    fast, before = perfcore.compile(pipe), pipe.predict(X)
    step = pipe[0].set_params(**({"func": None} if isinstance(step, FunctionTransformer) else {"n_neighbors": 1}))
    pipe.fit(X * 3 + 7, -TARGET)
    assert (fast.predict(X) == before).all()


def test_a_live_step_that_cannot_be_copied_is_refused():
    pipe = fitted([FunctionTransformer(doubled)], NUMBERS)
    pipe[0].note = iter(open(__file__))  # noqa: SIM115
    with pytest.raises(perfcore.UnsupportedModelError, match="cannot be copied"):
        perfcore.compile(pipe)
    pipe[0].note.close()


def test_copied_arrays_keep_their_gaps():
    pipe = fitted([FunctionTransformer(doubled)], NUMBERS)
    pipe[0].across = np.ones((4, 4), order="F")[:2]
    held = perfcore.compile(pipe)._model.inputs.chain.steps[0].held
    assert held.across.strides == pipe[0].across.strides
    assert held.across.base is not pipe[0].across.base


@pytest.mark.parametrize("encoder", [OneHotEncoder, OrdinalEncoder])
def test_a_text_in_a_row_is_no_number_to_an_encoder(encoder):
    ignores = {"handle_unknown": "ignore"}
    if encoder is OrdinalEncoder:
        ignores = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    X = TABLE[["i"]]
    pipe = fitted([encoder(**ignores)], X)
    fast, texts = perfcore.compile(pipe), pd.DataFrame({"i": ["2"]})
    assert fast.predict_one({"i": "2"}) == fast.predict_one(["2"]) == pipe.predict(texts)[0]
    for cell in (2, 2.0, np.int8(2), np.float32(2)):
        assert fast.predict_one({"i": cell}) == pipe.predict(pd.DataFrame({"i": [cell]}))[0]
    with pytest.raises(perfcore.InputError, match="inf"):
        fast.predict_one({"i": float("inf")})
    with pytest.raises(perfcore.InputError, match="unknown categories"):
        perfcore.compile(fitted([encoder()], X)).predict_one({"i": "2"})


@pytest.mark.parametrize("first", ["passthrough", ColumnTransformer([("s", StandardScaler(), ["a"])])])
def test_every_member_of_a_union_checks_the_columns(first):
    union = FeatureUnion([("first", first), ("scaler", StandardScaler())])
    fast = assert_agree([union], NUMBERS, NUMBERS[["b", "a"]], NUMBERS.assign(more=1))
    with pytest.raises(perfcore.InputError, match="same order"):
        fast.predict(NUMBERS[["b", "a"]])


@pytest.mark.parametrize("validate", [False, True])
def test_functions_make_no_data_frames_for_set_output(validate):
    exp = FunctionTransformer(np.exp, validate=validate)
    of_frames = ColumnTransformer(
        [("n", exp, ["a", "i"]), ("k", OneHotEncoder(sparse_output=False), ["k"])]
    ).set_output(transform="pandas")
    assert_agree([of_frames], TABLE, TABLE[:1], TABLE[5:9])


# numpy's loops for these functions go by strides, and their last bits differ: on a machine with AVX-512, in some 4 % of
# the cells of a single column that lies last to first.
LAYOUTS = {
    "as it is": lambda X: X,
    "reversed": lambda X: X[::-1],
    "every second row": lambda X: X[::2],
    "columns reversed": lambda X: X[X.columns[::-1]] if hasattr(X, "columns") else np.asfortranarray(X),
    "one row": lambda X: X[7:8],
}
MANY = np.random.default_rng(1).normal(size=(3_000, 4))


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("function", [np.exp, np.cbrt])
def test_functions_of_columns_in_any_layout(function, validate, output):
    X = pd.DataFrame(MANY, columns=list("abcd"))
    mixed = X.astype({"b": np.float32, "d": int})
    exp = FunctionTransformer(function, validate=validate)
    columns = [("one", exp, ["b"]), ("two", exp, ["a", "c"]), ("slice", exp, slice(1, 2)), ("at", exp, [3])]
    for table, steps in [
        (X, ColumnTransformer(columns).set_output(transform=output)),
        (mixed, ColumnTransformer(columns).set_output(transform=output)),
        (X[["a"]], exp),
        (MANY, ColumnTransformer(columns[2:])),
        (MANY[:, :1], exp),
    ]:
        pipe = make_pipeline(steps, LinearRegression()).fit(table, MANY[:, 0])
        fast = perfcore.compile(pipe)
        for name, layout in LAYOUTS.items():
            assert asked(fast, layout(table)) == asked(pipe, layout(table)), name


def test_functions_of_one_row_of_a_long_table():
    long = pd.DataFrame(np.asfortranarray(np.random.default_rng(2).normal(size=(300_000, 8)))).add_prefix("x")
    pipe = make_pipeline(FunctionTransformer(np.exp), LinearRegression()).fit(long[:50], TARGET[:50])
    fast = perfcore.compile(pipe)
    for row in range(0, 300_000, 9_999):
        assert asked(fast, long[row : row + 1]) == asked(pipe, long[row : row + 1])


def test_functions_one_after_another_of_frames_of_several_dtypes():
    X = TABLE[["a", "i"]].assign(f=TABLE.a.astype(np.float32), s=TABLE.i.astype(np.int8))
    twice = make_pipeline(FunctionTransformer(np.square), FunctionTransformer(np.exp))
    by_name = ColumnTransformer([("n", FunctionTransformer(np.sin), ["f"]), ("s", StandardScaler(), ["i", "s"])])
    for steps in ([twice], [twice, by_name], [twice, StandardScaler()]):
        assert_agree(steps, X, X[:1], X[::-1])


@pytest.mark.parametrize("dtype", [int, bool])
def test_dropped_columns_refuse_unknown_categories_whatever_the_dtype(dtype):
    X = TABLE[["k"]].assign(one="u")
    unknown = X.assign(one=["w", *["u"] * (ROWS - 1)])
    for is_sparse in (False, True):
        assert_agree([OneHotEncoder(drop="first", dtype=dtype, sparse_output=is_sparse)], X, unknown)
    encoder = OneHotEncoder(dtype=dtype, sparse_output=False)
    pipe = make_pipeline(encoder, SelectKBest(k=1), LogisticRegression()).fit(X, LABEL)
    with pytest.raises(perfcore.InputError, match="unknown"):
        perfcore.compile(pipe).predict(unknown)


def test_categories_that_float64_does_not_tell_apart():
    X = pd.DataFrame({"k": [2**53, 5] * (ROWS // 2)})
    for encoder in (OneHotEncoder(handle_unknown="ignore"), OneHotEncoder()):
        assert_agree([encoder], X, X + 1, X.assign(k=5))


@pytest.mark.parametrize(
    "step", [PCA(1), PolynomialFeatures(), SelectKBest(k=1), KBinsDiscretizer(2, strategy="uniform"), Binarizer()]
)
def test_numbers_of_an_encoder_that_the_next_step_refuses(step):
    X = TABLE[["k"]].assign(i=TABLE.i.astype(str))
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    assert_agree([encoder, step], X, X.assign(k="never"), X[:1])


@pytest.mark.parametrize("columns", [["k"], ["k", "i"]])
def test_filled_texts_before_a_step_that_runs_as_it_is(columns):
    X = TABLE[columns].astype({"k": object})
    steps = [SimpleImputer(strategy="most_frequent"), FunctionTransformer(same), OneHotEncoder()]
    assert_agree(steps, X, X[:1], X.where(X != "x"))


@pytest.mark.parametrize("function", [csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("is_linear", [True, False])
def test_a_last_step_that_runs_as_it_is(function, is_linear):
    steps = [StandardScaler(), FunctionTransformer(function)]
    if is_linear:
        fast = assert_agree(steps, NUMBERS, NUMBERS[:1])
    else:
        tree = pytest.importorskip("sklearn.tree").DecisionTreeRegressor(max_depth=3)
        pipe = make_pipeline(*steps, tree).fit(NUMBERS, TARGET)
        fast = perfcore.compile(pipe)
        assert asked(fast, NUMBERS) == asked(pipe, NUMBERS)
    assert fast.predict_one(NUMBERS.iloc[0].to_dict()) == fast.predict(NUMBERS[:1])[0]


@pytest.mark.parametrize("unread", [pd.Timestamp("2020"), pd.Timedelta(1), 1 + 2j, np.float16(1), None])
def test_a_column_that_nobody_reads_is_of_any_kind(unread):
    X = TABLE.assign(unread=unread)
    encoder = ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("k", OneHotEncoder(), ["k"])])
    assert_agree([encoder], X, TABLE, X[:1])
    assert_agree([encoder], TABLE, X, X[:1])
    if unread is not None and not isinstance(unread, complex | np.float16):
        polars = pytest.importorskip("polars")
        assert_agree([encoder], TABLE, polars.from_pandas(X), polars.from_pandas(TABLE).with_columns(unread=None))
        for read in (["a"], ["k"]):
            with pytest.raises(perfcore.InputError, match=read[0]):
                perfcore.compile(fitted([encoder], TABLE)).predict(TABLE.assign(**{read[0]: unread}))


def test_a_column_that_only_a_live_step_reads():
    X = TABLE.assign(t=pd.date_range("2020", periods=ROWS))
    month = FunctionTransformer(months)
    encoder = ColumnTransformer([("t", month, ["t"]), ("k", OneHotEncoder(), ["k"])])
    assert_agree([encoder], X, X[::-1])


def months(X):
    return np.c_[X["t"].dt.month]


def test_encoders_fitted_to_texts_and_numbers_of_polars():
    polars = pytest.importorskip("polars")
    X = polars.from_pandas(TABLE)
    encoder = ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("o", OneHotEncoder(), ["k", "i"])])
    assert_agree([encoder], X, X[:1], X.select("i", "k", "b", "a"), X.with_columns(i=X["i"].cast(polars.Int8)))


def test_encoders_fitted_to_bools():
    for encoder in (OneHotEncoder(), OrdinalEncoder()):
        assert_agree([encoder], TABLE[["z"]], TABLE[["z"]].astype(int), TABLE[["z"]].astype(object))


def test_bools_in_data_frames_that_a_step_makes():
    of_frames = ColumnTransformer(
        [
            ("n", "passthrough", ["a", "z"]),
            ("z", "passthrough", ["z"]),
            ("k", OneHotEncoder(sparse_output=False), ["k"]),
        ]
    ).set_output(transform="pandas")
    assert_agree([of_frames], TABLE, TABLE[:1])
    assert_agree([of_frames, StandardScaler()], TABLE, TABLE[:1])


def test_weights_of_columns_passed_through():
    weighted = ColumnTransformer(
        [("p", "passthrough", ["a", "i"]), ("s", StandardScaler(), ["b"])], transformer_weights={"p": 2.5}
    )
    fast = assert_agree([weighted], TABLE, TABLE[:1])
    row = TABLE.iloc[0].to_dict()
    assert fast.predict_one(row) == fast.predict_one(tuple(row.values())) == fast.predict(TABLE[:1])[0]


@pytest.mark.parametrize("columns", [["a", "z"], ["z"], ["f", "a"], ["f", "i"]])
def test_weights_of_columns_of_data_frames(columns):
    X = TABLE.assign(f=TABLE.a.astype(np.float32))
    weighted = ColumnTransformer(
        [("p", "passthrough", columns), ("s", StandardScaler(), ["b"])], transformer_weights={"p": 0.3}
    )
    assert_agree([weighted], X, X[:1], X[5:9])
    assert_agree([weighted.set_output(transform="pandas")], X, X[:1], X[5:9])


INNER = {
    "passed": "passthrough",
    "function": FunctionTransformer(np.exp),
    "scaled": MaxAbsScaler(),
    "selected": VarianceThreshold(),
    "indicated": SimpleImputer(add_indicator=True),
    "columns": ColumnTransformer(
        [("f", "passthrough", ["f"]), ("s", MaxAbsScaler(), ["f", "a"])], transformer_weights={"f": 0.7}
    ),
    "union": FeatureUnion([("p", "passthrough"), ("s", MaxAbsScaler())], transformer_weights={"p": 0.7}),
}


@pytest.mark.parametrize("weight", [0.3, 2, np.float64(0.3), np.float32(0.3), np.int64(3), True])
@pytest.mark.parametrize("inner", INNER)
def test_weights_of_blocks_of_several_dtypes(inner, weight, tmp_path):
    X = TABLE[["a", "i"]].assign(f=TABLE.a.astype(np.float32), s=TABLE.i.astype(np.int8))
    columns = ["a", "f"] if inner == "indicated" else ["f", "s", "a"]
    X = X.where(X.a < 1) if inner == "indicated" else X
    X = X.astype({"f": np.float32})
    for output in ("default", "pandas"):
        weighted = ColumnTransformer(
            [("w", clone(INNER[inner]) if inner != "passed" else "passthrough", columns), ("m", MaxAbsScaler(), ["f"])],
            transformer_weights={"w": weight},
        ).set_output(transform=output)
        pipe = fitted([weighted, SimpleImputer()], X)
        fast = perfcore.compile(pipe)
        for table in (X, X[:1], X[::-1]):
            assert asked(fast, table) == asked(pipe, table)
        if weight is not True:  # runs as it is
            fast.save(tmp_path / "weighted.pcore")
            assert asked(perfcore.load(tmp_path / "weighted.pcore"), X) == asked(pipe, X)


@pytest.mark.parametrize("weight", [0.3, 2, np.float64(0.3)])
def test_weights_of_columns_of_polars(weight):
    polars = pytest.importorskip("polars")
    X = TABLE[["a", "i", "z"]].assign(f=TABLE.a.astype(np.float32), s=TABLE.i.astype(np.int8))
    for columns in (["f"], ["s", "f"], ["a", "z"], ["s"]):
        members = [("w", "passthrough", columns), ("m", MaxAbsScaler(), ["f"])]
        pipe = fitted([ColumnTransformer(members, transformer_weights={"w": weight})], X)
        fast, table = perfcore.compile(pipe), polars.from_pandas(X)
        assert asked(fast, table) == asked(pipe, table)
        assert asked(fast, X[:1]) == asked(pipe, X[:1])


def test_selected_columns_of_data_frames_keep_their_dtypes():
    X = TABLE.assign(f=TABLE.a.astype(np.float32))
    selected = ColumnTransformer(
        [("p", VarianceThreshold(), ["f", "i"]), ("s", StandardScaler(), ["b"])], transformer_weights={"p": 0.3}
    )
    infinite = X.assign(f=[np.float32("inf"), *X.f[1:]])
    assert_agree([selected.set_output(transform="pandas")], X, X[:1], X[5:9], infinite)
    kept = ColumnTransformer([("p", SelectKBest(k=1), ["f", "b"]), ("s", StandardScaler(), ["b"])])
    pipe = make_pipeline(kept.set_output(transform="pandas"), LogisticRegression()).fit(X, X.b > 0)
    fast = perfcore.compile(pipe)
    assert all(asked(fast, table) == asked(pipe, table) for table in (X, X[:1], infinite))


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
@pytest.mark.parametrize("missing", [np.nan, 1])
def test_objects_before_an_imputer_that_was_fitted_to_numbers(strategy, missing):
    X = TABLE[["a", "i"]].mask(TABLE[["a", "b"]].to_numpy() > 5, missing)
    imputer = SimpleImputer(strategy=strategy, missing_values=missing)
    for steps in ([imputer], [imputer, StandardScaler()]):
        tables = X.astype(object), X.astype({"i": object}), X.astype(object).to_numpy(), X.astype(object)[:1]
        assert_agree(steps, X, *tables, X.astype(object).where(X > 0), X.assign(i="x").astype({"i": object}))


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
@pytest.mark.parametrize("columns", [["a", "z"], ["i", "z"], ["f", "z"], ["z", "f", "i"]])
def test_columns_of_bool_among_numbers_before_an_imputer(columns, strategy):
    X = TABLE.assign(f=TABLE.a.astype(np.float32))[columns]
    gaps = X.assign(**{columns[-2]: X[columns[-2]].where(X[columns[-2]] > 0)}) if columns[-2] != "i" else X
    for imputer in (SimpleImputer(strategy=strategy), SimpleImputer(strategy=strategy, add_indicator=True)):
        absent = X.assign(z=X.z.astype("boolean").where(X.z))
        tables = gaps, gaps[:1], X.astype(bool), X.astype({"z": "boolean"}), absent, X.assign(z="x")
        assert_agree([imputer], X, *tables)


@pytest.mark.parametrize("steps", [["passthrough"], [None, "passthrough"], ["passthrough", StandardScaler()]])
def test_steps_passed_through(steps):
    assert_agree(steps, NUMBERS, NUMBERS[["b", "a"]])


@pytest.mark.parametrize("function", [np.log1p, np.sqrt])
def test_half_precision(function):
    X = TABLE.assign(i=TABLE.i.astype(np.int8), a=TABLE.a.astype(np.float16))
    encoder = ColumnTransformer([("i", FunctionTransformer(function), ["i"]), ("b", "passthrough", ["b"])])
    assert_agree([encoder], X, X[:1])


@pytest.mark.parametrize(
    "step", [StandardScaler(), RobustScaler(), PolynomialFeatures(), Normalizer(), SimpleImputer()]
)
def test_half_precision_is_refused_where_scikit_learn_computes_in_it(step):
    pipe = fitted([step], NUMBERS)
    fast, halves = perfcore.compile(pipe), NUMBERS.astype(np.float16)
    for table in (halves, halves.to_numpy(), TABLE[["i"]].astype(np.int8).join(halves[["a"]])[["a", "i"]].to_numpy()):
        with pytest.raises(perfcore.InputError, match="float16 is not supported; convert the table to float64"):
            fast.predict(table)


@pytest.mark.parametrize("step", [Binarizer(), SelectKBest(k=1), SimpleImputer(strategy="most_frequent"), PCA(1)])
@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4"])
def test_numbers_of_the_other_byte_order(step, dtype):
    X = (NUMBERS * 9).to_numpy()
    assert_agree([step], X, X.astype(dtype), X.astype(dtype)[:1], pd.DataFrame(X.astype(dtype)).to_numpy())


@pytest.mark.parametrize("step", [PCA(1), StandardScaler(), FunctionTransformer(np.exp)])
def test_masks_and_strides_of_arrays_are_scikit_learns(step):
    X = NUMBERS.to_numpy()
    assert_agree([step], X, np.ma.array(X, mask=X > 1), X[::-1, ::-1], np.repeat(X, 2, axis=1)[:, ::2])


@pytest.mark.parametrize("number", [0.1, np.float64(0.1), np.float32(0.1), np.float64(0.1) + 1e-10, np.int64(3)])
def test_numbers_of_numpy_have_a_dtype_in_thresholds_and_weights(number, tmp_path):
    X = NUMBERS.to_numpy(np.float32, copy=True)
    X[:9, 0] = 0.1
    assert_agree([Binarizer(threshold=number)], X, X.astype(np.float64))
    members = [("s", StandardScaler(), [0]), ("p", "passthrough", [1])]
    for weights in ({"s": number}, {"p": number}):
        fast = assert_agree([ColumnTransformer(members, transformer_weights=weights)], X, X.astype(np.float64))
        fast.save(tmp_path / "model")
        assert perfcore.load(tmp_path / "model").predict(X).tobytes() == fast.predict(X).tobytes()


def test_a_whole_number_beyond_all_doubles_is_refused():
    fast = perfcore.compile(fitted([StandardScaler()], NUMBERS))
    cells = np.array([[10**400, 1.0]], object)
    for ask in (lambda: fast.predict(cells), lambda: fast.predict_one(cells[0].tolist())):
        with pytest.raises(perfcore.InputError, match="too large"):
            ask()
    with pytest.raises(perfcore.InputError, match="too large"):
        fast.predict(pd.DataFrame(cells, columns=["a", "b"]))
