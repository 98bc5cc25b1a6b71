"""Steps over pandas, polars, Arrow and numpy tables of many dtypes: how each becomes an array decides the bits."""

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
from sklearn.decomposition import PCA, TruncatedSVD  # noqa: E402
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor  # noqa: E402

ROWS = 60
RANDOM = np.random.default_rng(0)
COLUMNS = {
    "float": RANDOM.normal(size=ROWS),
    "single": RANDOM.normal(size=ROWS).astype(np.float32),
    "int": RANDOM.integers(1, 50, ROWS),
    "short": RANDOM.integers(1, 50, ROWS).astype(np.int16),
    "byte": RANDOM.integers(0, 9, ROWS).astype(np.int8),
    "bool": RANDOM.random(ROWS) > 0.5,
    "nullable int": pd.array(RANDOM.integers(1, 50, ROWS), dtype="Int64"),
    "nullable single": pd.array(RANDOM.normal(size=ROWS), dtype="Float32"),
}
TABLES = {
    "singles": ["single"],
    "singles and bytes": ["single", "byte"],
    "ints": ["int", "short", "byte"],
    "all": ["float", "single", "int", "bool"],
    "nullable": ["nullable int", "nullable single"],
}
KINDS = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
    "numpy": lambda frame: frame.to_numpy(),
}
STEPS = [
    StandardScaler(),
    Normalizer("l1"),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=20),
    PolynomialFeatures(),
    KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
    SelectKBest(f_regression, k=2),
    PCA(2),
    TruncatedSVD(2, random_state=0),
]


def rows(table, start, stop):
    return table.slice(start, stop - start) if isinstance(table, pa.Table) else table[start:stop]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", TABLES)
@pytest.mark.filterwarnings("ignore")
def test_the_same_bits_out_of_every_kind_of_table(names, kind):
    frame = pd.DataFrame({f"{name} {i}": COLUMNS[name] for name in TABLES[names] for i in range(3)})
    for j in range(1, frame.shape[1]):  # columns of a dtype that differ from one another
        frame.isetitem(j, frame.iloc[:, j].sample(frac=1, random_state=j, ignore_index=True))
    table = KINDS[kind](frame)
    for step in STEPS:
        pipeline = make_pipeline(step, LinearRegression()).fit(table, np.arange(ROWS) % 7)
        fast = perfcore.compile(pipeline)
        for part in (table, rows(table, 0, 1)):
            expected, got = step.transform(part), fast._model.inputs._value(part)
            if expected.dtype != object:  # which stays such in a selection, and becomes numbers behind it
                assert got.dtype == expected.dtype, step
            assert got.tobytes() == expected.astype(got.dtype).tobytes(), step
            assert fast.predict(part).tobytes() == pipeline.predict(part).tobytes(), step


@pytest.mark.parametrize("step", [VarianceThreshold(), Binarizer(), SimpleImputer(), "passthrough"])
@pytest.mark.parametrize("names", [["z"], ["z", "i"], ["a", "z"]])
def test_nulls_among_columns_of_bool_are_no_numbers(names, step):
    table = pl.DataFrame({"a": COLUMNS["float"], "z": COLUMNS["bool"], "i": COLUMNS["int"]})
    pipeline = make_pipeline(step, DecisionTreeRegressor(max_depth=4)).fit(table.select(names), np.arange(ROWS) % 7)
    fast = perfcore.compile(pipeline)
    gaps = table.with_columns(z=pl.when(pl.col("a") > 0).then(pl.col("z"))).select(names)
    for part in (gaps, gaps.to_arrow()):
        try:
            answer = fast.predict(part)
        except perfcore.InputError:
            assert not isinstance(step, SimpleImputer)
        else:
            assert answer.tobytes() == pipeline.predict(part).tobytes()


@pytest.mark.parametrize(
    "step", [FunctionTransformer(np.exp, validate=True), SelectKBest(f_regression, k=3), "passthrough"]
)
def test_record_batches_lie_as_tables_do(step):
    table = pa.table({"a": COLUMNS["float"], "s": COLUMNS["single"], "i": COLUMNS["int"]})
    pipeline = make_pipeline(step, LinearRegression()).fit(table, np.arange(ROWS) % 7)
    (batch,) = table.to_batches()
    assert perfcore.compile(pipeline).predict(batch).tobytes() == pipeline.predict(batch).tobytes()


@pytest.mark.parametrize(
    "row", ["abc", b"abc", pl.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0]}), pa.table({"a": [1]})]
)
def test_what_is_no_row_is_told_so(row):
    fast = perfcore.compile(make_pipeline(StandardScaler(), LogisticRegression()).fit(np.eye(3), [0, 1, 1]))
    with pytest.raises(perfcore.InputError, match=f"expected one row.*, got a .*{type(row).__name__}"):
        fast.predict_one(row)


@pytest.mark.filterwarnings("error")
def test_compile_runs_no_step_that_runs_as_it_is():
    called = []

    class Counted(StandardScaler):
        def transform(self, X):
            called.append(X)
            return super().transform(X)

    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [1.0, 5.0, 2.0]})
    pipeline = make_pipeline(Counted(), LogisticRegression()).fit(frame, [0, 1, 1])
    called.clear()
    fast = perfcore.compile(pipeline)
    assert not called
    assert (fast.predict_proba(frame) == pipeline.predict_proba(frame)).all()
    assert fast.predict_one({"a": 4.0, "b": 2.0}) == 1
