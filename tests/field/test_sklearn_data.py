"""scikit-learn models trained on real tables: equal bits over the whole of them, live and from file."""

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
from sklearn.ensemble import (  # noqa: E402
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_openmp_thread():
    """Histogram boosting's own threads wait for one another by spinning: on a busy machine, for minutes."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def housing(shared):
    table = pd.read_csv(shared / "data" / "california_housing.csv.gz")
    return table.drop(columns="median_house_value"), table.median_house_value


@pytest.fixture(scope="module")
def census(shared):
    table = pd.read_csv(shared / "data" / "adult_census_income.csv.gz", skipinitialspace=True, na_values="?")
    columns = table.drop(columns="income")
    texts = columns.select_dtypes(exclude="number").columns
    return columns.astype({name: "category" for name in texts}), table.income


def numbers(table):
    return table.select_dtypes("number").fillna(0)


def hold(model, table, tmp_path):
    fast = perfcore.compile(model)
    fast.save(tmp_path / "model.pcore")
    for each in (fast, perfcore.load(tmp_path / "model.pcore")):
        for method in ("predict", "predict_proba", "decision_function", "score_samples", "apply"):
            if hasattr(model, method):
                expected, got = getattr(model, method)(table), getattr(each, method)(table)
                assert (expected.dtype, expected.shape) == (got.dtype, got.shape), method
                same = expected.tobytes() == got.tobytes() if expected.dtype != object else (expected == got).all()
                assert same, (type(model).__name__, method)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(),
        RandomForestRegressor(30, max_depth=12),
        ExtraTreesRegressor(20, max_depth=12),
        GradientBoostingRegressor(n_estimators=40),
        HistGradientBoostingRegressor(max_iter=100),
        BaggingRegressor(n_estimators=5, max_features=0.7),
        AdaBoostRegressor(n_estimators=15),
        LinearRegression(),
        Ridge(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_housing(model, housing, tmp_path):
    table = numbers(housing[0])
    hold(model.fit(table, housing[1]), table, tmp_path)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=14),
        RandomForestClassifier(25, max_depth=12),
        GradientBoostingClassifier(n_estimators=30),
        HistGradientBoostingClassifier(max_iter=60),
        BaggingClassifier(n_estimators=5, max_features=0.7),
        AdaBoostClassifier(n_estimators=10),
        LogisticRegression(max_iter=50),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_census_numbers(model, census, tmp_path):
    table = numbers(census[0])
    hold(model.fit(table, census[1]), table, tmp_path)


def test_census_with_its_categories(census, tmp_path):
    table, income = census
    assert table.isna().any().any()
    hold(HistGradientBoostingClassifier(max_iter=60).fit(table, income), table, tmp_path)
    hold(HistGradientBoostingClassifier(max_iter=10).fit(table.drop(columns="race"), table.race), table, tmp_path)


def test_housing_with_missing_numbers_and_a_text_column(housing, tmp_path):
    table, value = housing
    assert np.isnan(table.total_bedrooms).any()
    model = HistGradientBoostingRegressor(max_iter=80, loss="gamma", categorical_features=["ocean_proximity"])
    hold(model.fit(table, value), table, tmp_path)
    forest = RandomForestRegressor(20, max_depth=10).fit(table.select_dtypes("number"), value)
    hold(forest, table.select_dtypes("number"), tmp_path)
    isolation = IsolationForest(n_estimators=20, max_features=5, contamination=0.02).fit(table.select_dtypes("number"))
    hold(isolation, table.select_dtypes("number"), tmp_path)
