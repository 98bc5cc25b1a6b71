"""docs/support.md says what holds: a test for each of its marks."""

import importlib

import pytest
from support import cells, page

HERE = [framework for framework in cells.FRAMEWORKS if importlib.util.find_spec(framework)]
WRITTEN = [row for row in page.written() if row.framework in HERE]
MARKS = {
    f"{row.framework}.{row.estimator}.{method}-{form}": (row.framework, row.estimator, method, form, mark)
    for row in WRITTEN
    for method in row.methods
    for form, mark in zip(cells.FORMS, row.marks, strict=True)
}


@pytest.mark.parametrize("framework", HERE)
def test_the_page_has_every_estimator_that_is_read_and_its_methods(framework):
    on_page: dict[str, set] = {}
    for row in WRITTEN:
        if row.framework == framework:
            on_page.setdefault(row.estimator, set()).update(row.methods)
    assert on_page == {name: set(cells.methods(framework, name)) for name in cells.kinds(framework)}


@pytest.mark.parametrize(("framework", "estimator", "method", "form", "mark"), MARKS.values(), ids=MARKS)
def test_cell(framework, estimator, method, form, mark):
    assert cells.mark(framework, estimator, method, form) == mark
