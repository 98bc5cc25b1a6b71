"""What a predictor counts of its calls."""

import gc
import os
import threading
import time
import weakref

import numpy as np
import pytest
from small_models import lightgbm_texts

import perfcore
from perfcore import InputError, calls
from perfcore._ext.calls import ENDS, Calls


@pytest.fixture
def fast(tmp_path):
    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    return perfcore.compile(tmp_path / "model.txt")


def told(predictor):
    return tuple(predictor.stats()[name] for name in ("calls", "rows", "failed"))


def test_every_way_to_ask_counts_once(fast):
    X = np.zeros((7, fast.n_features_in_))
    assert told(fast) == (0, 0, 0)
    fast.predict(X)
    fast.predict_one(X[0])
    fast.predict_one(X[0].tolist())
    fast.predict(X.tolist())  # by the general method
    fast.predict(X, n_threads=2)
    fast.predict_raw(X)
    assert told(fast) == (6, 30, 0)
    list(fast.predict_batches([X, X]))
    assert told(fast) == (8, 44, 0)


def test_calls_that_raise_are_counted_apart(fast):
    for call in (fast.predict, fast.predict_one):
        with pytest.raises(InputError):
            call([["no number"] * fast.n_features_in_])
    with pytest.raises(TypeError, match="no_such"):
        fast.predict(np.zeros((1, fast.n_features_in_)), no_such=1)
    assert told(fast)[:2] == (0, 0)
    assert told(fast)[2] in (2, 3)  # a wrong keyword need not come as far as the counter


def test_one_call_in_64_is_timed(fast):
    row = np.zeros(fast.n_features_in_)
    for _ in range(640):
        fast.predict_one(row)
    stats = fast.stats()
    assert (stats["calls"], stats["timed"]) == (640, 10)
    assert 0 < stats["p50"] <= stats["p95"] <= stats["p99"] < 1
    assert 0 < stats["mean"] <= stats["p99"]


def test_before_the_first_call_there_are_no_times(fast):
    stats = fast.stats()
    assert stats["timed"] == 0 and stats["mean"] is stats["p50"] is stats["p99"] is None


def test_a_slow_call_is_seen(fast):
    class Slow:
        def __float__(self):
            time.sleep(0.05)
            return 0.0

    fast.predict([[Slow()] * fast.n_features_in_])
    assert fast.stats()["mean"] >= 0.05 * fast.n_features_in_
    assert fast.stats()["p50"] > 0.05 * fast.n_features_in_


@pytest.mark.parametrize("seconds", [0, 1e-9, 159e-9, 160e-9, 1e-6, 0.3, 100.0, 1e5])
def test_a_call_is_in_the_bucket_that_ends_behind_it(seconds):
    counted = Calls()
    began = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - int(seconds * 1e9)
    counted.count_row(began)
    (place,) = np.flatnonzero(counted.buckets)
    taken = counted.seconds
    assert taken >= seconds
    assert taken < ENDS[place] and (place == 0 or taken >= ENDS[place - 1])


def test_buckets_grow_by_at_most_a_quarter_and_end_at_infinity():
    ends = np.array(ENDS)
    assert ends[-1] == np.inf and ends[0] == pytest.approx(160e-9)
    assert (ends[1:-1] / ends[:-2]).max() <= 1.25


def test_quantiles_are_ends_of_buckets():
    buckets = [0] * len(ENDS)
    assert calls.quantile(buckets, 0.5) is None
    buckets[3], buckets[10] = 95, 5
    assert [calls.quantile(buckets, part) for part in (0.5, 0.95, 0.951)] == [ENDS[3], ENDS[3], ENDS[10]]


def test_no_call_is_lost_between_threads(fast):
    row, X = np.zeros(fast.n_features_in_), np.zeros((3, fast.n_features_in_))

    def ask():
        for _ in range(500):
            fast.predict_one(row)
            fast.predict(X)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(fast) == (8000, 16000, 0)


def test_predictors_are_listed_as_long_as_they_live(fast):
    assert sum(each is fast for each in calls.live()) == 1
    other = perfcore.compile(lightgbm_model())
    listed = weakref.ref(calls.live()[-1])
    assert listed() is other
    del other
    gc.collect()
    assert listed() is None and None not in calls.live()


def test_members_of_an_ensemble_are_not_listed():
    pytest.importorskip("sklearn")
    from sklearn.ensemble import VotingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.tree import DecisionTreeRegressor

    X = np.random.default_rng(0).normal(size=(30, 3))
    vote = VotingRegressor([("a", LinearRegression()), ("b", DecisionTreeRegressor())]).fit(X, X[:, 0])
    before = calls.live()
    fast = perfcore.compile(vote)
    fast.predict(X)
    assert [each for each in calls.live() if not any(each is other for other in before)] == [fast]
    assert told(fast) == (1, 30, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_counts_from_zero(fast):
    fast.predict_one(np.zeros(fast.n_features_in_))
    pid = os.fork()
    if pid == 0:
        os._exit(0 if told(fast) == (0, 0, 0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert told(fast)[0] == 1


def lightgbm_model():
    lightgbm = pytest.importorskip("lightgbm")
    X = np.random.default_rng(0).normal(size=(60, 4))
    return lightgbm.LGBMRegressor(n_estimators=2, verbosity=-1).fit(X, X[:, 0])
