"""Predictions by row: the predictor's own bits, and of each row computed once."""

import copy
import itertools
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perfcore
from perfcore import CacheError, CacheFormatError, ConfigurationError, FeatureCache, PredictionCache
from perfcore.cache import benefit, prediction_files
from perfcore.cache.rows import rows_of
from perfcore.predictor import TABLE_METHODS as METHODS

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")


class Counting:
    """A predictor that remembers what it was asked for; each row's answer is its own."""

    fingerprint = "counting"

    def __init__(self, answer=lambda X: np.asarray(X, float).sum(axis=1)):
        self.answer, self.asked = answer, []

    def predict(self, X, **arguments):
        self.asked.append(X)
        return self.answer(X, **arguments)

    @property
    def n_rows(self):
        return [len(X) for X in self.asked]


def same(a, b):
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()


def table(n=60, width=5, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, width)).round(1)
    X[::7, 2] = np.nan
    return X


def models():
    """Models that answer rows one by one, and tables of theirs."""
    lgb, xgb = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    ensemble, tree = pytest.importorskip("sklearn.ensemble"), pytest.importorskip("sklearn.tree")
    X = table()
    two, three = (np.nan_to_num(X).sum(axis=1) > 0).astype(int), np.arange(60) % 3
    yield "lightgbm", lgb.LGBMClassifier(n_estimators=5, min_child_samples=2, verbose=-1).fit(X, three), X
    yield "lightgbm texts", lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, np.array(["n", "yes"])[two]), X
    yield "lightgbm regression", lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, X[:, 0]), X
    yield "xgboost", xgb.XGBClassifier(n_estimators=5).fit(X, two), X
    yield "xgboost regression", xgb.XGBRegressor(n_estimators=5).fit(X, X[:, 0]), X.astype(np.float32)
    yield "forest", ensemble.RandomForestClassifier(3, random_state=0).fit(X, three), X
    yield "isolation", ensemble.IsolationForest(n_estimators=4, random_state=0).fit(X), X
    yield "histogram", ensemble.HistGradientBoostingClassifier(max_iter=3).fit(X, two), X
    yield "many outputs", tree.DecisionTreeClassifier().fit(X, np.stack([two, three], axis=1)), X


@np.errstate(divide="ignore")
def test_every_method_answers_the_predictors_bits():
    seen = set()
    for name, model, X in models():
        for predictor in (perfcore.compile(model), model):
            cache = PredictionCache(predictor, 500, fingerprint=name)
            for method in METHODS:
                assert hasattr(cache, method) == hasattr(predictor, method), (name, method)
                if not hasattr(predictor, method):
                    continue
                seen.add(method)
                for at in (slice(0, 20), [3, 3, 50, 50], slice(None), slice(None, None, -1), [7]):
                    expected = getattr(predictor, method)(X[at])
                    assert same(getattr(cache, method)(X[at]), expected), (name, method, at)
            stats = cache.stats()
            assert stats["hits"] > stats["computed"] > 0 and stats["passed_on"] == 0, name
    assert seen == {*METHODS}


@pytest.mark.parametrize(
    "as_frame", [pd.DataFrame, pa.Table.from_pandas, pl.from_pandas], ids=["pandas", "arrow", "polars"]
)
def test_frames_are_answered_as_the_predictor_answers_them(as_frame):
    lgb = pytest.importorskip("lightgbm")
    X = np.nan_to_num(table())
    frame = pd.DataFrame(X, columns=list("abcde")).astype({"b": np.float32, "c": np.int32})
    predictor = perfcore.compile(lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(frame, X[:, 0]))
    frame = as_frame(frame)
    cache = PredictionCache(predictor, 100)
    expected = predictor.predict(frame)
    assert same(cache.predict(frame[:20]), expected[:20])
    assert same(cache.predict(frame), expected) and same(cache.predict(frame), expected)
    assert cache.stats()["hits"] == 80 and cache.stats()["passed_on"] == 0


# -- what is computed ----------------------------------------------------------------------------------


def test_missing_rows_alone_are_computed_in_one_call_and_each_once():
    predictor, X = Counting(), table()
    cache = PredictionCache(predictor, 100)
    assert same(cache.predict(X[:10]), predictor.answer(X[:10])) and predictor.asked[0] is not X
    again = X[[12, 3, 11, 12, 11, 4, 12]]
    assert same(cache.predict(again), predictor.answer(again))
    assert same(predictor.asked[1], X[[12, 11]])
    cache.predict(again)
    assert predictor.n_rows == [10, 2]
    stats = cache.stats()
    assert (stats["hits"], stats["misses"], stats["computed"], stats["size"]) == (2 + 7, 10 + 5, 12, 12)


def test_a_table_none_of_which_is_known_goes_to_the_predictor_as_it_is():
    predictor, X = Counting(), np.asfortranarray(table())
    PredictionCache(predictor, 100).predict(X)
    assert predictor.asked[0] is X


