"""What worker processes are sent, and what comes back.

::

    function, piece ──▶ pickles ──▶ worker: unpickled, worked on ──▶ the result as a pickle, or why there is none
       ▲                                                                │
       └──────── what cannot be sent is worked on here, if wanted ◀─────┘

Everything is pickled and read here rather than by loky, whose pool is broken by what it cannot read, and which tells
what cannot be pickled no differently from what the function raised.
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from contextlib import ExitStack
from functools import partial
from typing import Any

from ..callables import name_of
from ..errors import MissingExtraError, WorkerError
from .processes import Pool, loky, pool_of
from .sharing import Shared, opened

INSTEAD = "how='threads' needs no other process"


class Workers:
    """The worker processes of one map, while the context lasts; they outlive it, for the next.

    Parameters
    ----------
    or_here : whether what cannot be sent is worked on in this process, and from then on all that follows
    """

    def __init__(self, function: Callable[[Any], Any], n: int, or_here: bool):
        self._function, self._n, self._or_here = function, n, or_here
        self._stack, self._all_here = ExitStack(), False
        self._pool: Pool | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()  # the folder's end tells the workers to leave what they have not begun
        if self._pool is None or kind is None or kind is GeneratorExit:
            return
        if issubclass(kind, BrokenExecutor) or not issubclass(kind, Exception):  # killed, or Ctrl-C
            self._pool.end()  # the next map gets others

    def send(self, piece: Any) -> Callable[[], Any]:
        """What waits for the piece's result, and returns or raises it."""
        try:
            if not self._all_here:
                pool = self._pool or self._start()
                small = self._shared.put(piece)
                sent = _packed(f"a piece, of type {type(piece).__qualname__},", small)
                return partial(self._received, small, pool.submit(_work, self._shared.folder, self._sent, sent))
        except (WorkerError, MissingExtraError) as error:
            if not self._or_here:
                return partial(_raise, error)
            self._all_here = True
        return partial(self._function, piece)

    def _start(self) -> Pool:
        self._sent = _packed(f"the function {name_of(self._function)}", self._function)
        try:
            pool = pool_of(self._n)
            self._shared = self._stack.enter_context(Shared())
        except MissingExtraError:
            raise
        except Exception as error:  # no semaphores, no processes, or no folder: whatever the system refuses
            raise WorkerError(f"no worker process can be started here: {_told(error)}; {INSTEAD}") from error
        self._pool = pool
        return pool

    def _received(self, small: Any, future: Future) -> Any:
        try:
            answer = future.result()
            if not isinstance(answer, WorkerError):
                try:
                    return pickle.loads(answer[0], buffers=answer[1])
                except Exception as error:
                    answer = WorkerError(f"a result cannot be read: {_told(error)}; {INSTEAD}")
            if not self._or_here:
                raise answer
            self._all_here = True
            return self._function(opened(small))
        finally:
            self._shared.drop(small)


def _work(folder: str, function: bytes, piece: bytes) -> tuple[bytes, list] | WorkerError:
    """In a worker: the result's pickle and its arrays, which loky copies once; or what could not be sent."""
    if not os.path.isdir(folder):
        return WorkerError("the map was given up")
    try:
        call, table = pickle.loads(function), opened(pickle.loads(piece))
    except Exception as error:
        return WorkerError(f"a function or piece cannot be read in a worker: {_told(error)}; {INSTEAD}")
    try:
        result = call(table)
    except Exception as error:
        if _survives(error):
            raise
        raise WorkerError(f"raised in a worker, and cannot be sent itself: {_told(error)}") from error
    arrays: list[pickle.PickleBuffer] = []
    try:
        return _packed(f"a result, of type {type(result).__qualname__},", result, arrays.append), arrays
    except WorkerError as error:
        return error


def _packed(what: str, thing: Any, apart: Callable[[pickle.PickleBuffer], Any] | None = None) -> bytes:
    """Its pickle, without the arrays that ``apart`` gets."""
    try:
        return _pickled(thing, apart)
    except MissingExtraError:
        raise
    except Exception as error:
        raise WorkerError(
            f"{what} cannot be pickled, as another process needs it: {_told(error)}; {INSTEAD}"
        ) from error


def _pickled(thing: Any, apart: Callable[[pickle.PickleBuffer], Any] | None = None) -> bytes:
    # Where every joblib has it: before 1.6 it brought its own, and now needs the one that is installed.
    return loky("cloudpickle_wrapper").dumps(thing, protocol=5, buffer_callback=apart)


def _survives(error: Exception) -> bool:
    try:
        return isinstance(pickle.loads(_pickled(error)), type(error))
    except Exception:
        return False


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _raise(error: BaseException) -> Any:
    raise error
