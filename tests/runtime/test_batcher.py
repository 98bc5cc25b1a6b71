"""Batcher: many callers, one call; who gets what, in what order, and what becomes of those that cannot be served."""

import asyncio
import gc
import os
import pickle
import signal
import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest

from perfcore import ConfigurationError, InputError, OverloadedError
from perfcore.runtime import Batcher


class Doubling:
    """Answers twice each row's first cell, keeps what it was asked, and can be held up."""

    def __init__(self, seconds=0.0):
        self.seconds, self.tables, self.threads = seconds, [], set()
        self.gate = threading.Event()
        self.gate.set()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def predict(self, X):
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.tables.append(X)
        self.threads.add(threading.current_thread())
        self.gate.wait(10)
        time.sleep(self.seconds)
        with self.lock:
            self.at_once -= 1
        return 2 * np.asarray(X)[:, 0]

    @property
    def sizes(self):
        return [len(each) for each in self.tables]


@pytest.fixture
def doubling():
    return Doubling()


def in_threads(*calls):
    """Start each call in a thread of its own, in order; a function that waits for them and returns the outcomes."""
    outcomes = [None] * len(calls)

    def run(i, call):
        try:
            outcomes[i] = call()
        except BaseException as error:
            outcomes[i] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)

    def finish():
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        return outcomes

    return finish


def wait_until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


def held(doubling, batcher, *calls):
    """The first caller holds the predictor up, the others come meanwhile; (first's outcome, the others')."""
    doubling.gate.clear()
    first = in_threads(lambda: batcher.predict([0.0]))
    wait_until(lambda: len(doubling.tables) == 1)
    others = in_threads(*calls)
    wait_until(lambda: batcher.stats()["queued"] == len(calls))
    doubling.gate.set()
    return first()[0], others()


def test_an_idle_batcher_answers_in_the_callers_own_thread_at_once(doubling):
    with Batcher(doubling) as batcher:
        assert batcher.predict([3.0, 1.0]) == 6.0
        assert doubling.threads == {threading.current_thread()}
        assert batcher.stats()["on the spot"] == 1


def test_what_comes_while_it_is_busy_goes_into_one_call_in_order(doubling):
    with Batcher(doubling) as batcher:
        calls = [lambda i=i: batcher.predict(np.array([float(i), 0.0])) for i in range(1, 8)]
        first, others = held(doubling, batcher, *calls)
    assert first == 0.0 and others == [2.0 * i for i in range(1, 8)]
    assert doubling.sizes == [1, 7]
    assert np.array_equal(doubling.tables[1][:, 0], range(1, 8))


def test_tables_get_their_rows_and_rows_their_answer(doubling):
    with Batcher(doubling) as batcher:
        table, row = np.arange(6.0).reshape(3, 2), np.array([9.0, 9.0])
        _, (of_table, of_row, of_list) = held(
            doubling,
            batcher,
            lambda: batcher.predict(table),
            lambda: batcher.predict(row),
            lambda: batcher.predict([[1.0, 2.0]]),
        )
    assert of_table.tolist() == [0.0, 4.0, 8.0] and of_row == 18.0 and np.ndim(of_row) == 0
    assert of_list.tolist() == [2.0]


def test_tables_of_other_dtypes_or_widths_are_not_mixed(doubling):
    with Batcher(doubling) as batcher:
        tables = [np.ones((1, 2)), np.ones((2, 2), np.float32), np.ones((2, 3)), np.ones((1, 3))]
        held(doubling, batcher, *[lambda table=table: batcher.predict(table) for table in tables])
    assert [(each.dtype, each.shape) for each in doubling.tables[1:]] == [
        (np.float64, (1, 2)),
        (np.float32, (2, 2)),
        (np.float64, (3, 3)),
    ]