def test_method_arguments_dtype_and_names_tell_answers_apart():
    predictor = Counting(lambda X, times=1: np.asarray(X, float).sum(axis=1) * int(times))
    cache, ones = PredictionCache(predictor, 100), np.ones((1, 2))
    tables = [ones, ones.astype(np.float32), ones.astype(int), ones.astype(np.int32), ones.astype(">f8")]
    tables += [ones.reshape(2, 1), pd.DataFrame(ones), pd.DataFrame(ones, columns=["a", "b"])]
    tables += [pd.DataFrame(ones, columns=["b", "a"]), pa.table({"a": [1.0], "b": [1.0]})]
    for X in tables:
        assert same(cache.predict(X), predictor.answer(X))
    for times in (2, 2.5, True, "2", (2,) * 3):
        with_error = isinstance(times, tuple)
        if with_error:
            with pytest.raises(TypeError):
                cache.predict(ones, times=times)
        else:
            assert same(cache.predict(ones, times=times), predictor.answer(ones, times))
    assert len(predictor.asked) == len(tables) + 5
    n = len(predictor.asked)
    for X in tables:
        cache.predict(X)
    assert len(predictor.asked) == n


def test_rows_of_the_same_bytes_and_other_dtypes_are_others():
    predictor = Counting(lambda X: np.full(len(X), int(X.dtype.kind == "f") + X.shape[1]))
    cache, X = PredictionCache(predictor, 100), np.array([[1.5, 2.5]])
    for same_bytes in (X, X.view(np.int64), X.view(np.float32), X.view(">f8"), X.view(np.uint8)):
        assert same(cache.predict(same_bytes), predictor.answer(same_bytes))
    assert len(cache) == 5


@pytest.mark.parametrize(
    "as_frame",
    [pd.DataFrame, pa.table, pa.record_batch, pl.DataFrame],
    ids=["pandas", "table", "batch", "polars"],
)
def test_frames_of_the_same_names_and_bytes_and_other_dtypes_are_others(as_frame):
    cells = np.array([1.5, 2.5, -3.0], np.float32)
    uniform = [dict.fromkeys("ab", cells.view(dtype)) for dtype in (np.float32, np.int32, np.uint32)]
    mixed = [{"a": cells.view(dtype), "b": cells.astype(np.float64)} for dtype in (np.float32, np.int32)]
    names = {}
    predictor = Counting(lambda X: np.full(len(X), names[id(X)]))
    cache, tables = PredictionCache(predictor, 90), list(map(as_frame, uniform + mixed))
    names |= {id(X): float(n) for n, X in enumerate(tables)}
    for _ in range(2):
        for X in tables:
            assert same(cache.predict(X), predictor.answer(X))
    assert predictor.n_rows == [3] * 5 and cache.stats()["hits"] == 15


def test_tables_of_the_same_columns_and_other_libraries_are_others():
    columns = {"a": np.array([1.5, 2.5]), "b": np.array([3.5, 4.5])}
    tables = [pd.DataFrame(columns), pa.table(columns), pl.DataFrame(columns)]
    libraries = {type(X): float(n) for n, X in enumerate(tables)}
    predictor = Counting(lambda X: np.full(len(X), libraries[type(X)]))
    cache = PredictionCache(predictor, 90)
    for X in tables + tables:
        assert same(cache.predict(X), predictor.answer(X))
    assert predictor.n_rows == [2] * 3


def test_all_nans_are_one_and_the_zeros_are_two():
    payload = np.array([0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000, 0x7FF8_0000_0000_0000], np.uint64).view(float)
    for X in (payload[:, None], pd.DataFrame({"a": payload, "b": 1}), payload.astype(np.float32)[:, None]):
        assert len(set(rows_of(X).keys.tolist())) == 1
    assert len(set(rows_of(np.array([[0.0], [-0.0]])).keys.tolist())) == 2
    predictor = Counting(lambda X: np.copysign(1.0, X[:, 0]))
    assert PredictionCache(predictor, 9).predict(np.array([[0.0], [-0.0], [0.0]])).tolist() == [1.0, -1.0, 1.0]


@pytest.mark.parametrize("make", [np.asarray, lambda X: pd.DataFrame({"a": X[:, 0]})], ids=["array", "pandas"])
def test_a_nan_in_the_table_changes_no_other_rows_bytes_whatever_their_order(make):
    tables = [np.array([[1.0], [np.nan]], dtype) for dtype in (">f8", ">f4", "<f8")]
    for X in tables:
        assert rows_of(make(X)).keys[0].tobytes() == rows_of(make(X[:1])).keys[0].tobytes() == X[:1].tobytes()
    predictor = Counting()
    cache, X = PredictionCache(predictor, 9), tables[0]
    for its in (X, X[:1].byteswap(), X[:1]):
        assert same(cache.predict(make(its)), predictor.answer(its))
    assert predictor.n_rows == [2, 1]


def test_the_table_is_left_as_it_is():
    X = np.array([[np.nan, 1.0]])
    X.view(np.uint64)[0, 0] |= 1
    before = X.tobytes()
    PredictionCache(Counting(), 9).predict(X)
    assert X.tobytes() == before


def test_a_predictor_may_change_the_table_that_it_gets():
    def answer(X):
        X += 1
        return X[:, 0].copy()

    cache = PredictionCache(Counting(answer), 9)
    assert cache.predict(np.zeros((1, 2))).tolist() == [1]
    assert cache.predict(np.ones((1, 2))).tolist() == [2] and cache.predict(np.zeros((1, 2))).tolist() == [1]


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=12), st.integers(1, 9))
def test_any_sequence_of_tables_is_answered_as_by_the_predictor(batches, capacity):
    predictor = Counting()
    cache = PredictionCache(predictor, capacity)
    for batch in batches:
        X = np.array(batch, float)[:, None]
        assert same(cache.predict(X), predictor.answer(X))
    assert cache.stats()["size"] <= capacity


