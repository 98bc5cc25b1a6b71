"""The thread pools of this process, as far as they can be asked."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from . import counts


@dataclass(frozen=True)
class Pool:
    """A library's threads.

    Attributes
    ----------
    kind : "blas", "openmp", "numba", "arrow", "polars" or "perfcore"
    library : what it is, with its version where it tells
    n_threads : how many threads it uses, the caller's included
    limitable : whether `limit` can change it while the process runs
    path : of the library's file, where it has one of its own
    """

    kind: str
    library: str
    n_threads: int
    limitable: bool = True
    path: str | None = None


def pools() -> list[Pool]:
    """The pools of the libraries that are loaded by now, perfcore's own first.

    Nothing is loaded to find out. OpenMP's numbers are those of the calling thread, for whom alone they hold. A
    ``PERFCORE_NUM_THREADS`` that predictors refuse counts for nothing here.
    """
    own = counts.available() if counts.fault() else counts.resolve(None)
    found = [Pool("perfcore", "perfcore", own)]
    found += [_of_library(each) for each in controller().info()]
    if "numba" in sys.modules and "numba.np.ufunc.parallel" in sys.modules:
        found.append(Pool("numba", f"numba {sys.modules['numba'].__version__}", sys.modules["numba"].get_num_threads()))
    if "pyarrow" in sys.modules:
        pyarrow = sys.modules["pyarrow"]
        found.append(Pool("arrow", f"pyarrow {pyarrow.__version__}", pyarrow.cpu_count()))
    if "polars" in sys.modules and hasattr(sys.modules["polars"], "thread_pool_size"):
        polars = sys.modules["polars"]
        found.append(Pool("polars", f"polars {polars.__version__}", polars.thread_pool_size(), limitable=False))
    return found


def controller() -> Any:
    """Of the BLAS and OpenMP libraries that are loaded now."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _of_library(told: dict[str, Any]) -> Pool:
    name = " ".join(filter(None, [told["internal_api"], told.get("version")]))
    return Pool(told["user_api"], name, told["num_threads"], path=os.fspath(told["filepath"]))