@pytest.mark.parametrize(
    "first, second",
    [
        ([2**53 + 1, 1], [1.5, 1]),
        ([1.0, 2.0], ["x", 2.0]),
        ({"a": 2**53 + 1}, {"a": 1.5}),
        ({"a": 1}, {"a": None}),
        ([{"a": 1}, {"b": 1}], [{"a": 1, "b": 2}]),
        ([None, 1.5], [1.5, None]),
        ([[None, 1.5], [None, 2.5]], [[1.5, None]]),
    ],
)
def test_cells_of_other_types_do_not_change_what_a_caller_s_row_means(first, second):
    pandas = pytest.importorskip("pandas")

    def answer(X):
        time.sleep(0.05)
        table = X if hasattr(X, "dtypes") else pandas.DataFrame(X)
        kinds = str(getattr(table, "dtypes", None)) + str(getattr(table, "dtype", None))
        return [kinds] * len(X)

    with Batcher(answer, objective=10.0) as batcher:
        expected = [batcher.predict(first), batcher.predict(second)]
        found = in_threads(*[partial(batcher.predict, each) for each in (second, first, second)])()
    assert found[1:] == expected


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_are_joined_as_their_library_does(library):
    made = pytest.importorskip(library)
    frame = made.table if library == "pyarrow" else made.DataFrame
    seen = []

    def answer(X):
        seen.append(X)
        time.sleep(0.05)
        column = X["a"].to_numpy()
        return column * 10

    with Batcher(answer) as batcher:
        calls = [lambda i=i: batcher.predict(frame({"a": [i, i + 1], "b": ["x", "y"]})) for i in range(5)]
        outcomes = in_threads(*calls)()
    assert [each.tolist() for each in outcomes] == [[10 * i, 10 * i + 10] for i in range(5)]
    assert all(type(each) is type(seen[0]) for each in seen) and len(seen) < 5


def test_rows_by_name_become_a_frame():
    pandas = pytest.importorskip("pandas")
    seen = []

    def answer(X):
        seen.append(X)
        time.sleep(0.02)
        return [f"{name} {age}" for name, age in zip(X["name"], X["age"], strict=True)]

    with Batcher(answer) as batcher:
        outcomes = in_threads(*[lambda i=i: batcher.predict({"name": f"n{i}", "age": i}) for i in range(4)])()
        assert batcher.predict([{"name": "p", "age": 1}, {"name": "q", "age": 2}]) == ["p 1", "q 2"]
    assert outcomes == [f"n{i} {i}" for i in range(4)]
    assert all(isinstance(each, pandas.DataFrame) for each in seen)


def test_means_and_deviations_are_cut_one_by_one_also_where_as_many_rows_are_asked():
    with Batcher(lambda X: (X[:, 0], -X[:, 0])) as batcher:
        mean, deviation = batcher.predict(np.array([1.0, 2.0]))
        assert (mean, deviation) == (1.0, -1.0)

        async def ask():
            return await asyncio.gather(*[batcher.predict_async(np.array([float(i)])) for i in range(9)])

        assert asyncio.run(ask()) == [(float(i), -float(i)) for i in range(9)]
    with Batcher(lambda X: (X[0], X[0])) as batcher, pytest.raises(ConfigurationError, match="asked, 3; it answered 2"):
        batcher.predict(np.ones((3, 2)))


def test_answers_of_several_outputs_are_cut_one_by_one():
    def answer(X):
        return [np.column_stack([X[:, 0], 1 - X[:, 0]]), np.column_stack([X[:, 1], 1 - X[:, 1]])]

    with Batcher(answer) as batcher:
        row = batcher.predict(np.array([0.25, 0.5]))
        assert [each.tolist() for each in row] == [[0.25, 0.75], [0.5, 0.5]]
        table = batcher.predict(np.array([[0.25, 0.5], [0.0, 1.0]]))
        assert [each.shape for each in table] == [(2, 2), (2, 2)]


def test_no_more_calls_run_at_once_than_there_are_workers():
    for workers in (1, 3):
        doubling = Doubling(0.002)
        with Batcher(doubling, workers=workers, max_rows=2) as batcher:
            in_threads(*[lambda: batcher.predict([1.0, 2.0]) for _ in range(30)])()
        assert doubling.most_at_once <= workers
        assert sum(doubling.sizes) == 30


def test_a_call_has_no_more_rows_than_allowed_but_for_a_single_request():
    doubling = Doubling()
    with Batcher(doubling, max_rows=3) as batcher:
        calls = [lambda n=n: batcher.predict(np.ones((n, 2))) for n in (1, 1, 2, 1, 5, 1)]
        held(doubling, batcher, *calls)
    assert doubling.sizes[1:] == [2, 3, 5, 1]


def test_masks_are_kept(doubling):
    with Batcher(doubling) as batcher:
        masked, plain = np.ma.masked_array([[5.0, 1.0]], mask=[[True, False]]), np.array([[5.0, 1.0]])
        held(doubling, batcher, *[partial(batcher.predict, each) for each in (masked, plain, masked)])
    asked = doubling.tables[1]
    assert type(asked) is np.ma.MaskedArray and asked.mask.tolist() == [[True, False]] * 2
    assert type(doubling.tables[2]) is np.ndarray