ANSWERS = {
    "numbers": lambda X: X[:, 0].astype(np.float32),
    "matrix": lambda X: np.asfortranarray(X * 2),
    "cube": lambda X: X[:, :, None] * np.ones(3),
    "texts": lambda X: np.array(["nothing", "ein Wörtchen"])[(X[:, 0] > 0).astype(int)],
    "flags": lambda X: X[:, 0] > 0,
    "complex": lambda X: X[:, 0] + 1j,
    "list": lambda X: [X * 2, (X[:, 0] > 0).astype(np.int8)],
    "tuple": lambda X: (X[:, 0], X[:, 1:]),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_answers_of_every_shape_come_back(answer):
    predictor, X = Counting(answer), table()
    cache = PredictionCache(predictor, 100)
    for at in (slice(0, 9), slice(5, 30), slice(None), slice(None)):
        assert same(cache.predict(X[at]), answer(X[at]))
    assert predictor.n_rows == [9, 21, 30] and cache.stats()["passed_on"] == 0


@pytest.mark.parametrize("container", [list, tuple])
def test_answers_with_an_array_for_each_row_are_not_taken_for_outputs(container):
    predictor = Counting(lambda X: container([row * 2 for row in X]))
    cache, X = PredictionCache(predictor, 9), np.array([[1.0, 2.0], [3.0, 4.0]])
    for its in (X, X[:1], X[:, :1], X[:1, :1], X[:1, :1]):
        assert same(cache.predict(its), predictor.answer(its))


@pytest.mark.parametrize("n", [1, 3])
def test_arrays_of_one_answer_are_aligned_and_have_memory_of_their_own(n):
    cache, X = PredictionCache(Counting(lambda X: (X[:, 0] > 0, X[:, 0] * 2, X[:, 0] * 3)), 9), table(n + 1)
    cache.predict(X)
    arrays = cache.predict(X[:n])
    assert cache.stats()["hits"] == n and all(each.flags.aligned for each in arrays)
    arrays[1][:] = 7
    assert same(cache.predict(X[:n]), (X[:n, 0] > 0, X[:n, 0] * 2, X[:n, 0] * 3)) and same(arrays[2], X[:n, 0] * 3)


def test_texts_whose_width_depends_on_the_table_are_cut_off_nowhere():
    predictor = Counting(lambda X: np.array(["cat" if x < 0 else "elephant" for x in X[:, 0]]))
    for order in ([-1.0, 1.0], [1.0, -1.0]):
        cache, X = PredictionCache(predictor, 9), np.array(order)[:, None]
        for its in (X[:1], X, X[1:], X[:1], X):
            assert cache.predict(its).tolist() == predictor.answer(its).tolist()


# -- what is passed on ---------------------------------------------------------------------------------

NOT_KEPT = {
    "list": [[1.0, 2.0]],
    "no rows": np.empty((0, 2)),
    "one row": np.ones(2),
    "objects": np.array([[1, "a"]], object),
    "long doubles": np.ones((1, 2), np.longdouble),
    "masked": np.ma.masked_array(np.ones((1, 2)), [[True, False]]),
    "category": pd.DataFrame({"a": pd.Categorical(["x"]), "b": [1]}),
    "nullable": pd.DataFrame({"a": pd.array([1], "Int64"), "b": [1]}),
    "labels": pd.DataFrame([[1.0, 2.0]], columns=[1.0, True]),
    "arrow nulls": pa.table({"a": [1.0, None], "b": [1, 2]}),
    "arrow texts": pa.table({"a": ["x"], "b": [1]}),
    "a polars series": pl.Series([1, 2]),
}


@pytest.mark.parametrize("X", NOT_KEPT.values(), ids=NOT_KEPT)
def test_what_cannot_be_told_by_its_bytes_goes_to_the_predictor_as_it_is(X):
    predictor = Counting(lambda X: np.ones(len(X)))
    cache = PredictionCache(predictor, 9)
    for _ in range(2):
        cache.predict(X)
    assert [each is X for each in predictor.asked] == [True, True]
    assert cache.stats()["passed_on"] == 2 and len(cache) == 0


def test_arguments_that_may_be_of_the_rows_are_passed_on():
    predictor = Counting(lambda X, base=0: X[:, 0] + np.asarray(base))
    cache, X = PredictionCache(predictor, 9), np.array([[1.0], [2.0]])
    for base in ((1, 2), [1, 2], np.array([1, 2]), np.float64(3)):
        for its in (X, X[::-1]):
            assert same(cache.predict(its, base=base), predictor.answer(its, base))
    assert cache.stats()["passed_on"] == 8 and len(cache) == 0


@pytest.mark.parametrize(
    "answer",
    [
        lambda X: X[:, 0].astype(object),
        lambda X: X[:, :0],
        lambda X: X[:1, 0],
        lambda X: pd.Series(X[:, 0]),
        lambda X: 3.0,
        lambda X: [],
    ],
    ids=["objects", "nothing", "fewer rows", "series", "number", "empty list"],
)
def test_answers_that_are_no_rows_are_handed_on(answer):
    cache, X = PredictionCache(Counting(answer), 9), table(2)[[0, 1, 1]]
    for _ in range(2):
        assert type(cache.predict(X)) is type(answer(X)) and len(cache) == 0
    assert cache.predictor.n_rows == [3, 3] and cache.stats()["passed_on"] == 2


def test_answers_of_another_kind_than_the_first_are_handed_on_whole():
    predictor = Counting(lambda X: X[:, 0].astype(np.float32 if len(X) == 1 else np.float64))
    cache, X = PredictionCache(predictor, 9), table(3)
    assert cache.predict(X[:1]).dtype == np.float32
    assert same(cache.predict(X), predictor.answer(X)) and predictor.n_rows == [1, 2, 3]
    assert cache.stats()["passed_on"] == 1 and cache.stats()["misses"] == 1


# -- ways to ask ---------------------------------------------------------------------------------------


def times(capacity, **settings):
    return PredictionCache(Counting(lambda X, by=1: X[:, 0] * by), capacity, **settings)


def test_of_17_ways_to_ask_the_least_recently_used_leaves():
    cache, X = times(100), np.ones((2, 1))
    for by in range(16):
        cache.predict(X, by=by)
    cache.predict(X, by=0)
    assert cache.predict(X, by=16).tolist() == [16, 16] and len(cache) == 16
    n = len(cache.predictor.asked)
    cache.predict(X, by=0), cache.predict(X, by=16), cache.predict(X, by=2)
    assert len(cache.predictor.asked) == n
    cache.predict(X, by=1)
    assert len(cache.predictor.asked) == n + 1


def test_every_row_is_a_hit_or_a_miss_in_however_many_ways_it_is_asked_for():
    cache, X = times(9), np.ones((2, 1))
    assert [cache.predict(X, by=by)[1] for by in range(40)] == list(range(40))
    stats = cache.stats()
    assert (stats["hits"], stats["misses"], stats["passed_on"]) == (0, 80, 0) and len(cache.predictor.asked) == 40
    assert 1 <= stats["size"] <= 9


def test_a_cleared_cache_has_room_for_other_ways():
    cache, X = times(1000), table(50)
    for by in range(16):
        cache.predict(X, by=by)
    cache.clear()
    assert len(cache) == 0 and cache.stats()["bytes"] == 0
    for _ in range(2):
        cache.predict(X, by=99)
    assert cache.predictor.n_rows == [50] * 17


def test_the_capacity_bounds_all_ways_together_and_memory_is_taken_as_it_is_needed():
    cache, X = times(1_000_000), np.ones((1, 1))
    for by in range(20):
        cache.predict(X, by=by)
    assert cache.stats()["bytes"] < 3e6
    X = np.random.default_rng(0).normal(size=(700, 1))
    cache = times(1000)
    for by in range(16):
        for at in range(0, 700, 100):
            cache.predict(X[at : at + 100], by=by)
            assert len(cache) <= 1000
    assert len(cache) > 900


def test_a_way_takes_the_room_that_it_needs_up_to_its_share():
    X = np.random.default_rng(0).normal(size=(10_000, 1))
    cache = times(10_000)
    for by, n, left in ((1, 10_000, 10_000), (2, 100, 10_000 - 1024), (2, 2000, 10_000 - 2048), (2, 10_000, 5000)):
        cache.predict(X[:n], by=by)
        (_, first), *_ = cache._ways
        assert first.by_row.capacity == left and len(cache) > 8000


@pytest.mark.parametrize("policy", ["clock", "s3fifo", "lfu", "adaptive", "lru_exact"])
def test_a_growing_way_forgets_nothing(policy):
    cache, X = times(30_000, policy=policy), np.random.default_rng(0).normal(size=(20_000, 1))
    for at in range(0, 20_000, 500):
        cache.predict(X[at : at + 500])
    cache.predict(X)
    assert cache.stats()["misses"] == 20_000 and len(cache) == 20_000


def test_what_is_opened_with_less_room_has_as_much(tmp_path):
    cache = times(9000)
    for by in (1, 2, 3):
        cache.predict(np.random.default_rng(0).normal(size=(3000 - by, 1)), by=by)
    cache.save(tmp_path)
    for capacity, size in ((10_000, 8994), (600, 600), (2, 2)):
        again = PredictionCache.open(tmp_path, Counting(), capacity, strict=True)
        assert size * 0.9 <= len(again) <= size
    again = PredictionCache.open(tmp_path, cache.predictor, 20_000, strict=True)
    again.predict(np.random.default_rng(1).normal(size=(9000, 1)), by=1)
    again.predict(np.random.default_rng(0).normal(size=(2999, 1)), by=1)
    assert again.stats()["hits"] == 2999 and len(again) == 8994 + 9000


def test_arguments_are_given_by_place_or_by_name():
    predictor = Counting()
    predictor.predict = lambda X, by=1.0, *, plus=0: predictor.asked.append(X) or X[:, 0] * by + plus
    cache, X = PredictionCache(predictor, 90), table(3)
    for _ in range(2):
        assert same(cache.predict(X, 2.0), X[:, 0] * 2) and same(cache.predict(X, 3.0), X[:, 0] * 3)
        assert same(cache.predict(X, 2.0, plus=1), X[:, 0] * 2 + 1) and same(cache.predict(X=X, by=2.0), X[:, 0] * 2)
    assert predictor.n_rows == [3] * 4
    with pytest.raises(TypeError, match="positional"):
        cache.predict(X, 2.0, 1)
    with pytest.raises(perfcore.InputError, match=r"predict\(\) takes a table, first or as X=; got data"):
        cache.predict(data=X)


# -- failures ------------------------------------------------------------------------------------------


def test_an_error_of_the_predictor_stores_nothing_and_says_which_rows_it_was_asked_for():
    def answer(X):
        if (X < 0).any():
            raise ValueError("row 0 is below 0")
        return X[:, 0]

    cache, X = PredictionCache(Counting(answer), 9), np.array([[1.0], [2.0], [-1.0]])
    with pytest.raises(ValueError, match="below 0") as raised:
        cache.predict(X)
    assert len(cache) == 0 and not hasattr(raised.value, "__notes__")
    assert cache.predict(X[:2]).tolist() == [1, 2]
    with pytest.raises(ValueError, match="below 0") as raised:
        cache.predict(X)
    assert raised.value.__notes__ == ["The predictor was asked for the 1 of 3 rows that were not in the cache."]
    assert len(cache) == 2 and cache.stats()["misses"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capacity": 0}, "capacity=0"),
        ({"ttl": -1}, "ttl=-1"),
        ({"policy": "fifo"}, "policy='fifo'"),
        ({"fingerprint": 3}, "fingerprint= must be a text .* got 3"),
        ({"fingerprint": ""}, "fingerprint= must be a text"),
    ],
    ids=str,
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        PredictionCache(Counting(), **{"capacity": 9} | arguments)


def test_a_predictor_must_be_told_from_others_and_have_a_method():
    with pytest.raises(ConfigurationError, match="a object has none of its own"):
        PredictionCache(object(), 9)
    with pytest.raises(ConfigurationError, match="has none of predict"):
        PredictionCache(object(), 9, fingerprint="x")
    cache = PredictionCache(Counting(), 9)
    assert not hasattr(cache, "predict_proba") and not hasattr(cache, "fit")


def test_what_the_predictor_says_of_itself_is_said():
    predictor = Counting()
    predictor.classes_, predictor.n_features_in_ = np.array(["a", "b"]), 5
    cache = PredictionCache(predictor, 9)
    assert cache.classes_ is predictor.classes_ and cache.n_features_in_ == 5
    assert not hasattr(cache, "feature_names_in_") and not hasattr(cache, "answer")


def test_a_closed_cache_says_so():
    with PredictionCache(Counting(), 9) as cache:
        cache.predict(table())
        assert len(cache) == 9
        cache.clear()
        assert len(cache) == 0
    for use in (lambda: cache.predict(table()), lambda: cache.save("nowhere")):
        with pytest.raises(CacheError, match="closed"):
            use()
    assert "closed" in repr(cache)


@pytest.mark.parametrize("n_known", [0, 1, 2])
def test_an_answer_that_is_computed_while_the_cache_is_closed_is_handed_out_and_not_kept(n_known):
    X, closes = table(4), []

    def answer(X):
        for close in closes:
            close()
        return X[:, 0] * 2

    cache = PredictionCache(Counting(answer), 9)
    if n_known:
        cache.predict(X[:n_known])
    closes.append(cache.close)
    its = X if n_known < 2 else X[2:]
    assert same(cache.predict(its), its[:, 0] * 2)
    assert len(cache) == 0 and cache.stats()["bytes"] == 0


def test_a_cache_is_not_pickled_or_copied():
    cache = PredictionCache(Counting(), 9)
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled or copied"):
            duplicate(cache)


# -- ages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "age"), [({}, 24 * 3600), ({"ttl": 5}, 5), ({"ttl": None}, None)], ids=str)
def test_an_answer_expires_a_day_after_it_was_computed_unless_said(monkeypatch, arguments, age):
    now = [10**18]
    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])
    predictor, X = Counting(), table(3)
    cache = PredictionCache(predictor, 9, **arguments)
    cache.predict(X)
    now[0] += 10**9 * (age or 10**6) - 1
    cache.predict(X)
    assert predictor.n_rows == [3]
    now[0] += 10**9
    cache.predict(X)
    assert predictor.n_rows == ([3, 3] if age else [3])


