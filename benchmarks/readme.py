"""The README's table and picture, from the results of one run."""

from __future__ import annotations

from pathlib import Path

from . import picture
from .results import fastest_rival, margins

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PICTURE = Path("docs/benchmarks.svg")
SHOWN = (
    "lgb31", "lgb255", "lgb31-300f", "lgb31-nan", "lgb31-cat", "lgb31-10class", "lgb31-f64", "lgb31-df",
    "xgb6", "xgb8", "hgb31", "gb", "rf10", "rf", "rf-reg", "cat6", "lgb31-100rows", "lgb31-10rows",
    "lgb31-1row", "xgb6-1row", "hgb31-1row", "rf-1row", "cat6-1row", "lgb31-2t", "lgb255-load",
)  # fmt: skip
DRAWN = (
    "lgb31", "lgb255", "xgb6", "xgb8", "hgb31", "rf", "rf-reg", "cat6", "lgb31-10rows",
    "lgb31-1row", "xgb6-1row", "hgb31-1row", "rf-1row",
)  # fmt: skip
LEGEND = {
    "source": "the framework", "rival": "its fastest rival", "portable": "perfcore, any x86-64",
    "avx2": "perfcore, AVX2", "best": "perfcore",
}  # fmt: skip


def rewrite(root: Path, document: dict) -> None:
    """Replace what stands between the two comments in README.md, and the picture that is shown there."""
    missing = [name for name in SHOWN if name not in document["scenarios"]]
    if missing:
        raise SystemExit(f"the results lack {', '.join(missing)}: run python -m benchmarks without ids")
    shown = f"![Time a row, by scenario and side]({PICTURE.as_posix()})\n\n{table(document)}"
    put_between(root / "README.md", BEGIN, END, shown)
    (root / PICTURE).write_text(draw(document), encoding="utf-8")


def put_between(path: Path, begin: str, end: str, shown: str) -> None:
    """Replace what stands between two comments of a page."""
    text = path.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{path}: {begin} and {end} must be there once each")
    head, _, rest = text.partition(begin)
    path.write_text(f"{head}{begin}\n{shown}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def table(document: dict) -> str:
    """A row a scenario: the times of the framework, its fastest rival and perfcore, and how many times as fast."""
    lines = [
        "| id | model | the framework | fastest rival | perfcore | times the framework | the rival | AVX2 | portable |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [_row(name, document["scenarios"][name]) for name in SHOWN]
    machine, worst = document["machine"], margins(document)[0]
    counts = sorted({_sides(name, document["scenarios"][name])["perfcore"]["rounds"] for name in SHOWN})
    rounds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    lines += [
        "",
        f"{machine['processor']}, {machine['instruction set']}, {document['date']}; {machine['system']}; "
        f"{machine['versions']}. Time a row, or a load; one thread on all sides, unless said. Medians of {rounds} "
        "interleaved rounds (a rival's at least 3), in brackets the extremes of the ratio; a load is held against the "
        "rivals that compile; the last two columns are times the framework with lesser instruction sets. "
        f"The narrowest: `{worst.name}`, {_times(worst.ratio)} × {worst.against}.",
    ]
    return "\n".join(lines)


def draw(document: dict) -> str:
    groups = [_group(name, document["scenarios"][name]) for name in DRAWN]
    used = {bar.colour for group in groups for bar in group.bars}
    legend = {colour: words for colour, words in LEGEND.items() if colour in used}
    legend["best"] += f", {document['machine']['instruction set']}"
    return picture.draw(groups, legend, "Time a row, logarithmic; shorter is faster")


def _sides(name: str, scenario: dict) -> dict[str, dict]:
    sides = {result["side"]: result for result in scenario["results"]}
    for side in ("source", "perfcore"):
        if "ns" not in sides.get(side, {}):
            raise SystemExit(f"{name}: {side} has no time: {sides.get(side, {}).get('error', 'not asked')}")
    return sides


def _row(name: str, scenario: dict) -> str:
    sides, rival = _sides(name, scenario), fastest_rival(scenario)
    own = sides["perfcore"]
    ratio, ns = own["ratio"], own["ns"]["median"]
    times = f"**{_times(ratio['median'])} ×** ({_times(ratio['low'])}–{_times(ratio['high'])})"
    if gain := own.get("threads_gain"):
        times += f"; one thread {gain['median']:.2f} ×"
    cells = [
        f"`{name}`",
        scenario["what"],
        time(sides["source"]["ns"]["median"]),
        f"{time(rival['ns']['median'])}, {rival['side']}" if rival else "",
        time(ns),
        times,
        f"{_times(rival['ns']['median'] / ns)} ×" if rival else "",
        *(
            f"{_times(sides[side]['ratio']['median'])} ×" if "ratio" in sides.get(side, {}) else ""
            for side in ("perfcore avx2", "perfcore portable")
        ),
    ]
    return f"| {' | '.join(cells)} |"


def _group(name: str, scenario: dict) -> picture.Group:
    sides, rival = _sides(name, scenario), fastest_rival(scenario)
    kinds = {
        "source": sides["source"], "rival": rival, "portable": sides.get("perfcore portable"),
        "avx2": sides.get("perfcore avx2"), "best": sides["perfcore"],
    }  # fmt: skip
    bars = []
    for colour, result in kinds.items():
        if result and "ns" in result:
            value = time(result["ns"]["median"])
            if colour == "rival":
                value += f" {result['side']}"
            elif colour != "source":
                value += f" · {_times(result['ratio']['median'])} ×"
            bars.append(picture.Bar(colour, result["side"], result["ns"]["median"], value))
    return picture.Group(name, scenario["what"], bars)


def time(ns: float) -> str:
    """Three digits; nanoseconds up to 9,999."""
    if ns < 10_000:
        return f"{ns:,.0f} ns"
    unit, name = next((unit, name) for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")) if ns >= unit)
    return f"{ns / unit:.{2 if ns < 10 * unit else 1 if ns < 100 * unit else 0}f} {name}"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"