def test_answers_with_an_index_have_that_of_their_caller_s_frame(doubling):
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"]), pandas.DataFrame({"a": [3.0]}, index=[7])]

    def answer(X):
        doubling.predict(np.asarray(X))
        return pandas.Series(np.asarray(X)[:, 0])

    with Batcher(answer) as batcher:
        _, (first, second, array) = held(
            doubling, batcher, *[partial(batcher.predict, each) for each in (*frames, np.ones((1, 1)))]
        )
    assert first.to_dict() == {"x": 1.0, "y": 2.0} and second.to_dict() == {7: 3.0} and array.to_dict() == {0: 1.0}


def test_frames_of_a_class_of_the_user_s_own_are_frames(doubling):
    pandas = pytest.importorskip("pandas")

    class Races(pandas.DataFrame):
        @property
        def _constructor(self):
            return Races

    seen = []

    def answer(X):
        seen.append(type(X))
        return doubling.predict(np.asarray(X))

    with Batcher(answer) as batcher:
        _, outcomes = held(doubling, batcher, *[partial(batcher.predict, Races({"a": [1.0]}))] * 2)
    assert [each.tolist() for each in outcomes] == [[2.0]] * 2 and seen[1:] == [Races]


def test_an_answer_that_is_kept_does_not_keep_those_of_others(doubling):
    with Batcher(lambda X: np.column_stack([doubling.predict(X)] * 2)) as batcher:
        table, row = np.ones((3, 1)), np.ones(1)
        _, outcomes = held(doubling, batcher, *[partial(batcher.predict, each) for each in (table, row)])
    assert [each.shape for each in outcomes] == [(3, 2), (2,)]
    assert all(each.base is None for each in outcomes)


# -- what goes wrong --------------------------------------------------------------------------------


def test_no_more_rows_go_together_than_half_of_the_objective_has_time_for():
    sizes = []

    def answer(rows):
        sizes.append(len(rows))
        time.sleep(0.001 * len(rows))
        return np.asarray(rows)[:, 0]

    async def ask(batcher, n):
        return await asyncio.gather(*[batcher.predict_async([float(i)]) for i in range(n)])

    with Batcher(answer, objective=0.040) as batcher:
        for i in range(30):  # it learns what rows take
            batcher.predict(np.zeros((1 + i % 8, 1)))
        learned = len(sizes)
        assert asyncio.run(ask(batcher, 200)) == list(range(200))
    assert max(sizes[learned:]) <= 22 and len(sizes) - learned >= 200 / 22


def test_a_predictor_that_is_slow_whatever_the_rows_is_not_asked_about_one_at_a_time():
    """20 ms a call, where half of the objective is 5: 200 callers after five that came one by one."""
    sizes = []

    def answer(X):
        sizes.append(len(X))
        time.sleep(0.020)
        return X[:, 0]

    async def ask():
        async with Batcher(answer, objective=0.010) as batcher:
            for _ in range(5):
                await batcher.predict_async(np.zeros(1))
            await asyncio.gather(*[batcher.predict_async(np.zeros(1)) for _ in range(200)])

    asyncio.run(ask())
    assert sizes[:5] == [1] * 5 and len(sizes) < 60


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


@pytest.mark.parametrize(
    "answer", [lambda X: X[:-1, 0], lambda X: None, lambda X: 7.0, lambda X: [], lambda X: np.array(7.0)]
)
def test_too_few_answers_are_an_error_for_all_and_nobody_hangs(answer):
    with Batcher(answer) as batcher:
        with pytest.raises(ConfigurationError, match="must answer as many rows as it is asked, 2; it answered"):
            batcher.predict(np.ones((2, 1)))


@pytest.mark.parametrize(
    "answer, came", [({0: 1.0, 1: 2.0}, "dict"), ({1.0, 2.0}, "set"), ("ab", "str"), ((x for x in "ab"), "generator")]
)
def test_answers_that_are_in_no_order_of_rows_are_an_error(answer, came):
    with Batcher(lambda X: answer) as batcher:
        with pytest.raises(ConfigurationError, match=f"as it is asked, 2; it answered {came}"):
            batcher.predict(np.ones((2, 1)))


