"""Fuzz the readers: ``python tests/fuzz [--seconds 60] [--folder .work/fuzz] [FORMAT ...]``; needs atheris.

Exits 1 where there is a finding, in FOLDER/findings; what is there from an earlier run counts, so that it is looked at.
The corpus is kept in FOLDER, and the next run goes on from it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

SLICE = 900  # seconds a process: atheris itself grows by a kilobyte or two with each execution
FORMATS = ("lightgbm", "json", "ubjson", "catboost", "pcore")


def fuzz(name: str, folder: Path, seconds: int) -> str:
    """One format for so long, begun anew whenever the process ends before; returns what was done in a line."""
    end, log, runs = time.monotonic() + seconds, folder / f"{name}.log", 0
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        while (left := round(end - time.monotonic())) > 0 and runs < 100:
            script = Path(__file__).with_name("targets.py")
            subprocess.run(
                [sys.executable, str(script), name, str(folder), str(min(left, SLICE))], stdout=out, stderr=out
            )
            runs += 1
    text = log.read_text(errors="replace")
    executions = sum(map(int, re.findall(r"stat::number_of_executed_units:\s*(\d+)", text)))
    reached = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
    if not executions:
        raise SystemExit(f"{name}: nothing was executed; see {log}\n{text[-2000:]}")
    coverage, features, inputs = reached[-1] if reached else (0, 0, 0)
    return f"{name}: {executions:,} executions, {coverage} edges, {features} features, {inputs} inputs, {runs} runs"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"of {', '.join(FORMATS)}; all without")
    parser.add_argument("--seconds", type=int, default=60, help="for each format (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(".work/fuzz"), help="corpus, logs, findings")
    chosen = parser.parse_args()
    for name in chosen.formats or FORMATS:
        print(fuzz(name, chosen.folder.resolve(), chosen.seconds), flush=True)
    findings = sorted(chosen.folder.glob("findings/*"))
    for path in findings:
        print(path if path.suffix != ".txt" else f"{path}: {path.read_text().strip().splitlines()[-1]}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