# -- files ---------------------------------------------------------------------------------------------


@np.errstate(divide="ignore")
def test_answers_survive_a_restart(tmp_path):
    folder, X = tmp_path / "answers", table()
    for name, model, its in itertools.islice(models(), 2):
        predictor = perfcore.compile(model)
        cache = PredictionCache(predictor, 500)
        asked = [method for method in METHODS if hasattr(predictor, method)]
        for method in asked:
            getattr(cache, method)(its)
        cache.save(folder)
        again = PredictionCache.open(folder, perfcore.compile(model), 500, strict=True)
        for method in asked:
            assert same(getattr(again, method)(its), getattr(predictor, method)(its)), (name, method)
        assert again.stats()["computed"] == 0 and len(again) == len(cache)
        assert len(os.listdir(folder)) == len(asked) + 1
    frame = pd.DataFrame(X, columns=list("abcde")).astype({"b": np.float32})
    counting = Counting(lambda X, by=1: X["a"].to_numpy() * by)
    cache = PredictionCache(counting, 100)
    cache.predict(frame, by=2.5)
    cache.save(folder)
    PredictionCache.open(folder, counting, 100, strict=True).predict(frame, by=2.5)
    assert counting.n_rows == [60]


def test_answers_expire_over_a_restart(tmp_path, monkeypatch):
    predictor, X, clocks = Counting(), table(3), [10**18, 1790 * 10**15]
    monkeypatch.setattr(time, "monotonic_ns", lambda: clocks[0])
    monkeypatch.setattr(time, "time_ns", lambda: clocks[1])
    cache = PredictionCache(predictor, 9, ttl=100)
    cache.predict(X)
    cache.save(tmp_path)
    clocks[:] = [77, clocks[1] + 99 * 10**9]  # another start of the machine
    again = PredictionCache.open(tmp_path, predictor, 9, ttl=100)
    again.predict(X)
    assert predictor.n_rows == [3]
    clocks[0] += 2 * 10**9
    again.predict(X)
    assert predictor.n_rows == [3, 3]


