"""docs/support.md: written from what holds, and read back by the tests."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .cells import AS_NUMPY, EXACT, FORMS, FRAMEWORKS, NEITHER, REFUSED, mark, methods
from .estimators import kinds

PAGE = Path(__file__).parents[2] / "docs" / "support.md"

HEAD = f"""# What is read, and what is taken

Every mark below is a test, `tests/support/test_support.py::test_cell[FRAMEWORK.ESTIMATOR.METHOD-FORM]`: a small model
is trained, the source and perfcore are asked, and the mark must be what is found. `make support` writes this page anew.

| mark | of a method of a model, and a form of table |
|---|---|
| `{EXACT}` | the source takes it, and perfcore's answer has the same bits, dtype and shape |
| `{AS_NUMPY}` | the source does not take it; perfcore answers as for the same numbers in numpy, pandas or Arrow |
| `{REFUSED}` | the source takes it; perfcore refuses it and says so |
| `{NEITHER}` | both refuse it |

Arrays, lists and matrices are handed to models that were trained on an array; tables with names to such that were
trained on a data frame.
"""


class Row(NamedTuple):
    framework: str
    estimator: str
    methods: tuple[str, ...]  # those with the same marks
    marks: tuple[str, ...]  # one a form


def found(framework: str) -> list[Row]:
    """The rows of a framework, as they are."""
    rows = []
    for estimator in kinds(framework):
        alike: dict[tuple[str, ...], list[str]] = {}
        for method in methods(framework, estimator):
            marks = tuple(mark(framework, estimator, method, form) for form in FORMS)
            alike.setdefault(marks, []).append(method)
        rows += [Row(framework, estimator, tuple(several), marks) for marks, several in alike.items()]
    return rows


def text() -> str:
    parts = [HEAD]
    for framework, title in FRAMEWORKS.items():
        parts.append(f"\n## {title}\n")
        parts.append(f"| | methods | {' | '.join(FORMS)} |")
        parts.append("|---|---|" + ":-:|" * len(FORMS))
        for row in found(framework):
            marks = " | ".join(f"`{each}`" for each in row.marks)
            parts.append(f"| {row.estimator} | {', '.join(row.methods)} | {marks} |")
    return "\n".join(parts) + "\n"


def written() -> list[Row]:
    """The rows that the page has."""
    rows, framework = [], ""
    titles = {f"## {title}": framework for framework, title in FRAMEWORKS.items()}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        framework = titles.get(line, framework)
        columns = [part.strip().strip("`") for part in line.strip("|").split("|")]
        if len(columns) == 2 + len(FORMS) and columns[1] not in ("methods", "---"):
            rows.append(Row(framework, columns[0], tuple(columns[1].split(", ")), tuple(columns[2:])))
    return rows
