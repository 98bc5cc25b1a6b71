"""The document of an XGBoost model, JSON or UBJSON, from 1.0 to 3.4: where each of its parts lies.

The parts that moved::

    dart        <= 3.2   gradient_booster {name "dart", gbtree {model}, weight_drop}
                3.3      gradient_booster {name "gbtree", model, weight_drop}
                >= 3.4   gradient_booster {name "gbtree", model {weight_drop}}
    base_score  < 3.1    "5E-1"            since: "[5E-1]", one number an output or one for all
    rounds      >= 2.0   model.iteration_indptr; before, num_parallel_tree x outputs trees a round
    categories  >= 3.1   model.cats.enc, the values of a data frame's category columns
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from ..errors import ModelFormatError, UnsupportedModelError
from . import ubjson

NEWEST = (3, 4)
FIRST_WITH_BYTE_OFFSETS = (3, 4)  # before, offsets into UTF-8 category names counted characters

_FLOATS = {"split_conditions", "base_weights", "leaf_weights"}

# The type numbers of cats.enc are those of xgboost's json.h, F32Array = 7 onwards.
_CATEGORY_DTYPES = {
    number: np.dtype(code) for number, code in enumerate(["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"], start=9)
}


@dataclass(frozen=True)
class Document:
    """What a model file says, still in XGBoost's terms; trees stay as they were written."""

    place: str  # the file, for messages
    version: tuple[int, int]
    objective: str
    base_score: np.ndarray  # float32[n_outputs], not yet a margin
    estimates_base_score: bool  # the first round would have estimated it
    n_features: int
    n_outputs: int
    feature_names: tuple[str, ...] | None
    attributes: dict[str, str]
    trees: list[dict[str, Any]]
    output: np.ndarray  # int64[T], the output a tree adds to
    weight: np.ndarray | None  # float32[T], of dart
    rounds: np.ndarray  # int64[rounds + 1], the first tree of each boosting round
    leaf_width: int  # numbers a leaf holds
    categories: tuple[tuple[str, ...] | np.ndarray | None, ...] | None
    linear: np.ndarray | None = None  # float32[n_features + 1, n_outputs] of gblinear; the last row is the bias

    @property
    def n_rounds(self) -> int:
        return len(self.rounds) - 1


class _NeedsText(ModelFormatError):
    """A double that lies halfway between two float32: its decimal text must say which is nearer."""


def is_document(data: bytes) -> bool:
    """Whether bytes can be JSON or UBJSON, so not the legacy binary format."""
    return data[:1] == b"{"


