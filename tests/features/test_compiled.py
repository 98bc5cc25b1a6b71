"""Users' own functions, compiled: element by element, of windows, of groups; what cannot be compiled says why."""

import copy
import math
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import perfcore
from perfcore import ConfigurationError, InputError
from perfcore import features as f
from perfcore._ext.features import Plan

pytest.importorskip("numba")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


@f.compiled
def spread(high, low):
    """How far apart."""
    return (high - low) / low


@f.compiled
def floored(x):
    return 0.0 if x != x or x < 0 else x


@f.compiled
def picky(x):
    if x == 7:
        raise ValueError("seven")
    return x


def extent(x):
    return x.max() - x.min()


def weighted(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i] * (i + 1)
    return total / len(x)


def same(got, expected):
    np.testing.assert_array_equal(np.asarray(got, float), np.asarray(expected, float), strict=True)


# -- of rows -------------------------------------------------------------------------------------------------


def test_numbers_give_a_number():
    assert spread(3.0, 2) == 0.5 and type(spread(3.0, 2)) is float
    assert spread(1, 0) == np.inf and np.isnan(spread(0, 0))


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?"])
def test_arrays_of_any_shape_and_dtype_are_broadcast(dtype):
    high = (np.arange(12) % 5).astype(dtype).reshape(3, 4)
    low = np.array([1, 2, 4, 5]).astype(dtype)
    same(spread(high, low), (high.astype(float) - low.astype(float)) / low.astype(float))
    same(spread(high[:, ::2], 2), (high[:, ::2].astype(float) - 2) / 2)
    assert spread(np.empty((0, 4)), low).shape == (0, 4)
    assert spread(np.float64(3), np.array(2.0)) == 0.5


def test_long_arrays_have_the_same_bits_as_each_row_alone_for_any_number_of_threads():
    random = np.random.default_rng(0)
    high, low = random.normal(size=(2, 300_000))
    one = spread(high, low)
    assert one.tobytes() == ((high - low) / low).tobytes()
    assert one.tobytes() == spread(high, low, n_threads=3).tobytes()
    few = slice(0, 200)
    assert one[few].tolist() == [spread(a, b) for a, b in zip(high[few], low[few], strict=True)]


MATHEMATICS = "exp expm1 log log2 log10 log1p sqrt sin cos tan asin acos atan sinh cosh tanh asinh atanh erf gamma"


@pytest.mark.parametrize("written", [*(f"math.{each}(x)" for each in MATHEMATICS.split()), "x**1.7", "1.3**x", "curve"])
def test_a_batch_is_its_rows_where_the_function_is_of_a_mathematical_library(written):
    """Where Intel's SVML is installed, Numba would call it of four or eight rows at once, and libm of the last few."""
    curve = "np.exp(x) * np.sin(x) + np.log1p(abs(x)) ** 1.5"
    function = f.compiled(eval(f"lambda x: {curve if written == 'curve' else written}", {"np": np, "math": math}))
    x = np.random.default_rng(0).random(2_001)
    batch = function(x)
    assert batch.tobytes() == np.array([function(each) for each in x]).tobytes()
    plan = Plan(1, [function.compiled((0,))])
    assert plan.run_steps([x])[0].tobytes() == plan.run([x])[0].tobytes() == batch.tobytes()


@pytest.mark.parametrize("has_svml", [True, False])
def test_rows_are_simd_but_where_svml_is_there(monkeypatch, has_svml):
    import numba

    monkeypatch.setattr(numba.config, "USING_SVML", has_svml)
    function = f.compiled(lambda x: 2 * x + 1).warmup()
    assert ("x double>" in function._made["c"].owner.inspect_llvm()) is not has_svml
    assert numba.config.LOOP_VECTORIZE == 1


def test_series_come_back_as_they_came():
    series = pd.Series([1, 2, 3], index=[5, 6, 7], name="high")
    pd.testing.assert_series_equal(spread(series, 2), (series - 2) / 2)
    frame = pd.DataFrame({"a": [1, 2], "b": [3.0, np.nan]}, index=["x", "y"])
    pd.testing.assert_frame_equal(spread(frame, 2), (frame - 2) / 2)
    pd.testing.assert_frame_equal(spread(frame, frame + 1), -1 / (frame + 1))
    for other, message in (
        (frame[["b", "a"]], "expected data frames of the same columns"),
        (frame["a"], "expected data frames of the same columns"),
        (frame[::-1], "low: its index is not that of high"),
    ):
        with pytest.raises(perfcore.InputError, match=message):
            spread(frame, other)
    assert spread(pl.Series("a", [3, 4]), pl.Series([2, 2])).equals(pl.Series("a", [0.5, 1.0]))
    assert spread(pa.chunked_array([[3], [4]]), 2).equals(pa.chunked_array([[0.5], [1.0]]))


