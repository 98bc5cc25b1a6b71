"""docs/support.md says what holds: a test for each of its marks."""

import contextlib
import importlib

import pytest
from support import calls, cells, estimators, page
from threadpoolctl import threadpool_limits

MARKS = {
    f"{row.section}.{row.estimator}.{row.methods[0]}-{form}": (row, form, mark)
    for row in page.written()
    for form, mark in zip(cells.SECTIONS[row.section].forms, row.marks, strict=True)
}
CALLS = {f"{framework}-{call}": (framework, call, mark) for (framework, call), mark in page.written_calls().items()}
TEXT = page.PAGE.read_text(encoding="utf-8")
ANSWERED = (cells.EXACT, cells.AS_NUMPY)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    for framework in cells.FRAMEWORKS:  # which load the libraries whose threads are limited
        with contextlib.suppress(ImportError):
            importlib.import_module(framework)
    with threadpool_limits(1):
        yield


def here(section, estimator):
    """Skips what is not installed here, or not in its version."""
    framework = cells.framework(section, estimator)
    pytest.importorskip(framework)
    if estimator not in cells.SECTIONS[section].kinds():
        pytest.skip(f"{page.versions()[framework]} has no {estimator}")


@pytest.mark.parametrize("framework", cells.FRAMEWORKS)
def test_the_page_has_every_estimator_that_is_read_and_its_methods(framework):
    pytest.importorskip(framework)
    on_page: dict[str, set] = {}
    for row in page.written():
        if row.section == framework:
            on_page.setdefault(row.estimator, set()).update(row.methods)
    read = cells.SECTIONS[framework].kinds()
    assert {name: on_page.get(name) for name in read} == {name: {*cells.methods(framework, name)} for name in read}


def test_an_estimator_that_a_version_lacks_is_left_out(monkeypatch):
    module = pytest.importorskip("sklearn.linear_model")
    monkeypatch.delattr(module, "PassiveAggressiveClassifier")
    assert "PassiveAggressiveClassifier" not in estimators.kinds.__wrapped__("sklearn")


@pytest.mark.parametrize(("row", "form", "mark"), MARKS.values(), ids=MARKS)
def test_mark(row, form, mark):
    here(row.section, row.estimator)
    pytest.importorskip(cells.SECTIONS[row.section].forms[form].needs)
    found = {method: cells.mark(row.section, row.estimator, method, form) for method in row.methods}
    if page.versions()[cells.framework(row.section, row.estimator)] not in TEXT:
        # The source may take more or less than in the page's version; perfcore may not.
        found = {method: mark if (each in ANSWERED) == (mark in ANSWERED) else each for method, each in found.items()}
    assert found == dict.fromkeys(row.methods, mark)


@pytest.mark.parametrize(("framework", "call", "mark"), CALLS.values(), ids=CALLS)
def test_call(framework, call, mark):
    pytest.importorskip(framework)
    pytest.importorskip(calls.CALLS[call].needs)
    found = {estimator: calls.mark(section, estimator, call) for section, estimator in calls.models(framework, call)}
    assert found == dict.fromkeys(found, mark)
