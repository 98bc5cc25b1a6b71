"""verify(): hold a predictor against the model it was made from, bit by bit; assert_causal() for features."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .causality import assert_causal as assert_causal
from .dropin.record import alone
from .errors import ConfigurationError, MismatchError
from .predictor import Predictor

# In the order of asking.
METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "predict_raw",
    "apply",
)


def verify(
    predictor: Predictor,
    model: Any,
    X: Any,
    *,
    iteration_range: tuple[int, int] | None = None,
) -> None:
    """Raise unless predictor and model answer the same bits, in the same dtype and shape.

    Compared are ``predict``, ``predict_proba``, ``predict_log_proba``, ``decision_function``, ``score_samples``,
    ``predict_raw`` and ``apply``, those that both have, with the source's own calls: of a LightGBM or XGBoost model,
    margins are ``raw_score=True`` or ``output_margin=True``, leaves ``pred_leaf=True``; of a CatBoost model, margins
    are ``prediction_type="RawFormulaVal"``, leaves ``calc_leaf_indexes``; of a scikit-learn boosting model's first
    iterations, answers are those of ``staged_predict`` and its like.

    Parameters
    ----------
    predictor : what `perfcore.compile` made of the model
    model : the fitted estimator, Booster or path of a model file that it was made from
        scikit-learn's are asked with ``n_jobs=1``, whatever they hold: perfcore adds up in that order.
    X : table (n_rows, n_features)
    iteration_range : (int, int), optional
        What `perfcore.compile` was given, if anything.

    Raises
    ------
    MismatchError
        With ``method``, ``row`` (the first unequal one), ``source`` and ``answer`` (both answers for that
        row) and ``tree`` (the first whose leaf differs; None where all leaves are equal or not known).
    """
    calls = _source_calls(model, X, iteration_range)
    shared = [name for name in METHODS if name in calls and hasattr(predictor, name)]
    if not shared:
        raise ConfigurationError(f"verify: {type(model).__name__} and {predictor!r} have no method in common")
    for name in shared:
        with alone:  # the framework itself, even where it is patched
            expected = calls[name]()
        got = getattr(predictor, name)(X)
        difference = _difference(expected, got)
        if difference is not None:
            with alone:
                tree = _parting_tree(predictor, calls, X, difference.row)
            raise _mismatch(name, difference, tree)


# -- the source's own calls ------------------------------------------------------------------------------


def _source_calls(model: Any, X: Any, iteration_range: tuple[int, int] | None) -> dict[str, Callable[[], Any]]:
    """For each method of a predictor, the call that gives the source's answer."""
    if isinstance(model, str | os.PathLike):
        model = _booster_of_file(os.fspath(model))
    for base in type(model).__mro__:
        framework = base.__module__.partition(".")[0]
        if framework == "lightgbm":
            return _lightgbm_calls(model, X, iteration_range)
        if framework == "xgboost":
            return _xgboost_calls(model, X, iteration_range)
        if framework == "catboost":
            return _catboost_calls(model, X, iteration_range)
        if framework == "sklearn":
            return _sklearn_calls(model, X, iteration_range)
    raise ConfigurationError(
        f"verify: expected a LightGBM, XGBoost, CatBoost or scikit-learn model or the path of a model file, "
        f"got {type(model).__module__}.{type(model).__qualname__}"
    )


def _booster_of_file(path: str) -> Any:
    with open(path, "rb") as file:
        head = file.read(6)
    if head.startswith(b"tree"):
        import lightgbm

        return lightgbm.Booster(model_file=path)
    if head.startswith(b"CBM1"):
        import catboost

        return catboost.CatBoost().load_model(path)
    if head == b"\x93PCORE":
        raise ConfigurationError(f"verify: {path} is a perfcore file; give the model that it was made from")
    import xgboost

    return xgboost.Booster(model_file=path)


