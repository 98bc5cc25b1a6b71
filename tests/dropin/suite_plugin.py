"""A pytest plugin for other people's tests: runs them patched where asked, and writes what came of them."""

import json
import os

OUTCOMES = {}


def pytest_configure(config):
    if os.environ["PERFCORE_SUITE_PATCH"]:
        import perfcore
        from perfcore.dropin import price

        price.at_once = True
        perfcore.patch("sklearn")


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES[report.nodeid] = report.outcome


def pytest_sessionfinish(session):
    found = {"outcomes": OUTCOMES, "counts": []}
    if os.environ["PERFCORE_SUITE_PATCH"]:
        import perfcore

        found["counts"] = list(perfcore.patch_report())
    with open(os.environ["PERFCORE_SUITE_OUT"], "w", encoding="utf-8") as file:
        json.dump(found, file)
