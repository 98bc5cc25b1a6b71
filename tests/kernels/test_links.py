"""Links whose care is for memory; their bits are held against the frameworks in tests/differential."""

import numpy as np
import pytest

from perfcore._ext import links


@pytest.mark.parametrize("n_columns", [1, 5, 17, 60])
def test_rows_are_sorted_within_themselves_with_nan_last(n_columns):
    rng = np.random.default_rng(n_columns)
    x = rng.normal(size=(500, n_columns)).astype(np.float32)
    x[rng.random(x.shape) < rng.random((500, 1))] = np.nan
    expected = np.sort(x, axis=1)
    links.sort_rows_f32(x)
    assert np.array_equal(x, expected, equal_nan=True)