def _lightgbm_calls(model: Any, X: Any, iteration_range: tuple[int, int] | None) -> dict[str, Callable[[], Any]]:
    options = {}
    if iteration_range is not None:
        options = {"start_iteration": iteration_range[0], "num_iteration": iteration_range[1] - iteration_range[0]}
    calls = {
        "predict": lambda: model.predict(X, **options),
        "predict_raw": lambda: model.predict(X, raw_score=True, **options),
        "apply": lambda: model.predict(X, pred_leaf=True, **options),
    }
    if hasattr(model, "predict_proba"):
        calls["predict_proba"] = lambda: model.predict_proba(X, **options)
    return calls


def _xgboost_calls(model: Any, X: Any, iteration_range: tuple[int, int] | None) -> dict[str, Callable[[], Any]]:
    import xgboost

    options = {} if iteration_range is None else {"iteration_range": iteration_range}
    if isinstance(model, xgboost.Booster):
        table = xgboost.DMatrix(X, enable_categorical=True)
        return {
            "predict": lambda: model.predict(table, **options),
            "predict_raw": lambda: model.predict(table, output_margin=True, **options),
            "apply": lambda: model.predict(table, pred_leaf=True, **options),
        }
    calls = {
        "predict": lambda: model.predict(X, **options),
        "predict_raw": lambda: model.predict(X, output_margin=True, **options),
        "apply": lambda: model.apply(X, **options),
    }
    if hasattr(model, "predict_proba"):
        calls["predict_proba"] = lambda: model.predict_proba(X, **options)
    return calls


def _catboost_calls(model: Any, X: Any, iteration_range: tuple[int, int] | None) -> dict[str, Callable[[], Any]]:
    from catboost import CatBoost

    begin, end = iteration_range or (0, 0)
    options = {"ntree_start": begin, "ntree_end": end, "thread_count": 1}
    return {
        "predict": lambda: model.predict(X, **options),
        "predict_proba": lambda: CatBoost.predict(model, X, prediction_type="Probability", **options),
        "predict_log_proba": lambda: CatBoost.predict(model, X, prediction_type="LogProbability", **options),
        "predict_raw": lambda: CatBoost.predict(model, X, prediction_type="RawFormulaVal", **options),
        "apply": lambda: model.calc_leaf_indexes(X, **options),
    }


def _sklearn_calls(model: Any, X: Any, iteration_range: tuple[int, int] | None) -> dict[str, Callable[[], Any]]:
    if iteration_range is not None:
        return _staged_calls(model, X, iteration_range)
    # A scikit-learn estimator has no predict_raw.
    return {name: functools.partial(_one_job, getattr(model, name), X) for name in METHODS if hasattr(model, name)}


def _one_job(method: Callable, X: Any) -> Any:
    """A method's answer with n_jobs=1, for the estimator and for all that it holds."""
    import joblib

    with joblib.parallel_config("sequential"):
        return method(X)


def _staged_calls(model: Any, X: Any, iteration_range: tuple[int, int]) -> dict[str, Callable[[], Any]]:
    begin, end = iteration_range
    if not hasattr(model, "staged_predict") or begin != 0 or end < 1:
        raise ConfigurationError(
            f"verify: iteration_range={iteration_range} of {type(model).__name__}: of scikit-learn's models, boosting "
            "ones alone have iterations, and answer for (0, end) alone"
        )

    def staged(name: str) -> Any:
        answer = next(itertools.islice(getattr(model, "staged_" + name)(X), end - 1, None))
        # GradientBoosting's staged margins keep the column that its decision_function drops.
        return answer.ravel() if name == "decision_function" and answer.shape[1:] == (1,) else answer

    calls: dict[str, Callable] = {
        name: functools.partial(staged, name) for name in METHODS if hasattr(model, "staged_" + name)
    }
    if hasattr(model, "apply"):
        calls["apply"] = lambda: model.apply(X)[:, :end]
    return calls


