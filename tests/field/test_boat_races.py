"""Features of real boat races: the same from pandas and polars, and ours."""

import pytest

from perfcore.demo import races

pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
from boat_races import assert_are, ours  # noqa: E402


@pytest.fixture(scope="module")
def table(shared):
    return races.prepared(races.read(shared / "data"))


@pytest.fixture(scope="module")
def by_pandas(table, benchmarks_in, tmp_path_factory):
    benchmarks_in(tmp_path_factory.mktemp("benchmarks"))
    import benchmarks.features.races_pandas

    return benchmarks.features.races_pandas.features(table.to_pandas())


def test_made_up_races_have_the_columns_of_real_ones(shared):
    assert races.make(200, 100).schema.equals(races.read(shared / "data").schema.remove_metadata())


def test_polars_makes_the_features_that_pandas_makes(table, by_pandas):
    import benchmarks.features.races_polars

    assert_are(benchmarks.features.races_polars.features(pl.from_arrow(table)).to_pandas(), by_pandas)


def test_ours_are_those_that_pandas_makes(table, by_pandas):
    assert_are(ours(table), by_pandas)
