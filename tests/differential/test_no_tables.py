"""What is handed in for a table and is none: its type is named, and where it goes instead."""

import io
from collections import deque

import pytest
from tables import INSTALLED, NAMES, X, model

import perfcore
from perfcore.errors import InputError

pa = pytest.importorskip("pyarrow")


def things(folder):
    from pyarrow import dataset, parquet

    path = folder / "table.parquet"
    parquet.write_table(pa.table({name: X[:, j].copy() for j, name in enumerate(NAMES)}), path)
    stream, file = "; a stream of tables goes to predict_batches", "; read the file first, or stream it"
    yield from [(str(path), file), (path, file), (io.BytesIO(path.read_bytes()), file)]
    yield from [(parquet.ParquetFile(path), stream), (dataset.dataset(path), stream), ((row for row in X), stream)]
    yield {"c0": [1.0]}, "; a row by name goes to predict_one, columns by name as a data frame"
    yield from ((each, "") for each in (b"c0", None, 3, {1.0}, object(), deque([[1.0, 2.0], [1.0]])))


@pytest.mark.parametrize("name", INSTALLED)
def test_its_type_is_named_and_where_it_goes_instead(name, tmp_path):
    fast = model(name)[1]
    for thing, where in things(tmp_path):
        with pytest.raises(InputError) as refused:
            fast.predict(thing)
        said = str(refused.value)
        assert type(thing).__qualname__ in said and where in said and (where or "; " not in said)


def test_members_of_an_ensemble_name_it_too():
    ensemble = pytest.importorskip("sklearn.ensemble")
    members = [("a", ensemble.RandomForestClassifier(2)), ("b", ensemble.ExtraTreesClassifier(2))]
    fast = perfcore.compile(ensemble.VotingClassifier(members).fit(X, X[:, 0] > 0))
    with pytest.raises(InputError, match="got a str; read the file first"):
        fast.predict("table.parquet")
