"""A scenario run: answers first, then times; perfcore with its baselines in one process, each cache in another.

What lies in another process is put into units of the reference, the dict of arrays, which every process has: a side's
time is held against the reference's beside it, and that ratio against perfcore's.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import numpy as np

from .. import environments
from ..sides import Side, SideError, Worker
from .scenarios import OWN, REFERENCE, Scenario

SECONDS = 3.0  # a round that lasts longer is done
FEW = 3  # times
MODULE = "benchmarks.caches.worker"


def run(scenario: Scenario, rounds: int) -> list[dict]:
    """A result a side: ``ns`` (a key) or ``bytes`` (a row), ``ratio`` (that over perfcore's), ``answers``; or
    ``error``, or ``skipped`` with the reason. ``rounds=0`` only compares answers.
    """
    return (_space if scenario.does == "space" else _timed)(scenario, rounds)


def targets(scenario: Scenario, results: list[dict]) -> list[dict]:
    """What perfcore is held to, what was found, and whether that is enough."""
    by_side = {result["side"]: result for result in results if "ratio" in result}
    found = []
    for against, least in scenario.targets.items():
        name = _nearest(scenario, by_side) if against == "caches" else against
        if name in by_side:
            ratio = by_side[name]["ratio"]["median"]
            found.append({"against": name, "least": least, "found": ratio, "met": ratio >= least})
    if scenario.most is not None and OWN in by_side:
        value = by_side[OWN][scenario.unit]["median"]
        found.append({"most": scenario.most, "found": value, "met": value <= scenario.most})
    return found


def _nearest(scenario: Scenario, by_side: dict[str, dict]) -> str | None:
    there = [name for name in scenario.caches if name in by_side]
    return min(there, key=lambda name: by_side[name]["ratio"]["median"], default=None)


# -- who is asked ----------------------------------------------------------------------------------------


def _groups(scenario: Scenario) -> tuple[dict[str, tuple[Side, list[str]]], dict[str, dict]]:
    """By name: a process and the sides in it, the reference first where there is one; and who is left out."""
    here = Side(OWN, OWN, module=MODULE)
    groups = {OWN: (here, [OWN, *scenario.here])}
    absent = {}
    for cache in scenario.caches:
        if reason := environments.absence(cache):
            absent[cache] = {"side": cache, "skipped": reason}
        else:
            side = Side(cache, cache, str(environments.python(cache)), rival=True, module=MODULE)
            groups[cache] = (side, [REFERENCE, cache])
    return groups, absent


@contextmanager
def _worker(side: Side):
    worker = Worker(side)
    try:
        yield worker
    finally:
        worker.close()


def _order(scenario: Scenario, sides: list[str]) -> dict:
    return {
        "does": scenario.does,
        "sides": sides,
        "rows": scenario.rows,
        "batch": scenario.batch,
        "keys": scenario.keys,
    }


# -- times -----------------------------------------------------------------------------------------------


def _timed(scenario: Scenario, rounds: int) -> list[dict]:
    groups, results = _groups(scenario)
    ns: dict[str, dict[str, dict[int, float]]] = {}  # by group, side and round
    with ExitStack() as stack:
        workers = {}
        for name, (side, sides) in groups.items():
            worker = stack.enter_context(_worker(side))
            try:
                worker.ask("prepare", **_order(scenario, sides))
                told = worker.ask("told")
            except SideError as error:
                results[name] = {"side": name, "error": str(error)}
                continue
            turns = {each: _turns(told[each].pop("seconds"), rounds) for each in sides if "answers" in told[each]}
            results |= {each: {"side": each} | told[each] for each in sides if name == OWN or each == name}
            if name == OWN or name in turns:
                workers[name], ns[name] = (worker, turns), {each: {} for each in turns}
        order = list(workers)
        for number in range(rounds):
            for name in order:
                worker, turns = workers[name]
                asked = [side for side in turns if number in turns[side]]
                for side, value in worker.ask("round", sides=asked[:: 1 - 2 * (number % 2)]).items():
                    ns[name][side][number] = value
            order.reverse()
        for worker, turns in workers.values():
            told = worker.ask("told")
            for side in turns:
                if side in results and "note" in told[side]:
                    results[side]["note"] = told[side]["note"]
            worker.ask("close")
    for name, sides in ns.items() if rounds and OWN in ns else ():
        for side, values in sides.items():
            if side == name or name == OWN:
                results[side] |= {"ns": _spread(list(values.values())), "rounds": len(values)}
                if ratios := _ratios(ns, name, side):
                    results[side]["ratio"] = _spread(ratios)
    return [results.pop(OWN), *results.values()]


def _turns(seconds: float, rounds: int) -> set[int]:
    """In which rounds a side is timed."""
    n = rounds if seconds < SECONDS else min(rounds, FEW)
    return set(np.linspace(0, rounds - 1, n).round().astype(int).tolist())


def _ratios(ns: dict, group: str, side: str) -> list[float]:
    """A side's times over perfcore's, round by round; none where either has none, or no reference."""
    own, its = ns[OWN].get(OWN, {}), ns[group][side]
    if group == OWN:
        return [its[number] / own[number] for number in its.keys() & own.keys()]
    here, there = ns[OWN].get(REFERENCE, {}), ns[group].get(REFERENCE, {})
    numbers = own.keys() & its.keys() & here.keys() & there.keys()
    return [its[number] / there[number] * here[number] / own[number] for number in numbers]


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "low": min(values), "high": max(values)}


# -- space -----------------------------------------------------------------------------------------------


def _space(scenario: Scenario, rounds: int) -> list[dict]:
    """Each side once, one after the other, in a process that has kept nothing before."""
    groups, results = _groups(scenario)
    here, sides = groups.pop(OWN)
    alone = {side: here for side in sides} | {name: side for name, (side, _) in groups.items()}
    for name, side in alone.items():
        with _worker(side) as worker:
            try:
                worker.ask("prepare", **_order(scenario, [name]))
                results[name] = {"side": name} | worker.ask("told")[name]
                results[name].pop("seconds", None)
                if rounds and "answers" in results[name]:
                    value = worker.ask("space")["bytes"]
                    results[name] |= {"bytes": _spread([value]), "rounds": 1}
                    if name == OWN:
                        results[name] |= worker.ask("traced", side=name)
                worker.ask("close")
            except SideError as error:
                results[name] = {"side": name, "error": str(error)}
    if "bytes" in results[OWN]:
        own = results[OWN]["bytes"]["median"]
        for result in results.values():
            if "bytes" in result:
                result["ratio"] = _spread([result["bytes"]["median"] / own])
    return [results.pop(OWN), *results.values()]