def test_null_stays_null_and_nan_goes_in():
    assert floored(pa.array([1.0, None, np.nan, -1.0])).equals(pa.array([1.0, None, 0.0, 0.0]))
    assert floored(pl.Series([1.0, None, float("nan")])).equals(pl.Series([1.0, None, 0.0]))
    assert floored(pd.Series([1.0, np.nan])).tolist() == floored(np.array([1.0, np.nan])).tolist() == [1.0, 0.0]
    assert spread(pa.array([0.0, None]), pa.array([0.0, np.nan])).to_pylist()[1] is None


def test_nan_has_the_bits_of_numpys():
    assert spread(np.zeros(3), np.zeros(3)).tobytes() == np.full(3, np.nan).tobytes()


def test_what_the_function_raises_the_call_raises():
    assert picky(np.arange(7)).sum() == 21
    with pytest.raises(ValueError, match="seven") as caught:
        picky(np.arange(9))
    assert "row 7" in caught.value.__notes__[0]


def test_it_is_a_feature_of_rows_batch_and_stream():
    rows = np.random.default_rng(0).normal(size=(2, 50))
    plan = Plan(2, [spread.compiled((0, 1))])
    (batch,), (stream,) = plan.run([*rows]), plan.run_steps([*rows])
    assert batch.tobytes() == stream.tobytes() == spread(*rows).tobytes()


def bars():
    random = np.random.default_rng(3)
    low = random.normal(size=60) + 10
    return pd.DataFrame({"code": np.arange(60) % 3, "low": low, "high": low + random.random(60)})


def made():
    return f.RollingFeatures({("high", "low"): [spread], "low": [f.apply(weighted, 4)]}, by="code")


def test_tables_and_streams_take_them_with_the_same_bits():
    table = bars()
    whole = made().fit_transform(table)
    assert list(whole) == ["high_low_spread", "low_weighted_4"]
    assert whole["high_low_spread"].tolist() == spread(table["high"], table["low"]).tolist()
    stream = made().start(table[:30])
    rows = table[30:].to_dict("records")
    assert np.array([stream.update(row) for row in rows]).tobytes() == np.ascontiguousarray(whole[30:]).tobytes()


def test_a_snapshot_goes_on_in_another_process(tmp_path):
    """Where the compiled functions lie elsewhere."""
    table = bars()
    (tmp_path / "snapshot").write_bytes(made().start(table[:30]).snapshot())
    code = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("test_compiled", {__file__!r})
module = importlib.util.module_from_spec(spec)
sys.modules["test_compiled"] = module
spec.loader.exec_module(module)
stream = module.made().restore(open({str(tmp_path / "snapshot")!r}, "rb").read())
table = module.bars()[30:]
open({str(tmp_path / "told")!r}, "wb").write(module.np.ascontiguousarray(stream.update_group(table)).tobytes())
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    whole = made().fit_transform(table)
    assert (tmp_path / "told").read_bytes() == np.ascontiguousarray(whole[30:]).tobytes()


def test_it_looks_like_the_function():
    assert spread.__name__ == "spread" and spread.__doc__ == "How far apart." and spread.n_inputs == 2
    assert repr(spread) == "compiled spread(high, low)"


def test_it_is_pickled_and_copied_by_name():
    assert copy.deepcopy(spread) is spread
    local = f.compiled(lambda x: x + 1)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)
    sys.modules.setdefault(__name__, sys.modules[spread.function.__module__])
    assert pickle.loads(pickle.dumps(spread)) is spread


def test_a_scikit_learn_pipeline_takes_it():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = np.random.default_rng(0).normal(size=(20, 3))
    same(preprocessing.FunctionTransformer(floored).fit_transform(x), np.maximum(x, 0.0))
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    source = make_pipeline(preprocessing.FunctionTransformer(floored), preprocessing.StandardScaler(), Ridge())
    source.fit(x, x[:, 0])
    perfcore.verify(perfcore.compile(source), source, x)


