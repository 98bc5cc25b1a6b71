"""What holds for one method of one model and one form of table: a cell of docs/support.md."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import perfcore
from perfcore.errors import PerfcoreError
from perfcore.testing import METHODS, _difference, _source_calls

from .estimators import CELLS, kinds
from .inputs import NAMED, UNNAMED, arrow, frame

EXACT, AS_NUMPY, REFUSED, NEITHER = "=", "+", "no", "–"
FRAMEWORKS = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost", "sklearn": "scikit-learn"}
FORMS = {**UNNAMED, **NAMED}


@functools.cache
def model(framework: str, estimator: str, named: bool) -> tuple[Any, perfcore.Predictor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = kinds(framework)[estimator].fitted(frame() if named else CELLS)
    return source, perfcore.compile(source)


@functools.cache
def methods(framework: str, estimator: str) -> list[str]:
    """Of perfcore's methods those that the estimator and its predictor have."""
    source, fast = model(framework, estimator, False)
    return [name for name in METHODS if name in _source_calls(source, CELLS, None) and hasattr(fast, name)]


@functools.cache
def mark(framework: str, estimator: str, method: str, form: str) -> str:
    """Found by asking both; `AssertionError` where both answer, and differ."""
    source, fast = model(framework, estimator, form in NAMED)
    answer = _asked(lambda: getattr(fast, method)(FORMS[form]()))
    expected = _asked(lambda: _source_calls(source, FORMS[form](), None)[method]())
    if isinstance(answer, Exception):
        if not isinstance(answer, PerfcoreError):
            raise answer
        return NEITHER if isinstance(expected, Exception) else REFUSED
    if not isinstance(expected, Exception):
        if (difference := _difference(expected, answer)) is not None:
            raise AssertionError(f"{estimator}.{method} of {form}: {difference}")
        return EXACT
    # A linear model's last bits depend on the table's layout, which is that of one of these.
    differences = [_difference(getattr(fast, method)(table), answer) for table in _alike(form)]
    if None not in differences:
        raise AssertionError(f"{estimator}.{method} of {form}: {differences}")
    return AS_NUMPY


def _asked(call: Callable[[], Any]) -> Any:
    """What a call returned or, of whatever class, raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception as error:  # noqa: BLE001
            return error


def _alike(form: str) -> list[Any]:
    """The same numbers as the source takes them."""
    if form in NAMED:
        return [frame(), arrow()]
    table = FORMS[form]()
    return [table.toarray() if hasattr(table, "toarray") else np.asarray(table)]
