"""Documents of results: put together where they are alike, and read for the worst of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

COMPILERS = ("tl2cgen", "lleaves")


class Unlike(Exception):
    """Runs of unlike machines, builds or versions, which may not be put together."""


def read(paths: list[str]) -> dict:
    """The results of these files, as those of one run."""
    documents = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    merged = documents[0]
    for path, document in zip(paths[1:], documents[1:], strict=True):
        try:
            merged = merge(merged, document)
        except Unlike as reason:
            raise Unlike(
                f"{path} cannot be put together with {', '.join(paths[: paths.index(path)])}: {reason}"
            ) from None
    return merged


def merge(one: dict, other: dict) -> dict:
    """Both documents' scenarios; what both have is taken from ``other``."""
    reasons = [
        f"{name}: {_difference(one['machine'].get(name), other['machine'].get(name))}"
        for name in sorted(one["machine"].keys() | other["machine"].keys())
        if one["machine"].get(name) != other["machine"].get(name)
    ]
    mine, theirs = _versions(one), _versions(other)
    reasons += [
        f"{name}: {mine[name]} against {theirs[name]}" for name in mine.keys() & theirs.keys()
        if mine[name] != theirs[name]
    ]  # fmt: skip
    if reasons:
        raise Unlike("; ".join(reasons))
    return one | {
        "date": max(one["date"], other["date"]),
        "rounds": min(one["rounds"], other["rounds"]),
        "scenarios": one["scenarios"] | other["scenarios"],
    }


def fastest_rival(scenario: dict) -> dict | None:
    """The result of the fastest of those that are neither the source nor perfcore; of a load, of the compilers."""
    timed = [
        result for result in scenario["results"]
        if "ns" in result and result["side"] != "source" and not result["side"].startswith("perfcore")
        and (scenario["per"] == "row" or result["side"] in COMPILERS)
    ]  # fmt: skip
    return min(timed, key=lambda result: result["ns"]["median"], default=None)


@dataclass(frozen=True)
class Margin:
    """How many times as fast perfcore is as the fastest of the others in a scenario."""

    ratio: float
    name: str
    against: str


def margins(document: dict) -> list[Margin]:
    """A margin a scenario that has times a row, the worst first; by medians."""
    found = []
    for name, scenario in document["scenarios"].items():
        by_side = {result["side"]: result for result in scenario["results"] if "ns" in result}
        others = [by_side.get("source"), fastest_rival(scenario)]
        fastest = min(filter(None, others), key=lambda result: result["ns"]["median"], default=None)
        if fastest and by_side.keys() >= {"source", "perfcore"} and scenario["per"] == "row":
            ratio = fastest["ns"]["median"] / by_side["perfcore"]["ns"]["median"]
            found.append(Margin(ratio, name, fastest["version"]))
    return sorted(found, key=lambda margin: margin.ratio)


def _versions(document: dict) -> dict[str, str]:
    """Of each distribution that answered, its version."""
    told = (
        result["version"].rpartition(" ")
        for scenario in document["scenarios"].values()
        for result in scenario["results"]
        if "version" in result
    )
    return {name: version for name, _, version in told}


def _difference(mine: str | None, theirs: str | None) -> str:
    """Long lists by what only one of them has."""
    if mine and theirs and len(mine) > 200:
        first, second = set(mine.split()), set(theirs.split())
        only = " ".join(sorted(first - second)) or "nothing more", " ".join(sorted(second - first)) or "nothing more"
        return f"only the first has {only[0]}, only the second {only[1]}"
    return f"{mine} against {theirs}"
