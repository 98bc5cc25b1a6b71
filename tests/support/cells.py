"""What holds for one method of one model and one form of table: a cell of docs/support.md."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import perfcore
from perfcore.errors import PerfcoreError
from perfcore.testing import METHODS, _difference, _source_calls

from . import categories, estimators
from .estimators import CELLS, Kind
from .inputs import FORMS, Form, arrow, frame

FRAMEWORKS = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost", "sklearn": "scikit-learn"}
EXACT, AS_NUMPY, REFUSED, NEITHER = "=", "+", "no", "–"


class Section(NamedTuple):
    """A table of the page: its rows are models, its columns forms."""

    title: str
    kinds: Callable[[], dict[str, Kind]]
    forms: dict[str, Form]
    trained_on: Callable[[bool], Any]  # a table with names of columns, or without
    alike: Callable[[Form], list[Any]]  # the same values as a form's, as sources take them
    framework: str = ""  # else the kinds tell theirs


def _of_framework(title: str, framework: str) -> Section:
    def alike(form: Form) -> list[Any]:
        if form.has_names:
            return [frame(), arrow()]
        table = form.make()
        return [table.toarray() if hasattr(table, "toarray") else np.asarray(table)]

    kinds = functools.partial(estimators.kinds, framework)
    return Section(title, kinds, FORMS, lambda named: frame() if named else CELLS, alike, framework)


SECTIONS = {
    **{name: _of_framework(title, name) for name, title in FRAMEWORKS.items()},
    "texts": Section(
        "Categories that are texts",
        categories.kinds,
        categories.TEXT_FORMS,
        lambda _: categories.text_frame(),
        lambda _: [categories.text_frame(), categories.code_array()],
    ),
    "codes": Section(
        "Categories that are codes",
        categories.kinds,
        categories.CODE_FORMS,
        lambda _: categories.code_array(),
        lambda _: [categories.code_array(), categories.objects(categories.CODES)],
    ),
}


def framework(section: str, estimator: str) -> str:
    return SECTIONS[section].framework or SECTIONS[section].kinds()[estimator].framework


@functools.cache
def model(section: str, estimator: str, named: bool) -> tuple[Any, perfcore.Predictor]:
    kind, table = SECTIONS[section].kinds()[estimator], SECTIONS[section].trained_on(named)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = kind.fitted(table)
    return source, perfcore.compile(source)


@functools.cache
def methods(section: str, estimator: str) -> list[str]:
    """Of perfcore's methods those that the estimator and its predictor have."""
    source, fast = model(section, estimator, False)
    return [name for name in METHODS if name in _source_calls(source, CELLS, None) and hasattr(fast, name)]


@functools.cache
def made(section: str, form: str) -> Any:
    return SECTIONS[section].forms[form].make()


@functools.cache
def mark(section: str, estimator: str, method: str, form: str) -> str:
    """Found by asking both; `AssertionError` where both answer, and differ."""
    asked = SECTIONS[section].forms[form]
    source, fast = model(section, estimator, asked.has_names)
    table = made(section, form)
    answer = _asked(lambda: getattr(fast, method)(table))
    expected: Any = NotImplementedError()
    if asked.ends != framework(section, estimator):
        expected = _asked(lambda: _source_calls(source, table, None)[method]())
    if isinstance(answer, Exception):
        if not isinstance(answer, PerfcoreError):
            raise answer
        return NEITHER if isinstance(expected, Exception) else REFUSED
    if not isinstance(expected, Exception):
        if (difference := _difference(expected, answer)) is not None:
            raise AssertionError(f"{estimator}.{method} of {form}: {difference}")
        return EXACT
    # A linear model's last bits depend on the table's layout, which is that of one of these.
    others = [_asked(lambda each=each: getattr(fast, method)(each)) for each in SECTIONS[section].alike(asked)]
    differences = [other if isinstance(other, Exception) else _difference(other, answer) for other in others]
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
