"""The learned cost of a call of n rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcore.runtime.cost_model import LEARNED, CostModel


@given(st.floats(0, 1e-2), st.floats(1e-8, 1e-4))
def test_it_finds_the_two_numbers_of_exact_calls(a, b):
    model = CostModel()
    for n in (1, 10, 100, 1000, 3, 30, 300):
        model.learn(n, a + b * n)
    for n in (1, 50, 1000):
        assert model.expected(n) == pytest.approx(a + b * n, rel=1e-3)


def test_before_it_knows_anything_it_limits_nothing():
    model = CostModel()
    assert not model.is_learned and model.rows_within(0.01) == math.inf
    for _ in range(LEARNED):
        model.learn(10, 0.001)
    assert model.is_learned and model.rows_within(0.01) < math.inf


def test_it_follows_a_predictor_that_becomes_slower():
    model = CostModel()
    for _ in range(100):
        model.learn(10, 0.001)
    for _ in range(200):
        model.learn(10, 0.004)
    assert model.expected(10) == pytest.approx(0.004, rel=0.1)


def test_the_tail_holds_nineteen_of_twenty_calls():
    model, random = CostModel(), np.random.default_rng(0)
    exceeded = []
    for i in range(4000):
        n = int(random.integers(1, 100))
        seconds = (1e-4 + 1e-5 * n) * random.lognormal(0, 0.3)
        if i > 500:
            exceeded.append(seconds > model.tail(n))
        model.learn(n, seconds)
    assert 0.02 < np.mean(exceeded) < 0.10


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 10, allow_subnormal=False)), min_size=1, max_size=50))
def test_it_never_expects_less_than_nothing(calls):
    model = CostModel()
    for n, seconds in calls:
        model.learn(n, seconds)
    assert model.a >= 0 and model.b >= 0 and model.expected(1) > 0
    assert model.rows_within(1e-9) >= 1
