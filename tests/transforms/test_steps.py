"""Fitted steps beside scalers and encoders: the arrays that scikit-learn makes, to the bit, in dtype and layout."""

import pickle
import warnings

import numpy as np
import pytest

import perfcore
from perfcore.transforms.output import Output
from perfcore.transforms.plan import Plan, Trace
from perfcore.transforms.polynomial import PolynomialFeatures as Products
from perfcore.transforms.quantile import QuantileTransformer as Quantiles
from perfcore.transforms.tables import ArrayTable

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as hnp  # noqa: E402

sklearn = pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.decomposition import PCA, TruncatedSVD  # noqa: E402
from sklearn.feature_selection import (  # noqa: E402
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    f_regression,
)
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    KBinsDiscretizer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)

ROWS, COLUMNS = 150, 6
SKLEARN = tuple(map(int, sklearn.__version__.split(".")[:2]))


def numbers(dtype=np.float64, seed=0):
    """Cells of many sizes; a column of few values, one that is always the same, and zeros."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(ROWS, COLUMNS)) * [1, 1e-3, 1e4, 1, 1, 1]
    X[:, 3] = random.integers(0, 4, ROWS)
    X[:, 4] = np.exp(2 * X[:, 4])
    X[::7] = np.round(X[::7])
    X[5], X[:, 5] = 0, X[:, 5] + 100
    return X.astype(dtype)


def target(seed=1):
    return np.random.default_rng(seed).normal(size=ROWS)


def dense(made):
    return made.toarray() if hasattr(made, "toarray") else np.asarray(made)


def compiled(step, X):
    """What perfcore's inputs make of tables, with nothing between the step and its model."""
    width = dense(step.transform(X[:9])).shape[1]
    model = LinearRegression().fit(np.zeros((3, width)), np.zeros(3))
    inputs = perfcore.compile(make_pipeline(step, model))._model.inputs
    assert {how for _, _, how in inputs.steps} == {"fused"}
    return inputs


def hold(step, X, y=None, tables=()):
    """The step's own arrays for tables and parts of them: bits, dtype and layout."""
    step.fit(X, target() if y is None else y)
    inputs = compiled(step, X)
    for table in (X, *tables):
        for part in (table, table[7:8]):
            expected, got = step.transform(part), inputs._value(part)
            if hasattr(expected, "tocsr"):
                hold_rows(got, expected.tocsr())
                continue
            assert type(got) is np.ndarray and got.dtype == expected.dtype and got.shape == expected.shape
            assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(expected).tobytes()
            if min(got.shape) > 1:
                assert got.flags.c_contiguous == expected.flags.c_contiguous
                assert got.flags.f_contiguous == expected.flags.f_contiguous


def hold_rows(got, expected):
    expected.sort_indices()
    for name in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(got, name), getattr(expected, name)), name
    assert got.data.dtype == expected.data.dtype and got.data.tobytes() == expected.data.tobytes()


def hold_predictions(pipeline, X, tmp_path):
    """Over the whole table, single rows in their forms, and what was saved."""
    fast = perfcore.compile(pipeline)
    fast.save(tmp_path / "model.pcore")
    for each in (fast, perfcore.load(tmp_path / "model.pcore"), pickle.loads(pickle.dumps(fast))):
        assert each.predict(X).tobytes() == pipeline.predict(X).tobytes()
        for i in range(0, 30, 10):
            expected = pipeline.predict(X[i : i + 1]).tobytes()
            assert each.predict(X[i : i + 1]).tobytes() == expected
            assert np.asarray(each.predict_one(X[i])).tobytes() == expected
            if X.dtype == np.float64:
                assert np.asarray(each.predict_one(X[i].tolist())).tobytes() == expected


def forms(dtype):
    """The table in layouts that numpy adds and BLAS multiplies differently, with other cells, and as frames."""
    other = numbers(dtype, seed=2)
    frame = pd.DataFrame(other)
    return [np.asfortranarray(other), other[::2], np.repeat(other, 2, 1)[:, ::2], frame]


def with_nan(X):
    X = X.copy()
    X[np.random.default_rng(3).random(X.shape) < 0.1] = np.nan
    return X


DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])

