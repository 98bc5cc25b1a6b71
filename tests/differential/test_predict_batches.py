"""predict_batches: the answers of the whole, a table at a time, and no more than one of them in memory."""

import weakref

import numpy as np
import pytest
from tables import INSTALLED, NAMES, X, model, source_answer

import perfcore
from perfcore.errors import ConfigurationError, InputError

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pandas")
if not INSTALLED:
    pytest.skip("no framework is installed", allow_module_level=True)

TABLE = pa.table({name: X[:, j].copy() for j, name in enumerate(NAMES)})
CUTS = [0, 1, 90, 90, 400]
BATCHES = [TABLE.slice(a, b - a) for a, b in zip(CUTS[:-1], CUTS[1:], strict=True)]


@pytest.fixture(scope="module")
def forest():
    return model(next(name for name in INSTALLED if name not in ("LinearRegression", "LGBMClassifier")))[1]


@pytest.mark.parametrize("name", INSTALLED)
def test_the_answers_are_those_of_the_whole(name, assert_same_bits):
    if name == "LinearRegression":
        pytest.skip("its bits depend on the shape of the call, as scikit-learn's do")
    source, fast = model(name)
    got = list(fast.predict_batches(BATCHES))
    assert [len(each) for each in got] == [len(each) for each in BATCHES]
    assert_same_bits(fast.predict(TABLE), np.concatenate(got))
    if name != "CatBoostRegressor":  # which takes no Arrow tables
        assert_same_bits(source_answer(source, TABLE), np.concatenate(got))


def sources(folder):
    from pyarrow import dataset, parquet

    path = folder / "table.parquet"
    parquet.write_table(TABLE, path, row_group_size=120)
    data = dataset.dataset(path)
    return {
        "reader": TABLE.to_reader(max_chunksize=70),
        "table": pa.concat_tables(BATCHES),
        "Parquet file": parquet.ParquetFile(path),
        "Parquet batches": parquet.ParquetFile(path).iter_batches(batch_size=33),
        "data set": data,
        "scanner": data.scanner(batch_size=50),
        "arrays": (X[a:b] for a, b in [(0, 3), (3, 400)]),
        "lists": [X[:200].tolist(), X[200:].tolist()],
        "frames": (batch.to_pandas() for batch in BATCHES),
    }


SOURCES = "reader", "table", "Parquet file", "Parquet batches", "data set", "scanner", "arrays", "lists", "frames"


@pytest.mark.parametrize("kind", SOURCES)
def test_whatever_the_tables_come_from(kind, forest, tmp_path, assert_same_bits):
    if kind in ("arrays", "lists"):
        forest = model("xgboost Booster" if "xgboost Booster" in INSTALLED else INSTALLED[0], named=False)[1]
    assert_same_bits(forest.predict(TABLE), np.concatenate(list(forest.predict_batches(sources(tmp_path)[kind]))))


def test_polars_and_duckdb_stream(forest, assert_same_bits):
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(TABLE)
    assert_same_bits(forest.predict(TABLE), np.concatenate(list(forest.predict_batches(frame))))
    assert_same_bits(forest.predict(TABLE), np.concatenate(list(forest.predict_batches(frame.iter_slices(77)))))


@pytest.mark.parametrize("method", ["predict_raw", "predict_proba", "apply"])
def test_every_method_over_tables(method, assert_same_bits):
    pytest.importorskip("lightgbm")
    _, fast = model("LGBMClassifier")
    got = list(fast.predict_batches(BATCHES, method, n_threads=1))
    assert_same_bits(getattr(fast, method)(TABLE), np.concatenate(got))


def test_answers_that_are_lists(assert_same_bits):
    ensemble = pytest.importorskip("sklearn.ensemble")
    labels = np.stack([X[:, 0] > 0, X[:, 1] > 0], axis=1)
    fast = perfcore.compile(ensemble.RandomForestClassifier(3, random_state=0).fit(X, labels))
    whole, got = fast.predict_proba(X), list(fast.predict_batches([X[:0], X[:9], X[9:]], method="predict_proba"))
    for output in range(2):
        assert_same_bits(whole[output], np.concatenate([each[output] for each in got]))


