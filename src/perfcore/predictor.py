"""compile() and Predictor: a trained model in, the same answers out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import direct, isa, kernels, threads
from ._ext.calls import Calls, counted
from .batches import answers, tables_of
from .calls import enlisted, stats
from .engines import WORTH_A_THREAD, Engine, EnsembleEngine, ForestEngine, LinearEngine, SumEngine
from .errors import ConfigurationError, InputError
from .estimator import FIT_CONTEXT, Fitted
from .inputs.table import unlabelled
from .model import Ensemble, Forest, Model, OrderedSum

_PROBABILITIES = ("predict_proba", "predict_log_proba")
TABLE_METHODS = ("predict", *_PROBABILITIES, "decision_function", "score_samples", "predict_raw", "apply")


def compile(  # noqa: A001 - perfcore.compile is the name users know from other compilers
    model: Any,
    *,
    kernel: str | None = None,
    n_threads: int | None = None,
    iteration_range: tuple[int, int] | None = None,
) -> Predictor:
    """Make a predictor that answers as a trained model does, to the bit, only sooner.

    Parameters
    ----------
    model : a fitted LightGBM, XGBoost, CatBoost or scikit-learn estimator, a Booster, or the path of a model file
        An estimator answers as that estimator does, a file as that framework's Booster (CatBoost's ``CatBoost``) does.
    kernel : str, optional
        Forces one way to walk the trees, for calls of every size; by default, or with "auto", a cost model chooses
        (`Predictor.explain` says what and why). All give the same bits. ``PERFCORE_KERNEL`` does the same for a
        whole process, where the forest allows it.
    n_threads : int, optional
        Threads for large tables unless a call says otherwise; by default all that the process may use.
    iteration_range : (int, int), optional
        Boosting iterations [begin, end) to use; by default those that the source's own predict uses.

    Raises
    ------
    UnsupportedModelError
        Where the source's answer cannot be given exactly; the message says why.
    ModelFormatError
        Where a model file is damaged.
    """
    from .readers import read

    return enlisted(Predictor(read(model, iteration_range), kernel=kernel, n_threads=n_threads))


def load(path: str | os.PathLike, *, kernel: str | None = None, n_threads: int | None = None) -> Predictor:
    """Open a ``.pcore`` file written by `Predictor.save`; needs no framework installed."""
    from .model.file import read_model

    return enlisted(Predictor(read_model(path), kernel=kernel, n_threads=n_threads))


class _Method:
    """A method that the predictor has only where its source has one, so that hasattr() tells the truth."""

    def __init__(self, function, needs: str):
        self.function, self.needs = counted(function), needs
        self.__doc__ = function.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, predictor, owner=None):
        if predictor is None:
            return self.function
        answers = predictor._model.answers
        if not (hasattr(answers, "raw") if self.needs == "raw" else self.needs in answers.methods):
            raise AttributeError(
                f"perfcore answers no {self.needs} of {predictor._model.origin}, so its predictor has no {self.name}; "
                f"it answers {', '.join(answers.methods)}"
            )
        return self.function.__get__(predictor)


def _where_source_has(name: str):
    return lambda function: _Method(function, name)


def _engine(model: Model, kernel: str | None, n_threads: int | None) -> Engine:
    if isinstance(model.body, Forest):
        return ForestEngine(model, kernel, n_threads)
    if isinstance(model.body, Ensemble):
        models = model.body.models
        return EnsembleEngine(
            model, [Predictor(m, kernel=kernel if _has_forest(m) else None, n_threads=n_threads) for m in models]
        )
    if isinstance(model.body, OrderedSum):
        return SumEngine(model, n_threads)
    return LinearEngine(model)


def _has_forest(model: Model) -> bool:
    if isinstance(model.body, Ensemble):
        return any(map(_has_forest, model.body.models))
    return isinstance(model.body, Forest)


class Predictor(Fitted):
    """A trained model, compiled: immutable, safe from many threads, with no reference to its source.

    Made by `compile` or `load`. Every method over a table takes ``n_threads=``.
    """

    _model: Model
    _forced: str | None
    _n_threads: int | None
    _engine: Engine
    _calls: Calls

    def __init__(self, model: Model, *, kernel: str | None = None, n_threads: int | None = None):
        kernels.chosen(kernel)  # a model without a forest refuses unknown names, too
        isa.chosen()
        if kernel not in (None, "auto") and not _has_forest(model):
            raise ConfigurationError(f"kernel={kernel!r}: {model.origin} holds no forest, only a forest has kernels")
        n_threads = None if n_threads is None else threads.resolve(n_threads)
        engine = _engine(model, kernel, n_threads)
        vars(self).update(_model=model, _forced=kernel, _n_threads=n_threads, _engine=engine, _calls=Calls())
        if isinstance(engine, ForestEngine):
            general = object.__new__(Predictor)
            vars(general).update(vars(self))
            vars(self).update(direct.methods(model, engine.kernel, general, 2 * WORTH_A_THREAD, self._calls))

    # -- the source's own methods --------------------------------------------------------------

    @_where_source_has("predict")
    def predict(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """As the source object's own ``predict(X)``: same bits, shape and dtype."""
        return self._model.answers.predict(self._engine.margins(X, n_threads))

    @_where_source_has("predict_proba")
    def predict_proba(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """As the source's own ``predict_proba(X)``: (n_rows, n_classes)."""
        return self._model.answers.predict_proba(self._engine.margins(X, n_threads))  # type: ignore[attr-defined]

    @_where_source_has("predict_log_proba")
    def predict_log_proba(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """As the source's own ``predict_log_proba(X)``."""
        return self._model.answers.predict_log_proba(self._engine.margins(X, n_threads))  # type: ignore[attr-defined]

    @_where_source_has("decision_function")
    def decision_function(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """As the source's own ``decision_function(X)``."""
        return self._model.answers.decision_function(self._engine.margins(X, n_threads))  # type: ignore[attr-defined]

    @_where_source_has("score_samples")
    def score_samples(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """As the source's own ``score_samples(X)``: the lower, the more abnormal."""
        return self._model.answers.score_samples(self._engine.margins(X, n_threads))  # type: ignore[attr-defined]

    @_where_source_has("raw")
    def predict_raw(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """Margins: the answer before its link, as the source gives them."""
        return self._model.answers.raw(self._engine.margins(X, n_threads))

    @_where_source_has("apply")
    def apply(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """Leaf indices, numbered and shaped as the source does."""
        labels = self._engine.leaves(X, n_threads)  # type: ignore[attr-defined]
        return self._model.answers.leaves(labels)  # type: ignore[attr-defined]

    @_where_source_has("predict")
    def predict_one(self, row: Any) -> Any:
        """The answer for one row: ``predict([row])[0]``.

        Parameters
        ----------
        row : 1-D array or sequence of n_features cells, or a mapping or pandas Series with every column by name
        """
        return self._model.answers.predict(self._margins_one(row))[0]

    @_where_source_has("predict_proba")
    def predict_proba_one(self, row: Any) -> np.ndarray | list[np.ndarray]:
        """Class probabilities for one row: ``predict_proba([row])[0]``; a list of them where there are many outputs."""
        proba = self._model.answers.predict_proba(self._margins_one(row))  # type: ignore[attr-defined]
        return [each[0] for each in proba] if isinstance(proba, list) else proba[0]

    def predict_batches(
        self, batches: Any, method: str = "predict", *, n_threads: int | None = None
    ) -> Iterator[np.ndarray]:
        """Answers of many tables, in order, one for each; concatenated, those of the tables as one.

        No more than one table and its answer is held at a time.

        Parameters
        ----------
        batches : a pyarrow RecordBatchReader, Dataset, Scanner or ParquetFile; whatever streams Arrow (a DuckDB
            relation); or an iterable of tables of any kind that the method takes
        method : name of the method that answers each table

        Raises
        ------
        InputError
            Once the first answer is asked for, or later; the message begins with the batch's number, from 0.
        """
        if method not in TABLE_METHODS:
            raise ConfigurationError(f"method={method!r}: allowed are {', '.join(TABLE_METHODS)}")
        answer = getattr(self, method)
        return answers(tables_of(batches), answer if n_threads is None else partial(answer, n_threads=n_threads))

    def _margins_one(self, row: Any) -> Any:
        try:
            return self._engine.margins_of_row(unlabelled(row))
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"cannot read {type(row).__qualname__} as a row of numbers: {error}") from error

    # -- what it is --------------------------------------------------------------------------------

    @property
    def n_features_in_(self) -> int:
        return self._model.inputs.n_features

    @property
    def feature_names_in_(self) -> np.ndarray:
        if self._model.inputs.feature_names is None:
            raise AttributeError(f"{self._model.origin} was trained without feature names")
        return np.array(self._model.inputs.feature_names, dtype=object)

    @property
    def classes_(self) -> np.ndarray | list[np.ndarray]:
        if self._model.answers.classes is None:
            raise AttributeError(f"{self._model.origin} has no classes")
        return self._model.answers.classes

    @property
    def n_threads(self) -> int | None:
        """Threads for large tables; None: all that the process may use."""
        return self._n_threads

    @property
    def nbytes(self) -> int:
        """Memory of the model, and of what was made of it to answer."""
        return self._engine.nbytes

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides the answers, in hexadecimal; the same after save, load, pickle or copy."""
        from .model.file import fingerprint

        return fingerprint(self._model)

    def stats(self) -> dict[str, Any]:
        """Its calls so far, by whoever makes them in this process.

        Returns
        -------
        dict
            ``calls`` that were answered, their ``rows``, calls that ``failed``; and of the calls that were ``timed``,
            one in 64, seconds: their ``mean``, and ``p50``, ``p95``, ``p99``, which are the ends of buckets of a
            quarter octave; None before the first.
        """
        return stats(self._calls)

    def __repr__(self) -> str:
        return f"<perfcore.Predictor of {self._model.origin}>"

    def __str__(self) -> str:
        lines = [f"perfcore.Predictor of {self._model.origin}"]
        lines += [f"  {name:<16} {value}" for name, value in self._description().items()]
        return "\n".join(lines)

    def _description(self) -> dict[str, str]:
        described = {"features": f"{self.n_features_in_:,}"} | getattr(self._model.inputs, "description", {})
        described |= self._engine.description()
        return described | {"bytes": f"{self.nbytes:,}", "fingerprint": self.fingerprint}

    def explain(self) -> str:
        """What `print` shows, and which kernel answers calls of which size, what others would take, and why.

        Times are what the cost model expects; it is a model, fitted on one machine, and only compares kernels.
        """
        return f"{self}\n{self._engine.explanation()}"

    # -- immutable: kept, sent and copied as bytes -------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Write a ``.pcore`` file, which `perfcore.load` opens without any framework.

        An existing file is replaced at once and whole; predictors loaded from it are not disturbed.
        """
        from .model.file import write_model

        write_model(self._model, path)

    def __reduce__(self):
        from .model.file import to_bytes

        held: list[Any] = []
        data = to_bytes(self._model, held)
        return _from_bytes, (data, self._forced, self._n_threads, *([held] if held else []))

    def __copy__(self) -> Predictor:
        return self

    def __deepcopy__(self, memo: dict) -> Predictor:
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if name != FIT_CONTEXT:
            raise AttributeError(f"a Predictor is immutable: cannot set {name}; compile the model again instead")

    def __delattr__(self, name: str) -> None:
        if name != FIT_CONTEXT:
            raise AttributeError(f"a Predictor is immutable: cannot delete {name}")


def _from_bytes(data: bytes, kernel: str | None, n_threads: int | None, held: Sequence[Any] = ()) -> Predictor:
    from .model.file import from_bytes

    return enlisted(Predictor(from_bytes(data, held), kernel=kernel, n_threads=n_threads))
