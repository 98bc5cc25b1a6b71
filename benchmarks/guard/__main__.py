"""``python -m benchmarks.guard``, from the root of the repository."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from . import counting

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 0.02


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--renew", metavar="REASON", help="take what is counted now for the baseline, and why")
    asked = parser.parse_args(arguments)
    command = counting.compiler()
    missing = [name for name, found in (("g++", command), ("valgrind", shutil.which("valgrind"))) if not found]
    if missing:
        print(f"instruction counts are skipped: {' and '.join(missing)} not installed")
        return 0
    baseline = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    version = counting.compiler_version(command)
    if not asked.renew and version not in baseline:
        print(f"instruction counts are skipped: {version} here, the baseline is of {', '.join(baseline) or 'nothing'}")
        return 0
    counts = measure(command)
    for isa in {*counting.BY_CALLGRIND, *counting.BY_COUNTER} - {*counts}:
        print(f"{isa} is skipped: this machine does not run it, or counts none of its instructions")
    if asked.renew:
        entry = {"reason": asked.renew, "date": time.strftime("%Y-%m-%d"), "instructions": counts}
        BASELINE.write_text(json.dumps(baseline | {version: entry}, indent=1) + "\n", encoding="utf-8")
        print(f"{BASELINE.name}: {sum(map(len, counts.values()))} counts of {version}")
        return 0
    wrong = deviations(baseline[version]["instructions"], counts)
    print("\n".join(wrong))
    print(f"{sum(map(len, counts.values()))} counts by {version}, {len(wrong)} not as in the baseline")
    if wrong:
        print('what is meant to be so is renewed: python -m benchmarks.guard --renew "why"')
    return 1 if wrong else 0


def measure(command: str) -> dict[str, dict[str, int]]:
    with tempfile.TemporaryDirectory() as room:
        program = counting.build(command, Path(), Path(room))
        return counting.count(program, counting.kernel_names(Path()), Path(room))


def deviations(baseline: dict[str, dict[str, int]], counts: dict[str, dict[str, int]]) -> list[str]:
    """A line for each count that is not within the tolerance; fewer is one, too, or a later rise would hide in it.

    An instruction set that only one of both machines could count says nothing.
    """
    lines = []
    for isa in counts.keys() & baseline.keys():
        before, now = baseline[isa], counts[isa]
        for name in before.keys() | now.keys():
            if name not in before or name not in now:
                what = "is no longer counted" if name in before else "is not in the baseline"
                lines.append(f"{isa}/{name}: {what}")
            elif not abs(now[name] / before[name] - 1) <= TOLERANCE:
                change = now[name] / before[name] - 1
                lines.append(f"{isa}/{name}: {now[name]:,} instructions, {before[name]:,} before: {change:+.1%}")
    return sorted(lines)


if __name__ == "__main__":
    sys.exit(main())
