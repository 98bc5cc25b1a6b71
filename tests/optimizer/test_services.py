"""The names of the leak report: what they make is let go of."""

import gc
import logging
import sys
import threading
import weakref

import numpy as np
import pytest

from perfcore import ConfigurationError
from perfcore.optimizer import (
    BackgroundTaskManager,
    FeatureCache,
    MLServiceFactory,
    ModelCache,
    ml_training_context,
    monitor_memory_usage,
    periodic_memory_cleanup,
)
from perfcore.runtime.memory import BackgroundTasks, MemoryMonitor, check_leak, trim, usage
from perfcore.runtime.memory.slope import slope
from perfcore.runtime.ticker import Ticker


class Model:
    def __init__(self, data=(), **settings):
        self.data, self.settings, self.closed = data, settings, 0

    def close(self):
        self.closed += 1


def test_s3_09_services_are_cleaned_up_with_and_without_a_method_for_it():
    service = MLServiceFactory.create_training_service(train=Model, rounds=3)
    model = service.train_model([1, 2])
    assert model is service.result and model.data == [1, 2] and model.settings == {"rounds": 3}
    MLServiceFactory.cleanup_service(service)
    MLServiceFactory.cleanup_service(service)
    assert service.result is None and model.closed == 1
    MLServiceFactory.cleanup_service(object())
    with pytest.raises(ConfigurationError, match="no training function"):
        service.train_model([1])
    with pytest.raises(ConfigurationError, match="expected a function"):
        MLServiceFactory.create_training_service(train="model")


def test_s3_10_a_context_cleans_up_after_an_error_too():
    with ml_training_context(train=Model) as service:
        model = service.train_model([1])
        kept = weakref.ref(model)
    del model
    assert service.result is None and kept() is None
    with pytest.raises(KeyError), ml_training_context(train=Model) as service:
        model = service.train_model([1])
        raise KeyError
    assert service.result is None and model.closed == 1
    with pytest.raises(ConfigurationError), ml_training_context(train=3):
        raise AssertionError


def test_a_result_that_cannot_be_closed_is_let_go_of_all_the_same():
    class Stubborn(Model):
        def close(self):
            raise OSError("cannot")

    service = MLServiceFactory.create_training_service(train=Stubborn)
    service.train_model([])
    with pytest.raises(OSError, match="cannot"):
        service.cleanup_resources()
    assert service.result is None


def test_tasks_by_the_reports_names():
    manager, ran = BackgroundTaskManager(), []
    task = manager.register_task("a", "training", [object()], [lambda: ran.append("a")])
    assert manager.get_memory_stats() == {"tasks": 1, "resources": 1, "callbacks": 1}
    assert manager.unregister_task(task) == [] and ran == ["a"]
    manager.register_task("b", cleanup_callbacks=[lambda: ran.append("b")])
    manager.unregister_task("b", force_cleanup=False)
    assert ran == ["a"]
    with pytest.raises(KeyError), manager.managed_task("c", cleanup_callbacks=[lambda: ran.append("c")]):
        raise KeyError
    manager.register_task("d", cleanup_callbacks=[lambda: 1 / 0, lambda: ran.append("d")])
    assert [type(each) for each in manager.cleanup_all_tasks()] == [ZeroDivisionError]
    manager.shutdown()
    assert ran == ["a", "c", "d"] and manager.get_memory_stats() == {"tasks": 0, "resources": 0, "callbacks": 0}


def test_a_callback_that_asks_its_manager_does_not_hang():
    manager, seen = BackgroundTaskManager(), []
    manager.register_task("a", cleanup_callbacks=[lambda: seen.append(manager.get_memory_stats()["tasks"])])
    worker = threading.Thread(target=manager.cleanup_all_tasks, daemon=True)
    worker.start()
    worker.join(10)
    assert not worker.is_alive() and seen == [0]


def test_s3_11_periodic_cleanup_leaves_running_tasks_alone(caplog):
    class Cycle:
        def __init__(self):
            self.me = self

    class Stubborn:
        def cleanup_resources(self):
            raise OSError("cannot")

    manager = BackgroundTaskManager()
    manager.register_task("running", resources=[resource := Model()])
    service = MLServiceFactory.create_training_service(train=Model)
    service.train_model([])
    gc.collect()
    kept = weakref.ref(Cycle())
    with caplog.at_level(logging.INFO, "perfcore.optimizer"):
        assert periodic_memory_cleanup([Stubborn(), service]) >= 1
    assert kept() is None and service.result is None
    assert manager.resources_of("running") == [resource] and resource.closed == 0
    assert "定期クリーンアップ完了: " in caplog.text and "Stubborn: clean-up failed" in caplog.text


