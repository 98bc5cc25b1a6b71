"""Equality as these tests mean it: dtype, shape and every bit."""

import numpy as np
import pytest


def _same_bits(expected, got):
    if isinstance(expected, list):
        return isinstance(got, list) and len(expected) == len(got) and all(map(_same_bits, expected, got))
    expected, got = np.asarray(expected), np.asarray(got)
    if expected.dtype != got.dtype or expected.shape != got.shape:
        return False
    return expected.tolist() == got.tolist() if expected.dtype == object else expected.tobytes() == got.tobytes()


@pytest.fixture(scope="session")
def assert_same_bits():
    def check(expected, got, *where):
        if not _same_bits(expected, got):
            pytest.fail(f"{where}: expected {np.asarray(expected)[:5]!r}, got {np.asarray(got)[:5]!r}")

    return check
