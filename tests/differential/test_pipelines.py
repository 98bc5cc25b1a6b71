"""Pipelines: transformers fused before a model; answers of the same bits as the pipeline's own."""

import pickle

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")

from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402
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

N = 700


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
    "rare": columns(SimpleImputer(), OneHotEncoder(min_frequency=150, handle_unknown="infrequent_if_exist")),
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
    "logistic": LogisticRegression(max_iter=50),
    "ridge": Ridge(),
    "forest": RandomForestClassifier(10, random_state=0),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("steps", STEPS)
def test_pipelines_answer_the_same_bits(steps, model, assert_same_bits, tmp_path):
    pipe = make_pipeline(STEPS[steps], MODELS[model]).fit(TRAIN, LABEL)
    fast = perfcore.compile(pipe)
    method = "predict_proba" if hasattr(pipe, "predict_proba") else "predict"
    fast.save(tmp_path / "pipe.pcore")
    for each in (fast, pickle.loads(pickle.dumps(fast)), perfcore.load(tmp_path / "pipe.pcore")):
        assert each.fingerprint == fast.fingerprint
        for X in (TEST, TEST[TEST.columns[::-1]].assign(more=1), TEST.iloc[:1], TEST.iloc[3:5]):
            assert_same_bits(getattr(pipe, method)(X), getattr(each, method)(X))
    rows = TEST.to_dict("records")
    for i in range(5):
        assert_same_bits(pipe.predict(TEST.iloc[[i]]), np.array([fast.predict_one(rows[i])]))
        assert_same_bits(pipe.predict(TEST.iloc[[i]]), np.array([fast.predict_one(tuple(rows[i].values()))]))


def test_steps_that_are_not_fused_run_as_they_are(assert_same_bits, tmp_path):
    pipe = make_pipeline(SimpleImputer(), FunctionTransformer(np.cbrt), StandardScaler(), LogisticRegression())
    X = TEST[NUMBERS].to_numpy()
    pipe.fit(TRAIN[NUMBERS].to_numpy(), LABEL)
    fast = perfcore.compile(pipe)
    assert_same_bits(pipe.predict_proba(X), fast.predict_proba(X))
    assert_same_bits(pipe.predict_proba(X), pickle.loads(pickle.dumps(fast)).predict_proba(X))
    assert_same_bits(pipe.predict_proba(X[:1])[0], fast.predict_proba_one(X[0]))
    assert "cbrt" in fast.explain() and "2 fused, 1 run as they are" in fast.explain()
    with pytest.raises(perfcore.NotPortableError, match=r"functiontransformer.*cbrt"):
        fast.save(tmp_path / "pipe.pcore")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "steps", [StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), Binarizer()]
)
def test_arrays_of_any_layout_and_dtype(steps, order, dtype, assert_same_bits):
    rng = np.random.default_rng(0)
    X = np.asarray(rng.normal(size=(300, 7)) * 10, dtype, order=order)
    pipe = make_pipeline(steps, LogisticRegression()).fit(X, LABEL[:300])
    fast = perfcore.compile(pipe)
    for Y in (X, X[:1], X[::2], X[:, ::-1]):
        assert_same_bits(pipe.predict_proba(Y), fast.predict_proba(Y))
    assert_same_bits(pipe.predict_proba(X[:1])[0], fast.predict_proba_one(X[0]))
