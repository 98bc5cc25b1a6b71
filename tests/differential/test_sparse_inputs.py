"""scipy's sparse tables: the bits of each framework's own answer to them, or its refusal; damaged ones are refused."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import INSTALLED, NAMES, RNG, X, agree, answer, model, source_answer

import perfcore
from perfcore.errors import InputError

sparse = pytest.importorskip("scipy.sparse")
pytest.importorskip("pandas")
if not INSTALLED:
    pytest.skip("no framework is installed", allow_module_level=True)

DENSE = X * (RNG.random(X.shape) < 0.4)
FORMS = ["csr_matrix", "csr_array", "csc_matrix", "csc_array", "coo_matrix", "bsr_matrix", "lil_matrix", "dok_matrix"]
LOOSER = {"CatBoostRegressor": ("csr_array", "csc_array", "dia_matrix")}  # of which it takes the matrices


def agree_or_ask_for_rows(name, table, assert_same_bits, **how):
    """A linear model's product is exact for scipy's compressed rows alone."""
    if name == "LinearRegression" and table.format != "csr":
        _, fast = model(name, how.get("named", True))
        assert isinstance(answer(fast.predict, table), InputError)
    else:
        agree(name, table, assert_same_bits, **how)


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("form", [*FORMS, "dia_matrix"])
def test_each_form_answers_as_the_source_does(name, form, assert_same_bits):
    table = getattr(sparse, form)(DENSE)
    if form in LOOSER.get(name, ()):
        assert_same_bits(source_answer(model(name, False)[0], DENSE), model(name, False)[1].predict(table))
        return
    agree_or_ask_for_rows(name, table, assert_same_bits, named=False)
    agree_or_ask_for_rows(name, table, assert_same_bits, named=True)


KINDS = ["f4", "f8", "i1", "u1", "i8", "u8", "?", "g", "D"]


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("kind", KINDS)
def test_each_dtype_answers_as_the_source_does(name, kind, assert_same_bits):
    if kind == "g" and name not in ("lightgbm Booster", "LGBMClassifier", "XGBRegressor", "xgboost Booster"):
        pytest.skip("long doubles are refused, whatever the source does")
    agree(name, sparse.csr_matrix((DENSE * 3).astype(kind)), assert_same_bits, named=False)


def special(value):
    table = sparse.csr_matrix(DENSE)
    table.data[::7] = value
    return table


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("value", [0.0, -0.0, np.nan, np.inf, -np.inf, 1e300, 1e-40])
def test_entries_of_every_value(name, value, assert_same_bits):
    agree(name, special(value), assert_same_bits, named=False)
    if "xgboost" in name or "XGB" in name:
        agree(name, special(value).tocsc(), assert_same_bits, named=False)


@pytest.mark.parametrize("name", INSTALLED)
def test_sizes(name, assert_same_bits):
    for cells in (DENSE[:1], DENSE[:, :2], np.hstack([DENSE, DENSE]), DENSE * 0):
        agree(name, sparse.csr_matrix(cells), assert_same_bits, named=False)
    long = sparse.csr_matrix(np.vstack([DENSE] * 25))
    agree(name, long, assert_same_bits, named=False)


TABLES = st.tuples(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.floats(-9, 9, width=32)), max_size=6), min_size=1, max_size=12),
    st.sampled_from(["csr", "csc", "coo"]),
)


@pytest.mark.parametrize("name", [name for name in INSTALLED if name != "LinearRegression"])
@settings(max_examples=25)
@given(drawn=TABLES)
def test_unsorted_rows_and_several_entries_of_a_cell(name, drawn, assert_same_bits):
    rows, form = drawn
    entries = [(i, j, value) for i, row in enumerate(rows) for j, value in row]
    if form == "csc":
        entries.sort(key=lambda entry: entry[1])  # the rows of a column as they came, in order
    i, j, values = (np.array([entry[k] for entry in entries], "iif"[k]) for k in range(3))
    shape = (len(rows), len(NAMES))
    if form == "coo":
        table = sparse.coo_matrix((values, (i, j)), shape=shape)
    else:
        indices, counts = (j, np.bincount(i, minlength=shape[0])) if form == "csr" else (
            i, np.bincount(j, minlength=shape[1])
        )  # fmt: skip
        indptr = np.concatenate(([0], np.cumsum(counts)))
        table = (sparse.csr_matrix if form == "csr" else sparse.csc_matrix)((values, indices, indptr), shape=shape)
    source, fast = model(name, named=False)
    expected, got = answer(source_answer, source, table.copy()), answer(fast.predict, table)
    cells = list(zip(i.tolist(), j.tolist(), strict=True))
    if name in ("XGBRegressor", "xgboost Booster") and len(set(cells)) < len(cells) and form != "coo":
        assert isinstance(got, InputError)
    elif isinstance(expected, Exception):
        assert isinstance(got, InputError), (expected, got)
    else:
        assert_same_bits(expected, got)


def test_columns_out_of_order_that_lightgbm_would_lose_are_refused():
    pytest.importorskip("lightgbm")
    table = sparse.csc_matrix((np.ones(3), np.array([2, 1, 0]), np.array([0, 2, 2, 3, 3])), shape=(3, 4))
    with pytest.raises(InputError, match="sort_indices"):
        model("lightgbm Booster")[1].predict(table)


@pytest.mark.parametrize("missing", [0.0, 1.0, np.nan])
def test_xgboost_finds_its_missing_value_among_the_entries(missing, assert_same_bits):
    xgboost = pytest.importorskip("xgboost")
    cells = np.round(DENSE)
    source = xgboost.XGBRegressor(n_estimators=6, max_depth=3, missing=missing, n_jobs=1).fit(cells, X[:, 0])
    table = sparse.csr_matrix(cells)
    table.data[::5] = 0.0
    for each in (table, table.tocsc(), sparse.csr_array(table)):
        assert_same_bits(source.predict(each), perfcore.compile(source).predict(each))


# -- the other scikit-learn estimators ---------------------------------------------------------------------------------

OTHERS = {
    "DecisionTreeClassifier": ("tree", "predict_proba", {"max_depth": 4}),
    "RandomForestClassifier": ("ensemble", "predict_proba", {"n_estimators": 4, "random_state": 0}),
    "ExtraTreesRegressor": ("ensemble", "predict", {"n_estimators": 4, "random_state": 0}),
    "GradientBoostingClassifier": ("ensemble", "predict_proba", {"n_estimators": 4}),
    "IsolationForest": ("ensemble", "score_samples", {"n_estimators": 5, "random_state": 0}),
    "BaggingRegressor": ("ensemble", "predict", {"n_estimators": 4, "max_features": 0.6, "random_state": 0}),
    "AdaBoostRegressor": ("ensemble", "predict", {"n_estimators": 4, "random_state": 0}),
    "AdaBoostClassifier": ("ensemble", "predict_proba", {"n_estimators": 4, "random_state": 0}),
    "LogisticRegression": ("linear_model", "predict_proba", {}),
    "Ridge": ("linear_model", "predict", {}),
    "SGDClassifier": ("linear_model", "decision_function", {"random_state": 0}),
    "PoissonRegressor": ("linear_model", "predict", {}),
    "HuberRegressor": ("linear_model", "predict", {}),
    "LinearDiscriminantAnalysis": ("discriminant_analysis", "decision_function", {}),
}


@pytest.mark.parametrize("name", OTHERS if importlib.util.find_spec("sklearn") else [])
def test_other_estimators_answer_as_they_do(name, assert_same_bits):
    module, method, parameters = OTHERS[name]
    target = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)
    estimator = getattr(__import__(f"sklearn.{module}", fromlist=[name]), name)(**parameters).fit(DENSE, target)
    try:
        fast = perfcore.compile(estimator)
    except perfcore.UnsupportedModelError:
        pytest.skip(f"{name} is not read")
    for table in (sparse.csr_matrix(DENSE), sparse.csr_matrix(DENSE.astype("f4")), sparse.csc_matrix(DENSE)):
        expected, got = answer(getattr(estimator, method), table), answer(getattr(fast, method), table)
        if isinstance(got, InputError):
            assert isinstance(expected, Exception) or (hasattr(estimator, "coef_") and table.format == "csc"), got
        else:
            assert_same_bits(expected, got, name)
    nan = special(np.nan)
    assert isinstance(answer(getattr(fast, method), nan), InputError)


# -- damaged tables ----------------------------------------------------------------------------------------------------


def damaged():
    def broken(form, **arrays):
        table = getattr(sparse, form)(DENSE)
        for name, change in arrays.items():
            setattr(table, name, change(getattr(table, name).copy()))
        return table

    def at(place, value):
        def change(array):
            array[place] = value
            return array

        return change

    for form in ("csr_matrix", "csc_matrix", "csr_array"):
        for value in (-1, 4000, 2**31 - 1, -(2**31)):
            yield f"{form} index {value}", broken(form, indices=at(5, value))
            yield f"{form} indptr {value}", broken(form, indptr=at(2, value))
        yield f"{form} begins late", broken(form, indptr=at(0, 1))
        yield f"{form} ends late", broken(form, indptr=at(-1, 10**6))
        yield f"{form} few entries", broken(form, data=lambda array: array[:-1])
        yield f"{form} few indices", broken(form, indices=lambda array: array[:-1])
        yield f"{form} few pointers", broken(form, indptr=lambda array: array[:-1])
        yield f"{form} float indices", broken(form, indices=lambda array: array.astype(float))
    for value in (-1, 4000):
        yield f"coo row {value}", broken("coo_matrix", row=at(3, value))
        yield f"coo column {value}", broken("coo_matrix", col=at(3, value))
        yield f"bsr index {value}", broken("bsr_matrix", indices=at(0, value))


DAMAGED = dict(damaged())


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_table_is_refused(damage):
    for name in INSTALLED:
        assert isinstance(answer(model(name, named=False)[1].predict, DAMAGED[damage]), InputError), name


# -- wide tables -------------------------------------------------------------------------------------------------------


def test_a_wide_table_takes_little_memory(assert_same_bits):
    xgboost = pytest.importorskip("xgboost")
    import tracemalloc

    n, width = 300, 200_000
    at = RNG.integers(0, width, (n, 5))
    at[:, 0] = RNG.integers(0, 3, n)
    table = sparse.csr_matrix((np.ones(n * 5), at.ravel(), np.arange(0, 5 * n + 1, 5)), shape=(n, width))
    table.sum_duplicates()
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, xgboost.DMatrix(table, at[:, 0]), 3)
    fast = perfcore.compile(booster)
    tracemalloc.start()
    got = fast.predict(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_same_bits(booster.predict(xgboost.DMatrix(table)), got)
    assert peak < n * width * 4 / 5  # of the table as float32


# -- cells that lightgbm reads otherwise in sparse rows and Arrow tables -----------------------------------------------


@pytest.mark.parametrize("threshold", ["0", "-1e-36", "5e-324", "1.0000000180025095e-35", "-1.0000000180025095e-35"])
def test_tiny_cells_are_answered_alike_or_refused(threshold, assert_same_bits):
    lightgbm = pytest.importorskip("lightgbm")
    import re

    pa = pytest.importorskip("pyarrow")
    booster = lightgbm.train({"verbose": -1, "num_leaves": 2}, lightgbm.Dataset(X, X[:, 0] > 0.1), 1)
    text = re.sub("threshold=.*", f"threshold={threshold}", booster.model_to_string())
    booster = lightgbm.Booster(model_str=re.sub("tree_sizes=.*\n", "", text))
    fast = perfcore.compile(booster)
    for cell in (0.0, 1e-40, -1e-40, 1.0000000180025095e-35, -1.0000000180025095e-35, 2e-35, -2e-35, 1.0, np.nan):
        cells = np.full((2, X.shape[1]), cell)
        rows = sparse.csr_matrix(cells)
        rows = sparse.csr_matrix((np.full(8, cell), np.tile(np.arange(4), 2), np.array([0, 4, 8])), shape=(2, 4))
        for table in (cells, rows, rows.tocsc(), pa.table(list(cells.T.copy()), NAMES)):
            got = answer(fast.predict, table)
            if isinstance(got, InputError):
                assert 0 < abs(cell) < 1.1e-35 and not isinstance(table, np.ndarray)
            else:
                assert_same_bits(booster.predict(table), got, threshold, cell, type(table))


# -- several entries of a cell -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8])
def test_entries_of_a_cell_count_as_the_trees_own_predict_counts_them(dtype, assert_same_bits):
    ensemble = pytest.importorskip("sklearn.ensemble")
    cells = np.arange(40.0)[:, None] % [7, 5]
    table = sparse.csr_matrix(
        (np.array([3, 4, 2, 1], dtype), np.array([0, 0, 1, 1]), np.array([0, 2, 4])), shape=(2, 2)
    )
    for source in (ensemble.RandomForestRegressor(5), ensemble.GradientBoostingRegressor(n_estimators=5)):
        source.fit(cells, np.arange(40.0))
        fast = perfcore.compile(source)
        for each in (table, table.tocsc(), table.tocoo()):
            assert_same_bits(source.predict(each), fast.predict(each), type(each))


def test_large_whole_numbers_are_rounded_once(assert_same_bits):
    tree = pytest.importorskip("sklearn.tree")
    source = tree.DecisionTreeRegressor().fit([[2.0**60], [2.0**60 + 2**37]], [0.0, 1.0])
    table = sparse.csr_matrix(np.array([[2**60 + 2**36 + 1], [2**60 + 2**36 - 1]]))
    assert_same_bits(source.predict(table), perfcore.compile(source).predict(table))
