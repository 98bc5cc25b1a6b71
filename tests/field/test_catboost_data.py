"""CatBoost models trained on a part of real tables: equal bits on the rest, live, from the .cbm file and saved."""

import numpy as np
import pytest

import perfcore

catboost = pytest.importorskip("catboost", reason="catboost is not installed")
pd = pytest.importorskip("pandas")
QUIET = {"verbose": 0, "thread_count": 2, "random_seed": 0, "allow_writing_files": False}


@pytest.fixture(scope="module")
def housing(shared):
    table = pd.read_csv(shared / "data" / "california_housing.csv.gz")
    return table.drop(columns="median_house_value"), table.median_house_value


@pytest.fixture(scope="module")
def census(shared):
    table = pd.read_csv(shared / "data" / "adult_census_income.csv.gz", skipinitialspace=True)
    return table.drop(columns="income"), table.income


@pytest.fixture(scope="module")
def bank(shared):
    table = pd.read_csv(shared / "data" / "bank_marketing_full.csv.gz", sep=";")
    return table.drop(columns="y"), table.y


@pytest.fixture(scope="module")
def races(shared):
    """Boats of which the place is known; racers, motors and stadiums are categories, thousands of them."""
    table = pd.read_parquet(shared / "data" / "boatrace_entries.parquet").iloc[:60_000]
    table = table[table.place.between(1, 6) & table.racer_number.notna() & table.assigned_motor_no.notna()]
    known = table.loc[:, "stadium":"exh_weight_adj"].drop(columns=["race_no", "closed_at"])
    names = ["stadium", "boat", "racer_number", "assigned_motor_no"]
    return known.astype(dict.fromkeys(names, "int64")), table.place.astype(int), names


def texts_of(table):
    return [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]


def part(table, target):
    """A third to train with; the rest, which has categories that training did not see."""
    to_train = np.arange(len(table)) % 3 == 0
    return table[to_train], target[to_train], table[~to_train].reset_index(drop=True)


def hold(model, rest, tmp_path):
    model.save_model(str(tmp_path / "model.cbm"))
    fast = perfcore.compile(model)
    fast.save(tmp_path / "model.pcore")
    for each in (fast, perfcore.load(tmp_path / "model.pcore")):
        perfcore.verify(each, model, rest)
    perfcore.verify(perfcore.compile(tmp_path / "model.cbm"), tmp_path / "model.cbm", rest)


GROWN = pytest.mark.parametrize("grow_policy", ["SymmetricTree", "Depthwise", "Lossguide"])


@GROWN
@pytest.mark.parametrize("loss", ["RMSE", "Quantile", "Poisson"])
def test_housing_numbers(loss, grow_policy, housing, tmp_path):
    table, value, rest = part(housing[0].select_dtypes("number"), housing[1])
    model = catboost.CatBoostRegressor(**QUIET, iterations=60, loss_function=loss, grow_policy=grow_policy)
    hold(model.fit(table, value / 1e5), rest, tmp_path)


@GROWN
@pytest.mark.parametrize("one_hot_max_size", [2, 10])
@pytest.mark.parametrize("data", ["census", "bank"])
def test_categories(data, one_hot_max_size, grow_policy, request, tmp_path):
    table, label, rest = part(*request.getfixturevalue(data))
    model = catboost.CatBoostClassifier(
        **QUIET,
        iterations=150,
        grow_policy=grow_policy,
        one_hot_max_size=one_hot_max_size,
        cat_features=texts_of(table),
    )
    hold(model.fit(table, label), rest, tmp_path)


@pytest.mark.parametrize("data", ["census", "bank"])
def test_every_kind_of_counter(data, request, tmp_path):
    table, label, rest = part(*request.getfixturevalue(data))
    kinds = ["Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"]
    model = catboost.CatBoostClassifier(
        **QUIET, iterations=50, depth=7, max_ctr_complexity=3, simple_ctr=kinds, combinations_ctr=kinds,
        cat_features=texts_of(table),
    )  # fmt: skip
    hold(model.fit(table, label), rest, tmp_path)


def test_census_classes(census, tmp_path):
    table, race, rest = part(census[0].drop(columns="race"), census[0].race)
    model = catboost.CatBoostClassifier(**QUIET, iterations=20, cat_features=texts_of(table))
    hold(model.fit(table, race), rest, tmp_path)


def test_census_tables(census, tmp_path):
    """The same rows as texts, categories, objects, lists, and a row at a time."""
    table, label, rest = part(*census)
    names = texts_of(table)
    model = catboost.CatBoostClassifier(**QUIET, iterations=40, cat_features=names).fit(table, label)
    fast, objects = perfcore.compile(model), rest.astype(dict.fromkeys(names, object))
    expected = model.predict_proba(rest).tobytes()
    for kind in ("category", "string", object):
        assert fast.predict_proba(rest.astype(dict.fromkeys(names, kind))).tobytes() == expected
    for given in (objects.to_numpy(), objects.to_numpy().tolist(), objects[list(table)]):
        assert fast.predict_proba(given).tobytes() == expected
    for row in range(0, len(rest), 500):
        assert fast.predict_proba_one(rest.iloc[row]).tobytes() == model.predict_proba(rest[row : row + 1])[0].tobytes()


def test_races(races, tmp_path):
    known, place, names = races
    table, label, rest = part(known, place)
    model = catboost.CatBoostClassifier(**QUIET, iterations=15, cat_features=names).fit(table, label)
    hold(model, rest, tmp_path)
    ranker = catboost.CatBoostRegressor(**QUIET, iterations=40, cat_features=names).fit(table, -label)
    hold(ranker, rest, tmp_path)