def test_no_more_than_one_table_and_its_answer_is_held(forest):
    class Kept(np.ndarray):
        pass

    tables, found = [], []

    def stream():
        for _ in range(5):
            assert all(each() is None for each in tables), "the table before is still held"
            table = X.copy().view(Kept)
            tables.append(weakref.ref(table))
            yield table
            del table

    fast = model("HistGradientBoosting", named=False)[1] if "HistGradientBoosting" in INSTALLED else forest
    for answered in fast.predict_batches(stream()):
        assert all(each() is None for each in found), "the answer before is still held"
        found.append(weakref.ref(answered))
        del answered
    assert len(tables) == len(found) == 5


def test_the_memory_does_not_grow_with_the_stream(forest):
    rows = pa.table({name: np.zeros(50_000) for name in NAMES})
    before = pa.total_allocated_bytes()

    def batches():
        for _ in range(20):
            yield pa.table({name: pa.array([0.5] * 10_000) for name in NAMES})

    peak = max(pa.total_allocated_bytes() for _ in forest.predict_batches(batches()))
    assert peak - before < 3 * rows.nbytes


@pytest.mark.parametrize("n_empty", [1, 3])
def test_tables_of_no_rows_are_answered_by_none(n_empty, assert_same_bits):
    for name in INSTALLED:
        _, fast = model(name)
        got = list(fast.predict_batches([TABLE.slice(0, 0)] * n_empty + [TABLE, TABLE.slice(0, 0)]))
        assert len(got) == n_empty + 2
        assert_same_bits(fast.predict(TABLE), np.concatenate(got))


@pytest.mark.parametrize("name", INSTALLED)
def test_where_no_table_has_rows_the_model_tells(name):
    fast = model(name)[1]
    try:
        assert [len(each) for each in fast.predict_batches([X[:0], X[:0]])] == [len(fast.predict(X[:0]))] * 2
    except InputError as error:
        with pytest.raises(InputError) as alone:
            fast.predict(X[:0])
        assert str(error) == f"batch 0: {alone.value}"


def test_no_tables_have_no_answers(forest):
    assert list(forest.predict_batches([])) == []


def test_an_error_names_the_batch(forest):
    stream = forest.predict_batches(iter([TABLE, TABLE, TABLE.select(["c0"])]))
    next(stream), next(stream)
    with pytest.raises(InputError, match=r"^batch 2: its columns are \['c0'\], those of the batches before it"):
        next(stream)
    with pytest.raises(InputError, match="^batch 0: "):
        next(forest.predict_batches([np.zeros((3, 99))]))


def test_columns_in_another_order_are_refused_even_where_the_source_would_not_look(forest):
    stream = forest.predict_batches([TABLE, TABLE.select(["c1", "c0", "c2", "c3"])])
    next(stream)
    with pytest.raises(InputError, match="batch 1"):
        next(stream)


def test_one_table_or_a_path_is_no_stream(forest):
    for rubbish in (X, "table.parquet", TABLE.to_pandas(), 7, memoryview(X), {"c0": [1.0]}):
        with pytest.raises(InputError, match=f"iterable of tables, got a {type(rubbish).__name__}"):
            forest.predict_batches(rubbish)
    with pytest.raises(InputError, match="cannot read a ChunkedArray as a stream of tables"):
        forest.predict_batches(TABLE["c0"])


def test_polars_columns_and_frames_that_are_no_stream_are_named(forest):
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(TABLE)
    with pytest.raises(InputError, match="got a LazyFrame; one table goes to predict .a lazy one once it is collected"):
        forest.predict_batches(frame.lazy())
    wide = [frame["c0"]]
    if hasattr(polars, "Int128"):
        wide.append(frame.with_columns(c0=polars.lit(1).cast(polars.Int128)))
    for each in wide:
        with pytest.raises(InputError, match=f"cannot read a {type(each).__name__} as a stream of tables"):
            forest.predict_batches(each)


def test_unknown_methods_are_refused_before_a_table_is_read(forest):
    with pytest.raises(ConfigurationError, match="allowed are"):
        forest.predict_batches([TABLE], "save")
    with pytest.raises(AttributeError):
        model("XGBRegressor" if "XGBRegressor" in INSTALLED else INSTALLED[0])[1].predict_batches([], "predict_proba")


def test_names_of_polars_frames_are_compared_and_what_is_no_table_is_named():
    polars, tree = pytest.importorskip("polars"), pytest.importorskip("sklearn.tree")
    fast = perfcore.compile(tree.DecisionTreeRegressor().fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0]))
    frame = polars.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    with pytest.raises(InputError, match="batch 1: its columns are"):
        list(fast.predict_batches([frame, frame.select("b", "a")]))
    with pytest.raises(InputError, match="batch 1: "):
        list(fast.predict_batches([frame, None]))
