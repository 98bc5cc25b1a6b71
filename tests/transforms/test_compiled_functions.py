"""FunctionTransformer of a compiled function: called in the fused pass, with the bits of the pipeline's own call."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import perfcore
from perfcore import InputError, MissingExtraError, NotPortableError
from perfcore import features as f
from perfcore.features.compiled import CompiledFunction

pytest.importorskip("numba")
pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
from sklearn.compose import ColumnTransformer, make_column_transformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402
from sklearn.pipeline import make_pipeline, make_union  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor  # noqa: E402

ROWS = 700  # more than a tile of the pass, and no multiple of it


@f.compiled
def floored(x):
    return -1.0 if x != x or x < 0 else np.log1p(min(x, 1e9))


@f.compiled
def spread(high, low):
    return (high - low) / low


@f.compiled
def ratio(x, y):
    return x / (1 + y)


@f.compiled
def picky(x):
    if x == 7:
        raise ValueError("seven")
    return 2 * x


def step(function=floored, **options):
    return FunctionTransformer(function, **options)


def numbers(dtype=np.float64, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(ROWS, 3)) * [1, 30, 1e-3] + [0, 5, 0]
    return np.abs(X).astype(dtype) if np.dtype(dtype).kind == "u" else X.astype(dtype)


def frame(seed=0):
    random = np.random.default_rng(seed)
    low = random.random(ROWS) + 10
    table = pd.DataFrame({"high": low + random.random(ROWS), "low": low, "n": random.integers(0, 9, ROWS)})
    table["code"] = [f"c{each}" for each in random.integers(0, 4, ROWS)]
    table["small"] = low.astype(np.float32)
    return table


def target(n=ROWS):
    return np.random.default_rng(1).normal(size=n)


def fitted(*steps, X, model=None):
    return make_pipeline(*steps, model or DecisionTreeRegressor(random_state=0)).fit(X, target(len(X)))


@pytest.fixture
def in_the_pass(monkeypatch):
    """Within it, nobody calls a compiled function from Python, and no step runs as it is."""

    def refused(*_, **__):
        raise AssertionError("called from Python")

    def enter():
        monkeypatch.setattr(CompiledFunction, "__call__", refused)
        monkeypatch.setattr("perfcore.transforms.live.Live._run", refused)

    return enter


def hold(source, in_the_pass, *tables):
    fast = perfcore.compile(source)
    parts = [part for table in tables for part in (table, table[5:6])]
    expected = [source.predict(each) for each in parts]
    in_the_pass()
    assert "0 run as they are" in fast.explain()
    for part, told in zip(parts, expected, strict=True):
        assert fast.predict(part).tobytes() == told.tobytes()
    return fast


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i2", "u1", "u8"])
@pytest.mark.parametrize("model", [Ridge(), DecisionTreeRegressor(random_state=0)], ids=["linear", "tree"])
def test_cells_of_arrays_have_the_bits_of_the_pipeline(dtype, model, in_the_pass):
    X, other = numbers(dtype), numbers(dtype, 2)
    if dtype == "f8":
        other[3], other[4, 1] = np.nan, np.inf
    source = fitted(step(), X=X, model=model)
    assert source[0].transform(X).flags.c_contiguous
    hold(source, in_the_pass, X, other, np.asfortranarray(other), other[::2], np.repeat(other, 2, 1)[:, ::2])


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_steps_before_and_after_are_of_the_same_pass(dtype, in_the_pass):
    X = numbers(dtype)
    source = fitted(SimpleImputer(), MinMaxScaler((-1, 2)), step(), StandardScaler(), step(), X=X, model=Ridge())
    other = numbers(dtype, 2)
    other[::3, 1] = np.nan
    fast = hold(source, in_the_pass, X, other)
    plans = fast._model.inputs._plans.values()
    assert plans and all(each.is_pass for each in plans)


def test_what_is_made_goes_into_bins_products_and_numpys_functions(in_the_pass):
    X = numbers()
    bins = KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform")
    source = fitted(step(), make_union(bins, PolynomialFeatures(), step(np.cbrt)), X=X, model=Ridge())
    hold(source, in_the_pass, X, numbers(seed=2))


def columns():
    return make_column_transformer(
        (step(spread), ["high", "low"]),
        (make_pipeline(StandardScaler(), step(spread)), ["n", "low"]),
        (make_pipeline(step(spread), StandardScaler(), step()), ["small", "low"]),
        (make_pipeline(OneHotEncoder(sparse_output=False), step(), StandardScaler()), ["code"]),
        (make_pipeline(OrdinalEncoder(), step()), ["code"]),
        (step(validate=True), ["n", "small"]),
    )


@pytest.mark.parametrize("model", [Ridge(), DecisionTreeRegressor(random_state=0)], ids=["linear", "tree"])
def test_functions_of_several_columns_and_of_codes_in_data_frames(model, in_the_pass):
    X = frame()
    source = fitted(columns(), X=X, model=model)
    fast = hold(source, in_the_pass, X, frame(2), frame(2)[X.columns[::-1]])
    assert fast._model.inputs._row_plan is not None
    for i in (0, 9):
        expected = fast.predict(X[i : i + 1])[0]
        row = X.iloc[i].to_dict()
        assert fast.predict_one(row) == fast.predict_one(X.iloc[i]) == fast.predict_one(tuple(row.values())) == expected


def test_a_data_frame_before_and_after(in_the_pass):
    """Of numpy's numbers, each column of its own dtype; the function makes a data frame of it."""
    X = frame()[["high", "n", "small"]]
    scaler = StandardScaler().set_output(transform="pandas")
    source = fitted(step(), scaler, step(), make_union(step(), "passthrough"), X=X, model=Ridge())
    hold(source, in_the_pass, X, frame(2)[["high", "n", "small"]])


