import pytest
from batchers import Doubling


@pytest.fixture
def doubling():
    return Doubling()
