"""scikit-learn's Pipeline with a model at its end -> that model, whose inputs are the pipeline's steps."""

from __future__ import annotations

import copy
import hashlib
import pickle
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import UnsupportedModelError
from ..inputs.ensemble import PassedOn
from ..model import Ensemble, Model
from ..transforms import TRANSFORMERS, Unread
from ..transforms.block import Block, Unfused
from ..transforms.compiled import Compiled
from ..transforms.compose import Chain, Columns, Either, Framed, Identity, Member, Union
from ..transforms.inputs import AS_IT_IS, FUSED, PipelineInputs
from ..transforms.live import Live
from ..transforms.plan import Trace
from ..transforms.projection import Matrix
from ..transforms.row import RowTable
from . import read_member
from .sklearn import feature_names, sklearn_class


def read(source: Any, origin: str) -> Model:
    name, last = source.steps[-1]
    if last is None or isinstance(last, str):
        raise UnsupportedModelError(f"a Pipeline whose last step, {name!r}, is {last!r}: a model belongs there")
    if not hasattr(last, "predict") and hasattr(last, "transform"):
        raise UnsupportedModelError(
            f"a Pipeline whose last step, {name!r}, is a transformer ({type(last).__name__}): a model belongs there"
        )
    try:
        model = read_member(last)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"Pipeline's last step {name!r} ({type(last).__name__}): {error}") from error
    first = next(each for _, each in source.steps if each is not None and not isinstance(each, str))
    names, n_features = feature_names(first), int(first.n_features_in_)
    reader, transforms, block = _read_steps(source, n_features, names, not isinstance(model.body, Ensemble))
    if block is not None and block.is_sparse and not getattr(model.inputs, "takes_sparse", True):
        raise UnsupportedModelError(
            f"{type(last).__name__} after steps that make sparse tables; make them dense "
            "(sparse_output=False of OneHotEncoder, sparse_threshold=0 of ColumnTransformer)"
        )
    chain = Chain(tuple(transforms))
    if not any(not isinstance(each, Identity) for each in transforms):
        return replace(model, origin=f"{origin} with {model.origin}")
    inputs = PipelineInputs(
        n_features=n_features,
        feature_names=names,
        chain=chain,
        inner=_unnamed(model.inputs) if block is not None else model.inputs,
        checks_names=_checks_names(transforms),
        needed=_needed(transforms, n_features),
        steps=tuple(reader.steps),
    )
    return Model(model.body, inputs, model.answers, f"{origin} with {model.origin}")


def _read_steps(
    source: Any, n_features: int, names: tuple[str, ...] | None, reads_frames: bool
) -> tuple[_Reader, list[Any], Block | None]:
    """The transformers, and what they make of a row where all are fused."""
    reader = _Reader(reads_frames=reads_frames)
    transforms = [reader.transform(step, each) for step, each in source.steps[:-1]]
    block = None if reader.is_live else _traced(transforms, n_features, names)
    if block is None:
        # Beside steps that run as they are, data frames are what they are.
        reader = _Reader(keeps_live=True, is_beside=reader.is_live, reads_frames=False)
        transforms = [reader.transform(step, each) for step, each in source.steps[:-1]]
    return reader, transforms, block


def _traced(transforms: Sequence[Any], n_features: int, names: tuple[str, ...] | None) -> Block | None:
    """What the fused steps make of a row; None where they do not take one another's tables."""
    trace = Trace(RowTable([None] * n_features, names), runs_steps=False)
    try:
        return Chain(tuple(transforms)).fuse(trace.start(trace.run.tables[0]))
    except Unfused:
        return None


def _unnamed(inputs: Any) -> Any:
    """Inputs that get arrays, whatever names the model has seen in training."""
    if isinstance(inputs, PassedOn) or inputs.feature_names is None:
        return inputs
    return replace(inputs, feature_names=None)


def _first(transforms: Sequence[Any]) -> Any:
    for each in transforms:
        if isinstance(each, Chain):
            each = _first(each.steps)
        if isinstance(each, Either):
            each = each.fused
        if isinstance(each, Framed):
            each = each.step
        if each is not None and not (isinstance(each, Identity) and each.n_features is None):
            return each
    return None


def _checks_names(transforms: Sequence[Any]) -> str:
    first = _first(transforms)
    if isinstance(first, Union):
        return next(filter(None, (_checks_names([each]) for each in first.members)), "")
    if first is None or isinstance(first, Columns | Live):
        return ""
    return type(first).__name__


def _needed(transforms: Sequence[Any], n_features: int) -> tuple[int, ...]:
    first = _first(transforms)
    if isinstance(first, Columns):
        return tuple(sorted({j for member in first.members for j in member.columns}))
    return tuple(range(n_features))


