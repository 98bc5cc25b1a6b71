"""The demo's page: one HTML file that loads nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import chart, table

if TYPE_CHECKING:
    from . import Report
    from .measurement import Measurement, Timing

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfbfa; --ink: #1b1f24; --soft: #646b75; --line: #e2e4e8; --card: #ffffff;
  --lightgbm: #2a8c62; --xgboost: #2f6fc9; --sklearn: #d97a1e; --good: #1f7a4d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --ink: #e8eaed; --soft: #9aa3ae; --line: #2d333b; --card: #1b1f25;
  --lightgbm: #4cb98a; --xgboost: #6aa2f0; --sklearn: #f0a04f; --good: #5cc593; --bad: #f2857d; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif }
main { max-width: 1120px; margin: 0 auto; padding: 44px 28px 60px }
h1 { font-size: 33px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -.015em }
h2 { font-size: 19px; margin: 0 0 2px }
p { margin: 0 0 10px } .lead { font-size: 18px; color: var(--soft); max-width: 44em }
.soft { color: var(--soft); font-size: 14px }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 22px 24px; margin-top: 24px }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px; margin-top: 24px }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px }
.tile b { display: block; font-size: 28px; line-height: 1.2; letter-spacing: -.01em }
.tile span { color: var(--soft); font-size: 14px }
.key { display: flex; flex-wrap: wrap; gap: 18px; margin: 6px 0 14px; font-size: 14px; color: var(--soft) }
.key i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px }
svg { width: 100%; height: auto; display: block; font-family: inherit }
svg .name { font-size: 13px; font-weight: 600; fill: var(--ink) } svg .detail { font-size: 11.5px; fill: var(--soft) }
svg .value { font-size: 15px; font-weight: 700; fill: var(--ink) }
svg .grid { stroke: var(--line) } svg .once { stroke: var(--soft); stroke-dasharray: 3 3 }
svg .spread { stroke: var(--ink); stroke-opacity: .55; stroke-width: 1.5 }
.lightgbm { fill: var(--lightgbm); background: var(--lightgbm) }
.xgboost { fill: var(--xgboost); background: var(--xgboost) }
.sklearn { fill: var(--sklearn); background: var(--sklearn) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums }
th, td { padding: 8px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--soft); font-weight: 600; font-size: 13px; vertical-align: bottom }
td small { color: var(--soft); display: block }
th:first-child, td:first-child, td.text { text-align: left }
td:first-child, td.text { white-space: normal; min-width: 15em }
.good { color: var(--good); font-weight: 600 } .bad { color: var(--bad); font-weight: 600 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 12px 0 0; font-size: 14px }
dt { color: var(--soft) } dd { margin: 0 } ul { margin: 8px 0 0; padding-left: 20px; font-size: 14px }
"""

CLASSES = {"LightGBM": "lightgbm", "XGBoost": "xgboost", "scikit-learn": "sklearn"}


def render(report: Report) -> str:
    """The whole page."""
    machine = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in report.machine.items())
    sentences = "".join(f"<li>{escape(line)}</li>" for line in table.legend(report))
    body = f"""
<h1>Same bits, sooner</h1>
<p class="lead">Models trained just now with LightGBM, XGBoost and scikit-learn, compiled by perfcore, held against
their source bit by bit, and timed against it.</p>
{_tiles(report)}
<section><h2>Many rows: times as fast as the source</h2>
<p class="soft">Time a row in one call over many rows, one thread on both sides.</p>{_key(report)}
{_chart(report, "many_rows")}</section>
<section><h2>One row: times as fast as the source</h2>
<p class="soft">Time of a whole call with one row, one thread on both sides.</p>{_key(report)}
{_chart(report, "one_row")}</section>
<section><h2>All numbers</h2><div class="scroll">{_table(report)}</div></section>
{_story(report)}
<section><h2>How it was measured</h2><ul>{sentences}
<li>Bars are medians; the line upon a bar spans the middle half of the rounds.</li></ul>
<dl>{machine}</dl></section>"""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>perfcore demo</title>'
        f"<style>{STYLE}</style></head><body><main>{body}\n</main></body></html>\n"
    )


