"""The README's table, from the results of one run."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
SHOWN = (
    "lgb31", "lgb255", "xgb6", "xgb8", "hgb31", "gb", "rf10", "rf",
    "lgb31-1row", "xgb6-1row", "hgb31-1row", "rf-1row",
)  # fmt: skip


def rewrite(path: Path, document: dict) -> None:
    """Replace what stands between the two comments."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{path}: {BEGIN} and {END} must be there once each")
    head, _, rest = text.partition(BEGIN)
    path.write_text(f"{head}{BEGIN}\n{table(document)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def table(document: dict) -> str:
    """A row a scenario: both sides' times, how many times as fast, and the same on the portable kernel."""
    missing = [name for name in SHOWN if name not in document["scenarios"]]
    if missing:
        raise SystemExit(f"the results lack {', '.join(missing)}: run python -m benchmarks without ids")
    lines = ["| id | model | the framework | perfcore | times as fast | portable kernel |", "|---|---|--:|--:|--:|--:|"]
    lines += [_row(name, document["scenarios"][name]) for name in SHOWN]
    machine = document["machine"]
    lines += [
        "",
        f"{machine['processor']}, {machine['instruction set']}, one thread on both sides, {document['date']}; "
        f"{machine['system']}; {machine['versions']}. Medians of {document['rounds']} interleaved rounds, in brackets "
        "the extremes of the ratio; time a row.",
    ]
    return "\n".join(lines)


def _row(name: str, scenario: dict) -> str:
    by_side = {result["side"]: result for result in scenario["results"]}
    for side in ("source", "perfcore"):
        if "ns" not in by_side.get(side, {}):
            raise SystemExit(f"{name}: {side} has no time: {by_side.get(side, {}).get('error', 'not asked')}")
    own, portable = by_side["perfcore"], by_side.get("perfcore portable", {}).get("ratio")
    ratio = own["ratio"]
    cells = [
        f"`{name}`",
        scenario["what"],
        _time(by_side["source"]["ns"]["median"]),
        _time(own["ns"]["median"]),
        f"**{_times(ratio['median'])} ×** ({_times(ratio['low'])}–{_times(ratio['high'])})",
        f"{_times(portable['median'])} ×" if portable else "",
    ]
    return f"| {' | '.join(cells)} |"


def _time(ns: float) -> str:
    return f"{ns:,.0f} ns" if ns < 10_000 else f"{ns / 1000:,.1f} µs"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}"
