"""Foreign models and files -> the canonical model: one file a framework."""

from __future__ import annotations

import os
from operator import index
from typing import Any

from ..errors import ConfigurationError, ModelFormatError, UnsupportedModelError
from ..model import Model
from ..model import file as model_file

# What is handed over for a model now and then, by its first bytes.
MISTAKEN = {
    b"\x1f\x8b": "gzip: decompress it first",
    b"BZh": "bzip2: decompress it first",
    b"\xfd7zXZ": "xz: decompress it first",
    b"\x28\xb5\x2f\xfd": "zstandard: decompress it first",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x80": "a pickle: load it with what wrote it (pickle, joblib, skops) and pass the model",
    b"\xef\xbb\xbf": "a UTF-8 byte order mark: remove it",
    b"\xff\xfe": "UTF-16: model files are UTF-8",
    b"\xfe\xff": "UTF-16: model files are UTF-8",
    b"{\0": "UTF-16: model files are UTF-8",
    b"t\0": "UTF-16: model files are UTF-8",
    b"\0{": "UTF-16: model files are UTF-8",
    b"\0t": "UTF-16: model files are UTF-8",
}


def read(source: Any, iteration_range: tuple[int, int] | None = None) -> Model:
    """Read whatever `perfcore.compile` was handed; see there."""
    iteration_range = _whole_numbers(iteration_range)
    if isinstance(source, str | os.PathLike):
        return _read_file(os.fsdecode(source), iteration_range)
    framework = type(source).__module__.partition(".")[0]
    for base in type(source).__mro__:  # a user's subclass is read as what it derives from
        framework = base.__module__.partition(".")[0]
        if framework == "lightgbm":
            from .lightgbm import read_object
        elif framework == "xgboost":
            from .xgboost import read_object
        elif framework == "catboost":
            from .catboost import read_object
        elif framework == "sklearn":
            from .sklearn import read_object
        else:
            continue
        return read_object(source, iteration_range)
    if type(source).__module__.startswith("perfcore.features."):
        raise UnsupportedModelError(
            f"{type(source).__name__} is a transformer, and no model: it makes the table that a model is fitted to"
        )
    if type(source).__module__.startswith("perfcore."):
        raise UnsupportedModelError("this is a perfcore predictor already")
    raise UnsupportedModelError(
        f"{type(source).__module__}.{type(source).__qualname__}: perfcore reads LightGBM, XGBoost, CatBoost "
        "and scikit-learn models, or the path of a LightGBM text, XGBoost JSON or UBJSON or CatBoost .cbm file"
    )


def read_member(source: Any, iteration_range: tuple[int, int] | None = None) -> Model:
    """Read a model inside another one: whatever `read` takes but a file, or a perfcore predictor."""
    if type(source).__module__ == "perfcore.predictor":
        if iteration_range is not None:
            raise ConfigurationError(f"iteration_range={iteration_range}: {source!r} is a perfcore predictor already")
        return source._model
    if isinstance(source, str | os.PathLike):
        raise UnsupportedModelError(f"{source!r} in the place of a model")
    return read(source, iteration_range)


def _whole_numbers(iteration_range: Any) -> tuple[int, int] | None:
    if iteration_range is None:
        return None
    try:
        begin, end = iteration_range
        return index(begin), index(end)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"iteration_range={iteration_range!r}: allowed are None and (begin, end), two whole numbers"
        ) from None


def _read_file(path: str, iteration_range: tuple[int, int] | None) -> Model:
    if "\n" in path:
        raise ModelFormatError("this is a model's text, not the path of a file: write it to one, or pass the model")
    head = model_file.head(path, 512)
    # XGBoost's legacy binary: 136 bytes of numbers, then the names of the objective and the booster.
    is_legacy = head.startswith(b"binf") or any(name in head[136:] for name in (b"gbtree", b"gblinear", b"dart"))
    for magic, kind in () if is_legacy else MISTAKEN.items():
        if head.startswith(magic):
            raise ModelFormatError(f"{path}: byte 0: {head[:8]!r}, this is {kind}")
    if head.startswith(b"tree"):
        from .lightgbm import read_file
    elif head.startswith(b"CBM1"):
        from .catboost import read_file
    elif head[:1] == b"{" or is_legacy:
        from .xgboost import read_file
    elif head.startswith(b"\x93PCORE"):
        raise ModelFormatError(f"{path} is a perfcore file: open it with perfcore.load")
    else:
        raise ModelFormatError(
            f"{path}: neither a LightGBM text model (begins with 'tree') nor an XGBoost JSON or UBJSON model "
            f"(begins with '{{') nor a CatBoost model (begins with 'CBM1'); it begins with {head[:16]!r}"
        )
    try:
        return read_file(path, iteration_range)
    except (ModelFormatError, UnsupportedModelError) as error:
        if str(error).startswith(path):
            raise
        raise type(error)(f"{path}: {error}") from error  # of a part that knows no file
