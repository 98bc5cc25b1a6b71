"""One function from Arrow batch to Arrow batch, which engines send to their workers (docs/scale_out.md)."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads
from .errors import ConfigurationError, InputError, ModelFormatError
from .predictor import TABLE_METHODS, Predictor, load

if TYPE_CHECKING:
    import pyarrow

MOST_IN_A_LIST = 2**31 - 1  # Arrow's lists begin at places of 32 bits


def batch_function(
    model: Predictor | str | os.PathLike,
    method: str = "predict",
    *,
    columns: Sequence[str] | None = None,
    keep: Sequence[str] | None = None,
    name: str | None = None,
    n_threads: int = 1,
) -> BatchFunction:
    """Make a picklable function that appends the answers to an Arrow batch.

    Parameters
    ----------
    model : the path of a ``.pcore`` file, or a predictor
        Of a path, the path alone is sent: each process that calls the function maps the file, once, and processes of
        one machine share its pages. It must hold the same model for all of them. A predictor is sent whole.
    method : the predictor's method that answers
    columns : the columns of a batch that the model reads, in its order
        By default those that bear the model's feature names; a model without names needs them.
    keep : the columns of a batch that are handed on, before the answer; by default all
    name : of the answer's column; by default the method's
        Answers of several numbers a row are one column of lists.
    n_threads : threads for a call; 1, since engines call it on each CPU at once

    Raises
    ------
    ConfigurationError
        Where the model has no such method, or no single column holds its answers, or the columns are not told.
    """
    if not isinstance(model, Predictor | str | os.PathLike):
        raise TypeError(
            f"model: expected a predictor or the path of a .pcore file, got {type(model).__qualname__}; "
            "perfcore.compile makes a predictor of a trained model"
        )
    if isinstance(model, Predictor):
        predictor, path = model, None
    else:
        predictor, path = load(model), os.path.abspath(model)
    if method not in TABLE_METHODS or not hasattr(predictor, method):
        there_are = [each for each in TABLE_METHODS if hasattr(predictor, each)]
        raise ConfigurationError(f"method={method!r}: {predictor!r} answers {', '.join(there_are)}")
    read = _feature_names(predictor) if columns is None else _names("columns", columns)
    if len(read) != predictor.n_features_in_:
        raise ConfigurationError(f"columns: {len(read)} names for {predictor.n_features_in_} features")
    kept = None if keep is None else _names("keep", keep)
    if name is not None and not isinstance(name, str):
        raise ConfigurationError(f"name={name!r}: expected a string")
    return BatchFunction(predictor, path, method, read, kept, name or method, threads.resolve(n_threads))


def _feature_names(predictor: Predictor) -> list[str]:
    names = predictor._model.inputs.feature_names
    if names is None or "" in names:
        raise ConfigurationError(
            f"columns=None: {predictor!r} was trained on columns without names, so columns= must name the "
            f"{predictor.n_features_in_} columns of a batch that it reads, in its order"
        )
    return list(names)


def _names(argument: str, names: Any) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ConfigurationError(f"{argument}={names!r}: expected a list of column names")
    found = list(names)
    if not all(isinstance(name, str) for name in found) or len(set(found)) != len(found):
        raise ConfigurationError(f"{argument}={found!r}: expected strings, each once")
    return found


class BatchFunction:
    """What `batch_function` makes: called with a pyarrow RecordBatch or Table, it returns one with the answers.

    Attributes
    ----------
    field : pyarrow.Field
        The name and type of the answer's column.
    """

    def __init__(
        self,
        predictor: Predictor,
        path: str | None,
        method: str,
        columns: list[str],
        keep: list[str] | None,
        name: str,
        n_threads: int,
    ):
        import pyarrow

        self._predictor, self._path, self._method, self._n_threads = predictor, path, method, n_threads
        self._columns, self._keep = columns, keep
        self.field: pyarrow.Field = pyarrow.field(name, _type_of(predictor, method))

    def __call__(self, batch: pyarrow.RecordBatch | pyarrow.Table) -> pyarrow.RecordBatch | pyarrow.Table:
        import pyarrow

        if not isinstance(batch, pyarrow.RecordBatch | pyarrow.Table):
            raise InputError(f"expected a pyarrow RecordBatch or Table, got a {type(batch).__qualname__}")
        kept = batch if self._keep is None else _selected(batch, self._keep)
        if self.field.name in kept.schema.names:
            raise InputError(f"the batch has a column {self.field.name!r} already; name= gives the answer's another")
        return kept.append_column(self.field, self._answers(batch))

    def schema(self, of_batches: pyarrow.Schema) -> pyarrow.Schema:
        """The schema of what it returns for batches of that schema."""
        return self(of_batches.empty_table()).schema

    def _answers(self, batch: pyarrow.RecordBatch | pyarrow.Table) -> pyarrow.Array:
        import pyarrow

        rows = _selected(batch, self._columns)
        if not batch.num_rows:  # engines send such; some sources refuse them
            return pyarrow.array([], self.field.type)
        found = np.ascontiguousarray(getattr(self._predictor, self._method)(rows, n_threads=self._n_threads))
        values = pyarrow.array(found.reshape(-1), _of_one(self.field.type))
        if found.ndim == 1:
            return values
        if found.size > MOST_IN_A_LIST:
            raise InputError(f"{found.size:,} numbers in one batch's lists, allowed: {MOST_IN_A_LIST:,}")
        ends = np.arange(len(found) + 1, dtype=np.int32) * found.shape[1]
        return pyarrow.ListArray.from_arrays(ends, values)

    # -- sent to other processes -------------------------------------------------------------------

    def __reduce__(self):
        rest = self._method, self._columns, self._keep, self.field.name, self._n_threads
        if self._path is None:
            return BatchFunction, (self._predictor, None, *rest)
        return _of_file, (self._path, self._predictor.fingerprint, *rest)

    def __repr__(self) -> str:
        return f"<perfcore.batch_function of {self._predictor._model.origin}: {self.field.name}>"


def _of_file(path: str, fingerprint: str, *rest: Any) -> BatchFunction:
    stat = os.stat(path)
    predictor = _opened(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
    if predictor.fingerprint != fingerprint:
        raise ModelFormatError(f"{path}: another model than when the batch function was made")
    return BatchFunction(predictor, path, *rest)


@functools.lru_cache(maxsize=4)
def _opened(path: str, *version: int) -> Predictor:
    """A file opened once by a process, whatever tasks it is given: making a large model ready can take seconds."""
    return load(path)


def _selected(batch: Any, names: list[str]) -> Any:
    times = Counter(batch.schema.names)
    missing = [name for name in names if not times[name]]
    if missing:
        raise InputError(f"the batch has no columns {missing}, only {list(times)}")
    twice = [name for name in names if times[name] > 1]
    if twice:
        raise InputError(f"the batch has several columns of the names {twice}")
    return batch.select(names)


def _type_of(predictor: Predictor, method: str) -> pyarrow.DataType:
    """The Arrow type of the answer to a row, told without one."""
    import pyarrow

    answer = predictor._model.try_answer(method)
    if isinstance(answer, list) or answer.ndim > 2:
        raise ConfigurationError(f"{method} of {predictor!r} answers several tables; no single column holds them")
    one = pyarrow.array(answer.reshape(-1)).type
    return one if answer.ndim == 1 else pyarrow.list_(one)


def _of_one(answer: pyarrow.DataType) -> pyarrow.DataType:
    return getattr(answer, "value_type", answer)