def test_s3_11_periodic_cleanup_runs_on_a_timer():
    cleaned = threading.Event()

    class Service:
        def cleanup_resources(self):
            cleaned.set()

    services = [Service()]
    with Ticker(lambda: periodic_memory_cleanup(services), 0.01):
        assert cleaned.wait(10)


def test_s3_12_services_take_their_parts_by_argument_and_memory_is_watched():
    """What is general of the report's nine: studies, AutoFeat and the like are released where they are made."""
    parts = {"train": lambda data, scale: scale * sum(data), "scale": 2}
    with ml_training_context(**parts) as service:  # context manager, factory, dependency injection
        assert service.train_model([1, 2, 3]) == 12
    with MemoryMonitor(interval=60) as watch:  # memory watch
        watch.sample()
        assert watch.peak > 0
    tasks = BackgroundTasks()  # global clean-up: whoever holds the tasks ends them all
    tasks.register(resources=[held := Model()])
    tasks.close()
    assert held.closed == 1 and periodic_memory_cleanup() >= 0


def test_s3_13_the_change_of_memory_is_told_after_an_error_too(capsys):
    with monitor_memory_usage("load") as seen:
        held = np.ones(4_000_000)
    assert seen["change"] == pytest.approx(seen["after"] - seen["before"])
    assert seen["change"] > 25 and seen.get("live_change", 30.5) == pytest.approx(30.5, abs=1)
    assert f"load: メモリ変化 {seen['change']:+.2f}MB" in capsys.readouterr().out
    del held
    with pytest.raises(KeyError), monitor_memory_usage("fails"):
        raise KeyError
    assert "fails: メモリ変化 " in capsys.readouterr().out


def test_s3_g1_what_malloc_only_keeps_is_no_change():
    with monitor_memory_usage("arrays that are gone again") as seen:
        arrays = [np.ones(5_000) for _ in range(2_000)]  # 80 MB in small pieces
        arrays.clear()
    assert seen["change"] < 8 and abs(seen.get("live_change", 0)) < 8


def test_s3_g1_clearing_a_copy_of_the_trials_frees_nothing_and_letting_the_study_go_does():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def search(data, n):
        study = optuna.create_study()
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n)
        return study

    with ml_training_context(train=search, n=5) as service:
        study = service.train_model(None)
        study.trials.clear()
        assert len(study.trials) == 5  # a copy was cleared
        kept = weakref.ref(study)
        del study
    gc.collect()
    assert kept() is None


def leaves_nothing(function):
    report = check_leak(function, rounds=8)
    assert report.kind is None, str(report)


def test_s3_14_repeated_training_leaves_nothing():
    def train(data, rounds):
        return {"weights": np.linalg.lstsq(data, data[:, 0], rcond=None)[0], "rounds": rounds, "data": data.copy()}

    data = np.random.default_rng(0).normal(size=(50, 4))

    def cycle():
        with ml_training_context(train=train, rounds=3) as service:
            service.train_model(data)

    leaves_nothing(cycle)


def test_s3_14_fifty_optuna_searches_of_a_hundred_trials_leave_nothing():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    sampler = optuna.samplers.RandomSampler(0)

    def search(_):
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=100)
        return study

    refs, in_use = [], []
    for i in range(50):
        with ml_training_context(train=search) as service:
            refs.append(weakref.ref(service.train_model(None)))
        if i >= 10 and i % 2:  # what the first ones leave stays once: modules, caches of types
            gc.collect()
            in_use.append((sys.getallocatedblocks(), usage().heap or 0, trim().after))
    gc.collect()
    assert [ref for ref in refs if ref() is not None] == []
    blocks, heap, resident = (
        slope(np.arange(0.0, 40.0, 2.0), np.array(each, float)) for each in zip(*in_use, strict=True)
    )  # of a search; one that is kept has 2,100 blocks, 6 kB of the heap and 140 kB in all
    assert blocks.low < 20 and heap.low < 300 and resident.low < 20_000, (blocks, heap, resident)


def test_s3_08_caches_and_tasks_in_use_for_long_stay_bounded():
    models, features, manager = ModelCache(max_size=4), FeatureCache(max_features=8), BackgroundTaskManager()
    table, n = np.random.default_rng(0).normal(size=(20, 5)), iter(range(10**9))

    def cycle():
        i = next(n)
        models.put(str(i), {"weights": table})
        features.put_features(str(i), table)
        models.get(str(i - 2))
        features.get_features(str(i - 5))
        with manager.managed_task("predict", resources=[Model()], cleanup_callbacks=[lambda: None]):
            pass

    leaves_nothing(cycle)
    assert len(models.cache) == 4 and len(features.cache) == 8
