"""Streams of tables and single rows: the calls of the last table of docs/support.md."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from perfcore.errors import PerfcoreError
from perfcore.testing import _difference, _source_calls

from .cells import EXACT, NEITHER, REFUSED, SECTIONS, _asked, framework, methods, model

STEP, ROW = 100, 7


class Call(NamedTuple):
    """What is made of a table of training and handed in, and for each answer the tables that the source is asked of."""

    make: Callable[[Any], tuple[Any, list[list[Any]]]]
    is_stream: bool
    has_names: bool = True
    needs: str = "pandas"


def _pieces(table: Any) -> list[Any]:
    return [table[start : start + STEP] for start in range(0, len(table), STEP)]


def _tables(table: Any) -> tuple[Any, list[list[Any]]]:
    return _pieces(table), [[piece] for piece in _pieces(table)]


def _arrow_reader(table: Any) -> tuple[Any, list[list[Any]]]:
    import pyarrow

    arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
    sources = [[arrow[i * STEP : (i + 1) * STEP], piece] for i, piece in enumerate(_pieces(table))]
    return arrow.to_reader(max_chunksize=STEP), sources


def _of_array(row: Callable[[Any], Any]) -> Any:
    return lambda X: (row(X[ROW]), [[row(X[ROW : ROW + 1])]])


def _of_frame(row: Callable[[Any], Any]) -> Any:
    # A linear model's last bits depend on the layout of the call: that of an array of the row.
    return lambda X: (row(X.iloc[ROW]), [[X[ROW : ROW + 1], X.to_numpy()[ROW : ROW + 1].copy()]])


CALLS = {
    "`predict_batches`, numpy": Call(_tables, True, False, "numpy"),
    "`predict_batches`, pandas": Call(_tables, True),
    "`predict_batches`, Arrow reader": Call(_arrow_reader, True, needs="pyarrow"),
    "one row, numpy float64": Call(_of_array(np.copy), False, False, "numpy"),
    "one row, numpy float32": Call(_of_array(np.float32), False, False, "numpy"),
    "one row, list": Call(_of_array(np.ndarray.tolist), False, False, "numpy"),
    "one row, dict": Call(_of_frame(dict), False),
    "one row, pandas Series": Call(_of_frame(lambda row: row), False),
}


def models(column: str, call: str) -> Iterator[tuple[str, str]]:
    """Section and estimator of a framework's models that are asked: by names, those over categories, too."""
    yield from ((column, estimator) for estimator in SECTIONS[column].kinds())
    if CALLS[call].has_names:
        yield from (("texts", each) for each in SECTIONS["texts"].kinds() if framework("texts", each) == column)


def mark(section: str, estimator: str, call: str) -> str:
    """Found by asking both; `AssertionError` where both answer, and differ."""
    make, is_stream, has_names, _ = CALLS[call]
    source, fast = model(section, estimator, has_names)
    table = SECTIONS[section].trained_on(has_names)
    if is_stream:
        handed, sources = make(table)
        return _mark(lambda: list(fast.predict_batches(handed)), lambda piece: _of(source, piece, "predict"), sources)
    asked = {"predict": fast.predict_one}
    if "predict_proba" in methods(section, estimator):
        asked["predict_proba"] = fast.predict_proba_one
    (found,) = {_one(source, method, function, *make(table)) for method, function in asked.items()}
    return found


def _one(source: Any, method: str, function: Callable[[Any], Any], row: Any, sources: list[list[Any]]) -> str:
    return _mark(
        lambda: [_as_table(function(row))], lambda table: _as_table(_first(_of(source, table, method))), sources
    )


def _of(source: Any, table: Any, method: str) -> Any:
    return _source_calls(source, table, None)[method]()


def _first(answer: Any) -> Any:
    return [each[0] for each in answer] if isinstance(answer, list) else answer[0]


def _as_table(answer: Any) -> Any:
    """An answer of one row as an array of rows, by which answers are compared."""
    return [np.asarray(each)[None] for each in answer] if isinstance(answer, list) else np.asarray(answer)[None]


def _mark(ask: Callable[[], list[Any]], source: Callable[[Any], Any], tables: list[list[Any]]) -> str:
    answers = _asked(ask)
    expected = [[_asked(functools.partial(source, table)) for table in several] for several in tables]
    taken = [[each for each in several if not isinstance(each, Exception)] for several in expected]
    if isinstance(answers, Exception):
        if not isinstance(answers, PerfcoreError):
            raise answers
        return REFUSED if all(taken) else NEITHER
    for answer, several in zip(answers, taken, strict=True):
        differences = [_difference(each, answer) for each in several]
        if None not in differences:
            raise AssertionError(differences)
    return EXACT
