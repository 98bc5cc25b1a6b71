"""The scenarios on perfcore alone, for pytest-benchmark: ``pytest benchmarks --benchmark-only``."""

import os

import pytest

from perfcore._ext.forest import instruction_sets

from .runner import job_of
from .scenarios import RECIPES, SCENARIOS
from .worker import Job

forced = os.environ.get("PERFCORE_ISA")


@pytest.mark.parametrize("isa", [forced] if forced else instruction_sets())
@pytest.mark.parametrize("name", SCENARIOS)
def test_perfcore(benchmark, name, isa, monkeypatch, tmp_path):
    monkeypatch.setenv("PERFCORE_ISA", isa)
    scenario = SCENARIOS[name]
    job = job_of(scenario, RECIPES[scenario.model], tmp_path)
    benchmark.group = name
    benchmark.extra_info["rows"] = scenario.rows  # its times are of all of them
    benchmark(Job("perfcore", **job, threads=scenario.threads).once)