def test_answers_of_another_predictor_are_not_taken(tmp_path):
    PredictionCache(Counting(), 9).save(tmp_path)
    with pytest.warns(UserWarning, match="starts empty: .* of another predictor, counting; this one is other"):
        cache = PredictionCache.open(tmp_path, Counting(), 9, fingerprint="other")
    assert len(cache) == 0 and len(cache.predict(table())) == 60
    with pytest.raises(CacheFormatError, match="of another predictor"):
        PredictionCache.open(tmp_path, Counting(), 9, fingerprint="other", strict=True)


def test_damaged_and_absent_files_start_empty_or_raise(tmp_path):
    folder = tmp_path / "answers"
    with pytest.raises(FileNotFoundError), pytest.warns(UserWarning, match="starts empty"):
        PredictionCache.open(folder, Counting(), 9)
        PredictionCache.open(folder, Counting(), 9, strict=True)
    cache = PredictionCache(Counting(), 9)
    cache.predict(table(3))
    for n, damage in enumerate(
        ("cut", "changed", "an answer's file changed", "gone", "named elsewhere", "no list", "of other keys")
    ):
        folder = tmp_path / str(n)
        cache.save(folder)
        contents = folder / "predictions.json"
        (rows,) = folder.glob("*.arrow")
        data = contents.read_bytes()
        if damage == "cut":
            contents.write_bytes(data[:-3])
        elif damage == "changed":
            contents.write_bytes(data.replace(b'"predict"', b'"predikt"'))
        elif damage == "gone":
            rows.unlink()
        elif damage == "of other keys":
            other = FeatureCache(9, 8, "uint8")
            other.put(7, np.zeros(8, np.uint8))
            other.save(rows)
        elif damage == "an answer's file changed":
            changed = bytearray(rows.read_bytes())
            changed[len(changed) // 2] ^= 1
            rows.write_bytes(changed)
        else:
            (tmp_path / "x.arrow").write_bytes(rows.read_bytes())
            text = b"3" if damage == "no list" else data.partition(b"\n")[2].replace(rows.name.encode(), b"../x.arrow")
            contents.write_bytes(prediction_files._digest(text) + b"\n" + text)
        with pytest.warns(UserWarning, match="starts empty"):
            assert len(PredictionCache.open(folder, Counting(), 9)) == 0, damage
        with pytest.raises((CacheFormatError, FileNotFoundError)):
            PredictionCache.open(folder, Counting(), 9, strict=True)


def written(folder, told):
    text = json.dumps(told).encode()
    (folder / "predictions.json").write_bytes(prediction_files._digest(text) + b"\n" + text)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *(((1, 1), parts) for parts in ([], [["|U0", []]], [["<f8,(", []]], [["<f8", [2**40]]], [["<f8", [2**70]]])),
        *(((1, 1), [["<f8", [n]]]) for n in (0, -1, 1.0, True, "1", float("inf"))),
        *(
            ((1, 1), [[dtype, []]])
            for dtype in (None, "f8", "<M8[s]", "|O8", "<f3", "(2,)<f4", "<i4,<i4", "<U" + "9" * 12)
        ),
        ((1, 1), [["<f4", []], ["<f4", []]]),
        ((1, 1), [["<f8", [65536] * 4]]),
        *(((1, 0), container) for container in ("foo", None, ["list"])),
        *(((0, 3), row_bytes) for row_bytes in (float("inf"), "16", None)),
        *(((0, 2), columns) for columns in ({"a": 1}, [{"a": 1}], [None], "array")),
        ((0, 0), 3),
        ((0, 1), None),
    ],
    ids=str,
)
def test_what_a_folder_says_that_cannot_be_starts_empty(tmp_path, place, value):
    cache = PredictionCache(Counting(), 9)
    cache.predict(table(3))
    cache.save(tmp_path)
    told = json.loads((tmp_path / "predictions.json").read_bytes().partition(b"\n")[2])
    written(tmp_path, told)
    assert len(PredictionCache.open(tmp_path, Counting(), 9, strict=True)) == 3
    told[2][0][place[0]][place[1]] = value
    written(tmp_path, told)
    with pytest.warns(UserWarning, match="starts empty"):
        cache = PredictionCache.open(tmp_path, Counting(), 9)
    assert len(cache) == 0 and same(cache.predict(table(3)), Counting().answer(table(3)))
    with pytest.raises(CacheFormatError):
        PredictionCache.open(tmp_path, Counting(), 9, strict=True)