class _Reader:
    """Reads the transformers of one pipeline; ``steps`` tells of each whether it is fused.

    ``keeps_live``: fused steps keep the object that they were read from, for tables that they do not take themselves;
    ``is_beside``: since others run as they are. ``reads_frames``: whether steps with set_output("pandas") are fused.
    """

    def __init__(self, keeps_live: bool = False, is_beside: bool = False, reads_frames: bool = True) -> None:
        self.keeps_live, self.is_beside, self.reads_frames = keeps_live, is_beside, reads_frames
        self.steps: list[tuple[str, str, str]] = []

    @property
    def is_live(self) -> bool:
        return any(how.startswith(AS_IT_IS) for _, _, how in self.steps)

    def transform(self, name: str, source: Any) -> Any:
        """The transformer, or the object itself to be run as it is."""
        if source is None or source == "passthrough":
            return Identity()
        n_steps = len(self.steps)
        try:
            read = self._read(name, source)
        except Unread as why:
            del self.steps[n_steps:]  # those inside it
            self.steps.append((name, type(source).__name__, f"{AS_IT_IS}: {why}"))
            return _live(name, source, str(why))
        inner = read.step if isinstance(read, Framed) else read
        if isinstance(inner, Chain | Columns | Union):
            return read
        reason = "" if self.is_beside else "its fused form does not take the table"
        # Machine code goes into no file, so that the object may as well travel with it.
        calls = repr(inner.function.warmup()) if isinstance(inner, Compiled) else ""
        has_both = self.keeps_live or bool(calls)
        how = ", ".join(filter(None, (FUSED, calls, "or as it is where a table is none that it takes" * has_both)))
        self.steps.append((name, type(source).__name__, how))
        if not has_both:
            return read
        return Either(read, _live(name, source, calls or reason))

    def _read(self, name: str, source: Any) -> Any:
        from sklearn.utils._set_output import _auto_wrap_is_configured

        known = next((key for key in TRANSFORMERS if sklearn_class(key) is type(source)), None)
        if known is None:
            raise Unread("no transformer that perfcore knows")
        output = vars(source).get("_sklearn_output_config", {}).get("transform") or "default"
        if output == "pandas" and not _auto_wrap_is_configured(source):
            output = "default"
        if output not in ("default", "pandas") or (output == "pandas" and not self.reads_frames):
            raise Unread(f"set_output(transform={output!r})")
        read = self._read_known(name, source, *TRANSFORMERS[known], output == "pandas")
        return read if output == "default" or isinstance(read, Chain) else Framed(read, _infers_texts())

    def _read_known(self, name: str, source: Any, module: str, cls: str, of_frames: bool) -> Any:
        if cls == "Chain":
            return Chain(tuple(self.transform(f"{name}__{step}", each) for step, each in source.steps))
        if cls == "Columns":
            return self._columns(name, source, of_frames)
        if cls == "Union":
            return self._union(name, source, of_frames)
        try:
            return getattr(import_module(f"perfcore.transforms.{module}"), cls).of(source)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:  # of one that was edited
            raise Unread(f"its attributes do not fit one another: {error}") from error

    def _columns(self, name: str, source: Any, of_frames: bool) -> Columns:
        members = []
        for step, transformer, columns in source.transformers_:
            at = source._transformer_to_input_indices.get(step, [])
            if (isinstance(transformer, str) and transformer == "drop") or len(at) == 0:
                continue
            if np.isscalar(columns):
                raise Unread(f"it hands a column, {columns!r}, over without its second dimension")
            each = self.transform(f"{name}__{step}", transformer)
            weight = _weight(source, step)
            members.append(Member(step, each, tuple(int(j) for j in at), _chosen(columns), weight))
        names, is_sparse = feature_names(source), bool(source.sparse_output_)
        return Columns(int(source.n_features_in_), names, tuple(members), is_sparse, of_frames)

    def _union(self, name: str, source: Any, of_frames: bool) -> Union:
        members, weights = [], []
        for step, transformer in source.transformer_list:
            if isinstance(transformer, str) and transformer == "drop":
                continue
            members.append(self.transform(f"{name}__{step}", transformer))
            weights.append(_weight(source, step))
        return Union(tuple(members), tuple(weights), of_frames)


def _live(name: str, source: Any, why: str) -> Live:
    return Live(f"{name!r} ({type(source).__name__})", why, _digest(source), _copied(source))


def _infers_texts() -> bool:
    import pandas

    if int(pandas.__version__.partition(".")[0]) >= 4:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 3 warns that the option will go
        return bool(pandas.get_option("future.infer_string"))


def _weight(source: Any, step: str) -> Any:
    weight = (source.transformer_weights or {}).get(step)
    if weight is not None and (isinstance(weight, bool) or not isinstance(weight, int | float | np.number)):
        raise Unread(f"a weight that is no number, {weight!r}")
    return weight


def _chosen(columns: Any) -> str:
    if isinstance(columns, slice):
        return "names" if isinstance(columns.start, str) or isinstance(columns.stop, str) else "slice"
    values = [columns] if isinstance(columns, str) else list(columns) if hasattr(columns, "__iter__") else [columns]
    return "names" if any(isinstance(each, str) for each in values) else "positions"


def _copied(source: Any) -> Any:
    """Of its own, whatever becomes of the source; arrays lie as they did, which BLAS answers by."""
    kept = {id(each): Matrix.of(each).array for each in vars(source).values() if _has_gaps(each)}
    try:
        return copy.deepcopy(source, kept)
    except Exception as error:  # whatever a user's own step raises
        raise UnsupportedModelError(f"{type(source).__name__} runs as it is, and cannot be copied: {error}") from error


def _has_gaps(each: Any) -> bool:
    if not isinstance(each, np.ndarray) or each.ndim != 2 or each.dtype not in (np.float32, np.float64):
        return False
    return bool(each.size) and not (each.flags.c_contiguous or each.flags.f_contiguous)


def _digest(source: Any) -> str:
    try:
        data = pickle.dumps(source)
    except Exception:  # a lambda, a lock: what cannot be pickled has no other name than its own
        data = f"{type(source).__qualname__} {id(source)}".encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()
