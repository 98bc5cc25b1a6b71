"""LightGBM's text model format, versions v2 to v4, read without LightGBM.

::

    tree                        the word every text model begins with
    version=v4                  a header: key=value lines, or a bare key (average_output)
    ...
    tree_sizes=862 880          bytes of each tree's part below
                                (an empty line)
    Tree=0                      one part a tree: key=value lines up to an empty line
    num_leaves=7
    ...
    end of trees
    feature_importances: ...
    parameters: [key: value] ... end of parameters
    pandas_categorical:[["a", "b"]]

The authority is GBDT::LoadModelFromString (gbdt_model_text.cpp) and Tree::Tree(const char*, size_t*)
(tree.cpp). Whatever LightGBM would read out of bounds is refused here, with the line or the tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFormatError, UnsupportedModelError

VERSIONS = ("v2", "v3", "v4")
MOST_CLASSES = 1_000_000
PLAIN = {"str", "int", "float", "bool", "NoneType"}
END_OF_TREE = re.compile(rb"\n\r?\n")
INT32 = np.iinfo(np.int32)
EMPTY = np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class TextTree:
    """One tree as the file has it; nodes and leaves in the file's own order."""

    n_leaves: int
    feature: np.ndarray
    threshold: np.ndarray
    decision_type: np.ndarray
    left: np.ndarray
    right: np.ndarray
    leaf_value: np.ndarray
    cat_boundaries: np.ndarray  # set i holds words [i]:[i + 1]
    cat_threshold: np.ndarray  # uint32 words
    linear: list[tuple[float, np.ndarray, np.ndarray]] | None  # (constant, features, coefficients) a leaf


@dataclass(frozen=True, eq=False)
class TextModel:
    place: str  # for messages
    version: str
    trees_per_iteration: int
    n_features: int
    feature_names: tuple[str, ...]
    feature_infos: tuple[str, ...]
    objective: str  # as written; "" where the file names none
    averages: bool  # a random forest
    trees: list[TextTree]
    pandas_categorical: tuple[tuple[Any, ...], ...] | None
    categorical_features: tuple[int, ...]  # as the parameters list them

    @property
    def n_iterations(self) -> int:
        return len(self.trees) // self.trees_per_iteration


def parse(data: bytes, where: str) -> TextModel:
    """Read a text model.

    Parameters
    ----------
    data : the file's bytes
    where : what to call the file in messages

    Raises
    ------
    ModelFormatError
        Where the text is damaged or cut short; the message names the line or the tree.
    UnsupportedModelError
        For a version of the format that this reader does not know.
    """
    zero = data.find(b"\0")
    if zero >= 0:  # LightGBM reads C strings, and stands still at such a byte
        raise ModelFormatError(f"{where}: byte {zero}: a zero byte, which no text has")
    header, body = _header(data, where)
    version = _version(header, where)
    n_classes = _count(header, "num_class", where, most=MOST_CLASSES)
    per_iteration = _count(header, "num_tree_per_iteration", where) if "num_tree_per_iteration" in header else n_classes
    if per_iteration != n_classes:
        raise UnsupportedModelError(f"{where}: {per_iteration} trees an iteration for num_class={n_classes}")
    n_features = _count(header, "max_feature_idx", where, least=0) + 1
    if "label_index" not in header:
        raise ModelFormatError(f"{where}: the header has no label_index=")
    parts, tail = _parts(data, body, header, where)
    trees = [_tree(part, n_features, f"{where}: tree {i}") for i, part in enumerate(parts)]
    footer = _footer(data[tail:], version, where)
    return TextModel(
        place=where,
        version=version,
        trees_per_iteration=per_iteration,
        n_features=n_features,
        feature_names=_per_feature(header, "feature_names", n_features, where),
        feature_infos=_per_feature(header, "feature_infos", n_features, where),
        objective=header.get("objective", (0, ""))[1],
        averages="average_output" in header,
        trees=trees,
        pandas_categorical=_pandas_categorical(data, where),
        categorical_features=_categorical_features(footer),
    )


# -- header ---------------------------------------------------------------------------------------------


def _header(data: bytes, where: str) -> tuple[dict[str, tuple[int, str]], int]:
    """Keys with their line numbers and values, and where the first tree begins (or the header ends)."""
    header: dict[str, tuple[int, str]] = {}
    at, line_number = 0, 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line_number += 1
        line = _decoded(data[at:end].rstrip(b"\r"), f"{where}, line {line_number}")
        if line.startswith(("Tree=", "end of trees")):
            break
        key, _, value = line.partition("=")
        header[key] = (line_number, value)
        at = end + 1
    return header, min(at, len(data))


