"""tune_batch_size(): requests that were handled, and no others."""

import time

import pytest

from perfcore import ConfigurationError
from perfcore.runtime import tune_batch_size


def test_batches_that_share_a_fixed_cost_should_be_large():
    def answer(batch):
        time.sleep(0.002 + 1e-6 * len(batch))
        return batch

    found = tune_batch_size(answer, dict, [1, 10, 100])
    assert found.best == 100
    assert found.throughput[100] > 5 * found.throughput[10] > 5 * found.throughput[1]


def test_of_equal_ones_the_smallest_is_taken():
    def answer(batch):
        time.sleep(0.005 * len(batch))
        return batch

    assert tune_batch_size(answer, dict, [2, 1, 4]).best == 1


def test_requests_that_are_left_are_not_counted():
    """A processor that does one batch of five, whatever waits."""
    found = tune_batch_size(lambda batch: (time.sleep(0.001), batch[:5])[1], dict, [5, 50])
    assert found.handled[50] / found.throughput[50] == pytest.approx(found.handled[5] / found.throughput[5], rel=0.5)
    assert found.throughput[50] < 2 * found.throughput[5]


@pytest.mark.parametrize("sizes", [[], [0], [-1], [1.5], [True], None, 3, [[1]]])
def test_sizes_outside_what_is_allowed_are_refused(sizes):
    with pytest.raises(ConfigurationError, match="whole numbers from 1"):
        tune_batch_size(list, dict, sizes)


def test_a_function_that_answers_nothing_is_refused():
    with pytest.raises(ConfigurationError, match="answered none"):
        tune_batch_size(lambda batch: [], dict, [1, 2])


def test_a_function_that_returns_no_answers_is_refused():
    with pytest.raises(ConfigurationError, match="must return a sequence of answers, got NoneType"):
        tune_batch_size(lambda batch: None, dict, [1])
    with pytest.raises(ConfigurationError, match="must return a sequence of answers, got dict"):
        tune_batch_size(lambda batch: dict.fromkeys(range(len(batch))), dict, [1])


def test_more_answers_than_requests_are_a_fault():
    with pytest.raises(ConfigurationError, match="returned 20 answers to 4 requests"):
        tune_batch_size(lambda batch: batch * 5, dict, [4, 8])