@pytest.mark.parametrize("what", ["the folder", "its list", "its rows"])
def test_a_folder_that_is_a_file_or_the_reverse_starts_empty(tmp_path, what):
    folder, cache = tmp_path / "answers", PredictionCache(Counting(), 9)
    cache.predict(table(3))
    cache.save(folder)
    if what == "the folder":
        folder = folder / "predictions.json"
    else:
        (path,) = folder.glob("*.json" if what == "its list" else "*.arrow")
        path.unlink()
        path.mkdir()
    with pytest.warns(UserWarning, match="starts empty"):
        assert len(PredictionCache.open(folder, Counting(), 9)) == 0
    with pytest.raises(OSError, match="irectory"):
        PredictionCache.open(folder, Counting(), 9, strict=True)


def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    cache = PredictionCache(Counting(), 9)
    cache.predict(table(3))
    cache.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError("no space left")

    for place, name in ((os, "fsync"), (prediction_files, "replace_file")):
        monkeypatch.setattr(place, name, full)
        with pytest.raises(OSError, match="no space"):
            cache.save(tmp_path)
        monkeypatch.undo()
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "mine.arrow").write_bytes(b"")
    cache.save(tmp_path)
    assert (tmp_path / "mine.arrow").exists() and len(list(tmp_path.glob("*.arrow"))) == 2
    assert json.loads((tmp_path / "predictions.json").read_bytes().partition(b"\n")[2])[1] == "counting"


