"""Arrow tables: the bits of each framework's own answer to them, or its refusal."""

import numpy as np
import pytest
from tables import INSTALLED, NAMES, RNG, N, X, agree, answer, model, source_answer

import perfcore
from perfcore.errors import InputError

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pandas")
if not INSTALLED:
    pytest.skip("no framework is installed", allow_module_level=True)

TAKES_TABLES = [name for name in INSTALLED if name != "CatBoostRegressor"]  # polars it takes, pyarrow not
TABLE = pa.table({name: X[:, j].copy() for j, name in enumerate(NAMES)})
MASK = RNG.random(N) < 0.2
WHOLE = RNG.integers(0, 100, N)
LARGE = 2**60 + 2**36 + RNG.integers(-3, 4, N)  # next to the middle of two float32
COLUMNS = {
    **{f"{kind}": pa.array(WHOLE).cast(kind) for kind in ("int8", "uint8", "int16", "uint16", "int32", "uint32")},
    "int64": pa.array(WHOLE * 2**40),
    "large int64": pa.array(LARGE),
    "large uint64": pa.array(LARGE.astype(np.uint64)),
    "bool": pa.array(WHOLE % 2 == 0),
    "float32": pa.array(X[:, 0].astype(np.float32)),
    "float16": pa.array(X[:, 0].astype(np.float16)),
    "infinite": pa.array(np.where(WHOLE < 9, np.inf, X[:, 0])),
    "beyond float32": pa.array(np.where(WHOLE < 9, 1e300, X[:, 0])),
    "NaN": pa.array(np.where(MASK, np.nan, X[:, 0])),
    "text": pa.array(list(map("x{}".format, WHOLE))),
    "binary": pa.array([b"x"] * N),
    "list": pa.array([[1.0, 2.0]] * N),
    "struct": pa.array([{"a": 1}] * N),
}
WITH_NULLS = {
    f"{name}, nulls": pa.array(column.to_pylist(), column.type, mask=MASK) for name, column in COLUMNS.items()
}


def replaced(j, column):
    return TABLE.set_column(j, NAMES[j], pa.chunked_array([column]))


@pytest.mark.parametrize("kind", [*COLUMNS, *WITH_NULLS])
def test_each_type_of_column_answers_as_the_source_does(kind, assert_same_bits):
    for name in TAKES_TABLES:
        agree(name, replaced(1, (COLUMNS | WITH_NULLS)[kind]), assert_same_bits)


def uneven():
    columns = [column.chunk(0) for column in TABLE.columns]
    cuts = [pa.chunked_array([c.slice(0, 10 * j + 3), c.slice(10 * j + 3)]) for j, c in enumerate(columns)]
    return pa.table(cuts, NAMES)


