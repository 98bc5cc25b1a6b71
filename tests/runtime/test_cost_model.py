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


@pytest.mark.parametrize("sizes", [(1, 1), (1, 3), (4, 1), (100, 100)])
def test_a_slow_first_call_is_forgotten_as_soon_as_anything_is_said(sizes):
    model = CostModel()
    model.learn(1, 2.0)
    for n in sizes:
        model.learn(n, 0.001)
    assert model.is_learned and model.expected(1) < 0.2
    for _ in range(5):
        model.learn(1, 0.001)
    assert model.expected(1) < 0.002


def test_one_call_that_stands_out_changes_little_and_two_in_a_row_are_believed():
    model = CostModel()
    for i in range(100):
        model.learn(1 + i % 10, 0.001 + 0.0001 * (1 + i % 10))
    before, rows = model.expected(5), model.rows_within(0.005)
    model.learn(5, 2.0)
    assert model.expected(5) < 1.2 * before and model.rows_within(0.005) > 0.7 * rows
    for _ in range(5):
        model.learn(5, 2.0)
    assert 1.0 < model.expected(5) < 2.1


def sizes_and_share_over(a, b, noise, seconds, n_calls=1500):
    """Of calls as large as may be, after five of one row: their sizes, and how many took longer."""
    model, random = CostModel(), np.random.default_rng(1)
    sizes, n_over = [1] * 5, 0
    for i in range(n_calls):
        n = 1 if i < 5 else int(min(4096, model.rows_within(seconds)))
        taken = (a + b * n) * random.lognormal(0, noise)
        model.learn(n, taken)
        sizes += [n] if i >= 5 else []
        n_over += taken > seconds
    return sizes, n_over / n_calls


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("a, b", [(0.0, 1e-3), (1e-3, 1e-4), (4e-3, 1e-4)])
def test_with_always_more_to_do_calls_are_as_large_as_there_is_time_for(a, b, noise):
    sizes, share = sizes_and_share_over(a, b, noise, 0.020)
    assert share < 0.08
    assert np.median(sizes) > 0.45 * (0.020 - a) / b


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_what_costs_more_than_there_is_time_for_whatever_the_rows_is_asked_about_many(noise):
    """A call of 10 ms where there are 5: of one row each, all but the first would wait the longer."""
    sizes, _ = sizes_and_share_over(0.010, 1e-5, noise, 0.005, 200)
    assert np.median(sizes) > 100 and sizes.index(2) == 5


def test_what_takes_long_for_each_row_is_not_asked_about_many():
    sizes, _ = sizes_and_share_over(0.0, 0.010, 0.1, 0.005, 200)
    assert max(sizes) <= 8 and np.median(sizes) == 1
