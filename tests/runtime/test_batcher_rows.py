"""Batcher: which rows go together in a table, and which part of its answer is whose."""

import asyncio
import threading
import time
from functools import partial

import numpy as np
import pytest
from batchers import held, in_threads

from perfcore import ConfigurationError, InputError
from perfcore.runtime import Batcher


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


def test_names_that_cannot_be_compared_do_not_end_the_worker(doubling):
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame({name: [1.0]}) for name in ("a", pandas.NA, "b")]
    with Batcher(doubling) as batcher:
        batcher._dispatcher.function = lambda X: doubling.predict(np.asarray(X))
        _, outcomes = held(doubling, batcher, *[partial(batcher.predict, each) for each in frames])
    assert [each.tolist() for each in outcomes] == [[2.0]] * 3
