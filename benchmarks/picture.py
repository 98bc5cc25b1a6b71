"""The README's picture: times a row on a logarithmic scale, as an SVG that brings its own light and dark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH, LABEL, VALUE = 980, 350, 120  # the picture's width; of it, the room for names and for the last number
BAR, GAP, TOP, FOOT = 13, 18, 66, 34  # a bar's height, between scenarios, above and below them

STYLE = """
.ground{fill:#ffffff}.grid{stroke:#d1d9e0}
text{font:11px system-ui,sans-serif}.name{font-size:13px}.name,.value{font-weight:600}
.name,.value{fill:#1f2328}.small{fill:#59636e}
.source{fill:#8c959f}.rival{fill:#d29922}.portable{fill:#a8d5f2}.avx2{fill:#54aeff}.best{fill:#0550ae}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117}.grid{stroke:#30363d}.name,.value{fill:#e6edf3}.small{fill:#9198a1}
.source{fill:#6e7681}.rival{fill:#bb8009}.portable{fill:#264d73}.avx2{fill:#3182ce}.best{fill:#79c0ff}}
"""


@dataclass(frozen=True)
class Bar:
    """One side of a scenario."""

    colour: str  # a class of STYLE
    side: str
    ns: float
    value: str


@dataclass(frozen=True)
class Group:
    """A scenario: its bars from the slowest kind of side to the best."""

    name: str
    detail: str
    bars: list[Bar]


def draw(groups: list[Group], legend: dict[str, str], title: str) -> str:
    """Horizontal bars from the decade below the shortest; shorter is faster."""
    times = [bar.ns for group in groups for bar in group.bars]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    scale = (WIDTH - LABEL - VALUE) / max(high - low, 1)
    height = TOP + FOOT + sum(GAP + BAR * max(len(group.bars), 3) for group in groups)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}"><style>{STYLE}</style>',
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="name" x="16" y="24">{escape(title)}</text>',
        *_legend(legend),
    ]
    lines += [_tick(power, LABEL + (power - low) * scale, height) for power in range(low, high + 1)]
    y = TOP
    for group in groups:
        lines += _group(group, y, lambda ns: (math.log10(ns) - low) * scale)
        y += GAP + BAR * max(len(group.bars), 3)
    return "\n".join([*lines, "</svg>\n"])


def _legend(legend: dict[str, str]) -> list[str]:
    lines, x = [], 16
    for colour, words in legend.items():
        lines.append(f'<rect class="{colour}" x="{x}" y="36" width="12" height="12" rx="2"/>')
        lines.append(f'<text class="small" x="{x + 17}" y="46">{escape(words)}</text>')
        x += 40 + 6 * len(words)
    return lines


def _group(group: Group, y: int, length) -> list[str]:
    lines = [
        f'<text class="name" x="{LABEL - 12}" y="{y + 13}" text-anchor="end">{escape(group.name)}</text>',
        f'<text class="small" x="{LABEL - 12}" y="{y + 28}" text-anchor="end">{escape(group.detail)}</text>',
    ]
    for number, bar in enumerate(group.bars):
        top, width = y + number * BAR, max(length(bar.ns), 1.5)
        lines.append(
            f"<g><title>{escape(group.name)}, {escape(bar.side)}: {escape(bar.value)}</title>"
            f'<rect class="{bar.colour}" x="{LABEL}" y="{top}" width="{width:.1f}" height="{BAR - 2}" rx="2"/>'
            f'<text class="value" x="{LABEL + width + 6:.1f}" y="{top + 10}">{escape(bar.value)}</text></g>'
        )
    return lines


def _tick(power: int, x: float, height: int) -> str:
    ns = 10**power
    words = next(f"{ns // unit} {name}" for unit, name in ((10**6, "ms"), (1000, "µs"), (1, "ns")) if ns >= unit)
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - FOOT + 4}"/>'
        f'<text class="small" x="{x:.1f}" y="{height - 12}" text-anchor="middle">{words}</text>'
    )