SAVES = """
import sys, numpy as np
from perfcore import PredictionCache
class Sum:
    def predict(self, X):
        return X.sum(axis=1)
cache = PredictionCache(Sum(), 5000, fingerprint="sum")
cache.predict(np.random.default_rng(int(sys.argv[2])).random((500, 4)))
for _ in range(5):
    cache.save(sys.argv[1])
"""


def test_of_processes_that_save_to_one_folder_the_last_counts_and_readers_find_it_whole(tmp_path):
    class Sum:
        def predict(self, X):
            return X.sum(axis=1)

    def opened():
        return PredictionCache.open(tmp_path, Sum(), 5000, fingerprint="sum", strict=True)

    cache = PredictionCache(Sum(), 5000, fingerprint="sum")
    cache.predict(np.random.default_rng(0).random((500, 4)))
    cache.save(tmp_path)
    path = os.pathsep.join([str(Path(perfcore.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVES, str(tmp_path), str(seed)],
            env=os.environ | {"PYTHONPATH": path},
        )
        for seed in range(3)
    ]
    while any(saver.poll() is None for saver in savers):
        assert len(opened()) == 500
    assert [saver.returncode for saver in savers] == [0, 0, 0] and len(opened()) == 500


def test_what_others_are_saving_stays_and_what_they_left_goes(tmp_path, monkeypatch):
    cache, (fresh, old) = PredictionCache(Counting(), 9), ("0" * 16 + ".arrow", "1" * 16 + ".arrow")
    cache.predict(table(3))
    for name in (fresh, old):
        (tmp_path / name).write_bytes(b"")
    os.utime(tmp_path / old, (time.time() - 700,) * 2)
    cache.save(tmp_path)
    (own,) = {path.name for path in tmp_path.glob("*.arrow")} - {fresh}
    assert not (tmp_path / old).exists()
    save = FeatureCache.save

    def removed_meanwhile(self, path, *arguments):
        save(self, path, *arguments)
        os.unlink(path)

    monkeypatch.setattr(FeatureCache, "save", removed_meanwhile)
    with pytest.raises(FileNotFoundError):
        cache.save(tmp_path)
    assert {path.name for path in tmp_path.glob("*.arrow")} == {fresh, own}
    assert len(PredictionCache.open(tmp_path, Counting(), 9, strict=True)) == 3


def test_a_reader_whose_file_is_replaced_reads_the_new_one(tmp_path, monkeypatch):
    cache, read, n_reads = PredictionCache(Counting(), 9), prediction_files.read, []
    cache.predict(table(3))
    cache.save(tmp_path)

    def read_and_replaced(*arguments):
        contents = read(*arguments)
        n_reads.append(1)
        if len(n_reads) < 4:
            cache.save(tmp_path)
        return contents

    monkeypatch.setattr(prediction_files, "read", read_and_replaced)
    assert len(PredictionCache.open(tmp_path, Counting(), 9, strict=True)) == 3 and len(n_reads) == 4


def test_what_a_save_has_put_in_place_stays_whatever_comes_after(tmp_path, monkeypatch):
    replace = prediction_files.replace_file

    def interrupted(*arguments):
        replace(*arguments)
        raise KeyboardInterrupt

    cache = PredictionCache(Counting(), 9)
    cache.predict(table(3))
    monkeypatch.setattr(prediction_files, "replace_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.save(tmp_path)
    assert len(PredictionCache.open(tmp_path, Counting(), 9, strict=True)) == 3


# -- whether it pays -----------------------------------------------------------------------------------


def seen(n_calls, n_rows, n_hits, lookup, computed):
    told = benefit.Benefit()
    for _ in range(n_calls):
        told.add(n_rows, n_hits, lookup)
    for n, ns in computed:
        told.add_computed(n, ns)
    return told.told()


def test_it_pays_where_look_ups_take_less_than_the_predictor_would():
    slow = [(n, 1000 + 500 * n) for n in (100, 3, 2, 1)]
    told = seen(10, 100, 90, lookup=100 * 40, computed=slow)
    assert told["pays"] and told["predict_ns"] == pytest.approx(510) and told["lookup_ns"] == 40
    without = 10 * (1000 + 100 * 500)
    assert told["speedup"] == pytest.approx(without / (10 * 4000 + sum(ns for _, ns in slow)))
    fast = [(n, 1000 + 10 * n) for n in (100, 3, 2, 1)]
    assert seen(10, 100, 90, lookup=100 * 40, computed=fast)["pays"] is False
    assert seen(10, 100, 0, lookup=100 * 40, computed=[(100, 51_000)] * 10)["pays"] is False


def test_it_says_nothing_before_it_has_seen_enough():
    assert seen(3, 100, 90, 10, [(10, 10_000)])["pays"] is None
    assert seen(30, 100, 100, 10, [])["pays"] is None  # all from a file
    assert set(seen(0, 0, 0, 0, []).values()) == {None, 0}


def test_of_calls_beyond_those_that_were_timed_it_says_what_is_certain():
    """Of more rows a call takes as long at least, and in proportion at most."""
    told = seen(10, 100, 99, lookup=1000, computed=[(1, 5000)] * 9)
    assert (told["pays"], told["speedup"], told["predict_ns"]) == (None, None, None)
    assert seen(10, 100, 99, lookup=400, computed=[(1, 5000)] * 9)["pays"] is True
    assert seen(10, 100, 99, lookup=600_000, computed=[(1, 5000)] * 9)["pays"] is False
    assert seen(10, 1, 1, lookup=10_000, computed=[(500, 40_000)])["pays"] is None
    assert seen(10, 1, 1, lookup=50_000, computed=[(500, 40_000)])["pays"] is False
    assert seen(99, 1, 1, lookup=70, computed=[(500, 40_000)])["pays"] is None
    assert seen(9999, 1, 1, lookup=70, computed=[(500, 40_000)])["pays"] is True
    assert seen(10, 1, 0, lookup=70, computed=[(1, 40_000)] * 10)["predict_ns"] == 40_000


@pytest.mark.parametrize(("ns_a_row", "pays"), [(1, False), (10_000, True)])
def test_stats_say_whether_it_pays(monkeypatch, ns_a_row, pays):
    now = [0]

    def clock():
        now[0] += 1000
        return now[0]

    def answer(X):
        now[0] += ns_a_row * len(X)
        return X[:, 0]

    monkeypatch.setattr(time, "perf_counter_ns", clock)
    cache, X = PredictionCache(Counting(answer), 100), table(50)
    for _ in range(20):
        cache.predict(X[:40])
        cache.predict(X[10:])
    stats = cache.stats()
    assert stats["pays"] is pays and stats["predict_ns"] == pytest.approx(ns_a_row + 1000 / 40)
    assert stats["lookup_ns"] == pytest.approx((38 * 1000 + 2 * 2000) / 1600)


# -- threads and forks ---------------------------------------------------------------------------------


def test_many_threads_get_the_predictors_answers():
    X = table(200)
    predictor = Counting(lambda X: np.stack([np.nan_to_num(X).sum(axis=1), X[:, 0]], axis=1))
    cache, wrong, barrier = PredictionCache(predictor, 80), [], threading.Barrier(6)

    def work(seed):
        random = np.random.default_rng(seed)
        barrier.wait()
        for _ in range(150):
            its = X[random.integers(0, 200, 20)]
            if not same(cache.predict(its), predictor.answer(its)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = cache.stats()
    assert wrong == [] and stats["hits"] + stats["misses"] == 6 * 150 * 20 and len(cache) <= 80


def test_many_threads_ask_in_many_ways_while_others_clear_and_save(tmp_path):
    X, barrier, wrong = np.arange(3000.0)[:, None], threading.Barrier(5), []
    cache = times(5000)

    def ask(seed):
        random = np.random.default_rng(seed)
        barrier.wait()
        try:
            for _ in range(60):
                its, by = X[random.integers(0, 3000, 300)], int(random.integers(0, 20))
                wrong.extend([by] * (not same(cache.predict(its, by=by), its[:, 0] * by)))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    barrier.wait()
    while any(thread.is_alive() for thread in threads):
        cache.clear()
        cache.save(tmp_path)
        time.sleep(0.01)
    stats = cache.stats()
    assert wrong == [] and stats["hits"] + stats["misses"] == 4 * 60 * 300
    assert sum(way.by_row.capacity for _, way in cache._ways) <= 5000


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
def test_after_a_fork_the_child_has_the_answers():
    cache, X = PredictionCache(Counting(), 100), table()
    expected = cache.predict(X)
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=lambda: told.put((same(cache.predict(X), expected), cache.stats()["computed"])))
    child.start()
    child.join(20)
    assert child.exitcode == 0 and told.get() == (True, 60)