SHAPES = {
    "whole": TABLE,
    "sliced": TABLE.slice(3, 200),
    "sliced, nulls": replaced(0, WITH_NULLS["NaN, nulls"]).slice(3, 200),
    "sliced, whole numbers with nulls": replaced(0, WITH_NULLS["uint8, nulls"]).slice(3, 200),
    "sliced, bool with nulls": replaced(0, WITH_NULLS["bool, nulls"]).slice(3, 200),
    "chunks": pa.concat_tables([TABLE.slice(0, 150), TABLE.slice(150)]),
    "uneven chunks": uneven(),
    "chunks of one row": pa.concat_tables([TABLE.slice(i, 1) for i in range(40)]),
    "one row": TABLE.slice(5, 1),
    "float32": TABLE.cast(pa.schema([(name, pa.float32()) for name in NAMES])),
    "columns of one array": pa.table(list(np.asfortranarray(X).T), NAMES),
    "columns of one array, backwards": pa.table(list(np.asfortranarray(X[:, ::-1]).T[::-1]), NAMES),
    "other order": TABLE.select(["c1", "c0", "c2", "c3"]),
    "other names": TABLE.rename_columns(["a", "b", "c", "d"]),
    "a name twice": TABLE.rename_columns(["a", "b", "c", "c"]),
    "too wide": TABLE.append_column("more", pa.array(WHOLE)),
    "too narrow": TABLE.select(["c0", "c1"]),
    "no columns": TABLE.select([]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_layout_answers_as_the_source_does(shape, assert_same_bits):
    for name in TAKES_TABLES:
        agree(name, SHAPES[shape], assert_same_bits)


@pytest.mark.parametrize("name", TAKES_TABLES)
def test_names_do_not_count_for_a_model_without(name, assert_same_bits):
    agree(name, TABLE.rename_columns(list("abcd")), assert_same_bits, named=False)


class Capsule:
    """Nothing but the C data interface, as any library may offer it."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class OneArray:
    def __init__(self, batch):
        self.batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self.batch.__arrow_c_array__(requested_schema)


class Interchange:
    """Nothing but the dataframe interchange protocol."""

    def __init__(self, table):
        self.table = table

    def __dataframe__(self, *arguments, **keywords):
        return self.table.__dataframe__(*arguments, **keywords)


HOLDERS = {
    "RecordBatch": lambda table: table.combine_chunks().to_batches()[0],
    "RecordBatchReader": lambda table: table.to_reader(),
    "__arrow_c_stream__": Capsule,
    "__arrow_c_array__": lambda table: OneArray(table.combine_chunks().to_batches()[0]),
    "__dataframe__": Interchange,
}


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("kind", ["whole", "sliced, nulls", "float32", "uneven chunks"])
def test_whoever_holds_the_columns_the_answer_is_that_of_the_table(name, holder, kind, assert_same_bits):
    _, fast = model(name)
    expected, got = answer(fast.predict, SHAPES[kind]), answer(fast.predict, HOLDERS[holder](SHAPES[kind]))
    if isinstance(expected, InputError):
        assert isinstance(got, InputError)
    else:
        assert_same_bits(expected, got)


@pytest.mark.parametrize("name", INSTALLED)
def test_a_table_is_the_array_of_its_cells(name, assert_same_bits):
    source, fast = model(name, named=False)
    for cells in (X, X.astype(np.float32)):
        for rows in (cells, cells[:1]):
            table = pa.table(list(rows.T.copy()), NAMES)
            assert_same_bits(source_answer(source, rows), answer(fast.predict, table))


@pytest.mark.parametrize("name", INSTALLED)
def test_no_table_at_all_is_refused_with_its_type(name):
    _, fast = model(name)
    for rubbish in (TABLE["c0"], TABLE["c0"].chunk(0), TABLE.schema):
        with pytest.raises(InputError):
            fast.predict(rubbish)


def test_an_ensemble_reads_a_stream_once(assert_same_bits):
    ensemble = pytest.importorskip("sklearn.ensemble")
    import pandas
    from sklearn.linear_model import Ridge
    from sklearn.tree import DecisionTreeRegressor

    members = [("tree", DecisionTreeRegressor(max_depth=3)), ("ridge", Ridge())]
    source = ensemble.VotingRegressor(members).fit(pandas.DataFrame(X, columns=NAMES), X[:, 0])
    fast = perfcore.compile(source)
    for table in (TABLE, TABLE.to_reader(), Capsule(TABLE)):
        assert_same_bits(source.predict(TABLE), fast.predict(table))


def test_an_even_table_is_read_where_it_lies():
    from perfcore.inputs.columns import Columns

    cells = np.asfortranarray(np.vstack([X] * 5))
    whole = Columns.of(pa.table(list(cells.T), NAMES)).one_array()
    assert np.shares_memory(whole, cells) and whole.shape == cells.shape and (whole == cells).all()
    order = [0, 2, 1, 3]
    assert Columns.of(pa.table([cells[:, j] for j in order], NAMES)).one_array() is None


@pytest.mark.parametrize("name", TAKES_TABLES)
def test_an_even_table_answers_as_any_other(name, assert_same_bits):
    for dtype in (np.float32, np.float64):
        cells = np.asfortranarray(np.vstack([X] * 5), dtype)
        for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
            agree(name, pa.table([cells[:, j] for j in order], NAMES), assert_same_bits)
            agree(name, pa.table([cells[:, j] for j in order], NAMES).slice(7, 1500), assert_same_bits)


def test_a_table_longer_than_a_block(assert_same_bits):
    name = INSTALLED[0]
    long = pa.concat_tables([TABLE] * 60)
    agree(name, long, assert_same_bits)
    agree(name, pa.concat_tables([replaced(0, WITH_NULLS["uint8, nulls"])] * 60), assert_same_bits)


# -- categories --------------------------------------------------------------------------------------------------------

COLOURS = np.array(["red", "green", "blue", "larger", "x"])
CELLS = COLOURS[RNG.integers(0, 5, N)]


def category_tables():
    """A column of categories as in training, in another order, fewer, over chunks, with nulls; the others numbers."""
    plain = pa.array(CELLS.tolist())
    encoded = plain.dictionary_encode()
    few = pa.array(CELLS[CELLS != "x"].tolist() + ["red"] * int((CELLS == "x").sum())).dictionary_encode()
    backwards = pa.DictionaryArray.from_arrays(
        pa.array(4 - np.searchsorted(np.sort(COLOURS), CELLS), pa.int8()), pa.array(np.sort(COLOURS)[::-1].tolist())
    )
    nulls = pa.array(CELLS.tolist(), mask=MASK).dictionary_encode()
    two = pa.chunked_array([encoded.slice(0, 100), pa.array(CELLS[100:][::-1].tolist()[::-1]).dictionary_encode()])
    large = plain.cast(pa.large_string()).dictionary_encode()
    columns = {"in order": encoded, "few": few, "backwards": backwards, "nulls": nulls, "chunks": two, "large": large}
    return {name: replaced(0, c) if name != "chunks" else TABLE.set_column(0, "c0", c) for name, c in columns.items()}


def frame():
    import pandas

    return pandas.DataFrame(X, columns=NAMES).assign(c0=pandas.Categorical(CELLS, categories=COLOURS))


@pytest.mark.parametrize("kind", category_tables())
def test_dictionaries_are_categories_to_xgboost(kind, assert_same_bits):
    xgboost = pytest.importorskip("xgboost")
    estimator = xgboost.XGBRegressor(n_estimators=10, max_depth=5, enable_categorical=True, n_jobs=1).fit(
        frame(), X[:, 1]
    )
    for source in (estimator, estimator.get_booster()):
        expected = answer(source_answer, source, category_tables()[kind])
        got = answer(perfcore.compile(source).predict, category_tables()[kind])
        if isinstance(expected, Exception):
            assert isinstance(got, InputError), (expected, got)
        else:
            assert_same_bits(expected, got)


def test_names_beyond_ascii_are_read_or_refused(assert_same_bits):
    """xgboost before 3.4 takes one for another: refused."""
    xgboost = pytest.importorskip("xgboost")
    import pandas

    colours = ["größer", "紫", "a"]
    cells = np.array(colours)[WHOLE % 3]
    table = pandas.DataFrame(X, columns=NAMES).assign(c0=pandas.Categorical(cells, categories=colours))
    source = xgboost.XGBRegressor(n_estimators=5, enable_categorical=True, n_jobs=1).fit(table, X[:, 1])
    fast, arrow = perfcore.compile(source), replaced(0, pa.array(cells.tolist()).dictionary_encode())
    if fast._model.inputs.counts_characters:
        with pytest.raises(InputError, match="ASCII"):
            fast.predict(arrow)
    else:
        assert_same_bits(source.predict(arrow), fast.predict(arrow))


@pytest.mark.parametrize("kind", category_tables())
def test_dictionaries_are_pandas_categories_to_lightgbm(kind, assert_same_bits):
    """LightGBM itself refuses them."""
    lightgbm = pytest.importorskip("lightgbm")
    source = lightgbm.LGBMRegressor(n_estimators=10, verbose=-1, n_jobs=1, cat_smooth=1).fit(frame(), CELLS == "red")
    table = category_tables()[kind]
    assert_same_bits(source.predict(table.to_pandas()), perfcore.compile(source).predict(table))


def test_a_code_that_the_dictionary_does_not_hold_is_refused():
    lightgbm = pytest.importorskip("lightgbm")
    source = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1).fit(frame(), X[:, 1])
    codes = pa.array(np.full(N, 77, np.int8))
    column = pa.DictionaryArray.from_arrays(codes, pa.array(COLOURS.tolist()), safe=False)
    with pytest.raises(InputError, match="dictionary"):
        perfcore.compile(source).predict(replaced(0, column))


def test_numbers_where_training_had_categories():
    xgboost = pytest.importorskip("xgboost")
    source = xgboost.XGBRegressor(n_estimators=3, enable_categorical=True, n_jobs=1).fit(frame(), X[:, 1])
    expected, got = answer(source.predict, TABLE), answer(perfcore.compile(source).predict, TABLE)
    assert isinstance(got, InputError) == isinstance(expected, Exception)


def test_columns_that_lie_at_odd_bytes_are_copied(assert_same_bits):
    import pyarrow

    lightgbm = pytest.importorskip("lightgbm")
    n = 3000
    cells = np.random.default_rng(5).normal(size=(2, n))
    source = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(cells.T, cells[0])
    odd = pyarrow.py_buffer(b"\0\0\0\0" + cells.tobytes())
    columns = [
        pyarrow.Array.from_buffers(pyarrow.float64(), n, [None, odd.slice(4 + 8 * n * j, 8 * n)]) for j in range(2)
    ]
    table = pyarrow.table(columns, names=["a", "b"])
    assert_same_bits(source.predict(cells.T), perfcore.compile(source).predict(table))
