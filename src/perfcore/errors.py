"""Every exception perfcore raises on purpose.

::

    Exception
    └─ PerfcoreError
       ├─ UnsupportedModelError   the model cannot be answered exactly       (also NotImplementedError)
       ├─ ModelFormatError        a model file is damaged, cut or too new    (also ValueError)
       ├─ NotPortableError        a predictor holds what no file can          (also TypeError)
       ├─ CacheFormatError        a cache's file is damaged or of another one (also ValueError)
       ├─ InputError              a table the source would refuse, too       (also ValueError)
       ├─ MismatchError           verify() or assert_causal() found unequal  (also AssertionError)
       ├─ CacheError              a cache that is closed, or holds too much  (also RuntimeError)
       ├─ OverloadedError         more is waiting than may wait              (also RuntimeError)
       ├─ WorkerError             what no worker process can be sent or send (also RuntimeError)
       ├─ MissingExtraError       a library that an extra brings             (also ImportError)
       └─ ConfigurationError      an argument or PERFCORE_* variable is off  (also ValueError)
"""

from typing import Any


class PerfcoreError(Exception):
    """The root of all errors raised on purpose."""


class UnsupportedModelError(PerfcoreError, NotImplementedError):
    """A model whose source's answer cannot be given to the bit; the message says why."""


class ModelFormatError(PerfcoreError, ValueError):
    """A model file that is damaged, cut short, or newer than this version reads."""


class NotPortableError(PerfcoreError, TypeError):
    """A predictor with steps that run as they are, or of compiled functions, which no file holds; they are named."""


class CacheFormatError(PerfcoreError, ValueError):
    """A cache's file that is damaged, cut short, of another protocol, or of other rows than were asked for."""


class InputError(PerfcoreError, ValueError):
    """A table or row of the wrong shape, width, names, types or values."""


class MismatchError(PerfcoreError, AssertionError):
    """Two answers that should be the same bits and are not; `verify` and `assert_causal` tell of the attributes."""

    method: str | None = None
    row: int | None = None
    source: Any = None
    answer: Any = None
    tree: int | None = None
    column: Any = None


class CacheError(PerfcoreError, RuntimeError):
    """A cache that cannot do it now: it is closed, read-only, or views hold too many of its rows."""


class OverloadedError(PerfcoreError, RuntimeError):
    """A request refused at once, for it could not be answered in time or too many wait already."""


class WorkerError(PerfcoreError, RuntimeError):
    """A function, piece or result that worker processes cannot be sent or send back, an error that they cannot send, or
    that none can be started."""


class MissingExtraError(PerfcoreError, ImportError):
    """A library that is not installed; the message names the extra that brings it."""


class ConfigurationError(PerfcoreError, ValueError):
    """An argument or a ``PERFCORE_*`` environment variable outside what is allowed."""
