"""shrink on real tables: half the bytes of pandas' defaults at most, and every value."""

import pytest

from perfcore import features as f

pd = pytest.importorskip("pandas")

TABLES = {
    "census": lambda data: pd.read_csv(data / "adult_census_income.csv.gz"),
    "bank": lambda data: pd.read_csv(data / "bank_marketing_full.csv.gz", sep=";"),
    "races": lambda data: pd.read_parquet(data / "boatrace_entries.parquet"),
    "payouts": lambda data: pd.read_parquet(data / "boatrace_payouts.parquet"),
}


@pytest.mark.parametrize("name", TABLES)
def test_half_the_bytes_at_most_and_every_value(shared, name):
    table = TABLES[name](shared / "data")
    small, report = f.shrink(table)
    bytes_before, bytes_after = (each.memory_usage(deep=True).sum() for each in (table, small))
    assert bytes_after <= 0.5 * bytes_before
    assert report.bytes_after <= 0.5 * report.bytes_before
    assert small.shape == table.shape
    for column in table:  # for assert_frame_equal formats what it compares
        assert small[column].astype(table[column].dtype).equals(table[column]), column
    last = table.iloc[-1000:]
    pd.testing.assert_frame_equal(report.apply(last), small.iloc[-1000:])


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
@pytest.mark.parametrize("name", ["census", "bank"])
def test_polars_and_arrow_tables_too(shared, kind, name):
    library = pytest.importorskip(kind)
    frame = TABLES[name](shared / "data")
    table = library.from_pandas(frame) if kind == "polars" else library.Table.from_pandas(frame)
    small, report = f.shrink(table)
    assert report.bytes_after <= 0.5 * report.bytes_before
    assert small.to_pandas().astype(frame.dtypes.to_dict()).equals(frame)