# -- comparing ---------------------------------------------------------------------------------------------


class _Difference(NamedTuple):
    row: int | None  # None where the answers differ in kind, shape or dtype
    expected: Any
    got: Any


def _difference(expected: Any, got: Any) -> _Difference | None:
    if isinstance(expected, list):  # scikit-learn gives a list, one array an output
        if not isinstance(got, list) or len(got) != len(expected):
            return _Difference(None, _kind(expected), _kind(got))
        return next(filter(None, map(_difference, expected, got)), None)
    if _kind(expected) != _kind(got):
        return _Difference(None, _kind(expected), _kind(got))
    unequal = _unequal_rows(expected, got)
    if len(unequal) == 0:
        return None
    row = int(unequal[0])
    return _Difference(row, expected[row], got[row])


def _kind(answer: Any) -> str:
    if isinstance(answer, np.ndarray):
        return f"array of {answer.dtype}, shape {answer.shape}"
    if isinstance(answer, list):
        return f"list of {len(answer)}: {', '.join(map(_kind, answer[:3]))}"
    return type(answer).__name__


def _unequal_rows(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.size == 0:
        return np.empty(0, np.intp)
    if a.dtype == object:
        pairs = zip(a.ravel(), b.ravel(), strict=True)
        # The texts, because nan is not equal to itself, and 0.0 is to -0.0.
        same = np.array([type(x) is type(y) and repr(x) == repr(y) for x, y in pairs]).reshape(len(a), -1)
    else:
        a, b = (np.ascontiguousarray(each).reshape(len(each), -1).view(np.uint8) for each in (a, b))
        same = a == b
    return np.flatnonzero(~same.all(axis=1))


def _parting_tree(predictor: Predictor, calls: dict[str, Callable], X: Any, row: int | None) -> tuple | str | None:
    """(tree, source's leaf, perfcore's leaf) of the first tree that parts for a row, or why there is none."""
    if row is None:
        return None
    if "apply" not in calls or not hasattr(predictor, "apply"):
        return "the source numbers no leaves"
    source, own = (np.asarray(each) for each in (calls["apply"](), predictor.apply(X)))
    if source.size == own.size == 0:
        return "there are no trees: the base or the link differs"
    if source.size != own.size:
        return f"leaves of shape {source.shape} and {own.shape}"
    source, own = (each.reshape(len(each), -1) for each in (source, own))
    trees = np.flatnonzero(source[row] != own[row])
    if len(trees) == 0:
        return "leaves equal: the sum or the link differs"
    tree = int(trees[0])
    return tree, int(source[row, tree]), int(own[row, tree])


def _mismatch(method: str, difference: _Difference, tree: tuple | str | None) -> MismatchError:
    row, expected, got = difference
    if row is None:
        text = f"{method}: the source gives {expected}, perfcore {got}"
    else:
        text = f"{method}, row {row}: the source gives {_shown(expected)}, perfcore {_shown(got)}"
    if isinstance(tree, tuple):
        text += f"; they part in tree {tree[0]}: the source's leaf is {tree[1]}, perfcore's {tree[2]}"
    elif tree is not None:
        text += f"; {tree}"
    error = MismatchError(text)
    error.method, error.row, error.source, error.answer = method, row, expected, got
    error.tree = tree[0] if isinstance(tree, tuple) else None
    return error


def _shown(answer: Any) -> str:
    """An answer and its bits, the most significant first."""
    cells = np.atleast_1d(answer)
    shown = ", ".join(_cell(cell) for cell in cells.ravel()[:8])
    more = ", ..." if cells.size > 8 else ""
    return f"[{shown}{more}]" if np.ndim(answer) else shown


def _cell(cell: Any) -> str:
    if isinstance(cell, np.floating):
        return f"{cell.item()!r} (0x{cell.byteswap().tobytes().hex()})"
    return repr(cell.item() if isinstance(cell, np.generic) else cell)
