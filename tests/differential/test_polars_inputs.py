"""polars frames: the bits of each framework's own answer to them, or its refusal."""

import numpy as np
import pytest
from tables import INSTALLED, NAMES, RNG, N, X, agree, answer, model, source_answer

import perfcore
from perfcore.errors import InputError

pl = pytest.importorskip("polars")
pytest.importorskip("pandas")
if not INSTALLED:
    pytest.skip("no framework is installed", allow_module_level=True)

FRAME = pl.DataFrame({name: X[:, j].copy() for j, name in enumerate(NAMES)})
WHOLE = RNG.integers(0, 100, N)
LARGE = 2**60 + 2**36 + RNG.integers(-3, 4, N)
KINDS = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64", "Boolean"]
SERIES = {
    **{kind: pl.Series("c1", WHOLE % 2 if kind == "Boolean" else WHOLE).cast(getattr(pl, kind)) for kind in KINDS},
    "large Int64": pl.Series("c1", LARGE),
    "large UInt64": pl.Series("c1", LARGE.astype(np.uint64)),
    "infinite": pl.Series("c1", np.where(WHOLE < 9, np.inf, X[:, 1])),
    "String": pl.Series("c1", list(map("x{}".format, WHOLE))),
}
WITH_NULLS = {
    f"{kind}, nulls": pl.Series(
        "c1", [None if i % 5 == 0 else cell for i, cell in enumerate(each.to_list())], each.dtype
    )
    for kind, each in SERIES.items()
}


@pytest.mark.parametrize("kind", [*SERIES, *WITH_NULLS])
def test_each_type_of_column_answers_as_the_source_does(kind, assert_same_bits):
    frame = FRAME.with_columns((SERIES | WITH_NULLS)[kind])
    for name in INSTALLED:
        if name == "CatBoostRegressor" and kind.startswith("String"):  # CatBoost 1.2.10 crashes, the process with it
            assert isinstance(answer(model(name)[1].predict, frame), InputError)
        else:
            agree(name, frame, assert_same_bits)


def test_a_frame_of_whole_numbers_next_to_float32(assert_same_bits):
    """A forest's cells are float32: by way of which type depends on the frame's other columns."""
    whole = FRAME.with_columns(*[SERIES["large Int64"].alias(name) for name in NAMES])
    mixed = whole.with_columns(pl.Series("c0", X[:, 0].astype(np.float32)))
    for name in INSTALLED:
        agree(name, whole, assert_same_bits)
        agree(name, mixed, assert_same_bits)


FRAMES = {
    "whole": FRAME,
    "sliced": FRAME.slice(3, 200),
    "sliced, nulls": FRAME.with_columns(WITH_NULLS["UInt8, nulls"]).slice(3, 200),
    "chunks": pl.concat([FRAME[:100], FRAME[100:]], rechunk=False),
    "one row": FRAME[7:8],
    "float32": FRAME.cast(pl.Float32),
    "of one array": pl.DataFrame(np.asfortranarray(X), schema=NAMES),
    "other order": FRAME.select("c1", "c0", "c2", "c3"),
    "other names": FRAME.rename({"c0": "a"}),
    "too wide": FRAME.with_columns(pl.lit(1.0).alias("more")),
    "too narrow": FRAME.select("c0", "c1"),
    "a text more": FRAME.with_columns(pl.lit("x").alias("more")),
}


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("frame", FRAMES)
def test_each_layout_answers_as_the_source_does(name, frame, assert_same_bits):
    if name == "CatBoostRegressor" and frame == "a text more":
        assert isinstance(answer(model(name)[1].predict, FRAMES[frame]), InputError)
    else:
        agree(name, FRAMES[frame], assert_same_bits)


@pytest.mark.parametrize("name", INSTALLED)
def test_a_lazy_frame_is_refused_with_the_remedy(name):
    _, fast = model(name)
    with pytest.raises(InputError, match=r"collect\(\)"):
        fast.predict(FRAME.lazy())


@pytest.mark.parametrize("name", INSTALLED)
def test_a_series_is_no_table(name):
    _, fast = model(name)
    with pytest.raises(InputError):
        fast.predict(FRAME["c0"])


@pytest.mark.parametrize("name", INSTALLED)
def test_narwhals_frames_are_those_that_they_hold(name, assert_same_bits):
    narwhals = pytest.importorskip("narwhals")
    _, fast = model(name)
    assert_same_bits(fast.predict(FRAME), fast.predict(narwhals.from_native(FRAME)))


@pytest.mark.parametrize("kind", ["Categorical", "Enum"])
def test_categories_are_categories_to_xgboost(kind, assert_same_bits):
    xgboost = pytest.importorskip("xgboost")
    import pandas

    colours = ["red", "green", "blue"]
    cells = [colours[cell % 3] for cell in WHOLE]
    table = pandas.DataFrame(X, columns=NAMES).assign(c0=pandas.Categorical(cells, categories=colours))
    source = xgboost.XGBRegressor(n_estimators=8, enable_categorical=True, n_jobs=1).fit(table, X[:, 1])
    dtype = pl.Categorical if kind == "Categorical" else pl.Enum(colours[::-1])
    frame = FRAME.with_columns(pl.Series("c0", cells).cast(dtype))
    for each in (source, source.get_booster()):
        expected, got = answer(source_answer, each, frame), answer(perfcore.compile(each).predict, frame)
        if isinstance(expected, ValueError) and kind == "Categorical":  # since XGBoost 3.4; an Enum says the same
            enum = FRAME.with_columns(pl.Series("c0", cells).cast(pl.Enum(colours)))
            assert_same_bits(answer(source_answer, each, enum), got, kind)
        elif isinstance(expected, Exception):
            assert isinstance(got, InputError), (expected, got)
        else:
            assert_same_bits(expected, got)


