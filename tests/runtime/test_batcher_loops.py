"""Batcher: callers in event loops."""

import asyncio
import threading

import numpy as np
import pytest
from batchers import Doubling

from perfcore.runtime import Batcher


def test_callers_in_an_event_loop_share_calls(doubling):
    async def ask():
        async with Batcher(doubling) as batcher:
            found = await asyncio.gather(*(batcher.predict_async(np.array([float(i)])) for i in range(200)))
            return found, batcher.stats()

    doubling.seconds = 0.002
    found, stats = asyncio.run(ask())
    assert found == [2.0 * i for i in range(200)]
    assert stats["requests"] == 200 and len(doubling.tables) < 20


def test_a_slow_predictor_never_runs_in_the_event_loop():
    doubling = Doubling(0.002)

    async def ask():
        async with Batcher(doubling) as batcher:
            for _ in range(6):
                await batcher.predict_async([1.0])

    asyncio.run(ask())
    assert threading.current_thread() not in doubling.threads


def test_what_takes_less_than_handing_it_over_is_done_on_the_spot():
    async def ask():
        async with Batcher(lambda X: [0.0] * len(X)) as batcher:
            for _ in range(200):
                await batcher.predict_async([1.0])
            return batcher.stats()["on the spot"]

    assert asyncio.run(ask()) > 100


def test_a_cancelled_caller_is_not_asked_for_and_disturbs_no_other(doubling):
    async def ask():
        async with Batcher(doubling) as batcher:
            doubling.gate.clear()
            tasks = [asyncio.create_task(batcher.predict_async([float(i)])) for i in range(4)]
            while not doubling.tables:
                await asyncio.sleep(0.005)
            left = [task for task in tasks if not task.done()]
            left[-1].cancel()
            await asyncio.sleep(0)
            doubling.gate.set()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            return found, batcher.stats()

    found, stats = asyncio.run(ask())
    assert found[:3] == [0.0, 2.0, 4.0] and isinstance(found[3], asyncio.CancelledError)
    assert stats["cancelled"] == 1


def test_a_timeout_in_an_event_loop_is_a_timeout(doubling):
    async def ask():
        async with Batcher(doubling) as batcher:
            doubling.gate.clear()
            with pytest.raises(TimeoutError, match="no answer within 0.05 s"):
                await batcher.predict_async([1.0], timeout=0.05)
            doubling.gate.set()
            return await batcher.predict_async([2.0])

    assert asyncio.run(ask()) == 4.0


def test_a_loop_that_is_closed_while_it_is_waited_for_harms_nobody(doubling):
    batcher = Batcher(doubling)
    doubling.gate.clear()

    async def ask():
        task = asyncio.create_task(batcher.predict_async([1.0]))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(ask())
    doubling.gate.set()
    assert batcher.predict([3.0]) == 6.0
    batcher.close()


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_a_predictor_that_ends_its_thread_does_not_end_its_callers_loops(raised):
    def answer(X):
        raise raised

    async def ask():
        async with Batcher(answer) as batcher:
            asked = [batcher.predict_async([1.0]) for _ in range(5)]
            return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(ask())
    assert len(found) == 5
    assert all(type(each) is RuntimeError and type(raised).__name__ in str(each) for each in found)


@pytest.mark.parametrize("n_before", [0, 200])
def test_a_predictor_that_asks_its_own_batcher_in_an_event_loop_is_answered(n_before):
    """In the batcher's own thread, and, where it is known to be quick, in the loop's."""

    def answer(X):
        return [batcher.predict([0.0]) if row[0] else 5.0 for row in X]

    async def ask():
        async with batcher:
            for _ in range(n_before):
                await batcher.predict_async([0.0])
            return await asyncio.wait_for(asyncio.gather(*[batcher.predict_async([i % 2]) for i in range(20)]), 20)

    batcher = Batcher(answer)
    assert asyncio.run(ask()) == [5.0] * 20


def test_a_coroutine_that_is_closed_takes_its_rows_back(doubling):
    async def ask():
        async with Batcher(doubling) as batcher:
            doubling.gate.clear()
            first = asyncio.create_task(batcher.predict_async([1.0]))
            while not doubling.tables:  # the call is under way
                await asyncio.sleep(0.001)
            closed = batcher.predict_async([2.0])
            closed.send(None)
            closed.close()
            doubling.gate.set()
            await first
            return batcher.stats()

    stats = asyncio.run(ask())
    assert stats["cancelled"] == 1 and doubling.sizes == [1]
