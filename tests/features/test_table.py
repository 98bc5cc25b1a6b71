"""Tables of any library by columns, and tables of the same kind out of new ones."""

import numpy as np
import pytest

from perfcore import InputError
from perfcore._ext.features import MISSING
from perfcore.features.table import Table

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

COLUMNS = {"a": [1.0, 2.0], "b": [3, 4]}
NAMED = {
    "pandas": pd.DataFrame(COLUMNS, index=[7, 3]),
    "polars": pl.DataFrame(COLUMNS),
    "pyarrow": pa.table(COLUMNS),
    "batch": pa.RecordBatch.from_pydict(COLUMNS),
    "structured": np.array([(1, 3), (2, 4)], [("a", float), ("b", "i2")]),
}
NAMELESS = {
    "array": np.array([[1, 3], [2, 4.0]]),
    "lists": [[1, 3], [2, 4]],
    "pandas": pd.DataFrame([[1, 3], [2, 4]]),
    "objects": np.array([[1, 3], [2, 4]], object),
}


@pytest.mark.parametrize("kind", NAMED)
def test_columns_have_their_names(kind):
    table = Table.of(NAMED[kind])
    assert table.names == ("a", "b") and table.is_named and table.n_rows == 2
    assert table.numbers("b").tolist() == [3.0, 4.0] and table.name("a") == "a"
    assert table.nan_is_missing == (kind in ("pandas", "structured"))
    for column in ("c", 0, None, True):
        with pytest.raises(InputError, match=rf"column {column!r} is unknown: the table's columns are \['a', 'b'\]"):
            table.name(column)


@pytest.mark.parametrize("kind", NAMELESS)
def test_columns_without_names_have_places(kind):
    table = Table.of(NAMELESS[kind])
    assert table.names == ("x0", "x1") and not table.is_named
    assert table.name(1) == table.name(np.int8(1)) == table.name("x1") == "x1"
    assert table.numbers("x1").tolist() == [3.0, 4.0]
    for column in (2, -1, "x2", "a"):
        with pytest.raises(InputError, match=rf"column {column!r} is unknown: the table's columns are 0 to 1"):
            table.name(column)


@pytest.mark.parametrize("kind", NAMED)
def test_the_same_kind_comes_out(kind):
    X = NAMED[kind]
    missing = np.nan if Table.of(X).nan_is_missing else MISSING
    made = Table.of(X).made([np.array([missing, 1.0]), np.array([np.nan, 2.0])], ["p", "q"])
    assert type(made) is type(X)
    if kind == "pandas":
        assert made.index.tolist() == [7, 3] and made.columns.tolist() == ["p", "q"]
        assert made.to_numpy().tobytes() == np.array([[np.nan, np.nan], [1, 2]]).tobytes()
    elif kind == "structured":
        assert made.dtype.names == ("p", "q") and np.isnan(made["p"][0]) and made["q"][1] == 2
    else:
        made = made.to_arrow() if kind == "polars" else made
        nulls = [
            pa.chunked_array([made.column(name)] if kind == "batch" else made.column(name)).null_count for name in "pq"
        ]
        assert nulls == [1, 0]  # NaN is no null


def test_other_kinds_come_out_when_asked():
    columns = lambda: [np.array([MISSING, 1.0])]  # noqa: E731
    assert Table.of(NAMED["pandas"]).made(columns(), ["p"], "polars")["p"].to_list() == [None, 1.0]
    frame = Table.of(NAMED["polars"]).made(columns(), ["p"], "pandas")
    assert frame["p"].to_numpy().tobytes() == np.array([np.nan, 1.0]).tobytes()
    assert Table.of(NAMELESS["array"]).made(columns(), ["p"]).shape == (2, 1)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"columns of the same name: \['a'\]"),
        (pa.table([[1], [2]], names=["a", "a"]), r"columns of the same name: \['a'\]"),
        (pd.DataFrame([[1, 2]], columns=["a", 3]), "names of text, or numbered from 0; got 3 among them"),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])), r"got \('a', 'b'\)"),
        (np.zeros(3), r"two dimensions, got shape \(3,\)\. Reshape your data"),
        (np.zeros((1, 2, 3)), "two dimensions"),
        (pd.Series([1.0]), "expected a table"),
        (pl.DataFrame(COLUMNS).lazy(), "holds no rows yet: pass what its collect"),
        (3, "expected a table .* got a int"),
        ("abc", "expected a table .* got a str"),
        (None, "expected a table"),
        ({"a": [1]}, "expected a table .* got a dict"),
    ],
    ids=lambda x: x if isinstance(x, str) else type(x).__name__,
)
def test_what_is_no_table_is_refused(X, message):
    with pytest.raises(InputError, match=message):
        Table.of(X)


def test_sparse_tables_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    for make in (sparse.csr_matrix, sparse.coo_array):
        with pytest.raises(InputError, match="sparse"):
            Table.of(make(np.eye(3)))