def test_a_full_queue_refuses_at_once(doubling):
    with Batcher(doubling, max_queue=4) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        waiting = in_threads(lambda: batcher.predict(np.ones((4, 1))))
        wait_until(lambda: batcher.stats()["queued rows"] == 4)
        with pytest.raises(OverloadedError, match=r"4 rows wait already, and 4 may \(max_queue\)"):
            batcher.predict([1.0])
        doubling.gate.set()
        assert first()[0] == 0.0 and waiting()[0].tolist() == [2.0] * 4
        assert batcher.stats()["refused"] == 1


def test_who_cannot_be_answered_in_time_is_refused_at_once():
    doubling = Doubling(0.05)
    with Batcher(doubling) as batcher:
        for _ in range(4):
            batcher.predict([1.0])  # it learns
        waiting = in_threads(lambda: batcher.predict([1.0]))
        wait_until(lambda: batcher.stats()["running"] == 1)
        began = time.perf_counter()
        with pytest.raises(OverloadedError, match="is to be expected in"):
            batcher.predict([1.0], timeout=0.01)
        assert time.perf_counter() - began < 0.04
        waiting()


def test_who_waits_too_long_gets_a_timeout_and_its_rows_are_not_asked(doubling):
    with Batcher(doubling) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        with pytest.raises(TimeoutError, match="no answer within 0.05 s"):
            batcher.predict([1.0], timeout=0.05)
        doubling.gate.set()
        first()
        assert batcher.predict([2.0]) == 4.0
        assert doubling.sizes == [1, 1] and batcher.stats()["expired"] == 1


@pytest.mark.parametrize(
    "rows, message",
    [
        (7.0, "expected a row"),
        ("abc", "expected a row"),
        (np.zeros((0, 3)), "at least one row"),
        ([[1.0], [1.0, 2.0]], "rows of one length"),
        (np.zeros((2, 2, 2)), "expected a row"),
        ([[1.0, 2.0], 5], "rows of one kind, got a int"),
        ([[1.0], {"a": 1.0}], "rows of one kind, got a dict"),
        ([{"a": 1.0}, [1.0]], "rows of one kind, got a list"),
        ([np.array(1.0), np.array(2.0)], "rows of one kind, got a ndarray"),
    ],
)
def test_what_is_no_rows_is_refused(doubling, rows, message):
    with Batcher(doubling) as batcher:
        with pytest.raises(InputError, match=message):
            batcher.predict(rows)
        assert doubling.tables == []


@pytest.mark.parametrize(
    "settings",
    [
        {"max_rows": 0},
        {"max_queue": -1},
        {"workers": 1.5},
        {"objective": 0},
        {"objective": float("nan")},
        {"objective": "1"},
    ],
)
def test_settings_outside_what_is_allowed_are_refused(doubling, settings):
    with pytest.raises(ConfigurationError, match="allowed are"):
        Batcher(doubling, **settings)
    for timeout in (0, "1", True):
        with pytest.raises(ConfigurationError, match="allowed are"), Batcher(doubling) as batcher:
            batcher.predict([1.0], timeout=timeout)


def test_a_column_is_no_table(doubling):
    with Batcher(doubling) as batcher, pytest.raises(InputError, match="expected a row .* got Series"):
        batcher.predict(pytest.importorskip("polars").Series([1.0]))


def test_a_row_of_pandas_is_a_row_by_name_or_by_place(doubling):
    pandas = pytest.importorskip("pandas")
    by_name = pandas.Series({"a": 3.0, "b": 1.0})
    with Batcher(lambda X: doubling.predict(np.asarray(X))) as batcher:
        assert batcher.predict(by_name) == 6.0 and batcher.predict(pandas.Series([4.0, 1.0])) == 8.0
        doubling.tables.clear()
        _, outcomes = held(doubling, batcher, *[partial(batcher.predict, by_name)] * 2)
        assert outcomes == [6.0, 6.0]
        with pytest.raises(InputError, match="bears a label twice"):
            batcher.predict(pandas.Series([1.0, 2.0], index=["a", "a"]))


def test_a_row_of_pandas_gets_the_answer_of_predict_one(tmp_path):
    pandas = pytest.importorskip("pandas")
    from small_models import lightgbm_texts

    import perfcore

    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    fast = perfcore.compile(tmp_path / "model.txt")
    row = pandas.Series(np.linspace(-1, 1, fast.n_features_in_))
    with Batcher(fast) as batcher, Batcher(fast.predict) as of_function:
        assert batcher.predict(row) == of_function.predict(row) == fast.predict_one(row)


