"""Real tables as they lie in Arrow and Parquet files: the bits of the models' own answers to them as pandas frames."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import perfcore

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")


def lightgbm_booster(X, y):
    lightgbm = pytest.importorskip("lightgbm")
    return lightgbm.train({"verbose": -1, "num_leaves": 31, "num_threads": 1}, lightgbm.Dataset(X, y), 20)


def xgb(X, y):
    xgboost = pytest.importorskip("xgboost")
    return xgboost.XGBRegressor(n_estimators=20, max_depth=6, n_jobs=1).fit(X, y)


def catboost(X, y):
    package = pytest.importorskip("catboost")
    model = package.CatBoostRegressor(iterations=20, verbose=0, thread_count=1, allow_writing_files=False)
    return model.fit(X, y)


def histogram_boosting(X, y):
    ensemble = pytest.importorskip("sklearn.ensemble")
    with threadpool_limits(1):
        return ensemble.HistGradientBoostingRegressor(max_iter=20).fit(X, y)


def assert_equal(expected, got):
    assert (expected.dtype, expected.shape, expected.tobytes()) == (got.dtype, got.shape, got.tobytes())


MODELS = [lightgbm_booster, xgb, catboost, histogram_boosting]


@pytest.fixture(scope="module")
def flights(shared):
    return pa.ipc.open_file(shared / "data" / "flights_200k.arrow").read_all()


@pytest.fixture(scope="module")
def races(shared):
    """Numbers alone: floats of both widths and whole numbers, some with nulls."""
    from pyarrow import parquet

    table = parquet.read_table(shared / "data" / "boatrace_entries.parquet")
    known = [field.name for field in table.schema if str(field.type) in ("int32", "float", "double")]
    return table.select([name for name in known if name not in ("place", "technique", "course", "start_timing")])


@pytest.mark.parametrize("make", MODELS)
def test_flights(make, flights):
    target = flights["delay"].to_numpy()
    columns = flights.drop_columns(["delay"])
    check(make(columns.to_pandas()[:20_000], target[:20_000]), columns)


@pytest.mark.parametrize("make", MODELS)
def test_boat_races(make, races):
    frame = races.to_pandas()
    check(make(frame[:20_000], frame["exh_time"][:20_000] + frame["boat"][:20_000]), races)


def check(model, table):
    with threadpool_limits(1):
        expected = model.predict(table.to_pandas())
    fast = perfcore.compile(model)
    for each in (table, table.to_reader(max_chunksize=30_000), polars.from_arrow(table)):
        assert_equal(expected, fast.predict(each))
    assert_equal(expected[:1], fast.predict(table.slice(0, 1)))
    batches = fast.predict_batches(table.to_reader(max_chunksize=30_000))
    assert_equal(expected, np.concatenate(list(batches)))


def test_a_parquet_file_in_batches(shared, races):
    from pyarrow import parquet

    frame = races.to_pandas()
    fast = perfcore.compile(lightgbm_booster(frame[:20_000], frame["exh_time"][:20_000]))
    path = shared / "data" / "boatrace_entries.parquet"
    batches = parquet.ParquetFile(path).iter_batches(batch_size=10_000, columns=races.column_names)
    assert_equal(fast.predict(frame), np.concatenate(list(fast.predict_batches(batches))))