def test_the_gil_is_free_meanwhile():
    @f.compiled
    def slow(x):
        for _ in range(20_000):
            x = x * 0.999 + 0.001
        return x

    slow.warmup()
    done = threading.Event()
    thread = threading.Thread(target=lambda: (slow(np.ones(5_000)), done.set()))
    thread.start()
    turns = 0
    while not done.is_set():
        turns += 1
        time.sleep(0.001)
    thread.join()
    assert turns > 10


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="takes 2 columns, got 1"):
        spread(1.0)
    with pytest.raises(InputError, match=r"shapes \[\(3,\), \(2,\)\] do not fit"):
        spread(np.ones(3), np.ones(2))
    with pytest.raises(InputError, match="low: expected numbers"):
        spread(1.0, np.array(["a"]))
    with pytest.raises(InputError, match="low: its index is not that of high"):
        spread(pd.Series([1.0]), pd.Series([1.0], index=[5]))
    for function, reason in (
        (lambda: 1.0, "takes 0 columns; allowed are 1 to 16"),
        (lambda x, y=1: x, "takes y=1; allowed are columns"),
        (lambda *x: x, r"takes \*x; allowed are columns"),
        (np.exp, "expected a Python function"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            f.compiled(function)


# -- what cannot be compiled ----------------------------------------------------------------------------------


def sorts_in_place(x):
    x.sort()
    return x[0]


def imports(x):
    import pandas

    return pandas.Series(x).mean()


def no_such_thing(x):
    return nothing_of_this_name(x)  # noqa: F821


def text(x):
    return "text"


def sometimes_nothing(x):
    if x[0] > 1:
        return 1.0


@pytest.mark.parametrize(
    ("function", "line", "reason"),
    [
        (sorts_in_place, 1, r"it would change its values, .*np.sort\(x\) and x.copy\(\) make values that are"),
        (imports, 1, "unsupported opcode"),
        (no_such_thing, 0, "name 'nothing_of_this_name' is not defined"),
        (text, 1, r"No conversion from .*\[str\]\(text\) to float64"),
        (sometimes_nothing, 0, "No conversion from none to float64"),
        (lambda x: x.rolling(3), 0, "Unknown attribute 'rolling' of type"),
        (lambda x: np.median(x, keepdims=True), 0, r"there is no median\(.*unexpected keyword argument 'keepdims'"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_numbas_reason_is_told_in_a_line_with_the_place(function, line, reason):
    with pytest.raises(ConfigurationError, match=reason) as caught:
        f.rolling_apply(np.ones(5), 3, function)
    told = str(caught.value)
    assert "\n" not in told
    first = function.__code__.co_firstlineno
    places = [f"{function.__qualname__} (test_compiled.py:{first + each})" for each in range(line, 5)]
    assert any(place in told for place in places), told


def test_functions_of_rows_say_why_too():
    with pytest.raises(ConfigurationError, match="Numba cannot compile .*nothing_of_this_name"):
        f.compiled(no_such_thing)(1.0)


def test_numba_is_imported_when_the_first_is_compiled_and_named_where_it_is_not_there():
    code = """
import sys
import numpy as np
import perfcore
import perfcore.features as f
@f.compiled
def half(x): return x / 2
assert "numba" not in sys.modules
sys.modules["numba"] = None
assert f.rolling_mean(np.arange(3.0), 2)[2] == 1.5
for call in (lambda: half(1.0), lambda: f.rolling_apply(np.ones(3), 2, lambda x: x[0]), half.warmup):
    try:
        call()
    except perfcore.MissingExtraError as error:
        assert "pip install 'perfcore[jit]'" in str(error)
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# -- of windows and groups ------------------------------------------------------------------------------------


def by_definition(x, bounds, function, min_periods=1, skip=True):
    """A call in Python for each window of cells."""
    out = np.full(len(x), np.nan)
    for i, (begin, end) in enumerate(bounds):
        window = x[begin:end]
        present = window[~np.isnan(window)]
        if len(present) >= max(min_periods, 1):
            out[i] = function(present if skip else window)
    return out


def windows_of_rows(n, size, closed):
    left, right = closed in ("left", "both"), closed in ("right", "both")
    return [(max(0, i - size + 1 - left), max(0, i + right)) for i in range(n)]


def total(x):
    return x.sum()


def series_with_gaps(n=200, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=n).round(3)
    x[random.random(n) < 0.2] = np.nan
    return x


@pytest.mark.parametrize("closed", ["right", "left", "both", "neither"])
@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_windows_of_rows(size, closed):
    x = series_with_gaps()
    bounds = [(begin, max(begin, end)) for begin, end in windows_of_rows(len(x), size, closed)]
    for min_periods, skip in ((1, True), (min(size, 3), True), (1, False)):
        told = f.rolling_apply(x, size, weighted, min_periods=min_periods, closed=closed, skip_missing=skip)
        same(told, by_definition(x, bounds, weighted, min_periods, skip))


def test_a_function_of_plain_python_equals_pandas():
    x = np.random.default_rng(0).normal(size=300)
    same(f.rolling_apply(x, 20, extent), pd.Series(x).rolling(20).apply(extent, raw=True))
    same(f.expanding_apply(x, extent), pd.Series(x).expanding().apply(extent, raw=True))


@pytest.mark.parametrize("closed", ["right", "left", "both", "neither"])
def test_windows_of_time(closed):
    random = np.random.default_rng(1)
    x, when = series_with_gaps(), np.sort(random.integers(0, 120, 200))
    left, right = closed in ("left", "both"), closed in ("right", "both")
    bounds = []
    for i, now in enumerate(when):
        begin = int(np.searchsorted(when, now - 10 + (not left)))
        end = i + 1 if right else int(np.searchsorted(when, now))
        bounds.append((begin, max(begin, end)))
    told = f.rolling_apply(x, "10s", weighted, closed=closed, on=when.astype("M8[s]"))
    same(told, by_definition(x, bounds, weighted))


def test_windows_longer_than_the_times_before_1970_reach_hold_all_rows():
    x, when = np.array([1.0, 2, 4, 8]), np.array(["1935", "1936", "1937", "1938"], "M8[Y]").astype("M8[ns]")
    for closed in ("right", "left", "both", "neither"):
        window = np.timedelta64(98_000, "D")
        same(
            f.rolling_apply(x, window, total, closed=closed, on=when), f.rolling_sum(x, window, closed=closed, on=when)
        )


def test_expanding():
    x = series_with_gaps()
    same(f.expanding_apply(x, weighted), by_definition(x, [(0, i + 1) for i in range(200)], weighted))
    told = f.expanding_apply(x, weighted, closed="left", min_periods=5)
    same(told, by_definition(x, [(0, i) for i in range(200)], weighted, 5))


@pytest.mark.parametrize("window", [7, "10s", None])
@pytest.mark.parametrize("closed", ["right", "left"])
def test_rows_one_by_one_give_the_bits_of_the_batch(window, closed):
    x, when = series_with_gaps(), np.sort(np.random.default_rng(1).integers(0, 10**11, 200))
    for skip in (True, False):
        feature = f.apply(weighted, window, min_periods=2, closed=closed, skip_missing=skip)
        plan = Plan(1, [feature.compiled((0,))])
        (batch,), (stream,) = plan.run([x], when), plan.run_steps([x], when)
        assert batch.tobytes() == stream.tobytes()


def test_groups_are_series_of_their_own():
    x, by = series_with_gaps(), np.random.default_rng(2).integers(0, 9, 200)
    frame = pd.DataFrame({"x": x, "by": by})
    expected = frame.groupby("by")["x"].transform(lambda s: s.rolling(4, min_periods=1).apply(np.nansum, raw=True))
    told = f.rolling_apply(frame["x"], 4, lambda x: x.sum(), min_periods=1, by=frame["by"])
    pd.testing.assert_series_equal(told, expected, rtol=1e-13)
    one, many = (f.rolling_apply(x, 4, weighted, by=by, n_threads=n) for n in (1, 3))
    assert one.tobytes() == many.tobytes()


def test_group_apply_says_one_number_of_each_group():
    x, by = series_with_gaps(), np.random.default_rng(2).integers(0, 9, 200)
    frame = pd.DataFrame({"x": x, "by": [f"g{each}" for each in by]})
    told = f.group_apply(frame["x"], frame["by"], extent)
    pd.testing.assert_series_equal(told, frame.groupby("by")["x"].transform(lambda x: x.max() - x.min()))
    frame.loc[0, "by"] = None
    assert np.isnan(f.group_apply(frame["x"], frame["by"], extent)[0])
    assert np.isnan(f.group_apply(x, by, extent, min_periods=201)).all()


def test_null_is_left_out_and_nan_is_seen_in_arrow():
    x = pa.array([1.0, None, 3.0, np.nan, 5.0])
    told = f.rolling_apply(x, 2, lambda x: x.sum(), min_periods=1)
    assert str(told.to_pylist()) == "[1.0, 1.0, 3.0, nan, nan]"
    told = f.rolling_apply(pl.Series("p", [None, 1.0]), 1, lambda x: x[0] * 2)
    assert told.equals(pl.Series("p", [None, 2.0]))


def test_the_values_of_windows_are_what_they_were():
    def first_of_others(x):
        own = x.copy()
        own[0] = 7
        return own[0]

    x = np.arange(10.0)
    assert (f.rolling_apply(x, 3, first_of_others)[2:] == 7).all()
    same(x, np.arange(10.0))


def test_an_error_in_a_window_names_its_row():
    def positive(x):
        if x[-1] < 0:
            raise ValueError("negative")
        return x[-1]

    with pytest.raises(InputError, match="positive raised an error in row 3, called with its window"):
        f.rolling_apply(np.array([1.0, 2.0, 3.0, -1.0, 5.0]), 2, positive, min_periods=1)


@pytest.mark.parametrize("place", [1, 10**6, -2, -(10**9)])
def test_cells_beside_a_window_are_not_read(place):
    def cell(x):
        return x[place]

    x = np.array([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(InputError, match="cell raised an error in row 0"):
        f.rolling_apply(x, 3, cell, min_periods=1)
    with pytest.raises(InputError, match="cell raised an error in row 2"):
        f.group_apply(np.array([np.nan, np.nan, 3.0, 4.0]), [1, 1, 2, 3], cell)
    made = f.RollingFeatures([f.apply(cell, 3, min_periods=1)]).fit_transform(x[:, None])
    assert np.isnan(made[0]).all()


def test_a_table_of_a_compiled_function_ends_where_it_ends():
    table = np.arange(4.0)

    @f.compiled
    def looked_up(x):
        return table[int(x)]

    assert looked_up(3.0) == 3
    with pytest.raises(IndexError):
        looked_up(np.array([0.0, 4.0]))


def test_a_function_is_compiled_once_and_with_it_goes_what_was_made():
    def last(x):
        return x[-1]

    started = time.perf_counter()
    f.warmup(last, spread)
    first = time.perf_counter() - started
    started = time.perf_counter()
    f.rolling_apply(np.ones(10), 2, last)
    assert time.perf_counter() - started < first / 2
    with pytest.raises(ConfigurationError, match="warmup: expected a Python function"):
        f.warmup(3)


def counted(monkeypatch):
    """How often Numba is asked to compile a function of windows."""
    from perfcore import _jit

    asked, real = [], _jit.windows_function
    monkeypatch.setattr(_jit, "windows_function", lambda function: asked.append(function) or real(function))
    return asked


def test_a_lambda_written_anew_at_each_call_is_compiled_once(monkeypatch):
    asked = counted(monkeypatch)

    def told(factor):
        return f.rolling_apply(np.arange(1.0, 5.0), 1, lambda x: math.floor(np.sqrt(x[0])) * 0.0078125 * factor)

    first = told(3.0)
    assert told(3.0).tobytes() == first.tobytes() and len(asked) == 1
    assert told(6.0).tobytes() == (2 * first).tobytes() and len(asked) == 2
    assert told(6).tobytes() == told(6.0).tobytes() and len(asked) == 3  # of another type
    assert np.signbit(told(-0.0)).all() and not np.signbit(told(0.0)).any()


weight = 2.0


def test_what_a_function_takes_from_outside_is_what_it_is_now(monkeypatch):
    asked = counted(monkeypatch)
    x, table = np.arange(1.0, 4.0), np.array([5.0, 7.0])

    def by_global():
        return f.rolling_apply(x, 1, lambda x: x[0] * weight + 0.015625).tolist()

    def by_array():
        return f.rolling_apply(x, 1, lambda x: x[0] + table[1]).tolist()

    assert by_global() == [2.015625, 4.015625, 6.015625]
    monkeypatch.setitem(globals(), "weight", 3.0)
    assert by_global() == [3.015625, 6.015625, 9.015625]
    assert by_array() == [8.0, 9.0, 10.0]
    table[1] = 1.0
    assert by_array() == [2.0, 3.0, 4.0]  # an array may change: nothing is kept
    assert len(asked) == 4


def test_windows_that_are_none_are_refused():
    for window in (0, -1, 1.5, "3 parsecs", True):
        with pytest.raises(ConfigurationError, match="window="):
            f.rolling_apply(np.ones(3), window, extent)
    with pytest.raises(InputError, match="needs the times of rows"):
        f.rolling_apply(np.ones(3), "3D", extent)
    assert np.isnan(f.rolling_apply(np.ones(3), 10, extent)).all()
    assert f.rolling_apply(np.empty(0), 10, extent).shape == (0,)


def test_a_hundred_times_as_fast_as_pandas():
    """Of a loop in Python; ratios in one process, and the best of some, for other work on the machine."""
    x = pd.Series(np.random.default_rng(0).normal(size=100_000))
    f.warmup(weighted)

    def best(call, n):
        times = []
        for _ in range(n):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        return min(times)

    few = x[:2_000]
    rival = best(lambda: few.rolling(50).apply(weighted, raw=True), 3) / len(few)
    own = best(lambda: f.rolling_apply(x, 50, weighted, n_threads=1), 5) / len(x)
    assert rival > 100 * own