# -- catboost's categories ---------------------------------------------------------------------------------------------

WORDS = ["red", "green", "größer", ""]
MIXED = pl.DataFrame({"x": X[:, 0], "word": [WORDS[cell % 4] for cell in WHOLE], "count": WHOLE % 5, "y": X[:, 1]})
WORD, COUNT = pl.col("word"), pl.col("count")
MIXED_FRAMES = {
    "as trained": MIXED,
    "other order": MIXED.select("y", "word", "count", "x"),
    "Enum": MIXED.with_columns(WORD.cast(pl.Enum(WORDS[::-1]))),
    **{f"whole numbers as {kind}": MIXED.with_columns(COUNT.cast(getattr(pl, kind))) for kind in KINDS[:8]},
    "below zero": MIXED.with_columns(-COUNT),
    "bool": MIXED.with_columns(COUNT > 2),
    "whole numbers as text": MIXED.with_columns(COUNT.cast(pl.String)),
    "null among numbers": MIXED.with_columns(pl.when(COUNT > 3).then(None).otherwise(pl.col("x")).alias("x")),
    "sliced": MIXED.slice(9, 80),
    "chunks": pl.concat([MIXED[:100], MIXED[100:]], rechunk=False),
}
REFUSED = {  # by CatBoost, too, unless the process crashes
    "a category where a number was": MIXED.select("word", "x", "count", "y"),
    "real numbers": MIXED.with_columns(COUNT.cast(pl.Float64)),
    "null among texts": MIXED.with_columns(pl.when(COUNT > 3).then(None).otherwise(WORD).alias("word")),
    "null among whole numbers": MIXED.with_columns(pl.when(COUNT > 3).then(None).otherwise(COUNT).alias("count")),
    "text among numbers": MIXED.with_columns(pl.col("x").cast(pl.String)),
    "too narrow": MIXED.select("x", "word"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_catboost_takes_for_no_category_is_refused(kind, of_categories):
    assert isinstance(answer(of_categories[1].predict, REFUSED[kind]), InputError)


@pytest.fixture(scope="module", params=[1, 255], ids=["counters", "one-hot"])
def of_categories(request):
    catboost = pytest.importorskip("catboost")
    source = catboost.CatBoostRegressor(
        iterations=10, depth=4, verbose=0, thread_count=1, one_hot_max_size=request.param, allow_writing_files=False
    )
    target = X[:, 0] + (WHOLE % 4 == 1) * 2 + (WHOLE % 5 == 3)
    source.fit(MIXED.to_pandas(), target, cat_features=["word", "count"])
    return source, perfcore.compile(source)


@pytest.mark.parametrize("kind", MIXED_FRAMES)
def test_catboosts_categories(kind, of_categories, assert_same_bits):
    source, fast = of_categories
    frame = MIXED_FRAMES[kind]
    expected = source.predict(frame)
    assert_same_bits(expected, answer(fast.predict, frame))
    assert_same_bits(expected, answer(fast.predict, frame.to_arrow()))


def test_dictionaries_are_pandas_categories_to_catboost(of_categories, assert_same_bits):
    source, fast = of_categories
    frame = MIXED.with_columns(WORD.cast(pl.Categorical))
    as_categories = MIXED.to_pandas().astype({"word": "category"})
    assert_same_bits(source.predict(as_categories), fast.predict(frame))
    holed = frame.with_columns(pl.when(COUNT > 3).then(None).otherwise(WORD).alias("word"))
    assert isinstance(answer(fast.predict, holed), InputError)


def test_catboosts_categories_are_not_read_from_sparse_tables(of_categories):
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(InputError, match="sparse"):
        of_categories[1].predict(sparse.csr_matrix(np.ones((3, 4), int)))


# -- histogram boosting's categories -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "Categorical", "Enum", "nulls", "unseen", "other order"])
def test_histogram_boostings_categories(kind, assert_same_bits):
    ensemble = pytest.importorskip("sklearn.ensemble")
    from threadpoolctl import threadpool_limits

    frames = {
        "text": MIXED,
        "Categorical": MIXED.with_columns(WORD.cast(pl.Categorical)),
        "Enum": MIXED.with_columns(WORD.cast(pl.Enum(WORDS[::-1]))),
        "nulls": MIXED.with_columns(pl.when(COUNT > 3).then(None).otherwise(WORD).alias("word")),
        "unseen": MIXED.with_columns((WORD + "z").cast(pl.Categorical)),
        "other order": MIXED.select("y", "word", "count", "x"),
    }
    with threadpool_limits(1):
        source = ensemble.HistGradientBoostingRegressor(max_iter=4, categorical_features=["word"])
        source.fit(MIXED.to_pandas().astype({"word": "category"}), X[:, 0] + (WHOLE % 4 == 1))
        fast = perfcore.compile(source)
        for table in (frames[kind], frames[kind].to_arrow()):
            expected, got = answer(source.predict, table), answer(fast.predict, table)
            if isinstance(expected, Exception):
                assert isinstance(got, InputError), (expected, got)
            else:
                assert_same_bits(expected, got)