def _decoded(line: bytes, place: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelFormatError(f"{place}: not UTF-8: {error}") from error


def _version(header: dict[str, tuple[int, str]], where: str) -> str:
    if "tree" not in header or "version" not in header:
        raise ModelFormatError(f"{where}, line 1: not a LightGBM text model: 'tree' and 'version=' must come first")
    line, version = header["version"]
    if version not in VERSIONS:
        raise UnsupportedModelError(f"{where}, line {line}: version {version[:40]!r}, allowed: {', '.join(VERSIONS)}")
    return version


def _count(header: dict[str, tuple[int, str]], key: str, where: str, least: int = 1, most: int = INT32.max - 1) -> int:
    if key not in header:
        raise ModelFormatError(f"{where}: the header has no {key}=")
    line, text = header[key]
    return _whole(text.encode(), f"{where}, line {line}: {key}", least, most)


def _whole(text: bytes, place: str, least: int, most: int = INT32.max - 1) -> int:
    if not re.fullmatch(rb" *[-+]?[0-9]{1,20} *", text):  # int() would read 1_0 as 10, too
        raise ModelFormatError(f"{place}={text[:40]!r} is no whole number")
    number = int(text)
    if not least <= number <= most:
        raise ModelFormatError(f"{place}={number}, allowed: {least} to {most}")
    return number


def _per_feature(header: dict[str, tuple[int, str]], key: str, n_features: int, where: str) -> tuple[str, ...]:
    if key not in header:
        raise ModelFormatError(f"{where}: the header has no {key}=")
    line, text = header[key]
    entries = tuple(entry for entry in text.split(" ") if entry)
    if len(entries) != n_features:
        raise ModelFormatError(f"{where}, line {line}: {len(entries)} {key} for {n_features} features")
    return entries


# -- trees ----------------------------------------------------------------------------------------------


def _parts(data: bytes, at: int, header: dict[str, tuple[int, str]], where: str) -> tuple[list[bytes], int]:
    """Each tree's bytes without its first line, and where the last of them ends."""
    if "tree_sizes" not in header:
        return _parts_by_line(data, at, where)
    line, text = header["tree_sizes"]
    sizes = _numbers(text.encode(), int, np.int64, f"{where}, line {line}: tree_sizes")
    parts = []
    for i, size in enumerate(sizes.tolist()):
        if size < 0 or at + size > len(data):
            raise ModelFormatError(f"{where}: tree {i} is cut short: {size} bytes from {at}, the file has {len(data)}")
        first, _, rest = data[at : at + size].partition(b"\n")
        if not first.startswith(b"Tree="):
            raise ModelFormatError(f"{where}: tree {i} should begin at byte {at}, where {first[:40]!r} stands")
        parts.append(rest)
        at += size
    return parts, at


def _parts_by_line(data: bytes, at: int, where: str) -> tuple[list[bytes], int]:
    """As `_parts` for the first v2 files, which have no tree_sizes: a part ends at an empty line."""
    parts: list[bytes] = []
    while data.startswith(b"Tree=", at):
        first = data.find(b"\n", at)
        end = END_OF_TREE.search(data, at)
        if first < 0 or end is None:
            raise ModelFormatError(f"{where}: tree {len(parts)} is cut short: no empty line ends it")
        parts.append(data[first + 1 : end.start() + 1])
        at = end.start()
        while data[at : at + 1] in (b"\n", b"\r"):
            at += 1
    return parts, at


def _tree(part: bytes, n_features: int, place: str) -> TextTree:
    fields: dict[bytes, bytes] = {}
    for line in part.split(b"\n"):
        line = line.rstrip(b"\r")
        if not line:
            break
        key, equals, value = line.partition(b"=")
        if not equals:
            raise ModelFormatError(f"{place}: {line[:40]!r} is no key=value line")
        fields[key] = value
    else:
        raise ModelFormatError(f"{place} is cut short: no empty line ends it")

    def field(key: bytes) -> bytes:
        if key not in fields:
            raise ModelFormatError(f"{place}: {key.decode()}= is missing")
        return fields[key]

    def array(key: bytes, convert: Callable, dtype: Any, size: int) -> np.ndarray:
        numbers = _numbers(field(key), convert, dtype, f"{place}: {key.decode()}")
        if len(numbers) != size:
            raise ModelFormatError(f"{place}: {key.decode()} has {len(numbers)} entries, {size} are needed")
        return numbers

    n_leaves = _whole(field(b"num_leaves"), f"{place}: num_leaves", 1)
    n_sets = _whole(field(b"num_cat"), f"{place}: num_cat", 0)
    is_linear = _whole(fields.get(b"is_linear", b"0"), f"{place}: is_linear", 0) != 0
    leaf_value = array(b"leaf_value", float, np.float64, n_leaves)
    linear = _linear(fields, array, n_leaves, n_features, place) if is_linear else None
    if n_leaves == 1:
        return TextTree(1, EMPTY, np.empty(0), EMPTY, EMPTY, EMPTY, leaf_value, EMPTY, EMPTY, linear)
    n = n_leaves - 1
    feature = array(b"split_feature", int, np.int32, n)
    _require_range(feature, 0, n_features - 1, f"{place}: split_feature")
    boundaries = array(b"cat_boundaries", int, np.int32, n_sets + 1) if n_sets else np.zeros(1, np.int32)
    if boundaries[0] != 0 or (np.diff(boundaries) < 0).any():
        raise ModelFormatError(f"{place}: cat_boundaries must ascend from 0")
    decision_type = array(b"decision_type", int, np.int32, n) if b"decision_type" in fields else np.zeros(n, np.int32)
    _require_range(decision_type, 0, 127, f"{place}: decision_type")
    left = array(b"left_child", int, np.int32, n)
    right = array(b"right_child", int, np.int32, n)
    for name, child in (("left_child", left), ("right_child", right)):
        _require_range(child, -n_leaves, n - 1, f"{place}: {name}")
    return TextTree(
        n_leaves=n_leaves,
        feature=feature,
        threshold=array(b"threshold", float, np.float64, n),
        decision_type=decision_type,
        left=left,
        right=right,
        leaf_value=leaf_value,
        cat_boundaries=boundaries,
        cat_threshold=array(b"cat_threshold", int, np.uint32, boundaries[-1]) if n_sets else np.empty(0, np.uint32),
        linear=linear,
    )


def _linear(
    fields: dict[bytes, bytes], array: Callable, n_leaves: int, n_features: int, place: str
) -> list[tuple[float, np.ndarray, np.ndarray]]:
    constant = array(b"leaf_const", float, np.float64, n_leaves)
    length = array(b"num_features", int, np.int64, n_leaves)
    _require_range(length, 0, INT32.max, f"{place}: num_features")
    total = int(length.sum())
    feature = array(b"leaf_features", int, np.int32, total) if total else EMPTY
    _require_range(feature, 0, n_features - 1, f"{place}: leaf_features")
    coefficient = array(b"leaf_coeff", float, np.float64, total) if total else np.empty(0)
    stop = np.cumsum(length).tolist()
    start = [0, *stop[:-1]]
    return [
        (constant[leaf].item(), feature[start[leaf] : stop[leaf]], coefficient[start[leaf] : stop[leaf]])
        for leaf in range(n_leaves)
    ]


def _numbers(text: bytes, convert: Callable, dtype: Any, place: str) -> np.ndarray:
    """Blank-separated numbers; float() rounds correctly, as LightGBM's fast_double_parser does."""
    try:
        if b"_" in text:  # int() and float() would read 1_0 as 10
            raise ValueError(f"{text[:40]!r}")
        words = text.split()
        return np.fromiter(map(convert, words), dtype, len(words))
    except (ValueError, OverflowError) as error:
        raise ModelFormatError(f"{place}: not a list of {np.dtype(dtype)} numbers: {error}") from None


def _require_range(numbers: np.ndarray, least: int, most: int, place: str) -> None:
    outside = (numbers < least) | (numbers > most)
    if outside.any():
        at = int(outside.argmax())
        raise ModelFormatError(f"{place}: entry {at} is {numbers[at]}, allowed: {least} to {most}")


# -- what follows the trees -----------------------------------------------------------------------------


def _footer(tail: bytes, version: str, where: str) -> bytes:
    """The parameters' text; its absence or a missing end shows a file that was cut after its trees."""
    after = (b"end of trees", b"feature importances:") if version == "v2" else b"end of trees"
    if not tail.lstrip(b"\r\n").startswith(after):
        raise ModelFormatError(f"{where} is cut short: 'end of trees' should follow the last tree")
    begin = tail.find(b"\nparameters:")
    if begin < 0:
        return b""
    end = tail.find(b"\nend of parameters", begin)
    if end < 0 and version != "v2":
        raise ModelFormatError(f"{where} is cut short: 'parameters:' without 'end of parameters'")
    return tail[begin : end if end >= 0 else len(tail)]


def _categorical_features(footer: bytes) -> tuple[int, ...]:
    key = b"\n[categorical_feature: "
    at = footer.find(key)
    if at < 0:
        return ()
    text = footer[at + len(key) : footer.find(b"]", at)]
    try:
        return tuple(int(entry) for entry in text.split(b",") if entry)
    except ValueError:  # the command line allows "name:a,b" here
        return ()


def _pandas_categorical(data: bytes, where: str) -> tuple[tuple[Any, ...], ...] | None:
    """The categories of pandas columns, from the last line or the one before (basic.py _load_pandas_categorical)."""
    key = b"pandas_categorical:"
    lines = [line.strip() for line in data.removesuffix(b"\n").rsplit(b"\n", 2)[-2:]]
    if lines[-1] and key.startswith(lines[-1]) and lines[-1] != key:
        raise ModelFormatError(f"{where} is cut short: its last line is {lines[-1]!r}")
    line = next((line for line in reversed(lines) if line.startswith(key)), None)
    if line is None:
        return None
    try:
        categories = json.loads(line[len(key) :])
        if categories is None:
            return None
        if not isinstance(categories, list) or not all(isinstance(each, list) for each in categories):
            raise ValueError("a list of lists, or null, is needed")
        odd = {type(value).__name__ for each in categories for value in each} - PLAIN
        if odd or any(type(value) is int and value.bit_length() > 64 for each in categories for value in each):
            raise ValueError(f"categories of {', '.join(sorted(odd)) or 'more than 64 bits'}, allowed: text, numbers")
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{where}: pandas_categorical in the last line: {error}") from error
    return tuple(tuple(each) for each in categories)
