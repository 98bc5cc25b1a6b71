"""The sides of a measurement: the source, perfcore on each instruction set, rivals; each a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

RIVALS = ("lleaves",)
ROOM = Path(".work/rivals")


@dataclass(frozen=True)
class Side:
    """Who answers, and the process that it runs in."""

    name: str
    adapter: str
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)
    exact: bool = True  # whether its answers must be those of the source, bit for bit

    def takes(self, framework: str) -> bool:
        return framework in getattr(_adapter(self.adapter), "FRAMEWORKS", (framework,))


def _adapter(name: str):
    return importlib.import_module(f"benchmarks.adapters.{name}")


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
    absent = []
    for name in RIVALS:
        python = rival_python(name)
        if python.exists():
            found.append(Side(name, name, str(python), exact=False))
        else:
            absent.append(f"{name} is not installed and left out; --rivals installs it")
    return found, absent


def rival_python(name: str) -> Path:
    # Absolute, yet unresolved: a virtual environment's python is a link, and what it links to is outside of it.
    return Path.cwd() / ROOM / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install_rivals() -> None:
    """An environment for each rival, under .work/rivals."""
    for name in RIVALS:
        python = rival_python(name)
        if not python.exists():
            print(f"installing {name} ...", flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(ROOM / name)], check=True)
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*install, *_adapter(name).REQUIREMENTS], check=True)


class Worker:
    """A side's process; `ask` raises `SideError` with what went wrong there."""

    def __init__(self, side: Side):
        self.side = side
        self._process = subprocess.Popen(
            [side.python, "-m", "benchmarks.worker"],
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
        if "error" in reply:
            raise SideError(reply["error"])
        return reply

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class SideError(Exception):
    """A side could not answer."""