def test_rows_in_all_their_forms(in_the_pass):
    X = numbers()
    source = fitted(step(), X=X)
    expected = source.predict(X[:20])
    fast = hold(source, in_the_pass, X)
    assert fast._model.inputs._row_plan is not None
    for i in range(20):
        assert fast.predict_one(X[i]) == fast.predict_one(X[i].tolist()) == fast.predict_one(tuple(X[i])) == expected[i]
    assert fast.predict_one([None, 1.0, 2.0]) == fast.predict(np.array([[np.nan, 1.0, 2.0]]))[0]


def test_one_table_of_its_columns_is_what_a_function_of_several_takes():
    X = frame()
    told = spread(X[["high", "low"]])
    pd.testing.assert_frame_equal(told, spread(X["high"], X["low"]).to_frame("spread"))
    cells = X[["high", "low"]].to_numpy()
    assert spread(cells).tobytes() == spread(cells.tolist()).tobytes() == told.to_numpy().tobytes()
    assert spread(np.empty((0, 2))).shape == (0, 1)
    with pytest.raises(InputError, match="takes 2 columns, got a table of 3"):
        spread(np.ones((4, 3)))
    with pytest.raises(InputError, match="takes 2 columns, got 1"):
        spread(np.ones(2))


def tables_of_other_kinds():
    X = frame()[["high", "low"]]
    missing = X.astype("Float64")
    missing.iloc[3, 0] = pd.NA
    objects = X.astype(object)
    objects.iloc[4, 1] = None
    return {
        "nullable": missing,
        "objects": objects,
        "bool": X.assign(high=X["low"] > 10.5),
        "array": X.to_numpy(object),
    }


@pytest.mark.parametrize("kind", tables_of_other_kinds())
@pytest.mark.parametrize("function", [floored, spread], ids=["one", "several"])
def test_what_the_pass_does_not_take_the_step_does(kind, function):
    X = frame()[["high", "low"]]
    table = tables_of_other_kinds()[kind]
    if kind == "array":
        X = X.to_numpy()
    source = fitted(step(function), X=X)
    fast = perfcore.compile(source)
    assert fast.predict(table).tobytes() == source.predict(table).tobytes()
    assert fast.predict(X).tobytes() == source.predict(X).tobytes()


def test_several_columns_of_what_an_encoder_answers():
    X = frame()[["code", "n"]]
    source = fitted(make_column_transformer((OrdinalEncoder(), ["code", "n"])), step(ratio), X=X)
    fast = perfcore.compile(source)
    assert fast.predict(X).tobytes() == source.predict(X).tobytes()
    assert fast.predict_one({"code": "c1", "n": 3}) == fast.predict_one(("c1", 3))


def test_a_sparse_table_is_refused_as_the_function_refuses_it():
    X = frame()[["code"]]
    with pytest.raises(Exception, match=r"length is ambiguous|expected|sparse"):
        fitted(OneHotEncoder(), step(), X=X)


def test_keywords_are_the_steps_own():
    X = numbers()
    source = fitted(step(kw_args={"n_threads": 2}), X=X)
    fast = perfcore.compile(source)
    assert "as it is: compiled floored(x) with kw_args" in fast.explain()
    assert fast.predict(X).tobytes() == source.predict(X).tobytes()


def test_an_inverse_changes_nothing(in_the_pass):
    X = numbers()
    hold(fitted(step(inverse_func=np.expm1, check_inverse=False), X=X), in_the_pass, X)


def test_it_is_told_which_function_is_called():
    fast = perfcore.compile(fitted(step(), StandardScaler(), X=numbers()))
    assert "functiontransformer FunctionTransformer: fused, compiled floored(x), or as it is where" in fast.explain()
    assert "standardscaler StandardScaler: fused\n" in fast.explain()


def test_no_file_holds_it_and_the_step_is_named(tmp_path):
    X = frame()
    fast = perfcore.compile(fitted(columns(), X=X))
    with pytest.raises(
        NotPortableError, match=r"'columntransformer__functiontransformer-1' .*compiled spread\(high, low"
    ):
        fast.save(tmp_path / "model.pcore")
    assert not list(tmp_path.iterdir())


