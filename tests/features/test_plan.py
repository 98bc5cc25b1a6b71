"""Plans of features over the columns of a table: orders of rows, bounds of series, threads."""

import numpy as np
import pytest

from perfcore._ext.features import MISSING, Plan


def lags(n_columns, *ns):
    return Plan(n_columns, [("lag", (n % n_columns,), {"n": n}, {}) for n in ns])


def test_each_series_begins_anew_and_its_answers_go_back_to_its_rows():
    order = np.array([0, 2, 5, 1, 3, 4])
    (out,) = lags(1, 1).run([np.arange(6.0)], order=order, bounds=np.array([0, 3, 3, 6]))
    assert np.array_equal(out, [np.nan, np.nan, 0, 1, 3, 2], equal_nan=True)


def test_what_is_not_there_is_a_missing_cell_and_not_any_nan():
    (out,) = lags(1, 1).run([np.array([np.nan, 1.0])])
    assert out.view(np.uint64).tolist() == [np.array(MISSING).view(np.uint64), np.array(np.nan).view(np.uint64)]


@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_any_number_of_threads_gives_the_same_bits(n_threads):
    random = np.random.default_rng(0)
    columns = [random.normal(size=10_000) for _ in range(3)]
    codes = random.integers(0, 57, 10_000)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(58))
    plan = lags(3, 1, 2, 3, 4, 50)
    one = plan.run(columns, order=order, bounds=bounds)
    many = plan.run(columns, order=order, bounds=bounds, n_threads=n_threads)
    assert [a.tobytes() for a in one] == [a.tobytes() for a in many]


def test_steps_give_the_bits_of_the_run():
    columns = [np.random.default_rng(1).normal(size=500) for _ in range(2)]
    plan = lags(2, 0, 1, 2, 7)
    assert [a.tobytes() for a in plan.run_steps(columns)] == [a.tobytes() for a in plan.run(columns)]


def test_rows_that_the_order_leaves_out_have_missing_cells():
    (out,) = lags(1, 0).run([np.arange(3.0)], order=np.array([2, 0]), bounds=np.array([0, 1, 2]))
    assert out.tobytes() == np.array([0, MISSING, 2]).tobytes()


def test_arrays_that_would_lead_it_astray_are_refused():
    plan, x = lags(1, 1), np.arange(3.0)
    for columns, order, bounds in (
        ([x[::2]], None, None),
        ([x.astype(np.float32)], None, None),
        ([x, x], None, None),
        ([x], np.array([0, 1, 3]), None),
        ([x], np.array([0, 1]), np.array([0, 3])),
        ([x], None, np.array([0, 2])),
        ([x], None, np.array([0, 4, 3])),
    ):
        with pytest.raises((ValueError, TypeError)):
            plan.run(columns, order=order, bounds=bounds)
    with pytest.raises(ValueError, match="there is no feature 'lagg'"):
        Plan(1, [("lagg", (0,), {}, {})])
    with pytest.raises(ValueError, match="takes 1 columns"):
        Plan(2, [("lag", (0, 1), {}, {})])
    with pytest.raises(ValueError, match="no column 1 of 1"):
        Plan(1, [("lag", (1,), {}, {})])
    with pytest.raises(ValueError, match="17 columns of at most 16"):
        Plan(1, [("map", (0,) * 17, {"function": 1, "n_inputs": 17}, {})])
