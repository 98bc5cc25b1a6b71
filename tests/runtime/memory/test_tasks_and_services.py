"""Tasks and services let go of all they hold, however they end."""

import asyncio
import gc
import os
import signal
import threading
import weakref

import pytest

from perfcore import ConfigurationError
from perfcore.optimizer import BackgroundTaskManager
from perfcore.runtime.memory import BackgroundTasks, Services, measure


class Resource:
    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("end", ["finish", "cancelled", "close", "error"])
def test_s3_06_however_a_task_ends_each_callback_ran_once_and_nothing_is_held(end):
    tasks, ran, resource = BackgroundTasks(), [], Resource()

    def fail():
        ran.append("fails")
        raise RuntimeError("mine")

    what = {"resources": [resource, object()], "callbacks": [lambda: ran.append("first"), fail]}
    if end in ("error", "cancelled"):
        raised = KeyError if end == "error" else asyncio.CancelledError
        with pytest.raises(raised), tasks.managed("a", **what):
            assert tasks.stats() == {"tasks": 1, "resources": 2, "callbacks": 2}
            raise raised
    else:
        tasks.register("a", **what)
        errors = tasks.close() if end == "close" else tasks.finish("a")
        assert [str(each) for each in errors] == ["mine"]
    assert ran == ["fails", "first"] and resource.closed == 1
    assert tasks.stats() == {"tasks": 0, "resources": 0, "callbacks": 0} and tasks.resources_of("a") == []
    assert tasks.finish("a") == [] and len(ran) == 2
    kept = weakref.ref(resource)
    del resource, what
    gc.collect()
    assert kept() is None


def fails(message):
    raise RuntimeError(message)


@pytest.mark.parametrize(
    "manager", [BackgroundTasks().managed, BackgroundTaskManager().managed_task], ids=["", "report's"]
)
def test_what_callbacks_of_a_managed_task_raise_comes_through(manager):
    callbacks = [lambda: fails("first"), lambda: fails("second")]
    name = "callbacks" if manager.__name__ == "managed" else "cleanup_callbacks"
    with pytest.raises(ExceptionGroup, match="when task 'task-1' ended") as group, manager(**{name: callbacks}):
        pass
    assert [str(each) for each in group.value.exceptions] == ["second", "first"]
    with pytest.raises(KeyError) as raised, manager(**{name: callbacks}):
        raise KeyError("the block's own")
    assert raised.value.__notes__ == [
        "and when task 'task-2' ended: RuntimeError: second", "and when task 'task-2' ended: RuntimeError: first",
    ]  # fmt: skip


def test_a_callback_may_ask_and_change_the_tasks():
    tasks, seen = BackgroundTasks(), []

    def ask():
        seen.append((tasks.running(), tasks.stats()["tasks"]))
        tasks.finish("a")
        tasks.register("b")

    tasks.register("a", callbacks=[ask])
    worker = threading.Thread(target=tasks.finish, args=("a",), daemon=True)
    worker.start()
    worker.join(10)
    assert not worker.is_alive() and seen == [([], 0)] and tasks.running() == ["b"]


def test_many_threads_finish_a_task_once():
    for _ in range(50):
        tasks, ran = BackgroundTasks(), []
        tasks.register("a", callbacks=[lambda: ran.append(1)])  # noqa: B023
        workers = [threading.Thread(target=tasks.finish, args=("a",)) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert ran == [1]


def test_ids_are_made_up_and_unique():
    tasks = BackgroundTasks()
    tasks.register("task-1")
    first, second = tasks.register(), tasks.register()
    assert len({first, second, "task-1"}) == 3
    with pytest.raises(ConfigurationError, match="running already"):
        tasks.register("task-1")
    tasks.add("task-1", resource=(held := Resource()))
    assert tasks.resources_of("task-1") == [held]
    with pytest.raises(ConfigurationError, match="is not running"):
        tasks.add("no such", resource=1)
    with pytest.raises(ConfigurationError, match="expected functions"):
        tasks.register(callbacks=[3])


def interrupt():
    raise KeyboardInterrupt


def test_ctrl_c_in_a_callback_keeps_no_other_back_and_comes_through():
    tasks, ran, first, last = BackgroundTasks(), [], Resource(), Resource()
    tasks.register("a", resources=[first], callbacks=[lambda: ran.append("a"), interrupt])
    tasks.register("b", resources=[last], callbacks=[lambda: ran.append("b"), interrupt])
    with pytest.raises(KeyboardInterrupt):
        tasks.close()
    assert ran == ["b", "a"] and first.closed == last.closed == 1 and tasks.running() == []
    services = Services(files=Resource, rude=lambda: type("Rude", (), {"close": lambda self: interrupt()})())
    file, _ = services.create("files"), services.create("rude")
    with pytest.raises(KeyboardInterrupt):
        services.close()
    assert file.closed == 1 and services.living() == []


def test_a_resource_that_does_not_tell_whether_it_closes_keeps_no_other_back():
    gone, tasks, resource = Resource(), BackgroundTasks(), Resource()
    tasks.register("a", resources=[resource, weakref.proxy(gone)])
    del gone
    assert [type(each) for each in tasks.finish("a")] == [ReferenceError] and resource.closed == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_fork_while_another_thread_is_within_leaves_the_child_tasks_that_work():
    from perfcore.runtime.memory.guard import guard

    tasks, within, end = BackgroundTasks(), threading.Event(), threading.Event()

    def hold():
        with guard:
            within.set()
            end.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    within.wait(20)
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        tasks.finish(tasks.register("a"))
        with measure():
            pass
        os._exit(0)
    end.set()
    holder.join()
    assert os.waitpid(pid, 0)[1] == 0


class Service:
    def __init__(self, **settings):
        if settings.get("fails"):
            raise ValueError("no service")
        self.settings, self.is_clean = settings, 0

    def cleanup_resources(self):
        self.is_clean += 1
        if self.settings.get("dirty"):
            raise OSError("cannot")


def test_services_are_made_with_settings_and_cleaned_up_once():
    services = Services(training=Service)
    service = services.create("training", rounds=3, name="a")
    assert service.settings == {"rounds": 3, "name": "a"} and services.living() == [service]
    assert services.clean_up(service) and not services.clean_up(service)
    assert service.is_clean == 1 and services.living() == []


def test_a_service_is_cleaned_up_after_an_error_and_one_that_cannot_be_made_leaves_nothing():
    services = Services(training=Service)
    with pytest.raises(KeyError), services.running("training") as service:
        raise KeyError
    assert service.is_clean == 1
    with pytest.raises(ValueError, match="no service"), services.running("training", fails=True):
        raise AssertionError
    assert services.living() == []


def test_closing_cleans_up_all_and_tells_who_could_not():
    services = Services(training=Service, files=Resource, plain=dict)
    made = [services.create("training", dirty=True), services.create("files"), services.create("plain")]
    assert [str(each) for each in services.close()] == ["cannot"]
    assert made[0].is_clean == made[1].closed == 1 and services.living() == []


def test_services_that_are_not_known_are_refused():
    with pytest.raises(ConfigurationError, match="no service 'x': there are none"):
        Services().create("x")
    with pytest.raises(ConfigurationError, match="expected a function"):
        Services().add("x", 3)
    with pytest.raises(ConfigurationError, match="expected a function"):
        Services(x=3)
