"""Results in words: lines for the terminal, and the README's table."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from .. import readme, results
from .runner import targets
from .scenarios import OWN, SCENARIOS, Scenario

BEGIN, END = "<!-- runtime benchmarks: begin -->", "<!-- runtime benchmarks: end -->"


def told(name: str, scenario: Scenario, results: list[dict]) -> str:
    lines = [f"\n{name}: {scenario.what}"]
    for result in results:
        line = f"  {result['side']:<34}"
        if "skipped" in result:
            lines.append(f"{line} skipped: {result['skipped']}")
            continue
        if "ns" in result:
            line += f"{readme.time(result['ns']['median']):>10}"
        if "ratio" in result and result["side"] != OWN:
            ratio = result["ratio"]
            line += f" {ratio['median']:>8.2f} × ({ratio['low']:.2f} to {ratio['high']:.2f})"
        lines.append(f"{line}  {result.get('error') or result['answers']}; {result.get('call', '')}")
        if figures := _figures(result, result.get("figures", {})):
            lines.append(f"  {'':<34}{figures}")
    lines += [f"  target: {_aim(each)}, found {_number(each['found'])}: {'met' if each['met'] else 'NOT MET'}"
              for each in targets(scenario, results)]  # fmt: skip
    return "\n".join(lines)


def rewrite(root: Path, document: dict) -> None:
    """Replace what stands between the two comments in README.md."""
    missing = [name for name in SCENARIOS if name not in document["scenarios"]]
    if missing:
        raise SystemExit(f"the results lack {', '.join(missing)}: run python -m benchmarks {' '.join(SCENARIOS)}")
    readme.put_between(root / "README.md", BEGIN, END, table(document))


def table(document: dict) -> str:
    """A row a scenario: what perfcore takes and its figures, how many times as long the others take, the targets."""
    lines = ["| id | what | perfcore | the others take | target: found |", "|---|---|---|---|---|"]
    for name, scenario in SCENARIOS.items():
        found = document["scenarios"].get(name, {}).get("results", [])
        by_side = {result["side"]: result for result in found}
        if "figures" in by_side.get(OWN, {}):
            lines.append(_row(name, scenario, by_side))
    machine = document["machine"]
    return "\n".join(
        [
            *lines,
            "",
            f"{machine['processor']}, {machine['cores']} cores, {document['date']}; {machine['system']}; "
            f"{machine['versions']}. Medians of up to {document['rounds']} interleaved rounds, each side in a process "
            "of its own, answers compared first.",
        ]
    )


def _row(name: str, scenario: Scenario, by_side: dict[str, dict]) -> str:
    own = by_side[OWN]
    time = f"{readme.time(own['ns']['median'])} a {scenario.unit}" if "ns" in own else ""
    others = "; ".join(
        f"{side} {_number(by_side[side]['ratio']['median'])} ×" for side in scenario.sides
        if "ratio" in by_side.get(side, {})
    )  # fmt: skip
    aims = "; ".join(
        f"{_aim(each)}: {_number(each['found'])}" + ("" if each["met"] else ", **not met**")
        for each in targets(scenario, list(by_side.values()))
    )
    figures = _figures(own, scenario.told)
    return f"| `{name}` | {scenario.what} | {'; '.join(filter(None, [time, figures]))} | {others} | {aims} |"


def _figures(result: dict, names: Iterable[str]) -> str:
    figures = result.get("figures", {})
    return ", ".join(
        f"{name} {_number(figures[name]['median'])}" for name in names if name in figures.keys() - {"seconds", "cpu"}
    )


def _aim(target: dict) -> str:
    bound = f"≥ {target['least']:g}" if target["most"] is None else f"≤ {target['most']:g}"
    return f"{target['of']} {bound}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 or value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    print(table(results.read(sys.argv[1:])))
