"""The sides of a measurement: the source, perfcore on each instruction set, rivals; each a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace

from . import environments
from .scenarios import Recipe, Scenario


@dataclass(frozen=True)
class Side:
    """Who answers, and the process that it runs in."""

    name: str
    adapter: str
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)
    rival: bool = False  # whose answers need not be those of the source bit for bit
    threads: int | None = None  # instead of the scenario's
    module: str = "benchmarks.worker"  # what the process runs

    def refusal(self, scenario: Scenario, recipe: Recipe) -> str | None:
        """Why it is not asked in this scenario, or None."""
        if not self.rival:
            return None
        reads = importlib.import_module(f"benchmarks.adapters.{self.adapter}").FRAMEWORKS
        if recipe.framework not in reads:
            return f"does not read {recipe.framework}"
        return "is asked with numpy tables only" if scenario.hand == "frame" else None


def sides() -> tuple[list[Side], list[str]]:
    """Those that can be asked here, the source first, and for each other one why not."""
    from perfcore import isa
    from perfcore._ext.forest import instruction_sets

    forced = os.environ.get("PERFCORE_ISA")
    chosen = (isa.chosen(),) if forced else instruction_sets()
    found = [Side("source", "source")]
    found += [
        Side("perfcore" if i == 0 else f"perfcore {name}", "perfcore", environment={"PERFCORE_ISA": name})
        for i, name in enumerate(chosen)
    ]
    reason = f"PERFCORE_ISA={forced}" if forced else "this machine has no such instructions"
    absent = [f"perfcore {name} is left out: {reason}" for name in ("avx512", "avx2", "portable") if name not in chosen]
    for name in environments.RIVALS:
        if absence := environments.absence(name):
            absent.append(absence)
        else:
            found.append(Side(name, name, str(environments.python(name)), rival=True))
    return found, absent


def with_one_thread(sides: list[Side], scenario: Scenario) -> list[Side]:
    """Where a scenario has several threads, perfcore on one as well, in the same rounds."""
    if scenario.threads == 1:
        return sides
    return [*sides, *(replace(side, name=ONE_THREAD, threads=1) for side in sides if side.name == "perfcore")]


ONE_THREAD = "perfcore, one thread"


class Worker:
    """A side's process; `ask` raises `SideError` with what went wrong there, `Refused` where the side declines."""

    def __init__(self, side: Side):
        self.side = side
        self._process = subprocess.Popen(
            [side.python, "-m", side.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | side.environment,
        )

    def ask(self, do: str, **order) -> dict:
        process = self._process
        try:
            process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SideError(f"its process ended with status {process.wait()}")
        reply = json.loads(line)
        if "unable" in reply:
            raise Refused(reply["unable"])
        if "error" in reply:
            raise SideError(reply["error"])
        return reply

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class SideError(Exception):
    """A side could not answer."""


class Refused(Exception):
    """A rival does not take this model."""