STEPS = {
    "normalizer l1": lambda: Normalizer("l1"),
    "normalizer l2": lambda: Normalizer("l2"),
    "normalizer max": lambda: Normalizer("max"),
    "yeo-johnson": lambda: PowerTransformer(),
    "yeo-johnson alone": lambda: PowerTransformer(standardize=False),
    "quantiles": lambda: QuantileTransformer(n_quantiles=50),
    "normal quantiles": lambda: QuantileTransformer(n_quantiles=50, output_distribution="normal"),
    "polynomial": lambda: PolynomialFeatures(),
    "interactions": lambda: PolynomialFeatures(3, interaction_only=True, include_bias=False),
    "cubes alone": lambda: PolynomialFeatures((3, 3)),
    "cubes alone, Fortran": lambda: PolynomialFeatures((2, 3), include_bias=False, order="F"),
    "bins": lambda: KBinsDiscretizer(5, encode="ordinal", strategy="uniform"),
    "bins one-hot": lambda: KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform"),
    "bins sparse": lambda: KBinsDiscretizer(4, encode="onehot", strategy="uniform"),
    "bins kmeans": lambda: KBinsDiscretizer(3, encode="ordinal", strategy="kmeans", random_state=0),
    "variance": lambda: VarianceThreshold(0.5),
    "best": lambda: SelectKBest(f_regression, k=3),
    "percentile": lambda: SelectPercentile(f_regression, percentile=50),
    "from a model": lambda: SelectFromModel(LinearRegression()),
    "pca": lambda: PCA(4),
    "pca whitened": lambda: PCA(whiten=True),
    "pca by eigenvalues": lambda: PCA(3, svd_solver="covariance_eigh"),
    "pca by arpack": lambda: PCA(3, svd_solver="arpack"),
    "pca randomized": lambda: PCA(3, svd_solver="randomized", random_state=0),
    "svd": lambda: TruncatedSVD(3, random_state=0),
    "svd by arpack": lambda: TruncatedSVD(3, algorithm="arpack"),
}


@DTYPES
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.filterwarnings("ignore")
def test_a_step_makes_the_bits_that_scikit_learn_makes(name, dtype):
    hold(STEPS[name](), numbers(dtype), tables=forms(dtype))


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.filterwarnings("ignore")
def test_pipelines_answer_with_the_same_bits_live_saved_and_pickled(name, tmp_path):
    X = numbers()
    hold_predictions(make_pipeline(STEPS[name](), LinearRegression()).fit(X, target()), X, tmp_path)


@DTYPES
@pytest.mark.parametrize("name", ["yeo-johnson", "quantiles", "normal quantiles", "variance"])
@pytest.mark.filterwarnings("ignore")
def test_nan_goes_through_the_steps_that_take_it(name, dtype):
    X = with_nan(numbers(dtype))
    X[:, 2] = np.where(np.isnan(X[:, 2]), 0, X[:, 2])
    hold(STEPS[name](), X, tables=[with_nan(each) for each in forms(dtype)])


@pytest.mark.parametrize("name", ["normalizer l2", "polynomial", "bins", "pca", "svd", "best"])
def test_nan_and_infinity_are_refused_where_scikit_learn_refuses_them(name):
    X = numbers()
    fast = perfcore.compile(make_pipeline(STEPS[name](), LinearRegression()).fit(X, target()))
    for bad in (np.nan, np.inf):
        table = X[:9].copy()
        table[4, 2] = bad
        with pytest.raises(perfcore.InputError, match="NaN" if bad != bad else "infinity"):
            fast.predict(table)


@DTYPES
@pytest.mark.filterwarnings("ignore:The optimal lambda")
@pytest.mark.parametrize("standardize", [True, False])
def test_box_cox(dtype, standardize, tmp_path):
    X = np.abs(numbers(dtype)) + dtype(0.125)
    step = PowerTransformer("box-cox", standardize=standardize)
    hold(step, X, tables=[np.asfortranarray(X), np.where(X > 2, np.nan, X)])
    pipeline = make_pipeline(step, LinearRegression()).fit(X, target())
    hold_predictions(pipeline, X, tmp_path)
    X[3, 1] = 0
    with pytest.raises(perfcore.InputError, match="strictly positive"):
        perfcore.compile(pipeline).predict(X)


@pytest.mark.parametrize("power", [0.0, 2.0, 1.0, -0.5, 1e-17])
def test_powers_at_which_yeo_johnson_takes_logarithms(power):
    X = numbers()
    step = PowerTransformer(standardize=False).fit(X)
    step.lambdas_[:] = power
    pipeline = make_pipeline(step, LinearRegression().fit(step.transform(X), target()))
    assert perfcore.compile(pipeline)._model.inputs._value(X).tobytes() == step.transform(X).tobytes()


CELLS = st.one_of(
    st.floats(-1e3, 1e3, width=32),
    st.integers(-3, 3).map(float),
    st.sampled_from([0.0, -0.0, np.nan, 5e-324, -1e-310, 1e300, -1e300, 1e-7, 1 + 1e-7, 1 - 1e-7]),
)


@given(st.lists(CELLS, min_size=4, max_size=12), st.lists(CELLS, min_size=1, max_size=12), st.sampled_from("fd"))
def test_ranks_among_quantiles_of_any_cells(fitted, asked, dtype):
    """numpy's interpolation is a loop of our own here: ties, infinite slopes, cells near an end or of no number."""
    with np.errstate(all="ignore"):
        fitted, asked = (np.array(each)[:, None].astype(dtype) for each in (fitted, asked))
    fitted, asked = fitted[np.isfinite(fitted[:, 0])], asked[~np.isinf(asked[:, 0])]
    hypothesis.assume(len(fitted) > 1 and len(asked))
    for distribution in ("uniform", "normal"):
        step = QuantileTransformer(n_quantiles=5, output_distribution=distribution)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            step.fit(fitted)
            fast = Quantiles.of(step)
            trace = Trace(ArrayTable(asked))
            made = Output(fast.fuse(trace.start(trace.run.tables[0])))
            assert Plan(trace.stages, made).value(ArrayTable(asked)).tobytes() == step.transform(asked).tobytes()


