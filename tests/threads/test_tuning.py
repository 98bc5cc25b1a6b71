"""tune(): what is measured, what is remembered, and who is asked first."""

import json
import multiprocessing
import threading
import time

import numpy as np
import pytest
from piece_jobs import remember
from small_models import lightgbm_texts

import perfcore
from perfcore import ConfigurationError, InputError, threads
from perfcore.threads import others, remembered, tune, tuning

pytest.importorskip("platformdirs")
pytest.importorskip("filelock")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache folder of the test's own, with nothing in it."""
    monkeypatch.setenv("PERFCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "_known", None)
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """A machine on which nobody else does anything."""
    monkeypatch.setattr(others.Others, "are_in_the_way", lambda self: False)


@pytest.fixture
def four(monkeypatch):
    """A machine that pretends to four CPUs."""
    monkeypatch.setattr(threads.counts, "bounds", lambda: {"affinity": 4, "limit": threads.counts.cap()})


@pytest.fixture
def fast(tmp_path):
    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    return perfcore.compile(tmp_path / "model.txt")


class Clock:
    """Time that passes only where a function takes some."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def taking(self, seconds):
        """A function that takes so long with 1, 2 and 4 threads."""

        def function(table):
            self.now += seconds[threads.available()]

        return function


@pytest.mark.parametrize(
    "seconds, chosen",
    [
        ({1: 0.020, 2: 0.010, 4: 0.005}, 4),
        ({1: 0.020, 2: 0.010, 4: 0.0096}, 2),
        ({1: 0.010, 2: 0.010, 4: 0.010}, 1),
        ({1: 0.010, 2: 0.020, 4: 0.040}, 1),
    ],
)
def test_the_smallest_count_within_five_percent_of_the_best_is_taken(four, monkeypatch, seconds, chosen):
    table = np.zeros((100, 2))
    monkeypatch.setattr(tuning, "time", clock := Clock())
    tuned = tune(clock.taking(seconds), [table])
    assert tuned.n_threads == {100: chosen}
    assert set(tuned.seconds[100]) == {1, 2, 4} and "100 rows" in str(tuned)


def test_what_is_remembered_is_not_measured_again_unless_asked(fast):
    def n_calls(n_rows, **options):
        before = fast.stats()["calls"]
        assert tune(fast, [np.zeros((n_rows, fast.n_features_in_))], **options).n_threads.keys() == {n_rows}
        return fast.stats()["calls"] - before

    assert n_calls(64) > 0
    assert n_calls(100) == 0  # of the same bucket
    assert n_calls(128) > 0
    assert n_calls(64, again=True) > 0


def test_a_function_is_measured_anew_whatever_its_name_and_code(folder, four, monkeypatch):
    monkeypatch.setattr(tuning, "time", clock := Clock())
    for seconds, chosen in [({1: 4.0, 2: 2.0, 4: 1.0}, 4), ({1: 1.0, 2: 2.0, 4: 4.0}, 1)]:
        tuned = tune(clock.taking(seconds), [np.zeros((8, 1))])
        assert tuned.n_threads == {8: chosen} and tuned.seconds[8][1] == seconds[1]
    assert not folder.exists()


def test_a_predictor_uses_what_was_measured_for_it(four, fast, monkeypatch):
    asked = []
    engine = fast._engine
    monkeypatch.setattr(type(engine), "nanoseconds", lambda self, n: 1e9)
    monkeypatch.setattr(engine, "filled", lambda *a: asked.append(engine._threads_for(len(a[0]), a[3])) or a[0])
    X = np.zeros((4000, fast.n_features_in_))
    general = perfcore.Predictor.predict
    general(fast, X)
    remembered.remember(fast.fingerprint, 4000, 3, {1: 1.0, 3: 0.5})
    general(fast, X)
    general(fast, X, n_threads=2)
    monkeypatch.setenv("PERFCORE_NUM_THREADS", "1")
    general(fast, X)
    assert asked == [4, 3, 2, 1]  # nothing said, measured, the argument, the environment over what was measured


def test_an_argument_of_compile_is_stronger_than_environment_and_file(four, tmp_path, monkeypatch):
    fast = perfcore.compile(tmp_path / "model.txt", n_threads=2) if (tmp_path / "model.txt").exists() else None
    if fast is None:
        (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
        fast = perfcore.compile(tmp_path / "model.txt", n_threads=2)
    monkeypatch.setattr(type(fast._engine), "nanoseconds", lambda self, n: 1e9)
    remembered.remember(fast.fingerprint, 4000, 3, {1: 1.0, 3: 0.5})
    monkeypatch.setenv("PERFCORE_NUM_THREADS", "4")
    assert fast._engine._threads_for(4000, None) == 2


def test_a_limit_holds_for_what_was_measured(four, fast, monkeypatch):
    monkeypatch.setattr(type(fast._engine), "nanoseconds", lambda self, n: 1e9)
    remembered.remember(fast.fingerprint, 4000, 4, {1: 1.0, 4: 0.5})
    with threads.limit(perfcore=2):
        assert fast._engine._threads_for(4000, None) == 2


def test_predictions_stay_the_same_bits(fast):
    X = np.random.default_rng(0).normal(size=(20_000, fast.n_features_in_))
    before = fast.predict(X)
    tuned = tune(fast, [20_000, 10])
    assert tuned.plan == fast.fingerprint and tuned.n_threads.keys() == {20_000, 10}
    assert fast.predict(X).tobytes() == before.tobytes()


def test_nothing_is_measured_or_read_by_predicting_rows(fast, monkeypatch):
    monkeypatch.setattr(tuning, "_measured", None)
    monkeypatch.setattr(remembered, "read", None)
    fast.predict_one(np.zeros(fast.n_features_in_))
    fast.predict(np.zeros((5, fast.n_features_in_)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"protocol": 99}',
        b'{"protocol": 1, "machines": {"a": 3}}',
        b'{"protocol": 1, "machines": {"a": {"b": {"x": {"n_threads": 1, "seconds": {"1": 1.0}, "when": ""}}}}}',
        b'{"protocol": 1, "machines": {"a": {"b": {"1": {"n_threads": 1, "seconds": {}, "when": ""}}}}}',
    ],
)
def test_a_file_that_is_damaged_is_as_none_and_is_written_anew(folder, fast, content):
    folder.mkdir()
    (folder / "threads.json").write_bytes(content)
    assert remembered.read() == {} and remembered.measured(lambda: "x", 10) is None
    remembered.remember("plan", 10, 2, {1: 2.0, 2: 1.0})
    document = json.loads((folder / "threads.json").read_text())
    assert document["protocol"] == 1 and remembered.measured(lambda: "plan", 10) is not None


def test_another_machine_measures_for_itself(folder, monkeypatch):
    remembered.remember("plan", 10, 1, {1: 1.0})
    monkeypatch.setattr(remembered, "machine", lambda: "another")
    monkeypatch.setattr(remembered, "_known", None)
    assert remembered.measured(lambda: "plan", 10) is None


def test_many_processes_may_remember_at_once(folder):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=remember, args=(i,)) for i in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    workers = [threading.Thread(target=remember, args=(i,)) for i in range(3, 9)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    (plans,) = remembered.read().values()
    assert plans.keys() == {f"plan {i}" for i in range(9)}


def test_reset_forgets_all(folder):
    assert not remembered.reset()
    remembered.remember("plan", 10, 1, {1: 1.0})
    assert remembered.reset() and remembered.measured(lambda: "plan", 10) is None


def test_what_cannot_be_written_is_told_and_holds_for_this_process(fast, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PERFCORE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="this process only.* PERFCORE_CACHE_DIR names another folder") as said:
        tuned = tune(fast, [3, 1000])
    assert len(said) == 1 and said[0].filename == __file__
    assert tuned.n_threads.keys() == {3, 1000}
    assert remembered.measured(lambda: fast.fingerprint, 1000) == tuned.n_threads[1000]


@pytest.mark.parametrize(
    "target, shapes, error, message",
    [
        (len, [], ConfigurationError, "shapes is empty"),
        (len, [10], ConfigurationError, "a function is measured with tables"),
        (3, [np.zeros((1, 1))], ConfigurationError, "expected a predictor or a function"),
    ],
)
def test_what_cannot_be_measured_is_refused(target, shapes, error, message):
    with pytest.raises(error, match=message):
        tune(target, shapes)


def test_numbers_of_rows_below_one_are_refused(fast):
    with pytest.raises(ConfigurationError, match="numbers of rows from 1; got 0"):
        tune(fast, [0])
    with pytest.raises(ConfigurationError, match="has no method 'predict_proba'"):
        tune(fast, [10], method="predict_proba")


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_predictor_of_other_than_numbers_asks_for_tables():
    pytest.importorskip("sklearn")
    pandas = pytest.importorskip("pandas")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    X = pandas.DataFrame({"a": ["x", "y"] * 20})
    fast = perfcore.compile(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X, [0, 1] * 20))
    with pytest.raises(InputError, match="give tables of yours"):
        tune(fast, [10])
    assert tune(fast, [X]).n_threads[40] >= 1


def test_perfcore_num_threads_is_a_number(monkeypatch):
    monkeypatch.setenv("PERFCORE_NUM_THREADS", "two")
    with pytest.raises(ConfigurationError, match="PERFCORE_NUM_THREADS='two'"):
        threads.resolve(None)
    monkeypatch.setenv("PERFCORE_NUM_THREADS", "1")
    assert threads.resolve(None) == 1 and threads.resolve(3) == 3


def test_a_perfcore_num_threads_that_is_no_number_is_told_beside_all_else(monkeypatch, capsys):
    from perfcore.__main__ import main

    monkeypatch.setenv("PERFCORE_NUM_THREADS", "two")
    assert threads.pools()[0].n_threads == threads.available()
    assert main(["threads"]) == 0
    shown = capsys.readouterr().out
    assert "asked for     PERFCORE_NUM_THREADS='two': allowed are whole numbers from 1\npools" in shown
    assert "nothing yet" in shown


def test_the_command_shows_and_forgets(folder, fast, capsys):
    from perfcore.__main__ import main

    assert main(["threads"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"available     {threads.available()}") and "nothing yet" in shown and "blas" in shown
    remembered.remember(fast.fingerprint, 1000, 2, {1: 0.002, 2: 0.001})
    assert main(["threads", "--show"]) == 0
    shown = capsys.readouterr().out
    assert f"{fast.fingerprint}  " in shown and "512 rows and more  2 threads  (1: 2 ms, 2: 1 ms; " in shown
    assert main(["threads", "--reset"]) == 0
    assert capsys.readouterr().out == "forgotten\n" and not (folder / "threads.json").exists()


def test_what_setting_a_limit_takes_is_not_among_what_is_measured(monkeypatch):
    tuned = tune(lambda table: None, [np.zeros((1, 1))])
    assert max(tuned.seconds[1].values()) < 100e-6


@pytest.mark.parametrize("shapes", [np.zeros((4, 3)), 1000, {"a": [1]}])
def test_shapes_that_are_no_list_are_refused(fast, shapes):
    with pytest.raises(ConfigurationError, match="expected a list of tables or numbers of rows, got"):
        tune(fast, shapes)


@pytest.mark.parametrize("shape", [1.5, True, None, np.float64(3.0), 0])
def test_what_is_neither_a_table_nor_a_number_of_rows_is_refused(fast, shape):
    with pytest.raises(ConfigurationError, match="shapes: allowed are tables and numbers of rows from 1; got"):
        tune(fast, [shape])


@pytest.mark.parametrize("found", [{"n_threads": 2}, {"n_threads": 2, "seconds": {"x": 1.0}, "when": "2020-01-01"}])
def test_a_record_that_lacks_something_is_no_record(folder, found, capsys):
    from perfcore.__main__ import main

    folder.mkdir()
    machines = {remembered.machine(): {"plan": {"3": found}}}
    (folder / "threads.json").write_text(json.dumps({"protocol": 1, "machines": machines}))
    assert remembered.read() == {}
    assert main(["threads"]) == 0


# -- others on the machine ----------------------------------------------------------------------------


class Busy:
    """Others that are in the way during the first so many measurements."""

    def __init__(self, n):
        self.n = n

    def __call__(self):
        return self

    def are_in_the_way(self):
        self.n -= 1
        return self.n >= 0


def test_what_is_measured_beside_others_is_measured_again(four, monkeypatch):
    monkeypatch.setattr(tuning, "time", clock := Clock())
    monkeypatch.setattr(tuning, "Others", Busy(2))
    seconds = [{1: 0.1, 2: 0.2, 4: 0.4}] * 2 + [{1: 0.4, 2: 0.2, 4: 0.1}]
    measured, measure = [], tuning._measured

    def taking_turns(seconds_of):
        measured.append(seconds[len(measured)])
        return measure(lambda count: clock.taking({count: measured[-1][count]}) and measured[-1][count])

    monkeypatch.setattr(tuning, "_measured", taking_turns)
    assert tune(lambda table: None, [np.zeros((8, 1))]).n_threads == {8: 4} and len(measured) == 3


def test_what_is_measured_beside_others_again_and_again_is_told_and_not_remembered(folder, fast, monkeypatch):
    monkeypatch.setattr(tuning, "Others", Busy(tuning.ATTEMPTS))
    with pytest.warns(
        RuntimeWarning, match="other processes are using the CPUs, so what 8 rows took .* not remembered"
    ) as said:
        tuned = tune(fast, [8])
    assert said[0].filename == __file__
    assert tuned.n_threads.keys() == {8} and not folder.exists()


@pytest.mark.parametrize(
    "theirs, cpus, available, are",
    [(0.0, 2, 2, False), (0.15, 2, 2, False), (0.5, 2, 2, True), (30.0, 64, 4, False), (62.0, 64, 4, True)],
)
def test_others_are_in_the_way_where_they_leave_less_than_nine_tenths_of_what_there_is(
    monkeypatch, theirs, cpus, available, are
):
    monkeypatch.undo()
    clock, in_use = Clock(), 0.0
    monkeypatch.setattr(others.time, "perf_counter", clock.perf_counter)
    monkeypatch.setattr(others.time, "process_time", lambda: 0.7 * clock.now)
    monkeypatch.setattr(others, "_seconds_in_use", lambda: in_use)
    monkeypatch.setattr(others, "_cpus", lambda: [None] * cpus)
    monkeypatch.setattr(others.counts, "available", lambda: available)
    seen = others.Others()
    clock.now, in_use = 1.0, 0.7 + theirs
    assert seen.are_in_the_way() is are


def test_time_in_use_is_that_of_all_processes():
    before = others._seconds_in_use()
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        pass
    assert others._seconds_in_use() - before > 0.2


def test_within_a_limit_nothing_is_measured_for_that_would_be_remembered_as_all_there_is(four):
    with threads.limit(perfcore=2), pytest.raises(ConfigurationError, match="within a limit of 2 threads"):
        tune(lambda table: None, [np.zeros((8, 1))])
    with threads.limit(perfcore=4):
        assert tune(lambda table: None, [np.zeros((8, 1))]).n_threads.keys() == {8}


def test_sparse_tables_have_rows_too(fast):
    sparse = pytest.importorskip("scipy.sparse")
    assert tune(fast, [sparse.csr_matrix(np.eye(6, fast.n_features_in_))]).n_threads.keys() == {6}
