"""Pipelines: transformers fused before a model; answers of the same bits as the pipeline's own."""

import pickle
import warnings

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
hypothesis = pytest.importorskip("hypothesis")

from hypothesis import strategies as st  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import RandomForestClassifier, VotingClassifier  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.naive_bayes import BernoulliNB, GaussianNB  # noqa: E402
from sklearn.pipeline import FeatureUnion, make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC  # noqa: E402

N = 300


def table(seed=0, n=N):
    rng = np.random.default_rng(seed)
    towns = np.array(["Oslo", "Rome", "Nice", "Cork", "Ōsaka", "a town with a name longer than most"])
    df = pd.DataFrame(
        {
            "age": rng.integers(17, 90, n),
            "town": rng.choice(towns, n),
            "pay": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(3, 1, n)),
            "job": pd.Series(rng.choice(["cook", "smith", None], n)),
            "debt": rng.normal(size=n) * 100,
            "size": rng.choice(np.array([1.0, 2.0, 5.0]), n),
        }
    )
    return df


TRAIN, TEST = table(), table(1)
LABEL = np.random.default_rng(2).integers(0, 2, N)
NUMBERS, TEXTS = ["age", "pay", "debt"], ["town", "job"]


def columns(numbers, texts, **options):
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("texts", texts, TEXTS)], **options)


def texts(**options):
    return make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", **options))


