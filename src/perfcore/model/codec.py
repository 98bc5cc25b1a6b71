"""Objects <-> a JSON tree beside a list of arrays: what a ``.pcore`` file holds, and nothing that runs.

A value becomes::

    None, bool, int, str, finite float     itself (Python prints floats so that they read back exactly)
    nan, inf                               {"float": "7ff8000000000000"}           the bits
    list, tuple, dict                      [...], {"tuple": [...]}, {"dict": [[key, value], ...]}
    numpy scalar                           {"scalar": "<f4", "bits": "0000803f"}   the bytes
    numpy array                            {"array": "<f8", "shape": [..], "at": offset, "order": "C" or "F"}
    numpy object array                     {"objects": [..], "shape": [..]}
    dataclass of the table below           {"object": "forest", "fields": {..}}
    the field that its class calls HELD    {"held": 0}             a place in a list beside, which pickles alone have

Anything else is refused, both ways. A decoder trusts nothing: sizes are checked before memory is
taken, spans before they are read, and fields against the annotations of their class.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import struct
import types
import typing
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np

from ..errors import ModelFormatError

ALIGNMENT = 64  # a cache line, and the widest vector register
DEEPEST = 32  # ensemble.DEEPEST ensembles take three steps each, and what they hold a dozen
MOST_DIMENSIONS = 8
LARGEST_OF_NONE = 2**20
INT_BITS = 128  # more than any class label or 64-bit number needs, less than a parser's trouble

# The only classes a file may name; each is imported when a file or a model first brings it up.
CLASSES: dict[str, tuple[str, str]] = {
    "model": ("perfcore.model", "Model"),
    "forest": ("perfcore.model.forest", "Forest"),
    "linear_leaves": ("perfcore.model.forest", "LinearLeaves"),
    "linear": ("perfcore.model.linear", "Linear"),
    "ordered_sum": ("perfcore.model.ordered_sum", "OrderedSum"),
    "network": ("perfcore.model.network", "Network"),
    "diagonal_gaussians": ("perfcore.model.gaussians", "DiagonalGaussians"),
    "gaussians": ("perfcore.model.gaussians", "Gaussians"),
    "ensemble": ("perfcore.model.ensemble", "Ensemble"),
    "ensemble.passed_on": ("perfcore.inputs.ensemble", "PassedOn"),
    "voting.answers": ("perfcore.answers.voting", "VotingAnswers"),
    "ensemble.validated": ("perfcore.inputs.ensemble", "Validated"),
    "averaging.answers": ("perfcore.answers.voting", "AveragingAnswers"),
    "stacking.answers": ("perfcore.answers.stacking", "StackingAnswers"),
    "target.answers": ("perfcore.answers.target", "TransformedTargetAnswers"),
    "target.function": ("perfcore.answers.target", "Function"),
    "target.scaler": ("perfcore.answers.target", "Scaler"),
    "calibration.answers": ("perfcore.answers.calibration", "CalibratedAnswers"),
    "calibration.calibrated": ("perfcore.answers.calibration", "Calibrated"),
    "calibration.sigmoid": ("perfcore.answers.calibration", "Sigmoid"),
    "calibration.isotonic": ("perfcore.answers.calibration", "Isotonic"),
    "calibration.temperature": ("perfcore.answers.calibration", "Temperature"),
    "multioutput.answers": ("perfcore.answers.multioutput", "MultiOutputAnswers"),
    "chain.answers": ("perfcore.answers.multioutput", "ChainAnswers"),
    "one_vs_rest.answers": ("perfcore.answers.multiclass", "OneVsRestAnswers"),
    "one_vs_one.answers": ("perfcore.answers.multiclass", "OneVsOneAnswers"),
    "bagging.answers": ("perfcore.answers.bagging", "BaggingAnswers"),
    "bagging.votes": ("perfcore.answers.bagging", "BoostedVoteAnswers"),
    "bagging.median": ("perfcore.answers.bagging", "BoostedMedianAnswers"),
    "lightgbm.inputs": ("perfcore.inputs.lightgbm", "LightGBMInputs"),
    "lightgbm.answers": ("perfcore.answers.lightgbm", "LightGBMAnswers"),
    "xgboost.inputs": ("perfcore.inputs.xgboost", "XGBoostInputs"),
    "xgboost.answers": ("perfcore.answers.xgboost", "XGBoostAnswers"),
    "xgboost.classifier_answers": ("perfcore.answers.xgboost", "XGBClassifierAnswers"),
    "catboost.inputs": ("perfcore.inputs.catboost", "CatBoostInputs"),
    "catboost.category_inputs": ("perfcore.inputs.catboost_categories", "CatBoostCategoryInputs"),
    "catboost.counters": ("perfcore.inputs.catboost_counters", "CatBoostCounters"),
    "catboost.answers": ("perfcore.answers.catboost", "CatBoostAnswers"),
    "sklearn.numeric_inputs": ("perfcore.inputs.sklearn", "NumericInputs"),
    "sklearn.linear_inputs": ("perfcore.inputs.sklearn", "LinearInputs"),
    "sklearn.category_inputs": ("perfcore.inputs.sklearn", "CategoryInputs"),
    "sklearn.tree_answers": ("perfcore.answers.sklearn", "TreeAnswers"),
    "sklearn.boosting_answers": ("perfcore.answers.sklearn", "BoostingAnswers"),
    "sklearn.isolation_answers": ("perfcore.answers.sklearn_ensembles", "IsolationAnswers"),
    "sklearn.vote_answers": ("perfcore.answers.sklearn_ensembles", "VoteAnswers"),
    "sklearn.median_answers": ("perfcore.answers.sklearn_ensembles", "MedianAnswers"),
    "sklearn.linear_answers": ("perfcore.answers.sklearn_linear", "LinearAnswers"),
    "sklearn.one_class_answers": ("perfcore.answers.sklearn_linear", "OneClassAnswers"),
    "sklearn.bayes_answers": ("perfcore.answers.sklearn_bayes", "BayesAnswers"),
    "sklearn.discriminant_answers": ("perfcore.answers.sklearn_bayes", "DiscriminantAnswers"),
    "sklearn.network_answers": ("perfcore.answers.sklearn_network", "NetworkAnswers"),
    "pipeline.inputs": ("perfcore.transforms.inputs", "PipelineInputs"),
    "pipeline.chain": ("perfcore.transforms.compose", "Chain"),
    "pipeline.columns": ("perfcore.transforms.compose", "Columns"),
    "pipeline.member": ("perfcore.transforms.compose", "Member"),
    "pipeline.union": ("perfcore.transforms.compose", "Union"),
    "pipeline.framed": ("perfcore.transforms.compose", "Framed"),
    "pipeline.either": ("perfcore.transforms.compose", "Either"),
    "pipeline.live": ("perfcore.transforms.live", "Live"),
    "pipeline.identity": ("perfcore.transforms.compose", "Identity"),
    "transforms.function": ("perfcore.transforms.functions", "Function"),
    "transforms.compiled": ("perfcore.transforms.compiled", "Compiled"),
    "transforms.standard_scaler": ("perfcore.transforms.scalers", "StandardScaler"),
    "transforms.min_max_scaler": ("perfcore.transforms.scalers", "MinMaxScaler"),
    "transforms.max_abs_scaler": ("perfcore.transforms.scalers", "MaxAbsScaler"),
    "transforms.robust_scaler": ("perfcore.transforms.scalers", "RobustScaler"),
    "transforms.binarizer": ("perfcore.transforms.scalers", "Binarizer"),
    "transforms.simple_imputer": ("perfcore.transforms.imputer", "SimpleImputer"),
    "transforms.one_hot_encoder": ("perfcore.transforms.encoders", "OneHotEncoder"),
    "transforms.ordinal_encoder": ("perfcore.transforms.encoders", "OrdinalEncoder"),
    "transforms.target_encoder": ("perfcore.transforms.target", "TargetEncoder"),
    "transforms.bins": ("perfcore.transforms.bins", "KBinsDiscretizer"),
    "transforms.normalizer": ("perfcore.transforms.normalizer", "Normalizer"),
    "transforms.polynomial": ("perfcore.transforms.polynomial", "PolynomialFeatures"),
    "transforms.power": ("perfcore.transforms.power", "PowerTransformer"),
    "transforms.quantile": ("perfcore.transforms.quantile", "QuantileTransformer"),
    "transforms.selection": ("perfcore.transforms.selection", "Selection"),
    "transforms.matrix": ("perfcore.transforms.projection", "Matrix"),
    "transforms.pca": ("perfcore.transforms.projection", "PCA"),
    "transforms.truncated_svd": ("perfcore.transforms.projection", "TruncatedSVD"),
}
_TAGS = {place: tag for tag, place in CLASSES.items()}


class Place:
    """Where in the tree a value lies, for messages: ``body.linear.start[3]``."""

    def __init__(self, path: str = "", depth: int = 0):
        self.path, self.depth = path, depth

    def inside(self, step: str) -> Place:
        if self.depth >= DEEPEST:
            raise ModelFormatError(f"{self}: nested more than {DEEPEST} deep")
        return Place(self.path + step, self.depth + 1)

    def __str__(self) -> str:
        return self.path.lstrip(".") or "the model"


# -- encoding ------------------------------------------------------------------------------------------


class Encoder:
    """Turns objects into a JSON tree and lays their arrays out; ``arrays`` holds (offset, buffer)."""

    def __init__(self, *, origins: bool = True) -> None:
        self.arrays: list[tuple[int, np.ndarray]] = []
        self.size = 0
        self.origins = origins  # whether models say where they come from
        self.held: list[tuple[str, Any]] = []  # what travels beside: whose it is, and the object

    def encode(self, value: Any, place: Place | None = None) -> Any:
        place = place or Place()
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int:
            if value.bit_length() > INT_BITS:
                raise TypeError(f"{place}: a whole number of more than {INT_BITS} bits cannot be saved")
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}
        if isinstance(value, str):  # numpy.str_ and its like: the same text
            return str(value)
        if type(value) in (list, tuple):
            # Thousands of names or marks are common, so that what is written as it is comes without a place.
            items = [
                item if type(item) in (bool, str) or item is None else self.encode(item, place.inside(f"[{i}]"))
                for i, item in enumerate(value)
            ]
            return items if type(value) is list else {"tuple": items}
        if type(value) is dict:
            inside = place.inside("{}")
            return {"dict": [[self.encode(k, inside), self.encode(v, inside)] for k, v in value.items()]}
        if isinstance(value, np.generic):
            _require_storable(value.dtype, place)
            return {"scalar": value.dtype.str, "bits": value.tobytes().hex()}
        if isinstance(value, np.ndarray):
            return self._objects(value, place) if value.dtype == object else self._array(value, place)
        return self._object(value, place)

    def _object(self, value: Any, place: Place) -> dict:
        cls: type = type(value)
        tag = _TAGS.get((cls.__module__, cls.__qualname__))
        if tag is None:
            raise TypeError(f"{place}: {cls.__module__}.{cls.__qualname__} cannot be saved")
        fields = {}
        for name, hint in _hints(cls).items():
            if name == "origin" and not self.origins:
                continue
            item = getattr(value, name)
            if name == getattr(cls, "HELD", None):
                fields[name] = {"held": len(self.held)}
                self.held.append((str(value), item))
                continue
            if not _fits(item, hint):
                raise TypeError(f"{place.inside('.' + name)}: {type(item).__name__} where {hint} belongs")
            fields[name] = self.encode(item, place.inside("." + name))
        return {"object": tag, "fields": fields}

    def _objects(self, array: np.ndarray, place: Place) -> dict:
        for item in array.ravel().tolist():
            if item is not None and type(item) not in (bool, int, float, str):
                raise TypeError(f"{place}: an object array with a {type(item).__name__} cannot be saved")
        items = [self.encode(item, place.inside("[]")) for item in array.ravel().tolist()]
        return {"objects": items, "shape": list(array.shape)}

    def _array(self, array: np.ndarray, place: Place) -> dict:
        _require_storable(array.dtype, place)
        if array.ndim > MOST_DIMENSIONS:
            raise TypeError(f"{place}: an array of {array.ndim} dimensions cannot be saved")
        # The order is kept: what BLAS adds first, and so a linear model's bits, depends on it.
        order: Literal["C", "F"] = "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"
        data = array.ravel(order).view(np.uint8)
        at, self.size = self.size, _aligned(self.size + data.nbytes)
        self.arrays.append((at, data))
        return {"array": array.dtype.str, "shape": list(array.shape), "at": at, "order": order}


def _require_storable(dtype: np.dtype, place: Place) -> None:
    if not _is_storable(dtype):
        raise TypeError(f"{place}: cells of dtype {dtype} cannot be saved")


def _is_storable(dtype: np.dtype) -> bool:
    if dtype.names is not None or dtype.subdtype is not None or dtype.itemsize == 0:
        return False
    return dtype.kind in "biuUS" or (dtype.kind == "f" and dtype.itemsize <= 8)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


# -- decoding ------------------------------------------------------------------------------------------


class Decoder:
    """Turns a JSON tree back into objects; arrays are views of ``data``, which lies at ``start`` of its file."""

    def __init__(self, data: memoryview, start: int, held: Sequence[Any] = ()):
        self.data, self.start, self.held = data, start, held
        self.spans: list[tuple[int, int]] = []

    def decode(self, value: Any, place: Place | None = None) -> Any:
        place = place or Place()
        if value is None or isinstance(value, bool | str | float):
            return value
        if isinstance(value, int):
            return value if value.bit_length() <= INT_BITS else _refuse(place, "a whole number too large")
        if isinstance(value, list):
            return [
                item if type(item) in (bool, str) or item is None else self.decode(item, place.inside(f"[{i}]"))
                for i, item in enumerate(value)
            ]
        for kind, keys in _RECORDS.items():
            if kind in value:
                if value.keys() != keys:
                    _refuse(place, f"{kind} record with the keys {sorted(value)}")
                return getattr(self, "_" + kind)(value, place)
        return _refuse(place, f"unknown record with the keys {sorted(value)[:8]}")

    def _held(self, record: dict, place: Place) -> Any:
        at = record["held"]
        if type(at) is not int or not 0 <= at < len(self.held):
            _refuse(place, "an object that no file holds")
        return self.held[at]

    def _float(self, record: dict, place: Place) -> float:
        return struct.unpack(">d", _bytes(record["float"], 8, place))[0]

    def _tuple(self, record: dict, place: Place) -> tuple:
        if not isinstance(record["tuple"], list):
            _refuse(place, "a tuple needs a list")
        return tuple(self.decode(record["tuple"], place))

    def _dict(self, record: dict, place: Place) -> dict:
        pairs = record["dict"]
        if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            _refuse(place, "a dict needs a list of pairs")
        decoded = [(self.decode(k, place.inside("{}")), self.decode(v, place.inside("{}"))) for k, v in pairs]
        try:
            return dict(decoded)
        except TypeError as error:
            return _refuse(place, str(error))

    def _scalar(self, record: dict, place: Place) -> np.generic:
        dtype = _dtype(record["scalar"], place)
        data = _bytes(record["bits"], dtype.itemsize, place)
        return self._checked(np.frombuffer(data, dtype), place)[0]

    def _objects(self, record: dict, place: Place) -> np.ndarray:
        shape, items = _shape(record["shape"], place), record["objects"]
        if not isinstance(items, list) or math.prod(shape) != len(items):
            _refuse(place, f"an object array of shape {shape} with another number of cells")
        cells = np.empty(len(items), object)
        for i, item in enumerate(items):
            cells[i] = self.decode(item, place.inside(f"[{i}]"))
            if cells[i] is not None and type(cells[i]) not in (bool, int, float, str):
                _refuse(place, f"an object array with a {type(cells[i]).__name__}")
        return cells.reshape(shape)

    def _array(self, record: dict, place: Place) -> np.ndarray:
        dtype, shape, at = _dtype(record["array"], place), _shape(record["shape"], place), record["at"]
        if type(at) is not int or at < 0 or at % ALIGNMENT:
            _refuse(place, f"an array at {at!r}, not a multiple of {ALIGNMENT}")
        if record["order"] not in ("C", "F"):
            _refuse(place, f"order {record['order']!r}, allowed: C, F")
        size = math.prod(shape) * dtype.itemsize
        if at + size > len(self.data):
            begin = self.start + at
            _refuse(place, f"bytes {begin}..{begin + size} lie past the end ({self.start + len(self.data)})")
        if size:
            self.spans.append((at, at + size))
        return self._checked(np.ndarray(shape, dtype, self.data, at, order=record["order"]), place)

    def _checked(self, array: np.ndarray, place: Place) -> np.ndarray:
        """Refuse bytes that are no value of their type: numpy itself would trust them."""
        if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
            _refuse(place, "a bool that is neither 0 nor 1")
        if array.dtype.kind == "U" and array.size:
            codes = array.ravel("K").view(array.dtype.byteorder + "u4")
            if codes.max() > 0x10FFFF:
                _refuse(place, "a character beyond Unicode")
        return array

    def _object(self, record: dict, place: Place) -> Any:
        tag, fields = record["object"], record["fields"]
        if not isinstance(tag, str) or tag not in CLASSES:
            _refuse(place, f"class {str(tag)[:40]!r}, which this version of perfcore does not know")
        if not isinstance(fields, dict):
            _refuse(place, f"{tag} needs named fields")
        module, name = CLASSES[tag]
        cls = getattr(import_module(module), name)
        hints, needed = _hints(cls), _needed(cls)
        if not needed <= fields.keys() <= hints.keys():
            odd = sorted(needed - fields.keys()) + sorted(fields.keys() - hints.keys())
            _refuse(place, f"{tag} with missing or unknown fields {odd[:8]}")
        decoded = {}
        for field, value in fields.items():
            inside = place.inside("." + field)
            decoded[field] = self.decode(value, inside)
            if not _fits(decoded[field], hints[field]):
                _refuse(inside, f"{type(decoded[field]).__name__} where {hints[field]} belongs")
        try:
            return cls(**decoded)
        except ModelFormatError as error:
            raise ModelFormatError(f"{place}: {error}") from None
        except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            return _refuse(place, f"{tag} cannot be made: {error}")

    def check_spans(self) -> None:
        """Arrays may not overlap."""
        self.spans.sort()
        for (_, end), (begin, _) in zip(self.spans, self.spans[1:], strict=False):
            if begin < end:
                raise ModelFormatError(f"byte {self.start + begin}: two arrays overlap")


_RECORDS = {  # kind: its keys
    "held": {"held"},
    "float": {"float"},
    "tuple": {"tuple"},
    "dict": {"dict"},
    "scalar": {"scalar", "bits"},
    "objects": {"objects", "shape"},
    "array": {"array", "shape", "at", "order"},
    "object": {"object", "fields"},
}


def _refuse(place: Place, what: str) -> Any:
    raise ModelFormatError(f"{place}: {what}")


def _bytes(text: Any, size: int, place: Place) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * size:
        _refuse(place, f"expected {size} bytes in hexadecimal")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return _refuse(place, f"expected {size} bytes in hexadecimal")


def _dtype(text: Any, place: Place) -> np.dtype:
    # A dtype's own text only: numpy would read "f8,f8" or "O" too, and take gigabytes for "U500000000".
    if isinstance(text, str) and len(text) <= 12 and text[:1] in "<>|" and text[1:2] in "biufUS" and text[2:].isdigit():
        try:
            dtype = np.dtype(text)
        except (TypeError, ValueError):
            dtype = np.dtype(object)
        if _is_storable(dtype) and dtype.str == text:
            return dtype
    return _refuse(place, f"unknown dtype {text!r}")


def _shape(sizes: Any, place: Place) -> tuple[int, ...]:
    if not isinstance(sizes, list) or len(sizes) > MOST_DIMENSIONS:
        _refuse(place, "a shape of too many dimensions, or no list")
    if any(type(n) is not int or not 0 <= n < 2**47 for n in sizes):
        _refuse(place, f"shape {sizes} out of range")
    # Without cells, the file does not tell whether there is so much of anything.
    if math.prod(n for n in sizes if n) >= (LARGEST_OF_NONE if 0 in sizes else 2**58):
        _refuse(place, f"shape {sizes} out of range")
    return tuple(sizes)


# -- a class's fields and their annotations ----------------------------------------------------------------


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    from ..answers import Answers  # perfcore.model imports these for type checkers alone
    from ..inputs import Inputs
    from . import Model

    hints = typing.get_type_hints(cls, None, {"Answers": Answers, "Inputs": Inputs, "Model": Model})
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _needed(cls: type) -> set[str]:
    missing = dataclasses.MISSING
    return {f.name for f in dataclasses.fields(cls) if f.default is missing and f.default_factory is missing}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is what a field's annotation says, all the way down."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in inner)
    if origin is typing.Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if hint in (None, type(None)):
        return value is None
    if origin is tuple and isinstance(value, tuple):
        if inner[-1:] == (Ellipsis,):
            return all(type(item) is inner[0] or _fits(item, inner[0]) for item in value)
        return len(inner) == len(value) and all(map(_fits, value, inner))
    if origin is list and isinstance(value, list):
        return all(_fits(item, inner[0]) for item in value)
    if origin is dict and isinstance(value, dict):
        return all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if origin is np.ndarray:
        return isinstance(value, np.ndarray)
    if origin is not None or not isinstance(hint, type):
        return hint is Any
    if getattr(hint, "_is_protocol", False):  # Inputs: a class of perfcore.inputs; Answers likewise
        rooms = (f"{hint.__module__}.", *(("perfcore.transforms.",) if hint.__name__ == "Inputs" else ()))
        return type(value).__module__.startswith(rooms)
    return _KINDS[hint](value) if hint in _KINDS else isinstance(value, hint)


_KINDS: dict[type, Callable[[Any], bool]] = {
    bool: lambda v: isinstance(v, bool | np.bool_),
    int: lambda v: isinstance(v, int | np.integer) and not isinstance(v, bool),
    float: lambda v: isinstance(v, float | np.integer | np.floating) or (type(v) is int and v.bit_length() < 64),
    object: lambda v: True,
}
