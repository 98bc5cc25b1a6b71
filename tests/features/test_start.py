"""A history goes into a stream by its end: what windows of rows have forgotten is not stepped through."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfcore import features as f

pd = pytest.importorskip("pandas")

CLOSED = ("right", "left", "both", "neither")
SIZES = (1, 2, 3, 5, 8, 64, 65, 130)
OF_ONE = (f.sum, f.mean, f.count, f.std, f.zscore, f.skew, f.kurt, f.min, f.max, f.median, f.rank)


@st.composite
def features(draw):
    size, closed = draw(st.sampled_from(SIZES)), draw(st.sampled_from(CLOSED))
    least = draw(st.integers(0, min(size, 3)))
    made = [each(size, min_periods=least, closed=closed) for each in draw(st.sets(st.sampled_from(OF_ONE), min_size=1))]
    others = [f.lag(size), f.diff(3), f.bollinger(size + 1), f.ewm_mean(span=5), f.max(None), f.mean(None), f.wma(size)]
    return made + draw(st.lists(st.sampled_from(others), max_size=3, unique_by=str))


def cells(n, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=n) * 10.0 ** random.integers(-3, 4, n)
    x[random.random(n) < 0.1] = np.nan
    x[random.random(n) < 0.05] = 0.0
    x[random.random(n) < 0.05] = -0.0
    return x


@given(features(), st.integers(1, 420), st.integers(0, 2**20), st.sampled_from([None, "code"]))
@settings(max_examples=120, deadline=None)
def test_a_stream_goes_on_after_any_history(features, k, seed, by):
    n = k + 150
    table = pd.DataFrame({"code": np.arange(n) % 3, "x": cells(n, seed)})
    made = f.RollingFeatures({"x": features}, by=by)
    batch = np.ascontiguousarray(made.fit_transform(table))
    stream, stepped = made.start(table[:k]), made.start()
    stepped.update_group(table[:k])
    for entity in stream.entities or [None]:
        assert [stream.ready(entity, each) for each in made.get_feature_names_out()] == [
            stepped.ready(entity, each) for each in made.get_feature_names_out()
        ]
    restored = made.restore(stream.snapshot())
    assert np.ascontiguousarray(stream.update_group(table[k:])).tobytes() == batch[k:].tobytes()
    assert np.ascontiguousarray(restored.update_group(table[k:])).tobytes() == batch[k:].tobytes()


def test_states_of_moments_are_those_of_steps_to_the_byte():
    table = pd.DataFrame({"x": cells(1000, 0)})
    made = f.RollingFeatures({"x": [f.sum(7), f.std(100), f.kurt(64)]})
    for k in (1, 6, 7, 8, 100, 101, 199, 200, 201, 999, 1000):
        stepped = made.fit(table).start()
        stepped.update_group(table[:k])
        assert made.start(table[:k]).snapshot() == stepped.snapshot()


def test_two_columns():
    random = np.random.default_rng(0)
    table = pd.DataFrame({"x": random.normal(size=500), "y": random.normal(size=500)})
    made = f.RollingFeatures({("x", "y"): [f.corr(20), f.cov(70)]})
    batch = np.ascontiguousarray(made.fit_transform(table))
    for k in (1, 19, 20, 21, 40, 139, 140, 141, 499):
        assert np.ascontiguousarray(made.start(table[:k]).update_group(table[k:])).tobytes() == batch[k:].tobytes()


def test_users_functions_are_called_no_more_than_their_windows_ask():
    pytest.importorskip("numba")
    table = pd.DataFrame({"x": cells(300, 0)})
    own = f.compiled(lambda x: 2 * x)
    made = f.RollingFeatures({"x": [f.apply(lambda x: x[-1] - x[0], 9, min_periods=1, closed="left"), own]})
    batch = np.ascontiguousarray(made.fit_transform(table))
    for k in (1, 8, 9, 10, 11, 250):
        stream = made.restore(made.start(table[:k]).snapshot())
        assert np.ascontiguousarray(stream.update_group(table[k:])).tobytes() == batch[k:].tobytes()


def test_a_long_history_costs_less_than_its_features():
    x = np.random.default_rng(0).normal(size=400_000)
    made = f.RollingFeatures([f.mean(20), f.std(20), f.min(50), f.median(20), f.rank(20), f.zscore(50), f.lag(5)])
    made.fit(x[:, None])

    def best(call):
        times = []
        for _ in range(3):
            started = time.perf_counter()
            call(x[:, None])
            times.append(time.perf_counter() - started)
        return min(times)

    assert best(made.start) < best(made.transform)
