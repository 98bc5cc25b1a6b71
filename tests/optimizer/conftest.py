"""The optimizer of the process is new for each test."""

import pytest

from perfcore import optimizer


@pytest.fixture(autouse=True)
def new_optimizer():
    optimizer.reset_integrated_optimizer()
    yield
    optimizer.reset_integrated_optimizer()