STEPS = {
    "scaled": columns(make_pipeline(SimpleImputer(), StandardScaler()), texts()),
    "dense": columns(make_pipeline(SimpleImputer(strategy="median"), RobustScaler()), texts(), sparse_threshold=0),
    "indicated": columns(SimpleImputer(add_indicator=True), texts(sparse_output=False)),
    "min_max": columns(make_pipeline(SimpleImputer(strategy="constant"), MinMaxScaler(clip=True)), texts(drop="first")),
    "max_abs": make_pipeline(columns(SimpleImputer(strategy="most_frequent"), texts()), MaxAbsScaler()),
    "ordinal": columns(
        SimpleImputer(), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    ),
    "rare": columns(SimpleImputer(), OneHotEncoder(min_frequency=60, handle_unknown="infrequent_if_exist")),
    "union": FeatureUnion(
        [
            ("a", ColumnTransformer([("x", make_pipeline(SimpleImputer(), Binarizer(threshold=20)), ["pay"])])),
            ("b", columns(make_pipeline(SimpleImputer(), StandardScaler()), texts())),
        ],
        transformer_weights={"a": 0.3},
    ),
    "nested": ColumnTransformer(
        [
            ("both", columns(SimpleImputer(), texts()), ["pay", "town", "age", "job", "debt"]),
            ("sizes", OneHotEncoder(), ["size"]),
            ("as it is", "passthrough", ["debt"]),
            ("not at all", "drop", ["age"]),
        ]
    ),
    "rest": ColumnTransformer([("texts", texts(), TEXTS), ("pay", SimpleImputer(), ["pay"])], remainder="passthrough"),
}
MODELS = {
    "logistic": LogisticRegression(max_iter=15),
    "ridge": Ridge(),
    "forest": RandomForestClassifier(3, random_state=0),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("steps", STEPS)
def test_pipelines_answer_the_same_bits(steps, model, assert_same_bits, tmp_path):
    pipe = make_pipeline(STEPS[steps], MODELS[model]).fit(TRAIN, LABEL)
    fast = perfcore.compile(pipe)
    method = "predict_proba" if hasattr(pipe, "predict_proba") else "predict"
    fast.save(tmp_path / "pipe.pcore")
    for X in (TEST, TEST[TEST.columns[::-1]].assign(more=1), TEST.iloc[:1], TEST.iloc[3:5]):
        assert_same_bits(getattr(pipe, method)(X), getattr(fast, method)(X))
    for each in (pickle.loads(pickle.dumps(fast)), perfcore.load(tmp_path / "pipe.pcore")):
        assert each.fingerprint == fast.fingerprint
        assert_same_bits(getattr(fast, method)(TEST), getattr(each, method)(TEST))
    rows = TEST.to_dict("records")
    for i in range(2):
        assert_same_bits(pipe.predict(TEST.iloc[[i]]), np.array([fast.predict_one(rows[i])]))
        assert_same_bits(pipe.predict(TEST.iloc[[i]]), np.array([fast.predict_one(tuple(rows[i].values()))]))


def cubed(table):
    return table**3


def as_it_is():
    return make_pipeline(columns(make_pipeline(SimpleImputer(), FunctionTransformer(cubed)), texts()), MaxAbsScaler())


def test_steps_that_are_not_fused_run_as_they_are(assert_same_bits, tmp_path):
    pipe = make_pipeline(as_it_is(), LogisticRegression()).fit(TRAIN, LABEL)
    fast = perfcore.compile(pipe)
    for each in (fast, pickle.loads(pickle.dumps(fast))):
        assert each.fingerprint == fast.fingerprint
        assert_same_bits(pipe.predict_proba(TEST), each.predict_proba(TEST))
        assert_same_bits(pipe.predict_proba(TEST[:1])[0], each.predict_proba_one(TEST.iloc[0].to_dict()))
    assert "as it is: a function of the user's own, cubed" in fast.explain() and "1 run as they are" in str(fast)
    with pytest.raises(perfcore.NotPortableError, match=r"functiontransformer.*cubed") as caught:
        fast.save(tmp_path / "pipe.pcore")
    assert "scaler" not in str(caught.value) and not (tmp_path / "pipe.pcore").exists()


def test_what_a_step_of_the_users_own_raises_is_an_input_error():
    def fail(table):
        raise RuntimeError("no such thing")

    step = FunctionTransformer(cubed)
    pipe = make_pipeline(step, LogisticRegression()).fit(TRAIN[["age"]], LABEL)
    step.func = fail
    with pytest.raises(perfcore.InputError, match="step 'functiontransformer'.*RuntimeError: no such thing"):
        perfcore.compile(pipe).predict(TEST[["age"]])


def test_compressed_rows_of_steps_that_run_as_they_are(assert_same_bits):
    words = ColumnTransformer([("words", TfidfVectorizer(), "town"), ("numbers", SimpleImputer(), NUMBERS)])
    unions = FeatureUnion([("words", ColumnTransformer([("w", TfidfVectorizer(), "town")])), ("rest", STEPS["scaled"])])
    for steps in (make_pipeline(words, MaxAbsScaler()), unions):
        for model in (LogisticRegression(max_iter=15), RandomForestClassifier(5, random_state=0)):
            pipe = make_pipeline(steps, model).fit(TRAIN, LABEL)
            assert_same_bits(pipe.predict_proba(TEST), perfcore.compile(pipe).predict_proba(TEST))


@pytest.mark.parametrize("model", ["logistic", "forest"])
@pytest.mark.parametrize("steps", ["dense", "indicated", "ordinal", "rest"])
def test_steps_that_make_data_frames_are_fused(steps, model, assert_same_bits, tmp_path):
    made = clone(STEPS[steps]).set_params(sparse_threshold=0)
    for name in made.get_params():
        if name.endswith("sparse_output"):
            made.set_params(**{name: False})
    pipe = make_pipeline(made, StandardScaler(), clone(MODELS[model])).set_output(transform="pandas").fit(TRAIN, LABEL)
    assert hasattr(pipe[-1], "feature_names_in_")
    perfcore.compile(pipe).save(tmp_path / "pipe.pcore")
    fast = perfcore.load(tmp_path / "pipe.pcore")
    method = "predict_proba" if hasattr(pipe, "predict_proba") else "predict"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for X in (TEST, TEST[:1], TEST[5:9]):
            assert_same_bits(getattr(pipe, method)(X), getattr(fast, method)(X))
        assert_same_bits(pipe.predict(TEST[:1])[0], fast.predict_one(TEST.iloc[0].to_dict()))


def test_columns_of_data_frames_that_a_step_makes(assert_same_bits):
    again = ColumnTransformer([("n", MinMaxScaler(), ["numbers__age", "numbers__pay"])], remainder="passthrough")
    pipe = make_pipeline(STEPS["ordinal"], again, LogisticRegression(max_iter=15)).set_output(transform="pandas")
    pipe.fit(TRAIN, LABEL)
    assert_same_bits(pipe.predict_proba(TEST), perfcore.compile(pipe).predict_proba(TEST))


@pytest.mark.parametrize("function", [np.log1p, np.sqrt, None])
def test_functions_of_numpy_are_fused(function, assert_same_bits, tmp_path):
    few = ["age", "pay", "size"]
    for train, test in ((TRAIN, TEST), (TRAIN.astype({"pay": "float32"}), TEST.astype({"pay": "float32"}))):
        made = ColumnTransformer([("f", FunctionTransformer(function), few)], remainder="drop")
        pipe = make_pipeline(made, SimpleImputer(), LogisticRegression()).fit(train, LABEL)
        perfcore.compile(pipe).save(tmp_path / "pipe.pcore")
        fast = perfcore.load(tmp_path / "pipe.pcore")
        assert_same_bits(pipe.predict_proba(test), fast.predict_proba(test))
    X = TRAIN[few].to_numpy()
    pipe = make_pipeline(SimpleImputer(), FunctionTransformer(function, validate=True), Ridge()).fit(X, LABEL)
    assert_same_bits(pipe.predict(X), perfcore.compile(pipe).predict(X))


@pytest.mark.parametrize("steps", ["scaled", "ordinal", "rare"])
def test_polars_and_arrow_tables(steps, assert_same_bits):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    few = [*NUMBERS, "town"]
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    pipe = make_pipeline(
        ColumnTransformer([("n", numbers, NUMBERS), ("t", STEPS[steps].transformers[1][1], ["town"])]),
        LogisticRegression(max_iter=15),
    )
    frame, other = pl.from_pandas(TRAIN[few]), pl.from_pandas(TEST[few])
    try:
        pipe.fit(frame, LABEL)
        pipe.predict(other.to_arrow())
    except (ValueError, AttributeError):
        pytest.skip("this scikit-learn chooses no columns of polars' or Arrow's tables by name")
    fast = perfcore.compile(pipe)
    assert_same_bits(pipe.predict_proba(other), fast.predict_proba(other))
    table = other.to_arrow()
    categories = other.with_columns(pl.col("town").cast(pl.Categorical))
    batch = pa.RecordBatch.from_pandas(TEST[few])  # which scikit-learn takes as a table alone
    for X, known in ((table, table), (batch, table), (categories, other)):
        assert_same_bits(pipe.predict_proba(known), fast.predict_proba(X))
    chunks = pl.concat([other[:100], other[100:]], rechunk=False)
    assert_same_bits(pipe.predict_proba(other), fast.predict_proba(chunks))
    with_null = other.with_columns(pl.lit(None, pl.String).alias("town"), pl.lit(None, pl.Int64).alias("age"))
    if steps != "ordinal":
        assert_same_bits(pipe.predict_proba(with_null), fast.predict_proba(with_null))


def test_columns_are_told_by_name(assert_same_bits):
    pipe = make_pipeline(STEPS["scaled"], LogisticRegression(max_iter=15)).fit(TRAIN, LABEL)
    fast = perfcore.compile(pipe)
    expected = pipe.predict_proba(TEST)
    assert_same_bits(expected, fast.predict_proba(TEST.drop(columns="size")))
    row, of_row = TEST.iloc[0].to_dict(), pipe.predict_proba(TEST[:1])[0]
    assert_same_bits(of_row, fast.predict_proba_one({**row, "more": 1}))
    assert_same_bits(of_row, fast.predict_proba_one(TEST.iloc[0]))
    del row["size"]
    assert_same_bits(of_row, fast.predict_proba_one(row))
    with pytest.raises(perfcore.InputError, match="columns are missing.*'pay'"):
        fast.predict(TEST.drop(columns="pay"))
    with pytest.raises(perfcore.InputError, match="columns are missing.*'town'"):
        fast.predict_one({"age": 1})
    with pytest.raises(perfcore.InputError, match="only supported for dataframes"):
        fast.predict(TEST.to_numpy())
    with pytest.raises(perfcore.InputError, match="expected one row of 6 cells"):
        fast.predict_one((1, 2))
    scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(TRAIN[["age", "debt"]], LABEL)
    with pytest.raises(perfcore.InputError, match="in the same order"):
        perfcore.compile(scaled).predict(TEST[["debt", "age"]])


def test_what_scikit_learn_refuses_is_refused():
    strict = ColumnTransformer([("n", StandardScaler(), ["age", "debt"]), ("t", OneHotEncoder(), ["town"])])
    pipe = make_pipeline(strict, LogisticRegression()).fit(TRAIN, LABEL)
    fast = perfcore.compile(pipe)
    bad = {
        r"unknown categories \['Bonn'\]": TEST.assign(town="Bonn"),
        "infinity": TEST.assign(debt=np.inf),
        "Input X contains NaN": TEST.assign(debt=np.nan),
        "could not convert": TEST.assign(debt="much"),
        "0 sample": TEST[:0],
    }
    for words, X in bad.items():
        for table in (X, X[:1]):
            with pytest.raises(ValueError):
                pipe.predict(table)
            with pytest.raises(perfcore.InputError, match=words):
                fast.predict(table)
    for row in ({"debt": "much"}, {"town": "Bonn"}, {"town": []}, {"debt": np.inf}, {"debt": None}, {"town": None}):
        with pytest.raises(perfcore.InputError):
            fast.predict_one({**TEST.iloc[0].to_dict(), **row})


def test_columns_of_which_nothing_is_left_refuse_tables_all_the_same(assert_same_bits):
    X, Y = TRAIN[["town", "age", "debt"]].assign(town="Oslo", debt=np.nan), TEST[["town", "age", "debt"]]
    made = ColumnTransformer([("t", OneHotEncoder(drop="first"), ["town"]), ("n", SimpleImputer(), ["age", "debt"])])
    pipe = make_pipeline(made, LogisticRegression()).fit(X, LABEL)
    fast = perfcore.compile(pipe)
    assert_same_bits(pipe.predict_proba(Y.assign(town="Oslo")), fast.predict_proba(Y.assign(town="Oslo")))
    for bad in (Y.assign(town="Rome"), Y.assign(town="Oslo", debt=np.inf)):
        for table in (bad, bad[:1]):
            with pytest.raises(ValueError):
                pipe.predict(table)
            with pytest.raises(perfcore.InputError):
                fast.predict(table)


def test_pipelines_that_are_not_read():
    with pytest.raises(perfcore.UnsupportedModelError, match="last step 'svc'.*SVC"):
        perfcore.compile(make_pipeline(StandardScaler(), SVC()).fit(TRAIN[["age"]], LABEL))
    with pytest.raises(perfcore.UnsupportedModelError, match="is a transformer"):
        perfcore.compile(make_pipeline(StandardScaler(), MinMaxScaler()).fit(TRAIN[["age"]]))
    with pytest.raises(perfcore.ConfigurationError, match="not fitted"):
        perfcore.compile(make_pipeline(StandardScaler(), LogisticRegression()))
    with pytest.raises(perfcore.UnsupportedModelError, match="sparse_output=False"):
        perfcore.compile(make_pipeline(OneHotEncoder(), BernoulliNB()).fit(TRAIN[["town"]], LABEL))


def test_pipelines_inside_other_models(assert_same_bits):
    def pipe(model):
        return make_pipeline(STEPS["scaled"], model)

    model = VotingClassifier([("a", pipe(LogisticRegression(max_iter=15))), ("b", pipe(GaussianNB()))], voting="soft")
    model = VotingClassifier(model.estimators[:1], voting="soft").fit(TRAIN, LABEL)
    fast = perfcore.compile(model)
    assert_same_bits(model.predict_proba(TEST), fast.predict_proba(TEST))
    search = GridSearchCV(pipe(LogisticRegression(max_iter=15)), {"logisticregression__C": [1.0]}, cv=2)
    search.fit(TRAIN, LABEL)
    assert_same_bits(search.predict_proba(TEST), perfcore.compile(search).predict_proba(TEST))


@pytest.fixture(scope="module")
def both():
    pipes = [make_pipeline(STEPS[each], LogisticRegression(max_iter=15)) for each in ("scaled", "dense", "rare")]
    return [(pipe.fit(TRAIN, LABEL), perfcore.compile(pipe)) for pipe in pipes]


NUMBER = st.floats(-1e6, 1e6) | st.just(float("nan"))
TEXT = st.sampled_from(["Oslo", "Rome", "", "\U0001f600", "rome"]) | st.text(max_size=3)


@hypothesis.given(
    st.lists(
        st.tuples(st.integers(-(2**40), 2**40), TEXT, NUMBER, TEXT | st.none(), NUMBER, NUMBER), min_size=1, max_size=9
    )
)
def test_any_table_answers_the_same_bits(both, rows):
    X = pd.DataFrame(rows, columns=TRAIN.columns).astype({"pay": float, "debt": float, "size": float})
    X["debt"] = X["debt"].fillna(0.0)
    X["job"] = X["job"].astype(object)
    for pipe, fast in both:
        assert pipe.predict_proba(X).tobytes() == fast.predict_proba(X).tobytes()
        assert pipe.predict_proba(X[:1]).tobytes() == fast.predict_proba_one(X.iloc[0].to_dict()).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "steps", [StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), Binarizer()]
)
def test_arrays_of_any_layout_and_dtype(steps, order, dtype, assert_same_bits):
    rng = np.random.default_rng(0)
    X = np.asarray(rng.normal(size=(N, 7)) * 10, dtype, order=order)
    pipe = make_pipeline(steps, LogisticRegression()).fit(X, LABEL)
    fast = perfcore.compile(pipe)
    for Y in (X, X[:1], X[::2], X[:, ::-1]):
        assert_same_bits(pipe.predict_proba(Y), fast.predict_proba(Y))
    assert_same_bits(pipe.predict_proba(X[:1])[0], fast.predict_proba_one(X[0]))