def test_a_predictor_without_the_method_is_refused(doubling):
    with pytest.raises(ConfigurationError, match="Doubling has no method 'predict_proba'"):
        Batcher(doubling, method="predict_proba")


# -- the end ------------------------------------------------------------------------------------------


def test_closing_answers_who_waits_and_takes_no_more(doubling):
    batcher = Batcher(doubling)
    doubling.gate.clear()
    callers = in_threads(*[lambda i=i: batcher.predict([float(i)]) for i in range(5)])
    wait_until(lambda: batcher.stats()["queued"] == 4)
    closing = in_threads(batcher.close)
    wait_until(lambda: batcher._dispatcher.is_closed)
    with pytest.raises(OverloadedError, match="closed"):
        batcher.predict([1.0])
    doubling.gate.set()
    closing()
    assert callers() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert not any(thread.name.startswith("perfcore-batcher") for thread in threading.enumerate())
    batcher.close()


def test_a_closed_batcher_is_not_entered_again(doubling):
    with Batcher(doubling) as batcher:
        assert repr(batcher) == "<perfcore.runtime.Batcher of Doubling.predict, objective 0.01 s, 0 rows waiting>"
    with pytest.raises(OverloadedError, match="the batcher is closed"), batcher:
        pass

    async def enter():
        async with batcher:
            pass

    with pytest.raises(OverloadedError, match="the batcher is closed"):
        asyncio.run(enter())
    assert repr(batcher).endswith("closed>")


def test_a_batcher_is_not_pickled(doubling):
    with Batcher(doubling) as batcher, pytest.raises(TypeError, match="a Batcher is not pickled.* make one in each"):
        pickle.dumps(batcher)


def test_closing_without_draining_refuses_who_waits(doubling):
    batcher = Batcher(doubling)
    doubling.gate.clear()
    callers = in_threads(*[lambda i=i: batcher.predict([float(i)]) for i in range(4)])
    wait_until(lambda: batcher.stats()["queued"] == 3)
    closing = in_threads(lambda: batcher.close(drain=False))
    wait_until(lambda: batcher.stats()["queued"] == 0)
    doubling.gate.set()
    closing()
    outcomes = callers()
    assert outcomes[0] == 0.0 and [type(each) for each in outcomes[1:]] == [OverloadedError] * 3


def test_a_batcher_that_nobody_holds_leaves_no_thread_and_no_predictor():
    doubling = Doubling()
    kept = weakref.ref(doubling)
    batcher = Batcher(doubling)
    held(doubling, batcher, partial(batcher.predict, [1.0]))
    thread = batcher._dispatcher.threads[0]
    del batcher, doubling
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
    del thread
    gc.collect()
    assert kept() is None


