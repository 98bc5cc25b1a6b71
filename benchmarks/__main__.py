"""``python -m benchmarks [ID ...]``, from the root of the repository."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from . import readme, runner, sides
from .models import ROOM
from .scenarios import RECIPES, SCENARIOS

LATEST = ROOM / "latest.json"


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    if chosen.list:
        print("\n".join(f"{name:<16} {scenario.what}" for name, scenario in SCENARIOS.items()))
        return 0
    if chosen.readme:
        readme.rewrite(Path("README.md"), json.loads(Path(chosen.readme).read_text(encoding="utf-8")))
        return 0
    unknown = sorted(set(chosen.ids) - set(SCENARIOS))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    if chosen.rivals:
        sides.install_rivals()
    return _run(chosen.ids or list(SCENARIOS), chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="perfcore against what it compiles")
    parser.add_argument("ids", nargs="*", metavar="ID", help="scenarios to run (default: all)")
    parser.add_argument("--list", action="store_true", help="the scenarios")
    parser.add_argument("--check", action="store_true", help="tiny models, answers only, no times")
    parser.add_argument("--rounds", type=int, default=7, help="times a side is timed (default: %(default)s; from 5)")
    parser.add_argument("--rivals", action="store_true", help="install the rivals that are not there yet")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument(
        "--readme", nargs="?", const=str(LATEST), metavar="RESULTS",
        help="run nothing; rewrite README.md's table from the results of the last full run",
    )  # fmt: skip
    return parser


def _run(ids: list[str], chosen: argparse.Namespace) -> int:
    from perfcore.demo.machine import describe

    asked, absent = sides.sides()
    document = {"machine": describe(), "date": time.strftime("%Y-%m-%d"), "rounds": chosen.rounds, "scenarios": {}}
    for line in [*(f"{name}: {value}" for name, value in document["machine"].items()), *absent]:
        print(line)
    pool = runner.Pool(keep=chosen.check)
    failures = 0
    for name in ids:
        scenario, recipe = SCENARIOS[name], RECIPES[SCENARIOS[name].model]
        if chosen.check:
            scenario, recipe = scenario.tiny(), recipe.tiny()
        results = runner.run(scenario, recipe, asked, pool, 0 if chosen.check else max(5, chosen.rounds), least=0.05)
        document["scenarios"][name] = {"what": scenario.what, "results": results}
        _print(name, scenario.what, results)
        failures += sum("error" in result for result in results)
    pool.close()
    _write(document, chosen)
    if failures:
        print(f"{failures} wrong or missing answers", file=sys.stderr)
    return 1 if failures else 0


def _print(name: str, what: str, results: list[dict]) -> None:
    print(f"\n{name}: {what}")
    for result in results:
        line = f"  {result['side']:<20}"
        if "ns" in result:
            ns, ratio = result["ns"], result["ratio"]
            line += (
                f"{ns['median']:>12,.0f} ns/row {ratio['median']:>8.1f} × ({ratio['low']:.1f} to {ratio['high']:.1f})"
            )
        print(f"{line}  {result.get('error') or result['answers']}; {result.get('made_with', '')}", flush=True)


def _write(document: dict, chosen: argparse.Namespace) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if chosen.json:
        Path(chosen.json).write_text(text, encoding="utf-8")
    if not chosen.check and not chosen.ids:
        LATEST.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
