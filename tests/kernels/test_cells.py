"""The scan that decides whether a table may enter: what numpy says of the same cells."""

import numpy as np
import pytest
from forests import layouts

from perfcore._ext import cells

ODD = [0.0, -0.0, np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 5e-324, 1e300]


@pytest.mark.parametrize("bound", [np.inf, 1.0, 2.0**128 - 2.0**103])
def test_nan_and_large_cells_are_found_wherever_they_lie(bound):
    rng = np.random.default_rng(3)
    for n_rows, n_columns in [(1, 1), (3, 17), (65, 5), (0, 4)]:
        for odd in ODD:
            X = rng.normal(size=(n_rows, n_columns)) / 10
            if X.size:
                X.flat[rng.integers(X.size)] = odd
            for layout, Y in layouts(X).items():
                expected = bool(np.isnan(Y).any()), bool((np.abs(Y) >= Y.dtype.type(min(bound, np.inf))).any())
                assert cells.scan(Y, bound) == expected, (layout, odd)


def test_what_is_no_float_table_is_refused():
    for X in (np.zeros(3), np.zeros((2, 2), np.int64), np.zeros((2, 2), ">f8")):
        with pytest.raises(TypeError, match="float32 or float64"):
            cells.scan(X, 1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_finite_table_is_one_that_a_product_takes_as_it_is(dtype):
    table = np.arange(12, dtype=dtype).reshape(4, 3)
    for each in (table, np.asfortranarray(table), table[::-2], table[:1]):
        assert cells.is_finite_table(each, 3)
        for value in (np.nan, np.inf, -np.inf):
            spoilt = each.copy(order="K")
            spoilt[-1, 1] = value
            assert not cells.is_finite_table(spoilt, 3)
    for other in (
        table[:0], table[0], table[:, :2], table.tolist(), table.astype(np.int64), table.astype(np.float16),
        table.astype(table.dtype.newbyteorder()), table.view(np.matrix), None,
    ):  # fmt: skip
        assert not cells.is_finite_table(other, 3)
