"""A bar chart of ratios, as inline SVG that takes its colours from the page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH, LABEL, VALUE = 920, 330, 190  # the chart's width; of it, the room for names and for numbers
STEP, BAR = 44, 18


@dataclass(frozen=True)
class Bar:
    """One model: how many times as fast, and the quartiles of the rounds."""

    name: str
    detail: str
    colour: str  # a CSS class of the page
    ratio: float
    low: float
    high: float
    value: str
    seconds: str


def draw(bars: list[Bar], title: str) -> str:
    """Horizontal bars from zero, on a linear scale; the whiskers span the middle half of the rounds."""
    longest = max((bar.high for bar in bars), default=1.0)
    scale = (WIDTH - LABEL - VALUE) / max(longest, 2.0)
    height = STEP * len(bars) + 34
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">'
    ]
    lines += [_grid(tick, LABEL + tick * scale, height) for tick in _ticks(longest)]
    for number, bar in enumerate(bars):
        lines.append(_bar(bar, number * STEP + 8, scale))
    once = LABEL + scale
    lines.append(f'<line class="once" x1="{once:.1f}" x2="{once:.1f}" y1="0" y2="{height - 26}"/></svg>')
    return "\n".join(lines)


def _bar(bar: Bar, y: float, scale: float) -> str:
    length, middle = max(bar.ratio * scale, 1.5), y + BAR / 2
    low, high, end = LABEL + bar.low * scale, LABEL + bar.high * scale, LABEL + max(bar.ratio, bar.high) * scale + 8
    return (
        f"<g><title>{escape(bar.name)}: {escape(bar.value)}, half of the rounds {bar.low:.1f} to {bar.high:.1f}</title>"
        f'<text class="name" x="{LABEL - 12}" y="{middle - 1:.1f}" text-anchor="end">{escape(bar.name)}</text>'
        f'<text class="detail" x="{LABEL - 12}" y="{middle + 13:.1f}" text-anchor="end">{escape(bar.detail)}</text>'
        f'<rect class="{bar.colour}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3"/>'
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        f'<text class="value" x="{end:.1f}" y="{middle + 1:.1f}">{escape(bar.value)}</text>'
        f'<text class="detail" x="{end:.1f}" y="{middle + 14:.1f}">{escape(bar.seconds)}</text></g>'
    )


def _grid(tick: float, x: float, height: float) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 26}"/>'
        f'<text class="detail" x="{x:.1f}" y="{height - 10}" text-anchor="middle">{tick:g} ×</text>'
    )


def _ticks(longest: float) -> list[float]:
    """Round numbers from 0, at most six."""
    for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000):
        if longest / step <= 6:
            return [step * i for i in range(int(longest / step) + 1)]
    return [0]