def _story(report: Report) -> str:
    if report.story is None:
        return ""
    told = "".join(f"<li>{escape(line)}</li>" for line in table.story_lines(report.story))
    return f"<section><h2>Boat races, streamed</h2><ul>{told}</ul></section>"


def _timed(report: Report) -> list[Measurement]:
    return [each for each in report.measurements if each.problem is None]


def _tiles(report: Report) -> str:
    timed, refused = _timed(report), sum(each.refused for each in report.measurements)
    untrained = sum(each.untrained for each in report.measurements)
    answering = len(report.measurements) - refused - untrained
    wrong = answering - len(timed)
    tiles = [
        (
            f"{len(timed)} of {answering}",
            "models answer with the same bits, live and from file",
        )
    ]
    for what, name in (("many rows", "many_rows"), ("one row", "one_row")):
        ratios = sorted(getattr(each, name).ratio.median for each in timed)
        if ratios:
            tiles.append(
                (f"{_number(ratios[0])} to {_number(ratios[-1])} ×", f"as fast as the source, {what}, one thread")
            )
    if refused:
        tiles.append((str(refused), "refused, for they cannot be answered exactly"))
    if untrained:
        tiles.append((str(untrained), "not trained, for their framework failed"))
    kind = ' class="bad"' if wrong else ""
    shown = [f"<div class=tile><b{kind if not i else ''}>{escape(a)}</b><span>{escape(b)}</span></div>"
             for i, (a, b) in enumerate(tiles)]  # fmt: skip
    return f'<div class="tiles">{"".join(shown)}</div>'


def _number(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}"


def _key(report: Report) -> str:
    used = [name for name in CLASSES if name in {each.framework for each in report.measurements}]
    return '<div class="key">' + "".join(f'<span><i class="{CLASSES[n]}"></i>{n}</span>' for n in used) + "</div>"


def _chart(report: Report, name: str) -> str:
    bars = []
    for each in _timed(report):
        timing: Timing = getattr(each, name)
        seconds = f"{table.duration(timing.source)} → {table.duration(timing.perfcore)}"
        model, _, detail = each.model.partition(", ")
        detail = f"{detail}, {each.task}" if detail else each.task
        bars.append(
            chart.Bar(model, detail, CLASSES[each.framework], *timing.ratio, value=table.times(timing), seconds=seconds)
        )
    return chart.draw(bars, f"times as fast as the source, {name.replace('_', ' ')}")


def _table(report: Report) -> str:
    heads = ["model", "bits", "one row,<br>source", "perfcore", "", "many rows,<br>source", "perfcore", "",
             f"both with<br>{report.n_threads} threads"]  # fmt: skip
    rows = [f"<tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>", *map(_row, report.measurements)]
    return f"<table>{''.join(rows)}</table>"


def _row(each: Measurement) -> str:
    many = f"{each.n_rows:,} rows" if each.n_rows else ""
    details = [detail for detail in (each.task, each.method, each.shape, each.kernel, many) if detail]
    name = f"{escape(each.model)}<small>{escape(' · '.join(details))}</small>"
    if each.problem is not None:
        verdict = each.verdict if each.refused else f'<span class="bad">{each.verdict}</span>'
        return f'<tr><td>{name}</td><td class="text" colspan="8">{verdict}: {escape(each.problem)}</td></tr>'
    proof, rows = escape(each.proof), escape(each.proof.partition(":")[0])
    cells = [f'<span class="good">equal</span><small title="{proof}">{rows}</small>']
    for timing in (each.one_row, each.many_rows):
        if timing is not None:
            cells += [table.duration(timing.source), table.duration(timing.perfcore), f"<b>{table.times(timing)}</b>"]
    if each.all_threads is not None:
        cells.append(table.times(each.all_threads))
    return f"<tr><td>{name}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