def test_nothing_of_a_batch_is_held_until_the_next():
    class Row(np.ndarray):
        pass

    doubling = Doubling()
    with Batcher(doubling) as batcher:
        row = np.ones(1).view(Row)
        kept = weakref.ref(row)
        held(doubling, batcher, partial(batcher.predict, row))
        doubling.tables.clear()
        del row
        wait_until(lambda: gc.collect() is not None and kept() is None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_begins_with_an_empty_queue(doubling):
    with Batcher(doubling) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        waiting = in_threads(lambda: batcher.predict([1.0]))
        wait_until(lambda: batcher.stats()["queued"] == 1)
        pid = os.fork()
        if pid == 0:
            doubling.gate.set()
            doubling.lock = threading.Lock()
            right = batcher.stats()["queued"] == 0 and batcher.predict([4.0]) == 8.0
            os._exit(0 if right else 1)
        doubling.gate.set()
        assert first()[0] == 0.0 and waiting()[0] == 2.0
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


# -- asyncio ------------------------------------------------------------------------------------------


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


# -- stress -------------------------------------------------------------------------------------------


def test_every_one_of_many_callers_gets_its_own_answer():
    doubling = Doubling()
    wrong = []
    with Batcher(doubling, max_rows=16, workers=2) as batcher:

        def ask(seed):
            random = np.random.default_rng(seed)
            for _ in range(100):
                X = random.normal(size=(int(random.integers(1, 5)), 2))
                if not np.array_equal(batcher.predict(X), 2 * X[:, 0]):
                    wrong.append(X)

        in_threads(*[partial(ask, seed) for seed in range(8)])()
        stats = batcher.stats()
    assert wrong == [] and stats["requests"] == 800
    assert stats["rows"] == sum(doubling.sizes)


def test_stats_tell_what_was_waited_for_and_learned():
    doubling = Doubling(0.005)
    with Batcher(doubling) as batcher:
        assert batcher.stats()["took"]["p95"] is None
        for n in (1, 2, 4, 8):
            batcher.predict(np.ones((n, 1)))
        stats = batcher.stats()
    assert 0.005 <= stats["took"]["p50"] <= stats["took"]["p99"]
    assert stats["a"] + stats["b"] >= 0.004 and stats["objective"] == 0.010


# -- who has only so long -----------------------------------------------------------------------------


def test_a_caller_with_a_timeout_gets_it_also_from_an_idle_batcher(doubling):
    with Batcher(doubling) as batcher:
        doubling.gate.clear()
        with pytest.raises(TimeoutError, match="no answer within 0.05 s"):
            batcher.predict([1.0], timeout=0.05)
        doubling.gate.set()


def test_timeouts_without_an_end_are_waited_for(doubling):
    with Batcher(doubling) as batcher:
        assert batcher.predict([1.0], timeout=float("inf")) == 2.0
        assert batcher.predict([1.0], timeout=1e300) == 2.0


def test_a_predictor_that_was_slow_at_first_is_tried_again_by_callers_with_timeouts():
    doubling = Doubling(0.06)

    async def ask():
        async with Batcher(doubling) as batcher:
            for _ in range(4):
                await batcher.predict_async([1.0])
            doubling.seconds = 0.0
            for _ in range(20):
                try:
                    return await batcher.predict_async([1.0], timeout=0.05)
                except (OverloadedError, TimeoutError):
                    pass

    assert asyncio.run(ask()) == 2.0


def test_the_only_caller_is_not_counted_as_waiting_for_itself():
    with Batcher(lambda X: time.sleep(0.01 * len(X)) or X[:, 0]) as batcher:
        for n in (1, 1, 2, 2, 1):
            batcher.predict(np.ones((n, 1)))
        dispatcher = batcher._dispatcher
        assert dispatcher._seconds_ahead(1) == dispatcher.model.expected(1)


def test_rows_that_were_taken_back_make_room_at_once(doubling):
    with Batcher(doubling, max_queue=4) as batcher:
        doubling.gate.clear()
        first = in_threads(lambda: batcher.predict([0.0]))
        wait_until(lambda: len(doubling.tables) == 1)
        for _ in range(10):
            with pytest.raises(TimeoutError):
                batcher.predict(np.ones((3, 1)), timeout=0.001)
        assert batcher.stats()["queued rows"] == batcher.stats()["queued"] == 0
        assert batcher.stats()["expired"] == 10
        doubling.gate.set()
        first()


# -- threads ------------------------------------------------------------------------------------------


def test_closing_ends_all_workers_while_callers_are_answered_on_the_spot():
    gates = [threading.Event() for _ in range(3)]

    def answer(X):
        gates[int(X[0][0])].wait(10)
        return [0.0] * len(X)

    batcher = Batcher(answer, workers=2)
    spots = in_threads(*[lambda i=i: batcher.predict([i]) for i in range(2)])  # both places are taken
    waiting = in_threads(*[lambda: batcher.predict([2])] * 2)
    wait_until(lambda: batcher.stats()["queued"] == 2 and len(batcher._dispatcher.threads) == 2)
    gates[2].set()
    closing = in_threads(batcher.close)
    wait_until(lambda: batcher._dispatcher.is_closed)
    time.sleep(0.05)
    gates[0].set()
    waiting()
    gates[1].set()
    spots()
    closing()
    assert not any(thread.is_alive() for thread in batcher._dispatcher.threads)


def test_where_no_thread_can_be_had_callers_are_told_and_none_hangs(doubling, monkeypatch):
    def no_more(self):
        raise RuntimeError("can't start new thread")

    with Batcher(doubling) as batcher:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_more)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                batcher.predict([1.0], timeout=1.0)
        assert batcher.stats()["queued"] == 0
        assert batcher.predict([1.0], timeout=5.0) == 2.0


