"""Batcher: predictors that raise, and whose rows are at fault."""

import asyncio
import threading
from functools import partial

import numpy as np
import pytest
from batchers import held, in_threads, wait_until

from perfcore import ConfigurationError
from perfcore.runtime import Batcher


def test_rows_that_the_predictor_refuses_fail_for_their_caller_alone(doubling):
    def answer(X):
        X = doubling.predict(X)
        if (X < 0).any():
            raise ValueError("negative")
        return X

    with Batcher(answer) as batcher:
        _, outcomes = held(
            doubling, batcher, *[lambda i=i: batcher.predict(np.array([float(i), 0.0])) for i in (1, -1, 2, -2)]
        )
        assert batcher.stats()["failed"] == 2
    assert outcomes[0] == 2.0 and outcomes[2] == 4.0
    assert [type(outcomes[i]) for i in (1, 3)] == [ValueError, ValueError]


@pytest.mark.parametrize("bad, most", [([77], 2 * 8 + 2), ([0, 199], 4 * 8 + 2), (range(200), 2 * 200)])
def test_whose_rows_are_at_fault_is_found_by_halving(bad, most):
    """200 callers behind one that holds the predictor up: 1 call for it, 1 for all, then two a halving."""
    gate, sizes = threading.Event(), []

    def answer(X):
        gate.wait(10)
        sizes.append(len(X))
        if np.isnan(X).any():
            raise ValueError("a row is not a number")
        return X[:, 0]

    async def ask():
        async with Batcher(answer) as batcher:
            first = asyncio.create_task(batcher.predict_async(np.zeros(1)))
            await asyncio.sleep(0.02)
            rows = [np.array([np.nan if i in bad else float(i)]) for i in range(200)]
            asked = [asyncio.create_task(batcher.predict_async(row)) for row in rows]
            await asyncio.sleep(0.02)
            gate.set()
            await first
            return await asyncio.gather(*asked, return_exceptions=True), batcher.stats()

    found, stats = asyncio.run(ask())
    assert [type(each) is ValueError for each in found] == [i in bad for i in range(200)]
    assert all(each == i for i, each in enumerate(found) if i not in bad)
    assert len(sizes) <= most and stats["batches"] == len(sizes)
    assert stats["requests"] == 201 and stats["failed"] == len(bad) and stats["queued rows"] == 0
    errors = [each for each in found if type(each) is ValueError]
    assert all(each.__context__ is None for each in errors)  # which would keep the rows of others


def test_while_it_halves_who_is_too_late_or_cancelled_is_not_asked_about(doubling):
    asked, halving, go_on = [], threading.Event(), threading.Event()

    def answer(X):
        X = doubling.predict(X) / 2
        asked.append(sorted(X))
        if len(asked) == 3:  # the first half
            halving.set()
            go_on.wait(10)
        if (X < 0).any():
            raise ValueError("negative")
        return X

    with Batcher(answer) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: doubling.tables)
        waiting = in_threads(
            *[lambda i=i: batcher.predict([i], timeout=5 if i else 0.1) for i in (1.0, 2.0, -3.0, 0.0)]
        )
        wait_until(lambda: batcher.stats()["queued"] == 4)
        doubling.gate.set()
        assert halving.wait(5)
        late = in_threads(lambda: batcher.predict([4.0], timeout=5))
        wait_until(lambda: batcher.stats()["expired"] == 1)
        go_on.set()
        outcomes = waiting()
        assert first() == [0.0] and late() == [4.0]
    assert outcomes[:2] == [1.0, 2.0] and [type(each) for each in outcomes[2:]] == [ValueError, TimeoutError]
    assert asked[1:] == [[-3.0, 0.0, 1.0, 2.0], [1.0, 2.0], [-3.0], [4.0]]


def test_that_another_number_of_rows_is_answered_is_not_looked_for_by_halving(doubling):
    with Batcher(lambda X: doubling.predict(X)[: max(1, len(X) - 1)]) as batcher:
        _, outcomes = held(doubling, batcher, *[partial(batcher.predict, [1.0])] * 4)
    assert [type(each) for each in outcomes] == [ConfigurationError] * 4 and doubling.sizes == [1, 4]


def test_a_predictor_that_fails_fails_this_batch_and_not_the_next(doubling):
    is_broken = True

    def answer(X):
        X = doubling.predict(X)
        if is_broken and len(X) > 1:
            raise RuntimeError("out of order")
        return X

    with Batcher(answer) as batcher:
        _, outcomes = held(doubling, batcher, *[lambda: batcher.predict([1.0, 2.0])] * 3)
        assert [str(each) for each in outcomes] == ["out of order"] * 3
        assert len({id(each) for each in outcomes}) == 3  # raising writes a traceback upon it
        is_broken = False
        assert batcher.predict([[1.0, 2.0], [3.0, 4.0]]).tolist() == [2.0, 6.0]
