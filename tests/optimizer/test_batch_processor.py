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


class Named:
    def predict_batch(self, batch):
        return {f"r{i}": 0.5 for i in range(len(batch))}


@pytest.mark.parametrize("predictor, error", [(Raising(), OSError), (Few(), ConfigurationError), (Nothing(), ConfigurationError), (Named(), ConfigurationError)])  # fmt: skip  # noqa: E501
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


class Odd:
    """Fails for batches that hold one of these numbers."""

    def __init__(self, *bad, error=OSError):
        self.bad, self.error = bad, error

    def predict_batch(self, batch):
        numbers = [float(each["features"][0]) for each in batch]
        if set(numbers) & set(self.bad):
            raise self.error(str(numbers[0]))
        return numbers


@pytest.mark.parametrize("workers", [1, 4])
def test_a_batch_that_fails_loses_no_answer_of_others_and_all_wait_in_their_places(workers):
    processor, told = PredictionBatchProcessor(batch_size=5, max_workers=workers), []
    for i in range(30):
        processor.add_prediction_request(f"r{i}", {"features": np.full(3, float(i))}, told.append)
    with pytest.raises(OSError, match="5.0"):
        processor.drain(Odd(7, 16, 27))
    bad = [*range(5, 10), *range(15, 20), *range(25, 30)]
    assert processor.pending_requests == [f"r{i}" for i in bad] and not processor.processing
    assert processor.get_stats()["unclaimed_results"] == 15 and len(told) == 15
    done = processor.drain(Odd())
    assert [each["prediction"] for each in done] == [i for i in range(30) if i not in bad] + bad
    assert len(told) == 30 and processor.get_stats()["unclaimed_results"] == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_ctrl_c_loses_neither_requests_nor_answers(workers):
    processor = queued(40, max_workers=workers)
    with pytest.raises(KeyboardInterrupt):
        processor.drain(Odd(3, 12, error=KeyboardInterrupt))
    assert not processor.processing
    found = [each["id"] for each in processor.drain(Odd())]
    assert sorted(found) == sorted(f"r{i}" for i in range(40))


def test_ctrl_c_in_a_callback_keeps_no_other_back():
    processor, told = PredictionBatchProcessor(), []

    def interrupt(result):
        raise KeyboardInterrupt

    for name, callback in (("a", told.append), ("b", interrupt), ("c", told.append)):
        processor.add_prediction_request(name, {"features": np.ones(1)}, callback)
    with pytest.raises(KeyboardInterrupt):
        processor.process_batch(Doubling())
    assert [each["id"] for each in told] == ["a", "c"] and processor.pending_requests == []
    assert [each["id"] for each in processor.process_batch(Doubling())] == ["a", "b", "c"]


@pytest.mark.parametrize("n_started", [0, 1, 2])
def test_ctrl_c_while_threads_start_loses_neither_requests_nor_answers(monkeypatch, n_started):
    started, start = [], threading.Thread.start

    def start_some(self):
        if len(started) == n_started:
            raise KeyboardInterrupt
        started.append(self)
        start(self)

    processor = queued(40, max_workers=4)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_some)
        with pytest.raises(KeyboardInterrupt):
            processor.drain(Odd())
    assert not processor.processing
    assert sorted(each["id"] for each in processor.drain(Odd())) == sorted(f"r{i}" for i in range(40))


def test_without_more_threads_the_caller_does_it_alone(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert len(queued(23).drain(Doubling())) == 23


def test_answers_that_have_a_length_and_other_items_lose_no_request():
    pandas = pytest.importorskip("pandas")

    class Frame:
        def predict_batch(self, batch):
            return pandas.DataFrame({"answer": [1.0] * len(batch)})

    processor = queued(4)
    with pytest.raises(ConfigurationError, match="got DataFrame"):
        processor.process_batch(Frame())
    assert len(processor.pending_requests) == 4 and not processor.processing
