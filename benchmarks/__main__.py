"""``python -m benchmarks [ID ...]``, from the root of the repository."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from . import environments, machine, readme, results, runner, sides
from .caches import runner as cache_runner
from .caches import table as cache_table
from .caches.scenarios import SCENARIOS as CACHE_SCENARIOS
from .features import runner as feature_runner
from .features import table as feature_table
from .features.contenders import RIVALS as FEATURE_RIVALS
from .features.scenarios import SCENARIOS as FEATURE_SCENARIOS
from .models import ROOM, NotInstalled, version
from .runtime import runner as runtime_runner
from .runtime import table as runtime_table
from .runtime.scenarios import SCENARIOS as RUNTIME_SCENARIOS
from .scenarios import RECIPES, SCENARIOS

LATEST = ROOM / "latest.json"
FAMILIES: tuple[tuple[dict, Any, Any], ...] = (
    (CACHE_SCENARIOS, cache_runner, cache_table),
    (FEATURE_SCENARIOS, feature_runner, feature_table),
    (RUNTIME_SCENARIOS, runtime_runner, runtime_table),
)


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    if chosen.list:
        known = {name: scenario.what for scenarios in _scenarios() for name, scenario in scenarios.items()}
        print("\n".join(f"{name:<26} {what}" for name, what in known.items()))
        return 0
    if chosen.merge or chosen.readme is not None:
        return _put_together(chosen)
    known = [name for scenarios in _scenarios() for name in scenarios]
    unknown = sorted(set(chosen.ids) - set(known))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    ids = chosen.ids or known
    if chosen.rivals:
        rivals = {environments.RIVALS: SCENARIOS, environments.CACHES: CACHE_SCENARIOS}
        rivals[environments.FEATURES] = FEATURE_SCENARIOS
        environments.install(
            each for those, known in rivals.items() if not known.keys().isdisjoint(ids) for each in those
        )
    return _run(ids, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="perfcore against what it compiles")
    parser.add_argument("ids", nargs="*", metavar="ID", help="scenarios to run (default: all)")
    parser.add_argument("--list", action="store_true", help="the scenarios")
    parser.add_argument("--check", action="store_true", help="tiny models, answers only, no times")
    parser.add_argument("--rounds", type=int, default=7, help="times a side is timed (default: %(default)s; from 5)")
    parser.add_argument("--rivals", action="store_true", help="install the rivals that are not there yet")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument(
        "--merge", nargs="+", metavar="RESULTS",
        help="run nothing; write the results of several runs of one machine as one (to --json)",
    )  # fmt: skip
    parser.add_argument(
        "--readme", nargs="*", metavar="RESULTS",
        help="run nothing; rewrite README.md's tables and picture from these results (default: the last full run)",
    )  # fmt: skip
    return parser


def _put_together(chosen: argparse.Namespace) -> int:
    try:
        document = results.read(chosen.merge or chosen.readme or [str(LATEST)])
    except results.Unlike as reason:
        print(reason, file=sys.stderr)
        return 1
    if chosen.readme is not None:
        if not document["scenarios"].keys().isdisjoint(SCENARIOS):
            readme.rewrite(Path("."), document)
        for scenarios, _, table in FAMILIES:
            if not document["scenarios"].keys().isdisjoint(scenarios):
                table.rewrite(Path("."), document)
    if chosen.merge:
        _write(document, [chosen.json or str(LATEST)])
    return 0


def _run(ids: list[str], chosen: argparse.Namespace) -> int:
    models = [name for name in ids if name in SCENARIOS]
    asked, absent = sides.sides() if models else ([], [])
    document = {
        "machine": machine.describe(),
        "date": time.strftime("%Y-%m-%d"),
        "rounds": max(5, chosen.rounds),
        "scenarios": {},
    }
    for line in [*(f"{name}: {value}" for name, value in document["machine"].items() if name != "flags"), *absent]:
        print(line)
    pool = runner.Pool(keep=chosen.check)
    for name in models:
        scenario, recipe = SCENARIOS[name], RECIPES[SCENARIOS[name].model]
        try:
            version(recipe.framework)
        except NotInstalled as reason:
            print(f"\n{name} is left out: {reason}")
            continue
        if chosen.check:
            scenario, recipe = scenario.tiny(), recipe.tiny()
        found = runner.run(scenario, recipe, asked, pool, 0 if chosen.check else document["rounds"], least=0.05)
        document["scenarios"][name] = {"what": scenario.what, "per": scenario.measure, "results": found}
        _print(name, scenario.what, found)
    pool.close()
    for name in ids:
        for scenarios, *family in FAMILIES:
            if name in scenarios:
                _run_family(name, scenarios[name], *family, document, chosen.check)
    if worst := results.margins(document):
        print("\nnarrowest:", *(f"{each.name} {each.ratio:.2f} × {each.against}" for each in worst[:3]), sep="\n  ")
    _write(document, [chosen.json] * bool(chosen.json) + [LATEST] * (not chosen.check and not chosen.ids))
    failures = [
        f"{name}: {result['side']}: {result['error']}"
        for name, scenario in document["scenarios"].items()
        for result in scenario["results"]
        if "error" in result and result["side"] not in (*environments.RIVALS, *environments.CACHES, *FEATURE_RIVALS)
    ]
    print(*failures, sep="\n", file=sys.stderr)
    return 1 if failures else 0


def _scenarios() -> list[dict]:
    return [SCENARIOS, *(scenarios for scenarios, *_ in FAMILIES)]


def _run_family(name: str, scenario: Any, runner: Any, table: Any, document: dict, is_check: bool) -> None:
    scenario = scenario.tiny() if is_check else scenario
    found = runner.run(scenario, 0 if is_check else document["rounds"])
    document["scenarios"][name] = {
        "what": scenario.what,
        "per": scenario.unit,
        "results": found,
        "targets": runner.targets(scenario, found),
    }
    print(table.told(name, scenario, found), flush=True)


def _print(name: str, what: str, found: list[dict]) -> None:
    print(f"\n{name}: {what}")
    for result in found:
        line = f"  {result['side']:<20}"
        if "skipped" in result:
            print(f"{line} skipped: {result['skipped']}")
            continue
        if "ns" in result:
            ratio = result["ratio"]
            line += (
                f"{readme.time(result['ns']['median']):>12} {ratio['median']:>8.2f} × "
                f"({ratio['low']:.2f} to {ratio['high']:.2f})"
            )
        if gain := result.get("threads_gain"):
            line += f", {gain['median']:.2f} × one thread"
        made_with = f"; {result['version']}, {result['call']}" if "version" in result else ""
        print(f"{line}  {result.get('error') or result['answers']}{made_with}", flush=True)


def _write(document: dict, paths: list) -> None:
    for path in paths:
        Path(path).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
