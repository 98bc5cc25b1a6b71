"""PERFCORE_ISA decides what a predictor runs on, and says so where it cannot."""

import pytest
from forests import Recipe, make_forest

from perfcore import ConfigurationError, isa
from perfcore._ext.forest import ForestKernel, instruction_sets


@pytest.mark.parametrize("name", instruction_sets())
def test_a_forced_instruction_set_is_the_one_that_runs(monkeypatch, name):
    monkeypatch.setenv("PERFCORE_ISA", name)
    assert isa.chosen() == name
    kernel = ForestKernel(make_forest(Recipe(seed=1))[0], isa=isa.chosen())
    assert kernel.isa == name


def test_the_best_instruction_set_is_chosen_unless_forced(monkeypatch):
    monkeypatch.delenv("PERFCORE_ISA", raising=False)
    assert isa.chosen() == instruction_sets()[0]
    assert instruction_sets()[-1] == "portable"


def test_an_instruction_set_that_is_not_here_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("PERFCORE_ISA", "mmx")
    with pytest.raises(ConfigurationError, match="mmx.*portable"):
        isa.chosen()
