"""docs/support.md: written from what holds, and read back by the tests."""

from __future__ import annotations

import functools
import platform
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from . import calls
from .cells import AS_NUMPY, EXACT, FRAMEWORKS, NEITHER, REFUSED, SECTIONS, mark, methods

PAGE = Path(__file__).parents[2] / "docs" / "support.md"
# The names that a framework may be installed by.
DISTRIBUTIONS = {
    "lightgbm": ["lightgbm"],
    "xgboost": ["xgboost", "xgboost-cpu"],
    "catboost": ["catboost"],
    "sklearn": ["scikit-learn"],
}

HEAD = """# What is read, and what is taken

Written by `make support`: small models of every kind are trained, they and perfcore are handed every table below, and
their answers are compared byte for byte. Written with:
{versions}.

Every mark is a test of `make test`, `tests/support/test_support.py::test_mark[SECTION.ESTIMATOR.METHOD-FORM]` (METHOD:
the first of the row), which finds it anew. With other versions (tried: scikit-learn 1.6 to 1.9, XGBoost 3.2 and 3.4,
Python 3.11 to 3.13) perfcore takes and refuses the same, while the source may take more or less; what a version does
not have, is skipped.

| mark | of a method of a model, and a form of table |
|---|---|
| `{EXACT}` | the source takes it, and perfcore's answer has the same bits, dtype and shape |
| `{AS_NUMPY}` | the source does not take it; perfcore answers as for the same values in numpy, pandas or Arrow |
| `{REFUSED}` | the source takes it; perfcore refuses it and says so |
| `{NEITHER}` | both refuse it |

Arrays, lists and matrices are handed to models that were trained on an array; tables with names to such that were
trained on a data frame.
"""

CATEGORIES = """
## Columns of categories

The first table: models trained on a pandas category column of texts. Unseen: a value that training did not have;
XGBoost before 3.4 takes it for the next known one in order, which perfcore refuses. Codes: places among the categories
of training. CatBoost's own reading of a polars Categorical ends the process now and then, so it is not asked.
"""

CODES = """
The second: models trained on an array whose column of whole numbers was said to be of categories (CatBoost's: of
objects).
"""

CALLS = """
## Streams and single rows

`predict_batches`, and `predict_one` and `predict_proba_one`, of all the estimators above: `=` where every one gives
the bits of the source's answer to each table of the stream, or to the row as a table. Rows and tables with names are
asked of the models of text categories, too.
"""


class Row(NamedTuple):
    section: str
    estimator: str
    methods: tuple[str, ...]  # those with the same marks
    marks: tuple[str, ...]  # one a form


def found(section: str) -> list[Row]:
    """The rows of a section, as they are."""
    rows = []
    for estimator in SECTIONS[section].kinds():
        alike: dict[tuple[str, ...], list[str]] = {}
        for method in methods(section, estimator):
            marks = tuple(mark(section, estimator, method, form) for form in SECTIONS[section].forms)
            alike.setdefault(marks, []).append(method)
        rows += [Row(section, estimator, tuple(several), marks) for marks, several in alike.items()]
    return rows


def text() -> str:
    used = [*versions().values(), f"Python {platform.python_version()}"]
    marks = {"EXACT": EXACT, "AS_NUMPY": AS_NUMPY, "REFUSED": REFUSED, "NEITHER": NEITHER}
    parts = [HEAD.format(versions=", ".join(used), **marks)]
    for section, title in FRAMEWORKS.items():
        parts += [f"\n## {title}\n", *_table(section)]
    parts += [CATEGORIES, *_table("texts"), CODES, *_table("codes"), CALLS]
    parts += [f"| | {' | '.join(FRAMEWORKS.values())} |", "|---|" + ":-:|" * len(FRAMEWORKS)]
    for call in calls.CALLS:
        parts.append(f"| {call} | " + " | ".join(f"`{_of_all(framework, call)}`" for framework in FRAMEWORKS) + " |")
    return "\n".join(parts) + "\n"


def _table(section: str) -> list[str]:
    forms = SECTIONS[section].forms
    lines = [f"| | methods | {' | '.join(forms)} |", "|---|---|" + ":-:|" * len(forms)]
    for row in found(section):
        marks = " | ".join(f"`{each}`" for each in row.marks)
        lines.append(f"| {row.estimator} | {', '.join(row.methods)} | {marks} |")
    return lines


def _of_all(framework: str, call: str) -> str:
    marks = {calls.mark(*each, call) for each in calls.models(framework, call)}
    if len(marks) > 1:
        raise AssertionError(f"{call}: the models of {framework} differ: {marks}")
    return marks.pop()


@functools.cache
def versions() -> dict[str, str]:
    """Of the frameworks that are installed."""
    here = {name: [each for each in names if _version(each)] for name, names in DISTRIBUTIONS.items()}
    return {name: f"{FRAMEWORKS[name]} {_version(names[0])}" for name, names in here.items() if names}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def written() -> list[Row]:
    """The rows of models that the page has, each of the section whose header it stands under."""
    headers = {("", "methods", *section.forms): name for name, section in SECTIONS.items() if not section.framework}
    rows, section, titles = [], "", {f"## {title}": name for name, title in FRAMEWORKS.items()}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        columns = tuple(part.strip().strip("`") for part in line.strip("|").split("|"))
        section = titles.get(line) or headers.get(columns) or section
        if section and len(columns) == 2 + len(SECTIONS[section].forms) and columns[1] not in ("methods", "---"):
            rows.append(Row(section, columns[0], tuple(columns[1].split(", ")), columns[2:]))
    return rows


def written_calls() -> dict[tuple[str, str], str]:
    """framework, call -> the mark that the page has."""
    lines = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    rows = {columns[0].strip(): [each.strip(" `") for each in columns[1:]] for columns in lines}
    return {(framework, call): rows[call][i] for call in calls.CALLS for i, framework in enumerate(FRAMEWORKS)}