def test_a_batcher_that_is_collected_within_its_own_worker_does_not_hang(doubling):
    batcher = Batcher(doubling)
    dispatcher = batcher._dispatcher
    held(doubling, batcher, partial(batcher.predict, [1.0]))

    def collect():
        nonlocal batcher
        with dispatcher.lock:
            del batcher
            gc.collect()

    in_threads(collect)()
    dispatcher.threads[0].join(10)
    assert not dispatcher.threads[0].is_alive()


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_predictor_that_forks_leaves_the_child_a_batcher_that_is_idle():
    children = []

    def answer(X):
        if not children:
            children.append(os.fork())
        return [1.0] * len(X)

    with Batcher(answer) as batcher:
        batcher.predict([1.0])
        if children == [0]:
            os._exit(0 if batcher.stats()["running"] == 0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


def test_rows_of_two_kinds_in_turn_are_answered_by_a_call_for_each_kind():
    calls, gate = [], threading.Event()

    def slow(table):
        gate.wait(10)
        calls.append(len(table))
        return table["x"].to_numpy()

    async def ask():
        async with Batcher(slow) as batcher:
            rows = [{"x": 1.5 if i % 2 else "a"} for i in range(40)]
            tasks = [asyncio.ensure_future(batcher.predict_async(row)) for row in rows]
            await asyncio.sleep(0.05)
            gate.set()
            return rows, await asyncio.gather(*tasks)

    rows, answers = asyncio.run(ask())
    assert answers == [row["x"] for row in rows]
    assert sum(calls) == 40 and len(calls) <= 3  # the first call may have begun before the others came


# -- at any moment ------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_signals_whose_handlers_raise_at_any_moment_leave_the_batcher_as_it_was():
    def interrupt(*_):
        raise KeyboardInterrupt

    def asked():
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(2e-6, 60e-6))
            for _ in range(20):
                batcher.predict([1.0])
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return False
        return True

    random = np.random.default_rng(0)
    dispatcher = (batcher := Batcher(lambda X: [0.0] * len(X)))._dispatcher
    before = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # an error in a callback of the collector's, such as hypothesis has, is lost
    try:
        n_interrupted = 0
        while n_interrupted < 5000:
            n_interrupted += not asked()
            assert not dispatcher.running and not dispatcher.n_queued and not dispatcher.lock.locked()
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)
    assert batcher.predict([1.0], timeout=10) == 0.0
    batcher.close()


def test_closing_waits_for_callers_who_are_answered_on_the_spot(doubling):
    batcher = Batcher(doubling)
    doubling.gate.clear()
    caller = in_threads(lambda: batcher.predict([1.0]))
    wait_until(lambda: doubling.tables)
    closed = threading.Event()
    closing = in_threads(lambda: (batcher.close(), closed.set()))
    assert not closed.wait(0.1)
    doubling.gate.set()
    closing()
    assert closed.is_set() and caller() == [2.0]


@pytest.mark.parametrize("timeout", [None, 10.0])
def test_a_predictor_that_asks_or_closes_its_own_batcher_does_not_wait_for_itself(timeout):
    def answer(X):
        if X[0][0] == 2.0:
            batcher.close()
        return [batcher.predict([0.0]) if X[0][0] else 5.0]

    batcher = Batcher(answer)
    asking = in_threads(lambda: batcher.predict([1.0], timeout=timeout))
    assert asking() == [5.0]
    asking = in_threads(lambda: batcher.predict([2.0], timeout=timeout))
    assert asking() == [5.0]
    batcher.close()


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
            await asyncio.sleep(0)
            closed = batcher.predict_async([2.0])
            closed.send(None)
            closed.close()
            doubling.gate.set()
            await first
            return batcher.stats()

    stats = asyncio.run(ask())
    assert stats["cancelled"] == 1 and doubling.sizes == [1]


def test_names_that_cannot_be_compared_do_not_end_the_worker(doubling):
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame({name: [1.0]}) for name in ("a", pandas.NA, "b")]
    with Batcher(doubling) as batcher:
        batcher._dispatcher.function = lambda X: doubling.predict(np.asarray(X))
        _, outcomes = held(doubling, batcher, *[partial(batcher.predict, each) for each in frames])
    assert [each.tolist() for each in outcomes] == [[2.0]] * 3


def test_quantiles_of_waiting_are_the_least_that_so_many_percent_do_not_exceed():
    from perfcore.runtime.dispatcher import _quantiles

    assert _quantiles([float(i) for i in range(100, 0, -1)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert _quantiles([2.0, 1.0]) == {"p50": 1.0, "p95": 2.0, "p99": 2.0}
    assert _quantiles([]) == {"p50": None, "p95": None, "p99": None}
