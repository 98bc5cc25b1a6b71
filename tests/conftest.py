"""What all tests share: hypothesis's profiles and the way to the field models."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import perfcore

try:
    import hypothesis
except ImportError:  # only the tests that use it need it
    hypothesis = None

if hypothesis is not None:
    # No deadline: a gate is never an absolute time. "long" is what `make check-long` asks for.
    hypothesis.settings.register_profile("quick", deadline=None, max_examples=60, derandomize=True)
    hypothesis.settings.register_profile("long", deadline=None, max_examples=3000)
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared(repository: Path) -> Path:
    """Material that lies beside the repository; tests of other people's models need it."""
    folder = repository.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is not there: models of other projects, kept beside the repository")
    return folder


@pytest.fixture(scope="module")
def benchmarks_in(repository: Path) -> Iterator[Callable[[Path], None]]:
    """Called with a folder to work in: lets a module's tests import the package ``benchmarks``, until they are done."""
    with pytest.MonkeyPatch.context() as patch:

        def enter(folder: Path) -> None:
            patch.syspath_prepend(str(repository))
            # For the workers, which start in that folder: the benchmarks, and perfcore from wherever it is here.
            patch.setenv("PYTHONPATH", os.pathsep.join([str(repository), str(Path(perfcore.__file__).parents[1])]))
            patch.chdir(folder)

        yield enter
        for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
            del sys.modules[name]
