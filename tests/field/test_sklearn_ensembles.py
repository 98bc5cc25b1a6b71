"""Meta-estimators over members of several frameworks, trained on real tables: equal bits over the whole of them."""

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
pd = pytest.importorskip("pandas")
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.compose import TransformedTargetRegressor  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    BaggingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

LIGHTGBM = {"n_estimators": 20, "n_jobs": 1, "verbose": -1}
XGBOOST = {"n_estimators": 20, "max_depth": 5, "n_jobs": 1}


@pytest.fixture(scope="module", autouse=True)
def one_openmp_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def housing(shared):
    table = pd.read_csv(shared / "data" / "california_housing.csv.gz").select_dtypes("number").fillna(0)
    return table.drop(columns="median_house_value"), table.median_house_value


@pytest.fixture(scope="module")
def census(shared):
    table = pd.read_csv(shared / "data" / "adult_census_income.csv.gz", skipinitialspace=True, na_values="?")
    columns = table.drop(columns="income")
    texts = columns.select_dtypes(exclude="number").columns
    return columns.astype({name: "category" for name in texts}), (table.income == table.income.iloc[0]).astype(int)


def hold(model, table, tmp_path):
    fast = perfcore.compile(model)
    fast.save(tmp_path / "model.pcore")
    for each in (fast, perfcore.load(tmp_path / "model.pcore")):
        perfcore.verify(each, model, table)
        perfcore.verify(each, model, table.iloc[:1])


def regressors():
    return [
        ("forest", RandomForestRegressor(10, max_depth=10)),
        ("lightgbm", lightgbm.LGBMRegressor(**LIGHTGBM)),
        ("xgboost", xgboost.XGBRegressor(**XGBOOST)),
        ("linear", LinearRegression()),
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: VotingRegressor(regressors(), weights=[0.1, 0.3, 0.5, 0.1]),
        lambda: StackingRegressor(regressors(), cv=2, passthrough=True),
        lambda: TransformedTargetRegressor(regressors()[2][1], func=np.log, inverse_func=np.exp),
        lambda: BaggingRegressor(Ridge(), 5, max_features=0.6),
        lambda: GridSearchCV(regressors()[0][1], {"max_depth": [4, 8]}, cv=2),
    ],
    ids=["voting", "stacking", "target", "bagging", "search"],
)
def test_regressors_of_houses(make, housing, tmp_path):
    table, prices = housing
    hold(make().fit(table, prices), table, tmp_path)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_incomes(method, census, tmp_path):
    table, income = census
    for member in (lightgbm.LGBMClassifier(**LIGHTGBM), HistGradientBoostingClassifier(max_iter=10)):
        hold(CalibratedClassifierCV(member, method=method, cv=2).fit(table, income), table, tmp_path)


def test_incomes_by_members_that_read_categories_each_in_its_way(census, tmp_path):
    table, income = census
    members = [
        ("lightgbm", lightgbm.LGBMClassifier(**LIGHTGBM)),
        ("xgboost", xgboost.XGBClassifier(enable_categorical=True, **XGBOOST)),
        ("histogram", HistGradientBoostingClassifier(max_iter=10)),
    ]
    hold(VotingClassifier(members, voting="soft").fit(table, income), table, tmp_path)
    hold(StackingClassifier(members, cv=2).fit(table, income), table, tmp_path)


def test_incomes_by_numbers(census, tmp_path):
    table, income = census[0].select_dtypes("number"), census[1]
    members = [("forest", RandomForestClassifier(10, max_depth=8)), ("linear", LogisticRegression(max_iter=200))]
    hold(VotingClassifier(members).fit(table, income), table, tmp_path)
    hold(StackingClassifier(members, cv=2).fit(table, income), table, tmp_path)