def parse(data: bytes, place: str) -> Document:
    """Read a JSON or UBJSON document; `ModelFormatError` says what is broken and where."""
    try:
        if data[1:64].lstrip()[:1] not in (b'"', b"}"):
            return _document(ubjson.loads(data), place)
        try:
            return _document(json.loads(data), place)
        except _NeedsText:
            return _document(json.loads(data, parse_float=nearest_float32), place)
    except ModelFormatError as error:
        raise ModelFormatError(f"{place}: {error}") from error
    except RecursionError as error:
        raise ModelFormatError(f"{place}: JSON, nested too deep") from error
    except json.JSONDecodeError as error:
        raise ModelFormatError(f"{place}: JSON, character {error.pos}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise ModelFormatError(f"{place}: JSON, byte {error.start}: text that is not UTF-8") from error
    except ValueError as error:  # a whole number of more digits than Python turns into one
        raise ModelFormatError(f"{place}: JSON: {error}") from error


def nearest_float32(text: str) -> float:
    """The float32 nearest to a decimal text, as strtof gives it: never rounded twice."""
    value = float(text)
    with np.errstate(over="ignore"):
        near = np.float32(value)
    if not _halfway(np.float64(value), near):
        return float(near)
    exact, double = Decimal(text), Decimal(value)
    if exact == double:
        return float(near)
    toward = np.float32(np.inf if exact > double else -np.inf)
    away = (near > value) != (exact > double)
    return float(np.nextafter(near, toward) if away else near)


def _halfway(value: np.ndarray, near: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        other = np.nextafter(near, np.where(value > near, np.inf, -np.inf).astype(np.float32))
        return (near != value) & (value - near == other.astype(np.float64) - value)


# -- fields ---------------------------------------------------------------------------------------------


def field(record: Any, name: str, kind: type | tuple[type, ...], place: str) -> Any:
    """``record[name]``, of the right kind."""
    if not isinstance(record, dict) or name not in record:
        raise ModelFormatError(f"{place}.{name} is missing")
    if not isinstance(record[name], kind):
        raise ModelFormatError(f"{place}.{name}: unexpected {type(record[name]).__name__}")
    return record[name]


def whole_number(record: Any, name: str, place: str, default: int | None = None) -> int:
    """A whole number, written as one or as text."""
    if default is not None and name not in record:
        return default
    value = field(record, name, (str, int), place)
    if isinstance(value, str) and not re.fullmatch("[-+]?[0-9]{1,20}", value):  # int() would read 1_0 as 10, too
        raise ModelFormatError(f"{place}.{name}: {value[:40]!r} is no whole number")
    return int(value)


def integers(record: Any, name: str, place: str, length: int | None = None) -> np.ndarray:
    """A list of whole numbers (or of booleans) as int64."""
    return _array(record, name, place, length, "iub").astype(np.int64)


def floats(record: Any, name: str, place: str, length: int | None = None) -> np.ndarray:
    """A list of numbers as float32."""
    array = _array(record, name, place, length, "fiub")
    if array.dtype == np.float32:
        return array
    with np.errstate(over="ignore"):
        near = array.astype(np.float32)
    if array.dtype == np.float64 and isinstance(record[name], list):
        halfway = _halfway(array, near)
        if any(isinstance(record[name][i], float) for i in np.flatnonzero(halfway)):
            raise _NeedsText(f"{place}.{name}: a double between two float32; XGBoost writes float32")
    return near


def _array(record: Any, name: str, place: str, length: int | None, kinds: str) -> np.ndarray:
    value = field(record, name, (list, np.ndarray), place)
    # numpy would make room for a text in every cell of a list that holds one.
    is_plain = isinstance(value, np.ndarray) or {int, float, bool}.issuperset(map(type, value))
    array = np.asarray(value if is_plain else None)
    if array.ndim != 1 or (array.dtype.kind not in kinds and len(array)):
        raise ModelFormatError(f"{place}.{name}: expected a list of numbers")
    if length is not None and len(array) != length:
        raise ModelFormatError(f"{place}.{name}: {len(array)} entries, expected {length}")
    return array if len(array) else np.empty(0, np.int64)


# -- parts ------------------------------------------------------------------------------------------------


# A key of documents that are taken for XGBoost's -> what they are.
FOREIGN = {
    "tree_info": "this is LightGBM's dump_model(), which cannot be read back: write it by save_model('model.txt')",
    "model_info": "this is CatBoost's JSON: write it by save_model('model.cbm')",
}


def _document(root: Any, place: str) -> Document:
    if not isinstance(root, dict) or "learner" not in root:
        known = (said for key, said in FOREIGN.items() if isinstance(root, dict) and key in root)
        raise ModelFormatError(next(known, "JSON or UBJSON, but no XGBoost model: no key 'learner'"))
    version = integers(root, "version", "document", 3)
    if tuple(version[:2]) > NEWEST:
        raise ModelFormatError(
            f"written by xgboost {'.'.join(map(str, version))}; this perfcore reads up to {NEWEST[0]}.{NEWEST[1]}"
        )
    learner = field(root, "learner", dict, "document")
    parameters = field(learner, "learner_model_param", dict, "learner")
    n_features = whole_number(parameters, "num_feature", "learner_model_param")
    n_classes = whole_number(parameters, "num_class", "learner_model_param")
    n_outputs = max(1, n_classes, whole_number(parameters, "num_target", "learner_model_param", 1))
    if n_features < 0 or n_outputs > 1_000_000:
        raise ModelFormatError(f"learner_model_param: {n_features} features, {n_outputs} outputs")
    booster = field(learner, "gradient_booster", dict, "learner")
    linear = _linear(booster, n_features, n_outputs, place)
    model, weight_drop = (_NO_TREES, None) if linear is not None else _tree_model(booster, place)
    trees = field(model, "trees", list, "model")
    leaf_width = _leaf_width(trees, n_outputs)
    for i, tree in enumerate(trees):
        for name in _FLOATS & tree.keys():  # while the document's text is at hand, should they need it
            tree[name] = floats(tree, name, f"trees[{i}]")
    output = integers(model, "tree_info", "model", len(trees))
    if ((output < 0) | (output >= n_outputs)).any():
        raise ModelFormatError(f"model.tree_info: an output outside 0..{n_outputs - 1}")
    names = field(learner, "feature_names", list, "learner") if learner.get("feature_names") else []
    if names and (len(names) != n_features or not all(isinstance(name, str) for name in names)):
        raise ModelFormatError(f"learner.feature_names: expected {n_features} names")
    return Document(
        place=place,
        version=(int(version[0]), int(version[1])),
        objective=field(field(learner, "objective", dict, "learner"), "name", str, "objective"),
        base_score=_base_score(field(parameters, "base_score", str, "learner_model_param"), n_outputs),
        estimates_base_score=whole_number(parameters, "boost_from_average", "learner_model_param", 1) != 0,
        n_features=n_features,
        n_outputs=n_outputs,
        feature_names=tuple(names) or None,
        attributes=field(learner, "attributes", dict, "learner") if learner.get("attributes") else {},
        trees=trees,
        output=output,
        weight=None if weight_drop is None else floats(weight_drop, "weight_drop", "gradient_booster", len(trees)),
        rounds=_rounds(model, len(trees), n_outputs if leaf_width == 1 else 1),
        leaf_width=leaf_width,
        categories=_categories(model.get("cats"), n_features),
        linear=linear,
    )


_NO_TREES: dict[str, Any] = {"trees": [], "tree_info": [], "iteration_indptr": []}


def _linear(booster: dict[str, Any], n_features: int, n_outputs: int, place: str) -> np.ndarray | None:
    """The weights of gblinear; None of any other booster."""
    if field(booster, "name", str, "gradient_booster") != "gblinear":
        return None
    model = field(booster, "model", dict, "gradient_booster")
    if not len(field(model, "weights", (list, np.ndarray), "model")):
        raise UnsupportedModelError(f"{place}: a linear booster (gblinear) that was trained for no rounds")
    weights = floats(model, "weights", "model", (n_features + 1) * n_outputs)
    return weights.reshape(n_features + 1, n_outputs)


def _tree_model(booster: dict[str, Any], place: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The tree model, and the record that bears dart's weights."""
    name = field(booster, "name", str, "gradient_booster")
    if name not in ("gbtree", "dart"):
        raise UnsupportedModelError(f"{place}: booster {name!r}; perfcore reads gbtree, dart and gblinear")
    outer = booster
    if "model" not in booster:
        booster = field(booster, "gbtree", dict, "gradient_booster")
    model = field(booster, "model", dict, "gradient_booster")
    bearer = next((record for record in (outer, booster, model) if "weight_drop" in record), None)
    if name == "dart" and bearer is None:
        raise ModelFormatError("gradient_booster.weight_drop is missing")
    return model, bearer


def _leaf_width(trees: list[Any], n_outputs: int) -> int:
    widths = set()
    for i, tree in enumerate(trees):
        parameters = field(tree, "tree_param", dict, f"trees[{i}]")
        widths.add(max(1, whole_number(parameters, "size_leaf_vector", f"trees[{i}].tree_param", 1)))
    if not widths:
        return 1
    if len(widths) > 1 or not widths <= {1, n_outputs}:
        raise ModelFormatError(f"trees with leaves of {sorted(widths)} numbers in a model of {n_outputs} outputs")
    return widths.pop()


def _rounds(model: dict[str, Any], n_trees: int, trees_a_group: int) -> np.ndarray:
    if "iteration_indptr" in model:
        rounds = integers(model, "iteration_indptr", "model")
        if not len(rounds):
            rounds = np.zeros(1, np.int64)
        if rounds[0] != 0 or rounds[-1] != n_trees or (np.diff(rounds) < 0).any():
            raise ModelFormatError(f"model.iteration_indptr does not run from 0 to the {n_trees} trees")
        return rounds
    parameters = field(model, "gbtree_model_param", dict, "model")
    step = whole_number(parameters, "num_parallel_tree", "gbtree_model_param", 1) * trees_a_group
    if step < 1 or n_trees % step:
        raise ModelFormatError(f"{n_trees} trees do not make whole rounds of {step}")
    return np.arange(0, n_trees + 1, step)


def _base_score(text: str, n_outputs: int) -> np.ndarray:
    numbers = text.strip()
    listed = numbers.startswith("[") and numbers.endswith("]")
    try:
        if "_" in numbers:  # float() would read 1_0 as 10
            raise ValueError
        scores = [nearest_float32(number.strip()) for number in (numbers[1:-1] if listed else numbers).split(",")]
    except ValueError as error:
        raise ModelFormatError(f"learner_model_param.base_score: {text[:40]!r}") from error
    if len(scores) not in (1, n_outputs):
        raise ModelFormatError(f"learner_model_param.base_score: {len(scores)} numbers for {n_outputs} outputs")
    return np.broadcast_to(np.array(scores, np.float32), (n_outputs,)).copy()


def _categories(record: Any, n_features: int) -> tuple[tuple[str, ...] | np.ndarray | None, ...] | None:
    """Category values feature by feature: bytes of names (as Latin-1 text) or whole numbers; None: no category."""
    if not record or not len(field(record, "enc", list, "cats")):
        return None
    columns = record["enc"]
    if len(columns) != n_features:
        raise ModelFormatError(f"cats.enc: {len(columns)} columns, expected {n_features}")
    return tuple(_column_categories(column, f"cats.enc[{i}]") for i, column in enumerate(columns))


def _column_categories(column: Any, place: str) -> tuple[str, ...] | np.ndarray | None:
    values = integers(column, "values", place)
    if "type" in column:
        number = whole_number(column, "type", place)
        if number not in _CATEGORY_DTYPES:
            raise UnsupportedModelError(f"{place}: categories of type {number}, allowed: text and whole numbers")
        return values.astype(_CATEGORY_DTYPES[number])
    offsets = integers(column, "offsets", place)
    if not len(offsets):
        return None
    if offsets[0] != 0 or offsets[-1] > len(values) or (np.diff(offsets) < 0).any():
        raise ModelFormatError(f"{place}.offsets: outside the {len(values)} bytes of the names")
    text = (values % 256).astype(np.uint8).tobytes().decode("latin-1")
    return tuple(text[a:b] for a, b in zip(offsets[:-1], offsets[1:], strict=True))
