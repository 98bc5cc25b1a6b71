"""Results in words: lines for the terminal, and the README's table."""

from __future__ import annotations

import sys
from pathlib import Path

from .. import readme, results
from .runner import fastest, targets
from .scenarios import BEST, OWN, SCENARIOS, Scenario

BEGIN, END = "<!-- feature benchmarks: begin -->", "<!-- feature benchmarks: end -->"


def told(name: str, scenario: Scenario, results: list[dict]) -> str:
    lines = [f"\n{name}: {scenario.what}"]
    for result in results:
        line = f"  {result['side']:<26}"
        if "skipped" in result:
            lines.append(f"{line} skipped: {result['skipped']}")
            continue
        if "ns" in result:
            line += f"{_time(result):>12}"
        if "ratio" in result and result["side"] != OWN:
            ratio = result["ratio"]
            line += f" {ratio['median']:>8.2f} × ({ratio['low']:.2f} to {ratio['high']:.2f})"
        made_with = f"; {result['version']}, {result['call']}" if "version" in result else ""
        lines.append(f"{line}  {result.get('error') or result['answers']}{made_with}")
    for target in targets(scenario, results):
        is_met = "met" if target["met"] else "NOT MET"
        lines.append(f"  target: {target['least']:g} × {target['against']}, found {target['found']:.2f} ×: {is_met}")
    return "\n".join(lines)


def rewrite(root: Path, document: dict) -> None:
    """Replace what stands between the two comments in README.md."""
    missing = [name for name in SCENARIOS if name not in document["scenarios"]]
    if missing:
        raise SystemExit(f"the results lack {', '.join(missing)}: run python -m benchmarks {' '.join(SCENARIOS)}")
    readme.put_between(root / "README.md", BEGIN, END, table(document))


def table(document: dict) -> str:
    """A row a scenario: perfcore, the fastest of the others, and how many times as fast perfcore is as each."""
    lines = ["| id | what | perfcore | fastest of the others | times as fast | target |", "|---|---|--:|--:|---|---|"]
    for name, scenario in SCENARIOS.items():
        results = {result["side"]: result for result in document["scenarios"].get(name, {}).get("results", [])}
        if "ns" in results.get(OWN, {}):
            lines.append(_row(name, scenario, results))
    machine = document["machine"]
    versions = dict.fromkeys(
        result["version"]
        for name in SCENARIOS
        for result in document["scenarios"].get(name, {}).get("results", [])
        if "version" in result and result["side"] not in (OWN, "an empty method call")
    )
    return "\n".join(
        [
            *lines,
            "",
            f"{machine['processor']}, {machine['cores']} cores, {document['date']}; {machine['system']}; "
            f"{', '.join(versions)}. Time a row, or a call; medians of {_rounds(document)} interleaved rounds, one "
            "thread on all sides, each in a process of its own, answers compared first.",
        ]
    )


def _row(name: str, scenario: Scenario, results: dict[str, dict]) -> str:
    timed = {side: result for side, result in results.items() if "ratio" in result}
    best = fastest(scenario, timed)
    others = sorted((side for side in scenario.sides if side in timed), key=lambda side: timed[side]["ratio"]["median"])
    shown = "; ".join(_against(side, timed[side]) for side in others)
    aims = "; ".join(f"{least:g} ×" + (f" {side}" if side != BEST and len(scenario.targets) > 1 else "")
                     for side, least in scenario.targets.items())  # fmt: skip
    its = f"{best} {_time(timed[best])}" if best else ""
    return f"| `{name}` | {scenario.what} | {_time(results[OWN])} | {its} | {shown} | {aims} |"


def _against(side: str, result: dict) -> str:
    ratio = result["ratio"]["median"]
    shown = f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 2 else f"{ratio:.2f}"
    return f"{side} {shown} ×"


def _time(result: dict) -> str:
    ns = result["ns"]["median"]
    return f"{ns:.{1 if ns >= 10 else 2}f} ns" if ns < 100 else readme.time(ns)


if __name__ == "__main__":
    print(table(results.read(sys.argv[1:])))


def _rounds(document: dict) -> str:
    """Of perfcore's side: runs that were put together may have had more and fewer."""
    of_scenarios = (document["scenarios"][name] for name in SCENARIOS if name in document["scenarios"])
    sides = (side for each in of_scenarios for side in each["results"] if side["side"] == OWN)
    counts = sorted({side["rounds"] for side in sides if "rounds" in side})
    return f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
