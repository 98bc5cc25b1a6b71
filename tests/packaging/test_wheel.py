"""What is installed, where it came from a wheel."""

import sys
from importlib import metadata

import pytest


@pytest.fixture(scope="module")
def files():
    try:
        files = metadata.files("perfcore") or []
    except metadata.PackageNotFoundError:
        files = []
    files = [path for path in map(lambda each: each.locate(), files) if path.suffix in (".py", ".so", ".pyd", ".dll")]
    if not any(path.suffix in (".so", ".pyd") for path in files):
        pytest.skip("perfcore is used from its source folder")
    return files


def test_it_is_below_15_mb_even_unpacked(files):
    assert sum(path.stat().st_size for path in files) < 15e6


@pytest.mark.skipif(sys.platform != "linux", reason="sections of ELF files")
def test_extensions_bear_no_debugging_information(files):
    assert [path.name for path in files if path.suffix == ".so" and b".debug_info" in path.read_bytes()] == []
