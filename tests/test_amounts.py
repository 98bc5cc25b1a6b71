"""Numbers that a user gives are numbers, within what is allowed, and come out as Python's own."""

import math

import numpy as np
import pytest

from perfcore import ConfigurationError
from perfcore.amounts import amount, whole


@pytest.mark.parametrize("given", [3, np.int8(3), np.uint64(3)])
def test_whole_numbers_of_python_and_numpy_are_ints(given):
    assert type(whole("n", given)) is int and whole("n", given) == 3


@pytest.mark.parametrize("given", [True, np.bool_(1), 3.0, "3", None, 0, -1, math.nan, np.timedelta64(3, "s"), [3]])
def test_what_is_no_whole_number_is_refused(given):
    with pytest.raises(ConfigurationError, match=r"n=.*: allowed are whole numbers from 1 up to 2147483647$"):
        whole("n", given, most=2**31 - 1)


@pytest.mark.parametrize("given", [2, 2.0, np.int8(2), np.float32(2), np.float64(2)])
def test_amounts_are_floats(given):
    assert type(amount("wait", given, "seconds")) is float and amount("wait", given, "seconds") == 2.0


@pytest.mark.parametrize(
    "given", [True, "2", None, 0, 0.0, -1.0, math.nan, np.complex128(2), np.timedelta64(2, "ms"), 10**400]
)
def test_what_is_no_amount_is_refused(given):
    with pytest.raises(ConfigurationError, match="wait=.*: allowed are seconds above 0$"):
        amount("wait", given, "seconds")


def test_zero_is_an_amount_where_it_may_be():
    assert amount("wait", 0, "seconds", or_zero=True) == 0.0
    with pytest.raises(ConfigurationError, match="allowed are seconds from 0 up to 1.5"):
        amount("wait", 2, "seconds", 1.5, or_zero=True)
