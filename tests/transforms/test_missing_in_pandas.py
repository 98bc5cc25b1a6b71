"""pandas.NA among texts and nullable numbers; bools among numbers: what scikit-learn answers, and refuses."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

import perfcore

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

PEOPLE = pd.DataFrame({"age": [1.0, 2.0, np.nan, 4.0] * 10, "job": ["x", "y", None, "x"] * 10})
RICH = [0, 1, 0, 1] * 10
TEXTS = {
    "string": lambda jobs: jobs.astype("string"),
    "Python's strings": lambda jobs: jobs.astype(pd.StringDtype("python")),
    "Arrow": lambda jobs: jobs.astype(pd.ArrowDtype(pa.string())),
    "objects": lambda jobs: jobs.astype(object).where(jobs.notna(), pd.NA),
    "categories": lambda jobs: jobs.astype("string").astype("category"),
}
NUMBERS = {
    "Int64": pd.array([1, 2, None, 4] * 10, dtype="Int64"),
    "Float32": pd.array([1.5, 2, None, 4] * 10, dtype="Float32"),
    "boolean": pd.array([True, False, None, True] * 10, dtype="boolean"),
    "Arrow's bool": pd.array([True, False, None, True] * 10, dtype=pd.ArrowDtype(pa.bool_())),
    "no NA": pd.array([True, False] * 20, dtype="boolean"),
}


def same(fast, slow, table):
    for rows in (table, table[2:3]):
        assert fast.predict_proba(rows).tobytes() == slow.predict_proba(rows).tobytes()


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    ],
)
def test_encoders_take_pandas_na_for_a_value_that_they_do_not_know(kind, encoder):
    pipeline = make_pipeline(make_column_transformer((SimpleImputer(), ["age"]), (encoder, ["job"])))
    pipeline = make_pipeline(pipeline, LogisticRegression()).fit(PEOPLE, RICH)
    same(perfcore.compile(pipeline), pipeline, PEOPLE.assign(job=TEXTS[kind](PEOPLE.job)))


@pytest.mark.parametrize("kind", ["boolean", "Arrow's bool", "no NA"])
def test_encoders_take_nullable_bools_for_numbers(kind):
    table = pd.DataFrame({"a": NUMBERS[kind], "b": np.arange(40.0)})
    encoder = OneHotEncoder(handle_unknown="ignore")
    for trained in (table, table.fillna(False).astype({"a": bool})):
        pipeline = make_pipeline(encoder, LogisticRegression()).fit(trained, RICH)
        same(perfcore.compile(pipeline), pipeline, table)


def test_tables_of_convert_dtypes_are_answered():
    columns = make_column_transformer((SimpleImputer(), ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["job"]))
    pipeline = make_pipeline(columns, LogisticRegression()).fit(PEOPLE, RICH)
    same(perfcore.compile(pipeline), pipeline, PEOPLE.convert_dtypes())


@pytest.mark.parametrize("kind", TEXTS)
def test_a_fitted_encoder_that_refuses_the_unknown_and_imputers_refuse_pandas_na(kind):
    table = PEOPLE[["job"]].assign(job=TEXTS[kind](PEOPLE.job))
    for steps in ([OneHotEncoder()], [SimpleImputer(strategy="most_frequent"), OneHotEncoder()]):
        fast = perfcore.compile(make_pipeline(*steps, LogisticRegression()).fit(PEOPLE[["job"]], RICH))
        with pytest.raises(perfcore.InputError, match="NA"):
            fast.predict_proba(table)


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("strategy", ["most_frequent", "constant", "mean"])
def test_nullable_numbers_and_bools_are_filled(kind, beside, strategy):
    table = pd.DataFrame({"a": NUMBERS[kind], "b": NUMBERS[kind]})
    if beside:
        table["c"] = np.arange(40.0)
    for steps in ([], [StandardScaler()]):
        pipeline = make_pipeline(SimpleImputer(strategy=strategy), *steps, LogisticRegression()).fit(table, RICH)
        same(perfcore.compile(pipeline), pipeline, table)


@pytest.mark.parametrize("numbers", [[1.0, 2.0, None, 4.0], [1, 2, 3, 4]])
@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_missing_bools_among_numbers_are_what_they_are_to_scikit_learn(make, numbers):
    table = make({"flag": [True, None, False, True] * 10, "number": numbers * 10})
    for strategy in ("most_frequent", "constant"):
        imputer = SimpleImputer(strategy=strategy, fill_value=0)
        pipeline = make_pipeline(imputer, HistGradientBoostingClassifier(max_iter=3))
        pipeline.fit(table, RICH)
        assert perfcore.compile(pipeline).predict_proba(table).tobytes() == pipeline.predict_proba(table).tobytes()


@pytest.mark.parametrize("numbers", [[1.0, 2.0, None, 4.0], [1, 2, 3, 4]])
@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
@pytest.mark.parametrize("make", [pl.DataFrame, pa.table, pd.DataFrame])
def test_bools_among_numbers_are_filled_in_tables_of_every_library(numbers, strategy, make):
    table = make({"flag": [True, False, False, True] * 10, "number": numbers * 10})
    pipeline = make_pipeline(SimpleImputer(strategy=strategy), HistGradientBoostingClassifier(max_iter=3))
    pipeline.fit(table, RICH)
    assert perfcore.compile(pipeline).predict_proba(table).tobytes() == pipeline.predict_proba(table).tobytes()


def test_objects_with_pandas_na_are_refused_in_words():
    numbers = pd.DataFrame({"a": pd.Series([1.5, 2, np.nan, 4] * 10, dtype=object)})
    pipeline = make_pipeline(SimpleImputer(strategy="most_frequent"), LogisticRegression()).fit(numbers, RICH)
    with pytest.raises(perfcore.InputError, match="SimpleImputer: .*NA"):
        perfcore.compile(pipeline).predict(numbers.where(numbers.notna(), pd.NA))


def test_an_indicator_over_objects_says_what_is_allowed():
    numbers = PEOPLE[["age"]]
    imputer = SimpleImputer(strategy="most_frequent", add_indicator=True)
    fast = perfcore.compile(make_pipeline(imputer, LogisticRegression()).fit(numbers, RICH))
    with pytest.raises(perfcore.InputError, match="table of objects, allowed: numbers"):
        fast.predict(numbers.astype(object))


@pytest.mark.parametrize("function", [np.abs, None])
def test_a_model_reads_bools_beside_whole_numbers_of_a_data_frame_as_scikit_learn(function):
    random = np.random.default_rng(0)
    table = (
        pd.DataFrame(random.integers(-(2**40), 2**40, (500, 9))).add_prefix("n").assign(flag=random.random(500) > 0.5)
    )
    pipeline = make_pipeline(FunctionTransformer(function), LinearRegression()).fit(table, random.normal(size=500))
    fast = perfcore.compile(pipeline)
    for rows in (table, table[:1], table[:37]):
        assert fast.predict(rows).tobytes() == pipeline.predict(rows).tobytes()


@pytest.mark.parametrize("step", [Normalizer(), SelectKBest(k=1), Binarizer(), FunctionTransformer(np.abs)])
@pytest.mark.parametrize("make", [lambda table: table, np.ndarray.tolist])
def test_arrays_of_texts_are_no_numbers_to_steps_that_ask_for_such(step, make):
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    pipeline = make_pipeline(step, LogisticRegression()).fit(numbers, RICH)
    for predict in (pipeline.predict, perfcore.compile(pipeline).predict):
        with pytest.raises((ValueError, TypeError)):
            predict(make(numbers.astype(str)))


def test_arrays_of_texts_are_numbers_to_steps_that_make_floats_of_them():
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers, RICH)
    for texts in (numbers.astype(str), numbers.astype(str).tolist()):
        assert perfcore.compile(pipeline).predict_proba(texts).tobytes() == pipeline.predict_proba(texts).tobytes()
