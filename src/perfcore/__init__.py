"""perfcore: the model you already trained, the same bits, many times faster."""

from typing import TYPE_CHECKING, Any

from .batch_function import batch_function
from .dropin import patch, patch_report, patched, unpatch
from .errors import (
    CacheError,
    CacheFormatError,
    ConfigurationError,
    InputError,
    MismatchError,
    MissingExtraError,
    ModelFormatError,
    NotPortableError,
    OverloadedError,
    PerfcoreError,
    UnsupportedModelError,
    WorkerError,
)
from .predictor import Predictor, compile, load
from .testing import verify

if TYPE_CHECKING:
    from .cache import FeatureCache, ModelCache, PredictionCache

__version__ = "0.1.0"

__all__ = [
    "CacheError",
    "CacheFormatError",
    "ConfigurationError",
    "FeatureCache",
    "InputError",
    "MismatchError",
    "MissingExtraError",
    "ModelCache",
    "ModelFormatError",
    "NotPortableError",
    "OverloadedError",
    "PerfcoreError",
    "PredictionCache",
    "Predictor",
    "UnsupportedModelError",
    "WorkerError",
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


def __getattr__(name: str) -> Any:
    if name in ("FeatureCache", "ModelCache", "PredictionCache"):  # whoever only predicts need not wait for them
        from . import cache

        return getattr(cache, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
