"""Results in words: lines for the terminal, and the README's table."""

from __future__ import annotations

from pathlib import Path

from ..readme import put_between
from .runner import targets
from .scenarios import ALONE, ONE_THREAD, OWN, SCENARIOS, Scenario

BEGIN, END = "<!-- cache benchmarks: begin -->", "<!-- cache benchmarks: end -->"


def told(name: str, scenario: Scenario, results: list[dict]) -> str:
    lines = [f"\n{name}: {scenario.what}"]
    for result in results:
        line = f"  {result['side']:<30}"
        if "skipped" in result:
            lines.append(f"{line} skipped: {result['skipped']}")
            continue
        if scenario.unit in result or "ns" in result:
            line += f"{_value(result):>12}"
        if "ratio" in result and result["side"] != OWN:
            ratio = result["ratio"]
            line += f" {ratio['median']:>8.2f} × ({ratio['low']:.2f} to {ratio['high']:.2f})"
        if "traced" in result:
            line += f", {result['traced']:.1f} by tracemalloc"
        if "note" in result:
            line += f", {result['note']}"
        made_with = f"; {result['version']}, {result['call']}" if "version" in result else ""
        lines.append(f"{line}  {result.get('error') or result['answers']}{made_with}")
    for target in targets(scenario, results):
        is_met = "met" if target["met"] else "NOT MET"
        if "most" in target:
            lines.append(f"  target: at most {target['most']:g}, found {target['found']:.1f}: {is_met}")
        else:
            lines.append(
                f"  target: {target['least']:.3g} × {target['against']}, found {target['found']:.2f} ×: {is_met}"
            )
    return "\n".join(lines)


def rewrite(root: Path, document: dict) -> None:
    """Replace what stands between the two comments in README.md."""
    missing = [name for name in SCENARIOS if name not in document["scenarios"]]
    if missing:
        raise SystemExit(f"the results lack {', '.join(missing)}: run python -m benchmarks {' '.join(SCENARIOS)}")
    put_between(root / "README.md", BEGIN, END, table(document))


def table(document: dict) -> str:
    """A row a scenario: perfcore, and how many times as much the others take."""
    lines = ["| id | what | perfcore | the others take |", "|---|---|--:|---|"]
    for name, scenario in SCENARIOS.items():
        results = {result["side"]: result for result in document["scenarios"][name]["results"]}
        shown = [_against(side, results[side]) for side in _shown(scenario, results)]
        lines.append(f"| `{name}` | {scenario.what} | {_value(results[OWN])} | {'; '.join(shown)} |")
    machine = document["machine"]
    versions = dict.fromkeys(
        result["version"]
        for name in SCENARIOS
        for result in document["scenarios"][name]["results"]
        if "version" in result and not result["version"].startswith("Python")
    )
    return "\n".join(
        [
            *lines,
            "",
            f"{machine['processor']}, {machine['cores']} cores, {document['date']}; {machine['system']}; "
            f"{', '.join(versions)}. Nanoseconds a key, medians of {document['rounds']} interleaved rounds; 200,000 "
            "rows of 100 float32, random keys, one thread unless said. Each cache in an environment of its own, at its "
            "best settings, its rows compared byte for byte first.",
        ]
    )


def _shown(scenario: Scenario, results: dict[str, dict]) -> list[str]:
    """The caches, the quickest first; then the baselines; policies are for the terminal and docs/cache.md."""
    caches = [side for side in scenario.caches if "ratio" in results.get(side, {})]
    caches.sort(key=lambda side: results[side]["ratio"]["median"])
    here = [side for side in scenario.here if not side.startswith(OWN) or side in (OWN + ALONE, OWN + ONE_THREAD)]
    return [side for side in [*here, *caches] if "ratio" in results.get(side, {})]


def _against(side: str, result: dict) -> str:
    ratio = result["ratio"]["median"]
    shown = f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 2 else f"{ratio:.2f}"
    return f"{side.removeprefix(f'{OWN}, ')} {shown} ×"


def _value(result: dict) -> str:
    if "bytes" in result:
        return f"{result['bytes']['median']:,.0f} bytes"
    ns = result["ns"]["median"]
    return f"{ns:,.0f} ns" if ns >= 10 else f"{ns:.1f} ns"