@given(hnp.arrays(st.sampled_from([np.float32, np.float64]), st.tuples(st.integers(1, 70), st.integers(1, 4)),
                  elements=st.floats(-(2.0**100), 2.0**100, width=32)),
       st.integers(1, 4), st.integers(0, 4), st.booleans(), st.booleans(), st.sampled_from("CF"))  # fmt: skip
def test_polynomials_of_any_degrees(X, most, least, interaction_only, include_bias, order):
    step = PolynomialFeatures(
        (min(least, most), most), interaction_only=interaction_only, include_bias=include_bias, order=order
    )
    with np.errstate(all="ignore"):
        try:
            expected = step.fit_transform(X)
        except ValueError:
            hypothesis.reject()
        hypothesis.assume(expected.shape[1])
        trace = Trace(ArrayTable(X))
        made = Output(Products.of(step).fuse(trace.start(trace.run.tables[0])))
        got = Plan(trace.stages, made).value(ArrayTable(X))
    assert got.dtype == expected.dtype and got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", [np.int64, bool])
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.filterwarnings("ignore")
def test_whole_numbers(name, dtype):
    X = np.random.default_rng(0).integers(0, 2 if dtype is bool else 100, (ROWS, COLUMNS)).astype(dtype)
    if dtype is bool and name in ("variance", "from a model", "svd by arpack"):
        pytest.skip("keeps no column, or takes none")
    hold(STEPS[name](), X)


def table_of_categories(seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "job": random.choice(["clerk", "sailor", "baker", None], ROWS),
            "town": random.choice([f"town {i}" for i in range(30)], ROWS),
            "grade": random.choice([1.0, 2.0, 5.0, np.nan], ROWS),
        }
    )


TARGETS = {
    "continuous": target(),
    "binary": np.where(target() > 0, "yes", "no"),
    "multiclass": np.random.default_rng(4).integers(0, 3, ROWS),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("smooth", ["auto", 10.0])
def test_target_encoder(kind, smooth):
    X, other = table_of_categories(), table_of_categories(1)
    other.loc[3, "job"], other.loc[4, "town"], other.loc[5, "grade"] = "pilot", "Atlantis", 7.5
    step = TargetEncoder(smooth=smooth)
    hold(step, X, TARGETS[kind], tables=[other])
    hold(TargetEncoder(smooth=smooth), X[["grade"]].to_numpy(), TARGETS[kind], tables=[other[["grade"]].to_numpy()])


FUSED_BEHIND_SPARSE = ["pca", "svd", "best"]
AS_THEY_ARE = ["normalizer l1", "normalizer l2", "normalizer max", "polynomial"]


@pytest.mark.parametrize("name", FUSED_BEHIND_SPARSE + AS_THEY_ARE)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_steps_behind_sparse_rows_are_fused_or_run_as_they_are(name):
    X = table_of_categories().fillna({"job": "none", "grade": 0})
    pipeline = make_pipeline(OneHotEncoder(handle_unknown="ignore"), STEPS[name](), LinearRegression())
    fast = perfcore.compile(pipeline.fit(X, target()))
    assert fast.predict(X).tobytes() == pipeline.predict(X).tobytes()
    assert fast.predict(X[4:5]).tobytes() == pipeline.predict(X[4:5]).tobytes()
    assert ("as it is" in fast.explain()) == (name in AS_THEY_ARE)
    again = pickle.loads(pickle.dumps(fast))
    assert again.predict(X).tobytes() == pipeline.predict(X).tobytes()


def test_steps_of_a_column_transformer(tmp_path):
    random = np.random.default_rng(0)
    X = table_of_categories().assign(age=random.integers(17, 90, ROWS), pay=np.exp(random.normal(size=ROWS)))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), KBinsDiscretizer(4, strategy="uniform")), ["grade"]),
        (TargetEncoder(), ["job", "town"]),
        (make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), PCA(3)), ["age", "pay"]),
        (make_pipeline(PowerTransformer(), QuantileTransformer(n_quantiles=20)), ["pay"]),
    )
    pipeline = make_pipeline(columns, MaxAbsScaler(), SelectKBest(f_regression, k=6), LinearRegression())
    pipeline.fit(X, target())
    fast = perfcore.compile(pipeline)
    fast.save(tmp_path / "model.pcore")
    for each in (fast, perfcore.load(tmp_path / "model.pcore")):
        assert each.predict(X).tobytes() == pipeline.predict(X).tobytes()
        for i in range(5):
            row = X.iloc[i : i + 1]
            assert each.predict(row).tobytes() == pipeline.predict(row).tobytes()
            assert np.asarray(each.predict_one(row.iloc[0].to_dict())).tobytes() == pipeline.predict(row).tobytes()
    assert "run as they are" in fast.explain() and "0 run as they are" in fast.explain()
