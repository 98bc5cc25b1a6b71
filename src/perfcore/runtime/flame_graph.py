"""A flame graph as SVG: how much of the whole each stack of calls has, the callers below the called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

WIDTH, ROW, LEAST = 1200, 18, 0.5  # pixels; boxes narrower than that are left out
_COLORS = ("#e4593a", "#e8743b", "#ec8f3c", "#f0a83e", "#e56b4a", "#ea8358")


class _Node:
    def __init__(self) -> None:
        self.value, self.children = 0.0, dict[str, _Node]()


def flame_graph(stacks: Mapping[tuple[str, ...], float], unit: str, title: str) -> str:
    """The drawing.

    Parameters
    ----------
    stacks : the outermost call first, and how much each whole stack has
    unit : of these numbers, for the texts that show where one points
    """
    root, depth = _Node(), 1
    for stack, value in stacks.items():
        node = root
        node.value += value
        depth = max(depth, len(stack) + 1)
        for name in stack:
            node = node.children.setdefault(name, _Node())
            node.value += value
    height = (depth + 2) * ROW
    boxes: list[str] = []
    if root.value > 0:
        boxes += _drawn(root, height, unit)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
        f'font-size="11"><text x="4" y="13">{_text(title)}</text>\n' + "\n".join(boxes) + "\n</svg>\n"
    )


def _drawn(root: _Node, height: int, unit: str) -> Iterator[str]:
    scale = WIDTH / root.value
    left: list[tuple[str, _Node, float, int]] = [("all", root, 0.0, 0)]
    while left:  # stacks are deeper than Python lets functions call themselves
        name, node, x, level = left.pop()
        width = node.value * scale
        if width < LEAST:
            continue
        y = height - (level + 1) * ROW
        shown = name if len(name) * 6.7 < width - 4 else name[: max(0, int((width - 4) / 6.7) - 1)]
        color = _COLORS[sum(map(ord, name)) % len(_COLORS)]
        yield (
            f"<g><title>{_text(name)}: {node.value:,.4g} {unit}, {100 * node.value / root.value:.1f} %</title>"
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="{color}"/>'
            f'<text x="{x + 2:.1f}" y="{y + 13}">{_text(shown)}</text></g>'
        )
        for child, each in sorted(node.children.items(), key=lambda item: -item[1].value):
            left.append((child, each, x, level + 1))
            x += each.value * scale


def _text(name: str) -> str:
    """As XML has it: it has neither control characters nor halves of surrogate pairs, as of names of files."""
    return escape("".join(each if each.isprintable() else "?" for each in name))
