"""perfcore: the model you already trained, the same bits, many times faster."""

from .batch_function import batch_function
from .dropin import patch, patch_report, patched, unpatch
from .errors import (
    ConfigurationError,
    InputError,
    MismatchError,
    ModelFormatError,
    PerfcoreError,
    UnsupportedModelError,
)
from .predictor import Predictor, compile, load
from .testing import verify

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "InputError",
    "MismatchError",
    "ModelFormatError",
    "PerfcoreError",
    "Predictor",
    "UnsupportedModelError",
    "__version__",
    "batch_function",
    "compile",
    "load",
    "patch",
    "patch_report",
    "patched",
    "unpatch",
    "verify",
]
