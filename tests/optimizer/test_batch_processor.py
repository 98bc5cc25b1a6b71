"""The guide's batch processor: order, batches, and nothing lost."""

import threading

import numpy as np
import pytest

from perfcore import ConfigurationError, InputError
from perfcore.optimizer import PredictionBatchProcessor


class Doubling:
    def __init__(self):
        self.sizes = []

    def predict_batch(self, batch):
        self.sizes.append(len(batch))
        return [2 * each["features"] for each in batch]


def queued(n, size=5, **settings):
    processor = PredictionBatchProcessor(batch_size=size, **settings)
    for i in range(n):
        processor.add_prediction_request(f"r{i}", {"features": np.full(3, float(i))}, None)
    return processor


def test_a_call_processes_one_batch_in_order():
    processor = queued(10)
    done = processor.process_batch(Doubling())
    assert [each["id"] for each in done] == [f"r{i}" for i in range(5)]
    assert all(np.array_equal(each["prediction"], np.full(3, 2.0 * i)) for i, each in enumerate(done))
    assert all(each["processing_time"] >= 0 for each in done)
    assert processor.pending_requests == [f"r{i}" for i in range(5, 10)] and not processor.processing
    assert PredictionBatchProcessor().process_batch(Doubling()) == []


@pytest.mark.parametrize("workers", [1, 4])
def test_s0_g5_drain_handles_all_that_wait_in_order(workers):
    processor, predictor = queued(23, max_workers=workers), Doubling()
    done = processor.drain(predictor)
    assert [each["id"] for each in done] == [f"r{i}" for i in range(23)]
    assert sorted(predictor.sizes) == [3, 5, 5, 5, 5] and processor.pending_requests == []
    assert processor.get_stats()["handled_requests"] == 23


def test_s0_21_callbacks_get_the_result_once_and_may_raise():
    processor, told = PredictionBatchProcessor(), []

    def fail(result):
        raise KeyError("mine")

    processor.add_prediction_request("a", {"features": np.ones(1)}, told.append)
    processor.add_prediction_request("b", {"features": np.ones(1)}, fail)
    processor.add_prediction_request("c", {"features": np.ones(1)}, told.append)
    done = processor.process_batch(Doubling())
    assert [each["id"] for each in told] == ["a", "c"] and told[0] is done[0]
    assert "callback_error" not in done[0] and done[1]["callback_error"] == "KeyError: 'mine'"


class Raising:
    def predict_batch(self, batch):
        raise OSError("no model")


class Few:
    def predict_batch(self, batch):
        return batch[:-1]


class Nothing:
    def predict_batch(self, batch):
        return None


@pytest.mark.parametrize("predictor, error", [(Raising(), OSError), (Few(), ConfigurationError), (Nothing(), ConfigurationError)])  # fmt: skip  # noqa: E501
def test_a_predictor_that_fails_loses_no_request(predictor, error):
    processor = queued(7)
    with pytest.raises(error):
        processor.process_batch(predictor)
    assert processor.pending_requests == [f"r{i}" for i in range(7)] and not processor.processing
    assert [each["id"] for each in processor.drain(Doubling())] == [f"r{i}" for i in range(7)]


def test_a_callback_may_ask_for_more():
    processor = PredictionBatchProcessor()

    def again(result):
        if len(result["id"]) < 3:
            processor.add_prediction_request(result["id"] + "x", {"features": np.ones(1)}, again)

    processor.add_prediction_request("a", {"features": np.ones(1)}, again)
    found = []
    while done := processor.process_batch(Doubling()):
        found += [each["id"] for each in done]
    assert found == ["a", "ax", "axx"]


def test_many_threads_process_each_request_once():
    processor, done = queued(400, size=7), []
    lock = threading.Lock()

    def work():
        while results := processor.process_batch(Doubling()):
            with lock:
                done.extend(each["id"] for each in results)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(done) == sorted(f"r{i}" for i in range(400))


def test_settings_outside_what_is_allowed_are_refused():
    processor = PredictionBatchProcessor()
    for name in ("batch_size", "max_workers"):
        with pytest.raises(ConfigurationError, match="whole numbers from 1"):
            setattr(processor, name, 0)
    with pytest.raises(InputError, match="expected a function"):
        processor.add_prediction_request("a", {}, 3)