def test_it_travels_in_pickles_as_the_function_does():
    sys.modules.setdefault(__name__, sys.modules[floored.function.__module__])
    X = numbers()
    source = fitted(step(), X=X)
    fast = perfcore.compile(source)
    again = pickle.loads(pickle.dumps(fast))
    assert again.predict(X).tobytes() == source.predict(X).tobytes() and again.fingerprint == fast.fingerprint
    local = perfcore.compile(fitted(step(f.compiled(lambda x: x + 1)), X=X))
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


@pytest.mark.parametrize("has_numba", [True, False])
def test_another_process_compiles_it_or_says_what_it_lacks(tmp_path, has_numba):
    sys.modules.setdefault(__name__, sys.modules[floored.function.__module__])
    X = numbers()
    source = fitted(step(), X=X)
    name = floored.function.__module__
    (tmp_path / "fast").write_bytes(pickle.dumps(perfcore.compile(source)))
    code = f"""
import importlib.util, pickle, sys
import pytest
{"" if has_numba else "pytest.importorskip = lambda name: __import__(name) if name != 'numba' else None"}
{"" if has_numba else "sys.modules['numba'] = None"}
spec = importlib.util.spec_from_file_location({name!r}, {__file__!r})
module = sys.modules[{name!r}] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
data = open({str(tmp_path / "fast")!r}, "rb").read()
if {has_numba}:
    open({str(tmp_path / "told")!r}, "wb").write(pickle.loads(data).predict(module.numbers()).tobytes())
else:
    fast = pickle.loads(data)
    for ask in (lambda: fast.predict(module.numbers()), lambda: fast.predict_one([1.0, 2.0, 3.0])):
        with pytest.raises(module.perfcore.errors.PerfcoreError, match="floored, to be compiled, needs numba"):
            ask()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not has_numba or (tmp_path / "told").read_bytes() == source.predict(X).tobytes()


def test_without_numba_compile_says_what_it_lacks(monkeypatch):
    X = numbers()
    source = fitted(step(), X=X)
    floored._made.clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtraError, match=r"floored, to be compiled, needs numba.*perfcore\[jit\]"):
        perfcore.compile(source)


def test_what_the_function_raises_is_told_with_its_row():
    """Of the cell as the steps before have left it."""
    X = numbers()
    source = fitted(step(np.square), step(f.compiled(lambda x: x - 2)), step(picky), X=X)
    fast = perfcore.compile(source)
    table = X.copy()
    table[600, 1] = 3.0
    with pytest.raises(ValueError, match="seven"):
        source.predict(table)
    told = r"ValueError: seven \(raised by compiled picky\(x\) in row 600, of 7.0\)"
    with pytest.raises(InputError, match=told):
        fast.predict(table)
    assert fast.predict(X).tobytes() == source.predict(X).tobytes()


def test_what_it_raises_of_a_row_too():
    source = fitted(step(picky), X=numbers())
    fast = perfcore.compile(source)
    for row in ([1.0, 7.0, 2.0], (1.0, 7.0, 2.0), np.array([1.0, 7.0, 2.0])):
        with pytest.raises(InputError, match=r"ValueError: seven \(raised by compiled picky\(x\) in row 0, of 7.0\)"):
            fast.predict_one(row)


def test_a_function_that_refuses_zeros_is_compiled_all_the_same():
    @f.compiled
    def logarithm(x):
        if x <= 0:
            raise ValueError("not positive")
        return np.log(x)

    X = np.abs(numbers()) + 1
    source = fitted(step(logarithm), X=X)
    fast = perfcore.compile(source)
    assert "0 run as they are" in fast.explain()
    assert fast.predict(X).tobytes() == source.predict(X).tobytes()


def test_the_nan_of_an_answer_has_the_bits_of_numpys():
    @f.compiled
    def nothing(x):
        return x / x

    X = np.zeros((300, 1))
    fast = perfcore.compile(fitted(step(nothing), X=X))
    assert fast._model.inputs._value(X).tobytes() == np.full(300, np.nan).tobytes()


def test_threads_of_one_predictor():
    X = numbers()
    source = fitted(step(), StandardScaler(), step(), X=X, model=Ridge())
    fast = perfcore.compile(source)
    expected = source.predict(X).tobytes()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: fast.predict(X).tobytes(), range(200))) == {expected}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_answers_the_same():
    X = numbers()
    source = fitted(step(), X=X)
    fast, expected = perfcore.compile(source), source.predict(X).tobytes()
    child = os.fork()
    if child == 0:
        os._exit(0 if fast.predict(X).tobytes() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_two_functions_of_one_name_are_two():
    once, twice = (f.compiled(eval(f"lambda x: {n} * x")) for n in (1, 2))
    assert once != twice and hash(once) != hash(twice) and once == f.compiled(once.function)
    X = numbers()
    source = fitted(make_union(step(once), step(twice)), X=X)
    fast = perfcore.compile(source)
    assert fast.predict(X).tobytes() == source.predict(X).tobytes()


def test_it_is_a_transformer_among_columns_by_place():
    X = numbers()
    source = fitted(ColumnTransformer([("s", step(spread), [1, 0])], remainder=step()), X=X, model=Ridge())
    fast = perfcore.compile(source)
    perfcore.verify(fast, source, X)
